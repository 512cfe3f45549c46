"""From a slider to pixels, in JupyterLab in a real browser: ``interact`` against the lab.

Both pages compute the same run by ``polylab.descent``; they differ in how the picture is made.
It counts as shown when the browser has decoded it and begins the next frame.
"""

import shutil
import statistics
import tempfile
from pathlib import Path

import nbformat
import numpy
from nbformat.v4 import new_code_cell, new_notebook
from polylab.lab.experiment import Experiment
from polylab.lab.run_picture import draw_run

from benchmarks.comparison import Comparison
from tests.browser.live import Widget, chromium, jupyterlab, open_notebook, pixels, run_all

CELLS = {
    "interact": """\
import matplotlib.pyplot as plt
from ipywidgets import FloatLogSlider, Image, interact

from polylab.data import FIRST_GUESS, sine_samples
from polylab.descent import LeastSquares
from polylab.polynomial import evaluate, features

x, y = sine_samples()
problem = LeastSquares(features(x), y)


@interact(rate=FloatLogSlider(value=1e-6, min=-8, max=0, step=0.004, description="Learning rate"))
def show(rate):
    run = problem.descend(FIRST_GUESS, rate, 2000)
    fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3))
    left.plot(x, y, x, evaluate(run.coefficients[-1], x))
    left.set_ylim(-3, 3)
    right.semilogy(run.losses)
    right.set_ylim(1, 1e8)
    plt.show()""",
    "lab": """\
from polylab.lab import LearningRateLab

LearningRateLab(predict_first=False)""",
}
PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}

# In the page: `next` resolves when another picture than `before` is decoded and a frame begins.
NEXT_PICTURE = """
    const image = () => root.querySelector("img");
    const frame = () => new Promise(requestAnimationFrame);
    const shown = async before => {
        for (;;) {
            const now = image();
            if (now && now.src !== before) {
                try { await now.decode(); } catch (replaced) { continue; }
                await frame();
                return now.src;
            }
            await new Promise(go => {
                const observer = new MutationObserver(() => { observer.disconnect(); go(); });
                observer.observe(root, {subtree: true, childList: true, attributeFilter: ["src"]});
            });
        }
    };
    const press = key => root.querySelector(".noUi-handle").dispatchEvent(
        new KeyboardEvent("keydown", {key, bubbles: true}));
    const pause = ms => new Promise(go => setTimeout(go, ms));
"""
KEY_PRESSES = "async (root, {count, rest}) => {" + NEXT_PICTURE + """
    const times = [];
    for (let i = 0; i < count; i++) {
        const before = image().src, start = performance.now();
        press(i % 2 ? "ArrowLeft" : "ArrowRight");
        await shown(before);
        times.push(performance.now() - start);
        await pause(rest);
    }
    return times;
}"""
STORM = "async (root, {count, milliseconds, calm}) => {" + NEXT_PICTURE + """
    const shownAt = [], start = performance.now();
    let over = false, source = image().src;
    (async () => {
        while (!over) {
            source = await shown(source);
            shownAt.push(performance.now());
        }
    })();
    let sent = 0, last = 0;
    while (sent < count) {
        for (; sent < (performance.now() - start) / milliseconds * count && sent < count; sent++) {
            press("ArrowLeft");
            last = performance.now();
        }
        await pause(1);
    }
    for (let seen = -1; seen < shownAt.length;) {
        seen = shownAt.length;
        await pause(calm);
    }
    over = true;
    return {pictures: shownAt.length, late: shownAt.at(-1) - last};
}"""


def comparisons(changes=40, events=200, seconds=2.0):
    """Yield the comparisons of this group.

    Parameters
    ----------
    changes : int
        How many key presses are measured, one at a time, up and down in turns; a multiple of 8.
    events : int
        How many slider events come one after the other, without waiting for a picture.
    seconds : float
        How long these events take together.
    """
    with tempfile.TemporaryDirectory() as folder, chromium(shutil.which("chromium")) as browser:
        for name, cell in CELLS.items():
            notebook = new_notebook(cells=[new_code_cell(cell)], metadata=PYTHON)
            nbformat.write(notebook, Path(folder, f"{name}.ipynb"))
        with jupyterlab(folder) as server:
            pages = {}
            for name in CELLS:
                page = open_notebook(browser, server, f"{name}.ipynb")
                run_all(page, sign=".jp-OutputArea img")
                pages[name] = page.locator(".jp-OutputArea").first
            yield from _one_by_one(pages, changes)
            yield from _at_once(pages, events, seconds)


def _one_by_one(pages, changes):
    times = {name: [] for name in pages}
    for _ in range(4):  # in turns, so that a slow moment of the machine falls on both
        for name, output in pages.items():
            times[name] += key_presses(output, changes // 4)
    for work, pick in (("median", statistics.median),
                       ("95 %", lambda values: float(numpy.percentile(values, 95)))):
        yield Comparison(f"slider to pixels, {work} of {changes} key presses",
                         "interact, inline figure", "LearningRateLab",
                         pick(times["interact"]), pick(times["lab"]))


def _at_once(pages, events, seconds):
    (usual_pictures, usual_late), (our_pictures, our_late) = (
        storm(pages[name], events, seconds) for name in CELLS)
    rate = float(f"{10 ** (-6 - 0.004 * events):.4g}")
    shown = Widget(pages["lab"].page, "Learning rate").picture()
    if not numpy.array_equal(pixels(shown), pixels(draw_run(Experiment(rate=rate)))):
        raise RuntimeError(f"after {events} events the lab does not show the run at {rate}")
    yield Comparison(f"{events} slider events in {seconds:g} s, last one to its picture",
                     "interact, inline figure", "LearningRateLab", usual_late, our_late)
    yield Comparison(f"{events} slider events in {seconds:g} s, time per picture shown",
                     f"interact, {usual_pictures} pictures", f"lab, {our_pictures} pictures",
                     1000 * seconds / usual_pictures, 1000 * seconds / our_pictures)


def key_presses(output, count):
    """Move the slider of an output up and down by key; return the ms until each picture."""
    output.page.bring_to_front()
    return output.evaluate(KEY_PRESSES, {"count": count, "rest": 100})


def storm(output, events, seconds, calm=3.0):
    """Move the slider of an output down without waiting for pictures.

    Up would be unfair: far above the limit a picture of ``interact`` does not change any more.

    Returns
    -------
    pictures : int
        How many were shown.
    late : float
        Milliseconds from the last event to the last picture, after which none came for ``calm``
        seconds.
    """
    output.page.bring_to_front()
    sizes = {"count": events, "milliseconds": 1000 * seconds, "calm": 1000 * calm}
    seen = output.evaluate(STORM, sizes)
    return seen["pictures"], seen["late"]
