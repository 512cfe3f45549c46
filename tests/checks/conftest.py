"""Around every test of a checker: nothing that all cells share may have changed."""

import os
import random
import signal
import sys
import types
import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy
import pytest
import torch

import polylab.checks.engine.guard
from polylab.checks.engine.state import default_device

matplotlib.use("agg")


@pytest.fixture
def short_patience(monkeypatch):
    """Let code that never returns run for a moment instead of five seconds."""
    monkeypatch.setattr(polylab.checks.engine.guard, "TIME_LIMIT", 0.1)


@pytest.fixture
def some_patience(monkeypatch):
    """Wait long enough for a right answer too, on a busy computer."""
    monkeypatch.setattr(polylab.checks.engine.guard, "TIME_LIMIT", 0.3)


@pytest.fixture
def figure():
    """Return a figure that is open during the test."""
    opened = plt.figure()
    yield opened
    plt.close("all")


@pytest.fixture(autouse=True)
def untouched_world(capfd, figure):
    before = world()
    yield
    for name, value in world().items():
        if name not in PYTEST_CHANGES:
            assert same(value, before[name]), f"{name} changed"
    assert plt.get_fignums() == [figure.number]
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""


# pytest swaps these between the phases of a test; test_check_guard.py compares them within one.
PYTEST_CHANGES = ("streams", "warnings")


def world():
    modules = {name: sys.modules[name] for name in list(sys.modules)
               if "polylab" in name and isinstance(sys.modules[name], types.ModuleType)}
    return {
        "random": random.getstate(),
        "numpy.random": numpy.random.get_state(),  # noqa: NPY002
        "torch.random": torch.get_rng_state(),
        "default dtype": torch.get_default_dtype(),
        "gradient mode": torch.is_grad_enabled(),
        "default device": default_device(),
        "torch modes": torch.overrides._get_current_function_mode_stack(),
        "threads": torch.get_num_threads(),
        "anomaly": torch.is_anomaly_enabled(),
        "error state": numpy.geterr(),
        "print options": numpy.get_printoptions(),
        "warnings": list(warnings.filters),
        "streams": (sys.stdout, sys.stderr, sys.stdin),
        "folder": os.getcwd(),
        "environment": {name: value for name, value in os.environ.items()
                        if name != "PYTEST_CURRENT_TEST"},
        "path": list(sys.path),
        "recursion": sys.getrecursionlimit(),
        "tracing": sys.gettrace(),
        "signals": (signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)),
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "rcParams": dict(dict.items(matplotlib.rcParams)),
        "builtins": dict(vars(sys.modules["builtins"])),
        **{name: Names(vars(module)) for name, module in modules.items()},
    }


class Names(dict):
    """What the names of a module stand for."""


def same(one, other):
    if one is other:
        return True
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, numpy.ndarray):
        return numpy.array_equal(one, other)
    # Names may be added by lazy imports; those that were there must be what they were.
    if isinstance(one, Names):
        return all(one.get(name) is value for name, value in other.items())
    if isinstance(one, dict):
        return all(key in one and same(one[key], value) for key, value in other.items())
    return one == other
