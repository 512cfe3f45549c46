"""Checks a training loop over batches whose rate is halved after each epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from polylab.checks.engine.common import (
    ONE_DATA_SET,
    checker,
    is_or_are,
    require_function,
)
from polylab.checks.engine.diagnosis import Mistake, name_the_mistake
from polylab.checks.engine.guard import call
from polylab.checks.engine.values import (
    close,
    is_again,
    read_numbers,
    require_fractions,
    require_kind,
    require_precision,
    require_shape,
    to_library,
)
from polylab.checks.engine.verdict import Refusal

RUNS = "It runs and returns four finite numbers."
WHERE = "on which level of indentation does `scheduler.step()` belong?"
FIVE = "forward, loss, zero, backward, step: which of the five stands on the wrong level?"


@dataclass(frozen=True, eq=False)
class Run:
    """One training run: the batches of an epoch, the start, the first rate, how many epochs."""

    batches: tuple[tuple[numpy.ndarray, numpy.ndarray], ...]
    start: numpy.ndarray
    rate: float
    epochs: int
    dtype: str


@checker
def check_schedule(answer):
    """Check a loop that trains in batches by SGD and halves the rate after each epoch.

    Parameters
    ----------
    answer : callable
        ``answer(batches, start, rate, epochs)``: a list of pairs of tensors, inputs of shape
        (B, 4) and answers of shape (B,), where B may differ from batch to batch; start of shape
        (4,); a float and an int. Returns the coefficients after the last epoch, a tensor of shape
        (4,), trained on the mean of squares of each batch in turn. It must leave ``start`` and
        ``batches`` alone.

    Returns
    -------
    Verdict

    Notes
    -----
    The oracle multiplies the exact matrices of the steps, I − (2η/B)XᵀX, in float64.
    """
    require_function(answer, "batches", "start", "rate", "epochs")
    runs = _make_runs()
    given = [_try(answer, run) for run in runs]
    wanted = [follow(run) for run in runs]
    if all(_near(came, right, run) for came, right, run in zip(given, wanted, runs, strict=True)):
        return "Right: in every run each epoch has half the rate of the one before."
    name_the_mistake(MISTAKES, runs, given, _near, RUNS)
    if any(_near(came, right, run) for came, right, run in zip(given, wanted, runs, strict=True)):
        raise Refusal("In some runs the coefficients are right, in others not.", "", ONE_DATA_SET)
    raise Refusal(RUNS, "They are not the coefficients that this training ends at.",
                  "train one epoch of one batch, by hand and with your function.")


def follow(run, change=None, loss="mean", zero="batch", one_step=False, epochs=0, gamma=0.5,
           chosen=slice(None)):
    """Return where a run ends, rightly or with one thing done in another way.

    Parameters
    ----------
    run : Run
    change : {None, "batch", "before", "never"}
        When the rate is multiplied by ``gamma``: after each epoch, after each batch, already
        before the first epoch, never.
    loss : {"mean", "sum"}
        Of the squares of a batch.
    zero : {"batch", "epoch", "never"}
        When the gradient is cleared.
    one_step : bool
        Whether the gradients of an epoch are added up for a single step.
    epochs : int
        How many epochs more than asked for.
    gamma : float
        What the rate is multiplied by.
    chosen : slice
        Which of the batches are used.

    Returns
    -------
    array, shape (4,)
    """
    theta = run.start.astype(float)
    rate = run.rate * (gamma if change == "before" else 1.0)
    kept = numpy.zeros(4)
    for _ in range(run.epochs + epochs):
        kept = kept if zero == "never" else numpy.zeros(4)
        for inputs, answers in run.batches[chosen]:
            hessian = 2 * numpy.einsum("ni,nj->ij", inputs, inputs, dtype=float)
            pull = 2 * numpy.einsum("ni,n->i", inputs, answers, dtype=float)
            size = len(answers) if loss == "mean" else 1
            kept = (0 if zero == "batch" and not one_step else kept) + (
                hessian @ theta - pull) / size
            if not one_step:
                theta = theta - rate * kept
            rate *= gamma if change == "batch" else 1.0
        if one_step:
            theta = theta - rate * kept
        rate *= gamma if change in (None, "before") else 1.0
    return theta


MISTAKES = (
    Mistake(lambda run: follow(run, "batch"),
            "The rate is halved after every batch, not after every epoch: soon hardly anything "
            "moves.", WHERE),
    Mistake(lambda run: follow(run, "never"),
            "The rate stays the same in all epochs.",
            "who calls `scheduler.step()`, and how often?"),
    Mistake(lambda run: follow(run, "before"),
            "Already the first epoch runs at half the rate: the scheduler steps before the "
            "optimiser.", "the scheduler's turn comes after the batches of an epoch."),
    Mistake(lambda run: follow(run, gamma=0.1),
            "After each epoch the rate is a tenth, not a half.",
            "`StepLR` has a parameter for that, and 0.1 is its default."),
    Mistake(lambda run: follow(run, "batch", gamma=0.1),
            "After every batch the rate is divided by ten: the factor and the place are both not "
            "those that are wanted.", WHERE),
    Mistake(lambda run: follow(run, gamma=2.0),
            "The rate is doubled after each epoch.", "what is `gamma`?"),
    Mistake(lambda run: follow(run, loss="sum"),
            "It trains the sum of squares of a batch; the mean is wanted.",
            "by how much does a sum over B points differ from their mean?"),
    Mistake(lambda run: follow(run, zero="never"),
            "The gradients are never cleared: each step uses the sum of all that came before.",
            FIVE),
    Mistake(lambda run: follow(run, zero="epoch"),
            "The gradients are cleared once an epoch, so within an epoch they add up.", FIVE),
    Mistake(lambda run: follow(run, one_step=True),
            "There is one step for a whole epoch: the gradients of all batches are added up.",
            FIVE),
    Mistake(lambda run: follow(run, chosen=slice(1)),
            "Only the first batch of each epoch is used.",
            "does a `return` or a `break` stand in the inner loop?"),
    Mistake(lambda run: follow(run, chosen=slice(-1, None)),
            "Only the last batch of each epoch is used.", FIVE),
    Mistake(lambda run: follow(run, chosen=slice(-1)),
            "The last, short batch of each epoch is left out.", "why should it be?"),
    Mistake(lambda run: follow(run, epochs=-1), "It trains one epoch too few.",
            "which numbers does your `range` give?"),
    Mistake(lambda run: follow(run, epochs=1), "It trains one epoch too many.",
            "which numbers does your `range` give?"),
    Mistake(lambda run: run.start.astype(float), "These are still the numbers of `start`.",
            "is it the tensor that the optimiser was given that you return?"),
)


def _make_runs():
    runs = []
    for seed, (sizes, epochs, dtype) in enumerate((
            ((8, 8, 3), 3, "float64"), ((5, 5), 2, "float64"), ((6, 6, 6, 2), 4, "float32"),
            ((7, 4), 9, "float64"))):
        random = numpy.random.default_rng(70 + seed)
        batches = tuple((random.normal(size=(size, 4)).astype(dtype),
                         random.normal(size=size).astype(dtype)) for size in sizes)
        runs.append(Run(batches, random.normal(size=4).astype(dtype), 0.03 + 0.01 * seed, epochs,
                        dtype))
    return runs


def _try(answer, run):
    """Return the coefficients that the learner's loop ends at, after two equal calls."""
    first, second = (_call_once(answer, run, seed) for seed in (0, 1))
    if not is_again(first, second):
        raise Refusal("It runs.", "Called twice with the same input it gives two different "
                      "answers.", "the batches come in the order of the list: is anything "
                      "shuffled, or left over from the call before?")
    return first


def _call_once(answer, run, seed):
    batches = [tuple(to_library(part, "torch") for part in pair) for pair in run.batches]
    start = to_library(run.start, "torch")
    value = call(answer, list(batches), start, run.rate, run.epochs, seed=seed).value
    reading = read_numbers(value, "a tensor of four numbers")
    require_shape(reading, (4,))
    if not numpy.isfinite(reading.numbers).all():
        raise Refusal("It returns four numbers.", "Some of them are nan or infinite.",
                      "does anything make the steps longer and longer?")
    require_fractions(reading, run.dtype)
    require_kind(reading, "torch")
    require_precision(reading, run.dtype, "torch")
    handed = {"start": [(start, run.start)],
              "batches": [(part, array) for pair, arrays in zip(batches, run.batches, strict=True)
                          for part, array in zip(pair, arrays, strict=True)]}
    changed = [name for name, parts in handed.items()
               if not all(numpy.array_equal(part.detach().numpy(), array)
                          for part, array in parts)]
    if changed:
        raise Refusal("It runs.", f"Its input {is_or_are(changed)} changed in place.",
                      "train a copy: `start.clone()`.")
    return reading.numbers


def _near(given, wanted, run):
    size = max(float(numpy.abs(run.start).max()), float(numpy.abs(wanted).max()), 1.0)
    return close(given, wanted, size, run.dtype)
