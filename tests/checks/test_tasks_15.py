"""The tasks of notebook 15: right answers pass, each near miss gets its own diagnosis."""

import numpy
import pytest
from grading import assert_passed, assert_refused

from polylab.checks import check_tensor
from polylab.data import sine_samples
from polylab.tasks import _level_of_noise

X = numpy.vander(sine_samples()[0], 4, increasing=True)
Y = sine_samples()[1]


def loss_by_loop(losses, sizes):
    total = count = 0
    for loss, size in zip(losses, sizes, strict=True):
        total += float(loss) * int(size)
        count += int(size)
    return total / count


def loss_by_dot(losses, sizes):
    return losses @ (sizes / sizes.sum())


def gradient_point_by_point(theta, X, y, rows, chances):
    terms = [2 * (X[i] @ theta - y[i]) * X[i] / chances[i] for i in rows]
    return sum(terms) / len(terms)


def gradient_of_scaled_rows(theta, X, y, rows, chances):
    root = numpy.sqrt(chances[rows] * len(rows))[:, None]
    A, b = X[rows] / root, y[rows] / root[:, 0]
    return 2 * A.T @ (A @ theta - b)


def level_along_the_modes(rate=2.5e-6, size=100):
    curvatures, modes = numpy.linalg.eigh(2 * X.T @ X)
    best = numpy.linalg.lstsq(X, Y)[0]
    slopes = 2 * len(X) * (X @ best - Y)[:, None] * X @ modes
    return (rate * (slopes**2).mean(axis=0) / size / 2 / (2 - rate * curvatures)).sum()


@pytest.mark.parametrize(("task", "answer"), [
    ("loss_of_epoch", loss_by_loop),
    ("loss_of_epoch", loss_by_dot),
    ("gradient_with_chances", gradient_point_by_point),
    ("gradient_with_chances", gradient_of_scaled_rows),
    ("level_for_100", level_along_the_modes()),
    ("level_for_100", round(level_along_the_modes(), 4)),
])
def test_right_answers_in_any_style_pass(task, answer):
    assert_passed(check_tensor(answer, task))


def biased(theta, X, y, rows, chances):
    missed = X[rows] @ theta - y[rows]
    return len(y) / len(rows) * 2 * X[rows].T @ missed


def of_the_mean(theta, X, y, rows, chances):
    return 2 * X[rows].T @ (X[rows] @ theta - y[rows]) / len(rows)


def each_point_once(theta, X, y, rows, chances):
    rows = numpy.unique(rows)
    return 2 * X[rows].T @ ((X[rows] @ theta - y[rows]) / chances[rows]) / len(rows)


@pytest.mark.parametrize(("task", "answer", "fragment"), [
    ("loss_of_epoch", lambda losses, sizes: sum(losses) / len(losses), "mean of the means"),
    ("loss_of_epoch", lambda losses, sizes: losses @ sizes / sizes[0] / len(sizes),
     "as if the last batch"),
    ("loss_of_epoch", lambda losses, sizes: losses @ sizes, "the sum over all points"),
    ("loss_of_epoch", lambda losses, sizes: losses @ sizes / len(losses), "number of batches"),
    ("loss_of_epoch", lambda losses, sizes: losses[:-1].sum() / len(losses[:-1]), "left out"),
    ("gradient_with_chances", biased, "biased"),
    ("gradient_with_chances", of_the_mean, "mean gradient"),
    ("gradient_with_chances", lambda *inputs: 8 * biased(*inputs) / 8, "biased"),
    ("gradient_with_chances", lambda theta, X, y, rows, chances:
     2 * X[rows].T @ ((X[rows] @ theta - y[rows]) * chances[rows]) / len(rows), "must divide"),
    ("gradient_with_chances", lambda theta, X, y, rows, chances:
     -gradient_point_by_point(theta, X, y, rows, chances), "sign"),
    ("gradient_with_chances", each_point_once, ""),
    ("level_for_100", 0.14108, "rule for small rates"),
    ("level_for_100", 100 * level_along_the_modes(), "B = 1"),
    ("level_for_100", level_along_the_modes(1e-6, 100), "1e-6"),
    ("level_for_100", 8.8172 + level_along_the_modes(), "floor included"),
    ("level_for_100", 2 * level_along_the_modes(), "½λz²"),
    ("level_for_100", -level_along_the_modes(), "sign"),
])
def test_near_misses_are_named(task, answer, fragment):
    assert_refused(check_tensor(answer, task), fragment)


@pytest.mark.parametrize(("rate", "size"), [(1e-7, 256), (1e-6, 8), (3e-6, 100)])
def test_level_of_noise_by_modes_and_by_one_equation_for_all(rate, size):
    assert abs(_level_of_noise(rate, size) / level_along_the_modes(rate, size) - 1) < 1e-9
