"""check_tensor and the tasks: every task passes its right answer and names each near miss."""

import inspect
from collections import namedtuple

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused

from polylab import tasks
from polylab.checks import check_tensor
from polylab.checks.tensors import SEEDS
from polylab.tasks import TASKS, NearMiss, Task

# --- every task of the course -----------------------------------------------------------------


def in_library(compute, question):
    """Return a function of the task's inputs that computes in NumPy and answers in its library."""
    def answer(*inputs):
        arrays = [_on_the_cpu(value).numpy() if isinstance(value, torch.Tensor) else value
                  for value in inputs]
        result = compute(*arrays)
        return converted(result, question, inputs)

    names = list(inspect.signature(question.wanted).parameters)
    answer.__signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])
    return answer


def converted(result, question, inputs):
    if isinstance(result, tuple):
        return tuple(converted(part, question, inputs) for part in result)
    if not isinstance(result, numpy.ndarray) or question.library != "torch":
        return result
    floats = [value.dtype for value in inputs
              if isinstance(value, torch.Tensor) and value.dtype.is_floating_point]
    tensor = torch.from_numpy(numpy.array(result))
    if question.follows_device:
        tensor = tensor.to(inputs[-1].device)
    return tensor.to(floats[0]) if floats and tensor.dtype.is_floating_point else tensor


def _on_the_cpu(tensor):
    return torch.zeros_like(tensor, device="cpu") if tensor.is_meta else tensor


def value_of(compute, question):
    if question.inputs is not None:
        return in_library(compute, question)
    return torch.as_tensor(compute()) if question.as_array else compute()


@pytest.mark.parametrize("name", TASKS)
def test_every_task_passes_its_right_answer(name):
    question = TASKS[name]
    assert_passed(check_tensor(value_of(question.wanted, question), name))


@pytest.mark.parametrize(("name", "number"), [
    (name, number) for name, question in TASKS.items()
    for number in range(len(question.near_misses))])
def test_every_near_miss_of_every_task_is_named(name, number):
    question = TASKS[name]
    miss = question.near_misses[number]
    verdict = check_tensor(value_of(miss.answer, question), name)
    assert_refused(verdict, miss.wrong, miss.hint)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_not_attempted_before_it_is(name):
    assert_not_attempted(check_tensor(..., name))
    if TASKS[name].inputs is None:
        assert_not_attempted(check_tensor(None, name))


@pytest.mark.parametrize("name", TASKS)
def test_every_task_refuses_junk(name):
    for junk in ("junk", 1e99, numpy.zeros((2, 2, 2, 2)), {}, object(), lambda: 1):
        assert not check_tensor(junk, name).passed


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.inputs])
def test_every_maker_of_inputs_makes_new_ones_for_each_seed(name):
    question = TASKS[name]
    made = [question.inputs(numpy.random.default_rng(seed)) for seed in range(SEEDS)]
    again = question.inputs(numpy.random.default_rng(0))
    assert all(numpy.array_equal(one, other) for one, other in zip(made[0], again, strict=True))
    assert len({repr(inputs) for inputs in made}) > 1
    assert len(made[0]) == len(inspect.signature(question.wanted).parameters)


# --- the kinds of answers, on tasks of our own ------------------------------------------------


def vector(random):
    return (random.normal(size=random.integers(12, 40)),)


OWN = {
    "word": Task('"changes" or "stays"', lambda: "changes", choices=("changes", "stays")),
    "yes": Task("whether the order matters", lambda: True),
    "pair": Task("the shape (2, 3)", lambda: (2, 3)),
    "number": Task("the rate, to 1 %", lambda: 3.558e-6, tolerance=0.01),
    "grid": Task("the grid", lambda: numpy.array([[1, 2, 3], [4, 5, 6]])),
    "mask": Task("where x is positive", lambda x: x > 0, vector, "torch"),
    "tail": Task("all but the first", lambda x: x[1:], vector, "torch", near_misses=(
        NearMiss(lambda x: x[:-1], "The last is missing, not the first.", "count from 0."),)),
    "sum": Task("the sum as a number", lambda x: float(x.sum(dtype=float)), vector, "torch",
                plain=True),
    "array": Task("all but the first, as a tensor", lambda x: x[1:], vector, "torch",
                  as_array=True),
    "both": Task("x and its square", lambda x: (x, x**2), vector, "numpy"),
    "like": Task("x again", lambda x: x, vector, "torch", follows_device=True),
    "some": Task("two numbers whose sum is 7", lambda: (3, 4), accepts=lambda numbers: (
        "" if numbers.sum() == 7 else f"The sum is {numbers.sum():g}.")),
}


@pytest.fixture(autouse=True)
def own_tasks(monkeypatch):
    monkeypatch.setattr(tasks, "TASKS", {**TASKS, **OWN})
    monkeypatch.setattr("polylab.checks.tensors.TASKS", {**TASKS, **OWN})


def grows(x):
    x -= 1
    return x


def prints_the_tensor(x):
    result = x.clone()
    print(result.tolist())
    return result


def prints_the_values(values, x):
    result = torch.tensor(values, dtype=x.dtype, device=x.device)
    print(f"{result.sum():.3f}", result[0].item())
    return result


Pair = namedtuple("Pair", "first second")
RIGHT = (
    ("word", "changes"), ("word", " Changes "),
    ("yes", True), ("yes", numpy.True_), ("yes", torch.tensor(True)),
    ("pair", (2, 3)), ("pair", [2, 3]), ("pair", torch.zeros(2, 3).shape),
    ("number", 3.558e-6), ("number", 3.56e-6), ("number", torch.tensor(3.55e-6)),
    ("number", numpy.float32(3.558e-6)),
    ("grid", numpy.arange(1, 7).reshape(2, 3)), ("grid", [[1, 2, 3], [4, 5, 6]]),
    ("grid", torch.arange(1, 7).reshape(2, 3)), ("grid", torch.arange(1.0, 7).reshape(2, 3)),
    ("mask", lambda x: x > 0), ("mask", lambda x: torch.gt(x, torch.zeros_like(x))),
    ("tail", lambda x: x[1:]), ("tail", lambda x: x[-(len(x) - 1):].clone()),
    ("sum", lambda x: x.sum().item()), ("sum", lambda x: float(x.sum())),
    ("array", lambda x: x[1:]), ("array", lambda x: x.narrow(0, 1, len(x) - 1)),
    ("like", prints_the_tensor), ("numbers_like_x", prints_the_values),
    ("like", lambda x: x * 1), ("like", lambda x: torch.stack(list(x))),
    ("like", lambda x: torch.ones(len(x), dtype=x.dtype, device=x.device) * x),
    ("some", (2, 5)), ("some", [7, 0]), ("some", numpy.array([3.5, 3.5])),
    ("both", lambda x: (x.copy(), x * x)), ("both", lambda x: [x + 0, x**2]),
    ("both", lambda x: Pair(x.copy(), x * x)), ("some", Pair(2, 5)), ("pair", Pair(2, 3)),
    ("pair", numpy.array([2, 3])), ("pair", torch.tensor([2.0, 3.0])),
)


@pytest.mark.parametrize(("task", "answer"), RIGHT)
def test_right_answers_of_every_kind_pass(task, answer):
    assert_passed(check_tensor(answer, task))


x = numpy.zeros(3)
seen = []


def tail_of_global(values):
    return torch.as_tensor(x)[1:]


def counts(values):
    seen.append(len(seen))
    return values[1:] * len(seen)


WRONG = (
    ("word", "stays", "not the right one"),
    ("word", "sometimes", 'not one of the choices: "changes" or "stays"'),
    ("word", True, "A word is wanted, a bool came"),
    ("yes", False, "the other one of the two"),
    ("yes", "True", "True or False is wanted, a string came"),
    ("yes", 1, "True or False is wanted, an integer came"),
    ("pair", (3, 2), "Part 0: the value is wrong"),
    ("pair", (2, 3, 1), "It has 3 parts; 2 are wanted"),
    ("pair", 6, "2 values in a tuple are wanted, an integer came"),
    ("grid", "6 numbers", "Numbers of shape (2, 3) are wanted, a string came"),
    ("grid", True, "Numbers of shape (2, 3) are wanted, a bool came"),
    ("pair", True, "2 values in a tuple are wanted, a bool came"),
    ("some", "3 and 4", "2 values in a tuple are wanted, a string came"),
    ("some", True, "2 values in a tuple are wanted, a bool came"),
    ("some", object(), "2 values in a tuple are wanted, an object of type object came"),
    ("some", 7, "2 numbers are wanted, 1 came", "one tuple of 2 numbers"),
    ("some", (1, 2, 4), "2 numbers are wanted, 3 came"),
    ("some", Pair(3, 5), "The sum is 8"),
    ("pair", Pair(3, 2), "Part 0: the value is wrong"),
    ("pair", numpy.array([2, 4]), "Part 1: the value is wrong"),
    ("pair", numpy.array([[2, 3]]), "2 values in a tuple are wanted, an array of shape (1, 2)"),
    ("some", [[3, 4]], "2 numbers are wanted, an array of shape (1, 2) came"),
    ("some", (7, float("nan")), "Some of its numbers are nan or infinite"),
    ("some", (3, 5), "It has 2 parts, as wanted", "The sum is 8"),
    ("number", 3.4e-6, "The value is wrong"),
    ("number", -3.558e-6, "The sign is flipped"),
    ("number", 7.116e-6, "off by a factor of 2"),
    ("number", True, "One number is wanted, a bool came"),
    ("number", "3.558e-6", "One number is wanted, a string came"),
    ("number", float, "One number is wanted, a class came"),
    ("pair", (2, None), "Part 1: one number is wanted, None came"),
    ("pair", (2,), "It has 1 part; 2 are wanted"),
    ("pair", (2, float("inf")), "Part 1: it is nan or infinite"),
    ("number", [3.558e-6], "The shape is (1,); () is wanted"),
    ("number", float("nan"), "nan or infinite"),
    ("number", 10**400, "too large"),
    ("number", 3.5j, "a complex number"),
    ("grid", numpy.arange(1, 7).reshape(3, 2), "rows and columns are swapped"),
    ("grid", numpy.arange(6, 0, -1).reshape(2, 3), "in reverse order"),
    ("grid", numpy.arange(1, 7).reshape(2, 3, 1), "one dimension of length 1 too many"),
    ("grid", numpy.array([[1, 2, 3], [4, 5, 7]]), "1 of its 6 numbers is wrong"),
    ("grid", numpy.arange(1, 7).reshape(2, 3) == 1, "Its dtype is bool"),
    ("grid", numpy.array([["a"]]), "dtype <U1"),
    ("mask", lambda x: (x > 0).float(), "bool is wanted"),
    ("mask", lambda x: x < 0, "The numbers are wrong"),
    ("tail", lambda x: x[:-1], "The last is missing, not the first", "count from 0"),
    ("tail", lambda x: -x[1:], "The sign is flipped"),
    ("tail", lambda x: x[1:].flip(0), "in reverse order"),
    ("tail", lambda x: torch.tensor([1.0, 2.0]), "the same whatever it is given"),
    ("tail", lambda x: x[1:].numpy(), "a NumPy array, although torch tensors"),
    ("tail", lambda x: x[1:].to(torch.float32), "float64 went in, float32 came back"),
    ("tail", lambda x: x[1:, None], "one dimension of length 1 too many"),
    ("tail", lambda x: x[1:12], "The shape is (11,); (34,) is wanted"),
    ("tail", lambda x: x[1:] * (len(x) < 30), "On some inputs it is right"),
    ("tail", lambda x: grows(x)[1:], "`x` is changed in place"),
    ("tail", lambda x: x[1:] + torch.rand(()), "two different answers"),
    ("tail", counts, "global variable `seen`"),
    ("tail", tail_of_global, "global variable `x`"),
    ("tail", lambda x: x[1:] / 0, "Some of them are infinite"),
    ("tail", lambda: 1, "cannot be called with (x)"),
    ("tail", torch.zeros(3), "A function of (x) is wanted, a tensor of shape (3,) came"),
    ("sum", lambda x: x.sum(), "`.item()` is missing"),
    ("sum", lambda x: x.mean().item(), "The value is wrong"),
    ("sum", lambda x: x.numpy().sum(), "a NumPy number, not a plain Python number: `.item()`"),
    ("sum", lambda x: x.sum, "It returns a function", "call it"),
    ("sum", lambda x: x.sum().item() * (-1) ** len(x), "On some inputs it is right. The value"),
    ("sum", lambda x: x.sum().item() * (-1 if len(x) == 34 else -3), "The value is wrong"),
    ("sum", lambda x: -x.sum().item(), "The sign is flipped"),
    ("both", lambda x: (-x, x * x), "Part 0: the sign is flipped"),
    ("like", lambda x: torch.from_numpy(x.numpy().copy()), "stays on the CPU"),
    ("like", lambda x: torch.ones(len(x), dtype=x.dtype) * x.sum() / x.sum() * x.cpu(),
     "stays on the CPU"),
    ("numbers_like_x", lambda values, x: torch.tensor(values, dtype=x.dtype),
     "The numbers and their dtype are right", "stays on the CPU"),
    ("array", lambda x: x[1:].tolist(), "It returns a list, not a tensor", "`torch.stack`"),
    ("array", lambda x: list(x[1:]), "It returns a list, not a tensor"),
    ("array", lambda x: x[1:].numpy(), "a NumPy array, although torch tensors"),
    ("numbers_like_x", lambda values, x: values, "not a tensor"),
    ("numbers_like_x", lambda values, x: torch.tensor(values).to(x), "digits are lost"),
    ("both", lambda x: (x**2, x + 0), "Part 0"),
    ("both", lambda x: x, "2 values in a tuple are wanted"),
    ("both", lambda x: (x, x * x * x), "Part 1"),
)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case[0]}: {case[2][:40]}")
def test_wrong_answers_of_every_kind_are_refused(case):
    task, answer, *fragments = case
    verdict = check_tensor(answer, task)
    assert_refused(verdict, *fragments)
    assert check_tensor(answer, task) == verdict


def starter(x):
    result = ...
    return result


@pytest.mark.parametrize(("task", "answer"), [
    ("tail", starter), ("tail", ...), ("grid", None), ("pair", (..., ...)), ("pair", (2, ...)),
    ("pair", Pair(2, ...)),
    ("word", ...), ("both", lambda x: (x, ...)),
])
def test_a_starter_is_not_attempted(task, answer):
    assert_not_attempted(check_tensor(answer, task))


def test_a_misspelt_task_is_an_error():
    with pytest.raises(ValueError, match="task must be one of"):
        check_tensor(1, "no such task")


@pytest.mark.parametrize(("task", "answer", "fragment"), [
    ("centred", lambda x: (x - x.mean()).round(decimals=3), "They are nearly what is wanted"),
    ("best_slope", lambda x, y: round(x @ y / (x @ x), 3), "It is nearly what is wanted"),
    ("layer_as_a_polynomial", lambda weight, bias: torch.cat([bias, weight.squeeze()]),
     "zero-dimensional"),
])
def test_digits_that_are_lost_and_layers_with_one_input_are_seen(task, answer, fragment):
    assert_refused(check_tensor(answer, task), fragment)
