"""Checks an answer to one of the tasks: a value, or a function of arrays."""

from __future__ import annotations

import inspect
import sys

import numpy

from polylab.checks.engine.common import (
    call_twice,
    checker,
    is_or_are,
    require_choice,
    require_function,
)
from polylab.checks.engine.diagnosis import SMALL, Mistake, how_far, name_the_mistake
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import is_a, parts_of
from polylab.checks.engine.values import (
    TOLERANCE,
    Reading,
    describe,
    is_again,
    is_tensor,
    read_numbers,
    require_finite,
    require_kind,
    require_precision,
    to_library,
)
from polylab.checks.engine.verdict import NotAttempted, Refusal
from polylab.tasks import TASKS

SEEDS = 6
ONE_NUMBER = "It is one number, as wanted."
FLIPPED = "The sign is flipped."
REVERSED = "The numbers are right, but in reverse order."
DOUBLED = "It is off by a factor of 2."
# What torch says to code that prints or compares the numbers of a tensor that has none.
PRINTS_WITHOUT_NUMBERS = ("copy out of meta", "called on meta", "unsupported format string")


@checker
def check_tensor(answer, task):
    """Check an answer to a task of `polylab.tasks`: a shape, a value, a tensor, a word.

    Parameters
    ----------
    answer : object
        What the task asks for: a value (tensor, array, number, tuple, string or bool), or a
        function that is tried on inputs of several sizes, in float64 and float32.
    task : str
        A name in `polylab.tasks.TASKS`.

    Returns
    -------
    Verdict
    """
    require_choice("task", task, tuple(TASKS))
    question = TASKS[task]
    names = tuple(inspect.signature(question.wanted).parameters)
    if not names:
        _judge_value(answer, question)
    else:
        _judge_function(answer, question, names)
    return f"Right: {question.description}."


# --- values ---------------------------------------------------------------------------------


def _judge_value(answer, question):
    if answer is None:
        raise NotAttempted("the answer is None")
    wanted = question.wanted()
    problem = (_compare(answer, wanted, question, "float64") if question.accepts is None
               else _examine(answer, wanted, question))
    if problem is None:
        return
    _name_the_near_miss(question, [()], [answer], _as_wanted(wanted))
    raise Refusal(*problem, question.hint)


def _name_the_near_miss(question, tries, results, right):
    """Refuse, by the name of the one near miss of a task that explains all tries."""
    name_the_mistake(
        [Mistake(lambda inputs, miss=miss: miss.answer(*inputs), miss.wrong, miss.hint)
         for miss in question.near_misses], tries, results,
        lambda result, guess, inputs: _compare(result, guess, question, _dtype(inputs)) is None,
        right)


def _examine(answer, wanted, question):
    """Return None if a task with many right answers accepts this one, else what is wrong."""
    if type(answer) is bool or not _may_hold_numbers(answer):
        return "", _came_instead(answer, wanted)
    numbers, size = read_numbers(answer, _name(wanted)).numbers, len(wanted)
    if numbers.shape != (size,):
        came = numbers.size if numbers.ndim < 2 else f"an array of shape {numbers.shape}"
        raise Refusal("", f"{size} numbers are wanted, {came} came.",
                      f"one tuple of {size} numbers, in the order that the task names.")
    if not numpy.isfinite(numbers).all():
        return "", "Some of its numbers are nan or infinite."
    wrong = question.accepts(numbers)
    return (_as_wanted(wanted), wrong) if wrong else None


# --- functions ------------------------------------------------------------------------------


def _judge_function(answer, question, names):
    require_function(answer, *names)
    tries = [_inputs(question, seed) for seed in range(SEEDS)]
    results = [_try(answer, question, names, inputs) for inputs in tries]
    problems = [_compare(result, question.wanted(*inputs), question, _dtype(inputs))
                for result, inputs in zip(results, tries, strict=True)]
    if not any(problems):
        if question.follows_device:
            _require_device(answer, question, tries[0])
        return
    _name_the_near_miss(question, tries, results, "It runs.")
    readings = [_numbers_or_none(result) for result in results]
    if None not in readings and all(numpy.array_equal(
            readings[0].numbers, reading.numbers, equal_nan=True) for reading in readings):
        raise Refusal("It runs.", "It returns the same whatever it is given.",
                      "which lines use the parameters?")
    right, wrong = next(problem for problem in problems if problem)
    # What would explain one try by chance is told only if it explains them all.
    by_chance = wrong.lower().endswith(
        tuple(sentence.lower() for sentence in (FLIPPED, REVERSED, DOUBLED)))
    if by_chance and any(problem is None or problem[1] != wrong for problem in problems):
        wrong = "The value is wrong." if right == ONE_NUMBER else "The numbers are wrong."
    if None in problems:
        right = "On some inputs it is right."
    raise Refusal(right, wrong, question.hint)


def _inputs(question, seed):
    """Return the inputs of one try; odd seeds round the floating-point arrays to float32."""
    arrays = question.inputs(numpy.random.default_rng(seed))
    dtype = numpy.float32 if seed % 2 else numpy.float64
    return tuple(value.astype(dtype) if is_a(value, numpy.ndarray) and value.dtype.kind == "f"
                 else value for value in arrays)


def _dtype(inputs):
    floats = [value.dtype.name for value in inputs
              if is_a(value, numpy.ndarray) and value.dtype.kind == "f"]
    return floats[0] if floats else "float64"


def _try(answer, question, names, inputs):
    (first, one), (_, other), changed = call_twice(
        answer, lambda: _hand_over(question, inputs), names,
        lambda value: (value, _numbers_or_none(value)))
    if changed:
        raise Refusal("It runs.", f"Its input {is_or_are(changed)} changed in place.",
                      "`-=` and the like change the caller's array; make a new one.")
    if one is not None and other is not None and not is_again(one.numbers, other.numbers):
        raise Refusal("It runs.", "Called twice with the same input it gives two different "
                      "answers.", "does it draw random numbers, or remember something"
                      + (", such as gradients that add up in `.grad`?"
                         if question.library == "torch" else "?"))
    return first


def _require_device(answer, question, inputs):
    """Refuse what stays on the CPU: "meta" is a device without numbers that every machine has."""
    handed = [to_library(value, "torch").to("meta") if is_a(value, numpy.ndarray) else value
              for value in inputs]
    try:
        result = call(answer, *handed).value
        follows = result.device == handed[-1].device
    except Refusal as refusal:  # whoever prints the tensor gets this far and no further
        follows = any(said in refusal.wrong for said in PRINTS_WITHOUT_NUMBERS)
    if not follows:
        raise Refusal("The numbers and their dtype are right.",
                      "The tensor stays on the CPU when the data are on another device.",
                      question.hint)


def _hand_over(question, inputs):
    return tuple(to_library(value, question.library or "numpy")
                 if is_a(value, numpy.ndarray) else value for value in inputs)


def _numbers_or_none(value):
    try:
        return read_numbers(value, "numbers")
    except Refusal:
        return None


# --- comparing ------------------------------------------------------------------------------


def _compare(given, wanted, question, dtype):
    """Return None if ``given`` is what is wanted, else what is right and what is wrong."""
    if type(wanted) is str:
        return _compare_word(given, wanted, question)
    if type(wanted) is bool:
        return _compare_bool(given, wanted)
    if type(wanted) is tuple:
        return _compare_tuple(given, wanted, question, dtype)
    return _compare_numbers(given, wanted, question, dtype)


def _compare_word(given, wanted, question):
    if type(given) is not str:
        return "", f"A word is wanted, {describe(given)} came."
    word = given.strip().casefold()
    if question.choices and word not in [choice.casefold() for choice in question.choices]:
        *first, last = (f'"{choice}"' for choice in question.choices)
        listed = f"{', '.join(first)} or {last}"
        return "It is a word, as wanted.", f"It is not one of the choices: {listed}."
    if word != wanted.casefold():
        return "It is one of the words to choose from.", "It is not the right one."
    return None


def _compare_bool(given, wanted):
    torch = sys.modules.get("torch")
    if torch is not None and type(given) is torch.Tensor and given.dtype is torch.bool:
        given = given.item() if given.ndim == 0 else given
    if type(given) not in (bool, numpy.bool_):
        return "", f"True or False is wanted, {describe(given)} came."
    if bool(given) != wanted:
        return "It is True or False, as wanted.", "It is the other one of the two."
    return None


def _compare_tuple(given, wanted, question, dtype):
    is_row = type(given) is numpy.ndarray or is_tensor(given)
    is_row = is_row and tuple(given.shape) == (len(wanted),)
    given, came = list(given) if is_row else parts_of(given), given
    if given is None:
        return "", f"{len(wanted)} values in a tuple are wanted, {describe(came)} came."
    if any(part is ... for part in given):
        raise NotAttempted("the answer still holds `...`")
    if len(given) != len(wanted):
        parts = "1 part" if len(given) == 1 else f"{len(given)} parts"
        return "It holds several values, as wanted." if len(given) > 1 else "", (
            f"It has {parts}; {len(wanted)} are wanted.")
    for position, (part, right) in enumerate(zip(given, wanted, strict=True)):
        problem = _compare(part, right, question, dtype)
        if problem is not None:
            what = problem[1]
            return (f"It has {len(wanted)} parts, as wanted.",
                    f"Part {position}: {what[0].lower()}{what[1:]}")
    return None


def _compare_numbers(given, wanted, question, dtype):
    if type(given) is bool:
        return "", _came_instead(given, wanted)
    if question.inputs is None and not _may_hold_numbers(given):
        return "", _came_instead(given, wanted)
    reading = read_numbers(given, _name(wanted))
    target = numpy.asarray(wanted)
    is_value = question.inputs is None
    kind, name, makers = (
        ("tensor", "a tensor", "`torch.tensor`, `torch.cat` or `torch.stack`")
        if question.library == "torch" else ("array", "an array", "`numpy.array`"))
    if question.as_array and reading.kind not in ((kind,) if is_value else ("array", "tensor")):
        came = describe(given)
        raise Refusal("" if is_value else "It runs.",
                      f"{name.capitalize()} is wanted, {came} came." if is_value
                      else f"It returns {came}, not {name}.",
                      f"make one of all its parts, with {makers}.")
    plain = (int, float) if question.library == "torch" else (int, float, numpy.float64)
    if question.plain and type(given) not in plain:
        lost = ": `.item()` is missing" if reading.kind in ("array", "tensor") else ""
        return "It runs.", f"It is {describe(given)}, not a plain Python number{lost}."
    if question.library is not None and reading.kind in ("array", "tensor"):
        require_kind(reading, question.library)
    if reading.numbers.shape != target.shape:
        return "", _shape_sentence(reading, target)
    if is_a(wanted, numpy.ndarray):
        problem = _compare_dtype(reading, target, dtype, question)
        if problem:
            return problem
    if question.inputs is None and not numpy.isfinite(reading.numbers).all():
        return "", "It is nan or infinite." if not target.ndim else (
            "Some of its numbers are nan or infinite.")
    require_finite(reading, "them")
    exact = target.astype(numpy.float64)
    if question.tolerance is not None:
        allowed = question.tolerance * numpy.abs(exact)
    elif target.dtype.kind in "iub":
        allowed = numpy.zeros_like(exact)
    else:
        size = max(float(numpy.max(numpy.abs(exact), initial=0.0)), 1e-12)
        allowed = numpy.full_like(exact, TOLERANCE[dtype] * size)
    off = numpy.abs(reading.numbers - exact) > allowed
    if not off.any():
        return None
    return _wrong_numbers(reading.numbers, exact, allowed, off)


def _shape_sentence(reading, target):
    came, shape = reading.numbers.shape, target.shape
    if came == (*shape, 1) or came == (1, *shape):
        return f"The shape is {came}; {shape} is wanted: one dimension of length 1 too many."
    if shape and came == shape[::-1]:
        return f"The shape is {came}; {shape} is wanted: rows and columns are swapped."
    return f"The shape is {came}; {shape} is wanted."


def _compare_dtype(reading: Reading, target, dtype, question):
    if target.dtype.kind == "f" and question.inputs is not None:
        require_precision(reading, dtype, question.library or "numpy")
    elif target.dtype.kind == "b" and reading.dtype != "bool":
        return ("It has the right shape.", f"Its dtype is {reading.dtype}; bool is wanted.")
    elif target.dtype.kind in "iu" and reading.dtype == "bool":
        return ("It has the right shape.", "Its dtype is bool; numbers are wanted.")
    return None


def _wrong_numbers(given, wanted, allowed, off):
    right = "It has the right shape." if given.ndim else ONE_NUMBER

    fits = {said for said, other in ((FLIPPED, -wanted), (REVERSED, numpy.flip(wanted)),
                                     (DOUBLED, wanted / 2), (DOUBLED, wanted * 2))
            if (numpy.abs(given - other) <= allowed).all()}
    if len(fits) == 1:
        return right, fits.pop()
    far = how_far([given], [wanted], [max(float(numpy.abs(wanted).max(initial=0)), 1e-300)])
    if far <= SMALL and allowed.any():  # of whole numbers none is nearly another
        return right, (f"{'They are' if given.ndim else 'It is'} nearly what is wanted: off by up "
                       f"to {far:.1g} of {'the largest' if given.ndim else 'it'}, which is more "
                       "than rounding.")
    if given.ndim and not off.all():
        count = int(off.sum())
        return right, f"{count} of its {given.size} numbers {'is' if count == 1 else 'are'} wrong."
    return right, "The value is wrong." if not given.ndim else "The numbers are wrong."


def _may_hold_numbers(value):
    """Return whether a value is of a kind that is read, so that what is wrong with it is told."""
    return (value is ... or type(value) in (int, float) or parts_of(value) is not None
            or is_tensor(value) or is_a(value, (numpy.ndarray, numpy.generic)))


def _as_wanted(wanted):
    if type(wanted) is tuple:
        return f"It has {len(wanted)} parts, as wanted."
    return f"It {'holds' if _is_plural(wanted) else 'is'} {_name(wanted)}, as wanted."


def _came_instead(given, wanted):
    name = _name(wanted)
    return (f"{name[0].upper()}{name[1:]} {'are' if _is_plural(wanted) else 'is'} wanted, "
            f"{describe(given)} came.")


def _is_plural(wanted):
    return type(wanted) is tuple or bool(is_a(wanted, numpy.ndarray) and wanted.ndim)


def _name(wanted):
    if type(wanted) is tuple:
        return f"{len(wanted)} values in a tuple"
    if is_a(wanted, numpy.ndarray) and wanted.ndim:
        return f"numbers of shape {wanted.shape}"
    return "one number" if type(wanted) is not str else "a word"
