"""The widgets in JupyterLab, in Notebook 7, and on a page without a kernel."""

import functools
import http.server
import re
import subprocess
import sys
import threading
from contextlib import contextmanager

import nbformat
import numpy
import pytest
from axe_playwright_python.sync_playwright import Axe
from live import ROOT, Kernel, jupyterlab, wait_for
from nbformat.v4 import new_code_cell, new_notebook

from polylab.lab import HandFit, LearningRateLab, Question, modules
from polylab.polynomial import evaluate

QUESTION = """Question(
    "Why did `cube(5)` give 8?",
    right=("The name `number` was in the memory.", "Yes: a function may read it."),
    wrong=(("Python replaced the argument.", "Python never guesses names."),
           ("The cell had not been run.", "Then `cube` would be unknown.")),
)"""
CELLS = {
    "imports": "from polylab.lab import HandFit, LearningRateLab, Question",
    "fit": "fit = HandFit()\nfit",
    "question": f"question = {QUESTION}\nquestion",
    "lab": "lab = LearningRateLab()\nlab",
}
PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
HOSTS = ("jupyterlab", "notebook")


class Host:
    """A notebook in a browser, in which the widgets live.

    Attributes
    ----------
    page : playwright.sync_api.Page
        The page in the browser.
    kernel : live.Kernel
        The kernel behind the page.
    errors : list of str
        What went wrong in the code of the widgets.
    """

    def __init__(self, page, kernel):
        self.page = page
        self.kernel = kernel
        self.errors = []
        page.on("pageerror", self._hear)

    def _hear(self, error):
        # Jupyter has errors of its own; there a widget's module comes from a blob.
        if "blob:" in (error.stack or ""):
            self.errors.append(f"{error}\n{error.stack}")

    def widget(self, kind):
        """Return the element of a widget, such as ``hand-fit``."""
        return self.page.locator(f".pl-{kind}").first

    def kernel_says(self, expression, wanted):
        """Wait until the kernel gives the value that is wanted."""
        wait_for(lambda: self.kernel.value(expression) == wanted, f"{expression} to be {wanted}")


def html_page(*parts, style="polylab.css", script='<script defer src="polylab.js"></script>'):
    """Return a page with these parts in its body, that loads what makes widgets live."""
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Widgets</title>'
            f'<meta name="viewport" content="width=device-width">'
            f'<meta name="color-scheme" content="light dark">'
            f'<link rel="stylesheet" href="{style}">{script}</head><body style="font-family: '
            f'sans-serif"><main><h1>Widgets</h1>{"".join(parts)}</main></body></html>')


def write_page(folder, *parts):
    """Write a page and what it loads into a folder; return its address as a file."""
    (folder / "polylab.js").write_text(modules.script(), encoding="utf-8")
    (folder / "polylab.css").write_text(modules.style(), encoding="utf-8")
    (folder / "index.html").write_text(html_page(*parts), encoding="utf-8")
    return (folder / "index.html").as_uri()


def stand_ins():
    """Return the widgets of the test notebook, as HTML that a page can bring to life."""
    widgets = HandFit(), eval(QUESTION, {"Question": Question}), LearningRateLab()
    return [widget.stand_in() for widget in widgets]


def build_site(folder):
    """Build the site of the course as `make site` does, in a folder; fail if Sphinx warns."""
    program = ("import sys; from pathlib import Path; sys.path.insert(0, 'tools'); "
               "from build_site import build; build(Path(sys.argv[1]))")
    run = subprocess.run([sys.executable, "-c", program, str(folder)], cwd=ROOT,
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "WARNING" not in run.stderr


# True when every widget that a page has a place for is there to be used.
ALL_ALIVE = """[...document.querySelectorAll(".polylab[data-widget]")].every(
    place => "live" in place.dataset && place.querySelector("button, input"))"""


@contextmanager
def served(folder):
    """Serve a folder to this machine; yield the address."""
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def widgets_server(folder):
    """Start Jupyter on a folder that holds a notebook with the widgets for each host."""
    for name in HOSTS:
        cells = [new_code_cell(source) for source in CELLS.values()]
        notebook = new_notebook(cells=cells, metadata=PYTHON)
        nbformat.write(notebook, folder / f"{name}.ipynb")
    with jupyterlab(folder) as server:
        yield server


@contextmanager
def opened(browser, server, name):
    """Open a notebook in JupyterLab or in Notebook 7 and run it; yield the :class:`Host`."""
    file = f"{name}.ipynb"
    way = f"lab/workspaces/{name}/tree" if name == "jupyterlab" else "notebooks"
    page = browser.new_page()
    page.goto(f"{server.address}/{way}/{file}?token=polylab")
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
    connection = server.connection_file(file)
    host = Host(page, Kernel(connection))
    try:
        run(page)
        page.locator(".pl-lab").wait_for()
        yield host
    finally:
        host.kernel.close()
        page.close()


def paint(host, scheme):
    """Choose a theme, "light" or "dark", as a reader does."""
    host.page.get_by_role("menuitem", name="Settings", exact=True).click()
    host.page.locator(".lm-Menu-item", has_text="Theme").first.hover()
    wanted = re.compile(f"^JupyterLab {scheme.capitalize()}\\s*$")
    host.page.locator(".lm-Menu-item", has_text=wanted).click()
    light = "true" if scheme == "light" else "false"
    host.page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")


def violations(page, selector):
    """Return what axe-core has to report about some widgets, as text."""
    results = Axe().run(page, context=selector)
    return results.generate_report() if results.violations_count else ""


def drawn(figure, colour):
    """Return the last curve or bars of a colour in a picture, as parts of its frame.

    Returns
    -------
    numpy.ndarray
        Three rows: how far across and how far up each point is, and how far up its bar ends.
    """
    points = figure.locator(".pl-picture").first.evaluate("""(picture, colour) => {
        const frame = picture.querySelector(".pl-frame");
        const [x, y, width, height] = ["x", "y", "width", "height"].map(
            name => Number(frame.getAttribute(name)));
        const path = [...picture.querySelectorAll("path[style]")].filter(
            path => path.getAttribute("style").includes(`--pl-${colour})`)).at(-1);
        return [...path.getAttribute("d").matchAll(/([-\\d.]+) ([-\\d.]+)(?:V([-\\d.]+))?/g)].map(
            ([, left, top, end = top]) =>
                [(left - x) / width, 1 - (top - y) / height, 1 - (end - y) / height]);
    }""", colour)
    return numpy.array(points).T


def assert_cubic_is_drawn(figure, coefficients):
    """Check that the curve of the fit is a cubic on [-pi, pi], on an axis of any reach."""
    across, up, _ = drawn(figure, "fit")
    assert (across[0], across[-1]) == (pytest.approx(0, abs=0.003), pytest.approx(1, abs=0.003))
    curve = evaluate(coefficients, numpy.pi * (2 * across - 1))
    inside = (up > 0.02) & (up < 0.98)
    slope, shift = numpy.polyfit(curve[inside], up[inside], 1)
    numpy.testing.assert_allclose(slope * curve[inside] + shift, up[inside], atol=0.01)


# What stands out of a widget, or out of the picture that it belongs to, or is cut off.
CUT_OFF = """root => {
    const room = root.parentElement.getBoundingClientRect();
    const beyond = (box, frame) => box.width &&
        (box.left < frame.left - 1 || box.right > frame.right + 1);
    const up = function* (part) {
        for (; part !== root; part = part.parentElement) yield part;
    };
    const told = part => `${part.outerHTML.slice(0, 80)} in ${root.className}`;
    const parts = [...root.querySelectorAll("*")].filter(part =>
        !part.closest("svg") && beyond(part.getBoundingClientRect(), room) &&
        ![...up(part)].some(one => /auto|scroll/.test(getComputedStyle(one).overflowX)));
    const words = [...root.querySelectorAll("svg text")].filter(part => {
        const box = part.getBoundingClientRect();
        const frame = part.closest("svg").getBoundingClientRect();
        return beyond(box, frame) || box.top < frame.top - 16 || box.bottom > frame.bottom + 1;
    });
    const scrolls = [...root.querySelectorAll("button, p")].filter(part =>
        part.clientWidth > 1 && part.scrollWidth > part.clientWidth + 1);
    return [...parts, ...words, ...scrolls].map(told);
}"""


def run(page, item="Run All Cells"):
    """Choose from the menu Run, and wait until no cell runs any more."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name=item, exact=True).click()
    page.locator(".jp-InputPrompt", has_text="[*]").first.wait_for(state="detached")


def drag_to_a_quarter(slider):
    """Drag the handle of a slider from its middle to a quarter of its width."""
    slider.scroll_into_view_if_needed()
    box, mouse = slider.bounding_box(), slider.page.mouse
    middle = box["y"] + box["height"] / 2
    mouse.move(box["x"] + box["width"] / 2, middle)
    mouse.down()
    mouse.move(box["x"] + box["width"] / 4, middle, steps=5)
    mouse.up()
