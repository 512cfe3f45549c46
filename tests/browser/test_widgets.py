"""HandFit and Question on a page without a kernel, by keyboard and by pointer.

The oracle is the formula of the loss in NumPy, and what can be read off the drawing. What Jupyter
could break is tried in test_widgets_in_jupyter.py.
"""

import re

import numpy
import pytest
from live import wait_for
from pages import CUT_OFF, drag_to_a_quarter, drawn, stand_ins, violations, write_page
from playwright.sync_api import expect

from polylab.lab import HandFit

pytestmark = pytest.mark.browser

X = numpy.linspace(-numpy.pi, numpy.pi, 2000)
STEPS = {"a": 0.01, "b": 0.01, "c": 0.002, "d": 0.001}
HINTS = {"a": "a, lifts the curve", "b": "b, tilts the curve",
         "c": "c, bends the curve into a bowl", "d": "d, bends the two ends in opposite directions"}


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A page with HandFit and a question."""
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(f"{error}\n{error.stack}"))
    page.goto(write_page(tmp_path_factory.mktemp("page"), *stand_ins()[:2]))
    yield page
    assert errors == []
    page.close()


@pytest.fixture
def fit(page):
    """HandFit as it opens."""
    fit = page.locator(".pl-hand-fit")
    fit.get_by_role("button", name="Reset").press("Enter")
    expect(fit.locator(".pl-words")).to_contain_text("Loss 999.5,")
    return fit


@pytest.fixture
def question(page):
    """The question before an answer."""
    page.reload()
    question = page.locator(".pl-question")
    expect(question.get_by_role("status")).to_be_empty()
    return question


def loss(*coefficients):
    powers = numpy.stack([X**0, X, X**2, X**3])
    return ((coefficients @ powers - numpy.sin(X)) ** 2).sum()


def slider(fit, name):
    return fit.get_by_role("slider", name=HINTS[name])


def field(fit, name):
    return fit.get_by_label(f"{name}, as a number")


def only(name, value):
    return [value if other == name else 0 for other in "abcd"]


def shows(fit, name, value):
    """Check a value and its loss wherever the widget says them."""
    expect(field(fit, name)).to_have_value(f"{value:g}".replace("-", "−"))
    expect(slider(fit, name)).to_have_attribute(
        "aria-valuetext", f"{value:g}".replace("-", "minus "))
    wanted = loss(*only(name, value))
    words = fit.locator(".pl-words")
    expect(words).to_contain_text(re.compile(f"^Loss {wanted:,.5g}, ".replace("e+", r".*")))


@pytest.mark.parametrize("name", STEPS)
def test_every_value_is_reached_by_key(fit, name):
    step = STEPS[name]
    for keys, value in ((["ArrowRight"], step), (["ArrowUp", "ArrowLeft"], step),
                        (["PageUp"], 21 * step), (["PageDown", "ArrowDown"], 0),
                        (["PageDown"], -20 * step)):
        for key in keys:
            slider(fit, name).press(key)
        shows(fit, name, round(value, 10))
    reach = {"a": 2, "b": 2, "c": 1, "d": 0.5}[name]
    for key, value in (("End", reach), ("Home", -reach)):
        slider(fit, name).press(key)
        expect(field(fit, name)).to_have_value(f"{value:g}".replace("-", "−"))


@pytest.mark.parametrize("name", STEPS)
def test_buttons_move_by_one_step_by_pointer_and_by_key(fit, name):
    step = STEPS[name]
    more, less = (fit.get_by_role("button", name=f"{name}, {word}") for word in ("more", "less"))
    more.click()
    shows(fit, name, step)
    more.press("Enter")
    more.press("Space")
    shows(fit, name, round(3 * step, 10))
    for _ in range(4):
        less.click()
    shows(fit, name, -step)


def test_button_goes_on_while_it_is_held(fit):
    fit.get_by_role("button", name="b, more").hover()
    fit.page.mouse.down()
    wait_for(lambda: float(field(fit, "b").input_value()) >= 0.05, "five steps")
    fit.page.mouse.up()
    fit.page.wait_for_timeout(100)
    end = field(fit, "b").input_value()
    fit.page.wait_for_timeout(200)
    assert field(fit, "b").input_value() == end


def test_slider_is_dragged(fit):
    fit.page.set_viewport_size({"width": 1280, "height": 800})
    drag_to_a_quarter(slider(fit, "d"))
    expect(field(fit, "d")).not_to_have_value("0")
    fit.page.wait_for_timeout(300)
    value = float(field(fit, "d").input_value().replace("−", "-"))
    assert value == pytest.approx(-0.25, abs=0.03)
    assert value == round(value, 3)  # on a step
    shows(fit, "d", value)


@pytest.mark.parametrize(("typed", "value"), [
    ("−0.0933", -0.0933), ("-0,0933", -0.0933), ("3e-3", 0.003), ("  .25 ", 0.25)])
def test_what_is_typed_stays_as_it_was_typed(fit, typed, value):
    field(fit, "d").fill(typed)
    field(fit, "d").press("Enter")
    shows(fit, "d", value)


@pytest.mark.parametrize(("typed", "how"), [
    ("x", "typed again"), ("", "typed again"), ("0.51", "moved"), ("1.2.3", "moved"),
    ("NaN", "reset"), ("1e", "reset")])
def test_what_is_no_value_is_refused_with_a_sentence_until_there_is_one(fit, typed, how):
    field(fit, "d").fill(typed)
    field(fit, "d").press("Enter")
    refusal = fit.get_by_role("alert").filter(visible=True)
    expect(refusal).to_have_text(f"d must be a number between −0.5 and 0.5, got “{typed}”.")
    expect(field(fit, "d")).to_have_attribute("aria-invalid", "true")
    if how == "typed again":
        field(fit, "d").fill("0")
        field(fit, "d").press("Enter")
    elif how == "moved":
        slider(fit, "d").press("ArrowRight")
    else:
        fit.get_by_role("button", name="Reset").press("Enter")
    expect(refusal).to_have_count(0)
    expect(field(fit, "d")).to_have_value("0.001" if how == "moved" else "0")
    expect(field(fit, "d")).not_to_have_attribute("aria-invalid", "true")


def test_curve_that_leaves_the_picture_says_so(fit):
    field(fit, "d").fill("0.5")
    field(fit, "d").press("Enter")
    notes = fit.locator(".pl-picture .pl-label", has_text="goes on to")
    expect(notes).to_have_text(["goes on to −15.5", "goes on to 15.5"])
    slider(fit, "d").press("Home")
    expect(notes).to_have_text(["goes on to 15.5", "goes on to −15.5"])


def test_text_says_what_the_picture_shows(fit):
    field(fit, "a").fill("0.5")
    field(fit, "a").press("Enter")
    wanted = loss(0.5, 0, 0, 0)
    picture, gauge = fit.get_by_role("img").all()
    expect(picture).to_have_accessible_name(re.compile(
        rf"^Your cubic and the data\. Loss {wanted:,.5g}, .* At the left end the cubic is 0\.5"))
    expect(gauge).to_have_accessible_name(re.compile(rf"^The loss\. {wanted:,.5g}, between"))


def test_legend_names_what_is_drawn(fit):
    expect(fit.locator(".pl-legend").first.locator("li")).to_have_text(
        ["residuals (of 41 points)", "truth, sin x", "data", "your cubic"])


@pytest.mark.parametrize("way", ["click", "Enter", "Space"])
def test_question_is_answered_and_explained(question, way):
    buttons = question.get_by_role("button")
    expect(buttons).to_have_count(3)
    expect(question.get_by_role("group", name="Why did cube(5) give 8?")).to_be_visible()
    expect(question.locator("details")).to_be_hidden()
    texts = buttons.all_inner_texts()
    right = next(n for n, text in enumerate(texts) if "memory" in text)
    for place, words in ((1 - min(right, 1), "Not yet, "), (right, "Right, ")):
        button = buttons.nth(place)
        button.click() if way == "click" else button.press(way)
        expect(question.get_by_role("status")).to_contain_text(f"{words}{'ABC'[place]}.")
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(question.locator("[aria-pressed=true]")).to_have_count(1)
    expect(question.get_by_role("status")).to_contain_text("Yes: a function may read it.")
    details = question.locator("details")
    expect(details.get_by_text("Python never guesses names.")).to_be_hidden()
    details.locator("summary").press("Enter")
    expect(details.get_by_text("Python never guesses names.")).to_be_visible()


def test_no_control_of_hand_fit_is_forgotten(fit):
    controls = fit.locator("button, input, select, summary, [tabindex]")
    names = [control.get_attribute("aria-label") or control.inner_text()
             for control in controls.all()]
    wanted = [text for name in STEPS for text in
              (f"{name}, less", HINTS[name], f"{name}, more", f"{name}, as a number")]
    assert names == [*wanted, "Reset"]
    assert list(HandFit().sliders) == list(STEPS)


def test_curve_and_residuals_are_drawn_where_the_formula_puts_them(fit):
    field(fit, "b").fill("0.7")
    field(fit, "b").press("Enter")
    field(fit, "d").fill("-0.05")
    field(fit, "d").press("Enter")
    expect(fit.locator(".pl-words")).to_contain_text(f"Loss {loss(0, 0.7, 0, -0.05):.5g},")
    axes = numpy.array([[2 * numpy.pi], [6], [6]]), numpy.array([[-numpy.pi], [-3], [-3]])
    x, y, _ = axes[0] * drawn(fit, "fit") + axes[1]
    assert (x[0], x[-1]) == (pytest.approx(-numpy.pi, abs=0.01), pytest.approx(numpy.pi, abs=0.01))
    assert len(x) > 150
    numpy.testing.assert_allclose(y, 0.7 * x - 0.05 * x**3, atol=0.02)
    x, data, end = axes[0] * drawn(fit, "series-1") + axes[1]
    assert len(x) == 41
    numpy.testing.assert_allclose(data, numpy.sin(x), atol=0.02)
    numpy.testing.assert_allclose(end, 0.7 * x - 0.05 * x**3, atol=0.03)


def test_goal_is_marked_when_it_is_reached(fit):
    tilt = next(n for n in range(50, 100) if loss(0, 0.01 * n, 0, -0.093) < 20)
    expect(fit.get_by_role("status")).to_be_hidden()
    for name, value in (("d", -0.093), ("b", 0.01 * (tilt - 1))):
        field(fit, name).fill(f"{value:g}")
        field(fit, name).press("Enter")
    expect(fit.locator(".pl-words")).to_contain_text(
        f"Loss {loss(0, 0.01 * (tilt - 1), 0, -0.093):.5g}")
    expect(fit.get_by_role("status")).to_be_hidden()
    slider(fit, "b").press("ArrowRight")
    expect(fit.get_by_role("status")).to_have_text("Goal reached. The loss is under 20.")
    expect(fit.locator(".pl-words")).to_contain_text("is left to gain")
    slider(fit, "a").press("End")
    expect(fit.get_by_role("status")).to_be_hidden()


def test_no_two_widgets_share_an_id(browser, tmp_path):
    """A shared id would cut the curves of one picture to the frame of another."""
    page = browser.new_page()
    page.goto(write_page(tmp_path, *stand_ins()))
    expect(page.locator(".pl-lab .pl-words")).to_be_visible()
    ids = page.locator(".polylab [id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) >= 9  # two pictures of HandFit, six of the lab, one prompt
    assert len(set(ids)) == len(ids)
    page.close()


def test_nothing_to_report_for_accessibility(page, fit, question):
    slider(fit, "d").press("End")  # the longest sentences
    field(fit, "a").fill("x")
    field(fit, "a").press("Enter")
    question.get_by_role("button").first.click()
    question.locator("summary").click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page, ".pl-hand-fit, .pl-question") == ""
    page.emulate_media(color_scheme="light")


def test_nothing_is_cut_off(page, fit, question):
    slider(fit, "d").press("End")
    question.get_by_role("button").first.click()
    for width in (360, 390, 800, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(100)
        for widget in (fit, question):
            assert (width, widget.evaluate(CUT_OFF)) == (width, [])
    page.set_viewport_size({"width": 1280, "height": 800})
