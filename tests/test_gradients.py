import math

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from polylab.data import FIRST_GUESS, sine_samples
from polylab.gradients import exact_gradient, finite_difference_gradient, squared_error

COEFFICIENTS = st.lists(st.floats(-3, 3), min_size=1, max_size=6)


def autograd_gradient(coefficients, x, y):
    leaf = torch.tensor(coefficients, dtype=torch.float64, requires_grad=True)
    residual = sum(leaf[k] * torch.from_numpy(x) ** k for k in range(len(leaf)))
    (residual - torch.from_numpy(y)).square().sum().backward()
    return leaf.grad.numpy()


@given(COEFFICIENTS, st.integers(2, 50))
def test_exact_gradient_agrees_with_autograd(coefficients, count):
    x, y = sine_samples(count)
    assert_allclose(
        exact_gradient(coefficients, x, y), autograd_gradient(coefficients, x, y),
        rtol=1e-9, atol=1e-7,
    )


@given(COEFFICIENTS)
def test_finite_differences_agree_with_autograd(coefficients):
    x, y = sine_samples(30)
    slopes = finite_difference_gradient(
        lambda theta: squared_error(theta, x, y), numpy.array(coefficients)
    )
    oracle = autograd_gradient(coefficients, x, y)
    assert_allclose(slopes, oracle, rtol=1e-6, atol=1e-4 * (1 + abs(oracle).max()))


def test_finite_differences_of_a_cube_have_an_error_of_step_squared():
    slope = finite_difference_gradient(lambda t: float(t[0] ** 3), numpy.array([2.0]), step=0.1)
    assert_allclose(slope, [3 * 2.0**2 + 0.1**2])


def test_loss_is_a_sum_and_the_zero_polynomial_loses_half_of_n_minus_one():
    x, y = sine_samples()
    assert_allclose(squared_error((0, 0, 0, 0), x, y), 999.5)
    residual = [a - b for a, b in zip(numpy.polyval(FIRST_GUESS[::-1], x), y, strict=True)]
    assert_allclose(squared_error(FIRST_GUESS, x, y), math.fsum(r * r for r in residual))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("xp", [numpy, torch])
def test_array_in_same_kind_of_array_out(xp, dtype):
    x, y = sine_samples(50, xp, dtype=getattr(xp, dtype))
    theta = xp.asarray(FIRST_GUESS, dtype=x.dtype)
    gradient = exact_gradient(theta, x, y)
    slopes = finite_difference_gradient(lambda t: squared_error(t, x, y), theta)
    for result in (gradient, slopes):
        assert type(result) is type(x)
        assert result.dtype == x.dtype
    assert squared_error(theta, x, y).dtype == x.dtype
    assert_allclose(numpy.asarray(slopes), numpy.asarray(gradient),
                    rtol=1e-2 if dtype == "float32" else 1e-8)
    assert_allclose(numpy.asarray(theta), FIRST_GUESS, rtol=1e-7)


X, Y = sine_samples(10)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: squared_error((1,), X, Y[:9]), ValueError, r"y must have shape \(10,\), got \(9,"),
        (lambda: squared_error((1,), X, Y[:, None]), ValueError, r"y must have shape \(10,\)"),
        (lambda: squared_error((1,), X, Y.astype("float32")), TypeError, "y must have the dtype"),
        (lambda: exact_gradient((1,), X, torch.from_numpy(Y)), TypeError, "y must have the kind"),
        (lambda: exact_gradient((1,), [1.0], Y), TypeError, "x must be a NumPy array or a torch"),
        (lambda: finite_difference_gradient(lambda t: t, X), TypeError,
         r"loss must return one number, got ndarray of shape \(10,\)"),
        (lambda: finite_difference_gradient(lambda t: None, X), TypeError, "got NoneType"),
        (lambda: finite_difference_gradient(sum, X, step=0), ValueError, "step must be positive"),
        (lambda: finite_difference_gradient(sum, (1, 2)), TypeError, "coefficients must be a Num"),
        (lambda: finite_difference_gradient(sum, X * math.nan), ValueError, "must be finite"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
