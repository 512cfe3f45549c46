"""Gradients of the cubic: the right one, and the wrong ones that learners write.

Every wrong gradient is a function, so it can be compared with a learner's gradient and also
followed through a whole training run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy

NAMES = ("a", "b", "c", "d")
TERMS = ("1", "x", "x²", "x³")


@dataclass(frozen=True)
class Mistake:
    """One known way to get the gradient wrong.

    Parameters
    ----------
    gradient : callable
        ``gradient(coefficients, x, y)`` returns what a learner with this mistake computes,
        in float64.
    wrong : callable
        ``wrong(n)`` returns the sentence that names the mistake, for a try with n points.
    hint : str
        A push in the right direction, not the solution.
    """

    gradient: Callable
    wrong: Callable
    hint: str


def powers(x):
    """Return the columns 1, x, x², x³ as a matrix of shape (n, 4)."""
    return numpy.vander(x, 4, increasing=True)


def slope(coefficients, x, y):
    """Return the gradient of the sum of squares, shape (4,)."""
    matrix = powers(x)
    return 2 * matrix.T @ (matrix @ coefficients - y)


def term_sizes(coefficients, x, y):
    """Return, for each part of the gradient, the size of the terms that it adds up."""
    matrix = numpy.abs(powers(x))
    return 2 * matrix.T @ (matrix @ numpy.abs(coefficients) + numpy.abs(y))


def _scaled(factor):
    return lambda c, x, y: factor(len(x)) * slope(c, x, y)


def _without_part(k, c, x, y):
    gradient = slope(c, x, y)
    gradient[k] = 0
    return gradient


def _without_term(k, c, x, y):
    kept = numpy.array(c)
    kept[k] = 0
    return slope(kept, x, y)


def _part_with_power(k, j, c, x, y):
    gradient = slope(c, x, y)
    gradient[k] = 2 * (powers(x) @ c - y) @ x**j
    return gradient


def _term_with_power(k, j, c, x, y):
    matrix = powers(x)
    used = matrix.copy()
    used[:, k] = x**j
    return 2 * matrix.T @ (used @ c - y)


def _part_times(k, factor, c, x, y):
    gradient = slope(c, x, y)
    gradient[k] *= factor
    return gradient


def _swapped(k, j, c, x, y):
    gradient = slope(c, x, y)
    gradient[[k, j]] = gradient[[j, k]]
    return gradient


def _constant_term(c, x, y):
    matrix = powers(x)
    predicted = matrix[:, :3] @ c[:3] + c[3] * c[2] ** 3
    return 2 * matrix.T @ (predicted - y)


def _absolute(c, x, y):
    matrix = powers(x)
    return matrix.T @ numpy.sign(matrix @ c - y)


def _root(c, x, y):
    loss = ((powers(x) @ c - y) ** 2).sum()
    return slope(c, x, y) / (2 * numpy.sqrt(loss))


def _root_mean(c, x, y):
    return _root(c, x, y) / numpy.sqrt(len(x))


def _no_inner(c, x, y):
    return numpy.full(4, slope(c, x, y)[0])


def _no_residual(c, x, y):
    return powers(x).sum(axis=0)


def _all_pairs(c, x, y):
    matrix = powers(x)
    return 2 * matrix.T @ (len(x) * (matrix @ c) - y.sum())


def _all_pairs_other_way(c, x, y):
    matrix = powers(x)
    return 2 * matrix.T @ ((matrix @ c).sum() - len(x) * y)


def _say(sentence):
    return lambda n: sentence


HALF_HINT = "what is the derivative of a square?"


def _scale_mistakes(loss):
    """Return the mistakes about n, for one of the two losses; factors apply to the right answer."""
    def too_small(times):
        return lambda n: f"It is {times * n:,} times too small on {n:,} points"

    def too_large(n):
        return f"It is {n:,} times too large on {n:,} points"

    if loss == "sum":
        return (
            (lambda n: 1 / n, lambda n: f"{too_small(1)(n)}: this is the gradient of the mean, "
             "the loss is the sum."),
            (lambda n: -1 / n, lambda n: f"{too_small(1)(n)}, mean instead of sum, and every "
             "part has the wrong sign."),
            (lambda n: 1 / (2 * n), lambda n: f"{too_small(2)(n)}: mean instead of sum, and the "
             "factor 2 is missing."),
            (lambda n: -1 / (2 * n), lambda n: f"{too_small(2)(n)}: mean instead of sum, the "
             "factor 2 is missing, and every part has the wrong sign."),
            (lambda n: n, lambda n: f"{too_large(n)}: something is added up twice."),
        )
    return (
        (lambda n: n, lambda n: f"{too_large(n)}: this is the gradient of the sum, the loss is "
         "the mean."),
        (lambda n: -n, lambda n: f"{too_large(n)}, sum instead of mean, and every part has the "
         "wrong sign."),
        (lambda n: n / 2, lambda n: f"It is {n // 2:,} times too large on {n:,} points: sum "
         "instead of mean, and the factor 2 is missing."),
        (lambda n: -n / 2, lambda n: f"It is {n // 2:,} times too large on {n:,} points: sum "
         "instead of mean, the factor 2 is missing, and every part has the wrong sign."),
        (lambda n: 1 / n, lambda n: f"{too_small(1)(n)}: it is divided by n twice."),
    )


def make_mistakes(loss):
    """Return the known mistakes for a loss, in the order in which they should be tried.

    Parameters
    ----------
    loss : {"sum", "mean"}
        Whose gradient is wanted.

    Returns
    -------
    tuple of Mistake
        The first one that explains every try is the one to name.
    """
    return (*_whole_mistakes(loss), *_part_mistakes(loss))


def _of(loss, gradient):
    """Return a gradient of the sum of squares, divided by n if the loss is the mean."""
    if loss == "sum":
        return gradient
    return lambda c, x, y: gradient(c, x, y) / len(x)


def _whole_mistakes(loss):
    scale_hint = "what does the loss do with its n squares, and what do you do with them?"
    other_loss = "gradient and loss must belong to the same function: try finite differences."
    scaled = [
        (lambda n: -1, _say("Every part has the wrong sign: a step against it would climb."),
         "which way does the residual run, and does the loss fall against or along it?"),
        (lambda n: 1 / 2, _say("Every part is half of what it should be: the factor 2 is "
                               "missing."), HALF_HINT),
        (lambda n: -1 / 2, _say("Every part has the wrong sign, and the factor 2 is missing."),
         HALF_HINT),
        (lambda n: 2, _say("Every part is twice what it should be."),
         "is there a factor 2 too many, or is the gradient added up twice?"),
        *((factor, wrong, scale_hint) for factor, wrong in _scale_mistakes(loss)),
    ]
    summed = [
        (lambda c, x, y: slope(c, x, y)[::-1],
         "The numbers are right, but they come in reverse order, that of x³ first.",
         "the course always puts the constant first."),
        (lambda c, x, y: slope(c[::-1], x, y)[::-1],
         "It reads and returns the coefficients in reverse order, that of x³ first.",
         "the course always puts the constant first."),
        (lambda c, x, y: slope(c[::-1], x, y),
         "It reads the coefficients in reverse order, that of x³ first.",
         "the course always puts the constant first."),
        (_constant_term, "The last term of the prediction has the constant c³ where x³ belongs.",
         "write the polynomial on paper and compare it letter by letter."),
        (_absolute, f"This is the gradient of the {loss} of absolute values, not of this loss.",
         other_loss),
        (_no_inner, "All four parts are the one of a: the second half of the chain rule is "
         "missing.", "how fast does the prediction change with b, with c, with d?"),
        (_no_residual, "It does not depend on the residual: the first half of the chain rule is "
         "missing.", "how fast does the loss change with ŷ?"),
        (lambda c, x, y: slope(c, x, 0 * y), "It does not use y: the residual is missing.",
         "the loss compares the prediction with something."),
        (lambda c, x, y: slope(0 * c, x, y),
         "It does not use the coefficients: the prediction is missing.",
         "the residual compares two things."),
    ]
    return [
        *(Mistake(_of(loss, _scaled(factor)), wrong, hint) for factor, wrong, hint in scaled),
        *(Mistake(_of(loss, gradient), _say(wrong), hint) for gradient, wrong, hint in summed),
        Mistake(_root, _say("This is the gradient of the root of the sum of squares, not of this "
                            "loss."), other_loss),
        Mistake(_root_mean, _say("This is the gradient of the root mean square, not of this "
                                 "loss."), other_loss),
        *(Mistake(_of(loss, _of(loss, gradient)), _pairs_sentence, "print the shape of the "
                  "residual.") for gradient in (_all_pairs, _all_pairs_other_way)),
    ]


def _pairs_sentence(n):
    return (f"Shapes (n, 1) and (n,) met, so it adds up {n:,} × {n:,} residuals "
            f"instead of {n:,}.")


def _part_mistakes(loss):
    paper_hint = "write the polynomial on paper and compare it term by term."
    found = []
    for k, name in enumerate(NAMES):
        rest = "The parts for " + ", ".join(n for n in NAMES if n != name) + " are right"
        slope_hint = f"how fast does the prediction change with {name}?"
        term = f"{name} {TERMS[k]}" if k else name
        found += [
            (partial(_without_part, k), f"{rest}; the one for {name} is missing: it is 0.",
             slope_hint),
            (partial(_without_term, k), f"The term {term} is missing in the prediction.",
             paper_hint),
            (partial(_part_times, k, -1), f"{rest}; the one for {name} has the wrong sign.",
             "do all four sums use the same residual?"),
            (partial(_part_times, k, 1 / 2),
             f"{rest}; the one for {name} is half of what it should be.", HALF_HINT),
        ]
        for j in range(4):
            if j != k:
                found += [
                    (partial(_part_with_power, k, j), f"{rest}; the one for {name} is weighted "
                     f"with {TERMS[j]} instead of {TERMS[k]}.", slope_hint),
                    (partial(_term_with_power, k, j), f"The prediction multiplies {name} by "
                     f"{TERMS[j]} instead of {TERMS[k]}.", paper_hint),
                ]
            if j > k:
                found.append((partial(_swapped, k, j), f"The parts for {name} and {NAMES[j]} "
                              "have changed places.", "the course always puts the constant "
                              "first."))
    return [Mistake(_of(loss, gradient), _say(wrong), hint) for gradient, wrong, hint in found]
