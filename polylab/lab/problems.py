"""The problems of the learning-rate lab, and the facts about them that the page computes with.

The page finds the facts in ``static/facts.js``, so that a page without a kernel has them too.
``tools/write_facts.py`` writes that file; a test compares it.
"""

from functools import lru_cache

import numpy

from polylab.batches import draw_normal
from polylab.data import FIRST_GUESS, sine_samples
from polylab.descent import LeastSquares
from polylab.polynomial import BASES, best_fit, features

TARGETS = {
    "sin x": numpy.sin,
    "|x|": numpy.abs,
    "exp x": numpy.exp,
    "square wave": lambda x: numpy.where(x < 0, -1.0, 1.0),
}
"""The functions to fit on [-π, π]; ``static/descent.js`` has the same."""
STARTS = {"common": FIRST_GUESS, "zeros": (0.0, 0.0, 0.0, 0.0)}
"""Coefficients of 1, x, x², x³ before the first update; a random start has a seed instead."""


@lru_cache
def problem(basis, target, reduction):
    """Return the least-squares problem of a cubic, a :class:`polylab.descent.LeastSquares`."""
    return LeastSquares(_design(basis), TARGETS[target](sine_samples()[0]), reduction)


def start_coefficients(basis, start, seed):
    """Return where a run starts, shape (4,), in a basis: the same curve in every one.

    Parameters
    ----------
    basis : str
        One of ``polylab.polynomial.BASES``.
    start : {"common", "zeros", "random"}, or sequence of four numbers
        Coefficients of 1, x, x², x³.
    seed : int
        Of the random start.
    """
    if isinstance(start, str):
        powers = draw_normal(4, seed) if start == "random" else STARTS[start]
    else:
        powers = start
    powers = numpy.array(powers, dtype=float)
    return powers if basis == "powers" else best_fit(_design(basis), _design("powers") @ powers)


def facts():
    """Return what the page must know of every problem, for the SUM of squares, as JSON has it.

    For each basis the Hessian, its eigenvalues and eigenvectors (column by mode), the matrices that
    change coefficients from and to powers of x, and the best coefficients for each target; for each
    target its floor. Matrices are lists of 16 numbers, row by row.
    """
    some = {target: problem("powers", target, "sum") for target in TARGETS}
    return {
        "points": len(sine_samples()[0]),
        "common": list(FIRST_GUESS),
        "targets": {target: {"floor": it.floor, "rounding": it.rounding}
                    for target, it in some.items()},
        "bases": {basis: _facts_of(basis) for basis in BASES},
    }


def _facts_of(basis):
    here, powers = _design(basis), _design("powers")
    of_sine = problem(basis, "sin x", "sum")
    matrices = {
        "hessian": of_sine.hessian,
        "eigenvectors": of_sine.eigenvectors,
        "fromPowers": _in_columns(here, powers),
        "toPowers": _in_columns(powers, here),
    }
    return {
        **{name: _plain(matrix) for name, matrix in matrices.items()},
        "eigenvalues": _plain(of_sine.eigenvalues),
        "optimum": {target: _plain(problem(basis, target, "sum").optimum) for target in TARGETS},
    }


def _plain(array):
    """Return the numbers as a list; what is nothing but rounding becomes 0."""
    dust = abs(array) < 1e-13 * abs(array).max()
    return numpy.where(dust, 0.0, array).ravel().tolist()


def _in_columns(features, functions):
    """Return the matrix whose columns write each function with the features."""
    if functions is features:
        return numpy.eye(functions.shape[1])
    return numpy.stack([best_fit(features, column) for column in functions.T], axis=1)


@lru_cache
def _design(basis):
    return features(sine_samples()[0], 3, basis)
