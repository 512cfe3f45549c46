"""The tasks of notebooks 10 to 12: right answers pass, each near miss gets its own diagnosis."""

import math

import numpy
import pytest
import torch
from grading import assert_passed, assert_refused

from polylab.checks import check_tensor

LAMBDA = 1727.50065  # of the slow even mode, from COURSE.md
STEPS = math.log(1e-3) / math.log(1 - 1e-6 * LAMBDA)


def powers_by_list(numbers, x, terms):
    a, b, c, d, e = numbers
    return sum(k * x**power for power, k in enumerate([a, b, c, d, *[e] * terms]))


def one_turn_too_early(numbers, x, terms):
    a, b, c, d, e = numbers
    predicted = a + b * x + c * x**2 + d * x**3
    for power in range(4, 3 + terms):
        predicted = predicted + e * x**power
    return predicted


def back_with_where(x, y, w1, w2):
    hidden = (x @ w1).relu()
    slope = 2 * (hidden @ w2 - y)
    return x.T @ torch.where(hidden > 0, slope @ w2.T, torch.zeros_like(hidden))


def back_without_the_bend(x, y, w1, w2):
    return x.T @ (2 * ((x @ w1).clamp(min=0) @ w2 - y) @ w2.T)


RIGHT = [
    ("predict_with_extra_terms", powers_by_list),
    ("rate_for_the_mean", torch.tensor(3.2e-4)),
    ("gradient_of_w1", back_with_where),
    ("steps_to_one_thousandth", math.ceil(STEPS)),
    ("steps_to_one_thousandth", numpy.ceil(STEPS)),
    ("steps_to_one_thousandth",
     numpy.argmax((1 - 1e-6 * LAMBDA) ** numpy.arange(9000) <= 1e-3)),
]


@pytest.mark.parametrize(("task", "answer"), RIGHT)
def test_right_answers_in_any_style_pass(task, answer):
    assert_passed(check_tensor(answer, task))


WRONG = [
    ("predict_with_extra_terms", one_turn_too_early, "The last extra term is missing"),
    ("rate_for_the_mean", 6.4e-4, "a batch of 64"),
    ("gradient_of_w1", back_without_the_bend, "The bend is left out"),
    ("steps_to_one_thousandth", STEPS, "not a whole number"),
    ("steps_to_one_thousandth", 3995, "a little more than a thousandth"),
    ("steps_to_one_thousandth", math.ceil(math.log(1000) / (1e-6 * LAMBDA)), "−ln(1 − ηλ)"),
    ("steps_to_one_thousandth", 1998, "of the loss"),
    ("steps_to_one_thousandth", 3341, "odd mode"),
]


@pytest.mark.parametrize(("task", "answer", "fragment"), WRONG)
def test_near_misses_are_named(task, answer, fragment):
    assert_refused(check_tensor(answer, task), fragment)
