"""Real Jupyter servers, kernels and pages, for the browser tests and benchmarks/browser.py."""

import base64
import io
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from ast import literal_eval
from contextlib import contextmanager
from pathlib import Path

import numpy
import psutil
from jupyter_client import BlockingKernelClient
from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app" / "learning_rate_lab.ipynb"
PATIENCE = 90  # seconds to wait for anything before giving up; a busy machine is slow
TOKEN = "polylab"  # lets this process, and nobody by accident, into the servers it starts

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
# A browser's own business is of no use here, and root has no sandbox.
CHROMIUM_FLAGS = (
    "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", *(["--no-sandbox"] if AS_ROOT else []),
)

QUIET_LAB = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}

FETCH_PICTURE = """async image => {
    if (!image.complete || !image.naturalWidth) return "";
    try {
        const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
        return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
    } catch (replaced) {
        return "";
    }
}"""


def wait_for(condition, what):
    """Return the first true value of a function, asked again and again.

    Raises
    ------
    TimeoutError
        If there is none within ``PATIENCE`` seconds; ``what`` says what was waited for.
    """
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"waited {PATIENCE} s for {what}")
        time.sleep(0.03)
    return value


@contextmanager
def chromium(path):
    """Start the Chromium at a path; yield a Playwright browser context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_FLAGS))
        try:
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            context.set_default_timeout(1000 * PATIENCE)
            yield context
        finally:
            browser.close()


class Server:
    """A running Jupyter server.

    Attributes
    ----------
    address : str
        Where it listens, such as ``http://127.0.0.1:4711``.
    """

    def __init__(self, process, address, folder):
        self._process = psutil.Process(process.pid)
        self._folder = folder
        self.address = address

    def kernels(self):
        """Return the processes of the kernels that run now."""
        found = []
        for child in self._process.children(recursive=True):
            try:
                if "ipykernel_launcher" in child.cmdline():
                    found.append(child)
            except psutil.NoSuchProcess:
                continue
        return found

    def log(self):
        """Return what the server has printed so far."""
        return (self._folder / "log").read_text(encoding="utf-8")

    def connection_file(self, notebook):
        """Return the file that tells how to reach the kernel of an open notebook."""
        sessions = f"{self.address}/api/sessions?token={TOKEN}"
        with urllib.request.urlopen(sessions, timeout=PATIENCE) as answer:
            kernel = {entry["path"]: entry["kernel"]["id"] for entry in json.load(answer)}[notebook]
        return self._folder / "runtime" / f"kernel-{kernel}.json"


@contextmanager
def server(*command, cwd=None):
    """Start ``python -m command``, a Jupyter server; yield a :class:`Server`, then stop it.

    It shares neither settings nor running kernels with the user of this machine. When the block
    is left, the server and its kernels have ended.
    """
    with tempfile.TemporaryDirectory(prefix="polylab-") as name:
        folder = Path(name)
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("JUPYTER", "IPYTHON"))}
        environment.update(
            JUPYTER_CONFIG_DIR=f"{folder}/config", JUPYTER_DATA_DIR=f"{folder}/data",
            JUPYTER_RUNTIME_DIR=f"{folder}/runtime", IPYTHONDIR=f"{folder}/ipython",
        )
        settings = folder / "config/lab/user-settings/@jupyterlab/apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(QUIET_LAB))
        log = folder / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=cwd or folder, env=environment,
                stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
            )
        try:
            yield Server(process, _printed_address(process, log), folder)
        finally:
            _stop(process)


def jupyterlab(folder):
    """Start JupyterLab on a folder of notebooks, as :func:`server` does."""
    return server("jupyterlab", str(folder), "--no-browser", "--port=0",
                  f"--IdentityProvider.token={TOKEN}", *(["--allow-root"] if AS_ROOT else []))


def voila(*options, notebook=APP, cwd=None):
    """Start Voilà on a notebook, the lab as an app if left out, as :func:`server` does.

    Voilà reads the file voila.json in the folder that it is started in.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]  # Voilà would print the address with port 0
    return server("voila", str(notebook), "--no-browser", f"--port={port}", *options, cwd=cwd)


def _printed_address(process, log):
    def printed():
        text = log.read_text(encoding="utf-8")
        if process.poll() is not None:
            raise RuntimeError(f"the server stopped at once:\n{text}")
        return re.search(r"http://(?:127\.0\.0\.1|localhost):\d+", text)

    return wait_for(printed, "the server to print its address")[0]


def _stop(process):
    family = [psutil.Process(process.pid)]
    family += family[0].children(recursive=True)
    process.terminate()
    _, alive = psutil.wait_procs(family, timeout=10)
    for survivor in alive:
        survivor.kill()
    psutil.wait_procs(alive)
    process.wait()


class Kernel:
    """What a notebook's kernel knows, read while a page uses the same kernel."""

    def __init__(self, connection_file):
        self._client = BlockingKernelClient(connection_file=str(connection_file))
        self._client.load_connection_file()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)

    def value(self, expression):
        """Return the value of an expression that JSON can carry."""
        text = f"__import__('json').dumps({expression})"
        reply = self._client.execute(
            "", user_expressions={"value": text}, reply=True, timeout=PATIENCE)
        found = reply["content"]["user_expressions"]["value"]
        if found["status"] != "ok":
            raise RuntimeError(f"{expression}: {found['ename']}: {found['evalue']}")
        return json.loads(literal_eval(found["data"]["text/plain"]))

    def close(self):
        """Let go of the kernel; it runs on."""
        self._client.stop_channels()


def open_notebook(context, lab, name):
    """Open a notebook in JupyterLab and wait for its kernel; return the page."""
    page = context.new_page()
    page.goto(f"{lab.address}/lab/workspaces/{Path(name).stem}/tree/{name}?token={TOKEN}")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    return page


def run_all(page, sign="img.widget-image"):
    """Run all cells from the menu and wait until the last one is done.

    ``sign`` selects something that only a run puts on the page; the default is the picture of a
    widget.
    """
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.locator(sign).first.wait_for(state="attached")
    page.locator(".jp-InputPrompt", has_text="[*]").first.wait_for(state="detached")


class Widget:
    """A widget as it stands on a page: its controls, its picture, its text.

    Controls are used as by somebody without a mouse.
    """

    def __init__(self, page, first_control):
        self.page = page
        self.root = page.locator(".widget-vbox").filter(
            has=page.get_by_text(first_control, exact=True)).first
        self.root.scroll_into_view_if_needed()

    def handle(self, name):
        """Return the handle of a slider."""
        label = self.page.get_by_text(name, exact=True)
        return self.root.locator(".widget-hslider").filter(has=label).locator(".noUi-handle")

    def field(self, name):
        """Return the field with a label: a list, a number, a checkbox."""
        return self.root.get_by_label(name, exact=True)

    def button(self, name):
        """Return the button with a caption."""
        return self.root.get_by_role("button", name=name, exact=True)

    def play_button(self):
        """Return the button that starts and pauses the animation."""
        return self.root.locator(".widget-play button").first

    def press(self, control, *keys):
        """Give a control the focus and press keys."""
        control.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def choose(self, name, option):
        """Open a list with the space bar, go to an option with the arrows, take it with Enter."""
        field = self.field(name)
        options = field.locator("option").all_text_contents()
        options = [text.replace("\N{NO-BREAK SPACE}", " ") for text in options]
        here = field.evaluate("field => field.selectedIndex")
        way = options.index(option) - here
        self.press(field, "Space")
        wait_for(lambda: field.evaluate("field => field.matches(':open')"), f"{name} to open")
        for _ in range(abs(way)):
            self.page.keyboard.press("ArrowDown" if way > 0 else "ArrowUp")
        self.page.keyboard.press("Enter")

    def text(self):
        """Return all words on the widget."""
        return self.root.inner_text().replace("\N{NO-BREAK SPACE}", " ")

    def picture(self):
        """Return the bytes of the picture; none while it is being replaced."""
        image = self.root.locator("img.widget-image")
        return base64.b64decode(image.evaluate(FETCH_PICTURE))

    def wait_for_picture(self, wanted):
        """Wait until the page shows exactly these pixels."""
        wanted = pixels(wanted)

        def shown():
            picture = self.picture()
            return picture and numpy.array_equal(pixels(picture), wanted)

        try:
            wait_for(shown, "the picture that was computed here to be shown by the page")
        except TimeoutError as error:
            error.add_note(f"The page says: {self.text()}")
            raise

    def wait_for_text(self, wanted):
        """Wait until the widget says something; return all it says."""
        return wait_for(lambda: text if wanted in (text := self.text()) else "", repr(wanted))


def pixels(png):
    """Return a picture as an array of shape (height, width, 3)."""
    return numpy.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
