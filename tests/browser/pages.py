"""The same widgets on three kinds of page: JupyterLab, Notebook 7, and a page without a kernel."""

import functools
import http.server
import re
import subprocess
import sys
import threading
from contextlib import contextmanager

import nbformat
from axe_playwright_python.sync_playwright import Axe
from live import ROOT, Kernel, jupyterlab, wait_for
from nbformat.v4 import new_code_cell, new_notebook

from polylab.lab import HandFit, LearningRateLab, Question, modules

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
HOSTS = ("jupyterlab", "notebook", "page")


class Host:
    """A page on which the widgets live.

    Attributes
    ----------
    page : playwright.sync_api.Page
        The page in the browser.
    kernel : live.Kernel or None
        The kernel behind the page, if there is one.
    errors : list of str
        What went wrong in the code of the widgets.
    """

    def __init__(self, page):
        self.page = page
        self.kernel = None
        self.errors = []
        page.on("pageerror", self._hear)

    def _hear(self, error):
        # Jupyter has errors of its own; there a widget's module comes from a blob.
        if self.page.url.startswith("file:") or "blob:" in (error.stack or ""):
            self.errors.append(f"{error}\n{error.stack}")

    def widget(self, kind):
        """Return the element of a widget, such as ``hand-fit``."""
        return self.page.locator(f".pl-{kind}").first

    def kernel_says(self, expression, wanted):
        """Wait until the kernel, if there is one, gives the value that is wanted."""
        if self.kernel is not None:
            wait_for(lambda: self.kernel.value(expression) == wanted,
                     f"{expression} to be {wanted}")


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
    """Start Jupyter on a folder that holds a notebook with the widgets for each kind of page."""
    for name in HOSTS[:2]:
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
    host = Host(page)
    page.goto(f"{server.address}/{way}/{file}?token=polylab")
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()
    connection = server.connection_file(file)
    run(page)
    page.locator(".pl-lab").wait_for()
    host.kernel = Kernel(connection)
    try:
        yield host
    finally:
        host.kernel.close()
        page.close()


def paint(host, scheme):
    """Choose a theme, "light" or "dark", as a reader does."""
    if host.kernel is None:
        host.page.emulate_media(color_scheme=scheme)
        return
    host.page.get_by_role("menuitem", name="Settings", exact=True).click()
    host.page.locator(".lm-Menu-item", has_text="Theme").first.hover()
    wanted = re.compile(f"^JupyterLab {scheme.capitalize()}\\s*$")
    host.page.locator(".lm-Menu-item", has_text=wanted).click()
    light = "true" if scheme == "light" else "false"
    host.page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")


def violations(host, kind):
    """Return what axe-core has to report about a widget, as text."""
    results = Axe().run(host.page, context=f".pl-{kind}")
    return results.generate_report() if results.violations_count else ""


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
