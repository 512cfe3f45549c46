"""check_evaluation: a set is measured in evaluation mode, point by point, and nothing is left."""

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused

from polylab.checks import check_evaluation


def with_no_grad(model, batches):
    mode = model.training
    model.eval()
    total = count = 0
    with torch.no_grad():
        for inputs, targets in batches:
            total += ((model(inputs) - targets) ** 2).sum().item()
            count += len(targets)
    model.train(mode)
    return total / count


@torch.inference_mode()
def in_inference_mode(model, batches):
    was_training = model.training
    predicted = torch.cat([model.eval()(inputs) for inputs, _ in batches])
    targets = torch.cat([targets for _, targets in batches])
    if was_training:
        model.train()
    return torch.nn.functional.mse_loss(predicted, targets)


def with_weights(model, batches):
    before = model.training
    try:
        with torch.no_grad():
            model.train(False)
            means = [torch.mean((model(x) - y) ** 2).item() for x, y in batches]
    finally:
        model.train(before)
    return numpy.average(means, weights=[len(y) for _, y in batches])


@pytest.mark.parametrize("answer", [with_no_grad, in_inference_mode, with_weights])
def test_right_answers_in_any_style_pass(answer):
    assert_passed(check_evaluation(answer))


def in_training_mode(model, batches):
    with torch.no_grad():
        squares = [(model.train()(x) - y) ** 2 for x, y in batches]
    return torch.cat(squares).mean().item()


def with_its_own_mode(model, batches):
    with torch.no_grad():
        return torch.cat([(model(x) - y) ** 2 for x, y in batches]).mean().item()


def means_in_training_mode(model, batches):
    model.train()
    with torch.no_grad():
        return sum(((model(x) - y) ** 2).mean().item() for x, y in batches) / len(batches)


def left_in_eval(model, batches):
    model.eval()
    with torch.no_grad():
        return torch.cat([(model(x) - y) ** 2 for x, y in batches]).mean().item()


def always_back_to_train(model, batches):
    error = left_in_eval(model, batches)
    model.train()
    return error


def mode_turned_over(model, batches):
    mode = model.training
    error = left_in_eval(model, batches)
    model.train(not mode)
    return error


def only_the_top_put_back(model, batches):
    mode = model.training
    error = left_in_eval(model, batches)
    model.training = mode
    return error


def mean_of_means(model, batches):
    mode = model.training
    model.eval()
    with torch.no_grad():
        losses = [((model(x) - y) ** 2).mean().item() for x, y in batches]
    model.train(mode)
    return sum(losses) / len(losses)


def scaled(factor):
    def answer(model, batches):
        return factor(batches) * with_no_grad(model, batches)

    return answer


def last_batch(model, batches):
    return with_no_grad(model, batches[-1:])


def first_batch(model, batches):
    return with_no_grad(model, batches[:1])


def with_a_graph(model, batches):
    mode = model.training
    model.eval()
    error = torch.cat([(model(x) - y) ** 2 for x, y in batches]).mean()
    model.train(mode)
    return error


def number_from_a_graph(model, batches):
    return with_a_graph(model, batches).item()


def going_backward(model, batches):
    loss = with_a_graph(model, batches)
    loss.backward()
    return loss.item()


def training_a_little(model, batches):
    error = with_no_grad(model, batches)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.01
    return error


def one_for_each_batch(model, batches):
    return [with_no_grad(model, [batch]) for batch in batches]


def shapes_that_meet(model, batches):
    mode = model.training
    model.eval()
    with torch.no_grad():
        squares = [(model(x).squeeze() - y) ** 2 for x, y in batches]
    model.train(mode)
    return sum(part.sum().item() for part in squares) / sum(len(y) for _, y in batches)


def mean_over_all_pairs(model, batches):
    mode = model.training
    model.eval()
    with torch.no_grad():
        squares = [((model(x)[:, 0] - y) ** 2).flatten() for x, y in batches]
    model.train(mode)
    return torch.cat(squares).mean()


def autograd_left_off(model, batches):
    mode = model.training
    model.eval()
    torch.set_grad_enabled(False)
    squares = [(model(x) - y) ** 2 for x, y in batches]
    model.train(mode)
    return torch.cat(squares).mean().item()


WRONG = [
    (autograd_left_off, "leaves autograd switched off"),
    (in_training_mode, "It measures in training mode"),
    (with_its_own_mode, "It measures in training mode"),
    (means_in_training_mode, "and takes the mean of the means"),
    (left_in_eval, "comes back in evaluation mode"),
    (always_back_to_train, "came in evaluation mode goes back in training mode"),
    (mode_turned_over, "not come back in the mode in which it came"),
    (only_the_top_put_back, "comes back in evaluation mode"),
    (mean_of_means, "the mean of the means"),
    (scaled(lambda batches: sum(len(y) for _, y in batches)), "It is the sum over all points"),
    (scaled(lambda batches: sum(len(y) for _, y in batches) / len(batches)),
     "divided by the number of batches"),
    (scaled(lambda batches: 2), "not the mean squared error over all points"),
    (shapes_that_meet, "Shapes (B,) and (B, 1) met"),
    (mean_over_all_pairs, "Shapes (B,) and (B, 1) met"),
    (last_batch, "of the last batch alone"),
    (first_batch, "of the first batch alone"),
    (with_a_graph, "holds on to a graph"),
    (number_from_a_graph, "records a graph that nobody needs"),
    (going_backward, "leaves a gradient behind"),
    (training_a_little, "The weights have changed"),
    (one_for_each_batch, "one number for each batch"),
    (lambda model, batches: float("nan"), "are nan"),
    (lambda model, batches: None, "It returns None"),
    (lambda model: 0.0, "cannot be called with (model, batches)"),
]


@pytest.mark.parametrize(("answer", "fragment"), WRONG)
def test_wrong_answers_are_named(answer, fragment):
    assert_refused(check_evaluation(answer), fragment)


def starter(model, batches):
    return ...


def test_a_starter_is_not_attempted():
    assert_not_attempted(check_evaluation(starter))
    assert_not_attempted(check_evaluation(...))
