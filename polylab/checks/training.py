"""Checks a learner's training loop on the cubic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from polylab.checks.common import (
    call_twice,
    checker,
    constants_sentence,
    is_or_are,
    require_choice,
    require_function,
)
from polylab.checks.slopes import NAMES, make_mistakes, powers, slope
from polylab.checks.values import (
    TOLERANCE,
    read_numbers,
    require_kind,
    require_precision,
    require_shape,
    to_library,
)
from polylab.checks.verdict import Refusal

OPTIMISERS = ("sgd", "momentum", "rmsprop", "adam")
RUNS = "It returns four finite coefficients."
STEP = "forward, loss, zero, backward, step: which of the five is missing or in the wrong place?"


@dataclass(frozen=True)
class Run:
    """One training run that the learner's function is asked to do."""

    x: numpy.ndarray
    y: numpy.ndarray
    start: numpy.ndarray
    rate: float
    steps: int
    dtype: str

    def exact(self):
        """Return x, y and start in float64, as the rounded inputs stand."""
        return tuple(a.astype(numpy.float64) for a in (self.x, self.y, self.start))


@checker
def check_training(answer, optimiser="sgd", library="numpy"):
    """Check a training loop that fits a cubic by the sum of squared errors.

    Parameters
    ----------
    answer : callable
        ``answer(x, y, start, rate, steps)``: x and y of shape (n,), start of shape (4,) with the
        constant first, a float and an int. Returns the coefficients after ``steps`` updates, as
        an array or tensor of shape (4,) or a tuple of four numbers. It must leave ``start`` alone.
    optimiser : {"sgd", "momentum", "rmsprop", "adam"}
        The rule for a step, with the defaults of torch.optim; momentum is heavy ball with 0.9.
    library : {"numpy", "torch"}
        What x, y and start are.

    Returns
    -------
    Verdict

    Notes
    -----
    The oracle never loops over the points: it follows the normal equations, 2XᵀX θ − 2Xᵀy, in
    float64, and for the adaptive rules hands these gradients to torch.optim.
    """
    require_choice("optimiser", optimiser, OPTIMISERS)
    require_choice("library", library, ("numpy", "torch"))
    require_function(answer, "x", "y", "start", "rate", "steps")
    runs = make_runs(optimiser)
    wanted = [follow(run, optimiser) for run in runs]
    given = [_try(answer, run, right, library) for run, right in zip(runs, wanted, strict=True)]
    numbers = [reading.numbers for reading in given]
    if not _explains(wanted, numbers, runs):
        _diagnose(answer, runs, wanted, numbers, optimiser)
    for reading, run in zip(given, runs, strict=True):
        require_kind(reading, library)
        require_precision(reading, run.dtype, library)
    return (f"Right: in {len(runs)} runs of 1 to {max(run.steps for run in runs)} steps your "
            "coefficients are those of the exact recursion.")


def make_runs(optimiser):
    """Return the runs: several sizes, starts, rates and numbers of steps, in both dtypes.

    Each of rate, steps and start also changes alone, so that one that is ignored shows.
    """
    runs = []
    for seed, n, fraction, steps, dtype in (
        (0, 2000, 0.28, 20, "float64"),
        (0, 2000, 0.28, 3, "float64"),
        (0, 2000, 0.11, 20, "float64"),
        (1, 50, 0.45, 1, "float64"),
        (2, 640, 0.7, 7, "float64"),
        (3, 200, 0.3, 12, "float32"),
    ):
        random = numpy.random.default_rng(seed)
        x = random.uniform(-numpy.pi, numpy.pi, n) if seed else (
            numpy.linspace(-numpy.pi, numpy.pi, n))
        y = numpy.sin(x) + (random.normal(0, 0.3, n) if seed else 0)
        start = random.normal(size=4)
        limit = 2 / numpy.linalg.eigvalsh(2 * powers(x).T @ powers(x))[-1]
        rate = fraction * limit if optimiser in ("sgd", "momentum") else fraction / 10
        runs.append(Run(x.astype(dtype), y.astype(dtype), start.astype(dtype),
                        float(rate), steps, dtype))
    return tuple(runs)


def follow(run, optimiser, gradient=None, steps=None, rate=None):
    """Return the coefficients after a run.

    Parameters
    ----------
    run : Run
        The data, the start, the rate and the number of steps.
    optimiser : str
        The rule for a step.
    gradient : callable, optional
        ``gradient(t, coefficients)`` in place of the right one.
    steps, rate : optional
        In place of those of the run.

    Returns
    -------
    array, shape (4,)
        In float64.
    """
    x, y, start = run.exact()
    matrix = powers(x)
    hessian, moment = 2 * matrix.T @ matrix, 2 * matrix.T @ y
    gradient = gradient or (lambda t, c: hessian @ c - moment)
    steps = run.steps if steps is None else steps
    rate = run.rate if rate is None else rate
    with numpy.errstate(all="ignore"):
        if optimiser == "sgd":
            coefficients = start
            for t in range(steps):
                coefficients = coefficients - rate * gradient(t, coefficients)
            return coefficients
        return _follow_torch(optimiser, start, gradient, steps, rate)


def _follow_torch(optimiser, start, gradient, steps, rate):
    import torch

    coefficients = torch.tensor(start, requires_grad=True)
    rules = {
        "momentum": lambda: torch.optim.SGD([coefficients], lr=abs(rate), momentum=0.9),
        "rmsprop": lambda: torch.optim.RMSprop([coefficients], lr=abs(rate)),
        "adam": lambda: torch.optim.Adam([coefficients], lr=abs(rate)),
    }
    rule = rules[optimiser]()
    for t in range(steps):
        now = gradient(t, coefficients.detach().numpy().copy())
        coefficients.grad = torch.from_numpy(numpy.asarray(now, dtype=numpy.float64))
        rule.step()
    return coefficients.detach().numpy().copy()


def _try(answer, run, right, library):
    def make():
        return (*(to_library(array, library) for array in (run.x, run.y, run.start)),
                run.rate, run.steps)

    first, second, changed = call_twice(answer, make, ("x", "y", "start", "rate", "steps"))
    reading = read_numbers(first, "four coefficients")
    require_shape(reading, (4,), (
        ((), "It returns one number: the loss, perhaps; the four coefficients are wanted.",
         "what does the caller need to draw the curve?"),
        ((run.steps,), "It returns one number per step: the losses, perhaps; the four "
         "coefficients are wanted.", "what does the caller need to draw the curve?"),
        ((len(run.x),), "It returns one number per point: the prediction, perhaps; the four "
         "coefficients are wanted.", "what does the caller need to draw the curve?"),
        ((4, 1), "The coefficients come as a column of shape (4, 1); (4,) is wanted.",
         "which operation adds the second dimension?"),
    ))
    if changed:
        fine = _agree(right, reading.numbers, run)
        raise Refusal("The coefficients are right." if fine else "It runs.",
                      f"Its input {is_or_are(changed)} changed in place, so a second run would "
                      "not start afresh.", "work on a copy of the start.")
    again = read_numbers(second, "four coefficients")
    if not numpy.allclose(again.numbers, reading.numbers, rtol=1e-6, atol=0, equal_nan=True):
        raise Refusal("It returns four coefficients.",
                      "Called twice with the same arguments it gives two different answers: "
                      "something is left over from the first call.",
                      "initialise everything in the function itself.")
    return reading


def _agree(guess, numbers, run):
    size = max(1.0, float(numpy.abs(run.start).max()))
    allowed = TOLERANCE[run.dtype] * size
    return bool(numpy.all(numpy.abs(guess - numbers) <= allowed))


def _explains(guesses, given, runs):
    return all(_agree(guess, numbers, run)
               for guess, numbers, run in zip(guesses, given, runs, strict=True))


def _diagnose(answer, runs, wanted, given, optimiser):
    if _explains([run.start for run in runs], given, runs):
        raise Refusal(RUNS, "They are those of the start: no update was made.", STEP)
    for change, sentence, hint in _other_runs(runs, optimiser):
        if _explains([change(run) for run in runs], given, runs):
            raise Refusal(RUNS, sentence, hint)
    _diagnose_ignored(answer, given, runs)
    for run, numbers in zip(runs, given, strict=True):
        if not numpy.isfinite(numbers).all():
            raise Refusal(f"It runs for {run.steps} steps.", "The coefficients grow to nan or "
                          "infinity at a rate at which plain descent converges.",
                          "check the sign of the update and the size of the gradient.")
    good = [run for run, right, numbers in zip(runs, wanted, given, strict=True)
            if _agree(right, numbers, run)]
    if good and len({run.steps for run in good}) == 1 and good[0].steps == 1:
        raise Refusal("The first update is right.", "From the second update on it goes astray.",
                      STEP)
    if good and all(run.dtype == "float32" for run in good):
        raise Refusal("In float32 it is right.", "With float64 data digits are lost: some array "
                      "is made in float32.", "make new arrays with the dtype of the data.")
    sizes = sorted({len(run.x) for run in good})
    if good and not {len(run.x) for run in runs if run not in good} & set(sizes):
        raise Refusal(f"It is right for n = {', '.join(f'{n:,}' for n in sizes)}.",
                      f"It is wrong for other n{constants_sentence(answer)}.",
                      "which number in the code belongs to one data set only?")
    moved = [name for k, name in enumerate(NAMES)
             if all(_agree(right[k], numbers[k], run)
                    for right, numbers, run in zip(wanted, given, runs, strict=True))]
    if moved:
        raise Refusal(f"{', '.join(moved)} come out right.", "The other coefficients do not.",
                      "compare the four updates line by line.")
    raise Refusal(RUNS, "They are not those of the wanted updates, already after "
                  f"{min(run.steps for run in runs)} step.",
                  "do one step by hand and print the gradient.")


def _other_runs(runs, optimiser):
    """Return (change, sentence, hint) for every training run that learners write by mistake."""
    n = len(runs[0].x)
    found = [
        (lambda run: follow(run, optimiser, steps=run.steps - 1),
         "One update is missing: it makes steps − 1 of them.", "count the turns of the loop."),
        (lambda run: follow(run, optimiser, steps=run.steps + 1),
         "One update is too many: it makes steps + 1 of them.", "count the turns of the loop."),
        (lambda run: follow(run, optimiser, steps=1),
         "It makes one update only, whatever `steps` is.",
         "which lines belong inside the loop, by their indentation?"),
        (lambda run: follow(run, optimiser, _accumulated(run)),
         f"The gradients accumulate: in step {runs[0].steps} it used the sum of "
         f"{runs[0].steps} gradients, because nothing is set back to zero.", STEP),
        (lambda run: follow(run, optimiser, _frozen(run)),
         "Every step uses the gradient of the first: the prediction is not made anew.", STEP),
        (lambda run: numpy.linalg.lstsq(powers(run.exact()[0]), run.exact()[1], rcond=None)[0],
         "They are the best possible ones; wanted are those after `steps` updates.",
         "follow the descent step by step."),
        (lambda run: follow(run, optimiser)[::-1],
         "They are right, but in reverse order, that of x³ first.",
         "the course always puts the constant first."),
    ]
    if optimiser != "sgd":
        found.append((lambda run: follow(run, "sgd"),
                      f"They are those of plain descent: {optimiser} is not in use.",
                      "which optimiser is made, and with which arguments?"))
    found += [
        (lambda run, other=other: follow(run, other), f"They are those of {other}, not of "
         f"{'plain descent' if optimiser == 'sgd' else optimiser}.",
         "which optimiser is made, and with which arguments?")
        for other in OPTIMISERS[1:] if other != optimiser and optimiser != "sgd"
    ]
    for mistake in make_mistakes("sum"):
        found.append((
            lambda run, wrong=mistake.gradient: follow(run, optimiser, _with(run, wrong)),
            "The updates use a wrong gradient. " + mistake.wrong(n), mistake.hint))
    found += [
        (lambda run, k=k: follow(run, optimiser, _masked(run, k)),
         f"The coefficient {name} never moves.", "does every coefficient get its update?")
        for k, name in enumerate(NAMES)
    ]
    return found


def _with(run, gradient):
    x, y, _ = run.exact()
    return lambda t, c: gradient(c, x, y)


def _accumulated(run):
    x, y, _ = run.exact()
    total = numpy.zeros(4)

    def gradient(t, coefficients):
        nonlocal total
        total = total + slope(coefficients, x, y)
        return total

    return gradient


def _frozen(run):
    x, y, start = run.exact()
    first = slope(start, x, y)
    return lambda t, c: first


def _masked(run, k):
    x, y, _ = run.exact()
    return lambda t, c: numpy.where(numpy.arange(4) == k, 0, slope(c, x, y))


def _diagnose_ignored(answer, given, runs):
    """Refuse what ignores an argument: runs 0, 1 and 2 differ only in steps and in rate."""
    right = RUNS
    if all(numpy.array_equal(numbers, given[0]) for numbers in given):
        raise Refusal(right, "They are the same whatever the data, the start and the rate.",
                      "which lines use the parameters?")
    if numpy.array_equal(given[0], given[1]):
        raise Refusal(right, f"They do not depend on `steps`{constants_sentence(answer)}.",
                      "which number tells the loop how often to turn?")
    if numpy.array_equal(given[0], given[2]):
        raise Refusal(right, f"They do not depend on `rate`{constants_sentence(answer)}.",
                      "which number does the update multiply the gradient by?")
