"""Checks a learning rate for a least-squares problem."""

from __future__ import annotations

import numpy

from polylab.checks.engine.common import checker, require_choice
from polylab.checks.engine.reading import is_a
from polylab.checks.engine.values import describe, read_numbers
from polylab.checks.engine.verdict import NotAttempted, Refusal
from polylab.data import sine_samples
from polylab.descent import LeastSquares, rate_text
from polylab.polynomial import features

WANTED = ("stable", "largest stable", "best")
EQUAL = "where do the factors of the slowest and the fastest mode have equal size?"
CROWDED = 0.02  # how far from the wanted rate, relative to it, others are easily mistaken for it
FOUR_DIGITS = 2e-5  # what a rate with four or five digits may be off
NEARLY = 0.01  # how far, relative to it, a rate for the mean may be from n times the wanted one
N_HINT = "is the loss a sum or a mean, and which of them has the larger gradient?"


@checker
def check_learning_rate(answer, problem, wanted="stable", tolerance=0.002):
    """Check a constant learning rate for plain gradient descent.

    Parameters
    ----------
    answer : number
        The learning rate, for the loss as ``problem`` adds it up.
    problem : LeastSquares
        The data and the features.
    wanted : {"stable", "largest stable", "best"}
        Any rate below the limit 2/λmax; the limit itself; or 2/(λmin + λmax), which shrinks
        the slowest mode fastest.
    tolerance : float, default 0.002
        How far from the wanted rate the answer may be, relative to it: enough for three digits, and
        for the powers of x too little to take the best rate for the limit. Unused for "stable".

    Returns
    -------
    Verdict
    """
    require_choice("wanted", wanted, WANTED)
    if not is_a(problem, LeastSquares):
        raise TypeError(f"problem must be a LeastSquares, got {describe(problem)}")
    rate = read_rate(answer)
    slow, fast = _extreme_curvatures(problem)
    if wanted == "stable":
        return _judge_stable(rate, 2 / fast, _points(problem))
    target = _wanted_rate(wanted, slow, fast)
    if abs(rate / target - 1) <= tolerance:
        what = "the limit of stability" if wanted == "largest stable" else "the best constant rate"
        return f"Right: {rate_text(rate)} is {what}."
    raise Refusal(f"{rate_text(rate)} is a positive number.",
                  *_explain(rate, wanted, slow, fast, problem, tolerance))


_COURSE_POINTS = 2000


def _course_rate(wanted):
    """Return the rate for the cubic on the points of the course."""
    x, y = sine_samples()
    return _wanted_rate(wanted, *_extreme_curvatures(LeastSquares(features(x), y)))


def read_rate(answer):
    """Return a learning rate as a float, or refuse what is no positive number."""
    if answer is None:
        raise NotAttempted("the answer is None")
    if type(answer) is str or type(answer) is bool:
        raise Refusal("", f"A number is wanted, {describe(answer)} came.",
                      "write it as 1e-6, without quotes.")
    if callable(answer):
        raise Refusal("", f"A number is wanted, {describe(answer)} came.",
                      "hand over the rate itself.")
    reading = read_numbers(answer, "one number")
    if reading.numbers.shape != ():
        raise Refusal("", f"One number is wanted, {describe(answer)} came.",
                      "one rate serves all coefficients.")
    rate = float(reading.numbers)
    if not numpy.isfinite(rate):
        raise Refusal("", f"A finite number is wanted, {rate} came.", "where does it come from?")
    if rate <= 0:
        raise Refusal("It is a number.", f"{rate_text(rate)} is not positive, so no step would go "
                      "downhill.", "a learning rate is the length of a step.")
    return rate


def _extreme_curvatures(problem):
    """Return the smallest and the largest eigenvalue of the Hessian, from the Hessian itself."""
    curvatures = numpy.linalg.eigvalsh(problem.hessian)
    return float(curvatures[0]), float(curvatures[-1])


def _wanted_rate(wanted, slow, fast):
    return 2 / fast if wanted == "largest stable" else 2 / (slow + fast)


def _judge_stable(rate, limit, n):
    ratio = rate / limit
    if ratio < 1 - 1e-12:
        return f"Right: {rate_text(rate)} is below the limit, so the loss falls at every step."
    hint = "the limit follows from the largest eigenvalue of the Hessian."
    if n is not None and abs(ratio / n - 1) <= NEARLY:
        wrong, hint = f"It is {n:,} times too large: this is the rate for the mean.", N_HINT
    elif ratio < 1.1:
        wrong = f"It is {100 * (ratio - 1):.2g} % above the limit, so the coefficients run away."
    else:
        wrong = f"It is {_times(ratio)} the limit of stability, so the coefficients run away."
    raise Refusal(f"{rate_text(rate)} is a positive number.", wrong, hint)


def _times(ratio):
    return f"{ratio:,.0f} times" if ratio >= 100 else f"{ratio:.3g} times"


def _points(problem):
    """Return n, or None for the mean: the first column is 1 in every basis, so 2XᵀX holds 2n."""
    return round(problem.hessian[0, 0] / 2) if problem.reduction == "sum" else None


def _explain(rate, wanted, slow, fast, problem, tolerance):
    """Return what is wrong with the rate and a hint."""
    target = _wanted_rate(wanted, slow, fast)

    def near(value):
        # Beside the wanted rate a rounding is as large as the difference of two mistakes.
        crowded = abs(value / target - 1) < CROWDED
        return abs(rate / value - 1) <= (FOUR_DIGITS if crowded else tolerance)

    known = [
        (1 / fast, "It is 1/λmax: there the fastest direction lands in one step, but it is not "
         "the rate wanted.", "what factor may a mode be multiplied by at most, −1 or 0?"
         if wanted == "largest stable" else EQUAL),
        (2 / slow, "It is 2/λmin: the smallest eigenvalue in place of the largest.",
         "which direction runs away first?"),
        (4 / fast, "It is twice the limit: the Hessian is 2XᵀX, not XᵀX.",
         "what is the second derivative of a square?"),
        (fast / 2, "It is λmax/2, upside down.", "should a steeper valley allow a longer step?"),
        (fast, "It is λmax itself.", "should a steeper valley allow a longer step?"),
        (2 / (fast - slow), "The two eigenvalues are subtracted.",
         EQUAL),
        (1 / (slow + fast), "It is half of the best rate: the factor 2 is missing.",
         EQUAL),
        (4 / (slow + fast), "It is twice the best rate: the Hessian is 2XᵀX, not XᵀX.",
         "what is the second derivative of a square?"),
    ]
    if wanted == "best":
        known.insert(0, (2 / fast, "It is the largest stable rate: there the fastest mode "
                         "never settles.", EQUAL))
    else:
        known.insert(0, (2 / (slow + fast), "It is the best rate, which is a little below the "
                         "limit.", "at which rate does the fastest mode just not grow?"))
    n = _points(problem)
    if n is not None:
        if n != _COURSE_POINTS and near(_course_rate(wanted) * _COURSE_POINTS / n):
            return (f"This is the rate for {_COURSE_POINTS:,} points, times {_COURSE_POINTS / n:g}:"
                    " that is only nearly right.", f"work it out from these {n:,} points.")
        if abs(rate / target / n - 1) <= NEARLY:
            return f"It is {n:,} times too large: this is the rate for the mean.", N_HINT
        known.append((target / n, f"It is {n:,} times too small.", N_HINT))
    named = {(sentence, hint) for value, sentence, hint in known if near(value)}
    if len(named) == 1:
        return named.pop()
    side = "too small" if rate < target else "too large"
    times = max(rate / target, target / rate)
    much = f"{100 * abs(rate / target - 1):.2g} %" if times < 1.1 else _times(times)
    return (f"It is {much} {side}.",
            "look at the eigenvalues of the Hessian, the largest and the smallest.")
