"""The learning-rate lab in JupyterLab, used by keyboard in a real browser.

The oracles are a plain loop over the 2,000 points, what can be read off the picture, and the
same picture drawn in this process.
"""

import io
import shutil
from dataclasses import replace

import ipywidgets
import nbformat
import numpy
import pytest
from live import (
    PATIENCE,
    ROOT,
    Kernel,
    Widget,
    jupyterlab,
    open_notebook,
    pixels,
    run_all,
    wait_for,
)
from PIL import Image

from benchmarks.browser import key_presses, storm
from polylab.data import FIRST_GUESS
from polylab.lab import LearningRateLab
from polylab.lab.challenges import CHALLENGES
from polylab.lab.experiment import Experiment
from polylab.lab.run_picture import draw_run

pytestmark = pytest.mark.browser

X = numpy.linspace(-numpy.pi, numpy.pi, 2000)
ORANGE = (0xD5, 0x5E, 0x00)
LAB = "12_find_the_learning_rate.ipynb"


class Lab(Widget):
    """A widget on a page together with the kernel behind it."""

    def __init__(self, page, first_control, kernel):
        super().__init__(page, first_control)
        self.kernel = kernel


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("course") / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns(".*"))
    with jupyterlab(folder) as lab:
        yield lab


def notebook(browser, server, name):
    page = open_notebook(browser, server, name)
    run_all(page)
    kernel = Kernel(server.connection_file(name))
    cells = nbformat.read(ROOT / "notebooks" / name, as_version=4).cells
    ran = kernel.value("get_ipython().execution_count") - 1
    assert ran == sum(cell.cell_type == "code" for cell in cells)
    yield page, kernel
    kernel.close()
    page.close()


@pytest.fixture(scope="module")
def notebook_12(browser, server):
    yield from notebook(browser, server, LAB)


@pytest.fixture
def lab(notebook_12):
    """The learning-rate lab as it opens."""
    page, kernel = notebook_12
    lab = Lab(page, "Learning rate", kernel)
    kernel.value("setattr(lab, 'score', 'of the test before')")
    lab.press(lab.button("Reset"), "Enter")
    wait_for(lambda: kernel.value("lab.score") == [0, 0], "the lab to be reset")
    lab.wait_for_picture(draw_run(Experiment(), hidden=True))
    return lab


@pytest.fixture
def open_lab(lab):
    """The learning-rate lab with its first run on the screen."""
    lab.press(lab.field("Predict first"), "Space")
    lab.wait_for_picture(draw_run(Experiment()))
    return lab


def descend(rate, start=FIRST_GUESS, steps=2000):
    """Return losses and final coefficients of the loop of notebook 03."""
    powers = numpy.stack([X**0, X, X**2, X**3])
    coefficients, losses = numpy.array(start), []
    for _ in range(steps):
        error = coefficients @ powers - numpy.sin(X)
        losses.append((error**2).sum())
        coefficients = coefficients - rate * 2 * (powers @ error)
    losses.append(((coefficients @ powers - numpy.sin(X)) ** 2).sum())
    return numpy.array(losses), coefficients


def read_orange(png, panel, x_range, y_range):
    """Return x and y of what is orange in a panel, read off its pixels column by column.

    The black frame of the panel gives the scale. Of several orange pieces in a column the lowest
    counts, which is never the legend.
    """
    picture = pixels(png).astype(int)
    dark = picture.max(axis=2) < 60
    left, right = numpy.flatnonzero(dark.mean(axis=0) > 0.6).reshape(-1, 2)[panel]
    top, bottom = numpy.flatnonzero(dark.mean(axis=1) > 0.5)
    orange = abs(picture - ORANGE).sum(axis=2) < 40
    columns, rows = [], []
    for column in range(left + 2, right - 1):
        found = numpy.flatnonzero(orange[top + 1:bottom, column])
        if len(found):
            lowest = numpy.split(found, numpy.flatnonzero(numpy.diff(found) > 1) + 1)[-1]
            columns.append((column - left) / (right - left))
            rows.append(1 - (lowest.mean() + 1) / (bottom - top))
    (x_low, x_high), (y_low, y_high) = x_range, y_range
    return (x_low + (x_high - x_low) * numpy.array(columns),
            y_low + (y_high - y_low) * numpy.array(rows))


def cubic(coefficients, x):
    return coefficients @ numpy.stack([x**0, x, x**2, x**3])


def controls(widget):
    """Return the names of all parts of a widget that a learner can move or press."""
    shows = ("picture", "words", "verdict")
    return {name for name, part in vars(widget).items()
            if isinstance(part, ipywidgets.Widget) and name not in shows}


# The learning-rate lab.


def test_slider_moves_picture_words_and_trajectory_alike(open_lab):
    lab, rate = open_lab, 1.057e-6  # six notches of 0.004 decades above 1e-6
    lab.press(lab.handle("Learning rate"), "PageUp", "ArrowUp", "ArrowLeft", "ArrowRight")
    lab.wait_for_picture(draw_run(Experiment(rate=rate)))
    losses, coefficients = descend(rate)
    assert lab.kernel.value("lab.learning_rate.value") == rate
    found = lab.kernel.value("lab.trajectory.losses.tolist()")
    numpy.testing.assert_allclose(found, losses, rtol=1e-9)
    above = 100 * (losses[-1] / 8.81716541 - 1)
    assert f"Loss {losses[-1]:.5g}, {above:.3g} % above the floor" in lab.text()

    x, y = read_orange(lab.picture(), 0, (-numpy.pi, numpy.pi), (-2.5, 2.5))
    assert len(x) > 200
    numpy.testing.assert_allclose(y, cubic(coefficients, x), atol=0.047)  # two pixels

    scale = numpy.log10([8.81716541 / 2, 1e3 * losses[0]])
    steps, seen = read_orange(lab.picture(), 1, (-40, 2040), scale)
    between = (steps > 30) & (steps < 1950)  # neither the steep beginning nor the dot at the end
    assert between.sum() > 180
    drawn = numpy.log10(numpy.interp(steps, numpy.arange(2001), losses))
    numpy.testing.assert_allclose(seen[between], drawn[between], atol=0.06)

    limit = 2 / 562121.936
    rates, _ = read_orange(lab.picture(), 2, numpy.log10([limit / 300, limit * 4]), (0, 1.8))
    assert numpy.median(rates) == pytest.approx(numpy.log10(rate), abs=0.02)  # a line straight up


def test_page_shows_what_the_picture_holds(open_lab):
    """What is painted, not only what was sent: a screenshot, scaled as the page scales it."""
    shot = Image.open(io.BytesIO(open_lab.root.locator("img.widget-image").screenshot()))
    sent = Image.open(io.BytesIO(draw_run(Experiment()))).convert("RGB")
    small = (120, 40)
    seen, wanted = (numpy.asarray(image.convert("RGB").resize(small, Image.Resampling.BOX), int)
                    for image in (shot, sent))
    other = Image.open(io.BytesIO(draw_run(Experiment(), hidden=True))).convert("RGB")
    hidden = numpy.asarray(other.resize(small, Image.Resampling.BOX), int)
    assert abs(seen - wanted).mean() < 2 < abs(seen - hidden).mean()


def test_rate_is_typed_to_the_last_digit(open_lab):
    lab, rate = open_lab, 3.557947e-6
    box = lab.root.locator("input[type=text]")
    lab.press(box, "Control+A")
    lab.page.keyboard.type("3.557947e-6\n")
    lab.wait_for_picture(draw_run(Experiment(rate=rate)))
    assert lab.kernel.value("lab.learning_rate.value") == rate
    lab.press(box, "Control+A")
    lab.page.keyboard.type("fast\n")
    lab.wait_for_text("Type a number from 1e-8 to 1.")
    assert lab.kernel.value("lab.learning_rate.value") == rate


# Each control once: what is done, then what the picture must show and the words must say.


def move_rate(lab):
    lab.press(lab.handle("Learning rate"), "ArrowRight")
    return {"experiment": Experiment(rate=1.009e-6)}, "Crawls: 1 − ηλ = 0.99826 on the slowest"


def move_optimiser(lab):
    lab.choose("Optimiser", "Adam")
    adam = Experiment(optimiser="adam")
    return {"experiment": adam, "earlier": (Experiment(),)}, "Adam moves each coefficient"


def move_basis(lab):
    lab.choose("Basis", "legendre")
    legendre = Experiment(basis="legendre")
    return {"experiment": legendre, "earlier": (Experiment(),)}, "the limit here is 5e-4"


def move_momentum(lab):
    lab.choose("Optimiser", "momentum (heavy ball)")
    ball = Experiment(optimiser="momentum")
    lab.wait_for_picture(draw_run(ball, earlier=(Experiment(),)))
    lab.press(lab.handle("Momentum"), "ArrowLeft")
    slower = replace(ball, momentum=0.79)
    return {"experiment": slower, "earlier": (Experiment(),)}, "momentum 0.79 makes"


def move_steps(lab):
    lab.press(lab.handle("Steps"), "ArrowRight")
    longer = Experiment(steps=5000)
    return {"experiment": longer, "earlier": (Experiment(),)}, "within 1 % after"


def move_start(lab):
    lab.choose("Start", "zeros")
    zeros = Experiment(start="zeros")
    losses, _ = descend(1e-6, start=(0.0, 0.0, 0.0, 0.0))
    return {"experiment": zeros, "earlier": (Experiment(),)}, f"Loss {losses[-1]:.5g}"


def move_seed(lab):
    lab.choose("Start", "random")
    first = Experiment(start="random")
    lab.wait_for_picture(draw_run(first, earlier=(Experiment(),)))
    lab.press(lab.field("Seed"), "ArrowUp", "Enter")
    second = replace(first, seed=1)
    return {"experiment": second, "earlier": (Experiment(), first)}, "floor 8.817"


def move_target(lab):
    lab.choose("Target", "exp x")
    floor = numpy.polynomial.Polynomial.fit(X, numpy.exp(X), 3, full=True)[1][0].item()
    return {"experiment": Experiment(target="exp x")}, f"floor {floor:.4g}, within 1 % after"


def move_reduction(lab):
    lab.choose("Loss", "mean of squares")
    return {"experiment": Experiment(reduction="mean")}, "the limit here is 7.116e-3"


def move_predict_first(lab):
    lab.press(lab.field("Predict first"), "Space")
    return {"experiment": Experiment(), "hidden": True}, "Predict what 2,000 steps at rate 1e-6 do."


def move_prediction(lab):
    move_predict_first(lab)
    lab.wait_for_picture(draw_run(Experiment(), hidden=True))
    lab.press(lab.button("diverges"), "Space")
    return {"experiment": Experiment()}, "You said diverges: not this time. Crawls"


def move_challenge(lab):
    lab.choose("Challenge", "find the limit")
    shown = {"experiment": CHALLENGES["find the limit"].begin, "reveal_limit": False}
    return shown, "No run has diverged yet: raise the rate."


def move_step(lab):
    lab.press(lab.handle("Step"), "ArrowLeft")
    return {"experiment": Experiment(), "step": 1999}, "Shown: step 1,999"


def move_play(lab):
    lab.press(lab.play_button(), "Enter")
    lab.wait_for_text("Shown: step")
    lab.press(lab.play_button(), "Enter")
    wait_for(lambda: not lab.kernel.value("lab.play.playing"), "the animation to pause")
    step = lab.kernel.value("lab.step.value")
    return {"experiment": Experiment(), "step": step}, f"Shown: step {step:,}"


def move_keep(lab):
    lab.press(lab.button("Keep this run"), "Space")
    return {"experiment": Experiment(), "earlier": (Experiment(),)}, "Crawls"


def move_reset(lab):
    lab.press(lab.button("Reset"), "Space")
    return {"experiment": Experiment(), "hidden": True}, "Predict what"


MOVES = {
    "learning_rate": move_rate, "optimiser": move_optimiser, "momentum": move_momentum,
    "basis": move_basis, "steps": move_steps, "start": move_start, "seed": move_seed,
    "target": move_target, "reduction": move_reduction, "predict_first": move_predict_first,
    "prediction": move_prediction, "challenge": move_challenge, "step": move_step,
    "play": move_play, "keep": move_keep, "reset": move_reset,
}


def test_no_control_of_the_lab_is_forgotten():
    assert set(MOVES) == controls(LearningRateLab())


@pytest.mark.parametrize("name", MOVES)
def test_each_control_of_the_lab_changes_what_it_should(open_lab, name):
    before = open_lab.text(), open_lab.picture()
    shown, said = MOVES[name](open_lab)
    wanted = draw_run(**shown)
    assert said not in before[0] or wanted != before[1]
    open_lab.wait_for_picture(wanted)
    assert said in open_lab.text()
    assert open_lab.kernel.value("repr(lab.experiment)") == repr(shown["experiment"])


def test_predict_answer_score(lab):
    lab.press(lab.button("crawls"), "Enter")
    lab.wait_for_picture(draw_run(Experiment()))
    assert "Right. Crawls: 1 − ηλ = 0.99827" in lab.text()
    assert "Score: 1 of 1." in lab.text()
    lab.press(lab.handle("Learning rate"), *6 * ["PageUp"])  # 1e-6 times 10 ** 0.12
    faster = Experiment(rate=1.318e-6)
    lab.wait_for_picture(draw_run(faster, hidden=True))
    assert "Score" not in lab.text()
    lab.press(lab.button("converges"), "Enter")
    lab.wait_for_picture(draw_run(faster))
    assert descend(1.318e-6)[0][-1] > 1.01 * 8.81716541
    assert "You said converges: not this time. Crawls" in lab.text()
    assert "Score: 1 of 2." in lab.text()
    assert lab.kernel.value("lab.score") == [1, 2]


def test_challenge_is_judged_until_it_is_reached(open_lab):
    lab = open_lab
    lab.choose("Challenge", "make Legendre pay")
    lab.wait_for_text("Not yet. Not within 1 % after 2,000 steps")
    box = lab.root.locator("input[type=text]")
    lab.press(box, "Control+A")
    lab.page.keyboard.type("4.4e-4\n")
    lab.wait_for_text("✓ Done. Reached: within 1 % after")
    lab.wait_for_picture(draw_run(Experiment(basis="legendre", rate=4.4e-4)))


def test_play_ends_at_the_last_step_and_starts_again(open_lab):
    lab, few = open_lab, Experiment(steps=100)
    lab.press(lab.handle("Steps"), "Home")
    lab.wait_for_text("Crawls: 1 − ηλ = 0.99827 on the slowest mode, which leaves 84.1 %")
    lab.press(lab.handle("Step"), "PageDown")
    lab.wait_for_picture(draw_run(few, step=95, earlier=(Experiment(),)))
    lab.press(lab.play_button(), "Enter")  # goes on from step 95
    lab.wait_for_picture(draw_run(few, earlier=(Experiment(),)))
    wait_for(lambda: not lab.kernel.value("lab.play.playing"), "the animation to end")
    lab.press(lab.play_button(), "Enter")  # and now from the first step
    lab.wait_for_text("Shown: step")
    lab.press(lab.play_button(), "Enter")
    wait_for(lambda: not lab.kernel.value("lab.play.playing"), "the animation to pause")
    assert lab.kernel.value("lab.step.value") < 95


def test_storm_of_slider_events_ends_on_the_right_picture(open_lab):
    pictures, late = storm(open_lab.root, events=200, seconds=2.0, calm=1.0)
    rate = float(f"{1e-6 / 10 ** (200 * 0.004):.4g}")
    open_lab.wait_for_picture(draw_run(Experiment(rate=rate)))
    assert open_lab.kernel.value("lab.learning_rate.value") == rate == 1.585e-7
    assert f"Loss {descend(rate)[0][-1]:.5g}" in open_lab.text()
    assert 1 < pictures < 200
    assert late < 1000 * PATIENCE


def test_benchmark_waits_for_each_picture(open_lab):
    times = key_presses(open_lab.root, 4)
    assert len(times) == 4
    assert all(0 < time < 1000 * PATIENCE for time in times)
    open_lab.wait_for_picture(draw_run(Experiment()))  # up and down, twice
