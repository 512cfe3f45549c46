"""Checks a learner's training loop on the cubic."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy

from polylab.checks.engine.common import (
    ONE_DATA_SET,
    call_twice,
    checker,
    constants_sentence,
    is_or_are,
    require_choice,
    require_function,
    require_own_gradient,
)
from polylab.checks.engine.reading import parts_of
from polylab.checks.engine.values import (
    TOLERANCE,
    close,
    describe,
    read_numbers,
    require_fractions,
    require_kind,
    require_precision,
    require_shape,
    to_library,
)
from polylab.checks.engine.verdict import Refusal
from polylab.checks.slopes import NAMES, make_mistakes, powers, slope
from polylab.data import FIRST_GUESS
from polylab.descent import LeastSquares

OPTIMISERS = ("sgd", "momentum", "rmsprop", "adam")
RUNS = "It returns four finite coefficients."
STEP = "forward, loss, zero, backward, step: which of the five is missing or in the wrong place?"
WHICH = "which optimiser is made, and with which arguments?"
MOMENTUM = ("two lines, in this order: v ← 0.9 v + g, then the move by v; is each as in the "
            "formula, and inside the loop?")
STEP_BY_HAND = "forward, loss, backward, step: which of the four is missing or in the wrong place?"


@dataclass(frozen=True, eq=False)
class Run:
    """One training run that the learner's function is asked to do."""

    x: numpy.ndarray
    y: numpy.ndarray
    start: numpy.ndarray
    rate: float
    steps: int
    dtype: str
    loss: str
    rounding: str

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
    The oracle never loops over the points. Plain descent follows the normal equations,
    2XᵀX θ − 2Xᵀy, in float64; for the other rules it asks `polylab.descent.LeastSquares`.
    """
    require_choice("optimiser", optimiser, OPTIMISERS)
    require_choice("library", library, ("numpy", "torch"))
    if library == "torch":
        require_own_gradient(answer)
    judge_training(answer, optimiser, library)
    return "Right: in every run your coefficients are those of the exact recursion."


def judge_training(answer, optimiser="sgd", library="numpy", loss="sum", also=None, exact=True):
    """Refuse a training loop that does not make the wanted updates.

    Parameters
    ----------
    answer, optimiser, library
        As for `check_training`.
    loss : {"sum", "mean"}
        Which loss of squares is trained.
    also : {"losses", "predicted"}, optional
        What the answer returns beside the coefficients, in a pair: the loss before each update,
        ``steps`` numbers; or the prediction of the returned coefficients, shape (n,).
    exact : bool, default True
        If False, float64 data may come back with the precision of float32.
    """
    require_function(answer, "x", "y", "start", "rate", "steps")
    runs = make_runs(optimiser, loss, exact)
    paths = [follow(run, optimiser) for run in runs]
    results = [_try(answer, run, path[-1], library, also)
               for run, path in zip(runs, paths, strict=True)]
    given = [reading.numbers for reading, _ in results]
    wanted = [path[-1] for path in paths]
    if _explains(wanted, given, runs, rounding="float32"):
        for (reading, _), run in zip(results, runs, strict=True):
            require_kind(reading, library)
            if exact:
                require_precision(reading, run.dtype, library)
        if not _explains(wanted, given, runs):
            for change, sentence, hint in _other_settings(optimiser, WHICH):
                if _is_explained_by(change, given, runs):
                    raise Refusal(RUNS, sentence, hint)
            if optimiser in ("rmsprop", "adam"):
                raise Refusal("It is right to some six digits.", "With float64 data more are "
                              "wanted: some array is made in float32, or a setting or a term is "
                              "not the one that is asked for.",
                              "make new arrays with the dtype of the data, and keep the settings.")
            raise Refusal("In float32 it is right.", "With float64 data digits are lost: some "
                          "array on the way is made in float32.",
                          "make new arrays with the dtype of the data.")
    else:
        _diagnose(answer, runs, paths, given, optimiser, library)
    seconds = [second for _, second in results]
    if also == "losses":
        _compare_losses(seconds, runs, paths)
    if also == "predicted":
        _compare_predictions(seconds, runs, paths)


def make_runs(optimiser, loss="sum", exact=True):
    """Return the runs: several sizes, starts, rates and numbers of steps, in both dtypes.

    The first has the 2,000 points of the course, and a number of steps that no other length is
    mistaken for: three numbers are not its losses. The last three differ in steps alone and in
    rate alone, so that an argument that is ignored shows.
    """
    # Of gradients that are far larger than its ε an adaptive rule keeps the sign alone, and would
    # not tell the sum from the mean: with data so small it does.
    tiny = ((1, 50, 0.45, 1, "float64", 1e-8),) if optimiser in ("rmsprop", "adam") else ()
    runs = []
    for seed, n, fraction, steps, dtype, size in (
        (0, 2000, 0.28, 6, "float64", 1),
        (1, 50, 0.45, 1, "float64", 1),
        (2, 640, 0.7, 7, "float64", 1),
        (3, 200, 0.3, 12, "float32", 1),
        *tiny,
        (4, 120, 0.28, 20, "float64", 1),
        (4, 120, 0.28, 5, "float64", 1),
        (4, 120, 0.11, 20, "float64", 1),
    ):
        random = numpy.random.default_rng(seed)
        x = random.uniform(-numpy.pi, numpy.pi, n) if seed else (
            numpy.linspace(-numpy.pi, numpy.pi, n))
        y = size * (numpy.sin(x) + (random.normal(0, 0.3, n) if seed else 0))
        start = size * random.normal(size=4)
        limit = 2 / numpy.linalg.eigvalsh(2 * powers(x).T @ powers(x))[-1]
        rate = fraction * limit if optimiser in ("sgd", "momentum") else fraction / 10
        if loss == "mean" and optimiser in ("sgd", "momentum"):
            rate *= n
        runs.append(Run(x.astype(dtype), y.astype(dtype), start.astype(dtype), float(rate),
                        steps, dtype, loss, "float32" if not exact else dtype))
    return tuple(runs)


def follow(run, optimiser, gradient=None, steps=None):
    """Return the coefficients before each step and after the last.

    Parameters
    ----------
    run : Run
        The data, the start, the rate, the number of steps and the loss.
    optimiser : str
        The rule for a step.
    gradient : callable, optional
        ``gradient(coefficients)`` in place of the right one; it may remember earlier calls.
    steps : int, optional
        In place of those of the run.

    Returns
    -------
    array, shape (steps + 1, 4)
        In float64.
    """
    x, y, start = run.exact()
    matrix = powers(x)
    steps = run.steps if steps is None else steps
    if gradient is None and optimiser != "sgd":
        problem = LeastSquares(matrix, y, run.loss)
        return problem.descend(start, run.rate, steps, optimiser).coefficients
    share = 1 if run.loss == "sum" else 1 / len(x)
    hessian, moment = 2 * share * matrix.T @ matrix, 2 * share * matrix.T @ y
    gradient = gradient or (lambda coefficients: hessian @ coefficients - moment)
    with numpy.errstate(all="ignore"):
        if optimiser != "sgd":
            return _follow_torch(_rule(optimiser), start, gradient, steps, run.rate)
        path = [start]
        for _ in range(steps):
            path.append(path[-1] - run.rate * gradient(path[-1]))
        return numpy.array(path)


def _rule(optimiser, **settings):
    """Return a function of (parameters, rate) that makes the torch optimiser."""
    import torch

    return {
        "momentum": lambda parameters, rate: torch.optim.SGD(
            parameters, lr=rate, **{"momentum": 0.9, **settings}),
        "rmsprop": lambda parameters, rate: torch.optim.RMSprop(parameters, lr=rate, **settings),
        "adam": lambda parameters, rate: torch.optim.Adam(parameters, lr=rate, **settings),
    }[optimiser]


def _follow_torch(make, start, gradient, steps, rate, forgets=False):
    """Return the path of a torch optimiser; one that forgets is made anew in every step."""
    import torch

    coefficients = torch.tensor(start, requires_grad=True)
    rule = make([coefficients], rate)
    path = [start]
    for _ in range(steps):
        rule = make([coefficients], rate) if forgets else rule
        coefficients.grad = torch.from_numpy(numpy.array(gradient(path[-1]), dtype=float))
        rule.step()
        path.append(coefficients.detach().numpy().copy())
    return numpy.array(path)


def _try(answer, run, right, library, also):
    """Return what came back: the coefficients, and what came beside them or None."""
    def make():
        return (*(to_library(array, library) for array in (run.x, run.y, run.start)),
                run.rate, run.steps)

    def read(value):
        if not also and _is_pair(value):
            raise Refusal("It runs.", "It returns a pair; the four coefficients alone are wanted.",
                          "compare the last line with the task.")
        coefficients, beside = _split(value, also) if also else (value, None)
        return read_numbers(coefficients, "four coefficients"), beside

    (reading, beside), (again, _), changed = call_twice(
        answer, make, ("x", "y", "start", "rate", "steps"), read)
    require_shape(reading, (4,), (
        ((), "It returns one number: the loss, perhaps; the four coefficients are wanted.",
         "what does the caller need to draw the curve?"),
        ((run.steps,), "It returns one number per step: the losses, perhaps; the four "
         "coefficients are wanted.", "what does the caller need to draw the curve?"),
        ((3,), "It returns three numbers; four are wanted.", "which of a, b, c, d is missing?"),
        ((len(run.x),), "It returns one number per point: the prediction, perhaps; the four "
         "coefficients are wanted.", "what does the caller need to draw the curve?"),
        ((4, 1), "The coefficients come as a column of shape (4, 1); (4,) is wanted.",
         "which operation adds the second dimension?"),
    ))
    require_fractions(reading, run.dtype)
    if changed:
        fine = _agree(right, reading.numbers, run)
        raise Refusal("The coefficients are right." if fine else "It runs.",
                      f"Its input {is_or_are(changed)} changed in place, so a second run would "
                      "not start afresh.", "work on a copy of the start.")
    if not numpy.allclose(again.numbers, reading.numbers, rtol=1e-6, atol=0, equal_nan=True):
        raise Refusal("It returns four coefficients.",
                      "Called twice with the same arguments it gives two different answers: "
                      "something is left over from the first call.",
                      "initialise everything in the function itself.")
    return reading, beside


def _is_pair(value):
    """Return whether a value is the coefficients and something else."""
    pair = parts_of(value) or ()
    try:
        return len(pair) == 2 and read_numbers(pair[0], "").numbers.shape == (4,)
    except Refusal:
        return False


def _split(value, also):
    pair = parts_of(value) or ()
    if len(pair) != 2:
        raise Refusal("It runs.", f"It returns {describe(value)}; the pair (coefficients, {also}) "
                      "is wanted.", "compare the last line with the task.")
    return pair


def _compare_predictions(predictions, runs, paths):
    for prediction, run, path in zip(predictions, runs, paths, strict=True):
        reading = read_numbers(prediction, "the prediction")
        require_shape(reading, run.x.shape)
        matrix = powers(run.exact()[0])
        size = numpy.abs(matrix) @ numpy.abs(path).max(axis=0) + 1.0
        if close(reading.numbers, matrix @ path[-1], size, run.rounding):
            continue
        if close(reading.numbers, matrix @ path[-2], size, run.rounding):
            raise Refusal("The coefficients are right.", "The prediction is not theirs: it is one "
                          "update old.", "what changes between the last forward pass and the "
                          "return?")
        raise Refusal("The coefficients are right.", "The prediction is not theirs.",
                      "put the coefficients that you return into the polynomial.")


def _compare_losses(histories, runs, paths):
    right = "The coefficients are right."
    for history, run, path in zip(histories, runs, paths, strict=True):
        reading = read_numbers(history, "the losses")
        t = run.steps
        require_shape(reading, (t,), (
            ((t + 1,), f"The coefficients are right; there are {t + 1} losses for {t} steps.",
             "one loss for each step, before its update."),
            ((), "The coefficients are right; there is only one loss.",
             "one loss for each step, before its update."),
            ((t, len(run.x)), "The coefficients are right; the losses still have one number per "
             "point.", "how do n numbers become one?"),
        ))
        x, y, _ = run.exact()
        residuals = [powers(x) @ coefficients - y for coefficients in path]
        share = 1 if run.loss == "sum" else 1 / len(x)
        wanted = numpy.array([share * numpy.linalg.norm(r) ** 2 for r in residuals])
        size = wanted[:-1] + TOLERANCE[run.rounding]

        # torch.tensor(losses) makes float32 of plain numbers.
        rounding = "float32" if reading.dtype == "float32" else run.rounding

        def near(guess, given=reading.numbers, size=size, rounding=rounding):
            return close(given, guess, size, rounding)

        if near(wanted[:-1]):
            continue
        if near(wanted[1:]):
            raise Refusal(right, "Each loss is one update late.",
                          "which line comes first, loss or step?")
        if near(numpy.array([numpy.abs(r).sum() for r in residuals[:-1]])):
            raise Refusal(right, "The losses are sums of absolute values, but the updates follow "
                          "the sum of squares: two different functions.",
                          "which of the two should the list show?")
        for guess, name in ((numpy.sqrt(wanted[:-1]), "roots of the sum of squares"),
                            (numpy.sqrt(wanted[:-1] / len(x)), "roots of the mean of squares"),
                            (numpy.array([numpy.abs(r).mean() for r in residuals[:-1]]),
                             "means of absolute values"),
                            (wanted[:-1] / 2, "half the sum of squares")):
            if near(guess):
                raise Refusal(right, f"The losses are {name}, but the updates follow the "
                              f"{run.loss} of squares: two different functions.",
                              "which of the two should the list show?")
        if near(wanted[:-1] / len(x)) or near(wanted[:-1] * len(x)):
            raise Refusal(right, "The losses mix up sum and mean.", "which of them is trained?")
        raise Refusal(right, "The losses are not those of the coefficients.",
                      "the loss belongs to the prediction made in the same step.")


def _agree(guess, numbers, run, rounding=None):
    size = max(1.0, float(numpy.abs(run.start).max()), float(numpy.abs(guess).max()))
    return close(numbers, guess, size, rounding or run.rounding)


def _explains(guesses, given, runs, rounding=None):
    return all(_agree(guess, numbers, run, rounding)
               for guess, numbers, run in zip(guesses, given, runs, strict=True))


def _is_explained_by(change, given, runs):
    """Return whether a changed run gives what came back; the quickest runs are tried first."""
    order = sorted(range(len(runs)), key=lambda i: runs[i].steps * len(runs[i].x))
    return all(_agree(change(runs[i])[-1], given[i], runs[i]) for i in order)


def _diagnose(answer, runs, paths, given, optimiser, library):
    order = STEP if library == "torch" else STEP_BY_HAND
    if (optimiser, library) == ("momentum", "numpy"):
        order = MOMENTUM
    which_rate = ("which argument tells the optimiser its rate?"
                  if optimiser != "sgd" and library == "torch"
                  else "which number does the update multiply the gradient by?")
    wanted = [path[-1] for path in paths]
    if _explains([run.start for run in runs], given, runs):
        raise Refusal(RUNS, "They are those of the start: no update was made.", order)
    for change, sentence, hint in _other_runs(runs, optimiser, order):
        if _is_explained_by(change, given, runs):
            if change is _best and constants_sentence(answer):
                _diagnose_ignored(answer, given, runs, which_rate)
            raise Refusal(RUNS, sentence, hint)
    for mistake in make_mistakes(runs[0].loss):
        def change(run, wrong=mistake.gradient):
            return follow(run, optimiser, _with(run, wrong))

        if _is_explained_by(change, given, runs):
            raise Refusal(f"{RUNS[:-1]}, but the updates follow a wrong gradient.",
                          mistake.wrong(len(runs[0].x)), mistake.hint)
    _diagnose_ignored(answer, given, runs, which_rate)
    for run, numbers in zip(runs, given, strict=True):
        if not numpy.isfinite(numbers).all():
            raise Refusal(f"It runs for {run.steps} steps.", "The coefficients grow to nan or "
                          "infinity at a rate at which plain descent converges.",
                          "check the sign of the update and the size of the gradient.")
    good = [run for run, right, numbers in zip(runs, wanted, given, strict=True)
            if _agree(right, numbers, run)]
    if good and len({run.steps for run in good}) == 1 and good[0].steps == 1:
        raise Refusal("The first update is right.", "From the second update on it goes astray.",
                      order)
    sizes = sorted({len(run.x) for run in good})
    if good and not {len(run.x) for run in runs if run not in good} & set(sizes):
        raise Refusal(f"It is right for n = {', '.join(f'{n:,}' for n in sizes)}.",
                      f"It is wrong for other n{constants_sentence(answer)}.",
                      ONE_DATA_SET)
    moved = [name for k, name in enumerate(NAMES)
             if all(_agree(right[k], numbers[k], run)
                    for right, numbers, run in zip(wanted, given, runs, strict=True))]
    if moved:
        raise Refusal(f"{', '.join(moved)} come out right.", "The other coefficients do not.",
                      "compare the four updates line by line.")
    raise Refusal(RUNS, "They are not those of the wanted updates, already after "
                  f"{min(run.steps for run in runs)} step.",
                  MOMENTUM if order == MOMENTUM else "do one step by hand and print the gradient.")


def _other_runs(runs, optimiser, order):
    """Return (change, sentence, hint) for every training run that learners write by mistake."""
    by_hand = order == MOMENTUM
    which = "what is kept of the velocity from turn to turn?" if by_hand else WHICH
    turns = "count the turns of the loop."
    found = [
        (lambda run: follow(run, optimiser, steps=run.steps - 1),
         "One update is missing: it makes steps − 1 of them.",
         "does the first turn move anything, or is v still zero there?" if by_hand else turns),
        (lambda run: follow(run, optimiser, steps=run.steps + 1),
         "One update is too many: it makes steps + 1 of them.", turns),
        (lambda run: follow(run, optimiser, steps=1),
         "It makes one update only, whatever `steps` is.",
         "which lines belong inside the loop, by their indentation?"),
        (lambda run: follow(run, optimiser, _accumulated(run)),
         "The gradients accumulate: in step 3 it used the sum of 3 gradients, because nothing is "
         "set back to zero.", order),
        (lambda run: follow(run, optimiser, _frozen(run)),
         "Every step uses the gradient of the first: the prediction is not made anew.", order),
        (lambda run: follow(replace(run, start=numpy.array(FIRST_GUESS)), optimiser),
         "They begin at FIRST_GUESS, whatever `start` is.",
         "which parameter says where to begin?"),
        (_best,
         "They are the best possible ones; wanted are those after `steps` updates.",
         "follow the descent step by step."),
        (lambda run: follow(run, optimiser)[:, ::-1],
         "They are right, but in reverse order, that of x³ first.",
         "the course always puts the constant first."),
    ]
    if optimiser == "sgd":
        found.append((_one_after_another,
                      "The coefficients move one after the other: b already sees the new a, and "
                      "so on.", "all four slopes belong to the same prediction."))
    else:
        found.append((lambda run: follow(run, "sgd"),
                      f"They are those of plain descent: {optimiser} is not in use.", which))
    found += [
        (lambda run, other=other: follow(run, other), f"They are those of {other}, not of "
         f"{'plain descent' if optimiser == 'sgd' else optimiser}.", which)
        for other in OPTIMISERS[1:] if other != optimiser and optimiser != "sgd"
    ]
    found += _other_settings(optimiser, which)
    found += [
        (lambda run, k=k: follow(run, optimiser, _masked(run, k)),
         f"The coefficient {name} never moves.", "does every coefficient get its update?")
        for k, name in enumerate(NAMES)
    ]
    return found


def _other_settings(optimiser, which):
    """Return (change, sentence, hint) for the right optimiser with other settings."""
    def with_settings(forgets=False, **settings):
        return lambda run: _follow_torch(_rule(optimiser, **settings), run.exact()[2], _right(run),
                                         run.steps, run.rate, forgets)

    found = []
    if optimiser in ("rmsprop", "adam"):
        found.append((with_settings(forgets=True),
                      "Every step is a first step: the optimiser remembers nothing.",
                      "is it made once, before the loop?"))
    if optimiser == "adam":
        found.append((with_settings(amsgrad=True), "They are those of Adam with amsgrad, which "
                      "is another rule.", which))
        found += [
            (with_settings(**{name: value}), f"They are those of Adam with {name} = {value:g}; "
             "its defaults are wanted.", which)
            for name, values in (("weight_decay", (0.1, 0.01, 0.001)),
                                 ("eps", (1e-10, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)))
            for value in values
        ]
    if optimiser == "momentum":
        found += [
            (lambda run: follow(replace(run, rate=run.rate / 10), "momentum"),
             "The gradient enters the velocity with a factor 0.1; here it enters in full.",
             "compare the line for v with the formula, v ← 0.9 v + g."),
            (with_settings(nesterov=True), "They are those of Nesterov's momentum, which looks "
             "one step ahead; wanted is v ← 0.9 v + g.", "the move is by v alone."),
            *((with_settings(momentum=factor), f"They are those of momentum {factor}; 0.9 is "
               "wanted.", "which share of the old v is kept?")
              for factor in (0.1, 0.5, 0.8, 0.95, 0.99, 1.0)),
        ]
    return found


def _best(run):
    x, y, _ = run.exact()
    return [numpy.linalg.lstsq(powers(x), y, rcond=None)[0]]


def _with(run, gradient):
    x, y, _ = run.exact()
    return lambda coefficients: gradient(coefficients, x, y)


def _right(run):
    x, y, _ = run.exact()
    share = 1 if run.loss == "sum" else 1 / len(x)
    return lambda coefficients: share * slope(coefficients, x, y)


def _accumulated(run):
    right, total = _right(run), numpy.zeros(4)

    def gradient(coefficients):
        nonlocal total
        total = total + right(coefficients)
        return total

    return gradient


def _frozen(run):
    first = _right(run)(run.exact()[2])
    return lambda coefficients: first


def _one_after_another(run):
    right, path = _right(run), [run.exact()[2]]
    for _ in range(run.steps):
        coefficients = path[-1].copy()
        for k in range(4):
            coefficients[k] -= run.rate * right(coefficients)[k]
        path.append(coefficients)
    return numpy.array(path)


def _masked(run, k):
    right = _right(run)
    return lambda coefficients: numpy.where(numpy.arange(4) == k, 0, right(coefficients))


def _diagnose_ignored(answer, given, runs, which_rate):
    """Refuse what ignores an argument: the last three runs differ only in steps and rate."""
    right = RUNS
    if all(numpy.array_equal(numbers, given[0]) for numbers in given):
        raise Refusal(right, "They are the same whatever the data, the start and the rate.",
                      "which lines use the parameters?")
    if numpy.array_equal(given[-3], given[-2]):
        raise Refusal(right, f"They do not depend on `steps`{constants_sentence(answer)}.",
                      "which number tells the loop how often to turn?")
    if numpy.array_equal(given[-3], given[-1]):
        raise Refusal(right, f"They do not depend on `rate`{constants_sentence(answer)}.",
                      which_rate)
