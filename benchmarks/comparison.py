"""Two ways of doing the same work, measured in one run."""

import statistics
import timeit
from dataclasses import dataclass

import numpy

SHORTEST = 0.02
"""Seconds that one timing lasts at least; quick work is repeated until it does."""


@dataclass(frozen=True)
class Comparison:
    """One row of the table: what the usual way costs and what ours costs.

    Attributes
    ----------
    work : str
        What is done.
    usual, ours : str
        The two ways of doing it.
    usual_cost, our_cost : float
        Of each, in ``unit``; the median of several where it is a time.
    difference : float or None
        Largest relative difference between the two results; None where they are not comparable.
    unit : str
        Of the two costs: ``ms`` for a time, ``MB`` for memory.
    """

    work: str
    usual: str
    ours: str
    usual_cost: float
    our_cost: float
    difference: float | None = None
    unit: str = "ms"

    @property
    def ratio(self):
        """How many times less ours costs."""
        return self.usual_cost / self.our_cost


def compare(work, usual, ours, *, repeats=5, comparable=True):
    """Return the comparison of two functions without arguments.

    Parameters
    ----------
    work : str
        What is done.
    usual, ours : tuple of (str, callable)
        A name and a function that returns an array.
    repeats : int
        How many timings the median is taken of. The two sides take turns, so that a slow moment
        of the machine falls on both.
    comparable : bool
        Whether both functions must return the same numbers.
    """
    functions = [function for _, function in (usual, ours)]
    results = [function() for function in functions]
    difference = None
    if comparable:
        difference = float(numpy.max(abs(results[1] - results[0]) / abs(results[0])))
    timers = [timeit.Timer(function) for function in functions]
    counts = [_count(timer) for timer in timers]
    times = [
        [1e3 * timer.timeit(count) / count for timer, count in zip(timers, counts, strict=True)]
        for _ in range(repeats)
    ]
    usual_cost, our_cost = map(statistics.median, zip(*times, strict=True))
    return Comparison(work, usual[0], ours[0], usual_cost, our_cost, difference)


def _count(timer):
    """Return how often to call a function so that one timing is long enough to trust."""
    return max(1, round(SHORTEST / timer.timeit(1)))
