"""check_repair on the programs of notebook 17: each is told apart from its repairs and misses."""

import copy
import random

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused, gather
from torch.nn.functional import cross_entropy, mse_loss, nll_loss
from torch.utils.data import DataLoader, TensorDataset

from polylab.checks import check_repair

BROKEN, REPAIRED, MISSED, broken, repaired, missed = gather()


# --- 17.5: the gradients are cleared once --------------------------------------------------------


@broken("17.5")
def zero_once(model, batches, optimiser, epochs):
    losses = []
    model.train()
    optimiser.zero_grad()
    for _ in range(epochs):
        for inputs, targets in batches:
            loss = ((model(inputs) - targets) ** 2).mean()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return losses


@repaired("17.5")
def zero_in_each_step(model, batches, optimiser, epochs):
    losses = []
    model.train()
    for _ in range(epochs):
        for inputs, targets in batches:
            loss = mse_loss(model(inputs), targets)
            losses.append(loss.item())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return losses


@repaired("17.5")
def zero_after_the_step(model, batches, optimiser, epochs):
    losses = torch.zeros(epochs, len(batches), dtype=torch.float64)
    model.train()
    for epoch in range(epochs):
        for number, (inputs, targets) in enumerate(batches):
            loss = ((model(inputs) - targets) ** 2).mean()
            loss.backward()
            optimiser.step()
            model.zero_grad()
            losses[epoch, number] = loss.detach()
    return losses.flatten()


@repaired("17.5")
def gradients_of_the_loss(model, batches, optimiser, epochs):
    losses = []
    model.train()
    for _ in range(epochs):
        for inputs, targets in batches:
            loss = ((model(inputs) - targets) ** 2).mean()
            for parameter in model.parameters():
                parameter.grad = torch.autograd.grad(loss, parameter, retain_graph=True)[0]
            optimiser.step()
            losses.append(loss.item())
    return losses


@missed("17.5", "Within an epoch the gradients still accumulate")
def zero_in_each_epoch(model, batches, optimiser, epochs):
    losses = []
    model.train()
    for _ in range(epochs):
        optimiser.zero_grad()
        for inputs, targets in batches:
            loss = ((model(inputs) - targets) ** 2).mean()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return losses


@missed("17.5", "no weight has moved")
def zero_before_the_step(model, batches, optimiser, epochs):
    losses = []
    model.train()
    for _ in range(epochs):
        for inputs, targets in batches:
            loss = ((model(inputs) - targets) ** 2).mean()
            loss.backward()
            optimiser.zero_grad()
            optimiser.step()
            losses.append(loss.item())
    return losses


@missed("17.5", "does not end at the weights")
def one_step_an_epoch(model, batches, optimiser, epochs):
    losses = []
    model.train()
    for _ in range(epochs):
        optimiser.zero_grad()
        for inputs, targets in batches:
            loss = ((model(inputs) - targets) ** 2).mean()
            loss.backward()
            losses.append(loss.item())
        optimiser.step()
    return losses


@missed("17.5", "does not end at the weights")
def smaller_rate(model, batches, optimiser, epochs):
    for group in optimiser.param_groups:
        group["lr"] /= 10
    return zero_once(model, batches, optimiser, epochs)


@missed("17.5", "trained in evaluation mode")
def without_training_mode(model, batches, optimiser, epochs):
    losses = []
    model.eval()
    for _ in range(epochs):
        for inputs, targets in batches:
            loss = ((model(inputs) - targets) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return losses


@missed("17.5", "The training is right", "not those that belong to it")
def losses_after_the_step(model, batches, optimiser, epochs):
    losses = []
    model.train()
    for _ in range(epochs):
        for inputs, targets in batches:
            optimiser.zero_grad()
            ((model(inputs) - targets) ** 2).mean().backward()
            optimiser.step()
            losses.append(((model(inputs) - targets) ** 2).mean().item())
    return losses


@missed("17.5", "One number for each step is wanted, 15 in all; 3 came")
def one_loss_an_epoch(model, batches, optimiser, epochs):
    return zero_in_each_step(model, batches, optimiser, epochs)[::len(batches)]


# --- 17.6: the sum keeps the graphs --------------------------------------------------------------


@broken("17.6")
def sum_of_tensors(model, batches, optimiser, epochs):
    means = []
    model.train()
    for _ in range(epochs):
        total, count = 0.0, 0
        for inputs, targets in batches:
            loss = ((model(inputs) - targets) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += len(targets) * loss
            count += len(targets)
        means.append(total / count)
    return means


def summing(number, end=lambda mean: mean):
    """Return the program with another way to make a number of a loss."""
    def program(model, batches, optimiser, epochs):
        means = []
        model.train()
        for _ in range(epochs):
            total, count = 0.0, 0
            for inputs, targets in batches:
                loss = ((model(inputs) - targets) ** 2).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                total += number(loss, targets)
                count += len(targets)
            means.append(end(total / count))
        return means

    return program


REPAIRED += [
    ("17.6", summing(lambda loss, targets: len(targets) * loss.item())),
    ("17.6", summing(lambda loss, targets: len(targets) * loss.detach())),
    ("17.6", summing(lambda loss, targets: float(loss) * len(targets))),
]
MISSED += [
    ("17.6", summing(lambda loss, targets: len(targets) * loss, lambda mean: mean.item()),
     "until the epoch ends the graphs"),
    ("17.6", summing(lambda loss, targets: len(targets) * loss, lambda mean: mean.detach()),
     "until the epoch ends the graphs"),
    ("17.6", summing(lambda loss, targets: loss.item()), "counted once, whatever the size"),
    ("17.6", summing(lambda loss, targets: len(targets) * loss.item(), lambda mean: mean * 2),
     "not those that belong to it"),
]


@repaired("17.6")
def mean_by_weights(model, batches, optimiser, epochs):
    means = numpy.zeros(epochs)
    model.train()
    for epoch in range(epochs):
        losses, sizes = [], []
        for inputs, targets in batches:
            optimiser.zero_grad()
            loss = mse_loss(model(inputs), targets)
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
            sizes.append(len(inputs))
        means[epoch] = numpy.average(losses, weights=sizes)
    return means


@missed("17.6", "the mean of the means")
def mean_of_means(model, batches, optimiser, epochs):
    losses = zero_in_each_step(model, batches, optimiser, epochs)
    return [numpy.mean(losses[start:start + len(batches)])
            for start in range(0, len(losses), len(batches))]


@missed("17.6", "It is the loss of the last batch")
def last_loss(model, batches, optimiser, epochs):
    losses = zero_in_each_step(model, batches, optimiser, epochs)
    return losses[len(batches) - 1::len(batches)]


@missed("17.6", "no weight has moved")
def sum_without_gradient(model, batches, optimiser, epochs):
    means = []
    with torch.no_grad():
        for _ in range(epochs):
            squares = [(model(inputs) - targets) ** 2 for inputs, targets in batches]
            means.append(torch.cat(squares).mean().item())
    return means


# --- 17.7: the modes -----------------------------------------------------------------------------


def with_modes(before, measuring, after, mean=lambda squares: torch.cat(squares).mean().item()):
    """Return the program with a mode set before training, before and after measuring."""
    def program(model, training, validation, optimiser, epochs):
        errors = []
        before(model)
        for _ in range(epochs):
            for inputs, targets in training:
                loss = ((model(inputs) - targets) ** 2).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            measuring(model)
            with torch.no_grad():
                squares = [(model(inputs) - targets) ** 2 for inputs, targets in validation]
            errors.append(mean(squares))
            after(model)
        return errors

    return program


def train(model):
    model.train()


def evaluate(model):
    model.eval()


def leave(model):
    pass


BROKEN["17.7"] = with_modes(train, leave, leave)
REPAIRED += [("17.7", with_modes(train, evaluate, train))]
MISSED += [
    ("17.7", with_modes(train, evaluate, leave), "from the second epoch on"),
    ("17.7", with_modes(evaluate, leave, leave), "trained in evaluation mode"),
    ("17.7", with_modes(evaluate, train, evaluate), "the wrong way round"),
    ("17.7", with_modes(train, evaluate, train, lambda squares: numpy.mean(
        [part.mean().item() for part in squares])), "means of the means"),
    ("17.7", with_modes(train, evaluate, train, lambda squares: torch.cat(squares).sum().item()),
     "The training is right", "not those that belong to it"),
    ("17.7", with_modes(train, evaluate, train, lambda squares: 0.0), "not those that belong"),
]


@repaired("17.7")
def mode_at_the_top_of_the_epoch(model, training, validation, optimiser, epochs):
    errors = []
    for _ in range(epochs):
        model.train(True)
        for inputs, targets in training:
            optimiser.zero_grad()
            mse_loss(model(inputs), targets).backward()
            optimiser.step()
        model.train(False)
        total = count = 0
        with torch.inference_mode():
            for inputs, targets in validation:
                total += ((model(inputs) - targets) ** 2).sum().item()
                count += len(targets)
        errors.append(total / count)
    return errors


@repaired("17.7")
def measure_a_copy(model, training, validation, optimiser, epochs):
    def measure(network):
        with torch.no_grad():
            return torch.cat([(network(x) - y) ** 2 for x, y in validation]).mean().item()

    errors = []
    model.train()
    for _ in range(epochs):
        zero_in_each_step(model, training, optimiser, 1)
        errors.append(measure(copy.deepcopy(model).eval()))
    return errors


# --- 17.8: the order -----------------------------------------------------------------------------


def dealing(make):
    """Return the program with another way to deal the points of each epoch."""
    def program(model, x, y, optimiser, epochs, size):
        deal = make(x, y, size)
        losses = []
        model.train()
        for _ in range(epochs):
            for inputs, targets in deal():
                loss = ((model(inputs) - targets) ** 2).mean()
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                losses.append(loss.item())
        return losses

    return program


def by_loader(**settings):
    return dealing(lambda x, y, size: lambda: DataLoader(
        TensorDataset(x, y), batch_size=size, **settings))


def in_order(x, y, size):
    loader = DataLoader(TensorDataset(x, y), batch_size=size)
    return lambda: loader


def by_permutation(x, y, size):
    return lambda: [(x[rows], y[rows]) for rows in torch.randperm(len(x)).split(size)]


def an_order_for_two(x, y, size):
    first, last = torch.randperm(len(x)), torch.randperm(len(x))
    orders = [last, last, first, first]
    return lambda: [(x[rows], y[rows]) for rows in orders.pop().split(size)]


def shuffled_once(x, y, size):
    order = torch.randperm(len(x))
    loader = DataLoader(TensorDataset(x[order], y[order]), batch_size=size)
    return lambda: loader


def torn_apart(x, y, size):
    def deal():
        rows, others = torch.randperm(len(x)), torch.randperm(len(x))
        return zip(x[rows].split(size), y[others].split(size), strict=True)

    return deal


def with_replacement(x, y, size):
    return lambda: [(x[rows], y[rows])
                    for rows in torch.randint(len(x), (len(x),)).split(size)]


def batches_in_another_order(x, y, size):
    def deal():
        pieces = list(torch.arange(len(x)).split(size))
        return [(x[pieces[number]], y[pieces[number]]) for number in torch.randperm(len(pieces))]

    return deal


def everything_at_once(x, y, size):
    return lambda: [(x, y)]


def backwards(x, y, size):
    return lambda: [(x[rows], y[rows]) for rows in torch.arange(len(x)).flip(0).split(size)]


BROKEN["17.8"] = dealing(in_order)
REPAIRED += [("17.8", by_loader(shuffle=True)), ("17.8", dealing(by_permutation)),
             ("17.8", by_loader(shuffle=True, generator=torch.Generator().manual_seed(1)))]
MISSED += [
    ("17.8", dealing(an_order_for_two), "some epochs deal them in the same order"),
    ("17.8", dealing(shuffled_once), "every epoch deals them in the same order"),
    ("17.8", dealing(torn_apart), "does each target come with its own input?"),
    ("17.8", dealing(with_replacement), "some points come twice and others never"),
    ("17.8", dealing(batches_in_another_order), "the same points always share a batch"),
    ("17.8", dealing(everything_at_once), "A batch of 26 points was seen; 6 are wanted"),
    ("17.8", dealing(backwards), "the same order"),
    ("17.8", by_loader(shuffle=True, drop_last=True), "it deals 72 points; 78 are wanted"),
]


@missed("17.8", "The gradients accumulate: each step uses the sum")
def shuffled_and_never_zeroed(model, x, y, optimiser, epochs, size):
    losses = []
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(size):
            loss = mse_loss(model(x[rows]), y[rows])
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return losses


@missed("17.8", "Shapes (B, 1) and (B,) met")
def shuffled_and_spread_out(model, x, y, optimiser, epochs, size):
    losses = []
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(size):
            loss = ((model(x[rows]) - y[rows, 0]) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return losses


@repaired("17.8")
def losses_in_float32(model, x, y, optimiser, epochs, size):
    losses, rows = [], list(range(len(x)))
    for _ in range(epochs):
        random.shuffle(rows)
        for first in range(0, len(x), size):
            chosen = rows[first:first + size]
            loss = mse_loss(model(x[chosen]), y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
    return torch.tensor(losses)


# --- 17.9: the scheduler -------------------------------------------------------------------------


def scheduling(order):
    """Return the program with its parts in another order: s scheduler, n note, o optimiser."""
    def program(model, batches, optimiser, scheduler):
        rates = []
        model.train()
        do = {"s": scheduler.step, "o": optimiser.step,
              "n": lambda: rates.append(scheduler.get_last_lr()[0])}
        early, late = order.split("|")
        for inputs, targets in batches:
            for part in early:
                do[part]()
            loss = ((model(inputs) - targets) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            for part in late:
                do[part]()
        return rates

    return program


BROKEN["17.9"] = scheduling("s|no")
REPAIRED += [("17.9", scheduling("|nos")), ("17.9", scheduling("n|os")),
             ("17.9", scheduling("|ons"))]
MISSED += [
    ("17.9", scheduling("|osn"), "each rate in the list is that of the next step"),
    ("17.9", scheduling("n|so"), "made at the rates after those"),
    ("17.9", scheduling("|no"), "The rate never changes"),
    ("17.9", scheduling("|noss"), "steps twice for each batch"),
    ("17.9", scheduling("|n"), "no weight has moved"),
]


@missed("17.9", "the program still does what it did")
def warning_silenced(model, batches, optimiser, scheduler):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return scheduling("s|no")(model, batches, optimiser, scheduler)


@missed("17.9", "One number for each step")
def rates_of_the_epoch(model, batches, optimiser, scheduler):
    return scheduling("|nos")(model, batches, optimiser, scheduler)[-1:]


@missed("17.9", "The training is right", "not those that belong to it")
def rates_asked_outside_a_step(model, batches, optimiser, scheduler):
    rates = []
    for inputs, targets in batches:
        rates.append(scheduler.get_lr()[0])
        optimiser.zero_grad()
        mse_loss(model(inputs), targets).backward()
        optimiser.step()
        scheduler.step()
    return rates


# --- 17.10: the softmax --------------------------------------------------------------------------


def classifying(loss_of):
    """Return the program with another way from scores and labels to the loss."""
    def program(model, x, labels, optimiser, steps):
        losses = []
        for _ in range(steps):
            loss = loss_of(model(x), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        return losses

    return program


def chance_of_the_right(scores, labels):
    return torch.softmax(scores, dim=1)[torch.arange(len(labels)), labels]


BROKEN["17.10"] = classifying(lambda s, t: cross_entropy(torch.softmax(s, dim=1), t))
REPAIRED += [
    ("17.10", classifying(cross_entropy)),
    ("17.10", classifying(lambda s, t: nll_loss(torch.log_softmax(s, dim=1), t))),
    ("17.10", classifying(lambda s, t: -chance_of_the_right(s, t).log().mean())),
    ("17.10", classifying(lambda s, t: cross_entropy(torch.softmax(s, dim=1).log(), t))),
]
MISSED += [
    ("17.10", classifying(lambda s, t: nll_loss(torch.softmax(s, dim=1), t)),
     "not minus its logarithm"),
    ("17.10", classifying(lambda s, t: cross_entropy(s, t, reduction="sum")), "are summed"),
    ("17.10", classifying(lambda s, t: cross_entropy(torch.softmax(s, dim=0), t)),
     "does not end at the weights that this training leads to"),
    ("17.10", classifying(lambda s, t: cross_entropy(torch.sigmoid(s), t)),
     "does not end at the weights that this training leads to"),
    ("17.10", classifying(lambda s, t: cross_entropy(torch.softmax(s, dim=1), t) - 0.5514),
     "does not end at the weights that this training leads to"),
]


@missed("17.10", "no weight has moved")
def classify_without_a_step(model, x, labels, optimiser, steps):
    return [cross_entropy(model(x), labels).item() for _ in range(steps)]


# --- 17.11: the leak -----------------------------------------------------------------------------


def scaling(prepare):
    def program(x, training, test):
        return prepare(x[training], x[test], x)

    return program


def by(one, other):
    return (one - other.mean(0)) / other.std(0)


def biased(one, other):
    return (one - other.mean(0)) / other.std(0, correction=0)


BROKEN["17.11"] = scaling(lambda training, test, x: (by(training, x), by(test, x)))
REPAIRED += [
    ("17.11", scaling(lambda training, test, x: (by(training, training), by(test, training)))),
    ("17.11", scaling(lambda training, test, x: [biased(training, training),
                                                 biased(test, training)])),
]
MISSED += [
    ("17.11", scaling(lambda training, test, x: (by(training, training), by(test, test))),
     "Each set is scaled by its own"),
    ("17.11", scaling(lambda training, test, x: (by(training, test), by(test, test))),
     "those of the test rows"),
    ("17.11", scaling(lambda training, test, x: (by(training, training), test)),
     "The training rows are right"),
    ("17.11", scaling(lambda training, test, x: (by(training, training), by(test, x))),
     "The training rows are right"),
    ("17.11", scaling(lambda training, test, x: ((training - training.mean(0)) / x.std(0),
                                                 (test - training.mean(0)) / x.std(0))),
     "still takes part in the spread"),
    ("17.11", scaling(lambda training, test, x: (training - training.mean(0),
                                                 test - training.mean(0))),
     "nothing is divided by the spread"),
    ("17.11", scaling(lambda training, test, x: [
        (part - training.mean()) / training.std() for part in (training, test)]),
     "One mean and one spread serve all columns"),
    ("17.11", scaling(lambda training, test, x: by(training, training)), "a pair is wanted"),
    ("17.11", scaling(lambda training, test, x: (by(test, training), by(training, training))),
     "numbers of shape"),
]


@missed("17.11", "`x` is changed in place")
def scale_in_place(x, training, test):
    x -= x[training].mean(0)
    x /= x[training].std(0)
    return x[training], x[test]


@repaired("17.11")
def scale_first(x, training, test):
    known = x[training].numpy()
    scaled = (x.numpy() - known.mean(axis=0)) / known.std(axis=0, ddof=1)
    return torch.from_numpy(scaled)[training], torch.from_numpy(scaled)[test]


# --- the tests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [f"17.{number}" for number in range(5, 12)])
def test_the_program_as_handed_out_is_not_repaired(fault):
    assert_not_attempted(check_repair(BROKEN[fault], fault), "Not repaired yet: ")


@pytest.mark.parametrize(("fault", "program"), REPAIRED)
def test_right_repairs_in_any_style_pass(fault, program):
    assert_passed(check_repair(program, fault))


@pytest.mark.parametrize("case", MISSED)
def test_half_repairs_and_other_ways_round_are_told_apart(case):
    fault, program, *fragments = case
    verdict = check_repair(program, fault)
    assert verdict.passed is False, verdict.message
    for fragment in fragments:
        assert fragment in verdict.message, verdict.message


@pytest.mark.parametrize("fault", [f"17.{number}" for number in range(5, 12)])
def test_at_least_two_repairs_and_five_misses_are_tried(fault):
    assert sum(name == fault for name, _ in REPAIRED) >= 2
    assert sum(case[0] == fault for case in MISSED) >= 5


@pytest.mark.parametrize("fault", [f"17.{number}" for number in range(5, 12)])
def test_what_is_no_program_is_refused(fault):
    assert_refused(check_repair(lambda: None, fault), "cannot be called with")
    assert_refused(check_repair(3, fault), "A function of")
    assert_not_attempted(check_repair(..., fault))
