"""The data on which learners' functions of (coefficients, x, y) are tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy


@dataclass(frozen=True, eq=False)
class Trial:
    """One try: points, targets, coefficients, all of one dtype, kept as NumPy arrays."""

    x: numpy.ndarray
    y: numpy.ndarray
    coefficients: numpy.ndarray
    dtype: str

    @property
    def n(self):
        """How many points there are."""
        return len(self.x)

    def exact(self):
        """Return (coefficients, x, y) in float64, as the rounded inputs stand."""
        arrays = (self.coefficients, self.x, self.y)
        return tuple(array.astype(numpy.float64) for array in arrays)


def make_trials():
    """Return the tries: five sizes, five seeds, both dtypes; evenly spaced and scattered points.

    Returns
    -------
    tuple of Trial
        The first is the course's own problem with 2,000 points.
    """
    evenly = numpy.linspace(-numpy.pi, numpy.pi, 2000)
    trials = [_trial(0, evenly, numpy.sin(evenly), "float64")]
    for seed, n, dtype in ((1, 7, "float64"), (2, 2000, "float32"), (3, 640, "float64"),
                           (4, 33, "float32")):
        trials.append(make_trial(n, seed, dtype))
    return tuple(trials)


def make_trial(n, seed, dtype="float64"):
    """Return a try with n scattered points."""
    random = numpy.random.default_rng(seed)
    x = random.uniform(-numpy.pi, numpy.pi, n)
    return _trial(seed, x, numpy.sin(x) + random.normal(0, 0.5, n), dtype)


def make_whole_trial():
    """Return a try on whole numbers so small that even float16 rounds nothing."""
    return Trial(numpy.array([-1.0, 0, 1, 2]), numpy.array([1.0, 2, 0, -1]),
                 numpy.array([1.0, -2, 0, 1]), "float64")


def _trial(seed, x, y, dtype):
    coefficients = numpy.random.default_rng(100 + seed).normal(size=4)
    return Trial(x.astype(dtype), y.astype(dtype), coefficients.astype(dtype), dtype)
