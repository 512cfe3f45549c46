"""The learning-rate lab on a page without a kernel: what it says, its goals, its sizes.

The oracle is Python: the lines that the page hands out under "Copy Python" are run here, and what
the page says is compared with that run.
"""

import re

import numpy
import pytest
from live import wait_for
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
COPIED = """navigator.clipboard.writeText =
    text => { window.copied = text; return Promise.resolve() }"""
PICTURES = ("fit", "loss", "bowl", "sweep", "factor", "swing")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Return where the page with the lab lies."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "lab.html").write_text(PAGE.format(LearningRateLab().stand_in()), encoding="utf-8")
    (folder / "polylab.css").write_text(modules.style(), encoding="utf-8")
    (folder / "polylab.js").write_text(modules.script(), encoding="utf-8")
    return (folder / "lab.html").as_uri()


@pytest.fixture
def opened(browser, address):
    """Return a function that opens the lab, with a part after # and some options of the browser."""
    contexts = []

    def opened(part="predict=no", **options):
        context = browser.browser.new_context(**{"viewport": {"width": 1280, "height": 900},
                                                 **options})
        context.set_default_timeout(8_000)
        contexts.append(context)
        page = context.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.add_init_script(f"if (navigator.clipboard) {COPIED}")
        page.goto(f"{address}#{part}")
        page.errors = errors
        return page

    yield opened
    for context in contexts:
        for page in context.pages:
            assert page.errors == []
        context.close()


@pytest.fixture
def lab(opened):
    return opened()


def words(page):
    return page.locator(".pl-words").inner_text().replace("\N{NO-BREAK SPACE}", " ")


def python_run(page):
    """Run the lines that the page hands out; return the run."""
    page.evaluate(COPIED)
    page.get_by_role("button", name="Copy Python").press("Enter")
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
    number = re.search(r"loss ([\d.,]+(?:e-?\d+)?)", words(page))
    if number is None:
        assert last > 1e300
        assert "beyond all numbers" in words(page)
    else:
        assert float(number[1].strip(",.").replace(",", "")) == pytest.approx(last, rel=1e-4)
    text = page.locator(".pl-loss svg[role=img]").get_attribute("aria-label")
    assert f"the floor is {floor:.4g}" in text


def choose(page, label, option):
    page.get_by_label(label, exact=True).select_option(label=option)


def type_rate(page, text):
    field = page.get_by_label("Learning rate, as a number")
    field.fill(text)
    field.press("Enter")
    return field


@pytest.mark.parametrize(("label", "option", "part"), [
    ("Optimiser", "momentum (heavy ball)", '"momentum", momentum=0.8'),
    ("Optimiser", "RMSprop", '"rmsprop"'), ("Optimiser", "Adam", '"adam"'),
    ("Basis", "Legendre", 'basis="legendre"'), ("Target", "exp x", "numpy.exp(x)"),
    ("Loss", "mean of squares", '"mean"'), ("Steps", "24", ", 24, "),
    ("Start", "zeros", "(0, 0, 0, 0)"), ("Start", "random", "draw_normal(4, seed=0)"),
    ("Batch", "64 points", "batch=64, seed=0"), ("Drawn", "with replacement", "replacement=True"),
    ("Schedule", "cosine", 'schedule="cosine"'), ("Schedule", "like 1/t", 'schedule="1/t"'),
])
def test_each_choice_gives_the_run_that_python_gives(lab, label, option, part):
    before = words(lab)
    choose(lab, label, option)
    expect(lab.locator(".pl-words")).not_to_have_text(before)
    run = python_run(lab)
    assert part in lab.evaluate("window.copied")
    says(lab, run)


def test_each_answer_holds_on_a_good_part_of_the_slider(lab):
    slider = lab.get_by_role("slider", name="Learning rate", exact=True)
    low, high = (float(slider.get_attribute(name)) for name in ("min", "max"))
    run = python_run(lab)
    runs = run.problem.descend(run.start, numpy.logspace(low, high, 1000), run.steps)
    assert 0.15 < runs.swings.mean() < 0.85
    for end in ENDS:
        assert (runs.end == end).mean() > 0.15


def test_the_sweep_knows_what_every_rate_gives(lab):
    picture = lab.locator(".pl-sweep svg[role=img]")

    def best():
        found = re.search(r"plain descent ends lowest, at 8\.81\d+, with rate ([\d.e-]+\d)",
                          picture.get_attribute("aria-label"))
        return found and float(found[1])

    assert 3e-6 < wait_for(best, "the sweep") < 3.56e-6
    choose(lab, "shows", "steps to 1 %")
    expect(lab.locator(".pl-sweep .pl-ticks")).to_contain_text("steps to within 1 %")
    choose(lab, "Target", "exp x")
    wait_for(lambda: not best() and "Adam ends" in picture.get_attribute("aria-label"),
             "the sweep of another problem")

def test_reduced_motion_makes_play_a_few_calm_pictures(opened):
    page = opened("predict=no&steps=10", reduced_motion="reduce")
    page.get_by_role("button", name="▶ Play").click()
    expect(page.locator("output")).to_have_text("step 2")
    expect(page.locator("output")).to_have_text("step 10", timeout=30_000)


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
def test_each_challenge_opens_in_place_and_is_judged(opened, name):
    page = opened()
    picture = page.locator(".pl-loss svg[role=img]")
    before = picture.bounding_box()
    choose(page, "Challenge", name)
    expect(page.locator(".pl-verdict")).to_contain_text(re.compile("Not yet"))
    assert picture.bounding_box() == before
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


def test_what_an_address_cannot_mean_is_named(opened):
    page = opened("predict=no&rate=fast&steps=-1&colour=red&momentum=2")
    assert "Not understood in the address: rate=fast, steps=-1, colour=red, mom" in words(page)
    assert python_run(page).rate == 1e-6


@pytest.mark.parametrize("width", [360, 390, 800, 1280, 1920])
def test_nothing_is_cut_off_and_the_rate_stays_in_reach(opened, width):
    page = opened("predict=no&rate=3e-6", viewport={"width": width, "height": 800})
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


def test_the_lab_is_used_by_touch(opened):
    page = opened(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    slider = page.get_by_role("slider", name="Learning rate", exact=True)
    box = slider.bounding_box()
    page.touchscreen.tap(box["x"] + 0.95 * box["width"], box["y"] + box["height"] / 2)
    says(page, python_run(page))
    assert python_run(page).end == "gone"
