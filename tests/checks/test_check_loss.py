"""check_loss: right answers of every style pass, every mistake gets its own diagnosis."""

import math

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused

from polylab.checks import check_loss


def python_loop(predicted, y):
    total = 0.0
    for guess, target in zip(predicted.tolist(), y.tolist(), strict=True):
        total += (guess - target) ** 2
    return total


def torch_module(predicted, y):
    return torch.nn.MSELoss(reduction="sum")(predicted, y)


RIGHT = (
    ("sum", lambda predicted, y: ((predicted - y) ** 2).sum()),
    ("sum", lambda predicted, y: numpy.square(y - predicted).sum()),
    ("sum", lambda predicted, y: (predicted - y) @ (predicted - y)),
    ("sum", lambda predicted, y: float(numpy.linalg.norm(predicted - y)) ** 2),
    ("sum", lambda predicted, y: sum((p - t) ** 2 for p, t in zip(predicted, y, strict=True))),
    ("sum", lambda predicted, y: torch.sum((predicted - y).pow(2))),
    ("sum", lambda predicted, y: torch.sum((predicted - y).pow(2)).item()),
    ("sum", torch_module),
    ("sum", python_loop),
    ("mean", lambda predicted, y: numpy.mean((predicted - y) ** 2)),
    ("mean", lambda predicted, y: ((predicted - y) ** 2).sum() / len(y)),
    ("mean", lambda predicted, y: torch.nn.functional.mse_loss(predicted, y)),
    ("root mean square", lambda predicted, y: numpy.sqrt(numpy.mean((predicted - y) ** 2))),
    ("root mean square", lambda predicted, y: math.sqrt(((predicted - y) ** 2).mean())),
    ("root mean square", lambda predicted, y: torch.sqrt(torch.mean((predicted - y) ** 2))),
    ("absolute sum", lambda predicted, y: numpy.abs(predicted - y).sum()),
    ("absolute sum", lambda predicted, y: numpy.sqrt((predicted - y) ** 2).sum()),
    ("absolute sum", lambda predicted, y: torch.abs(predicted - y).sum()),
)


@pytest.mark.parametrize(("kind", "answer"), RIGHT)
def test_right_answers_pass(kind, answer):
    assert_passed(check_loss(answer, kind))


def test_methods_of_torch_alone_need_the_library_named():
    assert_passed(check_loss(lambda predicted, y: (predicted - y).pow(2).sum(), "sum", "torch"))


def square_sum(predicted, y):
    return ((predicted - y) ** 2).sum()


y = numpy.zeros(3)


def reads_global_y(predicted, target):
    return ((predicted - y) ** 2).sum()


def column(predicted, y):
    return ((predicted[:, None] - y) ** 2).sum()


def in_place(predicted, y):
    predicted -= y
    return (predicted**2).sum()


def raises(predicted, y):
    residual = predicted - y
    return residual.pow(2).sum()


WRONG = (
    ("sum", lambda p, y: ((p - y) ** 2).mean(), "2,000 times too small on 2,000 points"),
    ("mean", square_sum, "2,000 times too large on 2,000 points: sum instead of mean"),
    ("sum", lambda p, y: -((p - y) ** 2).sum(), "sign is flipped"),
    ("sum", lambda p, y: numpy.sqrt(((p - y) ** 2).mean()), "the root mean square, not"),
    ("root mean square", square_sum, "the sum of squares, not the root mean square"),
    ("root mean square", lambda p, y: ((p - y) ** 2).mean(), "the mean of squares, not"),
    ("root mean square", lambda p, y: numpy.sqrt(((p - y) ** 2).sum()),
     "the root of the sum of squares, not"),
    ("absolute sum", square_sum, "the sum of squares, not the sum of absolute values"),
    ("absolute sum", lambda p, y: numpy.abs(p - y).mean(), "mean of absolute values, not"),
    ("absolute sum", lambda p, y: numpy.sqrt(((p - y) ** 2).sum()), "root of the sum of squares"),
    ("sum", lambda p, y: numpy.abs(p - y).sum(), "the sum of absolute values, not"),
    ("sum", lambda p, y: numpy.abs(p - y).max(), "the largest absolute value, not"),
    ("sum", lambda p, y: ((p - y) ** 2).sum() / 2, "half the sum of squares, not"),
    ("mean", lambda p, y: ((p - y) ** 2).mean() / 2, "half the mean of squares, not"),
    ("sum", lambda p, y: (p - y).sum(), "errors up and down cancel"),
    ("sum", lambda p, y: (y - p).sum(), "errors up and down cancel"),
    ("mean", lambda p, y: (p - y).mean(), "errors up and down cancel"),
    ("sum", lambda p, y: (p**2).sum(), "does not depend on y"),
    ("sum", lambda p, y: (y**2).sum(), "does not depend on the predictions"),
    ("sum", lambda p, y: 12.5, "the same number whatever the data"),
    ("sum", lambda p, y: (p - y) ** 2, "not a scalar: it is still one number per point"),
    ("sum", lambda p, y: ((p - y) ** 2).sum(keepdims=True), "not a scalar: it has shape (1,)"),
    ("sum", lambda p, y: (p[:, None] - y) ** 2, "not a scalar: shapes (n, 1) and (n,) met"),
    ("sum", column, "with n = 7 it adds up 7 × 7 residuals"),
    ("mean", lambda p, y: ((p[:, None] - y) ** 2).mean(), "7 × 7 residuals"),
    ("mean", lambda p, y: ((p - y) ** 2).sum() / 2000, "It is right for n = 2,000"),
    ("sum", lambda p, y: 3 * ((p - y) ** 2).sum(), "It is 3 times the sum of squares"),
    ("sum", lambda p, y: ((p - y) ** 3).sum(), "; the sum of squares is"),
    ("sum", lambda p, y: ((p + y) ** 2).sum(), "; the sum of squares is"),
    ("sum", reads_global_y, "global variable `y`"),
    ("sum", in_place, "The number is right", "`predicted` is changed in place"),
    ("sum", raises, "AttributeError", "`return residual.pow(2).sum()`"),
    ("sum", lambda p, y: None, "returns None"),
    ("sum", lambda p, y: True, "a bool"),
    ("sum", lambda p, y: numpy.inf, "infinite"),
    ("sum", lambda p, y: square_sum(p, y) + numpy.random.rand(), "two different"),  # noqa: NPY002
    ("sum", lambda p, y: torch.sum((p - y) ** 2).float(), "float64 went in, float32 came back"),
    ("sum", lambda p, y: torch.sum((p - y) ** 2).numpy(), "a NumPy array, although"),
    ("sum", lambda p: 1.0, "cannot be called with (predicted, y)"),
    ("sum", 8.8, "A function of (predicted, y) is wanted, a number came"),
)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case[0]}: {case[2][:40]}")
def test_every_mistake_is_refused_with_its_own_diagnosis(case):
    kind, answer, *fragments = case
    verdict = check_loss(answer, kind)
    assert_refused(verdict, *fragments)
    assert check_loss(answer, kind) == verdict


def starter(predicted, y):
    residual = ...
    return residual


@pytest.mark.parametrize("answer", [..., starter, lambda predicted, y: ...])
def test_a_starter_is_not_attempted(answer):
    assert_not_attempted(check_loss(answer, "sum"))


def test_a_misspelt_kind_is_an_error():
    with pytest.raises(ValueError, match="kind must be one of sum, mean"):
        check_loss(square_sum, "median")
