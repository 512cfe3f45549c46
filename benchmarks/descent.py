"""Training runs: loops over the data against ``polylab.descent``."""

import numpy
import torch

from benchmarks.comparison import compare
from polylab.data import FIRST_GUESS, sine_samples
from polylab.descent import LeastSquares
from polylab.polynomial import features

COUNT = 2000  # points
RATES = {"sgd": 1e-6, "momentum": 1e-6, "rmsprop": 3e-4, "adam": 1e-3}  # per step, for the SUM
TORCH = {
    "sgd": lambda parameters, rate: torch.optim.SGD(parameters, lr=rate),
    "momentum": lambda parameters, rate: torch.optim.SGD(parameters, lr=rate, momentum=0.9),
    "rmsprop": lambda parameters, rate: torch.optim.RMSprop(parameters, lr=rate),
    "adam": lambda parameters, rate: torch.optim.Adam(parameters, lr=rate),
}


def comparisons(steps=2000, many=1000, some=256, repeats=5):
    """Yield the comparisons of this group, all in float64.

    Parameters
    ----------
    steps : int
        Length of every run.
    many, some : int
        How many learning rates the closed forms and the adaptive optimisers run at once.
    repeats : int
        How many timings each median is taken of.
    """
    x, y = sine_samples(COUNT)
    matrix = features(x)
    problem = LeastSquares(matrix, y)

    def ours(optimiser):
        return problem.descend(FIRST_GUESS, RATES[optimiser], steps, optimiser).losses

    yield compare(
        f"{steps} steps of plain descent, all losses",
        ("NumPy loop over the data", lambda: numpy_loop(x, y, RATES["sgd"], steps)),
        ("closed form", lambda: ours("sgd")), repeats=repeats,
    )
    yield compare(
        "the same, with the data still to be summed up",
        ("NumPy loop over the data", lambda: numpy_loop(x, y, RATES["sgd"], steps)),
        ("SVD and closed form", lambda: LeastSquares(features(x), y).descend(
            FIRST_GUESS, RATES["sgd"], steps).losses), repeats=repeats,
    )
    for optimiser in TORCH:
        yield compare(
            f"{steps} steps of {optimiser}, all losses",
            ("torch.optim and autograd", lambda name=optimiser: torch_loop(matrix, y, name, steps)),
            ("polylab.descent", lambda name=optimiser: ours(name)), repeats=repeats,
        )
    rates = numpy.geomspace(1e-8, 3.5e-6, many)
    for optimiser in ("sgd", "momentum"):
        yield compare(
            f"{many} rates × {steps} steps of {optimiser}, all losses",
            ("one rate after another", lambda name=optimiser: numpy.array(
                [problem.descend(FIRST_GUESS, float(rate), steps, name).losses for rate in rates])),
            ("all at once", lambda name=optimiser: problem.descend(
                FIRST_GUESS, rates, steps, name).losses), repeats=repeats,
        )
    for optimiser in ("rmsprop", "adam"):
        rates = RATES[optimiser] * numpy.linspace(0.5, 1.5, some)
        yield compare(
            f"{steps} steps of {optimiser}: 1 rate in torch, {some} in ours",
            ("torch.optim, ONE run", lambda name=optimiser: torch_loop(matrix, y, name, steps)),
            (f"{some} runs at once", lambda name=optimiser, rates=rates: problem.descend(
                FIRST_GUESS, rates, steps, name).losses), repeats=repeats, comparable=False,
        )


def numpy_loop(x, y, rate, steps):
    """Return the losses of the loop of notebook 03, before each update and after the last."""
    a, b, c, d = FIRST_GUESS
    losses = numpy.empty(steps + 1)
    for step in range(steps):
        predicted = a + b * x + c * x**2 + d * x**3  # forward
        losses[step] = ((predicted - y) ** 2).sum()  # loss
        slope = 2 * (predicted - y)  # backward
        a_slope, b_slope = slope.sum(), (slope * x).sum()
        c_slope, d_slope = (slope * x**2).sum(), (slope * x**3).sum()
        a, b = a - rate * a_slope, b - rate * b_slope  # step
        c, d = c - rate * c_slope, d - rate * d_slope
    losses[steps] = ((a + b * x + c * x**2 + d * x**3 - y) ** 2).sum()
    return losses


def torch_loop(matrix, y, optimiser, steps):
    """Return the losses of a torch.optim run, before each update and after the last."""
    matrix, y = torch.from_numpy(matrix), torch.from_numpy(y)
    coefficients = torch.tensor(FIRST_GUESS, dtype=torch.float64, requires_grad=True)
    update = TORCH[optimiser]([coefficients], RATES[optimiser])
    losses = numpy.empty(steps + 1)
    for step in range(steps + 1):
        loss = (matrix @ coefficients - y).square().sum()
        losses[step] = loss.item()
        if step < steps:
            update.zero_grad()
            loss.backward()
            update.step()
    return losses
