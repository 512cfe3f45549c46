"""What all cells of a notebook share, and how to put it back after a learner's code has run."""

from __future__ import annotations

import contextlib
import contextvars
import copy
import operator
import os
import random
import sys
import types

import numpy

from polylab.checks.engine.reading import is_a, members_of, own_classes, own_functions

OTHER_MODULES = ("builtins", "math", "random", "numpy", "torch")
CONTAINERS = (list, dict, set)


@contextlib.contextmanager
def untouched_by(*answers):
    """Put back, at the end of a check, modules, and the names and data of the learner's code.

    Parameters
    ----------
    *answers : object
        The learner's objects.
    """
    modules = _Modules()
    undo = [_undo_numpy_random()]
    undo += [step for answer in answers for step in _undo_namespaces(answer)]
    token = _modules_of_check.set(modules)
    try:
        yield
    finally:
        _modules_of_check.reset(token)
        modules.put_back()
        for step in undo:
            step()


_modules_of_check = contextvars.ContextVar("modules", default=None)


@contextlib.contextmanager
def untouched():
    """Put back, after one call of the learner's code, every shared setting and the modules."""
    undo = [*_undo_settings(), *_undo_figures()]
    modules = _modules_of_check.get()
    if modules is None:
        modules = _Modules()
        undo.append(_undo_numpy_random())
    undo.append(modules.put_back)
    try:
        yield
    finally:
        for step in undo:
            step()


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
        generators.append((_default_device, _reset_default_device))
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


def _default_device():
    """Return torch's default device; None if it is one that this machine does not have."""
    try:
        return sys.modules["torch"].get_default_device()
    except (AssertionError, RuntimeError):  # torch looks by making a tensor there
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


class _Modules:
    """What every name of the guarded modules stands for and, in polylab, what is inside it."""

    def __init__(self):
        ours = [module for name, module in list(sys.modules.items())
                if (name.startswith("polylab.") or name == "polylab")
                and is_a(module, types.ModuleType)]
        others = [sys.modules.get(name) for name in OTHER_MODULES]
        self.is_untouched = _is_untouched
        self.names = [(module, dict(vars(module)))
                      for module in (*ours, *filter(None, others))]
        self.functions, self.classes, self.contents = [], [], []
        values = {id(value): value for module in ours for value in vars(module).values()}
        for value in values.values():
            if is_a(value, types.FunctionType):
                parts = value.__code__, value.__defaults__, value.__kwdefaults__
                self.functions.append((value, *parts))
            elif is_a(value, type):
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
        for function, code, defaults, keyword_defaults in self.functions:
            if function.__code__ is not code:
                function.__code__ = code
            if function.__defaults__ is not defaults:
                function.__defaults__ = defaults
            if function.__kwdefaults__ is not keyword_defaults:
                function.__kwdefaults__ = keyword_defaults
        for step in (*self.classes, *self.contents):
            step()


def _is_untouched(current, old, len=len, all=all, map=map, is_=operator.is_):
    """Return whether two dicts hold the very same objects in the same order, by the same names.

    What it calls is bound here: the learner's code may have given those names other meanings.
    """
    return len(current) == len(old) and all(map(is_, current, old)) and all(
        map(is_, current.values(), old.values()))


def _undo_class(owner):
    old = members_of(owner)

    def undo():
        current = members_of(owner)
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


