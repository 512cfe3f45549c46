"""check_autograd_function: right passes pass, every mistake gets its own diagnosis."""

import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused

from polylab.checks import check_autograd_function


def function(value, derivative, above_times=lambda above, slope: above * slope):
    """Return an autograd function from two formulas."""
    class Learned(torch.autograd.Function):
        @staticmethod
        def forward(x):
            return value(x)

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, above):
            (x,) = ctx.saved_tensors
            return above_times(above, derivative(x))

    return Learned


def legendre(x):
    return 0.5 * (5 * x**3 - 3 * x)


def legendre_slope(x):
    return 1.5 * (5 * x**2 - 1)


class OldStyle(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return legendre(x)

    @staticmethod
    def backward(ctx, above):
        (x,) = ctx.saved_tensors
        return above * legendre_slope(x)


class SavesOutput(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, above):
        return above * ctx.saved_tensors[0]


RIGHT = (
    ("legendre 3", function(legendre, legendre_slope)),
    ("legendre 3", OldStyle),
    ("legendre 2", function(lambda x: (3 * x**2 - 1) / 2, lambda x: 3 * x)),
    ("legendre 4", function(lambda x: (35 * x**4 - 30 * x**2 + 3) / 8,
                            lambda x: (140 * x**3 - 60 * x) / 8)),
    ("square", function(lambda x: x * x, lambda x: 2 * x)),
    ("cube", function(lambda x: x**3, lambda x: 3 * x**2)),
    ("sine", function(torch.sin, torch.cos)),
    ("exponential", SavesOutput),
    ("relu", function(lambda x: x.clamp(min=0), lambda x: (x > 0).to(x.dtype))),
    ("relu", function(torch.relu, lambda x: x > 0)),
)


@pytest.mark.parametrize(("formula", "answer"), RIGHT)
def test_right_functions_pass(formula, answer):
    assert_passed(check_autograd_function(answer, formula))


class SharedMemory(OldStyle):
    @staticmethod
    def forward(ctx, x):
        SharedMemory.x = x
        return legendre(x)

    @staticmethod
    def backward(ctx, above):
        return above * legendre_slope(SharedMemory.x)


class ReturnsInput(OldStyle):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        ctx.mark_dirty(x)
        return x.mul_(2)


class NoBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return legendre(x)


class NotStatic(OldStyle):
    def backward(ctx, above):
        return above


class ReturnsNone(OldStyle):
    @staticmethod
    def backward(ctx, above):
        above * legendre_slope(ctx.saved_tensors[0])


class ForgetsToSave(OldStyle):
    @staticmethod
    def forward(ctx, x):
        return legendre(x)


class SavesTuple(function(legendre, legendre_slope)):
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs)


class WithDefault(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor=0.5):
        ctx.save_for_backward(x)
        return factor * (5 * x**3 - 3 * x)

    @staticmethod
    def backward(ctx, above):
        return above * legendre_slope(ctx.saved_tensors[0])


class ForwardReturnsNone(OldStyle):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)


class ForwardReturnsArray(OldStyle):
    @staticmethod
    def forward(ctx, x):
        return legendre(x).numpy()


class NoContext(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return legendre(x)

    @staticmethod
    def backward(ctx, above):
        return above


class TooMuchContext(OldStyle):
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)


class ChangesAbove(OldStyle):
    @staticmethod
    def backward(ctx, above):
        above *= legendre_slope(ctx.saved_tensors[0])
        return above


scale = 1.5


class LeansOnGlobal(OldStyle):
    @staticmethod
    def backward(ctx, above):
        (x,) = ctx.saved_tensors
        return above * scale * (5 * x**2 - 1)


class InFloat32(OldStyle):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return legendre(x).float()


WRONG = (
    ("legendre 3", function(legendre, legendre_slope, lambda above, slope: slope),
     "Forward is right", "forgets the gradient from above"),
    ("legendre 3", function(legendre, legendre_slope, lambda above, slope: above + slope),
     "adds the gradient from above"),
    ("legendre 3", function(legendre, legendre_slope, lambda above, slope: above),
     "the derivative is missing"),
    ("legendre 3", function(legendre, legendre_slope, lambda above, slope: 0 * above), "zeros"),
    ("legendre 3", function(legendre, lambda x: -legendre_slope(x)), "sign of backward is flipped"),
    ("legendre 3", function(legendre, lambda x: legendre_slope(x) / 2), "half of what it should"),
    ("legendre 3", function(legendre, lambda x: legendre_slope(x) * 2), "twice what it should be"),
    ("legendre 3", function(legendre, legendre), "the function itself"),
    ("legendre 3", function(legendre, lambda x: legendre_slope(legendre(x))), "at the output"),
    ("legendre 3", function(legendre, lambda x: 1.5 * (5 * x**2 + 1)),
     "does not return the derivative", "is wanted"),
    ("legendre 3", function(legendre, lambda x: legendre_slope(x.float()).to(x.dtype)),
     "Nearly", "off by up to", "digits lost on the way"),
    ("legendre 3", function(lambda x: legendre(x) + 1e-5, legendre_slope), "Nearly, but forward"),
    ("legendre 3", function(lambda x: -legendre(x), legendre_slope), "Forward is wrong: its sign"),
    ("legendre 3", function(lambda x: 2 * legendre(x), legendre_slope), "twice what it should be"),
    ("legendre 3", function(lambda x: legendre(x) / 2, legendre_slope), "half of what it should"),
    ("legendre 3", function(lambda x: (3 * x**2 - 1) / 2, lambda x: 3 * x),
     "Forward computes P₂(x) = ½(3x² − 1), not P₃"),
    ("legendre 3", function(lambda x: 0.5 * (5 * x**3 + 3 * x), legendre_slope),
     "Forward does not compute P₃"),
    ("legendre 3", SharedMemory, "both calls share one memory"),
    ("legendre 3", ReturnsInput, "Its input changed in place"),
    ("legendre 3", NoBackward, "It has no `backward`"),
    ("legendre 3", NotStatic, "`backward` is not a static method"),
    ("legendre 3", ReturnsNone, "returns None"),
    ("legendre 3", ForgetsToSave, "ValueError", "`(x,) = ctx.saved_tensors`"),
    ("legendre 3", function(legendre, legendre_slope, lambda above, slope: (above * slope).sum()),
     "shape is not that of the input"),
    ("legendre 3", SavesTuple, "`inputs` is a tuple"),
    ("legendre 3", ForwardReturnsNone, "Forward returns None"),
    ("legendre 3", ForwardReturnsArray, "a NumPy array"),
    ("legendre 3", NoContext, "takes 1 argument", "Without a `setup_context`"),
    ("legendre 3", TooMuchContext, "takes 2 arguments", "it is given x alone"),
    ("legendre 3", ChangesAbove, "changes the gradient from above in place"),
    ("legendre 3", LeansOnGlobal, "global variable `scale`"),
    ("legendre 3", InFloat32, "float64 went in, float32 came back"),
    ("legendre 3", function(lambda x: legendre(x).sum(), legendre_slope), "shape"),
    ("legendre 3", function(lambda x: legendre(x) / 0, legendre_slope), "are nan"),
    ("relu", function(lambda x: x.clamp(min=0), lambda x: (x >= 0).to(x.dtype)),
     "At exactly 0 backward returns 1"),
    ("relu", function(lambda x: x.clamp(min=0), lambda x: (x.sign() + 1) / 2),
     "At exactly 0 backward returns ½"),
    ("relu", function(lambda x: x.clamp(min=0), lambda x: x > 1e-6),
     "does not return the derivative"),
    ("relu", function(lambda x: x > 0, lambda x: x > 0), "float64 went in, bool came back"),
    ("legendre 2", function(legendre, legendre_slope), "computes P₃(x) = ½(5x³ − 3x), not P₂",
     "x = 2"),
    ("relu", function(torch.abs, torch.sign), "does not compute max(x, 0)"),
    ("cube", function(lambda x: x**3, lambda x: 3 * x), "does not return the derivative"),
    ("sine", function(torch.sin, lambda x: -torch.cos(x)), "sign of backward is flipped"),
    ("sine", function(torch.cos, lambda x: -torch.sin(x)), "does not compute sin x"),
    ("square", function(lambda x: x**3, lambda x: 3 * x**2), "Forward computes x³, not x²"),
    ("legendre 3", OldStyle.apply, "a function came"),
    ("legendre 3", legendre, "a function came"),
    ("legendre 3", torch.nn.ReLU, "a class that is not derived from it"),
    ("legendre 3", torch.autograd.Function, "a class that is not derived from it"),
    ("legendre 3", "P3", "a string came"),
    ("legendre 3", None, "None came"),
)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case[0]}: {case[2][:40]}")
def test_every_mistake_is_refused_with_its_own_diagnosis(case):
    formula, answer, *fragments = case
    verdict = check_autograd_function(answer, formula)
    assert_refused(verdict, *fragments)
    assert check_autograd_function(answer, formula) == verdict


def test_an_argument_with_a_default_may_follow():
    assert_passed(check_autograd_function(WithDefault, "legendre 3"))


def test_what_a_class_remembers_is_put_back():
    check_autograd_function(SharedMemory, "legendre 3")
    assert not hasattr(SharedMemory, "x")


class Starter(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return ...

    @staticmethod
    def backward(ctx, above):
        return ...


class HalfStarter(OldStyle):
    @staticmethod
    def backward(ctx, above):
        return above * ...


@pytest.mark.parametrize("answer", [..., Starter, HalfStarter])
def test_a_starter_is_not_attempted(answer):
    assert_not_attempted(check_autograd_function(answer, "legendre 3"))


def test_a_misspelt_formula_is_an_error():
    with pytest.raises(ValueError, match="formula must be one of legendre 2, legendre 3"):
        check_autograd_function(OldStyle, "no such formula")
