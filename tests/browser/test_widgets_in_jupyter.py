"""The learning-rate lab in JupyterLab and in Notebook 7: what the page moves, the kernel knows.

The oracle is polylab.descent, by way of a lab in this process. test_lab.py uses the lab alone.
"""

import re

import numpy
import pytest
from live import wait_for
from pages import CUT_OFF, paint, violations
from playwright.sync_api import expect

from polylab.data import sine_samples
from polylab.lab import LearningRateLab
from polylab.polynomial import evaluate

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("host", ["jupyterlab", "notebook"], indirect=True, scope="module"),
]

LISTS = {"Optimiser": ("optimiser", "adam"), "Basis": ("basis", "legendre"),
         "Target": ("target", "|x|"), "Loss": ("reduction", "mean"), "Steps": ("steps", 100),
         "Start": ("start", "zeros"), "Batch": ("batch", 16), "Drawn": ("replacement", True),
         "Schedule": ("schedule", "cosine")}
PLAIN = LearningRateLab().settings


@pytest.fixture
def lab(host):
    """The lab as it opens."""
    lab = host.widget("lab")
    lab.get_by_role("button", name="Reset").press("Enter")
    lab.get_by_label("Predict first").check()
    host.kernel_says("lab.settings", PLAIN)
    expect(lab.locator(".pl-words")).to_contain_text("answer both questions")
    return lab


@pytest.fixture
def open_lab(lab):
    """The lab with its first run in sight."""
    lab.get_by_label("Predict first").uncheck()
    expect(lab.locator(".pl-words")).to_contain_text("Nothing swings")
    return lab


def rate(lab):
    return lab.get_by_role("slider", name="Learning rate", exact=True)


def type_into(field, text):
    field.fill(text)
    field.press("Enter")


def set_rate(lab, text):
    type_into(lab.get_by_label("Learning rate, as a number"), text)


def answer(lab, swings, end):
    lab.get_by_role("button", name="Yes" if swings else "No", exact=True).press("Space")
    lab.get_by_role("button", name=end, exact=True).click()


def points(lab, picture, colour):
    """Return the points of the last curve of a colour, as parts of the frame of its picture."""
    return numpy.array(lab.locator(f".pl-{picture} .pl-picture").evaluate("""(root, colour) => {
        const frame = root.querySelector(".pl-frame");
        const [x, y, width, height] = ["x", "y", "width", "height"].map(
            name => Number(frame.getAttribute(name)));
        const path = [...root.querySelectorAll("path[style]")].filter(
            path => path.getAttribute("style").includes(`--pl-${colour})`)).at(-1);
        return [...path.getAttribute("d").matchAll(/[ML]([-\\d.]+) ([-\\d.]+)/g)].map(
            ([, left, top]) => [(left - x) / width, 1 - (top - y) / height]);
    }""", colour))


@pytest.mark.parametrize("settings", [
    {"rate": 1e-6}, {"rate": 3.3e-6}, {"rate": 0.02, "optimiser": "adam"},
    {"rate": 1e-6, "batch": 16, "schedule": "1/t"}])
def test_picture_and_words_are_those_of_polylab_descent(host, open_lab, settings):
    lab = open_lab
    for name, label in (("optimiser", "Optimiser"), ("batch", "Batch"), ("schedule", "Schedule")):
        if name in settings:
            value = settings[name]
            lab.get_by_label(label, exact=True).select_option(
                f"{value}" if isinstance(value, int) else f'"{value}"')
    set_rate(lab, str(settings["rate"]))
    run = LearningRateLab(**settings).trajectory
    says = "Something swings" if run.swings else "Nothing swings"
    expect(lab.locator(".pl-words")).to_contain_text(says)
    expect(lab.locator(".pl-words")).to_contain_text(
        re.compile(rf"loss {float(f'{run.losses[-1]:.5g}'):g}"))
    host.kernel_says("lab.rate", settings["rate"])
    x, _ = sine_samples()
    across, up = points(lab, "fit", "fit").T
    left = -numpy.pi + 2 * numpy.pi * across
    curve = evaluate(run.coefficients[-1], left)
    inside = (up > 0.02) & (up < 0.98)
    slope, shift = numpy.polyfit(curve[inside], up[inside], 1)
    numpy.testing.assert_allclose(slope * curve[inside] + shift, up[inside], atol=0.01)
    assert x[0] == pytest.approx(left[0], abs=0.01)


@pytest.mark.parametrize("label", LISTS)
def test_every_list_is_used_by_key_and_by_pointer(host, lab, label):
    trait, value = LISTS[label]
    field = lab.get_by_label(label, exact=True)
    text = {"str": f'"{value}"', "bool": "true"}.get(type(value).__name__, f"{value}")
    before = field.input_value()
    field.select_option(text)
    host.kernel_says(f"lab.{trait}", value)
    field.focus()
    lab.page.keyboard.press("Home")
    lab.page.keyboard.press("ArrowDown")
    options = field.locator("option").evaluate_all("all => all.map(one => one.value)")
    expect(field).to_have_value(options[1])
    assert before in options


@pytest.mark.parametrize(("label", "trait", "right", "wrong"), [
    ("Momentum", "momentum", "0.5", "1"), ("Seed", "seed", "7", "1.5"),
    ("Warm-up", "warmup", "100", "-1")])
def test_every_number_is_typed_and_a_wrong_one_is_refused(host, lab, label, trait, right, wrong):
    lab.get_by_label("Optimiser", exact=True).select_option('"momentum"')
    lab.get_by_label("Start", exact=True).select_option('"random"')
    field = lab.get_by_label(re.compile(f"^{label}"))
    type_into(field, right)
    host.kernel_says(f"lab.{trait}", float(right))
    type_into(field, wrong)
    expect(lab.get_by_role("alert").filter(visible=True)).to_contain_text(f"{label} must be a")
    expect(field).to_have_attribute("aria-invalid", "true")
    host.kernel_says(f"lab.{trait}", float(right))


@pytest.mark.parametrize("typed", ["fast", "-1e-6", "0", "1e9"])
def test_other_rates_are_refused_with_a_reason(host, lab, typed):
    set_rate(lab, typed)
    expect(lab.get_by_role("alert").filter(visible=True)).not_to_be_empty()
    host.kernel_says("lab.rate", 1e-6)


def test_rate_is_moved_by_key_and_by_pointer(host, lab):
    slider = rate(lab)
    for _ in range(3):
        slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(
        r"rate 1\.0\d* times ten to the minus six"))
    box = slider.bounding_box()
    lab.page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    wait_for(lambda: float(lab.get_by_label("Learning rate, as a number").input_value()) > 2e-6,
             "a larger rate")
    shown = float(lab.get_by_label("Learning rate, as a number").input_value())
    host.kernel_says("lab.rate", shown)


def test_both_questions_are_predicted_and_scored(host, lab):
    expect(lab.get_by_role("button", name="▶ Play")).to_be_disabled()
    answer(lab, False, "short of it")  # right, both
    expect(lab.locator(".pl-score")).to_have_text("Score: 2 of 2")
    expect(lab.locator(".pl-words")).to_contain_text("Right, both. Nothing swings")
    expect(lab.locator(".pl-aloud[role=status]")).to_contain_text("Right, both.")
    host.kernel_says("lab.score", [2, 2])
    set_rate(lab, "3.4e-6")
    expect(lab.locator(".pl-words")).to_contain_text("answer both questions")
    answer(lab, True, "gone")  # one of two
    expect(lab.locator(".pl-score")).to_have_text("Score: 3 of 4")
    expect(lab.locator(".pl-words")).to_contain_text("One of two is right.")
    host.kernel_says("lab.score", [3, 4])
    host.kernel_says("lab.prediction", [True, "gone"])


def test_play_shows_every_step_of_the_first_and_survives_a_change_of_the_rate(host, open_lab):
    lab = open_lab
    lab.evaluate("""root => {
        const steps = root.seenSteps = [];
        const note = () => {
            const step = Number(root.querySelector("output").textContent.replace(/\\D/g, ""));
            if (step !== steps.at(-1)) steps.push(step);
        };
        new MutationObserver(note).observe(root.querySelector("output"),
            {childList: true, characterData: true, subtree: true});
    }""")
    lab.get_by_role("button", name="▶ Play").press("Enter")
    wait_for(lambda: 8 in lab.evaluate("root => root.seenSteps"), "step 8")
    rate(lab).press("ArrowRight")
    wait_for(lambda: lab.evaluate("root => root.seenSteps.at(-1)") > 60, "step 60")
    seen = lab.evaluate("root => root.seenSteps")
    first = seen[seen.index(0) if 0 in seen else 0:]
    assert [step for step in first if step <= 50] == list(range(first[0], 51))
    later = [step for step in seen if step > 50]
    assert max(numpy.diff(later)) > 1
    lab.get_by_role("button", name="❚❚ Pause").click()
    expect(lab.get_by_role("button", name="▶ Play")).to_be_visible()
    host.kernel_says("lab.step > 50 and lab.rate > 1e-6", True)


def test_start_is_dragged_and_moved_by_key(host, open_lab):
    lab = open_lab
    handle = lab.get_by_role("button", name=re.compile("^Start of the run"))
    handle.scroll_into_view_if_needed()
    box = handle.locator("circle").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = handle.get_attribute("aria-label")
    lab.page.mouse.move(*middle)
    lab.page.mouse.down()
    lab.page.mouse.move(middle[0] - 60, middle[1] + 40, steps=4)
    lab.page.mouse.up()
    expect(lab.get_by_label("Start", exact=True).locator("option:checked")).to_have_text("your own")
    dragged = handle.get_attribute("aria-label")
    assert dragged != before
    host.kernel_says("len(lab.start)", 4)
    handle.press("ArrowLeft")
    expect(handle).not_to_have_attribute("aria-label", dragged)
    expect(handle).to_be_focused()


def test_rate_is_chosen_in_the_sweep(host, open_lab):
    lab = open_lab
    picture = lab.locator(".pl-sweep .pl-picture")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    lab.page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"])
    expect(lab.get_by_label("Learning rate, as a number")).not_to_have_value("1e-6")
    chosen = float(lab.get_by_label("Learning rate, as a number").input_value())
    host.kernel_says("lab.rate", chosen)
    handle = lab.get_by_role("slider", name="Learning rate, in the sweep")
    handle.press("ArrowRight")
    wait_for(lambda: 1.005 < float(lab.get_by_label("Learning rate, as a number").input_value())
             / chosen < 1.02, "one notch more")


def test_runs_are_kept_named_and_removed(host, open_lab):
    lab = open_lab
    for typed in ("1e-6", "2e-6"):
        set_rate(lab, typed)
        host.kernel_says("lab.rate", float(typed))
        lab.get_by_role("button", name="Keep this run").press("Enter")
    rows = lab.locator(".pl-kept tbody tr")
    expect(rows).to_have_count(2)
    for row, kept in zip(rows.all(), (1e-6, 2e-6), strict=True):
        run = LearningRateLab(rate=kept).trajectory
        expect(row).to_contain_text(f"{run.losses[-1]:.5g}")
        if numpy.isfinite(run.steps_to()):
            expect(row).to_contain_text(f"{run.steps_to():,}")
    host.kernel_says("[run['rate'] for run in lab.kept]", [1e-6, 2e-6])
    rows.first.get_by_role("button").click()
    expect(rows).to_have_count(1)
    host.kernel_says("[run['rate'] for run in lab.kept]", [2e-6])


def test_copied_python_gives_the_same_run(host, open_lab):
    lab = open_lab
    set_rate(lab, "3e-6")
    lab.get_by_label("Basis", exact=True).select_option('"legendre"')
    lab.get_by_label("Schedule", exact=True).select_option('"step"')
    lab.evaluate("""root => { root.copied = "";
        Object.defineProperty(navigator, "clipboard", {configurable: true, value: {
            writeText: text => { root.copied = text; return Promise.resolve(); }}}); }""")
    lab.get_by_role("button", name="Copy Python").press("Enter")
    wait_for(lambda: lab.evaluate("root => root.copied"), "the copied lines")
    names = {}
    exec(lab.evaluate("root => root.copied"), names)
    run = LearningRateLab(rate=3e-6, basis="legendre", schedule="step").trajectory
    assert names["run"].losses[-1] == pytest.approx(run.losses[-1], rel=1e-12)


def test_python_moves_the_page(host, open_lab):
    host.kernel.run("lab.optimiser, lab.rate = 'momentum', 2e-6")
    lab = open_lab
    expect(lab.get_by_label("Learning rate, as a number")).to_have_value("2e-6")
    expect(lab.get_by_label("Optimiser", exact=True)).to_have_value('"momentum"')
    run = LearningRateLab(optimiser="momentum", rate=2e-6).trajectory
    expect(lab.locator(".pl-words")).to_contain_text(f"loss {run.losses[-1]:.5g}")


def test_page_moves_while_the_kernel_is_busy(host, open_lab):
    lab = open_lab
    host.kernel.start("import time; time.sleep(5)")
    set_rate(lab, "3e-6")
    run = LearningRateLab(rate=3e-6).trajectory
    expect(lab.locator(".pl-words")).to_contain_text(f"loss {run.losses[-1]:.5g}", timeout=3000)
    host.kernel_says("lab.rate", 3e-6)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_to_report_for_accessibility(host, open_lab, scheme):
    paint(host, scheme)
    open_lab.get_by_role("button", name="Keep this run").click()
    set_rate(open_lab, "fast")
    assert violations(host, "lab") == ""
    open_lab.get_by_label("Predict first").check()
    assert violations(host, "lab") == ""
    paint(host, "light")


@pytest.mark.parametrize("width", [800, 1280, 1920])
def test_nothing_is_cut_off(host, open_lab, width):
    host.page.set_viewport_size({"width": width, "height": 900})
    try:
        open_lab.get_by_role("button", name="Keep this run").click()
        host.page.wait_for_timeout(300)
        assert open_lab.evaluate(CUT_OFF) == []
    finally:
        host.page.set_viewport_size({"width": 1280, "height": 800})
