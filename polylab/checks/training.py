"""Checks a learner's training loop on the cubic."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, replace

import numpy

from polylab.checks.engine.common import (
    ONE_DATA_SET,
    call_twice,
    checker,
    constants_sentence,
    is_or_are,
    require_autograd,
    require_choice,
    require_function,
    require_own_work,
    why_it_varies,
)
from polylab.checks.engine.diagnosis import (
    NEARLY,
    SMALL,
    Mistake,
    how_far,
    name_lost_digits,
    name_the_mistake,
)
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import (
    asks_for_gradients,
    outside_constants,
    own_functions,
    parts_of,
)
from polylab.checks.engine.values import (
    TOLERANCE,
    close,
    describe,
    is_again,
    read_numbers,
    require_fractions,
    require_kind,
    require_precision,
    require_shape,
    show,
    to_library,
)
from polylab.checks.engine.verdict import Refusal
from polylab.checks.slopes import NAMES, make_mistakes, powers
from polylab.data import FIRST_GUESS
from polylab.descent import LeastSquares
from polylab.gradients import exact_gradient, finite_difference_gradient

OPTIMISERS = ("sgd", "momentum", "rmsprop", "adam")
ADAPTIVE = ("rmsprop", "adam")
GRADIENTS = ("any", "autograd")
RUNS = "It returns four finite coefficients."
STEP = "forward, loss, zero, backward, step: which of the five is missing or in the wrong place?"
STEP_BY_HAND = "forward, loss, backward, step: which of the four is missing or in the wrong place?"
FORMULA = ("two lines, in this order: v ← 0.9 v + g, then the move by v; is each as in the "
           "formula, and inside the loop?")
WHICH = "which optimiser is made, and with which arguments?"
TURNS = "count the turns of the loop."
LONG = 1000  # steps; what no run is longer than may still be a limit


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

    @property
    def share(self):
        """By what the sum of squares is multiplied."""
        return 1 if self.loss == "sum" else 1 / len(self.x)


@checker
def check_training(answer, optimiser="sgd", library="numpy", gradient="any"):
    """Check a training loop that fits a cubic by the sum of squared errors.

    Parameters
    ----------
    answer : callable
        ``answer(x, y, start, rate, steps)``: x and y of shape (n,), start of shape (4,) with the
        constant first, a float and an int. Returns the coefficients after ``steps`` updates, as
        an array or tensor of shape (4,); plain descent may return a tuple of four numbers. It
        must leave ``start`` alone.
    optimiser : {"sgd", "momentum", "rmsprop", "adam"}
        The rule for a step, with the defaults of torch.optim; momentum is heavy ball with 0.9.
        In NumPy it is written by hand, in torch the three others are made by ``torch.optim``.
    library : {"numpy", "torch"}
        What x, y and start are.
    gradient : {"any", "autograd"}
        Who finds the gradient. A plain descent in torch that makes a leaf must use autograd.

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
    require_choice("gradient", gradient, GRADIENTS)
    require_own_work(answer, (LeastSquares, finite_difference_gradient) if library == "numpy"
                     else (LeastSquares, finite_difference_gradient, exact_gradient))
    judge_training(answer, optimiser, library)
    _require_way(answer, optimiser, library, gradient)
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
    results = [_try(answer, run, path[-1], optimiser, library, also)
               for run, path in zip(runs, paths, strict=True)]
    given = [reading.numbers for reading, _ in results]
    wanted = [path[-1] for path in paths]
    if _explains(wanted, given, runs, rounding="float32"):
        for (reading, _), run in zip(results, runs, strict=True):
            require_kind(reading, library)
            if exact:
                require_precision(reading, run.dtype, library)
    if not _explains(wanted, given, runs):
        with numpy.errstate(all="ignore"):
            _diagnose(answer, runs, wanted, given, optimiser, library, also)
    seconds = [second for _, second in results]
    for run in make_late_runs(optimiser, loss, exact):
        path = follow(run, optimiser)
        reading, second = _try(answer, run, path[-1], optimiser, library, also, twice=False)
        if not _agree(path[-1], reading.numbers, run):
            _diagnose_late(answer, run, path, reading.numbers)
        runs, paths, seconds = (*runs, run), [*paths, path], [*seconds, second]
    if also == "losses":
        _compare_losses(seconds, runs, paths)
    if also == "predicted":
        _compare_predictions(seconds, runs, paths)


def _require_way(answer, optimiser, library, gradient):
    """Refuse a right result that was found in another way than the one that is asked for."""
    _require_no_limit(answer, optimiser, library)
    arguments, right = _arguments(make_runs(optimiser)[1], library), "The coefficients are right."
    if optimiser == "sgd" and library == "torch" and (
            gradient == "autograd" or asks_for_gradients(answer)):
        require_autograd(answer, arguments)
    if "torch" not in sys.modules:
        return
    from torch.optim.optimizer import register_optimizer_step_post_hook

    groups = []
    hook = register_optimizer_step_post_hook(lambda used, *_: groups.append(used.param_groups[0]))
    try:
        call(answer, *arguments)
    finally:
        hook.remove()
    if library == "numpy" and groups:
        raise Refusal(right, "The updates are made by `torch.optim`; here you write them "
                      "yourself, in NumPy.", "which lines make a step, by hand?")
    if library == "torch" and optimiser != "sgd" and not groups:
        raise Refusal(right, "The updates are made by hand; here an optimiser of `torch.optim` "
                      "is asked for.", "which object has a method `step`?")
    if any("initial_lr" in group for group in groups):  # every scheduler of torch writes it there
        raise Refusal("In short runs it is right.", "A scheduler is at work, which changes the "
                      "rate in the course of a run; one rate for all steps is wanted.",
                      "which line makes it?")


def _require_no_limit(answer, optimiser, library):
    """Refuse steps that a large whole number from outside cuts off: make it small, and look."""
    run = make_runs(optimiser)[-3]
    for function in own_functions(answer):
        for name in outside_constants(function):
            value = function.__globals__.get(name)
            if type(value) is not int or value < LONG:
                continue
            function.__globals__[name] = run.steps // 2
            try:
                given = read_numbers(call(answer, *_arguments(run, library)).value, "").numbers
            finally:
                function.__globals__[name] = value
            if not _agree(follow(run, optimiser)[-1], given, run):
                raise Refusal("In runs of the usual length it is right.",
                              f"It leans on `{name}`: with another number there it gives other "
                              "coefficients.", "which argument says how many steps to make?")


def _arguments(run, library):
    return (*(to_library(array, library) for array in (run.x, run.y, run.start)),
            run.rate, run.steps)


# --- the runs -------------------------------------------------------------------------------


def make_runs(optimiser, loss="sum", exact=True):
    """Return the short runs: several sizes, starts, rates and numbers of steps, in both dtypes.

    The first has the 2,000 points of the course, and a number of steps that no other length is
    mistaken for: three numbers are not its losses. The fifth grows, so that the best is not the
    last. The last three differ in steps alone and in rate alone.
    """
    adaptive = optimiser in ADAPTIVE
    # Of gradients that are far larger than its ε an adaptive rule keeps the sign alone, and would
    # not tell the sum from the mean: with data so small it does.
    # Two sizes, because with one alone n and the size of ε could be taken for each other.
    tiny = tuple((seed, n, 0.45, 1, "float64", 1e-8) for seed, n in ((1, 50), (5, 21))
                 if adaptive)
    grows = ((7, 9, 20, 14, "float64", 30),) if adaptive else ((7, 9, 2.4, 8, "float64", 1),)
    return tuple(_make_run(optimiser, loss, exact, *choice) for choice in (
        (0, 2000, 0.28, 6, "float64", 1),
        (1, 50, 0.45, 1, "float64", 1),
        (2, 640, 0.7, 7, "float64", 1),
        (3, 200, 0.3, 12, "float32", 1),
        *grows,
        *tiny,
        (4, 120, 0.28, 20, "float64", 1),
        (4, 120, 0.28, 5, "float64", 1),
        (4, 120, 0.11, 20, "float64", 1),
    ))


def make_late_runs(optimiser, loss="sum", exact=True):
    """Return the long runs on few points: one comes to rest, one of descent grows a little.

    They tell a schedule, a limit on steps or on numbers, early stopping and the best in place of
    the last; an answer is asked for them only once it is right on the short runs.
    """
    choices = {"sgd": ((0.9, 300), (1.006, 1003)), "momentum": ((0.9, 400), (1.9006, 1003)),
               "rmsprop": (), "adam": ((1.0, 503),)}[optimiser]  # RMSprop hops for ever
    size = 3 if optimiser in ADAPTIVE else 1
    # In float32 a thousand steps add up a thousand roundings.
    return tuple(_make_run(optimiser, loss, exact, 8, 9, fraction, steps if exact else 100,
                           "float64", size, reach=1.2) for fraction, steps in choices)


def _make_run(optimiser, loss, exact, seed, n, fraction, steps, dtype, size, reach=numpy.pi):
    """Return one run; the rate is ``fraction`` of the limit, for an adaptive rule a tenth of it."""
    random = numpy.random.default_rng(seed)
    even = seed in (0, 8)
    x = numpy.linspace(-reach, reach, n) if even else random.uniform(-reach, reach, n)
    y = size * (numpy.sin(x) + (random.normal(0, 0.3, n) if seed else 0))
    start = size * random.normal(size=4)
    rate = fraction / 10
    if optimiser in ("sgd", "momentum"):
        rate = fraction * 2 / numpy.linalg.eigvalsh(2 * powers(x).T @ powers(x))[-1]
        rate *= n if loss == "mean" else 1
    return Run(x.astype(dtype), y.astype(dtype), start.astype(dtype), float(rate), steps, dtype,
               loss, "float32" if not exact else dtype)


def _whole_numbers():
    """Return a run whose every number on the way is exact even in float16."""
    return Run(numpy.array([-1.0, 0, 1, 2]), numpy.array([1.0, 2, 0, -1]),
               numpy.array([1.0, -2, 0, 1]), 0.125, 1, "float64", "sum", "float64")


def follow(run, optimiser, gradient=None, steps=None, make=None, forgets=False):
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
    make : callable, optional
        ``make(parameters, rate)`` returns a torch optimiser in place of that of the rule.
    forgets : bool, default False
        Whether the optimiser is made anew in every step.

    Returns
    -------
    array, shape (steps + 1, 4)
        In float64.
    """
    x, y, start = run.exact()
    steps = run.steps if steps is None else steps
    if gradient is None and make is None and optimiser != "sgd":
        problem = LeastSquares(powers(x), y, run.loss)
        return problem.descend(start, run.rate, steps, optimiser).coefficients
    gradient = gradient or _right(run)
    if optimiser == "momentum":
        gradient = _velocity(gradient)
    path = [start]
    with numpy.errstate(all="ignore"):
        if make is None and optimiser not in ADAPTIVE:
            for _ in range(steps):
                path.append(path[-1] - run.rate * gradient(path[-1]))
            return numpy.array(path)
        import torch

        make = make or _rule(optimiser)
        coefficients = torch.tensor(start, requires_grad=True)
        rule = make([coefficients], run.rate)
        for _ in range(steps):
            rule = make([coefficients], run.rate) if forgets else rule
            coefficients.grad = torch.from_numpy(numpy.array(gradient(path[-1]), dtype=float))
            rule.step()
            path.append(coefficients.detach().numpy().copy())
        return numpy.array(path)


def _velocity(gradient, keep=0.9, ahead=False):
    """Return v ← keep · v + g as a function of the coefficients, or what Nesterov moves by."""
    velocity = 0.0

    def move(coefficients):
        nonlocal velocity
        now = gradient(coefficients)
        velocity = keep * velocity + now
        return keep * velocity + now if ahead else velocity

    return move


def _rule(name, **settings):
    """Return a function of (parameters, rate) that makes a torch optimiser."""
    import torch

    kind = getattr(torch.optim, {"rmsprop": "RMSprop", "adam": "Adam"}.get(name, name))
    return lambda parameters, rate: kind(parameters, lr=rate, **settings)


# --- what came back -------------------------------------------------------------------------


def _try(answer, run, right, optimiser, library, also, twice=True):
    """Return what came back: the coefficients, and what came beside them or None."""
    def make():
        return _arguments(run, library)

    def read(value):
        if not also and _is_pair(value):
            raise Refusal("It runs.", "It returns a pair; the four coefficients alone are wanted.",
                          "compare the last line with the task.")
        coefficients, beside = _split(value, also) if also else (value, None)
        return read_numbers(coefficients, "four coefficients"), beside

    if not twice:
        return read(call(answer, *make()).value)
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
    if reading.dtype in ("float16", "bfloat16"):
        raise Refusal("It returns four coefficients.", f"They come in {reading.dtype}, which keeps "
                      f"two or three digits; {run.dtype} went in.",
                      "make new arrays with the dtype of the data.")
    if library == "torch" and optimiser != "sgd" and reading.kind != "tensor":
        raise Refusal("It runs.", "It returns the coefficients one by one; one tensor of shape "
                      "(4,) is wanted.", "what does the optimiser train, and what is that without "
                      "its graph?")
    if changed:
        fine = _agree(right, reading.numbers, run)
        raise Refusal("The coefficients are right." if fine else "It runs.",
                      f"Its input {is_or_are(changed)} changed in place, so a second run would "
                      "not start afresh.", "work on a copy of the start.")
    if not is_again(reading.numbers, again.numbers):
        wrong, hint = why_it_varies(answer, make, lambda value: read(value)[0].numbers,
                                    reading.numbers)
        raise Refusal("It returns four coefficients.", wrong, hint)
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
        off = how_far([reading.numbers], [matrix @ path[-1]], [size])
        if off <= SMALL:
            raise Refusal("The coefficients are right.", "The prediction is theirs to about "
                          f"{off:.1g} of its size; all digits are wanted.",
                          "what cuts off digits on the way?")
        raise Refusal("The coefficients are right.", "The prediction is not theirs.",
                      "put the coefficients that you return into the polynomial.")


def _compare_losses(histories, runs, paths):
    right, tries, given = "The coefficients are right.", [], []
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
        residuals = path @ powers(run.exact()[0]).T - run.exact()[1]
        # torch.tensor(losses) makes float32 of plain numbers.
        rounding = "float32" if reading.dtype == "float32" else run.rounding
        tries.append((residuals, run, rounding))
        given.append(reading.numbers)

    def squares(data, late=0):
        residuals, run, _ = data
        return run.share * (residuals[late:run.steps + late] ** 2).sum(axis=1)

    def near(came, guess, data):
        return close(came, guess, numpy.abs(guess) + TOLERANCE[data[2]], data[2])

    wanted = [squares(data) for data in tries]
    if all(map(near, given, wanted, tries)):
        return
    trained = f"but the updates follow the {runs[0].loss} of squares: two different functions"
    which = "which of the two should the list show?"
    name_the_mistake((
        Mistake(lambda data: squares(data, 1), "Each loss is one update late.",
                "which line comes first, loss or step?"),
        *(Mistake(lambda data, of=of: of(data[0][:-1]), f"The losses are {name}, {trained}.",
                  which) for name, of in (
            ("sums of absolute values", lambda r: numpy.abs(r).sum(axis=1)),
            ("means of absolute values", lambda r: numpy.abs(r).mean(axis=1)),
            ("roots of the sum of squares", lambda r: numpy.linalg.norm(r, axis=1)),
            ("roots of the mean of squares", lambda r: numpy.sqrt((r**2).mean(axis=1))),
            ("half the sum of squares", lambda r: (r**2).sum(axis=1) / 2))),
        Mistake(lambda data: numpy.floor(squares(data)), "The losses are cut off to whole numbers.",
                "what cuts off digits on the way into the list?"),
        *(Mistake(lambda data, k=k: numpy.round(squares(data), k),
                  f"The losses are rounded to {k} digits behind the point.",
                  "what cuts off digits on the way into the list?") for k in range(9)),
        *(Mistake(lambda data, over=over: squares(data) * len(data[1].x) ** over,
                  "The losses mix up sum and mean.", "which of them is trained?")
          for over in (-1, 1)),
    ), tries, given, near, right)
    off = how_far(given, wanted, [numpy.abs(guess) + TOLERANCE["float32"] for guess in wanted])
    if off <= SMALL:
        raise Refusal(right, f"The losses are theirs to about {off:.1g} of their size; all digits "
                      "are wanted.", "what cuts off digits on the way into the list?")
    raise Refusal(right, "The losses are not those of the coefficients.",
                  "of which prediction is each loss, and is it the loss that is trained?")


# --- diagnoses ------------------------------------------------------------------------------


def _agree(guess, numbers, run, rounding=None):
    with numpy.errstate(all="ignore"):
        size = max(1.0, float(numpy.abs(run.start).max()), float(numpy.abs(guess).max()))
        return close(numbers, guess, size, rounding or run.rounding)


def _explains(guesses, given, runs, rounding=None):
    return all(_agree(guess, numbers, run, rounding)
               for guess, numbers, run in zip(guesses, given, runs, strict=True))


def _diagnose(answer, runs, wanted, given, optimiser, library, also):
    order = STEP if library == "torch" else STEP_BY_HAND
    if (optimiser, library) == ("momentum", "numpy"):
        order = FORMULA
    which_rate = ("which argument tells the optimiser its rate?"
                  if optimiser != "sgd" and library == "torch"
                  else "which number does the update multiply the gradient by?")
    _name_the_step(runs, given, optimiser, order)
    quick = sorted(range(len(runs)), key=lambda i: runs[i].steps * len(runs[i].x))
    tries, came = [runs[i] for i in quick], [given[i] for i in quick]

    def near(numbers, path, run):
        return _agree(path[-1], numbers, run)

    constants = constants_sentence(answer)
    name_the_mistake(_mistakes(optimiser, library, order, constants), tries, came, near, RUNS)
    name_the_mistake(_gradient_mistakes(runs[0], optimiser), tries, came, near)
    _name_the_number(tries, came, optimiser, near, which_rate)
    _name_lost_digits(answer, runs, wanted, given, optimiser, library, also)
    if all(numpy.array_equal(numbers, given[0]) for numbers in given):
        raise Refusal(RUNS, "They are the same whatever the data, the start and the rate.",
                      "which lines use the parameters?")
    for other, name, hint in (
            (given[-2], "steps", "does the loop end before its time, or not use `steps`?"),
            (given[-1], "rate", which_rate)):
        if numpy.array_equal(given[-3], other):
            one, two = (getattr(run, name) for run in (runs[-3], runs[{"steps": -2}.get(name, -1)]))
            raise Refusal(RUNS, f"With {name} = {one:.3g} and with {name} = {two:.3g} they are "
                          f"the same{constants}.", hint)
    for run, numbers in zip(runs, given, strict=True):
        if not numpy.isfinite(numbers).all():
            raise Refusal(f"It runs for {run.steps} steps.", "The coefficients grow to nan or "
                          f"infinity; {show(wanted[runs.index(run)])} are wanted.",
                          "print them, the gradient and their dtype step by step.")
    good = [i for i, run in enumerate(runs) if _agree(wanted[i], given[i], run)
            and abs(run.start).max() > TOLERANCE["float32"]]  # of tiny numbers all are near
    bad = [i for i in quick if i not in good]
    good_runs = [runs[i] for i in good]
    if good and {run.steps for run in good_runs} == {1}:
        raise Refusal("The first update is right.", "From the second update on it goes astray.",
                      order if order == FORMULA else
                      "what is another in the second turn than in the first?")
    sizes, others = {len(run.x) for run in good_runs}, {len(runs[i].x) for i in bad}
    if len(sizes) == 1 and sizes.isdisjoint(others) and len(others) > 1:
        raise Refusal(f"It is right for n = {sizes.pop():,}.",
                      f"It is wrong for other n{constants}.", ONE_DATA_SET)
    moved = [name for k, name in enumerate(NAMES)
             if all(_agree(right[k], numbers[k], run)
                    for right, numbers, run in zip(wanted, given, runs, strict=True))]
    if moved:
        raise Refusal(f"{', '.join(moved)} come out right.", "The other coefficients do not.",
                      "compare the four updates line by line.")
    shown = next((i for i in bad if show(given[i]) != show(wanted[i])), bad[0])
    run, came, right = runs[shown], given[shown], wanted[shown]
    raise Refusal("On some runs it is right." if good else RUNS,
                  f"After {_times(run.steps, 'update')} on {_times(len(run.x), 'point')} they are "
                  f"{show(came)}; wanted are {show(right)}{constants}.",
                  FORMULA if order == FORMULA else "what is another in a later step than in the "
                  "first?" if any(run.steps == 1 for run in good_runs) else
                  "do one step by hand and print the gradient.")


def _times(count, name):
    return f"{count:,} {name}{'' if count == 1 else 's'}"



def _name_the_step(runs, given, optimiser, order):
    """Refuse coefficients that the right run has too, but after another number of updates."""
    longest = max(run.steps for run in runs) + 1
    found = []
    for run, numbers in zip(runs, given, strict=True):
        path = follow(run, optimiser, steps=longest)
        found.append({k for k, guess in enumerate(path) if _agree(guess, numbers, run)})
    steps = [run.steps for run in runs]
    turns = ("does the first turn move anything, or is v still zero there?" if order == FORMULA
             else TURNS)
    for wanted, sentence, hint in (
        ([0 for _ in steps], "They are those of the start: no update was made, or none is "
         "handed back.", order),
        ([1 for _ in steps], "It makes one update only, whatever `steps` is.",
         "which lines belong inside the loop, by their indentation?"),
        ([t - 1 for t in steps], "They are those after steps − 1 updates: one update is missing, "
         "or is made and not handed back.", turns),
        ([t + 1 for t in steps], "One update is too many: it makes steps + 1 of them.", TURNS),
        *(([k for _ in steps], f"They are those after {k} updates: they do not depend on "
           "`steps`.", "which number tells the loop how often to turn?")
          for k in range(2, longest + 1)),
    ):
        if all(k in known for k, known in zip(wanted, found, strict=True)):
            raise Refusal(RUNS, sentence, hint)
    if all(known and min(known) <= t for known, t in zip(found, steps, strict=True)):
        right = [run.steps in known for run, known in zip(runs, found, strict=True)]
        run = runs[right.index(False)]
        (at, *_) = found[right.index(False)]
        raise Refusal("On some runs it is right." if any(right) else RUNS,
                      f"In a run of {run.steps} steps they are those after "
                      f"{_times(at, 'update')}, not the last.",
                      "which coefficients are handed back, and does the loop turn to its end?")


def _diagnose_late(answer, run, path, numbers):
    """Refuse what is right in short runs only."""
    right = "In short runs it is right."
    long = f"In a run of {run.steps:,} steps on {len(run.x)} points"
    constants = constants_sentence(answer)
    found = [k for k, guess in enumerate(path) if _agree(guess, numbers, run)]
    if found:
        raise Refusal(right, f"{long} they are those after {_times(found[0], 'update')}, not the "
                      f"last{constants}.",
                      "which coefficients are handed back, and does the loop turn to its end?")
    raise Refusal(right, f"{long}, which {_what_it_does(path)}, they are {show(numbers)}; wanted "
                  f"are {show(path[-1])}{constants}.",
                  "what changes the rate or the numbers on the way, or ends the loop early?")


def _what_it_does(path):
    moves = numpy.abs(numpy.diff(path, axis=0)).max(axis=1)
    return "swings on and grows" if moves[-1] > moves[len(moves) // 2] else "comes to rest"


def _mistakes(optimiser, library, order, constants):
    """Return every training run that learners write by mistake."""
    by_hand = order == FORMULA
    which = "what is kept of the velocity from turn to turn?" if by_hand else WHICH
    found = [
        Mistake(lambda run: follow(run, optimiser, _velocity(_right(run), keep=1)),
                "The gradients accumulate: in step 3 it used the sum of 3 gradients, because "
                "nothing is set back to zero.", order),
        Mistake(lambda run: follow(run, optimiser, _frozen(run)),
                "Every step uses the gradient of the first: the prediction is not made anew.",
                order),
        Mistake(lambda run: follow(replace(run, start=numpy.array(FIRST_GUESS)), optimiser),
                "They begin at FIRST_GUESS, whatever `start` is.",
                "which parameter says where to begin?"),
        Mistake(lambda run: follow(replace(run, start=numpy.zeros(4)), optimiser),
                "They begin at zeros, whatever `start` is.",
                "which parameter says where to begin?"),
        Mistake(_best, "They are the best possible ones; wanted are those after `steps` "
                f"updates{constants}.", "follow the descent step by step."),
        Mistake(lambda run: follow(run, optimiser)[:, ::-1],
                "They are right, but in reverse order, that of x³ first.",
                "the course always puts the constant first."),
        *(Mistake(lambda run, k=k: follow(run, optimiser, _masked(run, k)),
                  f"The coefficient {name} never moves.",
                  "does every coefficient get its update?") for k, name in enumerate(NAMES)),
    ]
    wanted = "plain descent" if optimiser == "sgd" else optimiser
    if optimiser == "sgd":
        found.append(Mistake(_one_after_another, "The coefficients move one after the other: b "
                             "already sees the new a, and so on.",
                             "all four slopes belong to the same prediction."))
    else:
        found.append(Mistake(lambda run: follow(run, "sgd"), "They are those of plain descent: "
                             f"{optimiser} is not in use.", which))
    if optimiser in ADAPTIVE:
        found.append(Mistake(lambda run: follow(run, optimiser, make=_rule(optimiser),
                                                forgets=True),
                             "Every step is a first step: the optimiser remembers nothing.",
                             "is it made once, before the loop?"))
    found += [Mistake(lambda run, other=other: follow(run, other), f"They are those of {other}, "
                      f"not of {wanted}.", which)
              for other in OPTIMISERS[1:] if other != optimiser]
    if library == "torch":
        found += [Mistake(lambda run, name=name: follow(run, name, make=_rule(name)),
                          f"They are those of {name}, not of {wanted}.", which)
                  for name in ("Adamax", "NAdam", "RAdam", "Adagrad", "Adadelta", "Rprop")]
    if optimiser == "adam":
        found.append(Mistake(lambda run: follow(run, "adam", make=_rule("adam", amsgrad=True)),
                             "They are those of Adam with amsgrad, which is another rule.", which))
    if optimiser == "momentum":
        found.append(Mistake(lambda run: follow(replace(run, rate=run.rate / 10), "momentum"),
                             "The gradient enters the velocity with a factor 0.1; here it enters "
                             "in full.", "compare the line for v with the formula, v ← 0.9 v + g."))
        found.append(Mistake(lambda run: follow(run, "sgd", _velocity(_right(run), ahead=True)),
                             "They are those of Nesterov's momentum, which looks one step ahead; "
                             "wanted is v ← 0.9 v + g.", "the move is by v alone."))
    return found


def _gradient_mistakes(run, optimiser):
    return [Mistake(lambda run, wrong=mistake.gradient: follow(run, optimiser, _with(run, wrong)),
                    mistake.wrong(len(run.x)), mistake.hint,
                    f"{RUNS[:-1]}, but the updates follow a wrong gradient.")
            for mistake in make_mistakes(run.loss)]


def _name_the_number(runs, given, optimiser, near, which_rate):
    """Refuse a right rule with another number in it: solved from one run, it explains all."""
    def off(i):
        right = follow(runs[i], optimiser)[-1]
        return numpy.linalg.norm(given[i] - right) / numpy.linalg.norm(right - runs[i].start)

    exact = (i for i, run in enumerate(runs) if run.dtype == "float64")
    last = max((i for i in exact if numpy.isfinite(off(i))), key=off, default=0)
    found = []
    for sentence, hint, path, guesses in _numbers(optimiser, which_rate):
        number = _solve(lambda p, path=path: path(runs[last], p)[-1], given[last], guesses)
        if number is not None:
            rounded = float(f"{number:.3g}")
            if near(given[last], path(runs[last], rounded), runs[last]):
                number = rounded
            found.append(Mistake(lambda run, path=path, number=number: path(run, number),
                                 sentence.format(number), hint))
    name_the_mistake(found, runs, given, near, RUNS)


def _numbers(optimiser, which_rate):
    """Return (sentence, hint, path of a run and a number, guesses) for each number of a rule."""
    def with_setting(name, rule=optimiser, forms=lambda p: p):
        return lambda run, p: follow(run, rule, make=_rule(rule, **{name: forms(p)}))

    def with_gradient(change):
        return lambda run, p: follow(run, optimiser, lambda c: change(_right(run)(c), c, p))

    def with_rates(change):
        def path(run, p):
            right, turns = _right(run), itertools.count()
            return follow(run, optimiser, lambda c: change(p, next(turns)) * right(c))

        return path

    def with_momentum(run, p):
        return follow(run, "sgd", _velocity(_right(run), p))

    small, settings = (1e-4, 1e-2, 0.3), "which of its settings is not the one that is asked for?"
    found = [
        ("Each gradient is {:.4g} times what it should be.", which_rate,
         with_gradient(lambda g, c, p: p * g), (1.1, 0.3, 0.1, 3, 10)),
        ("The updates follow the gradient plus {:.3g} times the coefficients, as weight decay "
         "does.", "what is added to the loss or to the gradient?",
         with_gradient(lambda g, c, p: g + p * c), small),
    ]
    if optimiser == "sgd":
        found += [
            ("They are those of momentum {:.3g}; plain descent is wanted.", settings,
             with_momentum, (0.1, 0.5, 0.9)),
            ("The rate changes from step to step, by the factor {:.3g}; one rate for all steps is "
             "wanted.", which_rate, with_rates(lambda p, t: p**t), (0.99, 0.9, 0.5)),
            ("The rate is divided by 1 + {:.3g} t in step t; one rate for all steps is wanted.",
             which_rate, with_rates(lambda p, t: 1 / (1 + p * t)), (0.01, 0.1, 1)),
        ]
    if optimiser == "momentum":
        found.append(("They are those of momentum {:.3g}; 0.9 is wanted.",
                      "which share of the old v is kept?", with_momentum, (0.1, 0.5, 0.95)))
    if optimiser == "adam":
        found += [
            ("They are those of Adam with eps = 1e{:.3g}; its defaults are wanted.", settings,
             with_setting("eps", forms=lambda p: 10.0**p), (-10, -7, -5, -3)),
            ("They are those of AdamW with weight_decay = {:.3g}, not of Adam.", settings,
             with_setting("weight_decay", "AdamW"), small),
            ("They are those of Adam with beta1 = {:.3g}; its defaults are wanted.", settings,
             with_setting("betas", forms=lambda p: (p, 0.999)), (0.5, 0.8, 0.95)),
            ("They are those of Adam with beta2 = {:.3g}; its defaults are wanted.", settings,
             with_setting("betas", forms=lambda p: (0.9, p)), (0.9, 0.99, 0.9999)),
        ]
    if optimiser == "rmsprop":
        found.append(("They are those of RMSprop with alpha = {:.3g}; its defaults are wanted.",
                      settings, with_setting("alpha"), (0.9, 0.95, 0.999)))
    return found


def _solve(function, wanted, guesses):
    """Return the number for which ``function(number)`` is what is wanted, or None.

    Gauss and Newton's method in one variable, from each guess in turn, as long as it gains.
    """
    for number in guesses:
        last = numpy.inf
        for _ in range(9):
            step = 1e-6 * number
            try:
                value = function(number)
                slope_there = (function(number + step) - value) / step
            except (ValueError, OverflowError):  # a setting that makes no sense
                break
            off, squared = numpy.linalg.norm(wanted - value), slope_there @ slope_there
            if not (off < last and 0 < squared < numpy.inf):
                break
            last = off
            change = float(slope_there @ (wanted - value) / squared)
            number += change
            if abs(change) <= 1e-9 * abs(number):
                return number
    return None


def _name_lost_digits(answer, runs, wanted, given, optimiser, library, also):
    exact = [i for i, run in enumerate(runs) if run.dtype == "float64"]
    sizes = [max(1.0, abs(wanted[i]).max()) for i in exact]
    off = how_far([given[i] for i in exact], [wanted[i] for i in exact], sizes)

    def right_on_whole_numbers():
        run = _whole_numbers()
        reading, _ = _try(answer, run, None, optimiser, library, also, twice=False)
        return optimiser == "sgd" and numpy.array_equal(reading.numbers, follow(run, "sgd")[-1])

    def off_on_small_numbers():
        run = runs[exact[1]]
        run = replace(run, y=1e-4 * run.y, start=1e-4 * run.start)
        reading, _ = _try(answer, run, None, optimiser, library, also, twice=False)
        right = follow(run, optimiser)[-1]
        return how_far([reading.numbers], [right], [abs(right).max()])

    name_lost_digits(off, right_on_whole_numbers, off_on_small_numbers)
    if 0 < off <= SMALL:
        raise Refusal(RUNS, f"They are nearly right: off by up to {off:.1g} of their size, which "
                      "is more than rounding in float64.", NEARLY)


def _best(run):
    x, y, _ = run.exact()
    return [numpy.linalg.lstsq(powers(x), y, rcond=None)[0]]


def _with(run, gradient):
    x, y, _ = run.exact()
    return lambda coefficients: gradient(coefficients, x, y)


def _right(run):
    """Return the right gradient as a function of the coefficients, by the normal equations."""
    x, y, _ = run.exact()
    matrix = powers(x)
    hessian, moment = 2 * run.share * matrix.T @ matrix, 2 * run.share * matrix.T @ y
    return lambda coefficients: hessian @ coefficients - moment


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
