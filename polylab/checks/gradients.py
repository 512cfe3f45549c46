"""Checks a learner's gradient of the cubic's loss."""

from __future__ import annotations

import numpy

from polylab.checks.engine.common import (
    ONE_DATA_SET,
    call_twice,
    checker,
    constants_sentence,
    is_or_are,
    require_choice,
    require_function,
    require_own_gradient,
)
from polylab.checks.engine.trials import make_trials
from polylab.checks.engine.values import (
    close,
    read_numbers,
    require_finite,
    require_fractions,
    require_kind,
    require_precision,
    require_shape,
    to_library,
)
from polylab.checks.engine.verdict import Refusal
from polylab.checks.slopes import NAMES, make_mistakes, slope, term_sizes
from polylab.data import FIRST_GUESS
from polylab.gradients import finite_difference_gradient, squared_error

RUNS = "It returns four finite numbers, one for each coefficient."


@checker
def check_gradient(answer, loss="sum", library="numpy"):
    """Check the gradient of the squared error of a cubic with respect to (a, b, c, d).

    Parameters
    ----------
    answer : callable
        ``answer(coefficients, x, y)``: coefficients of shape (4,), constant first; x and y of
        shape (n,). Returns four numbers: an array or tensor of shape (4,), or a tuple.
    loss : {"sum", "mean"}
        Whose gradient: the sum of squares, or their mean.
    library : {"numpy", "torch"}
        What x, y and the coefficients are.

    Returns
    -------
    Verdict

    Notes
    -----
    The oracle is central differences of the loss with step 1. For a quadratic they have no
    truncation error, so they are as exact as the formula and know nothing of it.
    """
    require_choice("loss", loss, ("sum", "mean"))
    require_choice("library", library, ("numpy", "torch"))
    require_function(answer, "coefficients", "x", "y")
    require_own_gradient(answer)
    trials = make_trials()
    wanted = [_oracle(trial, loss) for trial in trials]
    scales = [term_sizes(*trial.exact()) * _share(trial, loss) for trial in trials]
    readings = [_try(answer, trial, right, scale, library)
                for trial, right, scale in zip(trials, wanted, scales, strict=True)]
    given = [reading.numbers for reading in readings]
    correct = [close(numbers, right, scale, trial.dtype)
               for numbers, right, scale, trial in zip(given, wanted, scales, trials, strict=True)]
    if _explains(wanted, given, scales, trials, rounding="float32"):
        for reading, trial in zip(readings, trials, strict=True):
            require_kind(reading, library)
            require_precision(reading, trial.dtype, library)
        if not all(correct):
            raise Refusal("In float32 it is right.", "With float64 data digits are lost: some "
                          "array on the way is made in float32.",
                          "make new arrays with the dtype of the data.")
    if not all(correct):
        _diagnose(answer, trials, given, wanted, scales, correct, loss)
    return (f"Right: on {len(trials)} sets of points your gradient of the {loss} of squares agrees "
            "with finite differences.")


def _share(trial, loss):
    return 1 if loss == "sum" else 1 / trial.n


def _oracle(trial, loss):
    coefficients, x, y = trial.exact()
    total = finite_difference_gradient(lambda c: squared_error(c, x, y), coefficients, step=1.0)
    return total * _share(trial, loss)


def _try(answer, trial, right, scale, library):
    def make():
        arrays = (trial.coefficients, trial.x, trial.y)
        return tuple(to_library(array, library) for array in arrays)

    reading, again, changed = call_twice(answer, make, ("coefficients", "x", "y"),
                                         lambda value: read_numbers(value, "four numbers"))
    n = trial.n
    unsummed = "It still has one number per point for each coefficient: the sum is missing."
    require_shape(reading, (4,), (
        ((4, n), unsummed, "sum over the points, not over the coefficients."),
        ((n, 4), unsummed, "sum over the points, not over the coefficients."),
        ((n,), "It returns one number per point, not one per coefficient.",
         "how does the loss change when b alone changes?"),
        ((n, n), f"Shapes (n, 1) and (n,) met and made {n:,} × {n:,} numbers.",
         "print the shape of the residual."),
        ((3,), _three(reading, right, scale, trial), "which coefficient has no part?"),
        ((), "It returns one number; each of the four coefficients needs its own.",
         "how does the loss change when b alone changes?"),
        ((4, 1), "The numbers come as a column of shape (4, 1); (4,) is wanted.",
         "which operation adds the second dimension?"),
        ((1, 4), "The numbers come as a row of shape (1, 4); (4,) is wanted.",
         "which operation adds the second dimension?"),
    ))
    if changed:
        fine = close(reading.numbers, right, scale, trial.dtype)
        raise Refusal("The numbers are right." if fine else "It runs.",
                      f"Its input {is_or_are(changed)} changed in place.",
                      "`-=` and the like change the caller's array; make a new one.")
    require_finite(reading, "the four numbers")
    require_fractions(reading, trial.dtype)
    if not close(again.numbers, reading.numbers, scale, trial.dtype):
        _refuse_memory(reading.numbers, again.numbers, right, scale, trial)
    return reading


def _three(reading, right, scale, trial):
    for k, name in enumerate(NAMES):
        kept = numpy.delete(right, k)
        if close(reading.numbers, kept, numpy.delete(scale, k), trial.dtype):
            return f"It returns three numbers, all right; the one for {name} is missing."
    return "It returns three numbers; four are wanted, one per coefficient."


def _refuse_memory(first, second, right, scale, trial):
    if close(first, right, scale, trial.dtype) and close(second, 2 * right, scale, trial.dtype):
        raise Refusal("The first call is right.", "The second call returns the sum of 2 "
                      "gradients: they accumulate, because nothing is set back to zero.",
                      "which of the five lines of a step is missing?")
    raise Refusal("It returns four numbers.",
                  "Called twice with the same data it gives two different answers.",
                  "does it draw random numbers, or remember something from call to call?")


def _diagnose(answer, trials, given, wanted, scales, correct, loss):
    if all(numpy.array_equal(numbers, given[0]) for numbers in given):
        raise Refusal(RUNS, "It returns the same four numbers whatever the data.",
                      "which lines use the parameters?")
    if all(numpy.array_equal(numbers, trial.exact()[0])
           for numbers, trial in zip(given, trials, strict=True)):
        raise Refusal(RUNS, "It returns the coefficients themselves, not the gradient.",
                      "how does the loss change when b alone changes?")
    for mistake in make_mistakes(loss):
        if _is_explained_by(mistake.gradient, given, scales, trials):
            raise Refusal(RUNS, mistake.wrong(trials[0].n), mistake.hint)
    if all(fine for trial, fine in zip(trials, correct, strict=True) if trial.dtype == "float64"):
        raise Refusal("With float64 data it is right.",
                      "With float32 data it is off by more than rounding.",
                      "is there a difference of two large, nearly equal numbers?")
    begin = numpy.array(FIRST_GUESS)
    if _explains([slope(begin, *trial.exact()[1:]) * _share(trial, loss) for trial in trials],
                 given, scales, trials):
        raise Refusal(RUNS, "It is the gradient at FIRST_GUESS, whatever `coefficients` come in.",
                      "which parameter says where the gradient is wanted?")
    exact = [(trial.n, fine) for trial, fine in zip(trials, correct, strict=True)
             if trial.dtype == "float64"]
    good = sorted(n for n, fine in exact if fine)
    bad = sorted(n for n, fine in exact if not fine)
    if good and all(fine == (trial.n in good)
                    for trial, fine in zip(trials, correct, strict=True) if trial.n in good + bad):
        raise Refusal(f"It is right for n = {_list(good)}.", f"It is wrong for n = {_list(bad)}"
                      f"{constants_sentence(answer)}.",
                      ONE_DATA_SET)
    if good:
        raise Refusal("On some data it is right.", "On other data it is wrong.",
                      "try it on points that are not evenly spaced or not symmetric about 0.")
    _diagnose_parts(trials, given, wanted, scales)


def _explains(guesses, given, scales, trials, rounding=None):
    return all(close(numbers, guess, scale, rounding or trial.dtype)
               for numbers, guess, scale, trial in zip(given, guesses, scales, trials, strict=True))


def _is_explained_by(gradient, given, scales, trials):
    """Return whether a wrong gradient gives what came back; the smallest tries come first."""
    def fits(i):
        guess = gradient(*trials[i].exact())
        size = numpy.maximum(scales[i], numpy.abs(guess))
        return close(given[i], guess, size, trials[i].dtype)

    return all(map(fits, sorted(range(len(trials)), key=lambda i: trials[i].n)))


def _diagnose_parts(trials, given, wanted, scales):
    ratios = [float(numbers @ right / (right @ right))
              for numbers, right in zip(given, wanted, strict=True)]
    if numpy.ptp(ratios) <= 1e-3 * abs(ratios[0]) and _explains(
            [ratios[0] * right for right in wanted], given, scales, trials):
        raise Refusal(RUNS, f"Every part is {ratios[0]:.3g} times what it should be.",
                      "follow the constant factors through the chain rule.")
    right_parts = [name for k, name in enumerate(NAMES)
                   if all(close(numbers[k], right[k], scale[k], trial.dtype) for numbers, right,
                          scale, trial in zip(given, wanted, scales, trials, strict=True))]
    if right_parts:
        wrong_parts = [name for name in NAMES if name not in right_parts]
        raise Refusal(f"{RUNS[:-1]}, and {_parts(right_parts)} right.",
                      f"{_parts(wrong_parts).capitalize()} wrong.",
                      "how fast does the prediction change with that coefficient?")
    raise Refusal(RUNS, "No part agrees with finite differences: it is not the gradient of this "
                  "loss.", "change b a little, watch the loss, and compare the slope with yours.")


def _parts(names):
    return f"the part for {names[0]} is" if len(names) == 1 else (
        f"the parts for {', '.join(names[:-1])} and {names[-1]} are")


def _list(numbers):
    return ", ".join(f"{number:,}" for number in numbers)
