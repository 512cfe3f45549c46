"""What the learning-rate lab says about a run: sentences that depend on the run alone."""

import math

import numpy

from polylab.descent import NEAR, rate_text

OUTCOME_MEANINGS = {
    "converges": "neither swings nor grows, and ends within 1 % of the best possible loss",
    "crawls": "on its way, but too slow for this number of steps",
    "oscillates": "a mode of plain descent, or the loss of the others, swings, wherever it ends",
    "diverges": "a mode, or the loss of RMSprop and Adam, grows to the end",
}
"""The four outcomes, in the order of a growing learning rate, and what each means."""

OPTIMISER_NAMES = {"sgd": "plain descent", "momentum": "momentum (heavy ball)",
                   "rmsprop": "RMSprop", "adam": "Adam"}
REDUCTION_NAMES = {"sum": "sum of squares", "mean": "mean of squares"}
START_NAMES = {"common": "common start", "zeros": "zeros", "random": "random"}


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
    limit = f"the limit here is {_limit(experiment)}"
    if run.outcome == "diverges":
        growing, there = run.factors[-1], run.is_present[-1]
        return (f"Diverges: 1 − ηλ = {number(growing)} on the fastest mode, so it changes sign and "
                f"grows by {percent(abs(growing) - 1)} at every step"
                f"{'' if there else ', though at the start it is there by rounding only'}; "
                f"{limit}.")
    factors = _present(run)
    slowest, fastest = number(factors[0]), number(factors[-1])
    if run.outcome == "oscillates":
        return (f"Oscillates: 1 − ηλ = {fastest} on the fastest mode, so this direction of the "
                f"coefficients changes sign at every step; the loss never rises. {_sentence(run)}; "
                f"{limit}.")
    left = abs(factors[0]) ** run.steps
    if run.outcome == "crawls":
        left = "nearly all" if left > 0.9995 else percent(left)
        return (f"Crawls: 1 − ηλ = {slowest} on the slowest mode, which leaves {left} of it after "
                f"{run.steps:,} steps. {_sentence(run)}; {limit}.")
    return (f"Converges: {_ending(run)}, within 1 % after {run.steps_to():,} steps. "
            f"1 − ηλ runs from {slowest} on the slowest mode to {fastest} on the fastest; {limit}.")


def _present(run):
    """Return the factors of the modes that are in the start by more than rounding."""
    return run.factors[run.is_present] if run.is_present.any() else run.factors


def _explain_momentum(experiment, run):
    size = number(abs(_present(run)).max())
    limit = f"the limit here, 2 (1 + m)/λmax, is {_limit(experiment)}"
    if run.outcome == "diverges":
        return (f"Diverges: the fastest mode grows by {percent(abs(run.factors[-1]) - 1)} at every "
                f"step; {limit}.")
    settles = f"the slowest mode to settle keeps {size} of its size at every step"
    if run.outcome == "oscillates":
        swings = int(((run.factors.imag != 0) | (run.factors.real < 0)).sum())
        return (f"Oscillates: the loss itself rises and falls; momentum {experiment.momentum:g} "
                f"makes {swings} of {len(run.factors)} modes swing, and {settles}. "
                f"{_sentence(run)}; {limit}.")
    return f"{run.outcome.capitalize()}: {_ending(run)}; {settles}; {limit}."


def _explain_adaptive(experiment, run):
    name = {"rmsprop": "RMSprop", "adam": "Adam"}[experiment.optimiser]
    reach = (f"{name} moves each coefficient by roughly the rate, {rate_text(experiment.rate)}, at "
             f"a step, whatever the size of the gradient: {run.steps:,} steps reach about "
             f"{size_text(experiment.rate * run.steps)}")
    if run.outcome == "diverges":
        return f"Diverges: the loss ends above its start. {reach}."
    bounces = run.outcome == "oscillates" and settled(run)
    if bounces and run.losses[-1] > NEAR * run.problem.floor:
        return (f"Oscillates: {_ending(run)}, and no nearer in the last tenth of "
                "the run. Steps of the size of the rate carry it past the optimum to and fro; a "
                "smaller rate, with enough steps, gets nearer.")
    if run.outcome == "oscillates":
        rises = (run.losses > NEAR * numpy.minimum.accumulate(run.losses)).any()
        why = ("the loss itself rises and falls on its way" if rises
               else "its last two steps undo more than half of each other")
        return f"Oscillates: {why}. {_sentence(run)}. {reach}."
    return f"{run.outcome.capitalize()}: {_ending(run)}. {reach}."


def settled(run):
    """Return whether the last tenth of the run brought the loss less than 1 % further down.

    Down from the least loss before it, and down from the loss at which the tenth began.
    """
    tenth = max(1, run.steps // 10)
    began, lowest = run.losses[-tenth - 1], run.losses[-tenth:].min()
    return bool(lowest > 0.99 * max(began, run.losses[:-tenth].min()))


def _ending(run):
    last, floor = run.losses[-1], run.problem.floor
    if not numpy.isfinite(last):
        return "the loss leaves the range of float64"
    above = last / floor - 1
    where = f"{percent(above)} above the floor" if above > 5e-6 else "at the floor"
    return f"loss {loss_text(last)}, {where} {floor:.4g}"


def _sentence(run):
    text = _ending(run)
    return text[0].upper() + text[1:]


def _limit(experiment):
    """Return the limit as text, with more digits where the rate would read the same."""
    limit, rate = experiment.limit, experiment.rate
    return rate_text(limit, 4 if rate_text(rate) != rate_text(limit) else 7)


def size_text(value):
    """Return a positive number as text: three digits, thousands with commas, millions as 1e6."""
    if 1e-4 <= value < 999.5:
        return f"{value:.3g}"
    return f"{value:,.0f}" if 1 < value < 999_999.5 else rate_text(value, 3)


def loss_text(loss):
    """Return a loss as text: five digits, or a whole number, or such as 1.234e7."""
    if loss < 99_999.5:
        return f"{loss:.5g}"
    return f"{loss:,.0f}" if loss < 9_999_999.5 else rate_text(loss)


def percent(ratio):
    """Return a ratio as text: a percentage with three digits, or ``n times`` from 10 on."""
    return f"{size_text(ratio)} times" if ratio >= 9.995 else f"{size_text(100 * ratio)} %"


def number(value):
    """Return a factor per step as text; its distance from 1 and from 0 keep three digits."""
    value = float(value)
    gap = abs(1 - abs(value))
    near = [one for one in (gap, abs(value)) if 1e-9 < one < 0.1]
    digits = min(9, 2 - math.floor(math.log10(near[0]))) if near else 3
    text = f"{abs(value):.{digits}f}" if abs(value) < 1000 else size_text(abs(value))
    return f"−{text}" if value < 0 and text.strip("0.") else text
