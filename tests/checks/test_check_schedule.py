"""check_schedule: right loops in any style pass, every misplaced line gets its own diagnosis."""

import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused
from torch.optim import SGD, lr_scheduler

from polylab.checks import check_schedule


def step_lr(batches, start, rate, epochs):
    theta = start.clone().requires_grad_()
    optimiser = SGD([theta], lr=rate)
    scheduler = lr_scheduler.StepLR(optimiser, 1, gamma=0.5)
    for _ in range(epochs):
        for inputs, answers in batches:
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(inputs @ theta, answers).backward()
            optimiser.step()
        scheduler.step()
    return theta.detach()


def exponential(batches, start, rate, epochs):
    theta = torch.nn.Parameter(start.clone())
    optimiser = SGD([theta], lr=rate)
    scheduler = lr_scheduler.ExponentialLR(optimiser, 0.5)
    for epoch in range(epochs):
        if epoch:
            scheduler.step()
        for inputs, answers in batches:
            loss = ((inputs @ theta - answers) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return theta


def counted_in_batches(batches, start, rate, epochs):
    theta = start.clone().requires_grad_()
    optimiser = SGD([theta], lr=rate)
    scheduler = lr_scheduler.StepLR(optimiser, step_size=len(batches), gamma=0.5)
    for _ in range(epochs):
        for inputs, answers in batches:
            optimiser.zero_grad()
            ((inputs @ theta - answers) ** 2).mean().backward()
            optimiser.step()
            scheduler.step()
    return theta.detach()


def by_hand(batches, start, rate, epochs):
    theta = start.clone()
    for epoch in range(epochs):
        for inputs, answers in batches:
            slope = 2 * inputs.T @ (inputs @ theta - answers) / len(answers)
            theta = theta - rate / 2**epoch * slope
    return theta


@pytest.mark.parametrize("answer", [step_lr, exponential, counted_in_batches, by_hand])
def test_right_answers_in_any_style_pass(answer):
    assert_passed(check_schedule(answer))


def loop(when="epoch", gamma=0.5, loss="mean", zero="batch", copy=True, make=None, last=None,
         extra=0, back=lambda theta, start: theta.detach()):
    """Return a loop with one thing done in another way, in torch."""
    def answer(batches, start, rate, epochs):
        theta = start.clone().requires_grad_() if copy else start.requires_grad_()
        optimiser = (make or (lambda parameters, rate: SGD(parameters, lr=rate)))([theta], rate)
        scheduler = lr_scheduler.StepLR(optimiser, 1, gamma=gamma)
        for _ in range(epochs + extra):
            if when == "before":
                scheduler.step()
            if zero == "epoch":
                optimiser.zero_grad()
            for inputs, answers in batches[:last]:
                squares = (inputs @ theta - answers) ** 2
                if zero == "batch":
                    optimiser.zero_grad()
                getattr(squares, loss)().backward()
                if zero != "one step":
                    optimiser.step()
                if when == "batch":
                    scheduler.step()
            if zero == "one step":
                optimiser.step()
                optimiser.zero_grad()
            if when == "epoch":
                scheduler.step()
        return back(theta, start)

    return answer


def shuffled(batches, start, rate, epochs):
    order = torch.randperm(len(batches))
    return step_lr([batches[k] for k in order], start, rate, epochs)


def only_for_three(batches, start, rate, epochs):
    return step_lr(batches, start, rate, 3)


WRONG = [
    (loop("batch"), "after every batch"),
    (loop("never"), "stays the same"),
    (loop("before"), "first epoch runs at half the rate"),
    (loop(gamma=0.1), "a tenth, not a half"),
    (loop("batch", gamma=0.1), "divided by ten"),
    (loop(gamma=2.0), "doubled"),
    (loop(loss="sum"), "the sum of squares"),
    (loop(zero="never"), "never cleared"),
    (loop(zero="epoch"), "cleared once an epoch"),
    (loop(zero="one step"), "one step for a whole epoch"),
    (loop(last=1), "Only the first batch"),
    (loop(last=-1), "last, short batch"),
    (loop(extra=-1), "one epoch too few"),
    (loop(extra=1), "one epoch too many"),
    (loop(back=lambda theta, start: start), "still the numbers of `start`"),
    (loop(copy=False), "`start` is changed in place"),
    (loop(make=lambda p, rate: torch.optim.Adam(p, lr=rate)), "not the coefficients"),
    (loop(make=lambda p, rate: SGD(p, lr=rate, momentum=0.9)), "not the coefficients"),
    (loop(back=lambda theta, start: theta[:3]), "shape (3,)"),
    (loop(back=lambda theta, start: theta.detach().numpy()), "a NumPy array"),
    (loop(back=lambda theta, start: theta.detach().float()), "float32 came back"),
    (loop(back=lambda theta, start: None), "returns None"),
    (loop(back=lambda theta, start: theta * torch.nan), "nan or infinite"),
    (shuffled, "two different answers"),
    (only_for_three, "In some runs"),
    (lambda batches, start, rate: start, "cannot be called with"),
    (torch.zeros(4), "A function of"),
]


@pytest.mark.filterwarnings("ignore:Detected call of:UserWarning")
@pytest.mark.parametrize(("answer", "fragment"), WRONG, ids=[fragment for _, fragment in WRONG])
def test_each_mistake_is_named(answer, fragment):
    assert_refused(check_schedule(answer), fragment)


def test_batches_that_are_changed_are_noticed():
    def centred(batches, start, rate, epochs):
        for _, answers in batches:
            answers -= answers.mean()
        return step_lr(batches, start, rate, epochs)

    assert_refused(check_schedule(centred), "`batches` is changed in place")


def test_not_attempted():
    def blank(batches, start, rate, epochs):
        theta = start.clone().requires_grad_()
        ...
        return theta.detach()

    assert_not_attempted(check_schedule(...))
    assert_not_attempted(check_schedule(blank))


def test_numbers_that_nobody_has_thought_of_are_refused():
    def halved(batches, start, rate, epochs):
        return step_lr(batches, start, rate, epochs) / 2

    assert_refused(check_schedule(halved), "not the coefficients", "one epoch of one batch")


def test_more_epochs_than_somebody_thought_of():
    def six_at_most(batches, start, rate, epochs):
        theta = start.clone().requires_grad_()
        optimiser = torch.optim.SGD([theta], lr=rate)
        for _ in range(min(epochs, 6)):
            for inputs, answers in batches:
                optimiser.zero_grad()
                ((inputs @ theta - answers) ** 2).mean().backward()
                optimiser.step()
            optimiser.param_groups[0]["lr"] /= 2
        return theta.detach()

    assert_refused(check_schedule(six_at_most), "In some runs")
