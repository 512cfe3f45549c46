"""Checks a learner's `torch.autograd.Function`."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from polylab.checks.engine.common import checker, require_choice, require_no_outside_data
from polylab.checks.engine.diagnosis import NEARLY, SMALL, how_far
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
    return Pass(x.astype(float), upstream.astype(float), reading.numbers, slope.numbers, dtype)


def _agree(passes, part, compute):
    def one(run):
        wanted = numpy.broadcast_to(compute(run), run.x.shape)
        return close(getattr(run, part), wanted, numpy.abs(wanted).max() + 1.0, run.dtype)

    return all(one(run) for run in passes)


def _compare_values(passes, curve):
    if _agree(passes, "value", lambda run: curve.value(run.x)):
        return
    for factor, sentence in ((-1, "its sign is flipped."), (2, "it is twice what it should be."),
                             (0.5, "it is half of what it should be.")):
        if _agree(passes, "value", lambda run, f=factor: f * curve.value(run.x)):
            raise Refusal("It runs in both directions.", f"Forward is wrong: {sentence}",
                          "put x = 1 into the formula by hand.")
    for other in CURVES.values():
        if _agree(passes, "value", lambda run, other=other: other.value(run.x)):
            raise Refusal("It runs in both directions.",
                          f"Forward computes {other.text}, not {curve.text}.",
                          "put x = 2 into both formulas by hand.")
    _refuse_in_numbers(passes, "value", lambda run: curve.value(run.x),
                       "It runs in both directions.", f"forward does not compute {curve.text}",
                       "put that x into the formula by hand.")


def _compare_gradients(passes, curve):
    if _agree(passes, "gradient", lambda run: run.upstream * curve.derivative(run.x)):
        return
    right = f"Forward is right: it computes {curve.text}."
    chain = "the chain rule multiplies by what comes from above."
    paper = "take the derivative on paper, then compare with gradcheck."
    context = "what does each call save, and where?"
    for compute, sentence, hint in (
        (lambda run: curve.derivative(run.x), "Backward forgets the gradient from above: it "
         "returns the bare derivative.", chain),
        (lambda run: run.upstream, "Backward hands on the gradient from above unchanged; the "
         "derivative is missing.", chain),
        (lambda run: run.upstream + curve.derivative(run.x), "Backward adds the gradient from "
         "above to the derivative.", chain),
        (lambda run: 0 * run.x, "Backward returns zeros.", paper),
        (lambda run: -run.upstream * curve.derivative(run.x), "The sign of backward is flipped.",
         paper),
        (lambda run: run.upstream * curve.derivative(run.x) / 2,
         "Backward is half of what it should be.", paper),
        (lambda run: run.upstream * curve.derivative(run.x) * 2,
         "Backward is twice what it should be.", paper),
        (lambda run: run.upstream * curve.value(run.x), "Backward multiplies by the function "
         "itself, not by its derivative.", paper),
        (lambda run: run.upstream * curve.derivative(curve.value(run.x)), "Backward takes the "
         "derivative at the output; it belongs at the input.", context),
        *((lambda run, at_zero=at_zero: run.upstream * numpy.heaviside(run.x, at_zero)
           if curve is CURVES["relu"] else numpy.nan, f"At exactly 0 backward returns {said}; a "
           "ReLU returns 0.", "is 0 on the side that is kept or on the side that is cut?")
          for at_zero, said in ((1, "1, as clamp does"), (0.5, "½"))),
    ):
        if _agree(passes, "gradient", compute):
            raise Refusal(right, sentence, hint)
    if _remembers_last(passes, curve):
        raise Refusal(right, "After a second forward pass, backward uses the x of that one: both "
                      "calls share one memory.", context)
    _refuse_in_numbers(passes, "gradient", lambda run: run.upstream * curve.derivative(run.x),
                       right, "backward does not return the derivative times the gradient from "
                       "above", paper)


def _refuse_in_numbers(passes, part, compute, right, said, hint):
    """Refuse what no known mistake explains, by the number that is furthest off."""
    exact = [run for run in passes if run.dtype == "float64"]
    wanted = [numpy.broadcast_to(compute(run), run.x.shape) for run in exact]
    off = how_far([getattr(run, part) for run in exact], wanted,
                  [numpy.abs(guess).max() + 1.0 for guess in wanted])
    if off <= SMALL:
        raise Refusal(right, f"Nearly, but {said}: it is off by up to {off:.1g}, which is more "
                      "than rounding in float64.", NEARLY)
    run, guess = exact[0], wanted[0]
    at = numpy.abs(getattr(run, part) - guess).argmax()
    raise Refusal(right, f"{said[0].upper()}{said[1:]}: at x = {run.x[at]:.4g} it is "
                  f"{getattr(run, part)[at]:.4g}; {guess[at]:.4g} is wanted"
                  f"{f', with {run.upstream[at]:.4g} from above' if part == 'gradient' else ''}.",
                  hint)


def _remembers_last(passes, curve):
    def other(run, seed):
        random = numpy.random.default_rng(60 + seed)
        return [random.normal(0, 1.2, run.x.shape).astype(run.dtype) for _ in range(3)][1]

    guesses = [run.upstream * curve.derivative(other(run, seed).astype(float))
               for seed, run in enumerate(passes)]
    return all(close(run.gradient, guess, numpy.abs(guess).max() + 1.0, run.dtype)
               for run, guess in zip(passes, guesses, strict=True))
