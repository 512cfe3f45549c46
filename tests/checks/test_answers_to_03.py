"""Answers that a reader of notebook 03 wrote, and what they are told."""

import numpy
import pytest
from grading import assert_refused

from polylab.checks import check_gradient, check_training
from polylab.data import FIRST_GUESS
from polylab.gradients import finite_difference_gradient, squared_error


def slopes(coefficients, x, y):
    slope = 2 * (numpy.polynomial.polynomial.polyval(x, coefficients) - y)
    return numpy.array([(slope * x**k).sum() for k in range(4)])


def one_after_another(x, y, start, rate, steps):
    a, b, c, d = start
    for _ in range(steps):
        a -= rate * (2 * (a + b * x + c * x**2 + d * x**3 - y)).sum()
        b -= rate * (2 * (a + b * x + c * x**2 + d * x**3 - y) * x).sum()
        c -= rate * (2 * (a + b * x + c * x**2 + d * x**3 - y) * x**2).sum()
        d -= rate * (2 * (a + b * x + c * x**2 + d * x**3 - y) * x**3).sum()
    return a, b, c, d


def from_first_guess(x, y, start, rate, steps):
    coefficients = numpy.array(FIRST_GUESS)
    for _ in range(steps):
        coefficients = coefficients - rate * slopes(coefficients, x, y)
    return coefficients


def no_update(x, y, start, rate, steps):
    return start.copy()


@pytest.mark.parametrize(("answer", "fragments"), [
    (one_after_another, ("one after the other", "same prediction")),
    (from_first_guess, ("begin at FIRST_GUESS", "where to begin")),
    (no_update, ("no update was made", "forward, loss, backward, step: which of the four")),
])
def test_training(answer, fragments):
    assert_refused(check_training(answer), *fragments)


def at_first_guess(coefficients, x, y):
    return slopes(FIRST_GUESS, x, y)


def by_finite_differences(coefficients, x, y):
    steps = 1e-3 * numpy.eye(4, dtype=x.dtype)
    return numpy.array([squared_error(coefficients + step, x, y)
                        - squared_error(coefficients - step, x, y) for step in steps]) / 2e-3


def by_the_check_of_the_course(coefficients, x, y):
    return finite_difference_gradient(lambda c: squared_error(c, x, y), coefficients)


@pytest.mark.parametrize(("answer", "fragments"), [
    (at_first_guess, ("gradient at FIRST_GUESS", "`coefficients`")),
    (by_finite_differences, ("With float64 data it is right", "float32")),
    (by_the_check_of_the_course, ("leaves the gradient to `finite_difference_gradient`",)),
])
def test_gradient(answer, fragments):
    assert_refused(check_gradient(answer), *fragments)
