"""One training run as the learning-rate lab describes it: a choice of every control, no widgets."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy

from polylab.data import FIRST_GUESS, sine_samples
from polylab.descent import OPTIMISERS, LeastSquares
from polylab.polynomial import BASES, best_fit, evaluate, features

TARGETS = {
    "sin x": numpy.sin,
    "|x|": numpy.abs,
    "exp x": numpy.exp,
    "square wave": lambda x: numpy.where(x < 0, -1.0, 1.0),
}
STARTS = ("common", "zeros", "random")
REDUCTIONS = ("sum", "mean")


@dataclass(frozen=True)
class Experiment:
    """A cubic, a target, and how the one is trained towards the other.

    Attributes
    ----------
    rate : float
        Learning rate.
    optimiser : {"sgd", "momentum", "rmsprop", "adam"}
        The update rule.
    momentum : float
        Used by the optimiser ``momentum`` only.
    basis : {"powers", "legendre", "standardised", "orthonormal"}
        The columns that the coefficients belong to.
    steps : int
        Number of updates.
    start : {"common", "zeros", "random"}
        Coefficients of 1, x, x², x³ before the first update. In another basis the run starts from
        the same curve, so that runs can be compared.
    seed : int
        Of the random start, drawn from N(0, 1).
    target : {"sin x", "|x|", "exp x", "square wave"}
        The function to fit on [-π, π].
    reduction : {"sum", "mean"}
        Whether the loss adds the squared errors or averages them.
    """

    rate: float = 1e-6
    optimiser: str = "sgd"
    momentum: float = 0.8
    basis: str = "powers"
    steps: int = 2000
    start: str = "common"
    seed: int = 0
    target: str = "sin x"
    reduction: str = "sum"

    def __post_init__(self):
        """Refuse a choice that is not offered; numbers are checked when the run is made."""
        for name, offered in (("optimiser", OPTIMISERS), ("basis", BASES), ("start", STARTS),
                              ("target", TARGETS), ("reduction", REDUCTIONS)):
            if getattr(self, name) not in offered:
                raise ValueError(f"{name} must be one of {', '.join(offered)}, "
                                 f"got {getattr(self, name)!r}")

    @property
    def problem(self):
        """The least-squares problem, a :class:`polylab.descent.LeastSquares`."""
        return _problem(self.basis, self.target, self.reduction)

    @property
    def start_coefficients(self):
        """Coefficients before the first update, in this basis; array of shape (4,)."""
        return _start(self.basis, self.start, self.seed)

    @cached_property
    def trajectory(self):
        """The run, a :class:`polylab.descent.Trajectory`."""
        return self.descend(self.rate)

    def descend(self, rate):
        """Return the run at another learning rate, or the runs at an array of rates."""
        settings = {"momentum": self.momentum} if self.optimiser == "momentum" else {}
        return self.problem.descend(
            self.start_coefficients, rate, self.steps, self.optimiser, **settings
        )

    @property
    def limit(self):
        """The largest stable learning rate, or None for an optimiser that has none."""
        if self.optimiser in ("rmsprop", "adam"):
            return None
        return self.trajectory.largest_stable_rate


def target_values(name):
    """Return the 2,000 values of a target on [-π, π]."""
    return TARGETS[name](sine_samples()[0])


@lru_cache
def design(basis):
    """Return the feature matrix of the cubic in a basis, shape (2000, 4)."""
    return features(sine_samples()[0], 3, basis)


@lru_cache
def _start(basis, start, seed):
    powers = {
        "common": FIRST_GUESS,
        "zeros": (0.0, 0.0, 0.0, 0.0),
        "random": tuple(numpy.random.default_rng(seed).standard_normal(4)),
    }[start]
    coefficients = best_fit(design(basis), evaluate(powers, sine_samples()[0]))
    coefficients.setflags(write=False)
    return coefficients


@lru_cache
def _problem(basis, target, reduction):
    return LeastSquares(design(basis), target_values(target), reduction)
