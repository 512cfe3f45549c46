"""The static page and the site in Firefox and in WebKit, the engine of Safari and of every iPad.

    make browsers

These are not part of every run: each starts a browser of its own, which takes a while. Firefox is
driven by WebDriver BiDi over a web socket, WebKit by WebDriver over HTTP; neither needs a package
that changes how the other tests run.
"""

import contextlib
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path

import numpy
import pytest
import websocket
from live import wait_for
from pages import ALL_ALIVE, build_site, served, stand_ins, write_page

from polylab.lab import LearningRateLab, modules

PATIENCE = 60  # seconds
KEYS = {"ArrowRight": "\ue014", "ArrowLeft": "\ue012", "End": "\ue010", "Enter": "\ue007"}


class Engine:
    """A browser with one page, driven by scripts and by real key and pointer events."""

    def script(self, code):
        """Return the value of the body of a function, as JSON carries it."""
        raise NotImplementedError

    def actions(self, *sources):
        """Perform WebDriver actions."""
        raise NotImplementedError

    def press(self, selector, *names):
        """Give an element the focus and press keys."""
        self.script(f"document.querySelector({json.dumps(selector)}).focus()")
        strokes = [{"type": kind, "value": KEYS.get(name, name)}
                   for name in names for kind in ("keyDown", "keyUp")]
        self.actions({"type": "key", "id": "keys", "actions": strokes})

    def drag(self, selector, start, end):
        """Drag from one part of the width of an element to another: 0 is left, 1 is right."""
        code = (f"const place = document.querySelector({json.dumps(selector)});"
                "place.scrollIntoView({block: 'center', behavior: 'instant'});"
                "const box = place.getBoundingClientRect();"
                "return [box.left, box.top + box.height / 2, box.width];")
        left, top, width = self.script(code)
        points = [{"type": "pointerMove", "x": round(left + width * part), "y": round(top),
                   "duration": 50} for part in numpy.linspace(start, end, 5 if end != start else 1)]
        moves = [points[0], {"type": "pointerDown", "button": 0}, *points[1:],
                 {"type": "pointerUp", "button": 0}]
        self.actions({"type": "pointer", "id": "mouse", "actions": moves,
                      "parameters": {"pointerType": "mouse"}})

    def click(self, selector):
        """Click in the middle of an element."""
        self.drag(selector, 0.5, 0.5)

    def text(self, selector):
        """Return what an element says; nothing if it is not there yet."""
        return self.script(
            f"return document.querySelector({json.dumps(selector)})?.textContent ?? ''")

    def wait_for_text(self, selector, wanted):
        """Wait until an element says something."""
        wait_for(lambda: wanted in self.text(selector), f"{wanted!r} in {selector}")


class Firefox(Engine):
    """Firefox by WebDriver BiDi."""

    def __init__(self, folder, stack):
        log = folder / "firefox.log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                ["firefox-esr", "--headless", "--no-remote", "--remote-debugging-port", "0",
                 "--profile", str(folder)], stdout=stream, stderr=stream,
                env={**os.environ, "HOME": str(folder)})
        stack.callback(_stop, process)
        address = wait_for(lambda: re.search(
            r"WebDriver BiDi listening on (ws://\S+)", log.read_text(errors="replace")),
            "Firefox to listen")[1]
        self._numbers = itertools.count(1)
        self._socket = websocket.create_connection(
            f"{address}/session", timeout=PATIENCE, suppress_origin=True)
        stack.callback(self._socket.close)
        self._ask("session.new", capabilities={})
        tree = self._ask("browsingContext.getTree")
        self._page = tree["contexts"][0]["context"]

    def _ask(self, method, **parameters):
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(self._socket.recv())).get("id") != number:
            pass
        if answer["type"] == "error":
            raise RuntimeError(f"{method}: {answer['message']}")
        return answer["result"]

    def open(self, url):
        """Open a page and wait until it is there."""
        self._ask("browsingContext.navigate", context=self._page, url=url, wait="complete")
        self._ask("browsingContext.activate", context=self._page)  # or keys go nowhere

    def script(self, code):
        value = f"await (async () => {{{code}}})()"
        answer = self._ask(
            "script.evaluate", target={"context": self._page}, awaitPromise=True,
            expression=f"(async () => JSON.stringify({value}) ?? 'null')()")
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def actions(self, *sources):
        self._ask("input.performActions", context=self._page, actions=list(sources))


class WebKit(Engine):
    """WebKit's MiniBrowser by WebDriver, on a screen that nobody sees."""

    def __init__(self, folder, stack):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        browser = next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
        process = subprocess.Popen(
            ["xvfb-run", "-a", "WebKitWebDriver", f"--port={port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "HOME": str(folder), "LIBGL_ALWAYS_SOFTWARE": "1"})
        stack.callback(_stop, process)
        self._address = f"http://127.0.0.1:{port}/session"
        wait_for(lambda: _listens(port), "WebKitWebDriver to listen")
        options = {"binary": str(browser), "args": ["--automation"]}
        session = self._ask("", capabilities={
            "alwaysMatch": {"webkitgtk:browserOptions": options}})["sessionId"]
        self._address += f"/{session}"
        stack.callback(self._end)

    def _ask(self, path, **body):
        request = urllib.request.Request(
            f"{self._address}{path}", json.dumps(body).encode(),
            {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode()) from None

    def _end(self):
        request = urllib.request.Request(self._address, method="DELETE")
        with urllib.request.urlopen(request, timeout=PATIENCE):
            pass

    def open(self, url):
        """Open a page and wait until it is there."""
        self._ask("/url", url=url)

    def script(self, code):
        wrapped = (f"const done = arguments[0]; (async () => {{{code}}})().then("
                   "value => done(JSON.stringify([value ?? null])),"
                   "error => done(JSON.stringify({error: String(error)})));")
        answer = json.loads(self._ask("/execute/async", script=wrapped, args=[]))
        if isinstance(answer, dict):
            raise RuntimeError(answer["error"])
        return answer[0]

    def actions(self, *sources):
        self._ask("/actions", actions=list(sources))


def _listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def _stop(process):
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module", params=[Firefox, WebKit], ids=["firefox", "webkit"])
def engine(request, tmp_path_factory):
    for program in {Firefox: ["firefox-esr"], WebKit: ["WebKitWebDriver", "xvfb-run"]}[
            request.param]:
        if shutil.which(program) is None:
            pytest.fail(f"there is no program `{program}`; install it to run these tests")
    with contextlib.ExitStack() as stack:
        yield request.param(tmp_path_factory.mktemp("profile"), stack)


@pytest.fixture
def page(engine, tmp_path):
    """The widgets on a page that is opened as a file."""
    engine.open(write_page(tmp_path, *stand_ins()))
    engine.wait_for_text(".pl-hand-fit .pl-words", "Loss 999.5")
    return engine


def loss(*coefficients):
    x = numpy.linspace(-numpy.pi, numpy.pi, 2000)
    return ((coefficients @ numpy.stack([x**0, x, x**2, x**3]) - numpy.sin(x)) ** 2).sum()


def test_sliders_move_by_key_and_by_pointer(page):
    page.press('[aria-label^="a, lifts"]', "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft")
    page.wait_for_text(".pl-hand-fit .pl-words", f"Loss {loss(0.02, 0, 0, 0):,.5g}")
    page.press('[aria-label^="a, lifts"]', "End")
    page.wait_for_text(".pl-hand-fit .pl-words", f"Loss {loss(2, 0, 0, 0):,.5g}")
    page.drag('[aria-label^="d, bends"]', 0.5, 0.25)
    field = "document.querySelector('[aria-label=\"d, as a number\"]').value"
    value = float(page.script(f"return {field}").replace("−", "-"))
    assert value == pytest.approx(-0.25, abs=0.06)


def test_field_keeps_what_is_typed(page):
    page.script("document.querySelector('[aria-label=\"d, as a number\"]').select()")
    page.press('[aria-label="d, as a number"]', *"-0.0933", "Enter")
    page.wait_for_text(".pl-hand-fit .pl-words", f"Loss {loss(0, 0, 0, -0.0933):,.5g}")


def test_question_is_answered(page):
    page.click(".pl-choices button:nth-child(1)")
    page.wait_for_text(".pl-question .pl-verdict", ", A.")
    page.click(".pl-choices button:nth-child(3)")
    page.wait_for_text(".pl-question .pl-verdict", ", C.")
    assert page.script("return document.querySelectorAll('[aria-pressed=true]').length") == 1


@pytest.mark.parametrize(("optimiser", "rate"), [("sgd", "3.4e-6"), ("adam", "0.002")])
def test_lab_computes_the_runs_of_polylab_descent(page, optimiser, rate):
    page.click(".pl-check input")
    page.script(f"""
        const list = document.querySelector(".pl-choices-of-run select");
        list.value = JSON.stringify({json.dumps(optimiser)});
        list.dispatchEvent(new Event("change"));
        document.querySelector(".pl-rate input[type=text]").select();""")
    page.press(".pl-rate input[type=text]", *rate, "Enter")
    run = LearningRateLab(optimiser=optimiser, rate=float(rate)).trajectory
    page.wait_for_text(".pl-lab .pl-words", f"loss {run.losses[-1]:.5g}")
    says = "Something" if run.swings else "Nothing"
    assert f"{says} swings" in page.text(".pl-lab .pl-words")


BEYOND = """
    const wide = document.documentElement.clientWidth;
    return [...document.querySelectorAll(".polylab *")].filter(part => {
        const box = part.getBoundingClientRect();
        return box.width && !part.closest("svg") && (box.right > wide + 1 || box.left < -1);
    }).map(part => part.outerHTML.slice(0, 100));"""


def test_everything_fits_on_the_page(page):
    assert page.script(BEYOND) == []


def test_page_loads_the_modules_as_they_are(engine, tmp_path):
    shutil.copytree(modules.STATIC, tmp_path / "deep" / "static")
    (tmp_path / "index.html").write_text(
        f'<!doctype html><meta charset="utf-8"><body>{"".join(stand_ins())}'
        '<script type="module" src="deep/static/host.js"></script>', encoding="utf-8")
    with served(tmp_path) as address:
        engine.open(f"{address}/index.html")
        engine.wait_for_text(".pl-hand-fit .pl-words", "Loss 999.5")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server") / "the site"
    build_site(folder)
    with served(folder.parent) as address:
        yield f"{address}/the%20site"


@pytest.mark.parametrize("name", ["index", "00_start_here", "12_find_the_learning_rate"])
def test_site_is_alive(engine, site, name):
    engine.open(f"{site}/{name}.html")
    wait_for(lambda: engine.script(f"return {ALL_ALIVE}"), f"the widgets of {name}")
    assert engine.script("return document.querySelectorAll('.polylab[data-live]').length") > 0
    assert engine.script(BEYOND) == []
    if name == "index":
        engine.script("document.querySelector('.pl-rate input[type=text]').select()")
        engine.press(".pl-rate input[type=text]", *"3.4e-6", "Enter")
        run = LearningRateLab(rate=3.4e-6).trajectory
        engine.wait_for_text(".pl-lab .pl-words", f"loss {run.losses[-1]:.5g}")
    else:
        engine.click(".pl-choices button:nth-child(1)")
        engine.wait_for_text(".pl-question .pl-verdict", ", A.")
