"""The learning-rate lab on a page without a kernel: every control, by keyboard and by pointer.

The oracle is Python: the lines that the page hands out under "Copy Python" are run here, and what
the page says is compared with that run.
"""

import itertools
import re
import time

import numpy
import pytest
from axe_playwright_python.sync_playwright import Axe
from live import wait_for
from pages import assert_cubic_is_drawn
from playwright.sync_api import expect

from polylab.descent import ENDS
from polylab.lab import LearningRateLab, modules
from polylab.lab.learning_rate import CHALLENGES

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The lab</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="polylab.css">
<style>body {{ margin: 8px; color: light-dark(#000, #fff); background: light-dark(#fff, #16181d);
color-scheme: light dark }}</style></head><body>
<main><h1>The lab</h1>{}</main><script defer src="polylab.js"></script></body></html>"""
COPIED = """window.copied = undefined; navigator.clipboard.writeText =
    text => { window.copied = text; return Promise.resolve() }"""
VISITS = itertools.count()  # another address each time, so that a page is loaded anew
PICTURES = ("fit", "loss", "bowl", "sweep", "factor", "swing")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Return where the page with the lab lies."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "lab.html").write_text(PAGE.format(LearningRateLab().stand_in()), encoding="utf-8")
    (folder / "polylab.css").write_text(modules.style(), encoding="utf-8")
    (folder / "polylab.js").write_text(modules.script(), encoding="utf-8")
    return (folder / "lab.html").as_uri()


def tab(context):
    """Return a new tab that remembers the errors of its page."""
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.add_init_script(f"if (navigator.clipboard) {{ {COPIED} }}")
    return page


@pytest.fixture(scope="module")
def tabs(browser, address):
    """Return two tabs: one in which pages are opened, and one with a lab that is used again."""
    tabs = tab(browser), tab(browser)
    tabs[1].goto(f"{address}#predict=no")
    return tabs


@pytest.fixture
def opened(tabs, address):
    """Return a function that opens the lab, with a part after #, on a screen of some kind."""
    page = tabs[0]

    def opened(part="predict=no", *, width=1280, height=900, **media):
        page.bring_to_front()  # a tab behind another draws once a second
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(**{"color_scheme": "light", "reduced_motion": "no-preference", **media})
        page.goto(f"{address}?{next(VISITS)}#{part}")
        return page

    yield opened
    assert page.errors == []


@pytest.fixture
def lab(tabs):
    """Return a lab as it opens, without questions."""
    page = tabs[1]
    page.bring_to_front()
    page.get_by_role("button", name="Reset").press("Enter")
    expect(page.locator(".pl-words")).to_contain_text(
        re.compile("^Nothing swings, and the run ends short of the floor: .*12.274"))
    yield page
    assert page.errors == []


@pytest.fixture
def short_lab(lab):
    """Return the lab with 100 steps, whose sweeps cost little."""
    choose(lab, "Steps", "100")
    expect(lab.locator("output")).to_have_text("step 100")
    return lab


def words(page):
    return page.locator(".pl-words").inner_text().replace("\N{NO-BREAK SPACE}", " ")


def python_run(page):
    """Run the lines that the page hands out; return the run."""
    page.evaluate(COPIED)
    # The button says "Copied" for a while; nobody needs to wait for that.
    page.get_by_role("button", name=re.compile("^(Copy Python|Copied)$")).last.press("Enter")
    namespace = {"print": lambda *_: None}
    exec(page.evaluate("window.copied"), namespace)
    return namespace["run"]


def says(page, run):
    """Check that the page says what became of this run."""
    last, floor = run.losses[-1], run.problem.floor
    ending = {"at the floor": "the run ends at the floor", "gone": "the run is gone",
              "short of it": "the run ends short of the floor"}[run.end]
    expect(page.locator(".pl-words")).to_contain_text(
        f"{'Something' if run.swings else 'Nothing'} swings, and {ending}: ")

    def the_last_loss():
        number = re.search(r"loss ([\d.,]+(?:e-?\d+)?)", words(page))
        if number is None:
            return last > 1e300 and "beyond all numbers" in words(page)
        return float(number[1].strip(",.").replace(",", "")) == pytest.approx(last, rel=1e-4)

    wait_for(the_last_loss, f"the page to say {last}")
    text = page.locator(".pl-loss svg[role=img]").get_attribute("aria-label")
    assert f"the floor is {floor:.4g}" in text


def choose(page, label, option):
    page.get_by_label(label, exact=True).select_option(label=option)


def type_rate(page, text):
    field = page.get_by_label("Learning rate, as a number")
    field.fill(text)
    field.press("Enter")
    return field


def drag(page, target, to):
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(*to, steps=6)
    page.mouse.up()


# Each control changes the run, and the page still says what Python says.


@pytest.mark.parametrize(("label", "option", "part"), [
    ("Optimiser", "momentum (heavy ball)", '"momentum", momentum=0.8'),
    ("Optimiser", "RMSprop", '"rmsprop"'), ("Optimiser", "Adam", '"adam"'),
    ("Basis", "Legendre", 'basis="legendre"'), ("Target", "exp x", "numpy.exp(x)"),
    ("Loss", "mean of squares", '"mean"'), ("Steps", "24", ", 24, "),
    ("Start", "zeros", "(0, 0, 0, 0)"), ("Start", "random", "draw_normal(4, seed=0)"),
    ("Batch", "64 points", "batch=64, seed=0"), ("Drawn", "with replacement", "replacement=True"),
    ("Schedule", "cosine", 'schedule="cosine"'), ("Schedule", "like 1/t", 'schedule="1/t"'),
])
def test_each_choice_gives_the_run_that_python_gives(short_lab, label, option, part):
    lab = short_lab
    before = words(lab)
    choose(lab, label, option)
    expect(lab.locator(".pl-words")).not_to_have_text(before)
    run = python_run(lab)
    assert part in lab.evaluate("window.copied")
    says(lab, run)


@pytest.mark.parametrize(("first", "label", "value", "wanted"), [
    (("Optimiser", "momentum (heavy ball)"), "Momentum", "0.5", "momentum=0.5"),
    (("Start", "random"), "Seed", "7", "seed=7"), (("Batch", "64 points"), "Seed", "12", "seed=12"),
    ((), "Warm-up", "100", "warmup=100"),
])
def test_each_number_gives_the_run_that_python_gives(short_lab, first, label, value, wanted):
    lab = short_lab
    if first:
        choose(lab, *first)
    field = lab.get_by_label(label, exact=True)
    field.fill(value)
    field.press("Enter")
    says(lab, python_run(lab))
    assert wanted in lab.evaluate("window.copied")
    field.fill("-3")
    field.press("Enter")
    refusal = lab.get_by_role("alert").filter(has_text=f"{label} must be")
    expect(refusal).to_be_visible()
    says(lab, python_run(lab))
    assert wanted in lab.evaluate("window.copied")


@pytest.mark.parametrize("part", ["rate=1e-6", "rate=3.3e-6", "rate=0.02&optimiser=adam",
                                  "rate=1e-6&batch=16&schedule=1/t"])
def test_the_fit_is_drawn_where_the_formula_puts_it(opened, part):
    page = opened(f"predict=no&{part}")
    run = python_run(page)
    says(page, run)
    assert_cubic_is_drawn(page.locator(".pl-fit"), run.coefficients[-1])


def test_lists_are_moved_by_keys(lab):
    field = lab.get_by_label("Optimiser", exact=True)
    field.press("ArrowDown")
    assert python_run(lab).optimiser == "momentum"
    field.press("End")
    assert python_run(lab).optimiser == "adam"


@pytest.mark.parametrize(("text", "rate"), [
    ("3e-6", 3e-6), ("3·10^-6", 3e-6), ("2,5e-6", 2.5e-6), ("3 × 10⁻⁶", 3e-6), ("3*10**-6", 3e-6),
    (".0000035579470", 3.557947e-6), ("10^-6", 1e-6), ("−2e-6", None), ("0", None), ("fast", None),
    ("", None), ("1e9", None), ("3e-6e", None), ("10^", None), ("1e-6 s", None),
])
def test_rates_are_understood_as_people_type_them_or_refused_with_a_reason(lab, text, rate):
    type_rate(lab, "2e-6")
    field = type_rate(lab, text)
    alert = lab.get_by_role("alert").first
    if rate is None:
        expect(alert).to_be_visible()
        assert len(alert.inner_text()) > 20
        assert field.get_attribute("aria-invalid") == "true"
        assert python_run(lab).rate == 2e-6
        type_rate(lab, "3e-6")
    else:
        wait_for(lambda: python_run(lab).rate == rate, f"the lab to take {text}")
    expect(alert).to_be_hidden()
    says(lab, python_run(lab))


def test_reset_takes_back_what_was_refused_too(lab):
    warmup = lab.get_by_label("Warm-up", exact=True)
    warmup.fill("-3")
    warmup.press("Enter")
    field = type_rate(lab, "fast")
    refusals = lab.get_by_role("alert").filter(visible=True)
    expect(refusals).to_have_count(2)
    lab.get_by_role("button", name="Reset").press("Enter")
    expect(refusals).to_have_count(0)
    expect(warmup).to_have_value("0")
    expect(field).to_have_value("1e-6")


def test_rate_slider_by_keys_by_pointer_and_as_it_is_spoken(lab):
    slider = lab.get_by_role("slider", name="Learning rate", exact=True)
    expect(slider).to_have_attribute("aria-valuetext", "rate ten to the minus six")
    slider.press("ArrowRight")
    rate = python_run(lab).rate
    assert 1.004e-6 < rate < 1.02e-6
    says(lab, python_run(lab))
    type_rate(lab, "3.4e-6")
    expect(slider).to_have_attribute("aria-valuetext", "rate 3.4 times ten to the minus six")
    box = slider.bounding_box()
    lab.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    run = python_run(lab)
    assert run.end == "gone"
    says(lab, run)


def test_each_answer_holds_on_a_good_part_of_the_slider(lab):
    slider = lab.get_by_role("slider", name="Learning rate", exact=True)
    low, high = (float(slider.get_attribute(name)) for name in ("min", "max"))
    run = python_run(lab)
    runs = run.problem.descend(run.start, numpy.logspace(low, high, 1000), run.steps)
    assert 0.15 < runs.swings.mean() < 0.85
    for end in ENDS:
        assert (runs.end == end).mean() > 0.15


def test_the_sweep_chooses_a_rate_by_click_drag_and_key(lab):
    handle = lab.get_by_role("slider", name="Learning rate, in the sweep")
    box = lab.locator(".pl-sweep svg[role=img]").bounding_box()
    lab.locator(".pl-sweep").scroll_into_view_if_needed()
    box = lab.locator(".pl-sweep svg[role=img]").bounding_box()
    lab.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    clicked = python_run(lab).rate
    assert 1e-5 < clicked < 1e-2
    drag(lab, handle, (box["x"] + 0.8 * box["width"], box["y"] + 20))
    dragged = python_run(lab).rate
    assert dragged > 5 * clicked
    handle.press("ArrowLeft")
    assert python_run(lab).rate == pytest.approx(dragged / 10**0.004, rel=1e-3)
    says(lab, python_run(lab))


def test_the_sweep_knows_what_every_rate_gives(opened):
    lab = opened()
    picture = lab.locator(".pl-sweep svg[role=img]")

    def best():
        found = re.search(r"plain descent ends lowest, at 8\.81\d+, with rate ([\d.e-]+\d)",
                          picture.get_attribute("aria-label"))
        return found and float(found[1])

    wait_for(lambda: 3e-6 < (best() or 0) < 3.56e-6, "the sweep")
    choose(lab, "shows", "steps to 1 %")
    expect(lab.locator(".pl-sweep .pl-ticks")).to_contain_text("steps to within 1 %")
    choose(lab, "Target", "exp x")
    wait_for(lambda: not best() and "Adam ends" in picture.get_attribute("aria-label"),
             "the sweep of another problem")
    # Where each step looks at many points, fewer rates must do.
    choose(lab, "shows", "last loss")
    choose(lab, "Drawn", "with replacement")
    for there in (False, True):
        wait_for(lambda there=there: there == ("Adam ends" in picture.get_attribute("aria-label")),
                 "the sweep by batches")
    curves = picture.locator("path[style]").evaluate_all(
        "paths => paths.map(path => path.getAttribute('d').split(/[ML]/).length - 1)")
    assert 20 < max(curves) <= 33


def test_the_start_is_dragged_and_moved_by_keys(opened):
    lab = opened()
    handle = lab.get_by_role("button", name=re.compile("^Start of the run"))
    lab.locator(".pl-bowl").scroll_into_view_if_needed()
    box = lab.locator(".pl-bowl svg[role=img]").bounding_box()
    drag(lab, handle, (box["x"] + 0.4 * box["width"], box["y"] + 0.35 * box["height"]))
    run = python_run(lab)
    slow, fast = run.amplitudes[0, 0], run.amplitudes[0, -1]
    assert -1 < slow < 0 < fast
    says(lab, run)
    handle.press("ArrowRight")
    handle.press("ArrowUp")
    again = python_run(lab)
    assert again.amplitudes[0, 0] > slow + 0.01
    assert again.amplitudes[0, -1] > fast
    says(lab, again)
    expect(lab.get_by_label("Start", exact=True).locator("option:checked")).to_have_text("your own")
    choose(lab, "up", "second")
    expect(lab.locator(".pl-bowl .pl-ticks")).to_contain_text("the second mode (λ 2,066)")


# Predict, answer, score.


@pytest.mark.parametrize("how", ["click", "keys"])
def test_predict_answer_score(opened, how):
    page = opened("")
    assert "Predict what 2,000 steps at rate 1e-6 do" in words(page)
    assert "8.8" not in page.locator(".pl-sweep svg[role=img]").get_attribute("aria-label")
    expect(page.get_by_role("button", name="▶ Play")).to_be_disabled()

    def answer(name):
        button = page.get_by_role("button", name=name, exact=True)
        button.click() if how == "click" else button.press("Space")

    answer("No")
    said = page.locator(".pl-words")
    expect(said).to_contain_text("Predict")
    answer("short of it")
    expect(said).to_contain_text("Right, both. Nothing swings, and the run ends short of the floor")
    expect(page.locator(".pl-score")).to_have_text("Score: 2 of 2")
    expect(page.locator(".pl-aloud")).to_contain_text("Right, both. Nothing swings")
    type_rate(page, "3e-6")
    expect(said).to_contain_text("Predict")
    answer("Yes")
    answer("gone")
    expect(said).to_contain_text("One of two is right. Something swings, and the run ends at the")
    expect(page.locator(".pl-score")).to_have_text("Score: 3 of 4")
    page.get_by_label("Predict first").press("Space")
    type_rate(page, "2e-6")
    says(page, python_run(page))


# Play, keep, challenges, links.


def note_steps(page):
    """Let the page keep a list of the steps that it shows from now on."""
    page.evaluate("""() => {
        const output = document.querySelector(".pl-play output");
        window.steps = [];
        new MutationObserver(() => window.steps.push(Number(output.textContent.split(" ")[1])))
            .observe(output, {childList: true});
    }""")


def test_play_shows_each_of_the_first_steps_and_survives_another_rate(opened):
    page = opened("predict=no&steps=100")
    note_steps(page)
    page.get_by_role("button", name="▶ Play").press("Enter")
    wait_for(lambda: page.locator("output").inner_text() == "step 12", "twelve steps")
    type_rate(page, "2.5e-6")
    expect(page.get_by_role("button", name="❚❚ Pause")).to_be_visible()
    expect(page.locator("output")).to_have_text("step 100")
    seen = list(dict.fromkeys(page.evaluate("window.steps")))
    assert seen[:51] == list(range(51))
    assert len(seen) < 80
    expect(page.get_by_role("button", name="▶ Play")).to_be_visible()
    step = page.get_by_role("slider", name="Step shown")
    step.press("ArrowLeft")
    expect(page.locator("output")).to_have_text("step 99")
    expect(page.locator(".pl-fit .pl-legend")).to_contain_text("fit at step 99")


def test_reduced_motion_makes_play_a_few_calm_pictures(opened):
    page = opened("predict=no&steps=4", reduced_motion="reduce")
    note_steps(page)
    begun = time.monotonic()
    page.get_by_role("button", name="▶ Play").click()
    wait_for(lambda: 4 in page.evaluate("window.steps")[1:], "the last step")
    assert time.monotonic() - begun > 3 * 0.9
    assert list(dict.fromkeys(page.evaluate("window.steps"))) == [0, 1, 2, 4]


def test_kept_runs_are_named_told_apart_and_removed(lab):
    rates = ("1e-6", "2e-6", "3e-6")
    for rate in rates:
        type_rate(lab, rate)
        lab.get_by_role("button", name="Keep this run").press("Enter")
    type_rate(lab, "3.5e-6")
    rows = lab.locator(".pl-kept tbody tr")
    expect(rows).to_have_count(3)
    for rate, row in zip(rates, rows.all(), strict=True):
        type_rate(lab, rate)
        run = python_run(lab)
        reached = f"{run.steps_to():,}" if run.steps_to() < 9999 else "—"
        assert row.inner_text().split("\t")[1:5] == [rate, "plain descent", reached,
                                                     f"{run.losses[-1]:.5g}"]
    type_rate(lab, "3.5e-6")
    styles = lab.locator(".pl-loss .pl-legend path").evaluate_all(
        "paths => paths.map(path => path.getAttribute('style'))")
    assert len(set(styles)) == 5  # floor, three kept runs, this one
    rows.nth(1).get_by_role("button").press("Enter")
    expect(rows).to_have_count(2)
    lab.get_by_role("button", name="Reset").press("Enter")
    expect(rows).to_have_count(0)


SOLVED = {
    "fewest steps": "rate=3.53e-6", "find the limit": "rate=3.56e-6",
    "make Legendre pay": "basis=legendre&rate=4.37e-4",
    "beat it with momentum": "optimiser=momentum&momentum=0.8&rate=6.388e-6",
    "RMSprop under 8.9": "optimiser=rmsprop&rate=5e-4&steps=10000",
    "live with noise": "batch=64&rate=5e-7&steps=10000",
    "let the rate fall": "batch=64&rate=3.3e-6&schedule=cosine",
}


@pytest.mark.parametrize("name", CHALLENGES)
def test_each_challenge_opens_in_place_and_is_judged(lab, opened, name):
    def place_of_the_picture():
        return lab.locator(".pl-loss svg[role=img]").evaluate("""picture => {
            const box = picture.getBoundingClientRect();
            return [box.x, box.y + scrollY, box.width, box.height];
        }""")

    before = place_of_the_picture()
    choose(lab, "Challenge", name)
    expect(lab.locator(".pl-verdict")).to_contain_text("Not yet")
    assert place_of_the_picture() == before
    solved = opened(f"predict=no&{SOLVED[name]}&challenge={name.replace(' ', '+')}")
    if name == "find the limit":
        assert "3.558e-6" not in solved.locator("body").inner_text()
        type_rate(solved, "3.55e-6")
    expect(solved.locator(".pl-verdict")).to_contain_text("Reached.")
    choose(solved, "Target", "exp x")
    expect(solved.locator(".pl-verdict")).to_contain_text("This challenge keeps target at sin x")


def test_every_challenge_of_python_is_offered(lab):
    offered = lab.get_by_label("Challenge", exact=True).locator("option").all_inner_texts()
    assert offered == ["none", *CHALLENGES] == ["none", *SOLVED]


def test_link_and_back(opened):
    page = opened("predict=no&optimiser=adam&rate=0.05&steps=500&basis=legendre&batch=64"
                  "&schedule=step&warmup=20&seed=9&start=[1,0,-0.5,0.25]&reduction=mean")
    run = python_run(page)
    assert (run.optimiser, run.rate, run.steps, run.batch, run.seed) == ("adam", 0.05, 500, 64, 9)
    type_rate(page, "0.04")
    page.evaluate(COPIED)
    page.get_by_role("button", name="Copy link").press("Enter")
    link = page.evaluate("window.copied")
    wait_for(lambda: page.evaluate("location.href") == link, "the address to hold the state")
    said, reached = words(page), python_run(page).losses[-1]
    page = opened(link.partition("#")[2])
    assert words(page) == said
    assert python_run(page).losses[-1] == reached


def test_what_an_address_cannot_mean_is_named(opened):
    page = opened("predict=no&rate=fast&steps=-1&colour=red&momentum=2")
    assert "Not understood in the address: rate=fast, steps=-1, colour=red, mom" in words(page)
    assert python_run(page).rate == 1e-6


def test_a_place_on_the_page_stays_in_the_address_until_the_lab_moves(opened):
    page = opened("the-lab")
    page.get_by_label("Predict first").uncheck()
    expect(page.locator(".pl-words")).to_contain_text("Nothing swings")
    assert "Not understood" not in words(page)
    wait_for(lambda: page.evaluate("location.hash") == "#predict=no", "the address to follow")
    page = opened("the-lab")
    page.wait_for_timeout(1000)
    assert page.evaluate("location.hash") == "#the-lab"


# For everybody.


@pytest.mark.parametrize("part", ["", "predict=no&rate=4e-6", "predict=no&optimiser=adam&rate=0.1"])
def test_axe_finds_nothing_to_report(opened, part):
    page = opened(part)
    if part:
        page.get_by_role("button", name="Keep this run").click()
        choose(page, "Challenge", "live with noise")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        assert [(scheme, one["id"], one["nodes"][0]["html"]) for one in found] == []


@pytest.mark.parametrize("width", [360, 390, 800, 1280, 1920])
def test_nothing_is_cut_off_and_the_rate_stays_in_reach(opened, width):
    page = opened("predict=no&rate=3e-6", width=width, height=800)
    page.get_by_role("button", name="Keep this run").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in PICTURES:
        picture = page.locator(f".pl-{name} svg[role=img]")
        picture.scroll_into_view_if_needed()
        box = picture.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["width"] >= 250
        assert len(picture.get_attribute("aria-label")) > 60
    slider = page.get_by_role("slider", name="Learning rate", exact=True)
    if width < 900:
        box = slider.bounding_box()
        assert 0 <= box["y"] < 60  # it has stayed at the top of the window
    else:
        page.evaluate("scrollTo(0, 0)")
        side, picture = (page.locator(it).bounding_box() for it in (".pl-ask", ".pl-loss"))
        assert picture["x"] > side["x"] + side["width"]


def test_the_lab_is_used_by_touch(browser, address):
    page = tab(browser.browser.new_context(viewport={"width": 390, "height": 844},
                                           has_touch=True, is_mobile=True))
    page.goto(f"{address}#predict=no")
    slider = page.get_by_role("slider", name="Learning rate", exact=True)
    box = slider.bounding_box()
    page.touchscreen.tap(box["x"] + 0.95 * box["width"], box["y"] + box["height"] / 2)
    says(page, python_run(page))
    assert python_run(page).end == "gone"
    assert page.errors == []
    page.context.close()
