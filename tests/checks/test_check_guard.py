"""The guard: whatever an answer does, the checker stays polite and everything else intact."""

import builtins
import concurrent.futures
import contextlib
import functools
import io
import os
import random
import signal
import subprocess
import sys
import time
import warnings

import matplotlib.pyplot as plt
import numpy
import pytest
import torch
from conftest import same, world
from grading import assert_not_attempted, assert_passed, assert_refused, assert_well_said

import polylab.checks
import polylab.gradients
from polylab.checks import (
    Verdict,
    check_autograd_function,
    check_gradient,
    check_learning_rate,
    check_loss,
    check_module,
    check_repair,
    check_tensor,
    check_training,
)
from polylab.checks.engine import guard
from polylab.checks.engine.guard import call
from polylab.data import sine_samples
from polylab.descent import LeastSquares
from polylab.polynomial import features

PROBLEM = LeastSquares(features(sine_samples()[0]), sine_samples()[1])
CHECKERS = {
    "gradient": check_gradient,
    "gradient in torch": functools.partial(check_gradient, library="torch"),
    "loss": functools.partial(check_loss, kind="sum"),
    "training": check_training,
    "training in torch": functools.partial(check_training, library="torch"),
    "tensor": functools.partial(check_tensor, task="first_ten"),
    "module": functools.partial(check_module, formula="cubic"),
    "autograd function": functools.partial(check_autograd_function, formula="cube"),
    "rate": functools.partial(check_learning_rate, problem=PROBLEM),
    "repair": functools.partial(check_repair, exercise="13.1"),
}


def right(coefficients, x, y):
    matrix = numpy.vander(x, 4, increasing=True)
    return 2 * matrix.T @ (matrix @ coefficients - y)


# --- objects that are no answers --------------------------------------------------------------


class Hostile:
    """Raises whatever one asks of it."""

    def __getattribute__(self, name):
        raise RuntimeError("hands off")

    __eq__ = __bool__ = __len__ = __iter__ = __float__ = __array__ = __repr__ = __getattribute__

    def __hash__(self):
        return 1


class HostileCall(Hostile):
    def __call__(self, *inputs):
        return self


class Pretender:
    """Says it is an array."""

    __class__ = numpy.ndarray

    def __array__(self, *arguments, **named):
        raise SystemExit


class HostileMeta(type):
    def __getattribute__(cls, name):
        raise RuntimeError("hands off")


class HostileClass(metaclass=HostileMeta):
    pass


def a_generator():
    yield 1


async def coroutine(*inputs):
    return 1


JUNK = {
    "a string": "gradient", "an empty string": "", "None": None, "True": True, "zero": 0,
    "nan": float("nan"), "complex": 1j, "a list": [1, 2], "an empty tuple": (), "a dict": {},
    "bytes": b"1", "an object": object(), "the type": type, "a class": int, "a module": numpy,
    "a generator": a_generator(), "a builtin": len, "an exception": ValueError("x"),
    "an error class": KeyboardInterrupt, "a hostile object": Hostile(),
    "a hostile callable": HostileCall(), "a hostile class": HostileClass,
    "a pretender": Pretender(), "no arguments": lambda: 1, "a coroutine function": coroutine,
    "an object array": numpy.array([None, {}], dtype=object), "a string array": numpy.array("a"),
    "an empty array": numpy.zeros(0), "a sparse tensor": torch.eye(3).to_sparse(),
    "a meta tensor": torch.zeros(3, device="meta"), "NotImplemented": NotImplemented,
    "a huge number": 10**5000, "a lock": contextlib.nullcontext(), "a file": io.StringIO(),
}


@pytest.mark.parametrize("checker", CHECKERS)
def test_no_junk_passes_any_checker(checker):
    for name, junk in JUNK.items():
        verdict = CHECKERS[checker](junk)
        assert isinstance(verdict, Verdict), name
        assert not verdict.passed, name
        assert_well_said(verdict.message)
        if checker == "gradient":
            assert check_gradient(junk) == verdict, name


@pytest.mark.parametrize("checker", ["gradient", "loss", "training", "tensor", "repair"])
def test_no_function_that_returns_junk_passes(checker):
    for name, junk in JUNK.items():
        verdict = CHECKERS[checker](lambda *inputs, junk=junk: junk)
        assert not verdict.passed, name
        assert_well_said(verdict.message)


# --- functions that misbehave -----------------------------------------------------------------


def never_returns(*inputs):
    while True:
        pass


def sleeps(*inputs):
    time.sleep(1000)


def swallows(*inputs):
    while True:
        try:  # noqa: SIM105
            time.sleep(1000)
        except:  # noqa: E722
            pass


def swallows_twice(*inputs):
    while True:
        try:
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    pass
        except:  # noqa: E722
            continue


def swallows_in_a_helper(*inputs):
    while True:
        swallows_once()


def swallows_once():
    try:
        time.sleep(1000)
    except BaseException:
        return None


def swallows_and_cleans_up(*inputs):
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            total = 0
            for number in range(10):
                total += number
        finally:
            time.sleep(0)


@pytest.mark.parametrize("answer", [
    never_returns, sleeps, swallows, swallows_twice, swallows_in_a_helper, swallows_and_cleans_up])
@pytest.mark.parametrize("checker", ["gradient", "loss", "training", "tensor"])
def test_a_function_that_never_returns_is_stopped(checker, answer, short_patience):
    assert_refused(CHECKERS[checker](answer), "It has not come back after")
    assert sys.exc_info() == (None, None, None)


def test_what_waits_is_told_from_what_computes(some_patience):
    assert_refused(check_gradient(sleeps), "it computes nothing, it waits")
    assert "waits" not in check_gradient(never_returns).message


def test_an_import_is_never_cut_in_half(some_patience, tmp_path, monkeypatch):
    (tmp_path / "slow_module.py").write_text(
        "import time\nend = time.monotonic() + 1\nwhile time.monotonic() < end:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "slow_module", raising=False)

    def imports(coefficients, x, y):
        import slow_module  # noqa: F401

        return right(coefficients, x, y)

    assert_passed(check_gradient(imports))
    assert hasattr(sys.modules["slow_module"], "end")


class NeverReturns(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(4))

    def forward(self, x):
        never_returns()


class EndlessFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x**3

    @staticmethod
    def backward(ctx, above):
        never_returns()


def test_modules_and_autograd_functions_that_never_return_are_stopped(short_patience):
    assert_refused(check_module(NeverReturns, "cubic"), "It has not come back after")
    assert_refused(check_autograd_function(EndlessFunction, "cube"), "It has not come back after")
    assert_refused(check_repair(never_returns, "13.1"), "has not come back")


@pytest.fixture
def clock(monkeypatch):
    """Return a function that lets time pass on a clock that was just started."""
    now, computed = [0.0], [0.0]
    monkeypatch.setattr(guard.time, "monotonic", lambda: now[0])
    clock = guard._Clock(lambda: computed[0])

    def let_pass(seconds, share):
        """Pass, looking now and then; return after how many seconds the time was up, or None."""
        began = now[0]
        while now[0] < began + seconds:
            now[0] += 0.5
            computed[0] += 0.5 * share
            if clock.look():
                return now[0] - began
        return None

    return let_pass


def test_time_is_what_a_call_computes(clock):
    assert clock(60, share=1) == guard.TIME_LIMIT


def test_time_that_others_took_is_not_the_learners(clock):
    # One of 24 on two cores: some two seconds of computing in half a minute.
    assert clock(30, share=2 / 24) is None
    assert clock(60, share=1) < guard.TIME_LIMIT


def test_what_waits_is_stopped_and_so_is_what_computes_next_to_nothing(clock):
    assert clock(60, share=0) == guard.WAITS * guard.TIME_LIMIT


def test_what_computed_first_and_waits_then_is_stopped(clock):
    assert clock(2, share=1) is None
    assert clock(60, share=0.001) == pytest.approx(guard.WAITS * guard.TIME_LIMIT, abs=1)


def test_what_neither_computes_nor_waits_long_is_stopped_at_last(clock):
    assert clock(600, share=0.02) == guard.CROWDED * guard.TIME_LIMIT


def test_torch_has_one_thread_inside_a_call():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert call(torch.get_num_threads).value == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_tracing_and_timers_are_as_they_were(short_patience):
    def tracer(frame, event, argument):
        return None

    fired = []
    handler = signal.signal(signal.SIGALRM, lambda *inputs: fired.append(1))
    signal.setitimer(signal.ITIMER_REAL, 1000)
    old = sys.gettrace()
    sys.settrace(tracer)
    try:
        check_gradient(swallows)
        assert sys.gettrace() is tracer
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 900
        assert signal.getsignal(signal.SIGALRM)() is None
        assert fired == [1]
    finally:
        sys.settrace(old)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def test_outside_the_main_thread_a_thread_takes_the_place_of_the_alarm(some_patience):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert_passed(pool.submit(check_gradient, right).result())
        assert_refused(pool.submit(check_gradient, never_returns).result(), "not come back")
        assert_refused(pool.submit(check_gradient, raises_system_exit).result(), "SystemExit")


def raises_system_exit(*inputs):
    raise SystemExit


def exits(*inputs):
    sys.exit(3)


def really_exits(*inputs):
    os._exit(3)


def aborts(*inputs):
    os.abort()


def interrupts(*inputs):
    raise KeyboardInterrupt


def recurses(*inputs):
    return recurses(*inputs)


def recurses_deeply(*inputs):
    sys.setrecursionlimit(3000)
    return recurses(*inputs)


def asks(*inputs):
    return input("What is the gradient? ")


class Unspeakable(Exception):
    def __str__(self):
        raise SystemExit


def raises_unspeakable(*inputs):
    raise Unspeakable


def raises_an_essay(*inputs):
    raise ValueError("too long " * 1000 + "\nand a second line")


def raises_an_address(*inputs):
    raise ValueError(f"something wrong with {object()}")


def raises_a_group(*inputs):
    raise BaseExceptionGroup("several", [ValueError("one"), SystemExit(2)])


def out_of_memory(*inputs):
    return numpy.zeros((10**6, 10**6, 10**6))


def leaves_autograd_off(*inputs):
    torch.set_grad_enabled(False)
    return inputs[0][:4]


def runs_out(*inputs):
    return next(iter([]))


MISBEHAVIOUR = (
    (runs_out, "StopIteration, in line"),
    (raises_system_exit, "SystemExit"), (exits, "SystemExit: 3"),
    (really_exits, "SystemExit"), (aborts, "SystemExit"), (interrupts, "KeyboardInterrupt"),
    (recurses, "RecursionError"), (recurses_deeply, "RecursionError"), (asks, "EOFError"),
    (raises_unspeakable, "It raises Unspeakable"), (raises_an_essay, "too long too long"),
    (raises_an_address, "0x…"), (raises_a_group, "BaseExceptionGroup"),
    (out_of_memory, "Error"), (leaves_autograd_off, "leaves autograd switched off"),
    (recurses, "deeper than Python allows, 5,000 calls"),
)


@pytest.mark.parametrize("checker", ["gradient", "loss", "training in torch", "tensor", "repair"])
@pytest.mark.parametrize("case", MISBEHAVIOUR, ids=lambda case: case[0].__name__)
def test_whatever_a_function_raises_is_told(checker, case):
    answer, fragment = case
    verdict = CHECKERS[checker](answer)
    assert_refused(verdict, fragment)
    assert len(verdict.message) < 500
    assert CHECKERS[checker](answer) == verdict


def test_the_learners_own_line_is_shown():
    verdict = check_gradient(raises_system_exit)
    line = raises_system_exit.__code__.co_firstlineno + 1
    assert f"in line {line}: `raise SystemExit`" in verdict.message
    assert "polylab" not in verdict.message


def test_the_line_is_counted_in_the_cell_and_shown_without_source_too():
    namespace = {}
    exec(compile("def answer(coefficients, x, y):\n    nothing = 0\n    return 1 / nothing\n",
                 "<cell>", "exec"), namespace)
    assert_refused(check_gradient(namespace["answer"]), "ZeroDivisionError", "in line 3.")


def test_the_stop_button_still_stops():
    def stop(*inputs):
        signal.raise_signal(signal.SIGINT)
        time.sleep(5)

    # A process in the background may have been started deaf to it; a kernel never is.
    heard = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            check_gradient(stop)
    finally:
        signal.signal(signal.SIGINT, heard)


# --- printing ---------------------------------------------------------------------------------


def prints_a_megabyte(*inputs):
    for _ in range(1000):
        print("x" * 1000)
        sys.stderr.write("y" * 1000)
    return right(*inputs)


def prints_for_ever(*inputs):
    while True:
        print("x" * 1_000_000)


def test_what_is_printed_is_dropped():
    assert_passed(check_gradient(prints_a_megabyte))


def test_printing_for_ever_fills_no_memory(short_patience):
    assert_refused(check_gradient(prints_for_ever), "not come back")


def test_a_call_keeps_the_beginning_of_what_is_printed_and_the_warnings():
    def talks():
        warnings.warn("careful", stacklevel=1)
        print("a" * 200_000)
        return 5

    finished = call(talks)
    assert finished.value == 5
    assert finished.printed == "a" * 100_000
    assert finished.warned == ("careful",)


# --- settings and other people's things -------------------------------------------------------


def disturbs_everything(coefficients, x, y):
    random.seed(99)
    numpy.random.seed(99)  # noqa: NPY002
    torch.manual_seed(99)
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(7)
    torch.autograd.set_detect_anomaly(True)
    torch.set_default_device("meta")
    numpy.seterr(all="raise")
    numpy.set_printoptions(precision=1)
    warnings.simplefilter("error")
    os.chdir("/")
    os.environ["POLYLAB"] = "edited"
    os.environ.pop("PATH")
    sys.path.insert(0, "/")
    sys.setrecursionlimit(500)
    sys.stdout = io.StringIO()
    plt.rcParams["lines.linewidth"] = 99
    plt.plot([1, 2, 3])
    plt.figure()
    plt.close(1)
    builtins.sum = max
    return right(coefficients, x, y)


def descends(x, y, start, rate, steps):
    coefficients = torch.tensor(start.tolist(), dtype=x.dtype, requires_grad=True)
    powers = x[:, None] ** torch.arange(4)
    for _ in range(steps):
        coefficients.grad = None
        ((powers @ coefficients - y) ** 2).sum().backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients.detach()


def descends_two_steps_in_one(x, y, start, rate, steps):
    return descends(x, y, start, 2 * rate, steps)


class FromDefaults(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.numbers = torch.nn.Parameter(torch.zeros(4))

    def forward(self, x):
        return x[:, None] ** torch.arange(4) @ self.numbers


def enters_inference_mode():
    mode = torch.inference_mode()
    mode.__enter__()
    return mode


@pytest.mark.parametrize(("change", "put_back"), [
    (lambda: torch.set_default_device("meta"), lambda _: torch.set_default_device(None)),
    (lambda: torch.set_default_dtype(torch.float64),
     lambda _: torch.set_default_dtype(torch.float32)),
    (lambda: torch.set_grad_enabled(False), lambda _: torch.set_grad_enabled(True)),
    (enters_inference_mode, lambda mode: mode.__exit__(None, None, None)),
    (lambda: numpy.seterr(all="raise"), lambda old: numpy.seterr(**old)),
    (lambda: sys.setrecursionlimit(400), lambda _: sys.setrecursionlimit(1000)),
])
def test_what_earlier_cells_have_set_changes_no_verdict(change, put_back):
    limit, old = sys.getrecursionlimit(), change()
    try:
        verdicts = [check_training(descends, library="torch", gradient="autograd"),
                    check_training(descends_two_steps_in_one, library="torch"),
                    check_module(FromDefaults, "cubic"), check_module(FromDefaults, "line")]
    finally:
        put_back(old)
        sys.setrecursionlimit(limit)
    for verdict, passed in zip(verdicts, (True, False, True, False), strict=True):
        assert verdict.passed is passed, verdict.message
    assert "Each gradient is 2 times" in verdicts[1].message or "twice" in verdicts[1].message
    assert "4 learnable numbers" in verdicts[3].message


def by_recursion(x, y, start, rate, steps):
    if steps == 0:
        return start
    X = numpy.vander(x, 4, increasing=True)
    return by_recursion(x, y, start - rate * 2 * X.T @ (X @ start - y), rate, steps - 1)


def test_an_answer_may_call_itself_once_for_each_step():
    assert_passed(check_training(by_recursion))


def test_every_shared_setting_is_put_back(figure):
    before = world()
    assert_passed(check_gradient(disturbs_everything))
    after = world()
    for name, value in before.items():
        assert same(after[name], value), name
    assert plt.get_fignums() == [figure.number]
    assert not figure.axes


def test_the_settings_that_a_learner_chose_stay_chosen():
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    try:
        assert_passed(check_training(with_autograd, library="torch"))
        assert torch.get_default_dtype() is torch.float64
        assert not torch.is_grad_enabled()
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)


def with_autograd(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    for _ in range(steps):
        a, b, c, d = coefficients
        loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).sum()
        coefficients.grad = None
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients


def yes(*inputs, **named):
    return True


def edits_polylab(coefficients, x, y):
    polylab.gradients.exact_gradient = polylab.gradients.finite_difference_gradient = yes
    polylab.checks.check_gradient = yes
    polylab.checks.engine.values.close.__code__ = yes.__code__
    polylab.checks.engine.values.close.__defaults__ = (1,)
    polylab.checks.engine.values.close = yes
    polylab.checks.gradients.close = yes
    polylab.checks.gradients.new_name = yes
    polylab.checks.engine.verdict.Verdict.__bool__ = yes
    polylab.checks.engine.verdict.Verdict.extra = yes
    polylab.checks.slopes.NAMES = ()
    polylab.checks.engine.values.TOLERANCE.update(float32=1e9, float64=1e9)
    polylab.tasks.TASKS.clear()
    del polylab.checks.engine.values.require_shape
    return numpy.zeros(4)


def test_editing_polylab_neither_passes_nor_lasts():
    before = {name: dict(vars(module)) for name, module in sys.modules.items()
              if name.startswith("polylab")}
    code = polylab.checks.engine.values.close.__code__
    assert_refused(check_gradient(edits_polylab), "the same four numbers")
    for name, names in before.items():
        assert vars(sys.modules[name]) == names
    assert polylab.tasks.TASKS
    assert not hasattr(Verdict, "extra")
    assert polylab.checks.engine.values.close.__code__ is code
    assert polylab.checks.engine.values.close.__defaults__ is None
    assert bool(Verdict(False, "no")) is False
    assert_refused(check_gradient(lambda c, x, y: -right(c, x, y)), "wrong sign")


def asks_for_a_device_that_is_not_there(coefficients, x, y):
    torch.set_default_device("cuda:31")
    return numpy.zeros(4)


def names_the_cpu(coefficients, x, y):
    torch.set_default_device("cpu")
    return numpy.zeros(4)


def test_a_default_device_set_to_the_cpu_by_name_leaves_no_trace():
    before = torch.overrides._get_current_function_mode_stack()
    assert_refused(check_gradient(names_the_cpu), "the same four numbers")
    assert torch.overrides._get_current_function_mode_stack() == before


def test_a_default_device_that_this_machine_lacks_is_put_back():
    assert_refused(check_gradient(asks_for_a_device_that_is_not_there), "the same four numbers")
    assert torch.zeros(2).device.type == "cpu"


def test_torch_that_cannot_name_its_default_device_is_put_back_too(monkeypatch):
    def get_default_device():  # as torch 2.6 does once the default was set to None
        raise AttributeError("'NoneType' object has no attribute 'device'")

    before = torch.overrides._get_current_function_mode_stack()
    with monkeypatch.context() as patch:
        patch.setattr(torch, "get_default_device", get_default_device)
        assert_passed(check_gradient(right))
        assert_refused(check_gradient(names_the_cpu), "the same four numbers")
        assert torch.overrides._get_current_function_mode_stack() == before


FACTOR = 2
HISTORY = []
WEIGHTS = numpy.ones(4)
STATE = torch.ones(3, requires_grad=True)


def edits_constants(coefficients, x, y):
    global FACTOR
    HISTORY.append(1)
    WEIGHTS[:] = 7
    STATE.data += 1
    STATE.sum().backward()
    globals()["FRESH"] = 1
    globals()["FACTOR"] = 5
    return right(coefficients, x, y)


def test_the_learners_own_names_and_data_are_put_back():
    check_gradient(edits_constants)
    assert FACTOR == 2
    assert HISTORY == []
    assert (WEIGHTS == 1).all()
    assert (STATE == 1).all()
    assert STATE.grad is None
    assert "FRESH" not in globals()


def test_what_a_closure_and_a_default_remember_is_put_back():
    calls, count = [], 0

    def counts(coefficients, x, y, seen=[]):  # noqa: B006
        nonlocal count
        count += 1
        calls.append(1)
        seen.append(1)
        return right(coefficients, x, y)

    assert_passed(check_gradient(counts))
    assert (calls, count, counts.__defaults__) == ([], 0, ([],))


# --- unfinished answers -----------------------------------------------------------------------


def answer_from(source):
    """Return the last function of a cell, made without its source being kept."""
    namespace = {"numpy": numpy}
    exec(source, namespace)
    return [value for value in namespace.values() if callable(value)][-1]


@pytest.mark.parametrize("body", [
    "return ...", "slope = ...\n    return slope", "z = y = ...\n    return z",
])
def test_a_blank_is_found_without_source_too(body):
    answer = answer_from(f"def answer(coefficients, x, y):\n    {body}\n")
    assert_not_attempted(check_gradient(answer))


def test_an_index_is_no_blank_without_source_either():
    answer = answer_from(
        "def answer(coefficients, x, y):\n"
        "    matrix = x[..., None] ** numpy.arange(4)\n"
        "    return 2 * matrix.T @ (matrix @ coefficients - y)\n")
    assert_passed(check_gradient(answer))


def helper_to_write(x):
    return ...


def leans_on_a_blank_helper(coefficients, x, y):
    return helper_to_write(x)


def not_implemented(coefficients, x, y):
    # YOUR CODE HERE
    raise NotImplementedError()


def test_the_stub_of_nbgrader_is_a_blank_too():
    assert_not_attempted(check_gradient(not_implemented))


def test_a_blank_in_a_helper_counts():
    assert_not_attempted(check_gradient(leans_on_a_blank_helper))
    line = helper_to_write.__code__.co_firstlineno + 1
    assert (f"`helper_to_write`, which it calls, still holds `...` in line {line} of its cell"
            in repr(check_gradient(leans_on_a_blank_helper)))


# --- classes: nbgrader, and no torch where none is needed -------------------------------------


@pytest.mark.parametrize("mode", ["autograde", "validate"])
def test_under_nbgrader_a_failing_verdict_is_an_error(monkeypatch, mode):
    monkeypatch.setenv("NBGRADER_EXECUTION", mode)
    assert_passed(check_gradient(right))
    with pytest.raises(AssertionError, match="wrong sign"):
        check_gradient(lambda coefficients, x, y: -right(coefficients, x, y))
    with pytest.raises(AssertionError, match="Not attempted yet"):
        check_gradient(...)


def test_numpy_answers_are_checked_without_torch():
    program = (
        "import sys, numpy\n"
        "from polylab.checks import check_gradient, check_loss, check_training, check_tensor\n"
        "def gradient(coefficients, x, y):\n"
        "    matrix = numpy.vander(x, 4, increasing=True)\n"
        "    return 2 * matrix.T @ (matrix @ coefficients - y)\n"
        "def train(x, y, start, rate, steps):\n"
        "    for _ in range(steps):\n"
        "        start = start - rate * gradient(start, x, y)\n"
        "    return start\n"
        "assert check_gradient(gradient)\n"
        "assert not check_gradient(lambda c, x, y: -gradient(c, x, y))\n"
        "assert check_loss(lambda predicted, y: ((predicted - y) ** 2).sum(), 'sum')\n"
        "assert check_training(train)\n"
        "assert not check_training(lambda x, y, start, rate, steps: start)\n"
        "assert not check_tensor(1, 'loss_of_zero')\n"
        "assert 'torch' not in sys.modules\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                              check=False, env={**os.environ, "NBGRADER_EXECUTION": ""})
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == ""
