"""The one data set of the course, and the start that most training runs share."""

import math
import numbers

import numpy

from polylab.arrays import require_floating

FIRST_GUESS = (1.5410, -0.2934, -2.1788, 0.5684)
"""The common start (a, b, c, d), drawn once from N(0, 1) and rounded to four decimals."""


def sine_samples(count=2000, xp=numpy, **like):
    """Return evenly spaced angles on [-π, π] and their sines.

    Parameters
    ----------
    count : int
        How many points, both end points included; at least 2.
    xp : module
        The library that makes the arrays: ``numpy`` or ``torch``.
    **like
        ``dtype`` and ``device``, handed on to ``xp.linspace``.

    Returns
    -------
    x : array, shape (count,)
        Angles in radians, floating point.
    y : array, shape (count,)
        sin x, of the same dtype and on the same device.

    Raises
    ------
    TypeError
        If ``count`` is not an integer, or ``dtype`` is not floating point.
    ValueError
        If ``count`` is below 2.
    """
    if isinstance(count, bool) or not isinstance(count, numbers.Integral):
        raise TypeError(f"count must be an integer, got {type(count).__name__} {count!r}")
    if count < 2:
        raise ValueError(f"count must be at least 2, got {count}")
    x = xp.linspace(-math.pi, math.pi, int(count), **like)
    require_floating("dtype of x", x)
    return x, xp.sin(x)
