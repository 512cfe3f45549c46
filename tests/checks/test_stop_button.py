"""The stop button, pressed at every line of the engine: it stops, and nothing is left changed."""

import contextlib
import os
import signal
import sys

import matplotlib.pyplot as plt
import pytest
import torch
from conftest import same, world

from polylab.checks.engine import guard, state
from polylab.checks.engine.common import checker
from polylab.checks.engine.guard import call

FILES = {guard.__file__, state.__file__, contextlib.__file__}
LONG = ("Modules", "_undo_class")  # loops over all modules, the same line a thousand times


@pytest.fixture(autouse=True)
def own_handler():
    """Let SIGINT raise, whatever the program that runs the tests does with it."""
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, old)


def leaves_traces():
    """Change what all cells share."""
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    plt.rcParams["lines.linewidth"] = 99
    os.chdir("/")
    os.environ["POLYLAB"] = "edited"
    sys.setrecursionlimit(1234)
    return 5


def fails():
    leaves_traces()
    raise ValueError("on purpose")


def raise_as_it_is(function):
    with contextlib.suppress(guard.Refusal):
        call(function)


def count_lines(run, presses_at=None):
    """Run with a tracer in the files of the engine; press the button at the line with a number.

    Return the lines in the order in which they ran, up to the one where the button was pressed.
    """
    seen = []

    def local(frame, event, argument):
        if event == "line":
            seen.append((frame.f_code.co_filename, frame.f_lineno))
            if len(seen) - 1 == presses_at:
                sys.settrace(None)
                signal.raise_signal(signal.SIGINT)
        return local

    def tracer(frame, event, argument):
        code = frame.f_code
        wanted = code.co_filename in FILES and not code.co_qualname.startswith(LONG)
        return local if wanted and presses_at not in range(len(seen)) else None

    old = sys.gettrace()
    sys.settrace(tracer)
    try:
        run()
    finally:
        sys.settrace(old)
    return seen


def first_and_last(lines):
    """Return where each line ran for the first and for the last time."""
    return sorted({index for order in (1, -1)
                   for index in dict(zip(lines[::order], range(len(lines))[::order],
                                         strict=True)).values()})


def press_everywhere(run):
    run()  # imports
    before = world()
    descriptors = [os.fstat(descriptor).st_ino for descriptor in (1, 2)]
    places = first_and_last(count_lines(run))
    assert len(places) > 100
    for place in places:
        with pytest.raises(KeyboardInterrupt):
            count_lines(run, place)
        after = world()
        changed = [name for name, value in before.items() if not same(after[name], value)]
        assert not changed, place
        assert [os.fstat(descriptor).st_ino for descriptor in (1, 2)] == descriptors
        assert "write" not in vars(sys.stderr)


def test_a_call_that_is_stopped_anywhere_leaves_nothing_changed():
    press_everywhere(lambda: raise_as_it_is(fails))


def test_a_check_that_is_stopped_anywhere_leaves_nothing_changed():
    check = checker(lambda answer: f"Right: it is {call(answer).value}.")
    press_everywhere(lambda: check(leaves_traces))


def test_code_that_swallows_the_stop_is_stopped_nevertheless(some_patience):
    def swallows():
        with contextlib.suppress(BaseException):
            signal.raise_signal(signal.SIGINT)
        return 5

    with pytest.raises(KeyboardInterrupt):
        call(swallows)


def test_whoever_insists_can_end_a_putting_back_that_hangs():
    def hangs(undo):
        undo.callback(lambda: [signal.raise_signal(signal.SIGINT) for _ in range(1000)])

    with pytest.raises(KeyboardInterrupt):
        state.put_back_after(lambda stop: 5, hangs)


def test_one_change_that_cannot_be_taken_back_does_not_keep_the_others():
    taken_back = []

    def change(undo):
        undo.callback(taken_back.append, 1)
        undo.callback(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        state.put_back_after(lambda stop: 5, change)
    assert taken_back == [1]
