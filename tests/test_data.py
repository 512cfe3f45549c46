import math

import numpy
import pytest
import torch
from numpy.testing import assert_allclose

from polylab.data import FIRST_GUESS, sine_samples


@pytest.mark.parametrize("xp", [numpy, torch])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_are_sines_of_evenly_spaced_angles(xp, dtype):
    x, y = sine_samples(11, xp, dtype=getattr(xp, dtype))
    assert x.dtype == y.dtype == getattr(xp, dtype)
    assert tuple(x.shape) == tuple(y.shape) == (11,)
    for i in range(11):
        angle = -math.pi + 2 * math.pi * i / 10
        assert float(x[i]) == pytest.approx(angle, abs=1e-6)
        assert float(y[i]) == pytest.approx(math.sin(angle), abs=1e-6)


def test_default_is_two_thousand_points_in_numpy_float64_with_both_ends():
    x, y = sine_samples()
    assert isinstance(x, numpy.ndarray)
    assert x.shape == (2000,)
    assert x.dtype == numpy.float64
    assert_allclose(x[[0, -1]], [-math.pi, math.pi])
    # Σ sin² over both ends included is (n − 1) / 2: the loss of the zero polynomial.
    assert_allclose((y**2).sum(), 999.5)


def test_torch_uses_its_own_default_dtype():
    assert sine_samples(xp=torch)[0].dtype == torch.get_default_dtype()


def test_common_start_is_the_first_draw_of_torch_seed_zero():
    draw = torch.randn(4, generator=torch.Generator().manual_seed(0))
    assert_allclose(FIRST_GUESS, draw.numpy(), atol=5e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"count": 1}, ValueError, "count must be at least 2, got 1"),
        ({"count": 2.0}, TypeError, "count must be an integer, got float 2.0"),
        ({"count": True}, TypeError, "count must be an integer, got bool True"),
        ({"dtype": numpy.int64}, TypeError, "x must be real floating point, got int64"),
        ({"dtype": complex}, TypeError, "x must be real floating point, got complex128"),
    ],
)
def test_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        sine_samples(**arguments)
