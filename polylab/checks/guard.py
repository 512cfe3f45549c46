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
import copy
import ctypes
import io
import os
import random
import signal
import sys
import threading
import types
import warnings
from dataclasses import dataclass
from itertools import count

import numpy

from polylab.checks.reading import LIBRARIES, is_a, learner_line, own_functions, rebound_names
from polylab.checks.verdict import Refusal

TIME_LIMIT = 5.0  # seconds for one call of the learner's code
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


def call(function, *arguments, seed=0):
    """Call ``function(*arguments)`` with everything around it protected.

    Parameters
    ----------
    function : callable
        The learner's object.
    *arguments
        Handed over as they are; make fresh ones for every call.
    seed : int, default 0
        The state of the random generators of random, NumPy and torch during the call.

    Returns
    -------
    Call
        The returned value, the printed text (its first 100,000 characters) and the warnings.

    Raises
    ------
    Refusal
        If the code raises anything or does not come back within `TIME_LIMIT` seconds.
    KeyboardInterrupt
        If the person at the keyboard stopped the cell; one raised by the code is a refusal.
    """
    sink = Sink()
    with untouched(function), quiet(sink) as warned, stop_button() as pressed:
        _seed_everything(seed)
        try:
            value = _timed(function, arguments)
        except Overtime:
            raise Refusal(
                "It starts to run.",
                f"It had not come back after {TIME_LIMIT:.0f} seconds.",
                "look for a loop whose condition never turns false.",
            ) from None
        except BaseException as error:
            if pressed:
                raise KeyboardInterrupt from None
            refusal = explain_error(error, function)
            raise refusal from None
    return Call(value, sink.text(), tuple(str(warning.message) for warning in warned))


def _seed_everything(seed):
    random.seed(seed)
    numpy.random.seed(seed)  # noqa: NPY002 - the learner may use the old global generator
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)


# --- time ---------------------------------------------------------------------------------


def _timed(function, arguments):
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        return _timed_by_alarm(function, arguments)
    return _timed_in_thread(function, arguments)


def _timed_by_alarm(function, arguments):
    guard_frame = sys._getframe()
    tracer = sys.gettrace()
    strikes = count()

    def strike(signum, frame):
        """Stop the learner's code; each later strike also hits a few lines further on.

        Code that swallows the first strike with a bare ``except:`` in a loop meets the next
        one at its ``except`` line, then one line later, and so on, until one lands outside.
        """
        patience = next(strikes) % LONGEST_PATIENCE
        if patience:
            lines = count(1)

            def hit(frame, event, argument):
                if event == "line" and next(lines) >= patience:
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
        return function(*arguments)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.settrace(tracer)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)


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


# --- state --------------------------------------------------------------------------------


@contextlib.contextmanager
def untouched(function=None):
    """Put back, at the end, every shared setting and name that the block changed."""
    undo = [
        *_undo_settings(),
        *_undo_figures(),
        *(_undo_module(module) for module in _guarded_modules()),
        *_undo_namespaces(function),
    ]
    try:
        yield
    finally:
        for step in undo:
            step()


def _undo_settings():
    generators = [
        (random.getstate, random.setstate),
        (numpy.random.get_state, numpy.random.set_state),
    ]
    settings = [
        (numpy.geterr, lambda old: numpy.seterr(**old)),
        (numpy.get_printoptions, lambda old: numpy.set_printoptions(**old)),
        (os.getcwd, os.chdir),
        (sys.getrecursionlimit, sys.setrecursionlimit),
        (lambda: dict(os.environ), _reset_environment),
        (lambda: list(sys.path), lambda old: sys.path.__setitem__(slice(None), old)),
    ]
    torch = sys.modules.get("torch")
    if torch is not None:
        generators.append((torch.get_rng_state, torch.set_rng_state))
        if torch.cuda.is_initialized():
            generators.append((torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all))
        settings += [
            (torch.get_default_dtype, torch.set_default_dtype),
            (torch.is_grad_enabled, torch.set_grad_enabled),
            (torch.get_num_threads, torch.set_num_threads),
            (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
            (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
            (torch.get_default_device, torch.set_default_device),
        ]
    return [
        *(_undo_generator(get, put) for get, put in generators),
        *(_undo_setting(get, put) for get, put in settings),
    ]


def _undo_generator(get, put):
    old = get()
    return lambda: put(old)


def _undo_setting(get, put):
    """Put a setting back only if it changed: setting torch's default device leaves a trace."""
    old = get()
    return lambda: put(old) if get() != old else None


def _reset_environment(old):
    os.environ.clear()
    os.environ.update(old)


def _undo_figures():
    """Hide open figures from the code, and close the ones it opens."""
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is None:
        return []
    settings = dict.copy(matplotlib.rcParams)
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    figures = None
    if helpers is not None:
        figures = helpers.Gcf.figs
        helpers.Gcf.figs = type(figures)()

    def undo():
        if dict.copy(matplotlib.rcParams) != settings:
            dict.clear(matplotlib.rcParams)
            dict.update(matplotlib.rcParams, settings)
        loaded = sys.modules.get("matplotlib._pylab_helpers")
        if loaded is not None:
            loaded.Gcf.destroy_all()
            if figures is not None:
                loaded.Gcf.figs = figures

    return [undo]


def _guarded_modules():
    ours = [
        module
        for name, module in list(sys.modules.items())
        if name.split(".")[0] == "polylab" and isinstance(module, types.ModuleType)
    ]
    others = [sys.modules.get(name) for name in ("builtins", "math", "random", "numpy", "torch")]
    return ours + [module for module in others if module is not None]


def _undo_module(module):
    """Remember what every name of a module stands for; in polylab, also what is inside it."""
    names = dict(vars(module))
    ours = module.__name__.split(".")[0] == "polylab"
    insides = [_undo_inside(value) for value in names.values()] if ours else []

    def undo():
        current = vars(module)
        for name, value in names.items():
            if current.get(name) is not value:
                current[name] = value
        if ours:
            for name in [name for name in current if name not in names]:
                if not isinstance(current[name], types.ModuleType):
                    del current[name]
        for inside in insides:
            inside()

    return undo


def _undo_inside(value):
    if isinstance(value, types.FunctionType):
        parts = ("__code__", "__defaults__", "__kwdefaults__")
        old = {part: getattr(value, part) for part in parts}
        return lambda: [
            setattr(value, part, old[part])
            for part in parts
            if getattr(value, part) is not old[part]
        ]
    if isinstance(value, type) and value.__module__.split(".")[0] == "polylab":
        return _undo_class(value)
    return _undo_contents(value)


def _undo_class(owner):
    old = dict(vars(owner))

    def undo():
        for name in [name for name in vars(owner) if name not in old]:
            delattr(owner, name)
        for name, member in old.items():
            if vars(owner).get(name) is not member:
                setattr(owner, name, member)

    return undo


def _own_classes(answer):
    """Return the class of an answer, or the answer itself if it is one, with its own bases."""
    owner = answer if is_a(answer, type) else type(answer)
    return [part for part in type.mro(owner)
            if part.__module__.split(".")[0] not in (*LIBRARIES, "builtins", "functools")]


def _undo_namespaces(function):
    """Remember the learner's own names, and the insides of the data that the code can reach."""
    steps = [_undo_class(part) for part in _own_classes(function)]
    seen = set()
    for own in own_functions(function):
        namespace = own.__globals__
        if id(namespace) not in seen:
            seen.add(id(namespace))
            steps.append(_undo_namespace(namespace))
        reached = [namespace[name] for name in own.__code__.co_names if name in namespace]
        reached += _cell_contents(own)
        steps += [_undo_contents(value) for value in reached]
        steps += [_undo_cell(cell) for cell in own.__closure__ or ()]
    return steps


def _undo_namespace(namespace):
    old = dict(namespace)

    def undo():
        for name in [name for name in namespace if name not in old]:
            del namespace[name]
        for name, value in old.items():
            if name not in namespace or namespace[name] is not value:
                namespace[name] = value

    return undo


def _cell_contents(function):
    contents = []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # an empty cell has no contents
            contents.append(cell.cell_contents)
    return contents


def _undo_cell(cell):
    try:
        old = cell.cell_contents
    except ValueError:
        return lambda: None
    return lambda: setattr(cell, "cell_contents", old)


def _undo_contents(value):
    """Remember what a list, dict, set, array or tensor holds."""
    kind = type(value)
    torch = sys.modules.get("torch")
    if kind is list:
        old = list(value)
        return lambda: value.__setitem__(slice(None), old)
    if kind in (dict, set):
        old = copy.copy(value)
        return lambda: (value.clear(), value.update(old))
    if kind is numpy.ndarray and value.flags.writeable:
        old = value.copy()
        return lambda: value.__setitem__(..., old)
    if torch is not None and kind in (torch.Tensor, torch.nn.Parameter):
        old = value.detach().clone()
        gradient = None if not value.is_leaf or value.grad is None else value.grad.clone()

        def undo_tensor():
            value.data.copy_(old)
            if value.is_leaf:
                value.grad = gradient

        return undo_tensor
    return lambda: None


# --- errors -------------------------------------------------------------------------------

KNOWN_ERRORS = (
    (
        "a leaf Variable that requires grad",
        "The update is made inside the graph: autograd watches it and objects",
        "updates are bookkeeping, not maths to be differentiated; which block tells autograd so?",
    ),
    (
        "backward through the graph a second time",
        "The second backward pass meets a graph that the first one has used up",
        "which of the five lines must come again in every step, before backward?",
    ),
    (
        "grad can be implicitly created only for scalar outputs",
        "The loss is not a scalar: it still has one number per point",
        "turn all those numbers into one before you call backward.",
    ),
    (
        "does not require grad and does not have a grad_fn",
        "The loss is not connected to any parameter, so there is nothing to differentiate",
        "which tensors must require a gradient, and does the forward pass use them?",
    ),
    (
        "on Tensor that requires grad",
        "A tensor that still belongs to the graph is handed to NumPy",
        "to store a number take the number only, not its history: `.item()` is missing.",
    ),
    (
        "same dtype",
        "Two dtypes are mixed: float32 meets float64",
        "make every tensor with the dtype of the data.",
    ),
    (
        "but found Double",
        "Two dtypes are mixed: float32 meets float64",
        "make every tensor with the dtype of the data.",
    ),
    (
        "expected scalar type",
        "Two dtypes are mixed: float32 meets float64",
        "make every tensor with the dtype of the data.",
    ),
    (
        "Found dtype",
        "Two dtypes are mixed: float32 meets float64",
        "make every tensor with the dtype of the data.",
    ),
    (
        "Torch not compiled with CUDA",
        "It asks for a device that this machine does not have",
        "choose the device from what there is; do not write its name down.",
    ),
    (
        "Expected all tensors to be on the same device",
        "The tensors are on different devices",
        "make every tensor on the device of the data.",
    ),
    (
        "operands could not be broadcast",
        "Two shapes do not fit together",
        "print the shape of each array in that line.",
    ),
    (
        "must match the size of tensor",
        "Two shapes do not fit together",
        "print the shape of each tensor in that line.",
    ),
    (
        "shapes cannot be multiplied",
        "Two shapes do not fit together",
        "print the shape of each tensor in that line.",
    ),
)


def explain_error(error, function):
    """Return a refusal that names the error and shows the learner's own line."""
    text = _error_text(error)
    line = learner_line(error.__traceback__, function)
    where = f", in {line}" if line else ""
    lost = "NoneType" in text and ".grad" in line
    if lost or "does not require grad and does not have a grad_fn" in text:
        names = rebound_names(function)
        if names:
            return Refusal(
                "The first step runs.",
                f"Then `{names[0]} = {names[0]} …` binds the name to a new tensor, and that one "
                f"gets no gradient{where}.",
                "change the parameter in place instead of rebinding its name.",
            )
    if lost:
        return Refusal("It starts to run.", f"`.grad` is None{where}.",
                       "which of the five lines fills it, and is the tensor a leaf?")
    for pattern, meaning, hint in KNOWN_ERRORS:
        if pattern in text:
            return Refusal("It starts to run.", f"{meaning}{where}.", hint)
    name = type(error).__name__
    said = f": {text}" if text else ""
    hint = {
        "NameError": "is the name spelt as where it was made, and made inside the function?",
        "UnboundLocalError": "a name is used before the line that gives it a value.",
        "SystemExit": "a function ends with `return`; leave Python running.",
        "RecursionError": "the function calls itself and never stops.",
        "MemoryError": "an array is far larger than needed; print its shape.",
    }.get(name, "run that line alone with small numbers.")
    return Refusal("", f"It raises {name}{said}{where}.", hint)


def _error_text(error):
    """Return the first line of the message, short, without addresses that change each time."""
    try:
        lines = str(error).strip().splitlines()
    except BaseException:
        return ""
    text = " ".join((lines[0] if lines else "").split())
    words = ["0x…" if "0x" in word else word for word in text.split(" ")]
    text = " ".join(words)
    return (text if len(text) <= 160 else text[:157] + "...").rstrip(".")
