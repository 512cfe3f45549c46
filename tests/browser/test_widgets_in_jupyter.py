"""The widgets in JupyterLab and in Notebook 7: what a host can break, and what the kernel knows.

What a widget does by itself is proven on a page alone, by test_widgets.py and test_lab.py: it is
the same code. Here is tried what comes from outside: keys and clicks that the host wants too, its
styles and themes, the state in the kernel, a kernel that is busy or gone. Notebook 7 is put
together from parts of JupyterLab; what goes through these parts alone is tried in JupyterLab.

The oracle is polylab, by way of widgets in this process.
"""

import re

import numpy
import pytest
from live import wait_for
from pages import CUT_OFF, assert_cubic_is_drawn, drag_to_a_quarter, paint, run, violations
from playwright.sync_api import expect

from polylab.lab import LearningRateLab

pytestmark = pytest.mark.browser
in_both = pytest.mark.parametrize("host", ["jupyterlab", "notebook"], indirect=True, scope="module")
in_jupyterlab = pytest.mark.parametrize("host", ["jupyterlab"], indirect=True, scope="module")

LISTS = {"Optimiser": ("optimiser", "adam"), "Basis": ("basis", "legendre"),
         "Target": ("target", "|x|"), "Loss": ("reduction", "mean"), "Steps": ("steps", 100),
         "Start": ("start", "zeros"), "Batch": ("batch", 16), "Drawn": ("replacement", True),
         "Schedule": ("schedule", "cosine")}
PLAIN = LearningRateLab().settings
KINDS = ("hand-fit", "question", "lab")


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
    host.kernel.run("question.choice = None")
    question = host.widget("question")
    expect(question.get_by_role("status")).to_be_empty()
    return question


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


def slider(fit, name):
    return fit.get_by_role("slider", name=re.compile(f"^{name}, "))


def field(fit, name):
    return fit.get_by_label(f"{name}, as a number")


def rate(lab):
    return lab.get_by_label("Learning rate, as a number")


def write(widget, field, text):
    """Type a text, key by key, as a learner does."""
    field.select_text()
    widget.page.keyboard.type(text)
    widget.page.keyboard.press("Enter")


def says(lab, **settings):
    """Check that the lab says how the run with these settings ends."""
    run = LearningRateLab(**settings).trajectory
    expect(lab.locator(".pl-words")).to_contain_text(
        "Something swings" if run.swings else "Nothing swings")
    expect(lab.locator(".pl-words")).to_contain_text(f"loss {float(f'{run.losses[-1]:.5g}'):g}")
    return run


# Keys and clicks, which Jupyter wants too.


@in_both
def test_sliders_are_moved_by_every_key(host, fit):
    for key, value in (("ArrowRight", "0.01"), ("ArrowUp", "0.02"), ("ArrowLeft", "0.01"),
                       ("PageUp", "0.21"), ("PageDown", "0.01"), ("ArrowDown", "0"),
                       ("End", "2"), ("Home", "−2")):
        slider(fit, "a").press(key)
        expect(field(fit, "a")).to_have_value(value)
    for name, key in (("b", "PageUp"), ("c", "ArrowRight"), ("d", "ArrowLeft")):
        slider(fit, name).press(key)
    host.kernel_says("fit.coefficients", [-2, 0.2, 0.002, -0.001])


@in_both
def test_buttons_are_pressed_by_pointer_and_by_key(host, fit):
    more, less = (fit.get_by_role("button", name=f"b, {word}") for word in ("more", "less"))
    more.click()
    expect(field(fit, "b")).to_have_value("0.01")
    more.press("Enter")
    more.press("Space")
    expect(field(fit, "b")).to_have_value("0.03")
    for _ in range(4):
        less.click()
    host.kernel_says("fit.b", -0.01)


@in_jupyterlab
def test_button_goes_on_while_it_is_held(fit):
    fit.get_by_role("button", name="b, more").hover()
    fit.page.mouse.down()
    wait_for(lambda: float(field(fit, "b").input_value()) >= 0.05, "five steps")
    fit.page.mouse.up()


@in_jupyterlab
def test_slider_is_dragged(host, fit):
    drag_to_a_quarter(slider(fit, "d"))

    def is_a_quarter():
        value = float(field(fit, "d").input_value().replace("−", "-"))
        return value == pytest.approx(-0.25, abs=0.03) and host.kernel.value("fit.d") == value

    wait_for(is_a_quarter, "the slider, and the kernel after it")


@in_both
def test_widgets_keep_their_keys_to_themselves(host, fit, lab):
    """JupyterLab would take an arrow for "next cell", and d d for "delete this cell"."""
    cells = host.page.locator(".jp-Cell").count()
    for key in ("d", "d", "ArrowDown", "b", "Escape", "d", "d"):
        slider(fit, "a").press(key)
    expect(slider(fit, "a")).to_be_focused()
    for widget, place, trait, before in ((fit, field(fit, "d"), "fit.d", 0),
                                         (lab, rate(lab), "lab.rate", 1e-6)):
        write(widget, place, "dd")
        expect(widget.get_by_role("alert").filter(visible=True)).to_contain_text("dd")
        expect(place).to_have_attribute("aria-invalid", "true")
        host.kernel_says(trait, before)
    write(fit, field(fit, "d"), "-0,0933")
    host.kernel_says("fit.d", -0.0933)
    write(lab, rate(lab), "3·10^-6")
    host.kernel_says("lab.rate", 3e-6)
    assert host.page.locator(".jp-Cell").count() == cells


@in_both
def test_question_is_answered_by_pointer_and_by_key(host, question):
    buttons = question.get_by_role("button")
    right = next(n for n, text in enumerate(buttons.all_inner_texts()) if "memory" in text)
    for way, place in (("click", 1 - min(right, 1)), ("Space", 2 - right // 2), ("Enter", right)):
        button = buttons.nth(place)
        button.click() if way == "click" else button.press(way)
        expect(question.get_by_role("status")).to_contain_text(f", {'ABC'[place]}.")
        host.kernel_says("question.choice", "ABC"[place])
        host.kernel_says("question.correct", place == right)
    question.locator("summary").press("Enter")
    expect(question.get_by_text("Python never guesses names.")).to_be_visible()


@in_both
def test_rate_is_moved_by_key_and_by_pointer(host, lab):
    handle = lab.get_by_role("slider", name="Learning rate", exact=True)
    for _ in range(3):
        handle.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuetext", re.compile(
        r"rate 1\.0\d* times ten to the minus six"))
    box = handle.bounding_box()
    lab.page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    wait_for(lambda: float(rate(lab).input_value()) > 2e-6, "a larger rate")
    host.kernel_says("lab.rate", float(rate(lab).input_value()))


@in_jupyterlab
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


@in_jupyterlab
def test_rate_is_chosen_in_the_sweep(host, open_lab):
    lab = open_lab
    picture = lab.locator(".pl-sweep .pl-picture")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    lab.page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"])
    expect(rate(lab)).not_to_have_value("1e-6")
    chosen = float(rate(lab).input_value())
    host.kernel_says("lab.rate", chosen)
    lab.get_by_role("slider", name="Learning rate, in the sweep").press("ArrowRight")
    wait_for(lambda: 1.005 < float(rate(lab).input_value()) / chosen < 1.02, "one notch more")


# What the kernel knows.


@in_jupyterlab
def test_goal_is_known_to_the_kernel(host, fit):
    write(fit, field(fit, "b"), "0.86")
    write(fit, field(fit, "d"), "-0.093")
    expect(fit.get_by_role("status")).to_have_text("Goal reached. The loss is under 20.")
    host.kernel_says("fit.reached", True)
    slider(fit, "a").press("End")
    expect(fit.get_by_role("status")).to_be_hidden()
    host.kernel_says("fit.reached", False)


@in_jupyterlab
def test_every_list_and_every_number_is_known_to_the_kernel(host, lab):
    for label, (trait, value) in LISTS.items():
        text = {"str": f'"{value}"', "bool": "true"}.get(type(value).__name__, f"{value}")
        lab.get_by_label(label, exact=True).select_option(text)
        host.kernel_says(f"lab.{trait}", value)
    lab.get_by_label("Optimiser", exact=True).select_option('"momentum"')
    for label, trait, right, wrong in (("Momentum", "momentum", "0.5", "1"),
                                       ("Seed", "seed", "7", "1.5"),
                                       ("Warm-up", "warmup", "50", "-1")):
        number = lab.get_by_label(label, exact=True)
        write(lab, number, right)
        host.kernel_says(f"lab.{trait}", float(right))
        write(lab, number, wrong)
        expect(lab.get_by_role("alert").filter(has_text=f"{label} must be a")).to_be_visible()
        expect(number).to_have_attribute("aria-invalid", "true")
    host.kernel_says("lab.settings", {**PLAIN, **dict(LISTS.values()), "optimiser": "momentum",
                                      "momentum": 0.5, "seed": 7, "warmup": 50})


@in_both
def test_lists_are_moved_by_keys(host, lab):
    optimiser = lab.get_by_label("Optimiser", exact=True)
    optimiser.press("End")
    host.kernel_says("lab.optimiser", "adam")
    optimiser.press("Home")
    optimiser.press("ArrowDown")
    host.kernel_says("lab.optimiser", "momentum")
    expect(optimiser).to_be_focused()


@in_jupyterlab
def test_predictions_and_score_are_known_to_the_kernel(host, lab):
    def answer(swings, end):
        lab.get_by_role("button", name=swings, exact=True).press("Space")
        lab.get_by_role("button", name=end, exact=True).click()

    expect(lab.get_by_role("button", name="▶ Play")).to_be_disabled()
    answer("No", "short of it")
    expect(lab.locator(".pl-words")).to_contain_text("Right, both. Nothing swings")
    expect(lab.locator(".pl-aloud[role=status]")).to_contain_text("Right, both.")
    host.kernel_says("lab.score", [2, 2])
    write(lab, rate(lab), "3.4e-6")
    expect(lab.locator(".pl-words")).to_contain_text("answer both questions")
    answer("Yes", "gone")
    expect(lab.locator(".pl-score")).to_have_text("Score: 3 of 4")
    host.kernel_says("lab.score", [3, 4])
    host.kernel_says("lab.prediction", [True, "gone"])


@in_jupyterlab
def test_play_leaves_no_step_out_and_survives_another_rate(host, open_lab):
    lab = open_lab
    host.kernel.run("lab.step = 35")
    expect(lab.locator("output")).to_have_text("step 35")
    lab.evaluate("""root => {
        const output = root.querySelector("output");
        root.seen = [];
        new MutationObserver(() => root.seen.push(Number(output.textContent.split(" ")[1])))
            .observe(output, {childList: true});
    }""")
    lab.get_by_role("button", name="▶ Play").press("Enter")
    wait_for(lambda: 38 in lab.evaluate("root => root.seen"), "step 38")
    lab.get_by_role("slider", name="Learning rate", exact=True).press("ArrowRight")
    wait_for(lambda: lab.evaluate("root => root.seen.at(-1)") > 60, "step 60")
    lab.get_by_role("button", name="❚❚ Pause").click()
    seen = list(dict.fromkeys(lab.evaluate("root => root.seen")))
    assert seen[:16] == list(range(35, 51))
    assert max(numpy.diff(seen[15:])) > 1
    expect(lab.get_by_role("button", name="▶ Play")).to_be_visible()
    host.kernel_says("lab.step > 50 and lab.rate > 1e-6", True)


@in_jupyterlab
def test_kept_runs_are_known_to_the_kernel(host, open_lab):
    lab = open_lab
    for typed in ("1e-6", "2e-6"):
        write(lab, rate(lab), typed)
        host.kernel_says("lab.rate", float(typed))
        lab.get_by_role("button", name="Keep this run").press("Enter")
    rows = lab.locator(".pl-kept tbody tr")
    expect(rows).to_have_count(2)
    host.kernel_says("[run['rate'] for run in lab.kept]", [1e-6, 2e-6])
    rows.first.get_by_role("button").click()
    expect(rows).to_have_count(1)
    host.kernel_says("[run['rate'] for run in lab.kept]", [2e-6])


@in_jupyterlab
def test_picture_and_words_are_those_of_python_and_so_is_what_is_copied(host, open_lab):
    lab = open_lab
    lab.get_by_label("Optimiser", exact=True).select_option('"adam"')
    write(lab, rate(lab), "0.02")
    run = says(lab, optimiser="adam", rate=0.02)
    assert_cubic_is_drawn(lab.locator(".pl-fit"), run.coefficients[-1])
    lab.evaluate("""root => {
        Object.defineProperty(navigator, "clipboard", {configurable: true, value: {
            writeText: text => { root.copied = text; return Promise.resolve(); }}}); }""")
    lab.get_by_role("button", name="Copy Python").press("Enter")
    names = {}
    exec(wait_for(lambda: lab.evaluate("root => root.copied"), "the copied lines"), names)
    assert names["run"].losses[-1] == pytest.approx(run.losses[-1], rel=1e-12)


@in_both
def test_python_moves_the_page(host, fit, question, open_lab):
    host.kernel.run("fit.a, fit.d, question.choice = 0.25, -0.125, 'B'")
    expect(field(fit, "a")).to_have_value("0.25")
    expect(field(fit, "d")).to_have_value("−0.125")
    expect(fit.locator(".pl-words")).not_to_contain_text("Loss 999.5,")
    expect(question.get_by_role("status")).to_contain_text(", B.")
    host.kernel.run("lab.optimiser, lab.rate = 'momentum', 2e-6")
    expect(rate(open_lab)).to_have_value("2e-6")
    expect(open_lab.get_by_label("Optimiser", exact=True)).to_have_value('"momentum"')
    says(open_lab, optimiser="momentum", rate=2e-6)


@in_both
def test_page_moves_while_the_kernel_is_busy(host, fit, open_lab, tmp_path):
    begun, end = tmp_path / "begun", tmp_path / "end"
    host.kernel.start(f"""
import pathlib, time
pathlib.Path({str(begun)!r}).touch()
for _ in range(1200):
    if pathlib.Path({str(end)!r}).exists():
        break
    time.sleep(0.05)""")
    wait_for(begun.exists, "the kernel to be busy")
    for key, value in (("PageUp", "0.2"), ("ArrowRight", "0.21"), ("End", "2")):
        slider(fit, "b").press(key)
        expect(field(fit, "b")).to_have_value(value)
    expect(fit.locator(".pl-words")).not_to_contain_text("Loss 999.5,")
    write(open_lab, rate(open_lab), "3e-6")
    says(open_lab, rate=3e-6)
    end.touch()
    host.kernel_says("[fit.b, lab.rate]", [2, 3e-6])


@in_both
def test_cell_that_runs_again_leaves_nothing_behind(host, fit):
    def widgets_and_comms():
        return host.kernel.value("[len(__import__('ipywidgets').widgets.widget._instances), "
                                 "len(get_ipython().kernel.comm_manager.comms)]")

    before = widgets_and_comms()
    for _ in range(3):
        counts = host.kernel.value("get_ipython().execution_count")
        host.page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
        host.page.keyboard.press("Control+Enter")
        wait_for(lambda counts=counts: host.kernel.value("get_ipython().execution_count") > counts,
                 "the cell to run")
        expect(fit.locator(".pl-words")).to_contain_text("Loss 999.5,")
    assert widgets_and_comms() == before
    assert host.page.locator(".pl-hand-fit").count() == 1
    slider(fit, "a").press("End")
    host.kernel_says("fit.a", 2)


# The page around them.


@in_both
def test_no_two_widgets_share_an_id(host):
    """A shared id would cut the curves of one picture to the frame of another."""
    ids = host.page.locator(".polylab [id]").evaluate_all("all => all.map(one => one.id)")
    assert len(ids) >= 9  # two pictures of HandFit, six of the lab, one prompt
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@in_both
def test_nothing_to_report_for_accessibility(host, fit, question, open_lab, scheme):
    paint(host, scheme)
    slider(fit, "d").press("End")  # the longest sentences
    write(fit, field(fit, "a"), "x")
    question.get_by_role("button").first.click()
    question.locator("summary").click()
    open_lab.get_by_role("button", name="Keep this run").click()
    write(open_lab, rate(open_lab), "fast")
    for kind in KINDS:
        schemes = host.widget(kind).evaluate("root => getComputedStyle(root).colorScheme")
        assert schemes == scheme
    assert violations(host.page, ", ".join(f".pl-{kind}" for kind in KINDS)) == ""
    open_lab.get_by_label("Predict first").check()
    assert violations(host.page, ".pl-lab") == ""
    paint(host, "light")


@pytest.mark.parametrize("width", [800, 1280, 1920])  # below, JupyterLab itself leaves no room
@in_both
def test_nothing_is_cut_off(host, fit, question, open_lab, width):
    host.page.set_viewport_size({"width": width, "height": 900})
    try:
        slider(fit, "d").press("End")
        question.get_by_role("button").first.click()
        open_lab.get_by_role("button", name="Keep this run").click()
        expect(open_lab.locator(".pl-kept tbody tr")).to_have_count(1)
        host.page.wait_for_timeout(300)
        for kind in KINDS:
            assert host.widget(kind).evaluate(CUT_OFF) == []
    finally:
        host.page.set_viewport_size({"width": 1280, "height": 800})


@in_both
def test_kernel_is_restarted(host, fit, open_lab):
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
    write(open_lab, rate(open_lab), "3e-6")
    says(open_lab, rate=3e-6)
    run(page)
    expect(fit.locator(".pl-words")).to_contain_text("Loss 999.5,")
    expect(open_lab.locator(".pl-words")).to_contain_text("answer both questions")
    slider(fit, "a").press("End")
    write(open_lab, rate(open_lab), "2e-6")
    host.kernel_says("[fit.a, lab.rate]", [2, 2e-6])
