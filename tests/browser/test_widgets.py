"""HandFit and Question, used by keyboard and by pointer, in JupyterLab, in Notebook 7 and alone.

The oracle is the formula of the loss in NumPy, and what can be read off the drawing.
"""

import re
import time

import numpy
import pytest
from live import wait_for
from pages import CUT_OFF, paint, run, violations
from playwright.sync_api import expect

from polylab.lab import HandFit

pytestmark = pytest.mark.browser
with_a_kernel = pytest.mark.parametrize("host", ["jupyterlab", "notebook"], indirect=True,
                                        scope="module")

X = numpy.linspace(-numpy.pi, numpy.pi, 2000)
STEPS = {"a": 0.01, "b": 0.01, "c": 0.002, "d": 0.001}
HINTS = {"a": "a, lifts the curve", "b": "b, tilts the curve",
         "c": "c, bends the curve into a bowl", "d": "d, bends the two ends in opposite directions"}


@pytest.fixture
def fit(host):
    """HandFit as it opens."""
    fit = host.widget("hand-fit")
    fit.get_by_role("button", name="Reset").press("Enter")
    expect(fit.locator(".pl-words")).to_contain_text("Loss 999.5,")
    host.kernel_says("fit.coefficients", [0, 0, 0, 0])
    return fit


@pytest.fixture
def question(host):
    """The question before an answer."""
    if host.kernel is None:
        host.page.reload()
    else:
        host.kernel.run("question.choice = None")
    question = host.widget("question")
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
def test_every_value_is_reached_by_key(host, fit, name):
    step = STEPS[name]
    for keys, value in ((["ArrowRight"], step), (["ArrowUp", "ArrowLeft"], step),
                        (["PageUp"], 21 * step), (["PageDown", "ArrowDown"], 0),
                        (["PageDown"], -20 * step)):
        for key in keys:
            slider(fit, name).press(key)
        shows(fit, name, round(value, 10))
    host.kernel_says(f"fit.{name}", round(-20 * step, 10))
    reach = {"a": 2, "b": 2, "c": 1, "d": 0.5}[name]
    for key, value in (("End", reach), ("Home", -reach)):
        slider(fit, name).press(key)
        expect(field(fit, name)).to_have_value(f"{value:g}".replace("-", "−"))
        host.kernel_says(f"fit.{name}", value)


@pytest.mark.parametrize("name", STEPS)
def test_buttons_move_by_one_step_by_pointer_and_by_key(host, fit, name):
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
    host.kernel_says(f"fit.{name}", -step)


def test_button_goes_on_while_it_is_held(fit):
    fit.get_by_role("button", name="b, more").hover()
    fit.page.mouse.down()
    wait_for(lambda: float(field(fit, "b").input_value()) >= 0.05, "five steps")
    fit.page.mouse.up()
    fit.page.wait_for_timeout(100)
    end = field(fit, "b").input_value()
    fit.page.wait_for_timeout(200)
    assert field(fit, "b").input_value() == end


def test_slider_is_dragged(host, fit):
    fit.page.set_viewport_size({"width": 1280, "height": 800})
    handle = slider(fit, "d")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    middle = box["y"] + box["height"] / 2
    fit.page.mouse.move(box["x"] + box["width"] / 2, middle)
    fit.page.mouse.down()
    fit.page.mouse.move(box["x"] + box["width"] / 4, middle, steps=5)
    fit.page.mouse.up()
    expect(field(fit, "d")).not_to_have_value("0")
    fit.page.wait_for_timeout(300)
    value = float(field(fit, "d").input_value().replace("−", "-"))
    assert value == pytest.approx(-0.25, abs=0.03)
    assert value == round(value, 3)  # on a step
    shows(fit, "d", value)
    host.kernel_says("fit.d", value)


@pytest.mark.parametrize(("typed", "value"), [
    ("−0.0933", -0.0933), ("-0,0933", -0.0933), ("3e-3", 0.003), ("  .25 ", 0.25)])
def test_what_is_typed_stays_as_it_was_typed(host, fit, typed, value):
    field(fit, "d").fill(typed)
    field(fit, "d").press("Enter")
    shows(fit, "d", value)
    host.kernel_says("fit.d", value)


@pytest.mark.parametrize("typed", ["x", "", "0.51", "1.2.3", "NaN", "1e"])
def test_what_is_no_value_is_refused_with_a_sentence(host, fit, typed):
    field(fit, "d").fill(typed)
    field(fit, "d").press("Enter")
    refusal = fit.get_by_role("alert").filter(visible=True)
    expect(refusal).to_have_text(f"d must be a number between −0.5 and 0.5, got “{typed}”.")
    expect(field(fit, "d")).to_have_attribute("aria-invalid", "true")
    host.kernel_says("fit.d", 0)
    field(fit, "d").fill("0")
    field(fit, "d").press("Enter")
    expect(refusal).to_have_count(0)
    expect(field(fit, "d")).not_to_have_attribute("aria-invalid", "true")


def path_of(fit, colour):
    """Return the points of the drawn curve of a colour, on the axes of the plot."""
    return fit.evaluate("""(root, colour) => {
        const picture = root.querySelector(".pl-picture svg");
        const frame = picture.querySelector(".pl-frame");
        const [x, y, width, height] = ["x", "y", "width", "height"].map(
            name => Number(frame.getAttribute(name)));
        const path = [...picture.querySelectorAll("path[style]")].filter(
            path => path.getAttribute("style").includes(`--pl-${colour})`)).at(-1);
        return [...path.getAttribute("d").matchAll(/([-\\d.]+) ([-\\d.]+)(?:V([-\\d.]+))?/g)].map(
            ([, left, top, end]) => [(left - x) / width * 2 * Math.PI - Math.PI,
                                     3 - 6 * (top - y) / height,
                                     end === undefined ? 0 : 3 - 6 * (end - y) / height]);
    }""", colour)


def test_curve_and_residuals_are_drawn_where_the_formula_puts_them(fit):
    field(fit, "b").fill("0.7")
    field(fit, "b").press("Enter")
    field(fit, "d").fill("-0.05")
    field(fit, "d").press("Enter")
    expect(fit.locator(".pl-words")).to_contain_text(f"Loss {loss(0, 0.7, 0, -0.05):.5g},")
    x, y, _ = numpy.array(path_of(fit, "fit")).T
    assert (x[0], x[-1]) == (pytest.approx(-numpy.pi, abs=0.01), pytest.approx(numpy.pi, abs=0.01))
    assert len(x) > 150
    numpy.testing.assert_allclose(y, 0.7 * x - 0.05 * x**3, atol=0.02)
    x, data, end = numpy.array(path_of(fit, "series-1")).T
    assert len(x) == 41
    numpy.testing.assert_allclose(data, numpy.sin(x), atol=0.02)
    numpy.testing.assert_allclose(end, 0.7 * x - 0.05 * x**3, atol=0.03)


def test_curve_that_leaves_the_picture_says_so(fit):
    field(fit, "d").fill("0.5")
    field(fit, "d").press("Enter")
    notes = fit.locator(".pl-picture .pl-label", has_text="goes on to")
    expect(notes).to_have_text(["goes on to −15.5", "goes on to 15.5"])
    slider(fit, "d").press("Home")
    expect(notes).to_have_text(["goes on to 15.5", "goes on to −15.5"])


def test_goal_is_marked_when_it_is_reached(host, fit):
    expect(fit.get_by_role("status")).to_be_hidden()
    for _ in range(43):
        slider(fit, "b").press("PageUp" if _ < 4 else "ArrowRight")
    for _ in range(93):
        slider(fit, "d").press("ArrowLeft")
    wanted = loss(0, 1.19, 0, -0.093)
    expect(fit.locator(".pl-words")).to_contain_text(f"Loss {wanted:.5g}")
    for _ in range(33):
        slider(fit, "b").press("ArrowLeft")
    expect(fit.get_by_role("status")).to_have_text("Goal reached. The loss is under 20.")
    expect(fit.locator(".pl-words")).to_contain_text("is left to gain")
    host.kernel_says("fit.reached", True)
    slider(fit, "a").press("End")
    expect(fit.get_by_role("status")).to_be_hidden()
    host.kernel_says("fit.reached", False)


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
def test_question_is_answered_and_explained(host, question, way):
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
        host.kernel_says("question.choice", "ABC"[place])
    host.kernel_says("question.correct", True)
    expect(question.get_by_role("status")).to_contain_text("Yes: a function may read it.")
    details = question.locator("details")
    expect(details.get_by_text("Python never guesses names.")).to_be_hidden()
    details.locator("summary").press("Enter")
    expect(details.get_by_text("Python never guesses names.")).to_be_visible()


def test_no_two_widgets_share_an_id(host, fit, question):
    """A shared id would cut the curves of one picture to the frame of another."""
    expect(host.widget("lab")).to_be_attached()
    ids = host.page.locator(".polylab [id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) >= 9  # two pictures of HandFit, six of the lab, one prompt
    assert len(set(ids)) == len(ids)


@with_a_kernel
def test_python_moves_the_page(host, fit, question):
    host.kernel.run("fit.a, fit.d = 0.25, -0.125")
    expect(field(fit, "a")).to_have_value("0.25")
    expect(field(fit, "d")).to_have_value("−0.125")
    expect(fit.locator(".pl-words")).to_contain_text(f"Loss {loss(0.25, 0, 0, -0.125):,.5g},")
    host.kernel.run("question.choice = 'B'")
    expect(question.get_by_role("status")).to_contain_text(", B.")


@with_a_kernel
def test_widget_keeps_its_keys_to_itself(host, fit):
    """JupyterLab would take an arrow for "next cell", and d d for "delete this cell"."""
    cells = host.page.locator(".jp-Cell").count()
    for key in ("d", "d", "ArrowDown", "b", "Escape", "d", "d"):
        slider(fit, "a").press(key)
    assert host.page.locator(".jp-Cell").count() == cells
    expect(slider(fit, "a")).to_be_focused()


@with_a_kernel
def test_cell_that_runs_again_leaves_nothing_behind(host, fit):
    count = "len(__import__('ipywidgets').widgets.widget._instances)"
    before = host.kernel.value(count)
    comms = host.kernel.value("len(get_ipython().kernel.comm_manager.comms)")
    for _ in range(3):
        rerun_fit(host)
    assert host.kernel.value(count) == before
    assert host.kernel.value("len(get_ipython().kernel.comm_manager.comms)") == comms
    assert host.page.locator(".pl-hand-fit").count() == 1
    slider(fit, "a").press("End")
    host.kernel_says("fit.a", 2)


def rerun_fit(host):
    """Run the cell of HandFit once more, as a learner does."""
    counts = host.kernel.value("get_ipython().execution_count")
    host.page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    host.page.keyboard.press("Control+Enter")
    wait_for(lambda: host.kernel.value("get_ipython().execution_count") > counts, "the cell to run")
    expect(host.widget("hand-fit").locator(".pl-words")).to_contain_text("Loss 999.5,")


def test_no_control_of_hand_fit_is_forgotten(fit):
    controls = fit.locator("button, input, select, summary, [tabindex]")
    names = [control.get_attribute("aria-label") or control.inner_text()
             for control in controls.all()]
    wanted = [text for name in STEPS for text in
              (f"{name}, less", HINTS[name], f"{name}, more", f"{name}, as a number")]
    assert names == [*wanted, "Reset"]
    assert list(HandFit().sliders) == list(STEPS)


@with_a_kernel
def test_page_moves_while_the_kernel_is_busy(host, fit):
    host.kernel.start("import time; time.sleep(5)")
    begun = time.monotonic()
    for key, value in (("PageUp", "0.2"), ("ArrowRight", "0.21"), ("End", "2")):
        slider(fit, "b").press(key)
        expect(field(fit, "b")).to_have_value(value)
        expect(fit.locator(".pl-words")).to_contain_text(
            f"Loss {loss(0, float(value), 0, 0):,.5g},")
    assert time.monotonic() - begun < 5
    host.kernel_says("fit.b", 2)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_to_report_for_accessibility(host, fit, question, scheme):
    paint(host, scheme)
    slider(fit, "d").press("End")  # the longest sentences
    field(fit, "a").fill("x")
    field(fit, "a").press("Enter")
    question.get_by_role("button").first.click()
    question.locator("summary").click()
    for kind in ("hand-fit", "question"):
        assert host.widget(kind).evaluate("root => getComputedStyle(root).colorScheme") == scheme \
            or host.kernel is None
        assert violations(host, kind) == ""
    field(fit, "a").fill("0")
    field(fit, "a").press("Enter")
    paint(host, "light")


@pytest.mark.parametrize("width", [360, 390, 800, 1280, 1920])
def test_nothing_is_cut_off(host, fit, question, width):
    if host.kernel is not None and width < 800:
        return  # JupyterLab itself leaves no room for a notebook there
    host.page.set_viewport_size({"width": width, "height": 800})
    try:
        slider(fit, "d").press("End")
        question.get_by_role("button").first.click()
        host.page.wait_for_timeout(100)
        for kind in ("hand-fit", "question"):
            assert host.widget(kind).evaluate(CUT_OFF) == []
    finally:
        host.page.set_viewport_size({"width": 1280, "height": 800})


@with_a_kernel
def test_kernel_is_restarted(host, fit):
    """The last test of a page: until the cells run again it goes on without the kernel."""
    page = host.page
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Restart Kernel… 0, 0").click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
    host.kernel.wait()
    wait_for(lambda: host.kernel.value("'fit' not in globals()"), "the kernel to forget")
    slider(fit, "a").press("End")
    expect(field(fit, "a")).to_have_value("2")
    run(page)
    expect(host.widget("hand-fit").locator(".pl-words")).to_contain_text("Loss 999.5,")
    slider(fit, "a").press("End")
    host.kernel_says("fit.a", 2)
