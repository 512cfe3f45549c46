"""Checks a function that measures the error of a network on a set of data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from polylab.checks.engine.common import checker, require_function
from polylab.checks.engine.diagnosis import Mistake, name_the_mistake
from polylab.checks.engine.guard import call
from polylab.checks.engine.values import close, read_numbers, require_finite, require_shape
from polylab.checks.engine.verdict import Refusal

DAMAGE = 3.0  # what the pretended dropout multiplies hidden numbers by, in training mode only
RIGHT = "The number is right."
MODE = "which two methods of a module switch its mode, and where do they belong?"
SIZES = "the last batch is shorter than the others: how much should it count?"


@dataclass(frozen=True, eq=False)
class Try:
    """A network, the batches that it is measured on, and the mode in which it comes."""

    weights: numpy.ndarray  # shape (inputs,)
    batches: tuple[tuple[numpy.ndarray, numpy.ndarray], ...]
    training: bool
    dtype: str

    def squares(self, damage=1.0):
        """Return, for each batch, the squared errors in float64."""
        weights = self.weights.astype(float)
        return [(damage * numpy.tanh(inputs.astype(float)) @ weights - targets) ** 2
                for inputs, targets in self.batches]

    def pairs(self):
        """Return the squared errors of every prediction of a batch against each of its targets."""
        weights = self.weights.astype(float)
        return [numpy.subtract.outer(numpy.tanh(inputs.astype(float)) @ weights, targets) ** 2
                for inputs, targets in self.batches]


@checker
def check_evaluation(answer):
    """Check a function that returns the mean squared error of a network on a set.

    Parameters
    ----------
    answer : callable
        ``answer(model, batches)``: a module that is called with inputs of shape (B, k) and
        returns predictions of shape (B, 1); a list of pairs of tensors, inputs and targets of
        shape (B, 1), the last batch shorter than the others. Returns one number. It must measure
        in evaluation mode, record no graph, and give the model back as it came, mode included.

    Returns
    -------
    Verdict

    Notes
    -----
    The networks hold a part that triples its numbers in training mode, in place of a dropout that
    nobody could foretell. The oracle computes them in NumPy, in float64.
    """
    require_function(answer, "model", "batches")
    tries = _make_tries()
    seen = [_try(answer, one) for one in tries]
    given = [reading.numbers for reading, _ in seen]
    if not all(_near(came, _mean(one.squares()), one)
               for came, one in zip(given, tries, strict=True)):
        name_the_mistake(MISTAKES, tries, given, _near, "It returns one number.")
        raise Refusal("It returns one number.",
                      "It is not the mean squared error over all points of the set.",
                      "take two batches, of three points and of one, and do it by hand.")
    _require_the_model_back([spy for _, spy in seen], tries)
    return "Right: the error over all points, without dropout, and the model comes back as it was."


def _make_tries():
    tries = []
    for seed, (sizes, training, dtype) in enumerate((
            ((8, 8, 8, 3), True, "float64"), ((5, 5, 1), False, "float64"),
            ((16, 2), True, "float32"), ((7, 7, 7, 7, 4), False, "float32"))):
        random = numpy.random.default_rng(60 + seed)
        batches = tuple((random.normal(size=(size, 3)).astype(dtype),
                         random.normal(size=size).astype(dtype)) for size in sizes)
        tries.append(Try(random.normal(size=3).astype(dtype), batches, training, dtype))
    return tries


def _mean(squares):
    return numpy.concatenate(squares).mean()


def _near(given, wanted, one):
    return close(given, wanted, abs(wanted) + 1e-12, one.dtype)


def _all(reduce, mode="eval"):
    """Return a guess that reduces the squared errors of the batches to one number."""
    return lambda one: reduce(one.squares(
        DAMAGE if mode == "train" or (mode == "as it comes" and one.training) else 1.0))


def _mean_of_means(squares):
    return numpy.mean([batch.mean() for batch in squares])


DAMAGED = "It measures in training mode: whatever a dropout damages is counted as error."
DAMAGED_AND_MORE = ("It measures in training mode, where a dropout damages the numbers, and takes "
                    "the mean of the means of the batches.")


MISTAKES = (
    *(Mistake(_all(_mean, mode), DAMAGED, MODE) for mode in ("train", "as it comes")),
    *(Mistake(_all(_mean_of_means, mode), DAMAGED_AND_MORE, MODE)
      for mode in ("train", "as it comes")),
    Mistake(_all(_mean_of_means),
            "It is the mean of the means of the batches: the points of the short last batch count "
            "more than the others.", SIZES),
    Mistake(_all(lambda squares: numpy.concatenate(squares).sum()),
            "It is the sum over all points; the mean is wanted.", "how many points are there?"),
    Mistake(_all(lambda squares: sum(batch.mean() for batch in squares)),
            "It adds up the means of the batches.", SIZES),
    Mistake(_all(lambda squares: numpy.concatenate(squares).sum() / len(squares)),
            "The sum is divided by the number of batches, not of points.",
            "how many points are there?"),
    Mistake(_all(lambda squares: numpy.concatenate(squares).sum()
                 / (len(squares) * len(squares[0]))),
            "It divides as if the last batch were as large as the others.", SIZES),
    Mistake(_all(lambda squares: squares[-1].mean()), "It is the error of the last batch alone.",
            "what is left of the earlier batches when the loop is over?"),
    Mistake(_all(lambda squares: squares[0].mean()), "It is the error of the first batch alone.",
            "on which level of indentation does `return` stand?"),
    *(Mistake(guess, "Shapes (B,) and (B, 1) met, so every prediction of a batch is compared with "
              "each of its targets.", "print the shape of the difference.")
      for guess in (lambda one: sum(batch.sum() for batch in one.pairs()) / sum(
                        len(targets) for _, targets in one.batches),
                    lambda one: numpy.concatenate([b.ravel() for b in one.pairs()]).mean())),
    Mistake(_all(lambda squares: _mean(squares) ** 0.5), "It is the root of the mean square.",
            "the mean of the squares itself is wanted."),
)


def _try(answer, one):
    """Return the reading of what came back, and the spy inside the network."""
    import torch

    model, spy = call(_make_model, one).value
    batches = [tuple(torch.from_numpy(numpy.array(part)) for part in (inputs, targets[:, None]))
               for inputs, targets in one.batches]
    value = call(answer, model, batches).value
    reading = read_numbers(value, "one number")
    require_shape(reading, (), ((
        (len(batches),), "It returns one number for each batch; one for the whole set is wanted.",
        SIZES),))
    require_finite(reading, "its values")
    if getattr(value, "requires_grad", False):
        raise Refusal("It returns one number.", "The number still holds on to a graph, and with "
                      "it to all hidden numbers of the set.",
                      "nothing is differentiated here; which block tells autograd so?")
    return reading, spy


def _make_model(one):
    """Return a small network, and the part of it that notes how it is used."""
    import torch

    class Spy(torch.nn.Module):
        """Triple the numbers in training mode, and note whether a graph is recorded."""

        def __init__(self):
            super().__init__()
            self.graphs = []

        def forward(self, hidden):
            self.graphs.append(torch.is_grad_enabled())
            return hidden * DAMAGE if self.training else hidden

    spy, last = Spy(), torch.nn.Linear(3, 1, bias=False)
    model = torch.nn.Sequential(torch.nn.Tanh(), spy, last)
    last.weight = torch.nn.Parameter(torch.from_numpy(one.weights[None].copy()))
    model.train(one.training)
    spy.model, spy.before = [model], one.weights.copy()  # in a list: not a part of itself
    return model, spy


def _require_the_model_back(spies, tries):
    for spy in spies:
        (model,) = spy.model
        weight = model[-1].weight
        if not numpy.array_equal(weight.detach().numpy()[0], spy.before):
            raise Refusal(RIGHT, "The weights have changed: measuring must not train.",
                          "which lines belong to a training step only?")
        if weight.grad is not None:
            raise Refusal(RIGHT, "It leaves a gradient behind, which the next step would add to "
                          "its own.", "is there anything to go backward for?")
        if any(spy.graphs):
            raise Refusal(RIGHT, "It records a graph that nobody needs: the mode does not stop "
                          "that.", "which block tells autograd that nothing will be "
                          "differentiated?")
    modes = [[part.training for part in spy.model[0].modules()] for spy in spies]
    wrong = [one.training for mode, one in zip(modes, tries, strict=True)
             if mode != [one.training] * len(mode)]
    if len(set(wrong)) == 2:
        raise Refusal(RIGHT, "The model does not come back in the mode in which it came.", MODE)
    if wrong == [True, True]:
        raise Refusal(RIGHT, "The model comes back in evaluation mode: the next epoch would train "
                      "without dropout.", MODE)
    if wrong:
        raise Refusal(RIGHT, "A model that came in evaluation mode goes back in training mode.",
                      "a module knows its mode: `model.training` is True or False.")
