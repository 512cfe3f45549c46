"""check_learning_rate: every known wrong rate is named."""

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused

from polylab.checks import check_learning_rate
from polylab.data import sine_samples
from polylab.descent import LeastSquares
from polylab.polynomial import BASES, features

X, Y = sine_samples()
POWERS = LeastSquares(features(X), Y)
LIMIT, BEST = 3.557947e-6, 3.547046e-6  # from COURSE.md


@pytest.mark.parametrize("basis", BASES)
def test_the_three_wanted_rates_pass_in_every_basis(basis):
    matrix = features(X, 3, basis)
    problem = LeastSquares(matrix, Y)
    curvatures = numpy.linalg.eigvalsh(2 * matrix.T @ matrix)
    limit, best = 2 / curvatures[-1], 2 / (curvatures[0] + curvatures[-1])
    assert_passed(check_learning_rate(0.99 * limit, problem))
    assert_passed(check_learning_rate(limit, problem, "largest stable", tolerance=1e-6))
    assert_passed(check_learning_rate(best, problem, "best", tolerance=1e-6))


@pytest.mark.parametrize("rate", [
    1e-6, 3.557e-6, 1e-12, numpy.float32(1e-6), numpy.array(1e-6), torch.tensor(1e-6)])
def test_every_kind_of_number_below_the_limit_is_stable(rate):
    assert_passed(check_learning_rate(rate, POWERS))


@pytest.mark.parametrize(("rate", "wanted", "tolerance"), [
    (3.558e-6, "largest stable", 0.01), (3.54e-6, "largest stable", 0.01),
    (3.55e-6, "best", 0.01), (3.5471e-6, "best", 1e-4)])
def test_rounded_rates_pass_within_the_tolerance(rate, wanted, tolerance):
    assert_passed(check_learning_rate(rate, POWERS, wanted, tolerance))


@pytest.mark.parametrize("count", [500, 2000])
def test_without_a_tolerance_three_digits_pass_and_neighbours_of_the_limit_do_not(count):
    x, y = sine_samples(count)
    problem = LeastSquares(features(x), y)
    curvatures = numpy.linalg.eigvalsh(2 * features(x).T @ features(x))
    limit, best = 2 / curvatures[-1], 2 / (curvatures[0] + curvatures[-1])
    assert_passed(check_learning_rate(float(f"{limit:.2e}"), problem, "largest stable"))
    assert_refused(check_learning_rate(best, problem, "largest stable"), "the best rate")
    assert_refused(check_learning_rate(limit, problem, "best"), "the largest stable rate")
    # Four times the limit of four times as many points: runs at this rate diverge.
    assert_refused(check_learning_rate(1.0089 * limit, problem, "largest stable"),
                   "only nearly right" if count == 500 else "too large")


def test_rates_are_written_as_in_the_text_of_the_course():
    assert check_learning_rate(1e-6, POWERS).message.startswith("Right: 1e-6 is below")
    assert "3.558e-6 is the limit" in check_learning_rate(LIMIT, POWERS, "largest stable").message


N = 2000
WRONG = (
    ("largest stable", LIMIT * 1.003, "It is 0.3 % too large"),
    ("largest stable", LIMIT * 0.996, "It is 0.4 % too small"),
    ("best", BEST * 1.004, "It is 0.4 % too large"),
    ("best", BEST * 1.05, "It is 5 % too large"),
    ("stable", 3.56e-6, "0.058 % above the limit"),
    ("stable", LIMIT * 1.0001, "0.01 % above the limit"),
    ("stable", 1e-5, "2.81 times the limit"),
    ("stable", 7.1e-3, "2,000 times too large: this is the rate for the mean"),
    ("stable", 0.5, "140,530 times the limit"),
    ("largest stable", 1e-6, "3.56 times too small"),
    ("largest stable", 1e-5, "2.81 times too large"),
    ("largest stable", LIMIT / 2, "1/λmax"),
    ("largest stable", LIMIT * 2, "the Hessian is 2XᵀX"),
    ("largest stable", 2 / 1727.50065, "2/λmin"),
    ("largest stable", 562121.936, "λmax itself"),
    ("largest stable", 562121.936 / 2, "λmax/2, upside down"),
    ("largest stable", BEST, "the best rate, which is a little below"),
    ("largest stable", LIMIT * N, "2,000 times too large: this is the rate for the mean"),
    ("largest stable", LIMIT / N, "2,000 times too small"),
    ("best", LIMIT, "the largest stable rate"),
    ("best", BEST / 2, "half of the best rate"),
    ("best", 2 / (562121.936 - 1727.50065), "subtracted"),
    ("best", BEST * 2, "twice the best rate"),
    ("best", 1e-6, "3.55 times too small"),
    ("best", BEST * N, "2,000 times too large"),
)


@pytest.mark.parametrize(("wanted", "rate", "fragment"), WRONG)
def test_wrong_rates_are_named(wanted, rate, fragment):
    verdict = check_learning_rate(rate, POWERS, wanted, tolerance=5e-4)
    assert_refused(verdict, fragment)
    assert check_learning_rate(rate, POWERS, wanted, tolerance=5e-4) == verdict


@pytest.mark.parametrize("wanted", ["stable", "largest stable", "best"])
@pytest.mark.parametrize(("junk", "fragment"), [
    ("1e-6", "a string came"), (True, "a bool came"), ([1e-6], "One number is wanted"),
    (numpy.full(4, 1e-6), "One number is wanted"), (-1e-6, "not positive"), (0, "not positive"),
    (float("nan"), "A finite number is wanted, nan came"), (float("inf"), "inf came"),
    (1e-6j, "a complex number"), (lambda: 1e-6, "a function came"), (float, "a class came"),
    ({}, "a dict"), (10**400, "too large"),
])
def test_junk_is_refused(junk, fragment, wanted):
    assert_refused(check_learning_rate(junk, POWERS, wanted), fragment)


@pytest.mark.parametrize("answer", [..., None])
def test_a_starter_is_not_attempted(answer):
    assert_not_attempted(check_learning_rate(answer, POWERS))


def test_the_limit_of_the_course_scaled_to_fewer_points_is_only_nearly_right():
    x = numpy.linspace(-numpy.pi, numpy.pi, 500)
    few = LeastSquares(features(x), numpy.sin(x))
    assert_refused(check_learning_rate(4 * LIMIT, few, "largest stable"),
                   "for 2,000 points, times 4", "these 500 points")
    assert_refused(check_learning_rate(4 * BEST, few, "best"), "for 2,000 points, times 4")


def test_one_over_the_largest_eigenvalue_gets_the_hint_that_leads_to_the_rate_wanted():
    for wanted, hint in (("largest stable", "at most, −1 or 0?"), ("best", "have equal size?")):
        assert_refused(check_learning_rate(LIMIT / 2, POWERS, wanted), "It is 1/λmax", hint)


def test_the_mean_has_a_limit_n_times_larger():
    mean = LeastSquares(features(X), Y, "mean")
    assert_passed(check_learning_rate(7.1e-3, mean))
    assert_refused(check_learning_rate(LIMIT, mean, "largest stable"), "times too small")


def test_misspelt_arguments_of_the_checker_are_errors():
    with pytest.raises(ValueError, match="wanted must be one of stable, largest stable, best"):
        check_learning_rate(1e-6, POWERS, "biggest")
    with pytest.raises(TypeError, match="problem must be a LeastSquares, got an array of shape"):
        check_learning_rate(1e-6, X)
