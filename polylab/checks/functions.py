"""Checks a learner's `torch.autograd.Function`."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from polylab.checks.engine.common import checker, require_choice, require_no_outside_data
from polylab.checks.engine.diagnosis import NEARLY, SMALL, Mistake, how_far, name_the_mistake
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import is_a
from polylab.checks.engine.values import (
    close,
    describe,
    read_numbers,
    require_finite,
    require_fractions,
    require_kind,
    require_precision,
    require_shape,
    to_library,
)
from polylab.checks.engine.verdict import Refusal

SHAPES = ((40,), (), (3, 5), (1,), (11,))


@dataclass(frozen=True)
class Curve:
    """A function of one number and its derivative, in NumPy."""

    text: str
    value: Callable
    derivative: Callable


def _legendre(degree):
    basis = numpy.polynomial.Legendre.basis(degree)
    return basis, basis.deriv()


CURVES = {
    "legendre 2": Curve("P₂(x) = ½(3x² − 1)", *_legendre(2)),
    "legendre 3": Curve("P₃(x) = ½(5x³ − 3x)", *_legendre(3)),
    "legendre 4": Curve("P₄(x) = ⅛(35x⁴ − 30x² + 3)", *_legendre(4)),
    "square": Curve("x²", numpy.square, lambda x: 2 * x),
    "cube": Curve("x³", lambda x: numpy.power(x, 3), lambda x: 3 * numpy.square(x)),
    "sine": Curve("sin x", numpy.sin, numpy.cos),
    "exponential": Curve("exp x", numpy.exp, numpy.exp),
    "relu": Curve("max(x, 0)", lambda x: numpy.maximum(x, 0), lambda x: numpy.heaviside(x, 0)),
}


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward and one backward pass, in float64."""

    x: numpy.ndarray
    upstream: numpy.ndarray
    other: numpy.ndarray  # the x of the second forward pass
    value: numpy.ndarray
    gradient: numpy.ndarray
    dtype: str


@checker
def check_autograd_function(answer, formula):
    """Check a function with a hand-written backward pass.

    Parameters
    ----------
    answer : subclass of torch.autograd.Function
        ``answer.apply(x)`` takes a tensor of any shape.
    formula : {"legendre 2", "legendre 3", "legendre 4", "square", "cube", "sine", \
"exponential", "relu"}
        What it computes, item by item.

    Returns
    -------
    Verdict

    Notes
    -----
    The oracle is numpy.polynomial or calculus in NumPy. The gradient that arrives from above is
    never 1, two forward passes are made before the first backward pass, and 0 is among the inputs.
    """
    require_choice("formula", formula, tuple(CURVES))
    return judge_autograd_function(answer, formula)


def judge_autograd_function(answer, formula):
    """Return the message of a pass, or refuse; see `check_autograd_function`."""
    _require_function_class(answer)
    passes = [_run(answer, shape, seed) for seed, shape in enumerate(SHAPES)]
    curve = CURVES[formula]
    _compare_values(passes, curve)
    _compare_gradients(passes, curve)
    return (f"Right: forward computes {curve.text}, and backward multiplies its derivative by the "
            "gradient from above.")


def _require_function_class(answer):
    import torch

    base = torch.autograd.Function
    if not is_a(answer, type) or base not in type.mro(answer)[1:]:
        came = "a class that is not derived from it" if is_a(answer, type) else describe(answer)
        raise Refusal("", f"A class derived from torch.autograd.Function is wanted, {came} came.",
                      "hand over the class itself, not an object and not `.apply`.")
    own = set().union(*(vars(part) for part in type.mro(answer)
                        if part.__module__.split(".")[0] != "torch"))
    for name in ("forward", "backward"):
        if name not in own:
            raise Refusal("It is derived from torch.autograd.Function.",
                          f"It has no `{name}`.", "it needs both directions.")
    for name in ("forward", "backward", "setup_context"):
        member = next((vars(part)[name] for part in type.mro(answer) if name in vars(part)), None)
        if name in own and type(member) is not staticmethod:
            raise Refusal("It is derived from torch.autograd.Function.",
                          f"`{name}` is not a static method.", "which decorator is missing?")
    _require_arguments_of_forward(answer, "setup_context" in own)
    require_no_outside_data(answer, "It is derived from torch.autograd.Function.")


def _require_arguments_of_forward(answer, has_context):
    forward = next(vars(part)["forward"] for part in type.mro(answer) if "forward" in vars(part))
    if not is_a(forward.__func__, types.FunctionType):
        return
    code, defaults = forward.__func__.__code__, len(forward.__func__.__defaults__ or ())
    fits = code.co_argcount - defaults <= (1 if has_context else 2) <= code.co_argcount
    if fits or code.co_flags & inspect.CO_VARARGS:
        return
    given = ("Beside a `setup_context` it is given x alone" if has_context
             else "Without a `setup_context` it is given ctx and x")
    came = "1 argument" if code.co_argcount == 1 else f"{code.co_argcount} arguments"
    raise Refusal(f"`forward` takes {came}.", f"{given}.",
                  "compare the three methods with those of LegendreThree, one by one.")


def _run(answer, shape, seed):
    """Make two forward passes, then go backward through the first."""
    import torch

    dtype = "float32" if seed % 2 else "float64"
    random = numpy.random.default_rng(60 + seed)
    x, other, upstream = (random.normal(0, 1.2, shape).astype(dtype) for _ in range(3))
    if x.size > 2:
        x.flat[::4] = 0
        x.flat[1::4] *= 1e-12  # close to 0 is not 0
    given, spare = (to_library(array, "torch") for array in (x, other))
    above = to_library(upstream, "torch")

    def both_ways():
        handed = given.requires_grad_().clone()
        value = answer.apply(handed)
        answer.apply(spare)
        connected = type(value) is torch.Tensor and value.requires_grad
        if connected and value.shape == above.shape:
            value.backward(above)
        return value, given.grad, connected, handed.detach().numpy()

    value, gradient, connected, handed = call(both_ways, owner=answer).value
    if value is None:
        raise Refusal("", "Forward returns None.",
                      "either `return` is missing, or what stands behind it is None.")
    reading = read_numbers(value, "a tensor")
    require_shape(reading, shape)
    require_finite(reading, "its values")
    require_kind(reading, "torch")
    require_fractions(reading, dtype)
    if not connected:
        raise Refusal("Forward runs.", "Its result is not part of the graph, so backward is never "
                      "called.", "forward should return a new tensor.")
    require_precision(reading, dtype, "torch")
    if not numpy.array_equal(handed, x):
        raise Refusal("Forward runs.", "Its input changed in place.",
                      "make a new tensor for the result.")
    if not numpy.array_equal(above.numpy(), upstream):
        raise Refusal("Backward runs.", "It changes the gradient from above in place, and other "
                      "boxes of the graph may still need that.", "make a new tensor.")
    if gradient is None:
        raise Refusal("Forward runs.", "Backward returns None, so no gradient arrives.",
                      "backward returns one gradient for each input of forward.")
    slope = read_numbers(gradient, "a tensor")
    require_finite(slope, "the gradients")
    x, upstream, other = (array.astype(float) for array in (x, upstream, other))
    return Pass(x, upstream, other, reading.numbers, slope.numbers, dtype)


def _near(came, wanted, run):
    wanted = numpy.broadcast_to(wanted, run.x.shape)
    return close(came, wanted, numpy.abs(wanted).max() + 1.0, run.dtype)


def _compare_values(passes, curve):
    by_hand = "by hand."
    _compare(passes, "value", lambda run: curve.value(run.x), (
        *(Mistake(lambda run, factor=factor: factor * curve.value(run.x),
                  f"Forward is wrong: {said}", f"put x = 1 into the formula {by_hand}")
          for factor, said in ((-1, "its sign is flipped."), (2, "it is twice what it should be."),
                               (0.5, "it is half of what it should be."))),
        *(Mistake(lambda run, other=other: other.value(run.x),
                  f"Forward computes {other.text}, not {curve.text}.",
                  f"put x = 2 into both formulas {by_hand}")
          for other in CURVES.values() if other is not curve),
    ), "It runs in both directions.", f"forward does not compute {curve.text}",
             f"put that x into the formula {by_hand}")


def _compare_gradients(passes, curve):
    def right(run, at="x"):
        return run.upstream * curve.derivative(getattr(run, at))

    chain = "the chain rule multiplies by what comes from above."
    paper = "take the derivative on paper, then compare with gradcheck."
    context = "what does each call save, and where?"
    _compare(passes, "gradient", right, (
        Mistake(lambda run: curve.derivative(run.x), "Backward forgets the gradient from above: "
                "it returns the bare derivative.", chain),
        Mistake(lambda run: run.upstream, "Backward hands on the gradient from above unchanged; "
                "the derivative is missing.", chain),
        Mistake(lambda run: run.upstream + curve.derivative(run.x), "Backward adds the gradient "
                "from above to the derivative.", chain),
        Mistake(lambda run: 0 * run.x, "Backward returns zeros.", paper),
        Mistake(lambda run: -right(run), "The sign of backward is flipped.", paper),
        Mistake(lambda run: right(run) / 2, "Backward is half of what it should be.", paper),
        Mistake(lambda run: right(run) * 2, "Backward is twice what it should be.", paper),
        Mistake(lambda run: run.upstream * curve.value(run.x), "Backward multiplies by the "
                "function itself, not by its derivative.", paper),
        Mistake(lambda run: right(run, "value"), "Backward takes the derivative at the output; it "
                "belongs at the input.", context),
        Mistake(lambda run: right(run, "other"), "After a second forward pass, backward uses the "
                "x of that one: both calls share one memory.", context),
        *(Mistake(lambda run, at_zero=at_zero: run.upstream * numpy.heaviside(run.x, at_zero),
                  f"At exactly 0 backward returns {said}; a ReLU returns 0.",
                  "is 0 on the side that is kept or on the side that is cut?")
          for at_zero, said in ((1, "1"), (0.5, "½")) if curve is CURVES["relu"]),
    ), f"Forward is right: it computes {curve.text}.", "backward does not return the derivative "
             "times the gradient from above", paper)


def _compare(passes, part, compute, mistakes, right, said, hint):
    """Refuse, by its name or in numbers, what is not ``compute(run)`` in every pass."""
    given = [getattr(run, part) for run in passes]
    wanted = [numpy.broadcast_to(compute(run), run.x.shape) for run in passes]
    wrong = [i for i, run in enumerate(passes) if not _near(given[i], wanted[i], run)]
    if not wrong:
        return
    name_the_mistake(mistakes, passes, given, _near, right)
    off = how_far(given, wanted, [numpy.abs(guess).max() + 1.0 for guess in wanted])
    if off <= SMALL:
        raise Refusal(right, f"Nearly, but {said}: it is off by up to {off:.1g}, which is more "
                      "than rounding.", NEARLY)
    run, came, guess = ((part[wrong[0]]) for part in (passes, given, wanted))
    at = numpy.abs(came - guess).argmax()
    raise Refusal(right, f"{said[0].upper()}{said[1:]}: at x = {run.x.flat[at]:.4g} it is "
                  f"{came.flat[at]:.4g}; {guess.flat[at]:.4g} is wanted"
                  + (f", with {run.upstream.flat[at]:.4g} from above" if part == "gradient" else "")
                  + ".", hint)
