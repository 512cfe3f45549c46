"""Same maths, less code: every stage of plain descent ends at the same four coefficients.

The oracle is none of the stages. Descent on a sum of squares is a linear recurrence, so t steps
are one matrix power: θ_t = θ* + (I − ηH)^t (θ_0 − θ*), with H = 2 XᵀX.

The stages are proven twice: written out here, in float32 and in float64, and as the stored
notebooks teach them, by running the lesson's own cells down to its training loop.
"""

import warnings
from functools import cache
from pathlib import Path

import matplotlib.pyplot
import nbformat
import numpy
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from polylab.data import FIRST_GUESS, sine_samples

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
RATE = 1e-6
STEPS = 2000
TOLERANCE = {"float32": 1e-4, "float64": 1e-10}  # relative, for each coefficient


@cache
def closed_form(steps=STEPS):
    """Return the coefficients after a number of steps, without taking one."""
    x = numpy.linspace(-numpy.pi, numpy.pi, 2000)
    matrix = numpy.vander(x, 4, increasing=True)
    best = numpy.linalg.lstsq(matrix, numpy.sin(x))[0]
    one_step = numpy.eye(4) - RATE * 2 * matrix.T @ matrix
    return best + numpy.linalg.matrix_power(one_step, steps) @ (FIRST_GUESS - best)


def assert_same(coefficients, dtype, steps=STEPS):
    numbers = [coefficient.item() for coefficient in coefficients]
    assert_allclose(numbers, closed_form(steps), rtol=TOLERANCE[dtype])


# --- The stages, written out ----------------------------------------------------------------


def numpy_by_hand(dtype):
    x, y = sine_samples(dtype=dtype)
    powers = [x**k for k in range(4)]
    coefficients = numpy.array(FIRST_GUESS, dtype=dtype)
    for _ in range(STEPS):
        slope = 2 * (sum(map(numpy.multiply, coefficients, powers)) - y)
        coefficients -= RATE * numpy.array([(slope * power).sum() for power in powers])
    return coefficients


def torch_by_hand(dtype):
    x, y = sine_samples(xp=torch, dtype=getattr(torch, dtype))
    coefficients = torch.tensor(FIRST_GUESS, dtype=x.dtype)
    for _ in range(STEPS):
        a, b, c, d = coefficients
        slope = 2 * (a + b * x + c * x**2 + d * x**3 - y)
        coefficients -= RATE * torch.stack([(slope * x**k).sum() for k in range(4)])
    return coefficients


def autograd(dtype):
    x, y = sine_samples(xp=torch, dtype=getattr(torch, dtype))
    coefficients = torch.tensor(FIRST_GUESS, dtype=x.dtype, requires_grad=True)
    for _ in range(STEPS):
        a, b, c, d = coefficients
        ((a + b * x + c * x**2 + d * x**3 - y) ** 2).sum().backward()
        with torch.no_grad():
            coefficients -= RATE * coefficients.grad
        coefficients.grad = None
    return coefficients


def layers(dtype):
    """Return a linear layer that starts as the first guess, its features and its targets."""
    x, y = sine_samples(xp=torch, dtype=getattr(torch, dtype))
    linear = nn.Linear(3, 1, dtype=x.dtype)
    with torch.no_grad():
        linear.bias.fill_(FIRST_GUESS[0])
        linear.weight.copy_(torch.tensor(FIRST_GUESS[1:], dtype=x.dtype))
    return nn.Sequential(linear, nn.Flatten(0, 1)), x[:, None] ** torch.tensor([1, 2, 3]), y


def layers_and_manual_update(dtype):
    model, matrix, y = layers(dtype)
    for _ in range(STEPS):
        model.zero_grad()
        nn.MSELoss(reduction="sum")(model(matrix), y).backward()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter -= RATE * parameter.grad
    return [*model[0].bias, *model[0].weight[0]]


def layers_and_sgd(dtype):
    model, matrix, y = layers(dtype)
    descend(model, matrix, y)
    return [*model[0].bias, *model[0].weight[0]]


class Cubic(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        numbers = [torch.tensor(number, dtype=dtype) for number in FIRST_GUESS]
        self.a, self.b, self.c, self.d = map(nn.Parameter, numbers)

    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**3


def own_module(dtype):
    x, y = sine_samples(xp=torch, dtype=getattr(torch, dtype))
    model = Cubic(x.dtype)
    descend(model, x, y)
    return model.parameters()


def descend(model, inputs, y):
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE)
    for _ in range(STEPS):
        loss = nn.MSELoss(reduction="sum")(model(inputs), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "stage",
    [numpy_by_hand, torch_by_hand, autograd, layers_and_manual_update, layers_and_sgd, own_module],
)
def test_stage_follows_the_closed_form(stage, dtype):
    assert_same(stage(dtype), dtype)


# --- The stages, as the notebooks teach them ------------------------------------------------


@cache
def lesson(name):
    """Return the names that a notebook holds once its training loop has run.

    The loop is the first cell with a forward line and a step line; all cells before it run too,
    except those that hold a question or an exercise, or that fail on purpose.
    """
    (path,) = NOTEBOOKS.glob(f"{name}_*.ipynb")
    left_out = {"question", "exercise", "check", "solution", "raises-exception"}
    names = {"__name__": "__main__"}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code" or left_out & set(cell.metadata.get("tags", [])):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a lesson may warn on purpose
            exec(compile(cell.source, path.name, "exec"), names)
        matplotlib.pyplot.close("all")
        if "# forward" in cell.source and "# step" in cell.source:
            return names
    raise AssertionError(f"{path.name} has no training loop")


def test_lesson_03_numpy_by_hand():
    names = lesson("03")
    assert_same([names[name] for name in "abcd"], "float64")
    assert len(names["losses"]) == STEPS


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lesson_04_torch_by_hand(dtype):
    x, y = sine_samples(xp=torch, dtype=getattr(torch, dtype))
    names = lesson("04")
    coefficients, losses = names["descend"](x, y)
    assert_same(coefficients, dtype)
    assert names["COUNT"] == len(x)
    assert losses.shape == (STEPS,)


def test_lesson_05_autograd():
    coefficients, losses = lesson("05")["descend"]()
    assert_same(coefficients, "float64")
    assert len(losses) == STEPS


def test_lesson_07_layers_and_manual_update():
    names = lesson("07")
    linear = names["model"][0]
    assert_same([*linear.bias, *linear.weight[0]], dtype_of(linear.bias))
    assert len(names["losses"]) == STEPS


def test_lesson_08_layers_and_sgd():
    names = lesson("08")
    linear = names["model"][0]
    assert_same([*linear.bias, *linear.weight[0]], dtype_of(linear.bias))
    assert_same(names["path"][0], dtype_of(linear.bias), steps=0)


def test_lesson_09_own_module():
    model = lesson("09")["model"]
    numbers = dict(model.named_parameters())
    assert_same([numbers[name] for name in "abcd"], dtype_of(numbers["a"]))


def dtype_of(tensor):
    return str(tensor.dtype).removeprefix("torch.")
