"""The tasks of notebooks 00 to 02: right answers pass, each near miss gets its own diagnosis."""

import math

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused

from polylab.checks import check_tensor
from polylab.data import FIRST_GUESS

FIRST = torch.tensor([[[1, 0], [2, 1]], [[0, 1], [1, 1]]])
SECOND = torch.tensor([[[3, 1], [0, 2]], [[4, 0], [5, 6]]])


def distances_by_loops(left, right):
    table = torch.zeros(len(left), len(right), dtype=left.dtype)
    for i, one in enumerate(left):
        for j, other in enumerate(right):
            table[i, j] = ((one - other) ** 2).sum()
    return table


def float32_distances(left, right):
    return ((left.unsqueeze(1) - right) ** 2).sum(2).to(torch.float32)


def centred_in_place(x):
    x -= x.mean()
    return x


def cubic_by_name(coefficients, x):
    a, b, c, d = coefficients
    return a + b * x + c * x**2 + d * x**3


def cubic_of_first_guess(coefficients, x):
    return cubic_by_name(FIRST_GUESS, x)


def cubic_in_reverse(coefficients, x):
    d, c, b, a = coefficients
    return a + b * x + c * x**2 + d * x**3


def cubic_with_a_letter_too_few(coefficients, x):
    a, b, c, d = coefficients
    return a + b * x + c * x**2 + d * c**3


def cubic_without_its_constant(coefficients, x):
    _, b, c, d = coefficients
    return b * x + c * x**2 + d * x**3


number = 2
a = b = c = d = 1.0

RIGHT = [
    ("cubic_under_12", (0.0, 0.86, 0.0, -0.095)),
    ("cubic_under_12", [0.01, 0.85, 0, -0.0925]),
    ("cubic_under_12", numpy.array([0.0, 0.84, 0.0, -0.09])),
    ("cube", lambda value: value**3),
    ("cube", lambda value: value * value * value),
    ("cube", lambda value: math.pow(value, 3)),
    ("cube", lambda value: value**3 if value > 0 else -((-value) ** 3)),
    ("be_the_kernel", 10),
    ("first_ten", lambda x: x[:10]),
    ("first_ten", lambda x: x[0:10].clone()),
    ("batched_product_by_hand", FIRST @ SECOND),
    ("largest_miss", lambda predicted, y: (predicted - y).abs().max().item()),
    ("largest_miss", lambda predicted, y: max(abs(predicted - y).tolist())),
    ("power_table", lambda x, degree: x.unsqueeze(1) ** torch.arange(degree + 1)),
    ("power_table", lambda x, degree: torch.stack([x**k for k in range(degree + 1)], dim=1)),
    ("power_table", lambda x, degree: torch.vander(x, degree + 1, increasing=True)),
    ("power_table", lambda x, degree: torch.pow(x[:, None], torch.tensor([*range(degree + 1)]))),
    ("centred", lambda x: x - x.mean()),
    ("centred", lambda x: x.sub(x.sum() / len(x))),
    ("squared_distances", lambda left, right: ((left.unsqueeze(1) - right) ** 2).sum(2)),
    ("squared_distances", distances_by_loops),
    ("loss_of_zero", 50),
    ("loss_of_zero", numpy.sum(numpy.sin(numpy.linspace(-numpy.pi, numpy.pi, 101)) ** 2)),
    ("cubic", cubic_by_name),
    ("cubic", lambda coefficients, x: numpy.vander(x, 4, increasing=True) @ coefficients),
    ("best_slope", lambda x, y: (x * y).sum() / (x * x).sum()),
    ("best_slope", lambda x, y: float(x @ y / (x @ x))),
]


@pytest.mark.parametrize(("task", "answer"), RIGHT)
def test_right_answers_pass(task, answer):
    assert_passed(check_tensor(answer, task))


WRONG = [
    ("cubic_under_12", (0.0, 0.8, 0.0, -0.09), "The loss of this cubic is 18.32"),
    ("cubic_under_12", (-0.095, 0.0, 0.86, 0.0), "reverse order"),
    ("cubic_under_12", (0.0, 0.86, -0.095), "4 numbers are wanted, 3 came"),
    ("cubic_under_12", 9.23, "4 numbers are wanted, 1 came"),
    ("cubic_under_12", (0.0, 0.86, 0.0, float("nan")), "nan"),
    ("cubic_under_12", "0, 0.86, 0, -0.095", "a string"),
    ("cube", lambda value: number**3, "global variable `number`"),
    ("cube", lambda value: value**2, "the square"),
    ("cube", lambda value: 3 * value, "three times"),
    ("cube", lambda value: 3**value, "changed places"),
    ("cube", lambda value: 125, "the same whatever it is given"),
    ("be_the_kernel", 1000, "rate at the end"),
    ("be_the_kernel", 100, "second B"),
    ("be_the_kernel", 1, "before the first B"),
    ("be_the_kernel", 11, "value is wrong"),
    ("first_ten", lambda x: x[1:10], "nine numbers: the first"),
    ("first_ten", lambda x: x[1:11], "start at the second"),
    ("first_ten", lambda x: x[:9], "x[9] is missing"),
    ("first_ten", lambda x: x[:11], "eleven"),
    ("first_ten", lambda x: x[-10:], "last ten"),
    ("batched_product_by_hand", SECOND @ FIRST, "other order"),
    ("batched_product_by_hand", (FIRST @ SECOND).tolist(), "A tensor is wanted, a list came"),
    ("batched_product_by_hand", (FIRST @ SECOND).numpy(), "A tensor is wanted, an array of"),
    ("batched_product_by_hand", FIRST * SECOND, "item by item"),
    ("batched_product_by_hand", (FIRST @ SECOND)[0], "The shape is (2, 2)"),
    ("largest_miss", lambda predicted, y: (predicted - y).max().item(), "below the truth"),
    ("largest_miss", lambda predicted, y: (y - predicted).max().item(), "above the truth"),
    ("largest_miss", lambda predicted, y: ((predicted - y) ** 2).max().item(), "the square"),
    ("largest_miss", lambda predicted, y: (predicted - y).abs().mean().item(), "the mean"),
    ("largest_miss", lambda predicted, y: (predicted - y).abs().max(), "`.item()` is missing"),
    ("largest_miss", lambda predicted, y: (predicted - y).abs().tolist(),
     "It is a list, not a plain Python number."),
    ("first_ten", lambda x: x[:10].tolist(), "It returns a list, not a tensor"),
    ("power_table", lambda x, degree: (x[:, None] ** torch.arange(degree + 1)).tolist(),
     "It returns a list, not a tensor"),
    ("centred", lambda x: (x - x.mean()).tolist(), "It returns a list, not a tensor"),
    ("squared_distances", lambda left, right: (torch.cdist(left, right) ** 2).tolist(),
     "It returns a list, not a tensor"),
    ("cubic", cubic_of_first_guess, "It is the cubic of FIRST_GUESS"),
    ("power_table", lambda x, degree: x ** torch.arange(degree + 1).unsqueeze(1), "swapped"),
    ("power_table", lambda x, degree: x.unsqueeze(1) ** torch.arange(degree, -1, -1), "reverse"),
    ("power_table", lambda x, degree: x.unsqueeze(1) ** torch.arange(1, degree + 1), "the ones"),
    ("power_table", lambda x, degree: x.unsqueeze(1) ** torch.arange(degree), "the last column"),
    ("power_table", lambda x, degree: x.unsqueeze(1) * torch.arange(degree + 1), "multiples"),
    ("power_table", lambda x, degree: x.unsqueeze(1) ** torch.arange(4), "is wanted"),
    ("centred", centred_in_place, "changed in place"),
    ("centred", lambda x: x - x.sum(), "The sum was subtracted"),
    ("centred", lambda x: x + x.mean(), "added"),
    ("centred", lambda x: x.mean() - x, "wrong way round"),
    ("squared_distances", lambda left, right: ((right.unsqueeze(1) - left) ** 2).sum(2), "swapped"),
    ("squared_distances", lambda left, right: (left.unsqueeze(1) - right) ** 2, "nothing is added"),
    ("squared_distances", lambda left, right: torch.cdist(left, right), "These are the distances"),
    ("squared_distances", lambda left, right: (left.unsqueeze(1) - right).abs().sum(2), "absolute"),
    ("squared_distances", lambda left, right: (left.unsqueeze(1) - right).sum(2) ** 2, "first and"),
    ("squared_distances", lambda left, right: left @ right.T, "left @ right.T"),
    ("squared_distances", float32_distances, "float64 went in, float32 came back"),
    ("loss_of_zero", 50.5, "one gap fewer"),
    ("loss_of_zero", 49.5, "100 gaps"),
    ("loss_of_zero", 50 / 101, "the mean"),
    ("loss_of_zero", 999.5, "2,000 points"),
    ("loss_of_zero", 100, "½ on average"),
    ("cubic", cubic_in_reverse, "reverse order"),
    ("cubic", cubic_with_a_letter_too_few, "c³ where x³ belongs"),
    ("cubic", cubic_without_its_constant, "The term a is missing"),
    ("cubic", lambda coefficients, x: a + b * x + c * x**2 + d * x**3, "global variables"),
    ("best_slope", lambda x, y: (x * y).sum() / (y * y).sum(), "fits x to y"),
    ("best_slope", lambda x, y: (x * y).sum(), "a division is missing"),
    ("best_slope", lambda x, y: y.sum() / x.sum(), "missing in both sums"),
    ("best_slope", lambda x, y: (y / x).mean(), "mean of the slopes"),
    ("best_slope", lambda x, y: numpy.polyfit(x, y, 1)[0], "constant must be left out"),
    ("best_slope", lambda x, y: 0.3035, "the same whatever it is given"),
]


@pytest.mark.parametrize(("task", "answer", "fragment"), WRONG)
def test_near_misses_are_named(task, answer, fragment):
    verdict = check_tensor(answer, task)
    assert_refused(verdict)
    assert fragment.lower() in verdict.message.lower()


@pytest.mark.parametrize("task", dict(RIGHT))
def test_an_ellipsis_is_not_an_attempt(task):
    assert_not_attempted(check_tensor(..., task))


@pytest.mark.parametrize("part", [slice(1, None), slice(None, -1)])
def test_the_largest_miss_may_be_at_an_end(part):
    def loses_one(predicted, y):
        return (predicted - y)[part].abs().max().item()

    assert_refused(check_tensor(loses_one, "largest_miss"), "On some inputs it is right")
