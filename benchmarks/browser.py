"""From a slider to a painted picture, in a real browser: ``interact`` against the lab.

Both sides compute the same run and draw fit and loss; the lab draws four pictures more. A picture
of ``interact`` counts as shown when the browser has decoded it, one of the lab when its paths have
changed; both when the next frame has been handed to the screen. Where there is no usual way, the
left side of a row is the target.
"""

import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import nbformat
import numpy
from nbformat.v4 import new_code_cell, new_notebook

from benchmarks.comparison import Comparison
from polylab.lab import modules
from polylab.lab.problems import facts

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "browser"), str(ROOT / "tools")]

from lab_page import write  # noqa: E402
from live import Kernel, chromium, jupyterlab  # noqa: E402
from pages import PYTHON, run, served  # noqa: E402

CELLS = {
    "interact": """\
import matplotlib.pyplot as plt
from ipywidgets import FloatLogSlider, interact

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

# In the page. `press` moves a slider by one notch, `shown` resolves when another picture than
# `before` has been painted.
TOOLS = """
    const range = root.querySelector(".pl-rate input[type=range]");
    const press = direction => {
        if (range) {
            range.value = Number(range.value) + direction * 0.004;
            range.dispatchEvent(new Event("input", {bubbles: true}));
        } else {
            root.querySelector(".noUi-handle").dispatchEvent(new KeyboardEvent(
                "keydown", {key: direction > 0 ? "ArrowRight" : "ArrowLeft", bubbles: true}));
        }
    };
    const now = () => range
        ? [...root.querySelectorAll(".pl-fit path, .pl-loss path, .pl-sweep path")].map(
            path => path.getAttribute("d")).join()
        : root.querySelector("img")?.src;
    const frame = () => new Promise(requestAnimationFrame);
    const painted = () => new Promise(go => {
        const channel = new MessageChannel();
        channel.port1.onmessage = go;
        requestAnimationFrame(() => channel.port2.postMessage(0));
    });
    const shown = async (before, end = Infinity) => {
        while (performance.now() < end) {
            await frame();
            const picture = now();
            if (!picture || picture === before) continue;
            if (range) {
                const channel = new MessageChannel();
                await new Promise(go => {
                    channel.port1.onmessage = go;
                    channel.port2.postMessage(0);
                });
            } else {
                try { await root.querySelector("img").decode(); } catch (replaced) { continue; }
                await painted();
            }
            return picture;
        }
        return before;
    };
    const pause = ms => new Promise(go => setTimeout(go, ms));
"""
ONE_BY_ONE = "async (root, {count, rest}) => {" + TOOLS + """
    const times = [];
    for (let i = 0; i < count; i++) {
        const before = now(), start = performance.now();
        press(i % 2 ? -1 : 1);
        await shown(before);
        times.push(performance.now() - start);
        await pause(rest);
    }
    return times;
}"""
STORM = "async (root, {count, milliseconds, calm}) => {" + TOOLS + """
    const shownAt = [], start = performance.now();
    let picture = now(), sent = 0, last = 0;
    const over = () => sent === count && performance.now() > last + calm &&
        performance.now() > (shownAt.at(-1) ?? 0) + calm;
    const watching = (async () => {
        while (!over()) {
            const next = await shown(picture, performance.now() + 100);
            if (next !== picture) shownAt.push(performance.now());
            picture = next;
        }
    })();
    while (sent < count) {
        for (; sent < (performance.now() - start) / milliseconds * count && sent < count; sent++) {
            press(sent < count / 2 ? -1 : 1);
            last = performance.now();
        }
        await pause(1);
    }
    await watching;
    return {pictures: shownAt.length, late: shownAt.at(-1) - last};
}"""
# The longest time between two frames while the sweep of every optimiser is computed anew.
SWEEP = """async root => {
    const frame = () => new Promise(requestAnimationFrame);
    const field = [...root.querySelectorAll("input[type=number]")][0];
    const optimiser = root.querySelector(".pl-choices-of-run select");
    optimiser.value = '"momentum"';
    optimiser.dispatchEvent(new Event("change"));
    let longest = 0;
    for (let i = 0; i < 5; i++) {
        field.value = String(0.5 + i / 20);
        field.dispatchEvent(new Event("change"));
        let before = await frame();
        for (const end = performance.now() + 1000; performance.now() < end;) {
            const next = await frame();
            longest = Math.max(longest, next - before);
            before = next;
        }
    }
    return longest;
}"""
STEPS = """async ([facts, optimiser, rate]) => {
    const { descend, problemOf, startOf } = await import("./static/descent.js");
    const settings = { rate, optimiser, momentum: 0.8, basis: "powers", steps: 2000,
        start: "common", seed: 0, target: "sin x", reduction: "sum", batch: facts.points,
        replacement: false, schedule: "constant", warmup: 0 };
    const problem = problemOf(facts, settings), start = startOf(facts, settings);
    const times = [];
    for (let i = 0; i < 60; i++) {
        const begun = performance.now();
        for (let k = 0; k < 5; k++) descend(problem, settings, start);
        times.push((performance.now() - begun) / 5);
    }
    return times.sort((a, b) => a - b)[30];
}"""


def comparisons(changes=40, events=200, seconds=2.0):
    """Yield the comparisons of this group.

    Parameters
    ----------
    changes : int
        How many slider events are measured, one at a time, up and down in turns; a multiple of 8.
    events : int
        How many slider events come one after the other, without waiting for a picture.
    seconds : float
        How long these events take together.
    """
    with tempfile.TemporaryDirectory() as name, chromium(shutil.which("chromium")) as browser:
        folder = Path(name)
        for title, cell in CELLS.items():
            notebook = new_notebook(cells=[new_code_cell(cell)], metadata=PYTHON)
            nbformat.write(notebook, folder / f"{title}.ipynb")
        write(folder / "app")
        shutil.copytree(modules.STATIC, folder / "app" / "static")
        with jupyterlab(folder) as server, served(folder / "app") as address:
            outputs = {}
            for title in CELLS:
                page = browser.new_page()
                page.goto(f"{server.address}/lab/workspaces/{title}/tree/{title}.ipynb"
                          "?token=polylab")
                page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
                connection = server.connection_file(f"{title}.ipynb")
                run(page)
                outputs[title] = page.locator(".jp-OutputArea").first
                outputs[title].locator(".pl-lab, img").first.wait_for()
            kernel = Kernel(connection)  # that of the lab, the last one
            yield from _static(browser, address, outputs)
            yield from _one_by_one(outputs, kernel, changes)
            yield from _at_once(outputs, events, seconds)
            kernel.close()


def _static(browser, address, outputs):
    page = browser.new_page()
    loaded = []
    page.on("response", lambda answer: loaded.append((answer.url, len(answer.body()))))
    page.goto(address)
    root = page.locator(".pl-lab")
    root.wait_for()
    usable = page.evaluate("performance.now()")
    strange = [url for url, _ in loaded if not url.startswith(address)]
    if strange:
        raise RuntimeError(f"the page asks other hosts for {strange}")
    yield Comparison("all that the static page loads, of one host", "target", "lab page", 200,
                     sum(size for _, size in loaded) / 1000, unit="kB")
    yield Comparison("static page usable after", "target", "lab page", 1000, usable)
    for optimiser, rate, target in (("sgd", 1e-6, 2), ("adam", 1e-3, 5)):
        yield Comparison(f"2,000 steps of {optimiser} in the page", "target", "descent.js",
                         target, page.evaluate(STEPS, [facts(), optimiser, rate]))
    root.get_by_label("Predict first").uncheck()
    outputs["page"] = root
    yield Comparison("longest frame during sweeps of 400 rates", "target", "lab page", 50,
                     root.evaluate(SWEEP))
    root.get_by_role("button", name="Reset").click()


def _one_by_one(outputs, kernel, changes):
    times = {name: [] for name in outputs}
    for _ in range(4):  # in turns, so that a slow moment of the machine falls on all
        for name, output in outputs.items():
            times[name] += one_by_one(output, changes // 4)
    kernel.start("import time; time.sleep(10)")
    asleep = one_by_one(outputs["lab"], min(changes, 30))
    for ours, its in (("lab in JupyterLab", times["lab"]), ("lab, kernel asleep", asleep),
                      ("lab page", times["page"])):
        for work, pick in (("median", statistics.median),
                           ("95 %", lambda values: float(numpy.percentile(values, 95)))):
            yield Comparison(f"slider to painted picture, {work} of {len(its)}",
                             "interact", ours, pick(times["interact"]), pick(its))


def _at_once(outputs, events, seconds):
    usual_pictures, usual_late = storm(outputs["interact"], events, seconds)
    for name, ours in (("lab", "lab in JupyterLab"), ("page", "lab page")):
        pictures, late = storm(outputs[name], events, seconds)
        yield Comparison(f"{events} events in {seconds:g} s, last one to its picture",
                         "interact", ours, usual_late, late)
        yield Comparison(f"{events} events in {seconds:g} s, time per picture",
                         f"interact, {usual_pictures} shown", f"{ours}, {pictures}",
                         1000 * seconds / usual_pictures, 1000 * seconds / pictures)


def one_by_one(output, count, rest=100):
    """Move the slider of an output up and down; return the ms until each picture."""
    output.page.bring_to_front()
    return output.evaluate(ONE_BY_ONE, {"count": count, "rest": rest})


def storm(output, events, seconds, calm=2.0):
    """Move the slider of an output down and up again without waiting for pictures.

    Up alone would be unfair: far above the limit a picture of ``interact`` does not change any
    more; down alone would meet the end of the lab's slider.

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
