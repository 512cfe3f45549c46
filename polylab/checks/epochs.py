"""Judges the broken programs of notebook 17: loops over batches, their modes and their sets.

Each program is handed a small network of one matrix, so that NumPy can follow it by hand: the
oracle never calls torch. In place of a dropout the network halves its inputs in training mode.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace

import numpy

from polylab.checks.engine.common import is_or_are, require_function
from polylab.checks.engine.diagnosis import Mistake, name_the_mistake
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import parts_of
from polylab.checks.engine.values import (
    close,
    describe,
    read_numbers,
    require_finite,
    require_shape,
)
from polylab.checks.engine.verdict import Refusal

RUNS = "It runs and returns finite numbers."
FIVE = "forward, loss, zero, backward, step: which of the five stands on the wrong level?"
BY_HAND = "follow two batches of one epoch by hand."
LEFT = 0.5  # what the pretended dropout leaves of the inputs, in training mode only
GRAPHS_AT_ONCE = 2  # that a loop may hold: of this batch, and of the one before


# --- what the programs are tried on ---------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Data:
    """Batches of inputs (B, k) and targets (B,), a start of shape (k,), a rate, epochs."""

    batches: tuple[tuple[numpy.ndarray, numpy.ndarray], ...]
    validation: tuple[tuple[numpy.ndarray, numpy.ndarray], ...]
    start: numpy.ndarray
    rate: float
    epochs: int
    dealt: tuple = ()  # the batches of each epoch, where they are not the same in all

    @property
    def count(self):
        """How many steps an epoch has."""
        return len(self.batches)


def make_data():
    """Return two tries that differ in all sizes; each last batch is shorter than the others."""
    tries = []
    for seed, (sizes, k, epochs) in enumerate((((6, 6, 6, 6, 2), 3, 3), ((5, 5, 5, 5, 4), 2, 4))):
        random = numpy.random.default_rng(80 + seed)
        training, validation = ([(random.normal(size=(size, k)), random.normal(size=size))
                                 for size in some] for some in (sizes, (4, 3)))
        start = random.normal(size=k)
        tries.append(Data(tuple(training), tuple(validation), start, 0.05 + 0.02 * seed, epochs))
    return tries


@dataclass(frozen=True, eq=False)
class Path:
    """Where a training run goes: the loss of each step, and the weights after each epoch."""

    losses: numpy.ndarray  # shape (epochs, batches)
    ends: numpy.ndarray  # shape (epochs, k)


def follow(data, zero="batch", damaged=lambda epoch: True, factor=lambda step: 1.0):
    """Return the path of plain descent on the mean of squares of each batch, in float64.

    Parameters
    ----------
    data : Data
    zero : {"batch", "epoch", "never"}
        When the gradient is cleared.
    damaged : callable
        Whether the network is in training mode in an epoch, counted from 0.
    factor : callable
        What the rate of a step, counted from 0, is multiplied by.
    """
    weights, kept, step = data.start, numpy.zeros_like(data.start), 0
    losses, ends = [], []
    for epoch, batches in enumerate(data.dealt or [data.batches] * data.epochs):
        kept = kept if zero == "never" else numpy.zeros_like(kept)
        for inputs, targets in batches:
            seen = LEFT * inputs if damaged(epoch) else inputs
            missed = seen @ weights - targets
            losses.append(missed @ missed / len(targets))
            slope = 2 * seen.T @ missed / len(targets)
            kept = slope if zero == "batch" else kept + slope
            weights = weights - data.rate * factor(step) * kept
            step += 1
        ends.append(weights)
    return Path(numpy.reshape(losses, (len(ends), -1)), numpy.array(ends))


def network_of(data):
    """Return a network that notes what it sees; its numbers are those of the data."""
    import torch

    class Token:
        """Lives as long as the graph that it was made for."""

    class Mark(torch.autograd.Function):
        @staticmethod
        def forward(numbers, alive):
            return numbers.clone()

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.token = Token()
            inputs[1].add(ctx.token)

        @staticmethod
        def backward(ctx, slope):
            return slope, None

    class Network(torch.nn.Module):
        """A matrix behind a part that halves its inputs in training mode."""

        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.from_numpy(data.start[None].copy()))
            self.seen, self.alive = [], weakref.WeakSet()

        def forward(self, inputs):
            self.seen.append((self.training, inputs.detach().numpy().copy()))
            inputs = LEFT * inputs if self.training else inputs
            return Mark.apply(torch.nn.functional.linear(inputs, self.weight), self.alive)

    return Network()


class Dealt(list):
    """Batches as tensors; notes how many graphs are alive whenever one is dealt."""

    def __init__(self, batches, network):
        import torch

        super().__init__((torch.from_numpy(inputs.copy()),
                          torch.from_numpy(targets[:, None].copy()))
                         for inputs, targets in batches)
        self.network, self.graphs = network, 0

    def __iter__(self):
        """Deal the batches in their order."""
        for batch in super().__iter__():
            self.graphs = max(self.graphs, len(self.network.alive))
            yield batch


@dataclass(frozen=True, eq=False)
class Result:
    """What a program has done: what it returned, as numbers, and the weights at the end."""

    numbers: numpy.ndarray
    rounding: str  # `torch.tensor(losses)` makes float32 of plain numbers
    weights: numpy.ndarray
    value: object
    warned: tuple[str, ...]
    graphs: int = 0


def _run(program, data, with_validation=False, schedule=None):
    """Call a program of (network, batches, …) on the data and read what it returns."""
    network = network_of(data)
    batches, validation = (Dealt(some, network) for some in (data.batches, data.validation))
    optimiser = _descent(network, data)
    given = [network, batches, *[validation] * with_validation, optimiser,
             data.epochs if schedule is None else schedule(optimiser)]
    kept = {"batches": [part for batch in list.__iter__(batches) for part in batch],
            "validation": [part for batch in list.__iter__(validation) for part in batch]}
    return replace(_read(program, given, kept, network.weight), graphs=batches.graphs)


def _descent(network, data):
    import torch

    return torch.optim.SGD(network.parameters(), lr=data.rate)


def _read(program, given, kept, weight):
    """Call a program, read the numbers that it returns and the weights that it leaves."""
    called = _call(program, given, kept)
    if called.value is None:
        raise Refusal("It runs.", "It returns None; a list of numbers is wanted.",
                      "compare the last line with the task.")
    reading = read_numbers(called.value, "a list of numbers")
    require_finite(reading, "its values")
    return Result(reading.numbers, "float32" if reading.dtype == "float32" else "float64",
                  weight.detach().numpy().ravel().copy(), called.value, called.warned)


def _call(program, given, kept):
    """Call a program; refuse it if it changes one of the tensors of ``kept``, {name: tensors}."""
    before = {name: [part.clone() for part in parts] for name, parts in kept.items()}
    called = call(program, *given)
    changed = [name for name, parts in kept.items()
               if not all(part.equal(old) for part, old in zip(parts, before[name], strict=True))]
    if changed:
        raise Refusal("It runs.", f"Its input {is_or_are(changed)} changed in place.",
                      "`-=` and the like change the caller's tensor; make a new one.")
    return called


def _near(result, wanted, data):
    """Return whether numbers and weights are both those that are wanted."""
    numbers, weights = wanted
    return close(result.numbers, numbers, numpy.abs(numbers) + 1e-9, result.rounding) and close(
        result.weights, weights, 10.0, "float64")


def _judge(tries, results, right, mistakes, fits_weights, by_hand=BY_HAND):
    """Refuse unless each result is the right one; name the mistake that explains them all."""
    if all(_near(result, right(data), data) for result, data in zip(results, tries, strict=True)):
        return
    name_the_mistake(mistakes, tries, results, _near, RUNS)
    weights = [right(data)[1] for data in tries]
    if all(close(result.weights, wanted, 10.0, "float64")
           for result, wanted in zip(results, weights, strict=True)):
        raise Refusal("The training is right.", "The numbers that it returns are not those that "
                      "belong to it.", fits_weights)
    if all(numpy.array_equal(result.weights, data.start.ravel())
           for result, data in zip(results, tries, strict=True)):
        raise Refusal("It runs.", "The network is not trained: no weight has moved.",
                      "which of the five lines moves the weights, and what does it find in "
                      "`.grad`?")
    raise Refusal(RUNS, "The network does not end at the weights that this training leads to.",
                  by_hand)


# --- the programs ---------------------------------------------------------------------------


def judge_zero(program):
    """Judge ``train(model, batches, optimiser, epochs)``, which returns the loss of each step."""
    require_function(program, "model", "batches", "optimiser", "epochs")
    tries = make_data()
    results = [_run(program, data) for data in tries]
    for result, data in zip(results, tries, strict=True):
        _require_count(result, data.epochs * data.count, "step")

    def losses(**change):
        return lambda data: (follow(data, **change).losses.ravel(), follow(data, **change).ends[-1])

    _judge(tries, results, losses(), (
        Mistake(losses(zero="never"), "The gradients accumulate: each step uses the sum of all "
                "gradients so far.", FIVE),
        Mistake(losses(zero="epoch"), "Within an epoch the gradients still accumulate: they are "
                "cleared once an epoch, but a step is made for every batch.", FIVE),
        Mistake(losses(damaged=lambda epoch: False), "The network is trained in evaluation mode.",
                "only the gradients needed a repair."),
    ), "each loss is that of its batch, before the step.")


def judge_sum(program):
    """Judge ``train(model, batches, optimiser, epochs)``, which returns the mean of each epoch."""
    require_function(program, "model", "batches", "optimiser", "epochs")
    tries = make_data()
    results = [_run(program, data) for data in tries]
    for result, data in zip(results, tries, strict=True):
        _require_count(result, data.epochs, "epoch")

    def means(reduce):
        def guess(data):
            path = follow(data)
            sizes = numpy.array([len(targets) for _, targets in data.batches])
            return reduce(path.losses, sizes), path.ends[-1]

        return guess

    _judge(tries, results, means(lambda losses, sizes: losses @ sizes / sizes.sum()), (
        Mistake(means(lambda losses, sizes: losses.mean(axis=1)),
                "It is the mean of the means: the points of the short last batch count more than "
                "the others.", "only the memory needed a repair, not the formula."),
        Mistake(means(lambda losses, sizes: losses[:, -1]), "It is the loss of the last batch.",
                "the mean over all points of the epoch is wanted."),
        Mistake(means(lambda losses, sizes: losses @ sizes), "It is a sum over all points.",
                "the mean over all points of the epoch is wanted."),
        Mistake(means(lambda losses, sizes: losses.sum(axis=1) / sizes.sum()),
                "The loss of a batch is counted once, whatever the size of the batch.",
                "only the memory needed a repair, not the formula."),
    ), "the mean over all points of the epoch is wanted.")
    if any(getattr(part, "requires_grad", False)
           for result in results for part in [result.value, *(parts_of(result.value) or ())]):
        raise Refusal("The numbers are right.", "What it returns still holds on to the graphs of "
                      "all batches.", "what do you want to keep of a loss: its number, or its "
                      "history?")
    if max(result.graphs for result in results) > GRAPHS_AT_ONCE:
        raise Refusal("What it returns are plain numbers.", "But until the epoch ends the graphs "
                      "of all its batches are kept.", "at which moment does a loss become a "
                      "number?")


def judge_modes(program):
    """Judge ``train(model, training, validation, optimiser, epochs)``, which measures each epoch.

    It returns the mean squared error on the validation set after each epoch.
    """
    require_function(program, "model", "training", "validation", "optimiser", "epochs")
    tries = make_data()
    results = [_run(program, data, with_validation=True) for data in tries]
    for result, data in zip(results, tries, strict=True):
        _require_count(result, data.epochs, "epoch")

    def errors(trained=lambda epoch: True, measured=False, means=False):
        def guess(data):
            ends = follow(data, damaged=trained).ends
            factor = LEFT if measured else 1.0
            squares = [(factor * inputs @ ends.T - targets[:, None]) ** 2
                       for inputs, targets in data.validation]
            found = (numpy.mean([batch.mean(axis=0) for batch in squares], axis=0) if means
                     else numpy.concatenate(squares).mean(axis=0))
            return found, ends[-1]

        return guess

    where = "which mode does the training need, and which one the measuring?"
    _judge(tries, results, errors(), (
        Mistake(errors(measured=True), "The validation runs in training mode.", where),
        Mistake(errors(trained=lambda epoch: epoch == 0), "The validation is right, but from the "
                "second epoch on the network is trained in evaluation mode.", where),
        Mistake(errors(trained=lambda epoch: False), "The validation is right, but the network is "
                "trained in evaluation mode, so dropout never does anything.", where),
        Mistake(errors(trained=lambda epoch: False, measured=True), "The modes are the wrong way "
                "round.", where),
        Mistake(errors(means=True), "The modes are right, but the errors are means of the means "
                "of the batches.", "only the modes needed a repair."),
    ), "the mean squared error on all points of the validation set is wanted.")


def judge_schedule(program):
    """Judge ``train(model, batches, optimiser, scheduler)``, which returns the rate of each step.

    One epoch. Of the two schedulers one knows the share of each step, 1/4, 2/4, 3/4, 1, 1/2, and
    one only how to go on from the last.
    """
    from torch.optim.lr_scheduler import ExponentialLR, LambdaLR

    require_function(program, "model", "batches", "optimiser", "scheduler")
    shares = (0.25, 0.5, 0.75, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005)
    schedules = (lambda optimiser: LambdaLR(optimiser, shares.__getitem__),
                 lambda optimiser: ExponentialLR(optimiser, 0.6))
    tries = [replace(data, epochs=1) for data in make_data()]
    results = [_run(program, data, schedule=schedule)
               for data, schedule in zip(tries, schedules, strict=True)]
    for result, data in zip(results, tries, strict=True):
        _require_count(result, data.count, "step")

    def rates(used, shown=None):
        def guess(data):
            def share(step, of=used):
                return shares[of(step)] if data is tries[0] else 0.6 ** of(step)

            return (numpy.array([data.rate * share(step, shown or used)
                                 for step in range(data.count)]),
                    follow(data, factor=share).ends[-1])

        return guess

    def own(step):
        return step

    def late(step):
        return step + 1

    where = "the scheduler sets the rate of the *next* step; so whose turn is it after?"
    _judge(tries, results, rates(own), (
        Mistake(rates(late), "The first rate of the schedule is never used: every step runs at "
                "the rate of the one after it.", where),
        Mistake(rates(own, late), "The training is right, but each rate in the "
                "list is that of the next step.", "when is the rate of this step still there to "
                "be read?"),
        Mistake(rates(late, own), "The list looks right, but the steps are made at "
                "the rates after those.", where),
        Mistake(rates(lambda step: 0), "The rate never changes.",
                "the scheduler must stay; only its place was wrong."),
        Mistake(rates(lambda step: 2 * step), "The scheduler steps twice for each batch.",
                "once is enough."),
        Mistake(lambda data: (numpy.full(data.count, data.rate), follow(data).ends[-1]),
                "The schedule is gone: every step uses the full rate.",
                "the scheduler must stay; only its place was wrong."),
    ), "the list holds the rate that each step used.")
    if any("lr_scheduler.step()" in text for result in results for text in result.warned):
        raise Refusal("The rates are right.", "PyTorch still warns about the order.", where)


def judge_shuffle(program):
    """Judge ``train(model, x, y, optimiser, epochs, size)``, which returns the loss of each step.

    It deals the points anew in each epoch, in batches of ``size``.
    """
    import torch

    require_function(program, "model", "x", "y", "optimiser", "epochs", "size")
    tries, results = [], []
    for number, data in enumerate(make_data()):
        inputs, targets = (numpy.concatenate(part) for part in zip(*data.batches, strict=True))
        order = numpy.argsort(inputs[:, 0])
        inputs, targets = inputs[order], targets[order]
        network, size = network_of(data), 6 - number
        x, y = torch.from_numpy(inputs.copy()), torch.from_numpy(targets[:, None].copy())
        result = _read(program, (network, x, y, _descent(network, data), data.epochs, size),
                       {"x": [x], "y": [y]}, network.weight)
        _judge_order(network, inputs, data.epochs, size)
        places = {point.tobytes(): place for place, point in enumerate(inputs)}
        dealt = [[places[point.tobytes()] for point in seen]
                 for training, seen in network.seen if training]
        _require_count(result, len(dealt), "step")
        steps = len(dealt) // data.epochs
        tries.append(replace(data, dealt=tuple(
            [(inputs[rows], targets[rows]) for rows in dealt[start:start + steps]]
            for start in range(0, len(dealt), steps))))
        results.append(result)

    def path(mean=False, **change):
        def guess(data):
            if mean:  # of (B, 1) against (B,) each prediction is pulled to the mean of the targets
                data = replace(data, dealt=tuple(
                    [(rows, numpy.full_like(targets, targets.mean())) for rows, targets in epoch]
                    for epoch in data.dealt))
            found = follow(data, **change)
            return found.losses.ravel(), found.ends[-1]

        return guess

    def near(result, wanted, data):
        return close(result.weights, wanted[1], 10.0, "float64")

    name_the_mistake((
        Mistake(path(zero="never"), "The gradients accumulate: each step uses the sum of all "
                "gradients so far.", FIVE),
        Mistake(path(zero="epoch"), "The gradients accumulate within an epoch.", FIVE),
        Mistake(path(mean=True), "Shapes (B, 1) and (B,) met, so every prediction of a batch is "
                "compared with each of its targets.", "print the shape of the difference."),
    ), tries, results, near, "The inputs are shuffled.")
    _judge(tries, results, path(), (), "each loss is that of its batch, before the step.",
           "does each target come with its own input? " + BY_HAND.capitalize())


def _judge_order(network, inputs, epochs, size):
    """Refuse unless each epoch deals all points once, in an order that is new each time."""
    n, where = len(inputs), "`DataLoader` has a parameter for that."
    batches = [seen for training, seen in network.seen if training]
    sizes = [len(batch) for batch in batches]
    if not batches:
        raise Refusal("It runs.", "The network is never called in training mode.",
                      "only the order of the points needed a repair.")
    if max(sizes) > size:
        raise Refusal("It runs.", f"A batch of {max(sizes)} points was seen; {size} are wanted.",
                      "only the order of the points needed a repair.")
    dealt = numpy.concatenate(batches)
    if len(dealt) != n * epochs:
        raise Refusal("It runs.", f"In {epochs} epochs it deals {len(dealt)} points; "
                      f"{n * epochs} are wanted.", "an epoch deals each point once.")
    full = [size] * (n // size) + ([n % size] if n % size else [])
    if sorted(sizes) != sorted(full * epochs):
        raise Refusal("It runs.", f"The sizes of the batches are not those of {n} points in "
                      f"batches of {size}.", "only the order of the points needed a repair.")
    orders = dealt.reshape(epochs, n, -1)
    sorted_once = [order[numpy.argsort(order[:, 0])] for order in orders]
    if not all(numpy.array_equal(order, inputs) for order in sorted_once):
        raise Refusal("It runs.", "In an epoch some points come twice and others never.",
                      "an epoch deals each point once; drawing with replacement does not.")
    if all(numpy.array_equal(order, inputs) for order in orders):
        raise Refusal("It runs.", "In every epoch the points come in the order in which they were "
                      "handed over.", where)
    seen = {order.tobytes() for order in orders}
    if len(seen) < epochs:
        which = "every epoch deals" if len(seen) == 1 else "some epochs deal"
        raise Refusal("The points come in a new order.", f"But {which} them in the same order.",
                      "shuffle in each epoch, not once before.")
    groups = [{frozenset(point.tobytes() for point in batch)
               for batch in batches[start:start + len(full)]}
              for start in range(0, len(batches), len(full))]
    if all(group == groups[0] for group in groups):
        raise Refusal("The order of the points changes.", "But the same points always share a "
                      "batch.", "shuffle all points, not batches, and not within a batch.")
    if any(numpy.array_equal(order, inputs) for order in orders):
        raise Refusal("It runs.", "In some epoch the points come in the order in which they were "
                      "handed over.", where)


def judge_softmax(program):
    """Judge ``train(model, x, labels, optimiser, steps)``, which returns the cross-entropies."""
    import torch

    require_function(program, "model", "x", "labels", "optimiser", "steps")
    tries, results = [], []
    for seed, (n, k, classes, steps) in enumerate(((30, 2, 3, 5), (17, 3, 4, 7))):
        random = numpy.random.default_rng(90 + seed)
        pair = random.normal(size=(n, k)), random.integers(0, classes, n)
        data = Data((pair,), (), random.normal(size=(classes, k)), 0.4, steps)
        model = torch.nn.utils.skip_init(torch.nn.Linear, k, classes, bias=False)
        model.weight = torch.nn.Parameter(torch.from_numpy(data.start.copy()))
        x, labels = (torch.from_numpy(part.copy()) for part in pair)
        result = _read(program, (model, x, labels, _descent(model, data), steps),
                       {"x": [x], "labels": [labels]}, model.weight)
        _require_count(result, steps, "step")
        tries.append(data)
        results.append(result)
    _judge(tries, results, _descend_in_logits, (
        Mistake(lambda data: _descend_in_logits(data, twice=True), "The losses are those of "
                "chances that go through a softmax a second time: they cannot come near 0.",
                "what does `cross_entropy` expect from a network?"),
        Mistake(lambda data: _descend_in_logits(data, loss="chance"), "The loss is minus the "
                "chance of the right class, not minus its logarithm.",
                "`nll_loss` expects logarithms."),
        Mistake(lambda data: _descend_in_logits(data, loss="sum"), "The cross-entropies are "
                "summed; their mean is wanted.", "only what goes into the loss needed a repair."),
    ), "the cross-entropy of the network, before each step.",
           "work out one loss by hand: minus the logarithm of the chance that the right class "
           "gets.")


def _softmax(scores):
    scores = numpy.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def _descend_in_logits(data, twice=False, loss="mean"):
    """Return the losses before each step, and the weights after the last."""
    ((x, labels),) = data.batches
    weights, losses, n = data.start, [], len(x)
    wanted = numpy.eye(len(weights))[labels]
    for _ in range(data.epochs):
        chances = _softmax(x @ weights.T)
        last = _softmax(chances) if twice else chances
        of_the_right = last[numpy.arange(n), labels]
        if loss == "chance":
            losses.append(-of_the_right.mean())
            pull = -(wanted - chances) * of_the_right[:, None] / n
        else:
            losses.append(-numpy.log(of_the_right).sum() / (n if loss == "mean" else 1))
            pull = (last - wanted) / (n if loss == "mean" else 1)
            if twice:
                pull = chances * (pull - (pull * chances).sum(axis=1, keepdims=True))
        weights = weights - data.rate * pull.T @ x
    return numpy.array(losses), weights.ravel()


def judge_leak(program):
    """Judge ``prepare(x, training, test)``, which returns two scaled sets of rows of x."""
    import torch

    require_function(program, "x", "training", "test")
    tries, given = [], []
    for seed, (n, k) in enumerate(((40, 3), (25, 2))):
        random = numpy.random.default_rng(95 + seed)
        x = random.normal(2, 3, size=(n, k)) * numpy.arange(1, k + 1)
        order = random.permutation(n)
        training, test = order[: n // 2], order[n // 2:]
        arrays = (x, training, test)
        handed = [torch.from_numpy(part.copy()) for part in arrays]
        value = _call(program, handed, {name: [part] for name, part in zip(
            ("x", "training", "test"), handed, strict=True)}).value
        parts = parts_of(value)
        if parts is None or len(parts) != 2:
            raise Refusal("It runs.", f"It returns {describe(value)}; a pair is wanted, the rows "
                          "for training and those for the test.",
                          "compare the last line with the task.")
        readings = [read_numbers(part, "scaled inputs") for part in parts]
        for reading, rows in zip(readings, (training, test), strict=True):
            require_shape(reading, (len(rows), k))
        tries.append(arrays)
        given.append([reading.numbers for reading in readings])

    def scaled(center=lambda training, test, own: training, size=None, spread=True, axis=0):
        def guess(arrays):
            x, training, test = arrays
            found = []
            for own in (training, test):
                rows, of = center(training, test, own), (size or center)(training, test, own)
                found.append([(x[own] - x[rows].mean(axis=axis))
                              / (x[of].std(axis=axis, ddof=ddof) if spread else 1)
                              for ddof in (0, 1)])
            return found

        return guess

    def near(pair, wanted, arrays):
        return any(all(numpy.allclose(came, either[ddof], rtol=1e-9, atol=1e-9)
                       for came, either in zip(pair, wanted, strict=True)) for ddof in (0, 1))

    def both(training, test, own):
        return numpy.concatenate([training, test])

    wanted = [scaled()(arrays) for arrays in tries]
    if all(map(near, given, wanted, tries)):
        return
    fair, right = "what may be known when the training begins?", "It returns two sets of rows."
    name_the_mistake((
        Mistake(scaled(both), "The test set still takes part: mean and spread are those of all "
                "rows.", fair),
        Mistake(scaled(lambda training, test, own: own), "Each set is scaled by its own mean and "
                "spread, so that the same x means two things.",
                "the test rows must go through exactly what the training rows went through."),
        Mistake(scaled(lambda training, test, own: test), "Mean and spread are those of the test "
                "rows.", fair),
        Mistake(scaled(size=both), "The mean is that of the training rows, but the test set still "
                "takes part in the spread.", fair),
        Mistake(scaled(both, size=lambda training, test, own: training), "The spread is that of "
                "the training rows, but the test set still takes part in the mean.", fair),
        Mistake(scaled(axis=None), "One mean and one spread serve all columns.",
                "each column has its own."),
        Mistake(scaled(spread=False), "The mean is taken away, but nothing is divided by the "
                "spread.", "only the rows behind the two numbers needed a repair."),
    ), tries, given, near, right)
    if all(near(pair[:1], guess[:1], None) for pair, guess in zip(given, wanted, strict=True)):
        raise Refusal("The training rows are right.", "The test rows have not gone through the "
                      "same as the training rows.", "the same mean, and the same spread.")
    raise Refusal(right, "They are not the rows, less their mean, divided by their spread.",
                  "column by column: x less the mean, divided by the standard deviation.")


def _require_count(result, count, what):
    """Refuse unless there is one number for each step or epoch."""
    if result.numbers.shape != (count,):
        came = result.numbers.size if result.numbers.ndim < 2 else f"shape {result.numbers.shape}"
        raise Refusal("It runs.", f"One number for each {what} is wanted, {count} in all; "
                      f"{came} came.", "compare with the program as it was handed out.")
