"""Goals for the learning-rate lab, and what the lab answers to an attempt."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy

from polylab.descent import NEAR, rate_text
from polylab.lab.experiment import Experiment
from polylab.lab.words import OPTIMISER_NAMES, REDUCTION_NAMES, START_NAMES, loss_text


@dataclass(frozen=True)
class Challenge:
    """A goal, where to begin, and the judge of an attempt.

    Attributes
    ----------
    goal : str
        What to reach, in one or two sentences.
    begin : Experiment
        The settings that the lab takes when the challenge is chosen.
    fixed : tuple of str
        Names of the settings that must stay as they are at the beginning.
    judge : callable
        Takes the experiment and a dict from each rate seen to its outcome; returns whether the
        goal is reached, and a sentence.
    hides_limit : bool
        Whether the lab must not show the largest stable rate, because it is the answer.
    """

    goal: str
    begin: Experiment
    fixed: tuple[str, ...]
    judge: Callable
    hides_limit: bool = False

    def verdict(self, experiment, seen):
        """Return (reached, sentence) for an attempt.

        Parameters
        ----------
        experiment : Experiment
            The run on the screen.
        seen : dict from Experiment to str
            All runs seen since the challenge was chosen, this one included, and their outcomes.

        Returns
        -------
        reached : bool
        sentence : str
        """
        for name in self.fixed:
            wanted, came = getattr(self.begin, name), getattr(experiment, name)
            if came != wanted:
                label = "Loss" if name == "reduction" else name.capitalize()
                return False, (f"For this challenge {label} must be {_named(wanted)}, "
                               f"not {_named(came)}.")
        outcomes = {
            run.rate: outcome for run, outcome in seen.items()
            if all(getattr(run, name) == getattr(self.begin, name) for name in self.fixed)
        }
        return self.judge(experiment, outcomes)


def _named(choice):
    """Return a choice as the lists of the lab name it."""
    return {**OPTIMISER_NAMES, **START_NAMES, **REDUCTION_NAMES}.get(choice, choice)


_PROBLEM = ("start", "target", "reduction")
_PLAIN = Experiment()


@lru_cache
def fewest_plain_steps():
    """Return the fewest steps in which plain descent comes within 1 %, over all constant rates.

    The powers of x from the common start, at 2,000 rates from a tenth of the limit up to it.
    """
    rates = numpy.geomspace(0.1, 1, 2000, endpoint=False) * _PLAIN.limit
    return int(_PLAIN.descend(rates).steps_to().min())


def _steps_to_near(limit, helped):
    """Return a judge that asks for 1 % of the floor in at most ``limit()`` steps."""

    def judge(experiment, _outcomes):
        run, allowed = experiment.trajectory, limit()
        steps = run.steps_to()
        if run.outcome == "diverges":
            return False, "The run diverges: the rate is above the limit. A smaller rate helps."
        if steps > experiment.steps:
            return False, (f"Not within 1 % after {experiment.steps:,} steps: the loss ends at "
                           f"{loss_text(run.losses[-1])}. {_which_rate_helps(experiment)} {helped}")
        if steps > allowed:
            return False, (f"Within 1 % after {steps:,} steps; the goal is {allowed:,}. "
                           f"{_which_rate_helps(experiment)} {helped}")
        return True, f"Reached: within 1 % after {steps:,} steps; the goal was {allowed:,}."

    return judge


def _which_rate_helps(experiment):
    """Say whether a rate 1 % larger, or smaller, is sooner within 1 % of the floor, or ends lower.

    For plain descent the slowest mode asks for a larger rate until the fastest one, which
    overshoots more and more, takes longer.
    """
    def rank(share):
        run = experiment.descend(share * experiment.rate)
        return run.steps_to(), float(run.losses[-1])

    larger, here, smaller = map(rank, (1.01, 1, 1 / 1.01))
    if min(larger, smaller) >= here:
        return "No rate near this one does better."
    return f"A {'larger' if larger < smaller else 'smaller'} rate helps."


def _limit_found(_experiment, outcomes):
    below = [rate for rate, outcome in outcomes.items() if outcome != "diverges"]
    above = [rate for rate, outcome in outcomes.items() if outcome == "diverges"]
    if not above:
        return False, "No run has diverged yet: raise the rate."
    if not below:
        return False, "Every run has diverged so far: lower the rate."
    low, high = max(below), min(above)
    between = f"The limit lies between {rate_text(low, 7)} and {rate_text(high, 7)}"
    if high > NEAR * low:
        return False, f"{between}, {100 * (high / low - 1):.3g} % apart; the goal is 1 %."
    return True, f"Reached: {between[0].lower()}{between[1:]}, less than 1 % apart."


def _under(level, helped):
    def judge(experiment, _outcomes):
        last = experiment.trajectory.losses[-1]
        if last < level:
            return True, f"Reached: the loss ends at {last:.4f}, under {level:g}."
        return False, f"The loss ends at {last:.5g}; the goal is under {level:g}. {helped}"

    return judge


CHALLENGES = {
    "fewest steps": Challenge(
        "Plain descent on the powers of x. Come within 1 % of the best loss in as few steps as a "
        "constant rate can, give or take 5 %.",
        _PLAIN,
        ("optimiser", "basis", *_PROBLEM),
        _steps_to_near(lambda: int(1.05 * fewest_plain_steps()),
                       "The mode that settles last decides."),
    ),
    "find the limit": Challenge(
        "Find the largest stable rate by experiment: one run that diverges and one that does not, "
        "with rates less than 1 % apart.",
        _PLAIN,
        ("optimiser", "basis", *_PROBLEM),
        _limit_found,
        hides_limit=True,
    ),
    "make Legendre pay": Challenge(
        "The Legendre basis is slower at 1e-6. Find the rate at which plain descent in this basis "
        "comes within 1 % in at most 40 steps.",
        replace(_PLAIN, basis="legendre"),
        ("optimiser", "basis", *_PROBLEM),
        _steps_to_near(lambda: 40, "The basis has changed the modes, so the limit has changed."),
    ),
    "beat it with momentum": Challenge(
        "Back to the powers of x, now with momentum. Come within 1 % in a quarter of the steps "
        "that plain descent needs at the least.",
        replace(_PLAIN, optimiser="momentum", momentum=0.5),
        ("optimiser", "basis", *_PROBLEM),
        _steps_to_near(lambda: fewest_plain_steps() // 4,
                       "Momentum moves the limit out and carries the slow modes; too much of it "
                       "swings for long."),
    ),
    "RMSprop under 8.9": Challenge(
        "RMSprop on the powers of x. Bring the loss under 8.9.",
        replace(_PLAIN, optimiser="rmsprop", rate=1e-3),
        ("optimiser", "basis", *_PROBLEM),
        _under(8.9, "Each step is about as long as the rate: a long step bounces, a short one "
                    "needs more steps."),
    ),
}
"""The challenges by name, from the first to the hardest."""
