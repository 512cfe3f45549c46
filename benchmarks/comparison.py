"""Two ways of doing the same work, timed in turns in one run."""

import statistics
import timeit
from dataclasses import dataclass

import numpy

SHORTEST = 0.02
"""Seconds that one timing lasts at least; quick work is repeated until it does."""


@dataclass(frozen=True)
class Comparison:
    """One row of the table: how long the usual way takes and how long ours takes.

    Attributes
    ----------
    work : str
        What is done.
    usual, ours : str
        The two ways of doing it.
    usual_seconds, our_seconds : float
        Median time of each.
    difference : float or None
        Largest relative difference between the two results; None where they are not comparable.
    """

    work: str
    usual: str
    ours: str
    usual_seconds: float
    our_seconds: float
    difference: float | None

    @property
    def ratio(self):
        """How many times faster ours is."""
        return self.usual_seconds / self.our_seconds


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
    seconds = [
        [timer.timeit(count) / count for timer, count in zip(timers, counts, strict=True)]
        for _ in range(repeats)
    ]
    usual_seconds, our_seconds = map(statistics.median, zip(*seconds, strict=True))
    return Comparison(work, usual[0], ours[0], usual_seconds, our_seconds, difference)


def _count(timer):
    """Return how often to call a function so that one timing is long enough to trust."""
    return max(1, round(SHORTEST / timer.timeit(1)))
