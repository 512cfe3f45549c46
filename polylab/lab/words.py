"""What the learning-rate lab says about a run: sentences that depend on the run alone."""

import math

import numpy

from polylab.descent import NEAR, rate_text

OUTCOME_MEANINGS = {
    "converges": "nothing swings, and the loss ends within 1 % of the best possible",
    "crawls": "on its way, but too slow for this number of steps",
    "oscillates": "a part swings to and fro, even if it ends at the best possible",
    "diverges": "a part grows without end",
}
"""The four outcomes, in the order of a growing learning rate, and what each means."""


def explain(experiment, reveal_limit=True):
    """Say what a run did and why, in numbers.

    Parameters
    ----------
    experiment : polylab.lab.experiment.Experiment
        The run.
    reveal_limit : bool
        Whether the sentence may name the largest stable rate and the factors it follows from.

    Returns
    -------
    str
        One or two sentences.
    """
    run = experiment.trajectory
    if not reveal_limit:
        return f"{run.outcome.capitalize()}: {_ending(run)}."
    if experiment.limit is None:
        return _explain_adaptive(experiment, run)
    if experiment.optimiser == "momentum":
        return _explain_momentum(experiment, run)
    return _explain_plain(experiment, run)


def _explain_plain(experiment, run):
    factors, limit = run.factors, f"the limit here is {rate_text(experiment.limit)}"
    slowest, fastest = number(factors[0]), number(factors[-1])
    if run.outcome == "diverges":
        return (f"Diverges: 1 − ηλ = {fastest} on the fastest mode, so it changes sign and grows "
                f"by {percent(abs(factors[-1]) - 1)} at every step; {limit}.")
    if run.outcome == "oscillates":
        return (f"Oscillates: 1 − ηλ = {fastest} on the fastest mode, so this direction of the "
                f"coefficients changes sign at every step; the loss never rises. {_sentence(run)}; "
                f"{limit}.")
    left = abs(factors[0]) ** run.steps
    if run.outcome == "crawls":
        return (f"Crawls: 1 − ηλ = {slowest} on the slowest mode, which leaves {percent(left)} of "
                f"it after {run.steps:,} steps. {_sentence(run)}; {limit}.")
    return (f"Converges: {_ending(run)}, within 1 % after {run.steps_to():,} steps. "
            f"1 − ηλ runs from {slowest} on the slowest mode to {fastest} on the fastest; {limit}.")


def _explain_momentum(experiment, run):
    factor = run.factors[run.dominant_mode]
    size = number(abs(factor))
    limit = f"the limit here, 2 (1 + m)/λmax, is {rate_text(experiment.limit)}"
    if run.outcome == "diverges":
        return (f"Diverges: the fastest mode grows by {percent(abs(run.factors[-1]) - 1)} at every "
                f"step; {limit}.")
    swings = int((numpy.imag(run.factors) != 0).sum())
    reason = (f"momentum {experiment.momentum:g} makes {swings} of "
              f"{len(run.factors)} modes swing, and the slowest to settle keeps {size} of its "
              "size at every step")
    if run.outcome == "oscillates":
        return f"Oscillates: the loss itself rises and falls; {reason}. {_sentence(run)}; {limit}."
    return f"{run.outcome.capitalize()}: {_ending(run)}; {reason}; {limit}."


def _explain_adaptive(experiment, run):
    name = {"rmsprop": "RMSprop", "adam": "Adam"}[experiment.optimiser]
    reach = (f"{name} moves each coefficient by roughly the rate, {rate_text(experiment.rate)}, at "
             f"a step, whatever the size of the gradient: {run.steps:,} steps reach about "
             f"{_size(experiment.rate * run.steps)}")
    if run.outcome == "diverges":
        return f"Diverges: the loss ends above its start. {reach}."
    bounces = run.outcome == "oscillates" and settled(run)
    if bounces and run.losses[-1] > NEAR * run.problem.floor:
        return (f"Oscillates: {_ending(run)}, and no nearer in the last tenth of "
                "the run. Steps of the size of the rate carry it past the optimum to and fro; a "
                "smaller rate gets nearer.")
    if run.outcome == "oscillates":
        return f"Oscillates: the loss itself rises and falls on its way. {_sentence(run)}. {reach}."
    return f"{run.outcome.capitalize()}: {_ending(run)}. {reach}."


def settled(run):
    """Return whether the last tenth of the run brought the loss less than 1 % further down."""
    tenth = max(1, run.steps // 10)
    return bool(run.losses[-tenth:].min() > 0.99 * run.losses[:-tenth].min())


def _ending(run):
    last, floor = run.losses[-1], run.problem.floor
    if not numpy.isfinite(last):
        return "the loss leaves the range of float64"
    above = last / floor - 1
    where = f"{percent(above)} above the floor" if above > 5e-6 else "at the floor"
    return f"loss {last:.5g}, {where} {floor:.4g}"


def _sentence(run):
    text = _ending(run)
    return text[0].upper() + text[1:]


def _size(value):
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def percent(ratio):
    """Return a ratio as text: a percentage with three digits, or ``n times`` from 10 on."""
    return f"{ratio:.3g} times" if ratio >= 10 else f"{100 * ratio:.3g} %"


def number(value):
    """Return a factor per step as text; its distance from 1 and from 0 keep three digits."""
    value = float(value)
    gap = abs(1 - abs(value))
    near = [one for one in (gap, abs(value)) if 1e-9 < one < 0.1]
    digits = min(9, 2 - math.floor(math.log10(near[0]))) if near else 3
    text = f"{value:.{digits}f}" if abs(value) < 1000 else f"{value:.3g}"
    return text.replace("-", "−")
