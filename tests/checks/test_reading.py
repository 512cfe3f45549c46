"""Reading code without running it: whose it is, what it leans on, and what is unfinished."""

import importlib
import linecache
import logging
import math
import sys
import textwrap

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused
from numpy import c_, inf, nan, newaxis
from torch import pi

from polylab.checks import check_gradient, check_module, check_tensor, check_training
from polylab.checks.engine.reading import blank_line, outside_data, own_classes, own_functions

logger = logging.getLogger("polylab.tests")


def gradient(coefficients, x, y):
    matrix = x[:, newaxis] ** numpy.arange(4)
    return 2 * matrix.T @ (matrix @ coefficients - y)


def test_a_constant_imported_by_name_is_no_outside_data():
    assert_passed(check_gradient(gradient))
    assert outside_data(lambda x: (c_[x], nan, inf, pi, newaxis, logger.name)) == []


half_turn = math.pi


def test_a_constant_by_another_name_is_the_same_constant_and_a_number_is_data(monkeypatch):
    assert outside_data(lambda x: x / half_turn) == []
    monkeypatch.setitem(globals(), "half_turn", 3.0)
    assert outside_data(lambda x: x / half_turn) == ["half_turn"]
    monkeypatch.setitem(globals(), "pi", 3.0)
    assert outside_data(lambda x: x / pi) == ["pi"]


# --- whose code -------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Return a package in a folder that no rule about folders knows, as with pip --user."""
    package = tmp_path / "elsewhere" / "kit"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(textwrap.dedent("""
        hooks = {}

        class Base:
            def work(self):
                return hooks, ...

        def helper(value):
            blank = ...
            return value if hooks is None else value
        """))
    (tmp_path / "elsewhere" / "own_file.py").write_text(
        "scale = 2\ndef own(x):\n    return scale * x\n")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    yield [importlib.import_module(name) for name in ("kit", "own_file")]
    for name in ("kit", "own_file"):
        del sys.modules[name]


def test_a_package_is_no_learners_code_wherever_it_lies(elsewhere):
    kit, own_file = elsewhere

    class Answer(kit.Base):
        def answer(self, x):
            return kit.helper(x)

    helper = kit.helper
    assert own_classes(Answer) == [Answer]
    assert own_functions(Answer) == [Answer.answer]
    assert own_functions(lambda x: helper(x))[1:] == []
    assert outside_data(Answer) == []
    assert blank_line(Answer) is None
    # A file of one's own beside the notebook is read like a cell.
    assert outside_data(own_file.own) == ["scale"]


def test_python_and_torch_are_no_learners_code():
    for answer in (textwrap.dedent, torch.nn.Linear, numpy.vander, torch.nn.functional.relu):
        assert own_functions(answer) == []


def test_a_notebook_started_by_a_package_is_still_the_learners(monkeypatch):
    namespace = {"__name__": "__main__", "__package__": "ipykernel", "scale": 2}
    exec("def answer(x):\n    return scale * x", namespace)
    assert outside_data(namespace["answer"]) == ["scale"]


# --- what is unfinished -----------------------------------------------------------------------


def einsum_by_lists(coefficients, x):
    return numpy.einsum(x[:, None] ** numpy.arange(4), [..., 0], coefficients, [0])


def einsum_in_torch(x):
    return torch.einsum(x[1:], [...], [...])


def index_in_a_name(coefficients, x):
    column = (..., None)
    return x[column] ** numpy.arange(4) @ coefficients


def index_in_a_default(coefficients, x, rest=...):
    return x[rest, None] ** numpy.arange(4) @ coefficients


def compares(coefficients, x):
    if coefficients is ...:
        raise ValueError("write them first")
    return x[..., None] ** numpy.arange(4) @ coefficients


@pytest.mark.parametrize("answer", [einsum_by_lists, index_in_a_name, index_in_a_default, compares])
def test_an_ellipsis_that_means_something_is_no_blank(answer):
    def doubled(coefficients, x):
        return 2 * answer(coefficients, x)

    assert_passed(check_tensor(answer, "cubic"))
    assert_refused(check_tensor(doubled, "cubic"), "factor of 2")


def test_code_that_is_right_with_an_ellipsis_in_it_is_right():
    def answer(coefficients, x):
        every = ...
        return x.__getitem__((every, None)) ** numpy.arange(4) @ coefficients

    assert_passed(check_tensor(answer, "cubic"))


def two_of_four(coefficients, x, y):
    slope = 2 * (gradient(coefficients, x, y) - y.sum())
    return numpy.array([slope.sum(), (slope * x.sum()).sum(), ..., ...])


def test_a_list_that_is_half_written_is_unfinished():
    line = two_of_four.__code__.co_firstlineno + 2
    assert_not_attempted(check_gradient(two_of_four))
    assert f"line {line} of the cell still holds" in check_gradient(two_of_four).message


gradient_of, rate_of_mine = ..., ...


def leans_on_a_name(x, y, start, rate, steps):
    for _ in range(steps):
        start = start - rate * gradient_of(start, x, y)
    return start


def test_a_name_of_an_earlier_cell_that_is_unfinished_is_named():
    verdict = check_training(leans_on_a_name)
    assert_not_attempted(verdict)
    assert "`gradient_of`, which it uses, is still `...`" in verdict.message


def run_cells(*cells):
    """Run texts as the cells of a notebook, whose lines can be looked up."""
    namespace = {"numpy": numpy, "__name__": "__main__"}
    for number, cell in enumerate(cells):
        name = f"<cell {number} of a test>"
        linecache.cache[name] = len(cell), None, cell.splitlines(True), name
        exec(compile(cell, name, "exec"), namespace)
    return namespace


@pytest.mark.parametrize("stub", [
    "return ...", "slope = ...\n    return slope", "raise NotImplementedError",
])
def test_an_unfinished_function_of_an_earlier_cell_is_named(stub):
    namespace = run_cells(
        f"def gradient_of(coefficients, x, y):\n    {stub}\n",
        "def train(x, y, start, rate, steps):\n    for _ in range(steps):\n"
        "        start = start - rate * gradient_of(start, x, y)\n    return start\n")
    verdict = check_training(namespace["train"])
    assert_not_attempted(verdict)
    assert "`gradient_of`" in verdict.message


def test_a_line_of_another_cell_is_said_to_be_of_that_cell():
    namespace = run_cells("def loss_of(x):\n    nothing = 0\n    return x / nothing\n",
                          "def gradient_of(coefficients, x, y):\n    return loss_of(1)\n")
    assert_refused(check_gradient(namespace["gradient_of"]),
                   "ZeroDivisionError: division by zero, in line 3 of the cell of `loss_of`")


def test_a_function_of_an_earlier_cell_that_returns_nothing_is_asked_for():
    namespace = run_cells("def slope_of(c, x, y):\n    c.sum()\n",
                          "def gradient_of(c, x, y):\n    return 2 * slope_of(c, x, y)\n")
    assert_refused(check_gradient(namespace["gradient_of"]),
                   "does every function that it calls return something?")


# --- what came back ---------------------------------------------------------------------------


def generates(coefficients, x, y):
    return (2 * (x * 0 - y) @ x**k for k in range(4))


def yields(coefficients, x, y):
    yield from gradient(coefficients, x, y)


def broken_power(coefficients, x, y):
    return gradient(coefficients, x, y) ** 0.5


def divides(coefficients, x, y):
    with numpy.errstate(all="ignore"):
        return gradient(coefficients, x, y) / numpy.array([0.0, 1, 1, 1])


@pytest.mark.parametrize(("answer", "said"), [
    (generates, "round brackets around `… for …` make a generator"),
    (yields, "use `return`, not `yield`"),
    (broken_power, "Some of the four numbers are nan"),
    (divides, "Some of the four numbers are infinite"),
    (lambda coefficients, x, y: (-8.0) ** (1 / 3), "negative number is complex"),
])
def test_what_came_back_is_told_by_what_it_is(answer, said):
    assert_refused(check_gradient(answer), said)


@pytest.mark.parametrize(("product", "said"), [
    (lambda c, x, y: torch.ones(4, len(x)) @ x, "Two dtypes are mixed: float32 meets float64"),
    (lambda c, x, y: torch.ones(4, len(x), dtype=torch.int64) @ x,
     "Two dtypes are mixed: float64 meets int64"),
    (lambda c, x, y: torch.ones(4, len(x)).half() @ x,
     "Two dtypes are mixed: float16 meets float64"),
])
def test_two_dtypes_are_named_as_they_are(product, said):
    assert_refused(check_gradient(product, library="torch"), said)


def test_a_module_is_checked_where_torch_counts_as_any_package():
    class Cubic(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.c = torch.nn.Parameter(torch.zeros(4))

        def forward(self, x):
            return x[..., None] ** torch.arange(4) @ self.c

    assert_passed(check_module(Cubic, "cubic"))
    assert own_classes(Cubic) == [Cubic]
