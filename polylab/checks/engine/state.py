"""What all cells of a notebook share, and how to put it back after a learner's code has run.

Putting back is safe from the stop button: `put_back_after` hears it at once while the learner's
code runs, but not while something is put back; then it waits until all is as it was.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import operator
import os
import random
import signal
import sys
import threading
import types

import numpy

from polylab.checks.engine.reading import is_a, members_of, own_classes, own_functions

OTHER_MODULES = ("builtins", "math", "random", "numpy", "torch")
CONTAINERS = (list, dict, set)
INSIDES = ("__code__", "__defaults__", "__kwdefaults__")
RECURSION = 5000  # calls deep, at least, that the learner's code may go
INSISTS = 3  # presses of the stop button that end even what cannot be put back


class StopButton:
    """The handler of SIGINT: it counts, and raises only while it is armed, and only once."""

    def __init__(self):
        self.presses = 0
        self.armed = False

    def __call__(self, signum, frame):
        """Raise KeyboardInterrupt, or leave that to `put_back_after`."""
        self.presses += 1
        if self.armed or self.presses >= INSISTS:
            self.armed = False
            raise KeyboardInterrupt


def put_back_after(work, *changes):
    """Return ``work(stop)`` and put back, whatever happens in it, what was changed before.

    Parameters
    ----------
    work : callable
        What is protected; it is given the `StopButton`.
    *changes : callable
        ``change(undo)`` is called before, in this order: it changes something and tells the
        ExitStack ``undo`` how to take it back. The last change is taken back first, and if one
        cannot be taken back the others still are.

    Raises
    ------
    KeyboardInterrupt
        If the stop button was pressed: at once while ``work`` runs, at the end otherwise.

    Notes
    -----
    An interrupt may land between any two steps of the interpreter, so a ``finally`` or a ``with``
    alone is not safe: it is left if the interrupt hits its first step. Here the inner ``finally``
    may be hit, since the outer one follows; that one may not, since the button raises once only.
    """
    stop, undo = StopButton(), contextlib.ExitStack()
    undo.callback(_innermost.reset, _innermost.set(undo))
    if threading.current_thread() is threading.main_thread() and callable(
            signal.getsignal(signal.SIGINT)):
        undo.callback(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, stop))
    try:
        try:
            for change in changes:
                change(undo)
            stop.armed = True
            return work(stop)
        finally:
            stop.armed = False
    finally:
        undo.close()
        if stop.presses:
            raise KeyboardInterrupt from None


_innermost = contextvars.ContextVar("innermost")


def put_back_at_the_end(step, *arguments):
    """Have ``step(*arguments)`` called when the innermost check or call has come to its end."""
    _innermost.get().callback(step, *arguments)


def keep_data_of(*answers):
    """Return a change for `put_back_after`: keep modules, and names and data of learners' code.

    Parameters
    ----------
    *answers : object
        The learner's objects.
    """
    def keep(undo):
        _silence(undo)
        undo.callback(_undo_numpy_random())
        for step in _undo_settings():
            undo.callback(step)
        settle(undo)
        for step in (step for answer in answers for step in _undo_namespaces(answer)):
            undo.callback(step)
        modules = Modules()
        undo.callback(modules.put_back)
        undo.callback(_modules_of_check.reset, _modules_of_check.set(modules))

    return keep


_modules_of_check = contextvars.ContextVar("modules", default=None)


def keep_settings(undo):
    """Keep, for one call of the learner's code, every shared setting and the modules."""
    modules = _modules_of_check.get()
    if modules is None:
        modules = Modules()
        undo.callback(_undo_numpy_random())
    for step in (*_undo_settings(), *_undo_figures(), modules.put_back):
        undo.callback(step)
    settle(undo)


def settle(undo):
    """Set what all cells share to what every check starts with, whatever earlier cells have set."""
    numpy.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
    sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION))
    torch = sys.modules.get("torch")
    if torch is not None:
        undo.enter_context(torch.inference_mode(False))
        torch.set_grad_enabled(True)
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.set_num_threads(1)
        torch.autograd.set_detect_anomaly(False)


def _silence(undo):
    """Drop what goes past `sys.stdout` and `sys.stderr`: from loggers, C code and children.

    A logger keeps the stream that it found when it was made, and C code writes to a descriptor.
    """
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if hasattr(stream, "__dict__") and vars(stream).get("write") is not len:
            own = vars(stream)
            put_back = own.__setitem__ if "write" in own else own.pop
            undo.callback(put_back, "write", own.get("write"))
            own["write"] = len
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):  # a process without a console has none
            old, nowhere = os.dup(descriptor), os.open(os.devnull, os.O_WRONLY)
            undo.callback(os.close, old)
            undo.callback(os.dup2, old, descriptor)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)


def _undo_numpy_random():
    """Remember NumPy's generator: once a check, for it is slow, and every call seeds it anew."""
    return _undo_generator(numpy.random.get_state, numpy.random.set_state)


def _undo_settings():
    generators = [(random.getstate, random.setstate)]
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
        # Always put back: a "cpu" that was set by name reads like the one before.
        generators.append((default_device, _reset_default_device))
        if torch.cuda.is_initialized():
            generators.append((torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all))
        settings += [
            (torch.get_default_dtype, torch.set_default_dtype),
            (torch.is_grad_enabled, torch.set_grad_enabled),
            (torch.get_num_threads, torch.set_num_threads),
            (torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly),
            (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
        ]
    return [
        *(_undo_generator(get, put) for get, put in generators),
        *(_undo_setting(get, put) for get, put in settings),
    ]


def _undo_generator(get, put):
    old = get()
    return lambda: put(old)


def _undo_setting(get, put):
    """Put a setting back only if it changed."""
    old = get()
    return lambda: put(old) if get() != old else None


def default_device():
    """Return torch's default device; None if it is one that this machine does not have.

    Torch looks by making a tensor there. Once the default was set to None, which is the CPU, torch
    2.6 asks None for its device and raises AttributeError.
    """
    torch = sys.modules["torch"]
    try:
        return torch.get_default_device()
    except AttributeError:
        return torch.device("cpu")
    except (AssertionError, RuntimeError):
        return None


def _reset_default_device(old):
    """Take the CPU back as None: set by name it would slow down every later call of torch."""
    torch = sys.modules["torch"]
    torch.set_default_device(None if old == torch.device("cpu") else old)


def _reset_environment(old):
    os.environ.clear()
    os.environ.update(old)


def _undo_figures():
    """Hide open figures from the code, and close the ones it opens."""
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is None:
        return []
    settings = _plain(matplotlib.rcParams)
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    figures = None
    if helpers is not None:
        figures = helpers.Gcf.figs
        helpers.Gcf.figs = type(figures)()

    def undo():
        if _plain(matplotlib.rcParams) != settings:
            dict.clear(matplotlib.rcParams)
            dict.update(matplotlib.rcParams, settings)
        loaded = sys.modules.get("matplotlib._pylab_helpers")
        if loaded is not None:
            loaded.Gcf.destroy_all()
            if figures is not None:
                loaded.Gcf.figs = figures

    return [undo]


def _plain(settings):
    """Return a dict of matplotlib's settings without asking their class, which is slow."""
    return dict(dict.items(settings))


class Modules:
    """What every name of the guarded modules stands for and, in polylab, what is inside it.

    Parameters
    ----------
    others : sequence of str
        The names of the modules that are guarded beside those of polylab.
    """

    def __init__(self, others=OTHER_MODULES):
        ours = [sys.modules[name] for name in list(sys.modules)
                if "polylab" in name and name.split(".")[0] == "polylab"
                and is_a(sys.modules[name], types.ModuleType)]
        others = [sys.modules.get(name) for name in others]
        self.is_untouched = _is_untouched
        self.names = [(module, dict(vars(module)))
                      for module in (*ours, *filter(None, others))]
        self.classes, self.contents = [], []
        values = {id(value): value for module in ours for value in vars(module).values()}
        self.functions = [value for value in values.values() if type(value) is types.FunctionType]
        self.insides = {name: [getattr(function, name) for function in self.functions]
                        for name in INSIDES}
        for value in values.values():
            if is_a(value, type):
                if value.__module__.split(".")[0] == "polylab":
                    self.classes.append(_undo_class(value))
            elif type(value) in CONTAINERS:
                self.contents.append(_undo_contents(value))

    def put_back(self):
        """Bind every name to its old value again, and give functions and classes their insides."""
        for module, names in self.names:
            current = vars(module)
            if self.is_untouched(current, names):
                continue
            for name, value in names.items():
                if current.get(name) is not value:
                    current[name] = value
            if len(current) != len(names) and module.__name__.split(".")[0] == "polylab":
                for name in [name for name in current if name not in names]:
                    if not is_a(current[name], types.ModuleType):
                        del current[name]
        for name, insides in self.insides.items():
            current = map(operator.attrgetter(name), self.functions)
            if all(map(operator.is_, current, insides)):
                continue
            for function, inside in zip(self.functions, insides, strict=True):
                if getattr(function, name) is not inside:
                    setattr(function, name, inside)
        for step in (*self.classes, *self.contents):
            step()


def _is_untouched(current, old, list=list, all=all, map=map, is_=operator.is_):
    """Return whether two dicts hold the very same objects in the same order, by the same names.

    What it calls is bound here: the learner's code may have given those names other meanings.
    """
    return list(current) == list(old) and all(map(is_, current.values(), old.values()))


def _undo_class(owner):
    old = members_of(owner)

    def undo():
        current = members_of(owner)
        if _is_untouched(current, old):
            return
        for name in [name for name in current if name not in old]:
            delattr(owner, name)
        for name, member in old.items():
            if current.get(name) is not member:
                setattr(owner, name, member)

    return undo


def _undo_namespaces(function):
    """Remember the learner's own names, and the insides of the data that the code can reach."""
    steps = [_undo_class(part) for part in own_classes(function)]
    seen = set()
    for own in own_functions(function):
        namespace = own.__globals__
        if id(namespace) not in seen:
            seen.add(id(namespace))
            steps.append(_undo_namespace(namespace))
        reached = [namespace[name] for name in own.__code__.co_names if name in namespace]
        reached += [*_cell_contents(own), *(own.__defaults__ or ())]
        reached += list((own.__kwdefaults__ or {}).values())
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


