"""Runs a learner's code and keeps everything else as it was.

Whatever the code does (print a megabyte, never return, raise ``SystemExit``, seed a generator,
rebind a function of polylab), `call` comes back with a value or with a polite refusal, and the
settings that all cells share are as they were before.

Two things it cannot stop: code that kills the process outside Python, and one call into
compiled code that runs for hours without looking up.
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import io
import os
import random
import signal
import sys
import threading
import time
import warnings
from dataclasses import dataclass
from itertools import count

import numpy

from polylab.checks.engine.errors import explain_error
from polylab.checks.engine.state import untouched
from polylab.checks.engine.verdict import Refusal

TIME_LIMIT = 5.0  # seconds of computing for one call of the learner's code
CROWDED = 3  # how many times longer a call may take on a computer that is busy otherwise
IDLE = 0.01  # share of the time below which a call is waiting, not computing
STRIKE_AGAIN = 0.02  # seconds between two strikes at code that swallowed the first
LONGEST_PATIENCE = 24  # lines that a later strike may wait before it hits
OUTPUT_KEPT = 100_000  # characters of printed text that are kept; the rest is dropped
GIVE_UP_ON_THREAD = 1.0  # seconds of striking before a runaway thread is left alone


class Overtime(BaseException):
    """Raised inside the learner's code when its time is up; no ``except Exception`` stops it."""


@dataclass(frozen=True)
class Call:
    """One finished call of the learner's code: what it returned and what it said."""

    value: object
    printed: str
    warned: tuple[str, ...]


class Sink(io.TextIOBase):
    """A text stream that keeps its beginning and drops the rest."""

    def __init__(self):
        self.kept = []
        self.room = OUTPUT_KEPT

    def writable(self):
        """Return True: print may write here."""
        return True

    def write(self, text):
        """Keep what there is room for, and report all of it as written."""
        if self.room > 0:
            self.kept.append(text[: self.room])
            self.room -= len(text)
        return len(text)

    def text(self):
        """Return what was kept."""
        return "".join(self.kept)


def call(function, *arguments, seed=0, owner=None):
    """Call ``function(*arguments)`` with everything around it protected.

    Parameters
    ----------
    function : callable
        The learner's object.
    *arguments
        Handed over as they are; make fresh ones for every call.
    seed : int, default 0
        The state of the random generators of random, NumPy and torch during the call.
    owner : object, optional
        Whose lines are shown when something is raised, where that is not ``function`` itself.

    Returns
    -------
    Call
        The returned value, the printed text (its first 100,000 characters) and the warnings.

    Raises
    ------
    Refusal
        If the code raises anything or does not come back in time.
    KeyboardInterrupt
        If the person at the keyboard stopped the cell; one raised by the code is a refusal.
    """
    sink = Sink()
    with untouched(), quiet(sink) as warned, stop_button() as pressed:
        _seed_everything(seed)
        try:
            value = _timed(function, arguments)
        except Overtime:
            raise Refusal(
                "It starts to run.",
                "It has not come back after several seconds.",
                "look for a loop whose condition never turns false.",
            ) from None
        except BaseException as error:
            if pressed:
                raise KeyboardInterrupt from None
            refusal = explain_error(error, function if owner is None else owner)
            raise refusal from None
    return Call(value, sink.text(), tuple(str(warning.message) for warning in warned))


def _seed_everything(seed):
    random.seed(seed)
    numpy.random.seed(seed)  # noqa: NPY002 - the learner may use the old global generator
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.default_generator.manual_seed(seed)
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)


# --- time ---------------------------------------------------------------------------------


def _timed(function, arguments):
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        return _timed_by_alarm(function, arguments)
    return _timed_in_thread(function, arguments)


class _Clock:
    """Tells when a call has had its time."""

    def __init__(self):
        self.restart()

    def restart(self):
        self.started, self.computed = time.monotonic(), time.thread_time()

    def is_up(self):
        """Return whether the call has computed too long or is waiting; a crowd earns time."""
        passed = time.monotonic() - self.started
        busy = time.thread_time() - self.computed
        waits = passed >= TIME_LIMIT and busy < IDLE * passed
        return busy >= TIME_LIMIT or passed >= CROWDED * TIME_LIMIT or waits


def _timed_by_alarm(function, arguments):
    guard_frame = sys._getframe()
    tracer = sys.gettrace()
    clock = _Clock()
    strikes = count()

    def strike(signum, frame):
        """Stop the learner's code; each later strike also hits a few lines further on.

        Code that swallows the first strike with a bare ``except:`` in a loop meets the next
        one at its ``except`` line, then one line later, and so on, until one lands outside.
        Code that has been left already is not struck, and neither is an import: one cut in
        half would stay broken, and the time it takes is not the learner's.
        """
        if _is_importing(frame, guard_frame):
            clock.restart()
            return
        if frame is guard_frame or not clock.is_up():
            return
        patience = next(strikes) % LONGEST_PATIENCE
        if patience:
            lines = count(1)

            def hit(frame, event, argument):
                may_stop = not _is_importing(frame, guard_frame)
                if event == "line" and may_stop and next(lines) >= patience:
                    raise Overtime
                return hit

            while frame is not None and frame is not guard_frame:
                frame.f_trace = hit
                frame = frame.f_back
            sys.settrace(hit)
        raise Overtime

    handler = signal.signal(signal.SIGALRM, strike)
    timer = signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT, STRIKE_AGAIN)
    try:
        value, stop = next(_apart(function, arguments))
        if stop is not None:
            raise stop
        return value
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.settrace(tracer)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def _is_importing(frame, until=None):
    """Return whether an import is under way, between this frame and the one in ``until``."""
    while frame is not None and frame is not until:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _apart(function, arguments):
    """Call the function inside a generator, which has an exception state of its own.

    A strike at an ``except`` line would else leave its error behind as the one being handled.
    Only a ``StopIteration`` cannot leave a generator, so it comes back beside the value.
    """
    try:
        yield function(*arguments), None
    except StopIteration as stop:
        yield None, stop


def _timed_in_thread(function, arguments):
    """Do the same where alarms do not exist: on Windows and outside the main thread."""
    outcome = {}

    def work():
        try:
            outcome["value"] = function(*arguments)
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(TIME_LIMIT)
    while thread.is_alive() and _is_importing(sys._current_frames().get(thread.ident)):
        thread.join(TIME_LIMIT)
    waited = 0.0
    while thread.is_alive() and waited < GIVE_UP_ON_THREAD:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(Overtime)
        )
        thread.join(STRIKE_AGAIN)
        waited += STRIKE_AGAIN
    if "error" in outcome:
        raise outcome["error"]
    if "value" not in outcome:
        raise Overtime
    return outcome["value"]


@contextlib.contextmanager
def stop_button():
    """Tell the stop button apart from a ``KeyboardInterrupt`` that the code raises itself."""
    pressed = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def press(signum, frame):
        pressed.append(True)
        raise KeyboardInterrupt

    handler = signal.signal(signal.SIGINT, press)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, handler)


# --- output -------------------------------------------------------------------------------


def _refuse_to_exit(*arguments, **named):
    raise SystemExit("the code asked Python to stop")


def _refuse_input(prompt=""):
    raise EOFError("the code asked for input; there is nobody to answer")


@contextlib.contextmanager
def quiet(sink):
    """Send printed text to ``sink``, catch warnings, shown objects, input and calls to exit."""
    replaced = [
        (sys, "stdout", sink),
        (sys, "stderr", sink),
        (sys, "stdin", io.StringIO()),
        (builtins, "input", _refuse_input),
        (os, "_exit", _refuse_to_exit),
        (os, "abort", _refuse_to_exit),
    ]
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        replaced.append((pyplot, "show", lambda *arguments, **named: None))
    shell = _shell()
    if shell is not None:
        from IPython.core.displaypub import CapturingDisplayPublisher

        replaced.append((shell, "display_pub", CapturingDisplayPublisher()))
        if hasattr(type(shell), "ask_exit"):  # shells inside another program have none
            replaced.append((type(shell), "ask_exit", _refuse_to_exit))
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for owner, name, value in replaced:
            setattr(owner, name, value)
        try:
            yield warned
        finally:
            for owner, name, value in before:
                setattr(owner, name, value)


def _shell():
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
