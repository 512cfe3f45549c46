"""Real Jupyter servers, kernels and pages, for the browser tests and benchmarks/browser.py."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from ast import literal_eval
from contextlib import contextmanager
from pathlib import Path

import psutil
from jupyter_client import BlockingKernelClient
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds to wait for anything before giving up; a busy machine is slow
TOKEN = "polylab"  # lets this process, and nobody by accident, into the servers it starts

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
# A browser's own business is of no use here, and root has no sandbox.
CHROMIUM_FLAGS = (
    "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", *(["--no-sandbox"] if AS_ROOT else []),
)

QUIET_LAB = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}

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

    def __init__(self, address, folder):
        self._folder = folder
        self.address = address

    def connection_file(self, notebook):
        """Wait for the kernel of an open notebook; return the file that tells how to reach it."""
        def waiting():
            kernel = self._kernel(notebook)
            return kernel and kernel["connections"] and kernel["execution_state"] == "idle"

        wait_for(waiting, f"the kernel of {notebook}")
        return self._folder / "runtime" / f"kernel-{self._kernel(notebook)['id']}.json"

    def _kernel(self, notebook):
        sessions = f"{self.address}/api/sessions?token={TOKEN}"
        with urllib.request.urlopen(sessions, timeout=PATIENCE) as answer:
            kernels = {entry["path"]: entry["kernel"] for entry in json.load(answer)}
        return kernels.get(notebook)


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
            yield Server(_printed_address(process, log), folder)
        finally:
            _stop(process)


def jupyterlab(folder):
    """Start JupyterLab on a folder of notebooks, as :func:`server` does."""
    return server("jupyterlab", str(folder), "--no-browser", "--port=0",
                  f"--IdentityProvider.token={TOKEN}", *(["--allow-root"] if AS_ROOT else []))


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
        self.wait()

    def wait(self):
        """Wait until the kernel answers, as after a restart."""
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

    def run(self, code):
        """Run code beside the notebook's, without a trace in it."""
        reply = self._client.execute(code, silent=True, reply=True, timeout=PATIENCE)
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"{code}: {reply['content']['evalue']}")

    def start(self, code):
        """Keep the kernel busy with code, and do not wait for its end."""
        self._client.execute(code, silent=True)

    def close(self):
        """Let go of the kernel; it runs on."""
        self._client.stop_channels()
