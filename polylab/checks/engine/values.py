"""Reads what a learner's code returned, strictly: numbers of a known kind, or a refusal."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass

import numpy

from polylab.checks.engine.reading import is_a, parts_of
from polylab.checks.engine.verdict import NotAttempted, Refusal

LARGEST = 20_000_000  # numbers; anything larger is refused before it is copied
TOLERANCE = {"float64": 1e-9, "float32": 2e-5}  # relative to the size of the terms added up


@dataclass(frozen=True)
class Reading:
    """Numbers that came back: a float64 copy of them, and what they were."""

    numbers: numpy.ndarray
    kind: str  # "tensor", "array", "number" or "tuple"
    dtype: str  # such as "float32"; "float64" for plain Python numbers
    device: str  # "cpu" for everything but tensors


def read_numbers(value, wanted, says="It returns"):
    """Return the numbers in ``value``, or refuse.

    Parameters
    ----------
    value : object
        Whatever came back.
    wanted : str
        What should have come back, for the message: "one number".
    says : str, optional
        How the message begins: "Its list holds" for a part.

    Returns
    -------
    Reading

    Raises
    ------
    Refusal
        If ``value`` is not a number, an array, a tensor, or a tuple or list of them.
    """
    if value is ...:
        raise NotAttempted("the code returns `...`")
    kind, parts = type(value), parts_of(value)
    if parts is not None:
        return _read_sequence(parts, "list" if is_a(value, list) else "tuple", wanted)
    if is_tensor(value):
        return _read_tensor(value, wanted, says)
    if kind is numpy.ndarray or is_a(value, numpy.generic):
        return _read_array(value, wanted, says)
    if kind in (int, float):
        try:
            return Reading(numpy.array(float(value)), "number", "float64", "cpu")
        except OverflowError:
            raise Refusal("It runs.", f"{says} a number that is too large for a float.",
                          "which operation makes it so large?") from None
    raise Refusal("It runs.", f"{says} {describe(value)}, not {wanted}.", _hint_for(value))


def _read_sequence(parts, name, wanted):
    if len(parts) > 10_000:
        raise Refusal("It runs.", f"It returns a {name} of {len(parts):,} items, not {wanted}.",
                      "which one of them is the answer?")
    if any(part is None for part in parts):
        count = "every part" if all(part is None for part in parts) else "a part"
        raise Refusal("It runs.", f"It returns a {name} in which {count} is None.",
                      "is it the `.grad` of something that is no leaf?")
    readings = [read_numbers(part, wanted, f"Its {name} holds") for part in parts]
    if not readings:
        raise Refusal("It runs.", f"It returns an empty {name}, not {wanted}.",
                      "what should stand in it?")
    shapes = [part.numbers.shape for part in readings]
    if len(set(shapes)) > 1:
        raise Refusal("It runs.", f"The parts of its {name} have different shapes, {shapes[0]} and "
                      f"{next(s for s in shapes if s != shapes[0])}.",
                      "make each part one number." if () in shapes
                      else "which of them is the answer?")
    dtype = "float32" if any(part.dtype == "float32" for part in readings) else readings[0].dtype
    device = next((part.device for part in readings if part.device != "cpu"), "cpu")
    return Reading(numpy.stack([part.numbers for part in readings]), "tuple", dtype, device)


def _read_tensor(value, wanted, says):
    torch = sys.modules["torch"]
    dtype = str(value.dtype).removeprefix("torch.")
    if value.layout is not torch.strided or value.device.type == "meta" or value.is_complex():
        raise Refusal("It runs.", f"{says} a tensor of dtype {dtype} that holds no plain real "
                      f"numbers, not {wanted}.", "which operation made it so?")
    _require_size(value.numel(), wanted)
    numbers = value.detach().to("cpu").to(torch.float64).numpy().copy()
    return Reading(numbers, "tensor", dtype, value.device.type)


def _read_array(value, wanted, says):
    if value.dtype.kind not in "fiub":
        raise Refusal("It runs.", f"{says} an array of dtype {value.dtype}, not {wanted}.",
                      "which operation gave it that dtype?")
    _require_size(value.size, wanted)
    with numpy.errstate(all="ignore"):
        return Reading(numpy.array(value, dtype=numpy.float64), "array", value.dtype.name, "cpu")


def _require_size(size, wanted):
    if size > LARGEST:
        raise Refusal("It runs.", f"It returns {size:,} numbers, not {wanted}.",
                      "print the shapes of the arrays on the way.")


def is_tensor(value):
    """Return whether a value is a tensor or a parameter of torch, without loading torch."""
    torch = sys.modules.get("torch")
    return torch is not None and type(value) in (torch.Tensor, torch.nn.Parameter)


def describe(value):
    """Return what a value is in a few words, without calling any of its methods."""
    if value is None:
        return "None"
    if value is ...:
        return "`...`"
    kind = type(value)
    if is_tensor(value):
        return f"a tensor of shape {tuple(value.shape)}"
    if kind is numpy.ndarray:
        return f"an array of shape {value.shape}"
    if is_a(value, numpy.generic):
        return "a NumPy number"
    if is_a(value, types.GeneratorType):
        return "a generator"
    if is_a(value, types.CoroutineType):
        value.close()
        return "a coroutine"
    if is_a(value, type):
        return "a class"
    if is_a(value, (types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        return "a function"
    names = {str: "a string", bool: "a bool", int: "an integer", float: "a number",
             list: "a list", tuple: "a tuple", dict: "a dict", set: "a set",
             complex: "a complex number", bytes: "bytes", types.ModuleType: "a module"}
    if kind in names:
        return names[kind]
    name = type.__getattribute__(kind, "__name__")
    return f"an object of type {name}"


def _hint_for(value):
    if value is None:
        return "either `return` is missing, or what stands behind it is None."
    if is_a(value, types.GeneratorType):
        return ("round brackets around `… for …` make a generator, not a tuple."
                if value.gi_code.co_name == "<genexpr>" else "use `return`, not `yield`.")
    if is_a(value, (complex, numpy.complexfloating)):
        return "the root, or a broken power, of a negative number is complex."
    if is_a(value, (types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        return "call it: a name without brackets is the function itself."
    if is_a(value, type):
        return "make an object of it: a name without brackets is the class itself."
    return "what type should the last line hand back?"


def show(numbers):
    """Return numbers in brackets, with five digits, for a message that compares two rows."""
    return f"({', '.join(f'{number:.5g}' for number in numbers)})"


def tell_apart(one, other, least=3):
    """Return two numbers as texts, with as few digits as tell them apart, but ``least`` of them."""
    texts = ((f"{one:.{digits}g}", f"{other:.{digits}g}") for digits in range(least, 18))
    return next((pair for pair in texts if pair[0] != pair[1]), (f"{one:.17g}", f"{other:.17g}"))


def require_shape(reading, shape, hints=()):
    """Refuse unless the numbers have this shape.

    Parameters
    ----------
    reading : Reading
        What came back.
    shape : tuple of int
        What is wanted.
    hints : sequence of (shape, wrong, hint)
        The sentences for shapes that tell which mistake was made.
    """
    came = reading.numbers.shape
    if came == shape:
        return
    for known, wrong, hint in hints:
        if came == known:
            raise Refusal("It runs.", wrong, hint)
    raise Refusal("It runs.", f"It returns numbers of shape {came}; {shape} is wanted.",
                  "print the shape of each array on the way.")


def require_finite(reading, what):
    """Refuse nan and infinities."""
    right = "It runs and returns numbers of the right shape."
    if numpy.isnan(reading.numbers).any():
        raise Refusal(right, f"Some of {what} are nan.", "0/0, ∞ − ∞, and the root, the logarithm "
                      "or a broken power of a negative number are nan; which is it?")
    if not numpy.isfinite(reading.numbers).all():
        raise Refusal(right, f"Some of {what} are infinite.",
                      "does something grow without end, or is it divided by zero?")


def require_fractions(reading, dtype):
    """Refuse whole numbers and bools where floating-point numbers went in."""
    if reading.kind in ("array", "tensor") and not reading.dtype.startswith(("float", "bfloat")):
        raise Refusal("It returns numbers of the right shape.",
                      f"The dtype is wrong: {dtype} went in, {reading.dtype} came back.",
                      "which operation cuts off what follows the point?")


def require_precision(reading, dtype, library):
    """Refuse float64 data that come back rounded to float32, whole numbers, and the like."""
    came = reading.dtype
    if library == "torch" and reading.kind == "tensor":
        fits = came == dtype
    else:
        fits = came == "float64" or came == dtype
    if not fits:
        raise Refusal("It returns numbers of the right shape.",
                      f"The dtype is wrong: {dtype} went in, {came} came back.",
                      "make new arrays with the dtype of the data.")


def require_kind(reading, library):
    """Refuse a NumPy array where tensors went in, and the reverse."""
    wrong = {"numpy": "tensor", "torch": "array"}[library]
    if reading.kind == wrong:
        names = {"tensor": "a torch tensor", "array": "a NumPy array"}
        right = {"numpy": "NumPy arrays", "torch": "torch tensors"}[library]
        raise Refusal("It returns numbers of the right shape.",
                      f"It returns {names[wrong]}, although {right} went in.",
                      "stay in one library from the first line to the last.")


def is_again(one, other):
    """Return whether two results of one function are the same, but for rounding.

    Where an array begins in memory can change the last digit of a sum.
    """
    one, other = numpy.asarray(one), numpy.asarray(other)
    size = numpy.abs(one[numpy.isfinite(one)]).max(initial=0.0)
    return one.shape == other.shape and numpy.allclose(
        one, other, rtol=0, atol=1e-6 * size, equal_nan=True)


def close(given, wanted, scale, dtype):
    """Return whether two arrays agree within the rounding of ``dtype``.

    Parameters
    ----------
    given, wanted : array
        Of the same shape, else they do not agree.
    scale : array or float
        The size of the terms that were added up; rounding is proportional to it.
    dtype : str
        "float32" or "float64".
    """
    given, wanted = numpy.asarray(given), numpy.asarray(wanted)
    if given.shape != wanted.shape:
        return False
    return bool(numpy.all(numpy.abs(given - wanted) <= TOLERANCE[dtype] * numpy.asarray(scale)))


def to_library(array, library):
    """Return a fresh copy of a NumPy array, as a torch tensor if ``library`` is "torch"."""
    if library == "numpy":
        return numpy.array(array)
    import torch

    return torch.from_numpy(numpy.array(array))
