"""check_repair: each broken program is told apart from its repairs and its near misses."""

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused, gather

from polylab.checks import check_repair
from polylab.checks.repairs import FAULTS, FORMER_NAMES
from polylab.polynomial import best_fit

BROKEN, REPAIRED, MISSED, broken, repaired, missed = gather()


def cubic(coefficients, x):
    a, b, c, d = coefficients
    return a + x * (b + x * (c + x * d))


def slope(coefficients, x, y):
    residual = cubic(coefficients, x) - y
    return 2 * residual @ numpy.vander(x, 4, increasing=True)


# --- gradients not zeroed ---------------------------------------------------------------------


@broken("13.1")
def train_without_zero(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients.detach(), losses


@repaired("13.1")
@repaired("13.10")
@repaired("13.11")
@repaired("13.12")
def train_with_none(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses.append(loss.item())
        coefficients.grad = None
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients.detach(), losses


@repaired("13.1")
def train_with_zero(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses.append(loss.detach())
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
            coefficients.grad.zero_()
    return coefficients.detach(), losses


@repaired("13.1")
@repaired("13.10")
def train_with_optimiser(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    optimiser = torch.optim.SGD([coefficients], lr=rate)
    losses = torch.zeros(steps, dtype=x.dtype)
    for t in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses[t] = loss.detach()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return coefficients.detach(), losses


@missed("13.1", "no update was made")
def train_zeroed_too_early(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        coefficients.grad.zero_()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients.detach(), losses


@missed("13.1", "The coefficients are right", "one update late")
def train_with_late_losses(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        coefficients.grad = None
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
            losses.append((cubic(coefficients, x) - y).pow(2).sum())
    return coefficients.detach(), losses


@missed("13.1", "the pair (coefficients, losses) is wanted")
def train_without_losses(x, y, start, rate, steps):
    return train_with_none(x, y, start, rate, steps)[0]


@missed("13.1", "there are 7 losses for 6 steps")
def train_with_one_loss_more(x, y, start, rate, steps):
    coefficients, losses = train_with_none(x, y, start, rate, steps)
    return coefficients, [*losses, losses[-1]]


@missed("13.1", "there is only one loss")
def train_with_last_loss(x, y, start, rate, steps):
    coefficients, losses = train_with_none(x, y, start, rate, steps)
    return coefficients, losses[-1]


@missed("13.1", "mix up sum and mean")
def train_with_mean_losses(x, y, start, rate, steps):
    coefficients, losses = train_with_none(x, y, start, rate, steps)
    return coefficients, [loss / len(x) for loss in losses]


@missed("13.1", "not those of the coefficients")
def train_with_made_up_losses(x, y, start, rate, steps):
    coefficients, losses = train_with_none(x, y, start, rate, steps)
    return coefficients, [loss + 1 for loss in losses]


# --- update inside the graph, name bound anew -------------------------------------------------


@broken("13.10")
def train_inside_the_graph(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses.append(loss.item())
        coefficients.grad = None
        loss.backward()
        coefficients -= rate * coefficients.grad
    return coefficients.detach(), losses


@broken("13.11")
def train_bound_anew(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses.append(loss.item())
        coefficients.grad = None
        loss.backward()
        coefficients = coefficients - rate * coefficients.grad
    return coefficients.detach(), losses


@missed("13.10", "binds the name to a new tensor")
def train_rebound_under_no_grad(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses.append(loss.item())
        coefficients.grad = None
        loss.backward()
        with torch.no_grad():
            coefficients = coefficients - rate * coefficients.grad
    return coefficients.detach(), losses


@missed("13.11", "made inside the graph")
def train_in_place_only(x, y, start, rate, steps):
    return train_inside_the_graph(x, y, start, rate, steps)


@repaired("13.11")
@repaired("13.10")
def train_new_leaf(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        coefficients = (coefficients - rate * coefficients.grad).detach().requires_grad_()
    return coefficients.detach(), losses


# --- graph kept in the losses -----------------------------------------------------------------


@broken("13.12")
def train_keeps_graphs(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses.append(loss)
        coefficients.grad = None
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients.detach(), losses


repaired("13.12")(train_with_zero)  # it detaches each loss



@missed("13.12", "Its list holds a function, not the losses")
def train_forgets_brackets(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses.append(loss.item)
        coefficients.grad = None
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients.detach(), losses


# --- missing flatten --------------------------------------------------------------------------


@broken("13.6")
def train_without_flatten(x, y, start, rate, steps):
    features = x[:, None] ** torch.arange(4)
    model = torch.nn.Linear(4, 1, bias=False, dtype=x.dtype)
    model.weight.data[0] = start
    losses = []
    for _ in range(steps):
        loss = (model(features) - y).pow(2).sum()
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            model.weight -= rate * model.weight.grad
    return model.weight.detach()[0], losses


@repaired("13.6")
def train_with_flatten(x, y, start, rate, steps):
    features = x[:, None] ** torch.arange(4)
    linear = torch.nn.Linear(4, 1, bias=False, dtype=x.dtype)
    linear.weight.data[0] = start
    model = torch.nn.Sequential(linear, torch.nn.Flatten(0, 1))
    losses = []
    for _ in range(steps):
        loss = (model(features) - y).pow(2).sum()
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            linear.weight -= rate * linear.weight.grad
    return linear.weight.detach()[0], losses


@repaired("13.6")
def train_with_column_of_targets(x, y, start, rate, steps):
    features = x[:, None] ** torch.arange(4)
    model = torch.nn.Linear(4, 1, bias=False, dtype=x.dtype)
    model.weight.data[0] = start
    losses = []
    for _ in range(steps):
        loss = (model(features) - y[:, None]).pow(2).sum()
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            model.weight -= rate * model.weight.grad
    return model.weight.detach()[0], losses


@missed("13.6", "2,000 times too small")
def train_with_mean(x, y, start, rate, steps):
    return train_with_flatten(x, y, start, rate / len(x), steps)


# --- two dtypes -------------------------------------------------------------------------------


def train_linear(x, y, start, rate, steps, dtype):
    features = x[:, None] ** torch.arange(4)
    model = torch.nn.Linear(4, 1, bias=False, dtype=dtype)
    model.weight.data[0] = start.to(dtype or torch.float32)
    losses = []
    for _ in range(steps):
        loss = (model(features)[:, 0] - y).pow(2).sum()
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            model.weight -= rate * model.weight.grad
    return model.weight.detach()[0], losses


@broken("13.13")
def train_with_two_dtypes(x, y, start, rate, steps):
    return train_linear(x, y, start, rate, steps, None)


@repaired("13.13")
def train_with_data_dtype(x, y, start, rate, steps):
    return train_linear(x, y, start, rate, steps, x.dtype)


@repaired("13.13")
def train_in_float32(x, y, start, rate, steps):
    return train_linear(x.float(), y.float(), start, rate, steps, None)


@repaired("13.13")
def train_in_float64(x, y, start, rate, steps):
    return train_linear(x.double(), y.double(), start, rate, steps, torch.float64)


@missed("13.13", "With float64 data it runs", "`x.dtype`")
def train_in_float64_whatever_comes_in(x, y, start, rate, steps):
    return train_linear(x, y, start, rate, steps, torch.float64)


@missed("13.13", "They come in bfloat16")
def train_in_half(x, y, start, rate, steps):
    return train_linear(x.bfloat16(), y.bfloat16(), start, rate, steps, torch.bfloat16)


# --- loss and gradient differ -----------------------------------------------------------------


@broken("13.2")
def train_with_other_loss(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append(numpy.sqrt(residual**2).sum())
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, losses


@repaired("13.2")
@repaired("13.14")
@repaired("13.16")
def train_in_numpy(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).sum())
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, losses


@repaired("13.2")
@repaired("13.14")
def train_keeps_an_array(x, y, start, rate, steps):
    coefficients, losses = tuple(start), numpy.zeros(steps)
    for t in range(steps):
        losses[t] = float(numpy.linalg.norm(cubic(coefficients, x) - y)) ** 2
        coefficients = numpy.array(coefficients) - rate * slope(coefficients, x, y)
    return coefficients, losses


@missed("13.2", "mix up sum and mean")
def train_reports_the_mean(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    return coefficients, numpy.array(losses) / len(x)


@missed("13.2", "The losses are roots of the sum of squares, but")
def train_reports_the_root(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    return coefficients, numpy.sqrt(losses)


@missed("13.2", "sum of absolute values, not of this loss")
def train_changes_the_gradient(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append(numpy.abs(residual).sum())
        signs = numpy.sign(residual)
        coefficients = coefficients - rate * numpy.array([signs @ x**k for k in range(4)])
    return coefficients, losses


# --- misspelt name ----------------------------------------------------------------------------


@broken("13.14")
def train_misspelt(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).sum())
        coefficients = coefficients - earning_rate * slope(coefficients, x, y)  # noqa: F821
    return coefficients, losses


learning_rate = 1e-6


@missed("13.14", "global variable `learning_rate`")
def train_with_an_old_value(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).sum())
        coefficients = coefficients - learning_rate * slope(coefficients, x, y)
    return coefficients, losses


@missed("13.14", "they are the same")
def train_with_a_written_rate(x, y, start, rate, steps):
    earning_rate = 1e-6
    return train_in_numpy(x, y, start, earning_rate, steps)


# --- start overwritten ------------------------------------------------------------------------


@broken("13.16")
def train_overwrites(x, y, start, rate, steps):
    coefficients, losses = start, []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).sum())
        coefficients -= rate * slope(coefficients, x, y)
    return coefficients, losses


@repaired("13.16")
def train_on_a_list(x, y, start, rate, steps):
    coefficients, losses = list(start), []
    for _ in range(steps):
        losses.append(((cubic(coefficients, x) - y) ** 2).sum())
        gradient = slope(coefficients, x, y)
        coefficients = [old - rate * part for old, part in zip(coefficients, gradient,
                                                               strict=True)]
    return tuple(coefficients), losses


@missed("13.16", "no update was made")
def train_copies_in_the_loop(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        moved = coefficients.copy()
        losses.append(((cubic(coefficients, x) - y) ** 2).sum())
        moved -= rate * slope(moved, x, y)
    return coefficients, losses


# --- sum called mean --------------------------------------------------------------------------


@broken("13.3")
def train_sum_called_mean(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).sum() / len(x))
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, losses


@repaired("13.3")
def train_mean(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).mean())
        coefficients = coefficients - rate * slope(coefficients, x, y) / len(x)
    return coefficients, losses


@repaired("13.3")
def train_mean_by_product(x, y, start, rate, steps):
    features = numpy.vander(x, 4, increasing=True)
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = features @ coefficients - y
        losses.append(residual @ residual / len(x))
        coefficients -= rate * numpy.mean(2 * residual[:, None] * features, axis=0)
    return coefficients, losses


@missed("13.3", "right for n = 2,000")
def train_mean_of_2000(x, y, start, rate, steps):
    return train_mean(x, y, start, rate * len(x) / 2000, steps)


@missed("13.3", "Both are of the sum now", "right from the start")
def train_sum_of_squares(x, y, start, rate, steps):
    return train_in_numpy(x, y, start, rate, steps)


@missed("13.3", "mix up sum and mean")
def train_mean_reports_sum(x, y, start, rate, steps):
    coefficients, losses = train_mean(x, y, start, rate, steps)
    return coefficients, numpy.array(losses) * len(x)


# --- print inside the loop --------------------------------------------------------------------


@broken("13.17")
def train_prints_each_step(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        losses.append(((cubic(coefficients, x) - y) ** 2).sum())
        coefficients = coefficients - rate * slope(coefficients, x, y)
        print(f"loss {losses[-1]:.4f}")
    return coefficients, losses


@repaired("13.17")
def train_prints_once(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    print(f"after {steps} steps: loss {losses[-1]:.4f}")
    return coefficients, losses


@repaired("13.17")
def train_prints_in_the_last_turn(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for t in range(steps):
        losses.append(((cubic(coefficients, x) - y) ** 2).sum())
        coefficients = coefficients - rate * slope(coefficients, x, y)
        if t == steps - 1:
            print(losses[-1])
    return coefficients, losses


missed("13.17", "It prints nothing")(train_in_numpy)


@missed("13.17", "it prints 2 lines", "which of them is the one")
def print_the_loss_and_more(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    print(losses[-1])
    print("done")
    return coefficients, losses


@missed("13.17", "not the last loss")
def train_prints_the_first(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    print(f"loss {losses[0]:.4f}")
    return coefficients, losses


@repaired("13.17")
def train_prints_with_commas(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    print(f"loss {losses[-1]:,.4f}")
    return coefficients, losses


@missed("13.17", "the losses of all steps")
def train_prints_the_list(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    print([float(loss) for loss in losses])
    return coefficients, losses


@missed("13.17", "after steps − 1 updates")
def train_ends_early(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps - 1)
    print(losses)
    return coefficients, losses


# --- rate too large ---------------------------------------------------------------------------


@broken("13.4")
def train_too_fast(x, y, start, steps):
    return train_in_numpy(x, y, start, 1e-5, steps)


def curvature(x):
    features = numpy.vander(x, 4, increasing=True)
    return numpy.linalg.eigvalsh(2 * features.T @ features)


@repaired("13.4")
def train_at_nine_tenths(x, y, start, steps):
    return train_in_numpy(x, y, start, 0.9 * 2 / curvature(x)[-1], steps)


@repaired("13.4")
def train_at_the_best_rate(x, y, start, steps):
    slow, *_, fast = curvature(x)
    return train_in_numpy(x, y, start, 2 / (slow + fast), steps)


@repaired("13.4")
def train_at_one_over_the_trace(x, y, start, steps):
    return train_in_numpy(x, y, start, 1 / curvature(x).sum(), steps)


@missed("13.4", "For n = 400 and x from -5 to 5 the coefficients run away")
def train_scaled_with_n(x, y, start, steps):
    return train_in_numpy(x, y, start, 2e-3 / len(x), steps)


@missed("13.4", "For n = 2,000 it converges", "For n = 8,000", "run away")
def train_at_1e_6(x, y, start, steps):
    return train_in_numpy(x, y, start, 1e-6, steps)


@missed("13.4", "For n = 200 and x from 0.1 to 1.2 the", "above 2/λmax")
def train_by_the_largest_number(x, y, start, steps):
    matrix = numpy.vander(x, 4, increasing=True)
    return train_in_numpy(x, y, start, 1 / (2 * matrix.T @ matrix).max(), steps)


@missed("13.4", "it crawls")
def train_too_slowly(x, y, start, steps):
    return train_in_numpy(x, y, start, 1e-8, steps)


@missed("13.4", "the rate is twice the limit 2/λmax", "not XᵀX")
def train_at_the_limit_without_the_two(x, y, start, steps):
    return train_in_numpy(x, y, start, 4 / curvature(x)[-1], steps)


@missed("13.4", "For n = 150 the coefficients run away: the rate is above 2/λmax")
def train_scaled_too_much(x, y, start, steps):
    return train_in_numpy(x, y, start, 8e-3 / len(x) if len(x) == 150 else 2e-3 / len(x), steps)


@missed("13.4", "the loss rises", "still above 2/λmax, or something cuts")
def train_at_the_limit_of_x(x, y, start, steps):
    return train_in_numpy(x, y, start, 2.04 / curvature(x)[-1], steps)


@missed("13.4", "the rate is 2/λmax itself")
def train_at_the_limit_itself(x, y, start, steps):
    return train_in_numpy(x, y, start, 2 / curvature(x)[-1], steps)


@missed("13.4", "For n = 2,000 the rate is above 2/λmax: the fastest mode grows")
def train_just_above_the_limit(x, y, start, steps):
    return train_in_numpy(x, y, start, 2.0001 / curvature(x)[-1], steps)


@missed("13.4", "not those of plain descent at one constant rate")
def train_with_a_gradient_of_length_1(x, y, start, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        losses.append(((cubic(coefficients, x) - y) ** 2).sum())
        gradient = slope(coefficients, x, y)
        coefficients = coefficients - 1e-2 * gradient / numpy.linalg.norm(gradient)
    return coefficients, losses


@missed("13.4", "The losses are means of the squares; the program was written for")
def train_on_the_mean(x, y, start, steps):
    return train_mean(x, y, start, 3e-3, steps)


@missed("13.4", "not those of plain descent")
def train_from_elsewhere(x, y, start, steps):
    return train_in_numpy(x, y, 0 * start, 1 / curvature(x)[-1], steps)


@missed("13.4", "not those of plain descent")
def train_towards_minus_y(x, y, start, steps):
    _, losses = train_at_nine_tenths(x, y, start, steps)
    return train_at_nine_tenths(x, -y, start, steps)[0], losses


@missed("13.4", "The losses are not theirs")
def train_with_invented_losses(x, y, start, steps):
    coefficients, losses = train_at_nine_tenths(x, y, start, steps)
    return coefficients, [*losses[:-1], 0.0]


@missed("13.4", "`start` is changed in place")
def train_from_the_start_itself(x, y, start, steps):
    return train_overwrites(x, y, start, 1 / curvature(x)[-1], steps)


# --- prediction one update old ----------------------------------------------------------------


@broken("13.5")
def train_returns_old_prediction(x, y, start, rate, steps):
    coefficients = start.copy()
    for _ in range(steps):
        predicted = cubic(coefficients, x)
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, predicted


@repaired("13.5")
def train_predicts_again(x, y, start, rate, steps):
    coefficients = start.copy()
    for _ in range(steps):
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, cubic(coefficients, x)


@missed("13.5", "after steps − 1 updates")
def train_one_step_less(x, y, start, rate, steps):
    coefficients = start.copy()
    for _ in range(steps - 1):
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, cubic(coefficients, x)


@missed("13.5", "The prediction is theirs to about", "all digits are wanted")
def train_predicts_in_float32(x, y, start, rate, steps):
    coefficients, predicted = train_predicts_again(x, y, start, rate, steps)
    return coefficients, predicted.astype(numpy.float32)


@missed("13.5", "The prediction is not theirs")
def train_predicts_reversed(x, y, start, rate, steps):
    coefficients, _ = train_predicts_again(x, y, start, rate, steps)
    return coefficients, numpy.polyval(coefficients, x)


# --- order of the coefficients ----------------------------------------------------------------


@broken("13.18")
def fit_and_evaluate(x, y):
    features = numpy.vander(x, 4, increasing=True)
    coefficients, *_ = numpy.linalg.lstsq(features, y, rcond=None)
    return numpy.polyval(coefficients, x)


@repaired("13.18")
def fit_and_turn_round(x, y):
    features = numpy.vander(x, 4, increasing=True)
    coefficients, *_ = numpy.linalg.lstsq(features, y, rcond=None)
    return numpy.polyval(coefficients[::-1], x)


@repaired("13.18")
def fit_highest_first(x, y):
    features = numpy.vander(x, 4)
    coefficients, *_ = numpy.linalg.lstsq(features, y, rcond=None)
    return numpy.polyval(coefficients, x)


@repaired("13.18")
def fit_by_product(x, y):
    features = numpy.vander(x, 4, increasing=True)
    coefficients, *_ = numpy.linalg.lstsq(features, y, rcond=None)
    return features @ coefficients


@repaired("13.18")
def fit_with_columns_turned_round(x, y):
    return numpy.polyval(best_fit(numpy.vander(x, 4), y), x)  # both in float64, or best_fit objects


@missed("13.18", "It returns the coefficients")
def fit_only(x, y):
    return numpy.polynomial.polynomial.polyfit(x, y, 3)


@missed("13.18", "It returns the coefficients")
def fit_only_highest_first(x, y):
    return numpy.polyfit(x, y, 3)


@missed("13.18", "It returns four numbers; one for each x is wanted",
        "have the arguments changed places?")
def fit_and_swap_the_arguments(x, y):
    return numpy.polyval(x, numpy.polyfit(x, y, 3))


@missed("13.18", "on 7 points is 0.4259, that of the best is 0.3496")
def typed_from_the_course(x, y):
    return 0.8567 * x - 0.0933 * x**3


@missed("13.18", "not the best cubic")
def fit_a_parabola(x, y):
    return numpy.polyval(numpy.polyfit(x, y, 2), x)


# --- plot without x ---------------------------------------------------------------------------


@broken("13.19")
def draw_without_x(ax, x, y, predicted):
    ax.plot(y, label="truth")
    ax.plot(predicted, label="fit")
    ax.legend()


@repaired("13.19")
def draw_over_x(ax, x, y, predicted):
    ax.plot(x, y, label="truth")
    ax.plot(x, predicted, label="fit")
    return ax


@repaired("13.19")
def draw_at_once(ax, x, y, predicted):
    ax.plot(x, numpy.stack([predicted, y], axis=1))


@repaired("13.19")
def draw_points_and_a_line(ax, x, y, predicted):
    ax.scatter(x, y)
    ax.plot(x, predicted)


@repaired("13.19")
def points_before_a_line(ax, x, y, predicted):
    ax.scatter(x, y, label="data")
    ax.plot(x, predicted, label="model")
    ax.legend()


@missed("13.19", "`x` is changed in place")
def draw_in_degrees_in_place(ax, x, y, predicted):
    x *= 180 / numpy.pi
    ax.plot(x, y)
    ax.plot(x, predicted)


@missed("13.19", "On `ax` it draws 2 curves", "Both are wanted")
def draw_the_truth_twice(ax, x, y, predicted):
    ax.plot(x, y)
    ax.plot(x, y)


@missed("13.19", "The angles of one curve run from 0 to 1999")
def draw_one_over_x(ax, x, y, predicted):
    ax.plot(x, y)
    ax.plot(predicted)


@missed("13.19", "The two axes have changed places")
def draw_turned(ax, x, y, predicted):
    ax.plot(y, x)
    ax.plot(predicted, x)


@missed("13.19", "On `ax` it draws 1 curve.", "Both are wanted")
def draw_only_one(ax, x, y, predicted):
    ax.plot(x, y)


@missed("13.19", "What is handed over as x runs from -180 to 180", "as it is")
def draw_degrees(ax, x, y, predicted):
    ax.plot(numpy.degrees(x), y)
    ax.plot(numpy.degrees(x), predicted)


@missed("13.19", "What is handed over as x runs from 0 to 1,")
def draw_over_something_else(ax, x, y, predicted):
    ax.plot(numpy.linspace(0, 1, len(x)), y)
    ax.plot(x, predicted)


# --- device that is not there -----------------------------------------------------------------


@broken("13.15")
def make_points_on_cuda_5(count):
    device = torch.device("cuda:5")
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("13.15")
def make_points_by_cuda(count):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("13.15")
def make_points_by_accelerator(count):
    found = torch.accelerator.is_available()
    device = torch.accelerator.current_accelerator() if found else torch.device("cpu")
    return torch.linspace(-torch.pi, torch.pi, count).to(device)


@missed("13.15", "On a machine with a CUDA card it would still use the CPU",
        "only an Apple accelerator")
def make_points_by_mps(count):
    device = "mps" if torch.backends.mps.is_available() else "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("13.15")
def make_points_by_cuda_or_mps(count):
    device = ("cuda" if torch.cuda.is_available()
              else "mps" if torch.backends.mps.is_available() else "cpu")
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("13.15", "On a machine with an Apple accelerator it would fail")
def make_points_on_cuda_if_anything(count):
    device = "cuda" if torch.accelerator.is_available() else "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("13.15", "Where torch is made for CUDA but there is no card")
def make_points_unasked(count):
    device = torch.accelerator.current_accelerator()
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("13.15", "Where torch is made for CUDA but there is no card")
def make_points_unasked_or_cpu(count):
    device = torch.accelerator.current_accelerator() or "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("13.15")
def make_points_by_checked_accelerator(count):
    device = torch.accelerator.current_accelerator(check_available=True) or "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("13.15")
def make_points_by_number(count):
    device = torch.cuda.current_device() if torch.cuda.is_available() else "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("13.15")
def make_points_and_move_them_by_number(count):
    points = torch.linspace(-torch.pi, torch.pi, count)
    return points.to(torch.cuda.current_device()) if torch.cuda.is_available() else points


@repaired("13.15")
def make_points_in_a_block(count):
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        return torch.linspace(-torch.pi, torch.pi, count)


DEVICE = device = torch.device("cpu")  # as it may have come out on the machine of the learner
CARD = torch.device("cuda")
NAME_OF_DEVICE = DEVICE.type
HAS_CUDA = False


@missed("13.15", "The device is chosen outside the function")
def make_points_on_a_constant(count):
    return torch.linspace(-torch.pi, torch.pi, count, device=DEVICE)


@missed("13.15", "The device is chosen outside the function")
def make_points_on_a_card_found_before(count):
    return torch.linspace(-torch.pi, torch.pi, count, device=CARD)


@missed("13.15", "The device is chosen outside the function")
def make_points_on_a_global(count):
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("13.15", "The device is chosen outside the function")
def make_points_on_a_name(count):
    return torch.linspace(-torch.pi, torch.pi, count, device=NAME_OF_DEVICE)


@missed("13.15", "The device is chosen outside the function")
def make_points_by_an_old_answer(count):
    return torch.linspace(-torch.pi, torch.pi, count, device="cuda" if HAS_CUDA else "cpu")


@missed("13.15", "The device is chosen outside the function", "in its body")
def make_points_on_a_default(count, device=DEVICE):
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("13.15", "would still use the CPU: it never asks torch")
def make_points_on_cpu(count):
    return torch.linspace(-torch.pi, torch.pi, count, device="cpu")


@missed("13.15", "not evenly spaced")
def make_other_points(count):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.linspace(0, torch.pi, count, device=device)


@repaired("13.15")
def make_points_with_a_way_out(count):
    try:
        return torch.linspace(-torch.pi, torch.pi, count, device="cuda")
    except (AssertionError, RuntimeError):
        return torch.linspace(-torch.pi, torch.pi, count, device="cpu")


@repaired("13.15")
def make_points_by_cuda_0(count):
    points = torch.linspace(-torch.pi, torch.pi, count)
    return points.to(torch.device("cuda", 0)) if torch.cuda.device_count() else points


@repaired("13.15")
def make_points_by_method(count):
    points = torch.linspace(-torch.pi, torch.pi, count)
    return points.cuda() if torch.cuda.is_available() else points


@missed("13.15", "it asks for another, and counting starts at 0")
def make_points_by_method_on_5(count):
    points = torch.linspace(-torch.pi, torch.pi, count)
    return points.cuda(5) if torch.cuda.is_available() else points


@missed("13.15", "On a machine with one accelerator it would fail")
def make_points_on_cuda_5_or_cpu(count):
    device = "cuda:5" if torch.cuda.is_available() else "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("13.15", "would still use the CPU")
def make_points_after_the_error(count):
    try:
        return make_points_on_cuda_5(count)
    except (AssertionError, RuntimeError):
        return torch.linspace(-torch.pi, torch.pi, count)


# --- modules and functions --------------------------------------------------------------------

c = 0.5


class FourNumbers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for name in "abcd":
            setattr(self, name, torch.nn.Parameter(torch.randn(())))


@broken("13.7")
class StaleCubic(FourNumbers):
    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * c**3


@repaired("13.7")
class FreshCubic(FourNumbers):
    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**3


@repaired("13.7")
class HornerCubic(FourNumbers):
    def forward(self, x):
        return self.a + x * (self.b + x * (self.c + x * self.d))


power = 3


@missed("13.7", "global variable `power`")
class AnotherLeftover(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (torch.nn.Parameter(torch.tensor(0.5)) for _ in range(4))

    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**power


@missed("13.7", "c³ where x³ belongs")
class OwnCubic(FourNumbers):
    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * self.c**3


class FiveNumbers(FourNumbers):
    def __init__(self):
        super().__init__()
        self.e = torch.nn.Parameter(torch.randn(()))

    def add_up(self, x, last):
        y = self.a + self.b * x + self.c * x**2 + self.d * x**3
        for power in range(4, last):
            y = y + self.e * x**power
        return y


@broken("13.8")
class TooFewTerms(FiveNumbers):
    def forward(self, x):
        return self.add_up(x, int(torch.randint(4, 6, ())))


@repaired("13.8")
class RightTerms(FiveNumbers):
    def forward(self, x):
        return self.add_up(x, int(torch.randint(4, 7, ())))


@repaired("13.8")
class RandomModule(FiveNumbers):
    def forward(self, x):
        import random

        return self.add_up(x, random.randint(4, 6))


@missed("13.8", "x⁶ comes up")
class TooManyTerms(FiveNumbers):
    def forward(self, x):
        return self.add_up(x, int(torch.randint(4, 8, ())))


@missed("13.8", "the number of extra terms was never 0")
class AlwaysTerms(FiveNumbers):
    def forward(self, x):
        return self.add_up(x, int(torch.randint(5, 7, ())))


@missed("13.8", "a third each is wanted")
class UnfairTerms(FiveNumbers):
    def forward(self, x):
        return self.add_up(x, 4 + int(torch.randint(0, 2, (2,)).sum()))


@broken("13.9")
class ClampSlope(torch.autograd.Function):
    @staticmethod
    def forward(x):
        return x.clamp(min=0)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, above):
        (x,) = ctx.saved_tensors
        return above * (x >= 0)


@repaired("13.9")
class StrictSlope(ClampSlope):
    @staticmethod
    def backward(ctx, above):
        (x,) = ctx.saved_tensors
        return above * (x > 0)


@repaired("13.9")
class MaskedSlope(ClampSlope):
    @staticmethod
    def backward(ctx, above):
        (x,) = ctx.saved_tensors
        below = above.clone()
        below[x <= 0] = 0
        return below


@missed("13.9", "forgets the gradient from above")
class BareSlope(ClampSlope):
    @staticmethod
    def backward(ctx, above):
        (x,) = ctx.saved_tensors
        return (x > 0).to(x.dtype)


@missed("13.19", "Their labels have changed places")
def draw_with_swapped_labels(ax, x, y, predicted):
    ax.plot(x, y, label="fit")
    ax.plot(x, predicted, label="truth")


@missed("13.19", "are not those of x")
def draw_over_own_angles(ax, x, y, predicted):
    angles = numpy.linspace(-numpy.pi, numpy.pi, len(y))
    ax.plot(angles, y)
    ax.plot(angles, predicted)


@missed("13.15", "Where torch is made for CUDA but there is no card it would fail", "is_available")
def make_points_for_what_torch_is_made_for(count):
    device = "cuda" if torch.version.cuda else "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("13.15", "On a machine without an accelerator it would fail: it does not fall back")
def make_points_on_cuda(count):
    return torch.linspace(-torch.pi, torch.pi, count, device="cuda")


@missed("13.15", "Where torch is made for CUDA but there is no card it would fail")
def make_points_with_half_a_way_out(count):
    try:
        return torch.linspace(-torch.pi, torch.pi, count, device="cuda")
    except AssertionError:  # what a torch raises that is made for the CPU alone
        return torch.linspace(-torch.pi, torch.pi, count)


@repaired("13.15")
def make_points_and_name_the_card(count):
    if torch.cuda.is_available():
        torch.cuda.set_device(0)
        print(torch.cuda.get_device_name(0))
    return torch.linspace(-torch.pi, torch.pi, count,
                          device="cuda" if torch.cuda.is_available() else "cpu")


@missed("13.1", "rounded to 1 digits behind the point")
def train_rounds_its_losses(x, y, start, rate, steps):
    coefficients, losses = train_with_none(x, y, start, rate, steps)
    return coefficients, [round(loss, 1) for loss in losses]


@missed("13.1", "they are the same", "does the loop end before its time")
def train_stops_when_the_loss_rises(x, y, start, rate, steps):
    coefficients, losses = start.clone().requires_grad_(), []
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        losses.append(loss.item())
        if len(losses) > 1 and losses[-1] > losses[-2]:
            break
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients.detach(), losses


@missed("13.13", "They come in float16")
def train_in_float16(x, y, start, rate, steps):
    return train_linear(x.half(), y.half(), start, rate, steps, torch.half)


# --- the tests --------------------------------------------------------------------------------


def test_every_fault_has_a_broken_program_two_repairs_and_a_near_miss():
    faults = {fault for fault in FAULTS if fault.startswith("13.")}
    assert set(BROKEN) == faults
    assert len(faults) >= 14
    for fault in faults:
        assert sum(name == fault for name, _ in REPAIRED) >= 2, fault
        assert any(name == fault for name, *_ in MISSED), fault


REPAIRED.append(("13.5",
                 lambda *given: (train_predicts_again(*given)[0], train_predicts_again(*given)[1])))


def title(value):
    return getattr(value, "__name__", None) if not isinstance(value, str) else value[:40]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_program_is_not_attempted(fault):
    verdict = check_repair(BROKEN[fault], fault)
    assert_not_attempted(verdict, "Not repaired yet: ")
    assert "still does what it did when you met it" in verdict.message


@pytest.mark.parametrize(("fault", "program"), REPAIRED, ids=title)
def test_every_right_repair_passes(fault, program):
    assert_passed(check_repair(program, fault))


@pytest.mark.parametrize("case", MISSED, ids=lambda case: f"{case[0]}: {title(case[1])}")
def test_every_near_miss_is_refused_with_its_own_diagnosis(case):
    fault, program, *fragments = case
    assert_refused(check_repair(program, fault), *fragments)


@pytest.mark.parametrize("case", MISSED[::10], ids=lambda case: f"{case[0]}: {title(case[1])}")
def test_the_verdict_is_the_same_the_second_time(case):
    fault, program, *_ = case
    assert check_repair(program, fault) == check_repair(program, fault)


def test_losses_stacked_with_their_graphs_are_the_fault_still():
    def train_stacks_graphs(*given):
        coefficients, losses = train_keeps_graphs(*given)
        return coefficients, torch.stack(losses)

    verdict = check_repair(train_stacks_graphs, "13.12")
    assert_not_attempted(verdict, "Not repaired yet: ")


def test_a_default_device_chosen_from_what_there_is_passes():
    def make_points(count):
        torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.linspace(-torch.pi, torch.pi, count)

    try:
        assert_passed(check_repair(make_points, "13.15"))
    finally:
        torch.set_default_device(None)


def test_what_this_machine_has_does_not_matter(monkeypatch):
    programs = [BROKEN["13.15"], *(program for fault, program, *_ in (*REPAIRED, *MISSED)
                                   if fault == "13.15")]
    verdicts = [check_repair(program, "13.15") for program in programs]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    # Torch 2.6 knows no `check_available`.
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert [check_repair(program, "13.15") for program in programs] == verdicts


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("junk", ["repaired", None, 3.5, int, lambda: None])
def test_junk_is_refused_for_every_fault(fault, junk):
    verdict = check_repair(junk, fault)
    assert not verdict.passed


def test_a_misspelt_fault_is_an_error():
    with pytest.raises(ValueError, match=r"exercise must be one of 13\.1, 13\.2"):
        check_repair(train_with_none, "no such fault")


def test_a_notebook_of_version_0_1_0_still_gets_its_verdicts():
    assert len(FORMER_NAMES) == 19
    assert FORMER_NAMES["gradients not zeroed"] == "13.1"
    assert FORMER_NAMES["plot without x"] == "13.19"
    case = next(row for row in REPAIRED if row[0] == "13.14")
    assert check_repair(case[1], "misspelt name").passed
