"""Checks the repaired programs of the bug clinic: by what they do, not by how they read."""

from __future__ import annotations

import dis
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy

from polylab.checks.engine.common import (
    call_twice,
    checker,
    is_or_are,
    require_choice,
    require_function,
)
from polylab.checks.engine.diagnosis import Mistake, name_the_mistake
from polylab.checks.engine.errors import MISSING_DEVICE
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import own_functions, parts_of
from polylab.checks.engine.state import put_back_at_the_end
from polylab.checks.engine.trials import make_trials
from polylab.checks.engine.values import (
    Reading,
    close,
    describe,
    read_numbers,
    require_shape,
    tell_apart,
    to_library,
)
from polylab.checks.engine.verdict import NotAttempted, Refusal
from polylab.checks.epochs import (
    judge_leak,
    judge_modes,
    judge_schedule,
    judge_shuffle,
    judge_softmax,
    judge_sum,
    judge_zero,
)
from polylab.checks.functions import judge_autograd_function
from polylab.checks.modules import judge_module
from polylab.checks.project import curves_of, labels_are_swapped
from polylab.checks.slopes import powers
from polylab.checks.training import judge_training, make_runs

GROWTH_AT_TWICE_THE_LIMIT = 9.0  # of the loss at a step: (1 − ηλmax)² with ηλmax = 4
RUN_AWAY = 1e3  # the last loss, as a multiple of the first
CRAWLS = 0.05  # a rate, as a share of the largest stable one
TWO_DTYPES, OF_THE_SUM = "Two dtypes are mixed", "gradient of the sum"
AT_THE_LIMIT = 1e-6  # distance from the largest stable rate, relative to it


@dataclass(frozen=True)
class Fault:
    """One broken program of the clinic.

    Parameters
    ----------
    name : str
        What is wrong, in a few words that no learner gets to see.
    judge : callable
        ``judge(program)`` raises `Refusal` unless the program does what it should.
    symptom : str
        What the refusal says while the program is still broken in the way it was handed out.
    lesson : str
        What a right repair shows, for the message of a pass.
    """

    name: str
    judge: Callable
    symptom: str
    lesson: str


@checker
def check_repair(program, exercise):
    """Check the repair of one of the broken programs of notebooks 13 and 17.

    Parameters
    ----------
    program : callable or class
        The repaired program. What it takes and returns depends on the exercise:

        ===================  ===============================================================
        exercise             program
        ===================  ===============================================================
        13.1, 13.6,          ``train(x, y, start, rate, steps)`` on torch tensors returns
        13.10 to 13.12       ``coefficients, losses``
        13.13                the same; rounding to float32 is allowed
        13.2, 13.14, 13.16   the same, on NumPy arrays
        13.3                 the same, on NumPy arrays, for the mean of squares
        13.17                the same, on NumPy arrays, and prints one line at the end: the last
                             loss
        13.4                 ``train(x, y, start, steps)`` on NumPy arrays returns
                             ``coefficients, losses``
        13.5                 ``train(x, y, start, rate, steps)`` on NumPy arrays returns
                             ``coefficients, predicted``
        13.7, 13.8           a module class: the cubic; the dynamic network
        13.9                 an autograd function class: the ReLU
        13.15                ``make_points(count)`` returns a tensor of ``count`` evenly spaced
                             angles from −π to π, on the accelerator if there is one, else on
                             the CPU; kinds other than CUDA are optional
        13.18                ``fit(x, y)`` on NumPy arrays returns ``predicted``, that of the
                             best cubic
        13.19                ``draw(ax, x, y, predicted)`` draws both curves
        17.5, 17.6           ``train(model, batches, optimiser, epochs)`` returns the loss of each
                             step; the mean loss of each epoch, as numbers
        17.7                 ``train(model, training, validation, optimiser, epochs)`` returns the
                             validation error after each epoch
        17.8                 ``train(model, x, y, optimiser, epochs, size)`` returns the loss of
                             each step
        17.9                 ``train(model, batches, optimiser, scheduler)`` returns the rate of
                             each step
        17.10                ``train(model, x, labels, optimiser, steps)`` returns the
                             cross-entropies
        17.11                ``prepare(x, training, test)`` returns two sets of scaled rows
        ===================  ===============================================================
    exercise : str
        Its number, such as "13.1".

    Returns
    -------
    Verdict
        "Not repaired yet: …", and no diagnosis, as long as the program shows its first symptom.
    """
    exercise = FORMER_NAMES.get(exercise, exercise)
    require_choice("exercise", exercise, tuple(FAULTS))
    case = FAULTS[exercise]
    try:
        case.judge(program)
    except NotAttempted:
        raise
    except Refusal as refusal:
        if case.symptom not in refusal.wrong:
            raise
        raise Refusal("Not repaired yet: the program still does what it did when you met it.",
                      hint="describe its symptom in one sentence before you look for the line."
                      ) from None
    return f"Right: {case.lesson}"


# --- numbers in a list ----------------------------------------------------------------------


def _judge_plain_losses(program):
    judge_training(program, library="torch", also="losses")
    run = make_runs("sgd")[0]
    arrays = (to_library(array, "torch") for array in (run.x, run.y, run.start))
    _, losses = call(program, *arrays, run.rate, run.steps).value
    items = parts_of(losses) or [losses]
    if any(getattr(item, "requires_grad", False) for item in items):
        raise Refusal("The coefficients and the losses are right.",
                      "The losses still hold on to their graphs, so memory grows and NumPy "
                      "refuses them: `.item()` is missing.",
                      "store the number, not the tensor with its history.")


def _judge_dtypes(program):
    try:
        judge_training(program, library="torch", also="losses", exact=False)
    except Refusal as refusal:
        if TWO_DTYPES not in refusal.wrong or not _runs_in_float64(program):
            raise
        raise Refusal("With float64 data it runs.", "With float32 data two dtypes meet: something "
                      "is float64 whatever comes in.", "let the data decide: `x.dtype`.") from None


def _runs_in_float64(program):
    run = make_runs("sgd")[0]
    arrays = (to_library(array, "torch") for array in (run.x, run.y, run.start))
    try:
        call(program, *arrays, run.rate, run.steps)
    except Refusal:
        return False
    return True


def _judge_mean(program):
    try:
        judge_training(program, also="losses", loss="mean")
    except Refusal as refusal:
        if OF_THE_SUM not in refusal.wrong or not _first_loss_is_the_sum(program):
            raise
        raise Refusal("Loss and gradient belong together.", "Both are of the sum now; the task "
                      "wants both of the mean.", "which of the two lines was right from the "
                      "start?") from None


def _first_loss_is_the_sum(program):
    run = make_runs("sgd", "mean")[0]
    losses = call(program, run.x.copy(), run.y.copy(), run.start.copy(), run.rate, run.steps)
    first = read_numbers(losses.value[1], "the losses").numbers.flat[0]
    residual = powers(run.x) @ run.start - run.y
    return abs(first / (residual @ residual) - 1) < 1e-6


# --- printing -------------------------------------------------------------------------------


def _judge_printing(program):
    judge_training(program, also="losses")
    printed = []
    for run in make_runs("sgd")[-2:]:
        finished = call(program, run.x.copy(), run.y.copy(), run.start.copy(), run.rate, run.steps)
        printed.append([line for line in finished.printed.splitlines() if line.strip()])
    few, lines = printed
    right = "The coefficients and the losses are right."
    if not lines:
        raise Refusal(right, "It prints nothing; the last loss should be printed once.",
                      "the line must stay, but where?")
    if len(lines) != 1:
        raise Refusal(right, f"In {run.steps} steps it prints {len(lines)} lines; one at the end "
                      "is wanted.", "which of them is the one that was wanted?"
                      if len(lines) == len(few)
                      else "which lines belong to the loop, by their indentation?")
    losses = read_numbers(finished.value[1], "the losses").numbers
    line = re.sub(r"(?<=\d)[,_](?=\d{3})", "", lines[0])
    numbers = [float(text) for text in re.findall(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?", line)]
    at_the_end = numpy.linalg.norm(powers(run.x) @ read_numbers(finished.value[0], "").numbers
                                   - run.y) ** 2  # of the coefficients that are handed back
    shown = [any(abs(number - loss) <= 1e-2 * abs(loss) for number in numbers)
             for loss in (*losses, at_the_end)]
    if sum(shown) > len(losses) // 2:
        raise Refusal(right, "It prints the losses of all steps, though on one line; the last one "
                      "alone is wanted.", "which loss is known when the loop is over?")
    if not any(shown[-2:]):
        raise Refusal(right, "It prints one line, but not the last loss.",
                      "which loss is known when the loop is over?")


# --- the rate -------------------------------------------------------------------------------


def _judge_rate(program):
    require_function(program, "x", "y", "start", "steps")
    good = []
    for seed, (n, low, high) in enumerate((
            (2000, -numpy.pi, numpy.pi), (8_000, -numpy.pi, numpy.pi), (150, -numpy.pi, numpy.pi),
            (400, -5, 5), (300, -2, 2), (200, 0.1, 1.2))):
        random = numpy.random.default_rng(40 + seed)
        x = numpy.linspace(low, high, n)
        where = f"n = {n:,}" + (f" and x from {low} to {high}" if high != numpy.pi else "")
        y = numpy.sin(x) + random.normal(0, 0.1, n)
        start = random.normal(size=4)
        coefficients, losses = _run_with_own_rate(program, x, y, start)
        right = f"For {good[0]} it converges." if good else "It runs."
        hint = "the limit depends on the data; let the program work it out."
        if not losses[-1] <= RUN_AWAY * losses[0]:
            if numpy.isclose(losses[5], GROWTH_AT_TWICE_THE_LIMIT * losses[4], rtol=1e-3, atol=0):
                raise Refusal(right, f"For {where} the rate is twice the limit 2/λmax: the "
                              "Hessian is 2XᵀX, not XᵀX.", "what is the second derivative of a "
                              "square?")
            raise Refusal(right, f"For {where} the coefficients run away: the rate is above "
                          "2/λmax there.", hint)
        if losses[-1] > losses[0]:
            raise Refusal(right, f"For {where} the loss rises: the rate is still above 2/λmax, "
                          "or something cuts the updates off.", hint)
        _require_descent(coefficients, losses, x, y, start, where)
        good.append(where)


def _run_with_own_rate(program, x, y, start):
    steps = 60

    def make():
        return x.copy(), y.copy(), start.copy(), steps

    first, _, changed = call_twice(program, make, ("x", "y", "start", "steps"), _read_pair)
    if changed:
        raise Refusal("It runs.", f"Its input `{changed[0]}` is changed in place.",
                      "work on a copy.")
    coefficients, losses = first
    require_shape(coefficients, (4,))
    require_shape(losses, (steps,))
    return coefficients.numbers, losses.numbers


def _read_pair(value):
    pair = parts_of(value) or ()
    if len(pair) != 2:
        raise Refusal("It runs.", f"It returns {describe(value)}; the pair (coefficients, "
                      "losses) is wanted.", "compare the last line with the task.")
    return read_numbers(pair[0], "four coefficients"), read_numbers(pair[1], "the losses")


def _require_descent(coefficients, losses, x, y, start, where):
    """Refuse what is not plain descent from the start, or crawls, or only just does not run away.

    Plain descent shrinks mode i by (1 − rate λ_i) a step, so the slowest mode tells the rate,
    and the rate tells all coefficients and losses.
    """
    matrix, steps = powers(x), len(losses)
    curvatures, directions = numpy.linalg.eigh(2 * matrix.T @ matrix)
    best = numpy.linalg.lstsq(matrix, y, rcond=None)[0]
    before, after = directions.T @ (start - best), directions.T @ (coefficients - best)
    shrunk = max(after[0] / before[0], 0.0)
    rate = (1 - shrunk ** (1 / steps)) / curvatures[0]
    ratio = rate * curvatures[-1] / 2
    factors = (1 - rate * curvatures)[None] ** numpy.arange(steps + 1)[:, None]
    path = best + (factors * before) @ directions.T
    wanted = numpy.linalg.norm(path @ matrix.T - y, axis=1) ** 2
    if not numpy.allclose(coefficients, path[-1], rtol=0, atol=1e-6):
        raise Refusal("It descends.", "Its coefficients are not those of plain descent at one "
                      "constant rate.", "only the rate needed a repair.")
    hint = "how close to 2/λmax may a rate safely be?"
    if ratio > 1 + AT_THE_LIMIT:
        raise Refusal("It runs.", f"For {where} the rate is above 2/λmax: the fastest mode "
                      "grows.", hint)
    if ratio > 1 - AT_THE_LIMIT:
        raise Refusal("It descends.", f"For {where} the rate is 2/λmax itself: the fastest "
                      "mode swings for ever.", hint)
    if ratio < CRAWLS:
        raise Refusal("It descends.", f"For {where} it crawls: the rate is below a "
                      "twentieth of the largest stable one.", hint)
    if numpy.allclose(losses, wanted[:-1] / len(x), rtol=1e-6):
        raise Refusal("The coefficients are right.", "The losses are means of the squares; the "
                      "program was written for their sum.", "only the rate needed a repair.")
    if not numpy.allclose(losses, wanted[:-1], rtol=1e-6):
        raise Refusal("The coefficients are right.", "The losses are not theirs.",
                      "the loss belongs to the prediction made in the same step.")


# --- what belongs together ------------------------------------------------------------------


def _judge_order(program):
    require_function(program, "x", "y")
    trials, given = make_trials(), []
    for trial in trials:
        def make(trial=trial):
            return trial.x.astype(float), trial.y.astype(float)

        reading, _, changed = call_twice(program, make, ("x", "y"),
                                         lambda value: read_numbers(value, "the prediction"))
        if changed:
            raise Refusal("It runs.", f"Its input `{changed[0]}` is changed in place.",
                          "work on a copy.")
        best = _best(trial)
        fitted = reading.numbers.shape == best.shape and any(
            numpy.allclose(reading.numbers, order, rtol=1e-6, atol=1e-6)
            for order in (best, best[::-1]))
        four = (("It returns the coefficients; the prediction at each x is wanted.",
                 "compare the last line with the task.") if fitted else
                ("It returns four numbers; one for each x is wanted.",
                 "have the arguments changed places?"))
        require_shape(reading, (trial.n,), ((best.shape, *four),))
        given.append(reading.numbers)

    def near(came, wanted, trial):
        return close(came, wanted, 10.0 + numpy.abs(trial.x) ** 3, "float64")

    right = [powers(trial.exact()[1]) @ _best(trial) for trial in trials]
    off = [not near(*one) for one in zip(given, right, trials, strict=True)]
    if not any(off):
        return
    name_the_mistake((Mistake(
        lambda trial: powers(trial.exact()[1]) @ _best(trial)[::-1], "The coefficients are read "
        "in reverse order when the curve is evaluated: the constant as that of x³.",
        "which of the two functions wants the highest power first?"),), trials, given, near,
        "The fit is right.")
    squares = [[float(((values - trial.exact()[2]) ** 2).sum()) for values in pair]
               for pair, trial in zip(zip(given, right, strict=True), trials, strict=True)]
    most = max(range(len(trials)), key=lambda i: off[i] * abs(squares[i][0] / squares[i][1] - 1))
    came, least = tell_apart(*squares[most], least=4)
    raise Refusal("It returns one number per point.", "It is not the best cubic: its sum of "
                  f"squares on {trials[most].n:,} points is {came}, that of the best is {least}.",
                  "which polynomial is fitted, and is that the one that is evaluated?")


def _best(trial):
    _, x, y = trial.exact()
    return numpy.polynomial.Polynomial.fit(x, y, 3).convert().coef


def _judge_drawing(program):
    from matplotlib.figure import Figure

    require_function(program, "ax", "x", "y", "predicted")
    for n in (2000, 50):
        x = numpy.linspace(-numpy.pi, numpy.pi, n)
        if n == 50:
            x[1:-1] = numpy.sort(numpy.random.default_rng(90).uniform(-numpy.pi, numpy.pi, n - 2))
        predicted, y = 0.8567 * x - 0.0933 * x**3, numpy.sin(x)
        ax, handed = Figure().add_subplot(), [x.copy(), y.copy(), predicted.copy()]
        call(program, ax, *handed)
        changed = [name for name, now, then in zip(("x", "y", "predicted"), handed,
                                                   (x, y, predicted), strict=True)
                   if not numpy.array_equal(now, then)]
        if changed:
            raise Refusal("It draws.", f"Its input {is_or_are(changed)} changed in place.",
                          "pass x as it is.")
        curves = [(*numpy.asarray(points, dtype=float).T, label) for points, label in curves_of(ax)]
        drawn = [[curve for curve in curves
                  if len(curve[1]) == n and numpy.allclose(curve[1], wanted)]
                 for wanted in (y, predicted)]
        swapped = [curve for curve in curves for wanted in (y, predicted)
                   if len(curve[0]) == n and numpy.allclose(curve[0], wanted)]
        if len(swapped) >= 2:
            raise Refusal("It draws two curves.", "The two axes have changed places.",
                          "which argument of `plot` comes first?")
        if not all(drawn):
            raise Refusal(f"On `ax` it draws {len(curves)} curve{'' if len(curves) == 1 else 's'}.",
                          f"Both are wanted, all {n:,} points of each: y and predicted.",
                          "`ax.plot` once for each of them.")
        off = [found[0][0] for found in drawn
               if not any(numpy.allclose(angles, x) for angles, *_ in found)]
        which = "one curve" if len(off) == 1 else "both curves"
        if off and numpy.allclose(off[0], numpy.arange(n)):
            raise Refusal("It draws both curves.", f"The angles of {which} run from "
                          f"{off[0].min():.4g} to {off[0].max():.4g}, not from −π to π: x is not "
                          "passed.", "what does `plot` do with a single array?")
        if off and not numpy.allclose(off[0][[0, -1]], x[[0, -1]]):
            raise Refusal("It draws both curves.", f"What is handed over as x runs from "
                          f"{off[0].min():.4g} to {off[0].max():.4g}, not from −π to π.",
                          "pass x as it is.")
        if off:
            raise Refusal("It draws both curves.", f"The angles of {which} are not those of x: the "
                          f"second is {off[0][1]:.4g}, in x it is {x[1]:.4g}.",
                          "pass x as it is.")
        if labels_are_swapped(*([label for *_, label in found] for found in drawn)):
            raise Refusal("It draws both curves over x.", "Their labels have changed places.",
                          "which of the two is the truth?")


# --- devices --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Machine:
    """A kind of machine: what its torch is made for, and what card it has; "cuda", "mps", None."""

    name: str
    made_for: str | None
    card: str | None


MACHINES = (
    _Machine("a torch that is made for the CPU alone", None, None),
    _Machine("a torch that is made for CUDA, but no card", "cuda", None),
    _Machine("a CUDA card", "cuda", "cuda"),
    _Machine("an Apple accelerator", "mps", "mps"),
)


def _judge_device(program):
    """Refuse what is not right on every kind of machine; which one this is does not matter.

    The program comes from a machine with CUDA cards, so one that knows no other kind is right,
    as long as it runs on the CPU elsewhere.
    """
    require_function(program, "count")
    for count in (2000, 7):
        outcomes = [_outcome_on(machine, program, count) for machine in MACHINES]
        if all(outcome.device == "missing" for outcome in outcomes):
            raise Refusal("", f"It asks for {MISSING_DEVICE}.", "choose the device from what there "
                          "is; do not write its name down.")
        for outcome in outcomes:
            if outcome.reading is not None:
                _require_angles(outcome.reading, count)
        _require_every_machine(program, *outcomes)


def _require_angles(reading, count):
    require_shape(reading, (count,))
    if reading.kind != "tensor":
        came = "in a NumPy array" if reading.kind == "array" else "one by one"
        raise Refusal("It returns the right number of angles.", f"They come {came}; a torch tensor "
                      "is wanted.", "`torch.linspace` makes one.")
    if not numpy.allclose(reading.numbers, numpy.linspace(-numpy.pi, numpy.pi, count), atol=1e-5):
        raise Refusal("It returns a tensor.", "The angles are not evenly spaced from −π to π.",
                      "only the device needed a repair.")


def _require_every_machine(program, plain, bare, cuda, apple):
    """Refuse what does not choose the right device on one of the machines."""
    if (plain.device, bare.device, cuda.device) == ("cpu", "cpu", "meta") and (
            apple.device != "missing"):
        return
    ask = "ask torch whether there is one, and use what it says."
    runs = next(machine.name for machine, outcome in zip(
        MACHINES, (plain, bare, cuda, apple), strict=True) if outcome.device != "missing")
    right = f"It runs with {runs}."
    if _gets_device_from_outside(program):
        raise Refusal(right, "The device is chosen outside the function, where I cannot try it on "
                      "another machine.", "choose it inside the function, in its body.")
    if plain.device != "cpu":
        raise Refusal(right, "On a machine without an accelerator it would fail: it does not fall "
                      "back to the CPU.", ask)
    if bare.device != "cpu":
        why = (": `current_accelerator` names the kind that torch is made for"
               if "current_accelerator" in bare.asked else "")
        raise Refusal(right, "Where torch is made for CUDA but there is no card it would fail"
                      f"{why}.", "ask `is_available`, which looks for the card.")
    if cuda.device == "missing" and cuda.ordinal:
        raise Refusal(right, "On a machine with one accelerator it would fail: it asks for "
                      "another, and counting starts at 0.",
                      "ask for the accelerator without a number.")
    for outcome, machine in ((cuda, "a CUDA card"), (apple, "an Apple accelerator")):
        if outcome.device == "missing":
            raise Refusal(right, f"On a machine with {machine} it would fail: it asks for a "
                          "device that is not there.", ask)
    if apple.device == "meta":
        raise Refusal(right, "On a machine with a CUDA card it would still use the CPU: it takes "
                      "only an Apple accelerator.", "which kinds does notebook 04 ask for?")
    why = "" if cuda.asked else ": it never asks torch whether there is one"
    raise Refusal(right, f"On a machine with an accelerator it would still use the CPU{why}.", ask)


def _gets_device_from_outside(program):
    """Return whether a device, or the answer that decides on it, is a global or a default."""
    import torch

    def is_device(value):
        return type(value) is torch.device or (
            type(value) is str and re.fullmatch(r"(cpu|cuda|mps|xpu)(:\d+)?", value) is not None)

    for own in own_functions(program):
        steps = [step for step in dis.get_instructions(own.__code__)
                 if step.opname == "LOAD_GLOBAL" and step.argval in own.__globals__]
        read = [own.__globals__[step.argval] for step in steps]
        given = [*(own.__defaults__ or ()), *(own.__kwdefaults__ or {}).values()]
        if any(map(is_device, read + given)) or any(
                value is None or type(value) is bool for value in read):
            return True
    return False


@dataclass
class _Outcome:
    """What a program does on a pretended machine."""

    device: str = ""  # "cpu", "meta" (the accelerator) or "missing"
    reading: Reading | None = None  # the numbers that came back, where there are any
    ordinal: bool = False  # whether it asked for a second device of the right kind
    asked: set[str] = field(default_factory=set)  # the questions that it put to torch


def _outcome_on(machine, program, count):
    """Return what the program does on a machine of this kind."""
    import torch

    outcome = _Outcome()

    def on_that_machine(count):
        with _pretend(machine, outcome):
            return program(count)

    try:
        value = call(on_that_machine, count, owner=program).value
    except Refusal as refusal:
        if MISSING_DEVICE not in refusal.wrong:
            raise
        outcome.device = "missing"
        return outcome
    if type(value) is torch.Tensor and value.device.type == "meta":
        outcome.device = "meta"
    else:
        outcome.reading = read_numbers(value, "a tensor of angles")
        outcome.device = outcome.reading.device
    return outcome


def _pretend(machine, outcome):
    """Make torch, until the call has ended, report the machine; return a mode for the program.

    What asks for the accelerator by name is led to tensors without numbers.
    """
    import torch

    kind = machine.card

    def missing(asked):
        if asked == "mps":
            raise RuntimeError("PyTorch is not linked with support for mps devices")
        if machine.made_for == "cuda":
            raise RuntimeError("Found no NVIDIA driver on your system")
        raise AssertionError("Torch not compiled with CUDA enabled")

    def lead(item, is_device=False):
        if is_device and type(item) is int:
            item = f"{kind or 'cuda'}:{item}"
        if type(item) not in (str, torch.device) or not re.match("cuda|mps|xpu", str(item)):
            return item
        device = torch.device(item)
        if device.type != kind:
            missing(device.type)
        if device.index:
            outcome.ordinal = True
            raise RuntimeError("invalid device ordinal")
        return torch.device("meta")

    class Lead(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, items=(), named=None):
            named, title = named or {}, getattr(function, "__name__", "")
            if function is torch.device:
                if items and type(items[0]) is int:
                    items = (kind or missing("cuda"), *items)
                return function(*items, **named)
            if title == "cuda":
                given = [*items[1:], *named.values(), None][0]
                where = f"cuda:{given}" if type(given) is int else given or "cuda"
                function, items, named = torch.Tensor.to, (items[0], where), {}
            named = {name: lead(item, name == "device") for name, item in named.items()}
            return function(*(lead(item, title == "to") for item in items), **named)

    def current_accelerator(check_available=False):
        found = kind if check_available else machine.made_for
        return torch.device(found) if found else None

    def first(of):
        return lambda: 0 if kind in of else missing("cuda")

    def answer(value):
        return lambda *items, **named: value

    cuda, mps = kind == "cuda", kind == "mps"
    questions = [
        (torch.accelerator, "is_available", answer(kind is not None)),
        (torch.accelerator, "device_count", answer(int(kind is not None))),
        (torch.accelerator, "current_accelerator", current_accelerator),
        (torch.accelerator, "current_device_index", first(("cuda", "mps"))),
        (torch.cuda, "is_available", answer(cuda)),
        (torch.cuda, "device_count", answer(int(cuda))),
        (torch.cuda, "current_device", first(("cuda",))),
        (torch.cuda, "get_device_name", answer("a card")),
        (torch.cuda, "set_device", lambda device: lead(device, is_device=True)),
        (torch.backends.cuda, "is_built", answer(machine.made_for == "cuda")),
        (torch.backends.mps, "is_available", answer(mps)),
        (torch.backends.mps, "is_built", answer(machine.made_for == "mps")),
        (torch.mps, "device_count", answer(int(mps))),
        (torch.xpu, "is_available", answer(False)),
        (torch.xpu, "device_count", answer(0)),
    ]

    def noted(name, reply):
        def ask(*items, **named):
            outcome.asked.add(name)
            return reply(*items, **named)

        return ask

    set_default = torch.set_default_device
    replaced = [(owner, name, noted(name, reply)) for owner, name, reply in questions
                if hasattr(owner, name)]
    replaced += [
        (torch.version, "cuda", "13.0" if machine.made_for == "cuda" else None),
        (torch, "set_default_device", lambda device: set_default(lead(device, is_device=True))),
    ]
    for owner, name, value in replaced:
        put_back_at_the_end(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)
    return Lead()


# --- the table ------------------------------------------------------------------------------

_ON_TENSORS = partial(judge_training, library="torch", also="losses")
_ON_ARRAYS = partial(judge_training, also="losses")

FAULTS = {
    "13.1": Fault(
        "gradients not zeroed",
        _ON_TENSORS, "gradients accumulate",
        "every step uses its own gradient, and the loss settles."),
    "13.2": Fault(
        "loss and gradient differ",
        _ON_ARRAYS, "The losses are sums of absolute values",
        "loss and gradient belong to the same function, so the loss falls to its floor."),
    "13.3": Fault(
        "sum called mean",
        _judge_mean, OF_THE_SUM,
        "the gradient is that of the mean, so a rate for the mean works."),
    "13.4": Fault(
        "rate too large",
        _judge_rate, "For n = 2,000 the coefficients run away",
        "the rate follows from the data and stays below 2/λmax."),
    "13.5": Fault(
        "prediction one update old",
        partial(judge_training, also="predicted"), "one update old",
        "the prediction is made anew from the last coefficients."),
    "13.6": Fault(
        "missing flatten",
        _ON_TENSORS, "Shapes (n, 1) and (n,) met",
        "prediction and target have the same shape, so n residuals are added up."),
    "13.7": Fault(
        "stale global",
        partial(judge_module, formula="cubic"), "the global variable `c`",
        "the module uses its own parameters and x, nothing left over from before."),
    "13.8": Fault(
        "range and randint",
        partial(judge_module, formula="dynamic"), "the number of extra terms was never 2",
        "0, 1 and 2 extra terms come up equally often."),
    "13.9": Fault(
        "slope at zero",
        partial(judge_autograd_function, formula="relu"), "At exactly 0 backward returns 1",
        "at exactly 0 the slope is 0, as for every number on the side that is cut."),
    "13.10": Fault(
        "update inside the graph",
        _ON_TENSORS, "made inside the graph",
        "the update happens outside the graph, and training goes on."),
    "13.11": Fault(
        "name bound anew",
        _ON_TENSORS, "binds the name to a new tensor",
        "the coefficients keep getting gradients, step after step."),
    "13.12": Fault(
        "graph kept in the losses",
        _judge_plain_losses, "hold on to their graphs",
        "the losses are plain numbers, with no graph behind them."),
    "13.13": Fault(
        "two dtypes",
        _judge_dtypes, TWO_DTYPES, "data and model have one dtype."),
    "13.14": Fault(
        "misspelt name",
        _ON_ARRAYS, "NameError", "every name is spelt as where it was made."),
    "13.15": Fault(
        "device that is not there",
        _judge_device, MISSING_DEVICE,
        "the device is chosen from what the machine has."),
    "13.16": Fault(
        "start overwritten",
        _ON_ARRAYS, "`start` is changed in place",
        "every run starts afresh, so running it again gives the same."),
    "13.17": Fault(
        "print inside the loop",
        _judge_printing, "In 20 steps it prints 20 lines", "one line is printed, after the loop."),
    "13.18": Fault(
        "order of the coefficients",
        _judge_order, "read in reverse order", "fit and evaluation use the same order."),
    "13.19": Fault(
        "plot without x",
        _judge_drawing, "The angles of both curves run from",
        "both curves are drawn over x, from −π to π."),
    "17.5": Fault(
        "gradients cleared once, before the loops",
        judge_zero, "each step uses the sum of all gradients",
        "each step uses the gradient of its own batch."),
    "17.6": Fault(
        "losses added up with their graphs",
        judge_sum, "holds on to the graphs of all batches",
        "a number is added up, and each graph goes when its step is made."),
    "17.7": Fault(
        "eval() forgotten",
        judge_modes, "The validation runs in training mode",
        "the network trains in one mode and is measured in the other, in every epoch."),
    "17.8": Fault(
        "shuffle off",
        judge_shuffle, "In every epoch the points come in the order in which",
        "each epoch deals all pairs once, in an order of its own."),
    "17.9": Fault(
        "scheduler before optimiser",
        judge_schedule, "The first rate of the schedule is never used",
        "the optimiser steps first, and every rate of the schedule is used once."),
    "17.10": Fault(
        "softmax before cross-entropy",
        judge_softmax, "go through a softmax a second time",
        "the cross-entropy is that of the scores, and can fall to 0."),
    "17.11": Fault(
        "scaled with all the data",
        judge_leak, "mean and spread are those of all rows",
        "both sets are scaled by what is known from the training rows."),
}
"""Every broken program of notebooks 13 and 17 by the number of its exercise."""

FORMER_NAMES = {fault.name: exercise for exercise, fault in FAULTS.items()
                if exercise.startswith("13.")}
"""What notebook 13 of version 0.1.0 calls the exercises: a learner's own copy still does."""
