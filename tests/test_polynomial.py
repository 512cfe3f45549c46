import math

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose

from polylab.data import sine_samples
from polylab.polynomial import BASES, best_fit, describe, evaluate, features

NUMBERS = st.floats(-10, 10)
ANGLES = arrays(float, st.integers(1, 20), elements=st.floats(-math.pi, math.pi))
COEFFICIENTS = st.lists(NUMBERS, min_size=1, max_size=6)


@given(COEFFICIENTS, ANGLES)
def test_evaluate_agrees_with_numpys_polynomials(coefficients, x):
    assert_allclose(
        evaluate(coefficients, x), numpy.polynomial.Polynomial(coefficients)(x), atol=1e-9
    )


@given(COEFFICIENTS, ANGLES)
def test_evaluate_is_the_feature_matrix_times_the_coefficients(coefficients, x):
    degree = len(coefficients) - 1
    if x.size > degree:
        assert_allclose(features(x, degree) @ coefficients, evaluate(coefficients, x), atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("xp", [numpy, torch])
def test_array_in_same_kind_of_array_out(xp, dtype):
    x, y = sine_samples(50, xp, dtype=getattr(xp, dtype))
    coefficients = best_fit(features(x), y)
    for result in (coefficients, evaluate(coefficients, x), *(features(x, 4, b) for b in BASES)):
        assert type(result) is type(x)
        assert result.dtype == x.dtype


def test_evaluate_takes_scalars_that_carry_a_gradient():
    x, _ = sine_samples(20, torch)
    a, b = torch.tensor(1.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    evaluate((a, b), x).sum().backward()
    assert float(a.grad) == 20
    assert float(b.grad) == pytest.approx(float(x.sum()), abs=1e-5)


@pytest.mark.parametrize(
    ("coefficients", "digits", "text"),
    [
        ((1.5, -0.25, 0, 2), 2, "y = 1.50 − 0.25 x + 2.00 x³"),
        ((-1, 1, -1, 1, -1), 0, "y = −1 + 1 x − 1 x² + 1 x³ − 1 x⁴"),
        ((0.00004, -0.00004), 4, "y = 0"),
        ((0, -0.5), 1, "y = −0.5 x"),
        (numpy.array([0.0, 0.856740843, 0.0, -0.093330389]), 4, "y = 0.8567 x − 0.0933 x³"),
        ([0] * 10 + [3], 0, "y = 3 x^10"),
    ],
)
def test_describe(coefficients, digits, text):
    assert describe(coefficients, digits) == text


def test_best_cubic_is_the_one_in_the_course():
    x, y = sine_samples()
    coefficients = best_fit(features(x), y)
    assert_allclose(coefficients, [0, 0.856740843, 0, -0.0933303890], atol=5e-10)
    assert_allclose(((evaluate(coefficients, x) - y) ** 2).sum(), 8.81716541, atol=5e-9)


@given(st.integers(0, 2**32 - 1), st.sampled_from(BASES), st.integers(0, 5))
def test_best_fit_agrees_with_torch_lstsq_in_every_basis(seed, basis, degree):
    x, _ = sine_samples(40)
    y = numpy.random.default_rng(seed).standard_normal(40)
    matrix = features(x, degree, basis)
    oracle = torch.linalg.lstsq(torch.from_numpy(matrix), torch.from_numpy(y)[:, None]).solution
    assert_allclose(best_fit(matrix, y), oracle[:, 0].numpy(), atol=1e-9)


def test_legendre_columns_are_legendre_polynomials_of_x_over_pi():
    x, _ = sine_samples(30)
    assert_allclose(features(x, 5, "legendre"), numpy.polynomial.legendre.legvander(x / math.pi, 5))


@pytest.mark.parametrize(
    ("basis", "eigenvalues"),
    [
        ("powers", [1727.50065, 2065.97519, 80355.7567, 562121.936]),
        ("legendre", [573.142, 801.601, 1334.67, 4000]),
        ("standardised", [333.939, 4000, 4000, 7666.06]),
        ("orthonormal", [4000] * 4),
    ],
)
def test_eigenvalues_of_each_basis_are_those_in_the_course(basis, eigenvalues):
    matrix = features(sine_samples()[0], basis=basis)
    assert_allclose(numpy.linalg.eigvalsh(2 * matrix.T @ matrix), eigenvalues, rtol=2e-6)


@given(st.sampled_from(BASES), st.integers(0, 6))
def test_every_basis_spans_the_same_curves(basis, degree):
    x, y = sine_samples(60)
    powers, other = features(x, degree), features(x, degree, basis)
    assert_allclose(other @ best_fit(other, y), powers @ best_fit(powers, y), atol=1e-8)
    highest = numpy.array([best_fit(powers, column)[-1] for column in other.T])
    assert highest[-1] > 0


X, Y = sine_samples(10)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: evaluate((1, 2), [0.0]), TypeError, "x must be a NumPy array or a torch tensor"),
        (lambda: evaluate((1, 2), X[:, None]), ValueError, r"x must have shape \(n,\), got \(10,"),
        (lambda: evaluate((1, 2), X[:0]), ValueError, "x must hold at least one number"),
        (lambda: evaluate((1,), X * numpy.nan), ValueError, "x must be finite, got nan or inf in"),
        (lambda: evaluate((1, math.inf), X), ValueError, "coefficient 1 must be finite, got inf"),
        (lambda: evaluate((), X), ValueError, "coefficients must hold at least one number"),
        (lambda: evaluate(("1",), X), TypeError, "coefficient 0 must be a real number, got str"),
        (lambda: evaluate((X,), X), ValueError, "coefficient 0 must be a number, got an array"),
        (lambda: evaluate(1.0, X), TypeError, "coefficients must be an array or a sequence"),
        (lambda: evaluate(torch.ones(2), X), TypeError,
         r"coefficients must have the kind of x \(NumPy array\), got torch tensor"),
        (lambda: evaluate(X[:2].astype("float32"), X), TypeError,
         r"coefficients must have the dtype of x \(float64\), got float32"),
        (lambda: evaluate((1,), numpy.arange(3)), TypeError, "x must be real floating point"),
        (lambda: features(X, 10), ValueError, "x must have more than 10 points for degree 10"),
        (lambda: features(X, -1), ValueError, "degree must be at least 0, got -1"),
        (lambda: features(X, 1.5), TypeError, "degree must be an integer, got float"),
        (lambda: features(X, 1, "fourier"), ValueError, "basis must be one of powers, legendre"),
        (lambda: best_fit(X, Y), ValueError, r"features must have shape \(n, k\)"),
        (lambda: best_fit(features(X), Y[:9]), ValueError, r"y must have shape \(10,\), got \(9,"),
        (lambda: best_fit(features(X), Y + math.inf), ValueError, "y must be finite"),
        (lambda: best_fit(features(X) * math.nan, Y), ValueError, "features must be finite"),
        (lambda: best_fit(numpy.stack([X, 2 * X], 1), Y), ValueError, "linearly independent"),
        (lambda: best_fit(features(X), torch.from_numpy(Y)), TypeError, "y must have the kind of"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
