"""Checks a learner's loss function."""

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
)
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import libraries_used
from polylab.checks.engine.trials import make_trials
from polylab.checks.engine.values import (
    close,
    read_numbers,
    require_finite,
    require_kind,
    require_precision,
    require_shape,
    to_library,
)
from polylab.checks.engine.verdict import Refusal

# Every loss that a learner may compute, by name, from the residuals predicted − y. Each is
# written with the norms of linear algebra, another road than a sum of squares.
LOSSES = {
    "sum": lambda r: numpy.linalg.norm(r) ** 2,
    "mean": lambda r: numpy.linalg.norm(r) ** 2 / len(r),
    "root mean square": lambda r: numpy.linalg.norm(r) / numpy.sqrt(len(r)),
    "absolute sum": lambda r: numpy.linalg.norm(r, 1),
}
FULL_NAMES = {
    "sum": "the sum of squares",
    "mean": "the mean of squares",
    "root mean square": "the root mean square",
    "absolute sum": "the sum of absolute values",
}
NOT_LOSSES = {
    "the root of the sum of squares": numpy.linalg.norm,
    "the mean of absolute values": lambda r: numpy.linalg.norm(r, 1) / len(r),
    "the largest absolute value": lambda r: numpy.linalg.norm(r, numpy.inf),
    "half the sum of squares": lambda r: numpy.linalg.norm(r) ** 2 / 2,
    "half the mean of squares": lambda r: numpy.linalg.norm(r) ** 2 / (2 * len(r)),
}
SINGLE = "It returns one finite number."


@checker
def check_loss(answer, kind, library=None):
    """Check a loss: one number that says how far predictions are from targets.

    Parameters
    ----------
    answer : callable
        ``answer(predicted, y)``, both of shape (n,). Returns one number, or an array or tensor
        of shape ().
    kind : {"sum", "mean", "root mean square", "absolute sum"}
        Sum of squares, mean of squares, root of the mean of squares, sum of absolute values.
    library : {"numpy", "torch"}, optional
        What predicted and y are. If left out, the library that the code names; if it names
        none, NumPy.

    Returns
    -------
    Verdict

    Notes
    -----
    The oracle is a vector norm of the residuals, computed in float64.
    """
    require_choice("kind", kind, tuple(LOSSES))
    require_choice("library", library, ("numpy", "torch", None))
    require_function(answer, "predicted", "y")
    if library is None:
        library = "torch" if "torch" in libraries_used(answer) else "numpy"
    cases = _cases()
    readings = [_try(answer, case, kind, library) for case in cases]
    given = [float(reading.numbers) for reading in readings]
    correct = [_matches(number, LOSSES[kind], case)
               for number, case in zip(given, cases, strict=True)]
    if all(_matches(number, LOSSES[kind], case, "float32")
           for number, case in zip(given, cases, strict=True)):
        for reading, (_, _, dtype) in zip(readings, cases, strict=True):
            require_kind(reading, library)
            require_precision(reading, dtype, library)
    if not all(correct):
        _diagnose(answer, cases, given, correct, kind, library)
    return f"Right: on {len(cases)} sets of points it is {FULL_NAMES[kind]} of the residuals."


def _cases():
    """Return (predicted, y, dtype) for every try; predictions lie on both sides of the targets."""
    cases = []
    for seed, trial in enumerate(make_trials()):
        noise = numpy.random.default_rng(50 + seed).normal(0.1, 0.8, trial.n)
        cases.append(((trial.y + noise).astype(trial.dtype), trial.y, trial.dtype))
    return cases


def _residual(case):
    predicted, y, _ = case
    return predicted.astype(numpy.float64) - y.astype(numpy.float64)


def _matches(number, function, case, rounding=None):
    wanted = function(_residual(case))
    return close(number, wanted, max(abs(wanted), abs(number), 1e-300), rounding or case[2])


def _try(answer, case, kind, library):
    predicted, y, dtype = case

    def make():
        return to_library(predicted, library), to_library(y, library)

    reading, again, changed = call_twice(answer, make, ("predicted", "y"),
                                         lambda value: read_numbers(value, "one number"))
    n = len(y)
    require_shape(reading, (), (
        ((n,), "The loss is not a scalar: it is still one number per point.",
         "how do n numbers become one?"),
        ((1,), "The loss is not a scalar: it has shape (1,), () is wanted.",
         "which operation keeps a dimension?"),
        ((n, n), f"The loss is not a scalar: shapes (n, 1) and (n,) met and made {n:,} × {n:,} "
         "numbers.", "print the shape of the residual."),
    ))
    require_finite(reading, "its values")
    if changed:
        fine = _matches(float(reading.numbers), LOSSES[kind], case)
        raise Refusal("The number is right." if fine else "It runs.",
                      f"Its input {is_or_are(changed)} changed in place.",
                      "`-=` and the like change the caller's array; make a new one.")
    if not close(again.numbers, reading.numbers, abs(float(reading.numbers)) + 1e-300, dtype):
        raise Refusal("It returns one number.",
                      "Called twice with the same data it gives two different answers.",
                      "does it draw random numbers, or remember something from call to call?")
    return reading


def _diagnose(answer, cases, given, correct, kind, library):
    name = FULL_NAMES[kind]
    if len(set(given)) == 1:
        raise Refusal(SINGLE, "It returns the same number whatever the data.",
                      "which lines use the parameters?")

    def is_always(function):
        return all(_matches(number, function, case)
                   for number, case in zip(given, cases, strict=True))

    wanted = LOSSES[kind]
    n = len(cases[0][1])
    if is_always(lambda r: -wanted(r)):
        raise Refusal(SINGLE, "The sign is flipped: a loss must grow as the fit gets worse.",
                      "where does the minus come from?")
    if kind == "sum" and is_always(LOSSES["mean"]):
        raise Refusal(SINGLE, f"It is {n:,} times too small on {n:,} points: mean instead of sum.",
                      "what is divided by the number of points?")
    if kind == "mean" and is_always(LOSSES["sum"]):
        raise Refusal(SINGLE, f"It is {n:,} times too large on {n:,} points: sum instead of mean.",
                      "a mean does not grow when points are added.")
    others = {FULL_NAMES[other]: function for other, function in LOSSES.items()}
    for other, function in {**others, **NOT_LOSSES}.items():
        if other != name and is_always(function):
            raise Refusal(SINGLE, f"It computes {other}, not {name}.",
                          "read the name of the loss from right to left.")
    if is_always(numpy.sum) or is_always(numpy.mean) or is_always(lambda r: -r.sum()):
        raise Refusal(SINGLE, "It adds up the residuals with their signs, so errors up and down "
                      "cancel.", "what makes every residual count as positive?")
    if _ignores(answer, cases[0], library, 1):
        raise Refusal(SINGLE, "It does not depend on y.", "what are the predictions compared to?")
    if _ignores(answer, cases[0], library, 0):
        raise Refusal(SINGLE, "It does not depend on the predictions.",
                      "what is compared with the targets?")
    if _matches(given[1], lambda r: _all_pairs(cases[1], kind), cases[1]):
        size = len(cases[1][1])
        raise Refusal(SINGLE, f"Shapes (n, 1) and (n,) met, so with n = {size} it adds up "
                      f"{size} × {size} residuals.", "print the shape of the residual.")
    good = sorted({len(case[1]) for case, fine in zip(cases, correct, strict=True) if fine})
    bad = sorted({len(case[1]) for case, fine in zip(cases, correct, strict=True) if not fine})
    if good and not set(good) & set(bad):
        raise Refusal(f"It is right for n = {', '.join(f'{g:,}' for g in good)}.",
                      f"It is wrong for other n{constants_sentence(answer)}.",
                      ONE_DATA_SET)
    ratios = [number / wanted(_residual(case)) for number, case in zip(given, cases, strict=True)]
    if numpy.ptp(ratios) <= 1e-3 * abs(ratios[0]):
        raise Refusal(SINGLE, f"It is {ratios[0]:.3g} times {name}.",
                      "which factor does not belong to the loss?")
    raise Refusal(SINGLE, f"It is not {name} of the residuals.",
                  "take three residuals such as 1, −2, 3 and do it by hand.")


def _all_pairs(case, kind):
    predicted, y, _ = case
    return LOSSES[kind](numpy.subtract.outer(predicted, y).ravel().astype(numpy.float64))


def _ignores(answer, case, library, position):
    """Return whether the loss stays the same when one of its two arguments changes."""
    arrays = list(case[:2])
    before = call(answer, *(to_library(array, library) for array in arrays)).value
    arrays[position] = arrays[position] + numpy.linspace(0.5, 2, len(arrays[position]))
    after = call(answer, *(to_library(array, library) for array in arrays)).value
    return bool(read_numbers(before, "one number").numbers
                == read_numbers(after, "one number").numbers)
