"""Checks a learner's loss function."""

from __future__ import annotations

from dataclasses import replace

import numpy

from polylab.checks.engine.common import (
    MEMORY,
    ONE_DATA_SET,
    call_twice,
    checker,
    constants_sentence,
    is_or_are,
    remembers,
    require_choice,
    require_function,
    why_it_varies,
)
from polylab.checks.engine.diagnosis import (
    NEARLY,
    SMALL,
    Mistake,
    how_far,
    name_lost_digits,
    name_the_mistake,
)
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import libraries_used
from polylab.checks.engine.trials import make_trial, make_trials
from polylab.checks.engine.values import (
    TOLERANCE,
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
    return [_case(trial, seed) for seed, trial in enumerate(make_trials())]


def _case(trial, seed):
    noise = numpy.random.default_rng(50 + seed).normal(0.1, 0.8, trial.n)
    return (trial.y + noise).astype(trial.dtype), trial.y, trial.dtype


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
        raise Refusal("It returns one number.", *why_it_varies(
            answer, make, lambda value: read_numbers(value, "").numbers, reading.numbers))
    return reading


def _diagnose(answer, cases, given, correct, kind, library):
    name, wanted, n = FULL_NAMES[kind], LOSSES[kind], len(cases[0][1])
    known = [Mistake(lambda r: numpy.floor(wanted(r)), "What follows the point is cut off.",
                     "which operation makes a whole number?"),
             Mistake(lambda r: -wanted(r), "The sign is flipped: a loss must grow as the fit gets "
                     "worse.", "where does the minus come from?")]
    if kind == "sum":
        known.append(Mistake(LOSSES["mean"], f"It is {n:,} times too small on {n:,} points: mean "
                             "instead of sum.", "what is divided by the number of points?"))
    if kind == "mean":
        known.append(Mistake(LOSSES["sum"], f"It is {n:,} times too large on {n:,} points: sum "
                             "instead of mean.", "a mean does not grow when points are added."))
    others = {FULL_NAMES[other]: function for other, function in LOSSES.items()
              if {kind, other} != {"sum", "mean"}}
    known += [Mistake(function, f"It computes {other}, not {name}.",
                      "read the name of the loss from right to left.")
              for other, function in {**others, **NOT_LOSSES}.items() if other != name]
    known += [Mistake(function, "It adds up the residuals with their signs, so errors up and down "
                      "cancel.", "what makes every residual count as positive?")
              for function in (numpy.sum, numpy.mean, lambda r: -r.sum(), lambda r: -r.mean())]
    factor = given[1] / wanted(_residual(cases[1]))
    scaled = [Mistake(lambda r: factor * wanted(r), f"It is {factor:.4g} times {name}.",
                      "which factor does not belong to the loss?")]

    def near(came, guess, case):
        return close(came, guess, max(abs(guess), abs(came), 1e-300), case[2])

    for mistakes in (known, scaled if abs(factor - 1) > TOLERANCE["float64"] else []):
        of_case = [replace(one, guess=lambda case, of=one.guess: of(_residual(case)))
                   for one in mistakes]
        name_the_mistake(of_case, cases, given, near, SINGLE)
    if len(set(given)) == 1:
        raise Refusal(SINGLE, "It returns the same number whatever the data.",
                      "which lines use the parameters?")
    for position, sentence, hint in (
            (1, "It does not depend on y.", "what are the predictions compared to?"),
            (0, "It does not depend on the predictions.", "what is compared with the targets?")):
        if _ignores(answer, cases[0], library, position):
            raise Refusal(SINGLE, sentence, hint)
    if _matches(given[1], lambda r: _all_pairs(cases[1], kind), cases[1]):
        size = len(cases[1][1])
        raise Refusal(SINGLE, f"Shapes (n, 1) and (n,) met, so with n = {size} it adds up "
                      f"{size} × {size} residuals.", "print the shape of the residual.")

    def returned(case):
        handed = (to_library(array, library) for array in case[:2])
        return float(read_numbers(call(answer, *handed).value, "one number").numbers)

    def is_right(n, seed):
        case = _case(make_trial(n, seed), seed)
        return _matches(returned(case), wanted, case)

    if remembers(is_right):
        raise Refusal(SINGLE, *MEMORY)
    exact = [i for i, case in enumerate(cases) if case[2] == "float64"]
    right = [wanted(_residual(cases[i])) for i in exact]
    off = how_far([given[i] for i in exact], right, right)
    # Whole residuals, of which even the root of the mean of the squares is a whole number.
    whole = numpy.array([3.0, 0, 1, -1]), numpy.array([1.0, 2, -1, 1]), "float64"
    small = 1e-4 * cases[1][0], 1e-4 * cases[1][1], "float64"
    name_lost_digits(off, lambda: returned(whole) == wanted(_residual(whole)),
                     lambda: abs(returned(small) / wanted(_residual(small)) - 1))
    if TOLERANCE["float64"] < off <= SMALL:
        raise Refusal(SINGLE, f"It is nearly right: off by up to {off:.1g} of its size, which is "
                      "more than rounding in float64.", NEARLY)
    constants = constants_sentence(answer)
    good, bad = ({len(case[1]) for case, fine in zip(cases, correct, strict=True) if fine is which}
                 for which in (True, False))
    if good and good.isdisjoint(bad):
        raise Refusal(f"It is right for n = {', '.join(f'{n:,}' for n in sorted(good))}.",
                      f"It is wrong for other n{constants}.", ONE_DATA_SET)
    raise Refusal(SINGLE, f"On {len(cases[1][1])} points it is {given[1]:.6g}; {name} is "
                  f"{wanted(_residual(cases[1])):.6g}{constants}.",
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
