"""Runs a learner's code and keeps everything else as it was.

Whatever the code does (print a megabyte, never return, raise ``SystemExit``, seed a generator,
rebind a function of polylab), `call` comes back with a value or with a polite refusal, and the
settings that all cells share are as they were before.

Time is what the learner's code computes, not what passes: on a crowded machine others take their
share. So torch gets one thread, since its threads wait for each other by computing, and a clock
on the wall ends only what waits.

Two things it cannot stop: code that kills the process outside Python, and one call into
compiled code that runs for hours without looking up.
"""

from __future__ import annotations

import builtins
import contextvars
import ctypes
import functools
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
from polylab.checks.engine.state import keep_settings, put_back_after
from polylab.checks.engine.verdict import Refusal

TIME_LIMIT = 5.0  # seconds of computing for one call of the learner's code
CROWDED = 12  # how many times longer a call may take on a computer that is busy otherwise
WAITS = 2  # how many times longer a call may wait for something other than the processor
IDLE = 0.01  # share of the limit, computed in that time, below which a call is waiting
LOOK = 0.1  # share of the limit after which the clock is looked at again
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
    """A text stream that keeps its beginning and drops the rest; and the warnings."""

    def __init__(self):
        self.kept, self.warned = [], []
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
    by_alarm = (hasattr(signal, "setitimer")
                and threading.current_thread() is threading.main_thread())
    clock = _Clock(time.thread_time if by_alarm else time.process_time)
    sink, alarm = Sink(), _Alarm(clock)

    def run(stop):
        try:
            return (alarm.call(function, arguments) if by_alarm
                    else _call_in_thread(function, arguments, clock))
        except Overtime:
            raise Refusal("It starts to run.", *clock.verdict()) from None
        except Refusal:
            raise
        except BaseException as error:
            if stop.presses:
                raise KeyboardInterrupt from None
            raise explain_error(error, function if owner is None else owner) from None

    value = put_back_after(run, keep_settings, functools.partial(_be_quiet, sink),
                           functools.partial(_start_afresh, seed), *[alarm.set] * by_alarm)
    return Call(value, sink.text(), tuple(str(warning.message) for warning in sink.warned))


def _start_afresh(seed, undo):
    random.seed(seed)
    numpy.random.seed(seed)  # noqa: NPY002 - the learner may use the old global generator
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.default_generator.manual_seed(seed)


def _run(function, arguments):
    """Return ``function(*arguments)``; refuse it if it switches autograd off and leaves it so."""
    value, torch = function(*arguments), sys.modules.get("torch")
    if torch is not None and not torch.is_grad_enabled():
        raise Refusal("It runs.", "It leaves autograd switched off, so that in all later cells "
                      "nothing could be trained.", "a `with` block ends what it begins.")
    return value


# --- time ---------------------------------------------------------------------------------


class _Clock:
    """Tells when a call has had its time.

    Parameters
    ----------
    computed : callable
        Returns the seconds that the code has computed so far.
    """

    def __init__(self, computed):
        self.computed = computed
        self.restart()

    def restart(self):
        self.is_up = self.waits = False
        self.started = self.seen_at_work = time.monotonic()
        self.before = self.work_seen = self.computed()

    def look(self):
        """Return whether the call has computed too long, or is waiting; then it stays so."""
        now, computed = time.monotonic(), self.computed()
        if computed - self.work_seen > IDLE * TIME_LIMIT:
            self.seen_at_work, self.work_seen = now, computed
        self.waits = self.waits or now - self.seen_at_work >= WAITS * TIME_LIMIT
        self.is_up = (self.is_up or self.waits or computed - self.before >= TIME_LIMIT
                      or now - self.started >= CROWDED * TIME_LIMIT)
        return self.is_up

    def verdict(self):
        """Return what is wrong with code whose time is up, and a hint."""
        wrong = "It has not come back after several seconds"
        if self.waits:
            return f"{wrong}: it computes nothing, it waits.", "what does it wait for?"
        return f"{wrong}.", ("look for a loop whose condition never turns false, or one over the "
                             "points where an array would do.")


class _Alarm:
    """Strikes at a call when its time is up; each later strike also hits a few lines further on.

    Code that swallows the first strike with a bare ``except:`` in a loop meets the next one at its
    ``except`` line, then one line later, and so on, until one lands outside. Code that has been
    left already is not struck, and neither is an import: one cut in half would stay broken, and
    the time it takes is not the learner's.
    """

    def __init__(self, clock):
        self.clock = clock
        self.strikes = count()
        self.is_running = False

    def set(self, undo):
        """Be set; the change for `put_back_after`."""
        timer = signal.getitimer(signal.ITIMER_REAL)
        undo.callback(signal.setitimer, signal.ITIMER_REAL, *timer)
        undo.callback(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, self._strike))
        undo.callback(signal.setitimer, signal.ITIMER_REAL, 0)
        undo.callback(sys.settrace, sys.gettrace())
        self.clock.restart()
        signal.setitimer(signal.ITIMER_REAL, LOOK * TIME_LIMIT, LOOK * TIME_LIMIT)

    def call(self, function, arguments):
        """Return ``function(*arguments)``, or raise what it raises, or Overtime."""
        ((value, stop),) = self._apart(function, arguments)
        if stop is not None:
            raise stop
        return value

    def _apart(self, function, arguments):
        """Call the function inside a generator, which has an exception state of its own.

        A strike at an ``except`` line would else leave its error behind as the one being handled.
        Only a ``StopIteration`` cannot leave a generator, so it comes back beside the value.
        """
        try:
            self.is_running = True
            try:
                value = _run(function, arguments)
            finally:
                self.is_running = False
            yield value, None
        except StopIteration as stop:
            yield None, stop

    def _may_stop(self, frame):
        return (self.is_running and frame.f_code is not _Alarm._apart.__code__
                and not _is_importing(frame))

    def _strike(self, signum, frame):
        if not self._may_stop(frame):
            if self.is_running:
                self.clock.restart()
            return
        if not self.clock.look():
            return
        signal.setitimer(signal.ITIMER_REAL, STRIKE_AGAIN, STRIKE_AGAIN)
        patience = next(self.strikes) % LONGEST_PATIENCE
        if patience:
            lines = count(1)

            def hit(frame, event, argument):
                if event == "line" and self._may_stop(frame) and next(lines) >= patience:
                    raise Overtime
                return hit

            while frame is not None and frame.f_code is not _Alarm._apart.__code__:
                frame.f_trace = hit
                frame = frame.f_back
            sys.settrace(hit)
        raise Overtime


def _is_importing(frame):
    """Return whether an import is under way in the call that this frame belongs to."""
    while frame is not None and frame.f_code is not _Alarm._apart.__code__:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _call_in_thread(function, arguments, clock):
    """Do the same where alarms do not exist: on Windows and outside the main thread."""
    outcome = {}

    def work():
        try:
            outcome["value"] = _run(function, arguments)
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    clock.restart()
    thread.start()
    try:
        while thread.is_alive() and not clock.look():
            thread.join(LOOK * TIME_LIMIT)
            if _is_importing(sys._current_frames().get(thread.ident)):
                clock.restart()
    finally:
        began = time.monotonic()
        while thread.is_alive() and time.monotonic() - began < GIVE_UP_ON_THREAD:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(thread.ident), ctypes.py_object(Overtime)
            )
            thread.join(STRIKE_AGAIN)
    if "error" in outcome:
        raise outcome["error"]
    if "value" not in outcome:
        raise Overtime
    return outcome["value"]


# --- output -------------------------------------------------------------------------------


def _refuse_to_exit(*arguments, **named):
    raise SystemExit("the code asked Python to stop")


def _refuse_input(prompt=""):
    raise EOFError("the code asked for input; there is nobody to answer")


def _be_quiet(sink, undo):
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
    sink.warned = undo.enter_context(warnings.catch_warnings(record=True))
    warnings.simplefilter("always")
    for owner, name, value in replaced:
        undo.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)


def _shell():
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
