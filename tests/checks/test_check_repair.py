"""check_repair: each broken program is told apart from its repairs and its near misses."""

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused

from polylab.checks import check_repair
from polylab.checks.repairs import FAULTS
from polylab.polynomial import best_fit

# Each fault: the broken program as notebook 13 hands it out, right repairs, near misses.
BROKEN, REPAIRED, MISSED = {}, [], []


def broken(fault):
    def keep(program):
        BROKEN[fault] = program
        return program

    return keep


def repaired(fault):
    def keep(program):
        REPAIRED.append((fault, program))
        return program

    return keep


def missed(fault, *fragments):
    def keep(program):
        MISSED.append((fault, program, *fragments))
        return program

    return keep


def cubic(coefficients, x):
    a, b, c, d = coefficients
    return a + x * (b + x * (c + x * d))


def slope(coefficients, x, y):
    residual = cubic(coefficients, x) - y
    return 2 * residual @ numpy.vander(x, 4, increasing=True)


# --- gradients not zeroed ---------------------------------------------------------------------


@broken("gradients not zeroed")
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


@repaired("gradients not zeroed")
@repaired("update inside the graph")
@repaired("name bound anew")
@repaired("graph kept in the losses")
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


@repaired("gradients not zeroed")
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


@repaired("gradients not zeroed")
@repaired("update inside the graph")
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


@missed("gradients not zeroed", "no update was made")
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


@missed("gradients not zeroed", "The coefficients are right", "one update late")
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


@missed("gradients not zeroed", "the pair (coefficients, losses) is wanted")
def train_without_losses(x, y, start, rate, steps):
    return train_with_none(x, y, start, rate, steps)[0]


@missed("gradients not zeroed", "there are 7 losses for 6 steps")
def train_with_one_loss_more(x, y, start, rate, steps):
    coefficients, losses = train_with_none(x, y, start, rate, steps)
    return coefficients, [*losses, losses[-1]]


@missed("gradients not zeroed", "there is only one loss")
def train_with_last_loss(x, y, start, rate, steps):
    coefficients, losses = train_with_none(x, y, start, rate, steps)
    return coefficients, losses[-1]


@missed("gradients not zeroed", "mix up sum and mean")
def train_with_mean_losses(x, y, start, rate, steps):
    coefficients, losses = train_with_none(x, y, start, rate, steps)
    return coefficients, [loss / len(x) for loss in losses]


@missed("gradients not zeroed", "not those of the coefficients")
def train_with_made_up_losses(x, y, start, rate, steps):
    coefficients, losses = train_with_none(x, y, start, rate, steps)
    return coefficients, [loss + 1 for loss in losses]


# --- update inside the graph, name bound anew -------------------------------------------------


@broken("update inside the graph")
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


@broken("name bound anew")
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


@missed("update inside the graph", "binds the name to a new tensor")
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


@missed("name bound anew", "made inside the graph")
def train_in_place_only(x, y, start, rate, steps):
    return train_inside_the_graph(x, y, start, rate, steps)


@repaired("name bound anew")
@repaired("update inside the graph")
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


@broken("graph kept in the losses")
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


repaired("graph kept in the losses")(train_with_zero)  # it detaches each loss



@missed("graph kept in the losses", "the losses", "It returns a function")
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


@broken("missing flatten")
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


@repaired("missing flatten")
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


@repaired("missing flatten")
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


@missed("missing flatten", "2,000 times too small")
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


@broken("two dtypes")
def train_with_two_dtypes(x, y, start, rate, steps):
    return train_linear(x, y, start, rate, steps, None)


@repaired("two dtypes")
def train_with_data_dtype(x, y, start, rate, steps):
    return train_linear(x, y, start, rate, steps, x.dtype)


@repaired("two dtypes")
def train_in_float32(x, y, start, rate, steps):
    return train_linear(x.float(), y.float(), start, rate, steps, None)


@repaired("two dtypes")
def train_in_float64(x, y, start, rate, steps):
    return train_linear(x.double(), y.double(), start, rate, steps, torch.float64)


@missed("two dtypes", "With float64 data it runs", "`x.dtype`")
def train_in_float64_whatever_comes_in(x, y, start, rate, steps):
    return train_linear(x, y, start, rate, steps, torch.float64)


@missed("two dtypes", "They come in bfloat16")
def train_in_half(x, y, start, rate, steps):
    return train_linear(x.bfloat16(), y.bfloat16(), start, rate, steps, torch.bfloat16)


# --- loss and gradient differ -----------------------------------------------------------------


@broken("loss and gradient differ")
def train_with_other_loss(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append(numpy.sqrt(residual**2).sum())
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, losses


@repaired("loss and gradient differ")
@repaired("misspelt name")
@repaired("start overwritten")
def train_in_numpy(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).sum())
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, losses


@repaired("loss and gradient differ")
@repaired("misspelt name")
def train_keeps_an_array(x, y, start, rate, steps):
    coefficients, losses = tuple(start), numpy.zeros(steps)
    for t in range(steps):
        losses[t] = float(numpy.linalg.norm(cubic(coefficients, x) - y)) ** 2
        coefficients = numpy.array(coefficients) - rate * slope(coefficients, x, y)
    return coefficients, losses


@missed("loss and gradient differ", "mix up sum and mean")
def train_reports_the_mean(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    return coefficients, numpy.array(losses) / len(x)


@missed("loss and gradient differ", "The losses are roots of the sum of squares, but")
def train_reports_the_root(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    return coefficients, numpy.sqrt(losses)


@missed("loss and gradient differ", "sum of absolute values, not of this loss")
def train_changes_the_gradient(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append(numpy.abs(residual).sum())
        signs = numpy.sign(residual)
        coefficients = coefficients - rate * numpy.array([signs @ x**k for k in range(4)])
    return coefficients, losses


# --- misspelt name ----------------------------------------------------------------------------


@broken("misspelt name")
def train_misspelt(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).sum())
        coefficients = coefficients - earning_rate * slope(coefficients, x, y)  # noqa: F821
    return coefficients, losses


learning_rate = 1e-6


@missed("misspelt name", "global variable `learning_rate`")
def train_with_an_old_value(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).sum())
        coefficients = coefficients - learning_rate * slope(coefficients, x, y)
    return coefficients, losses


@missed("misspelt name", "they are the same")
def train_with_a_written_rate(x, y, start, rate, steps):
    earning_rate = 1e-6
    return train_in_numpy(x, y, start, earning_rate, steps)


# --- start overwritten ------------------------------------------------------------------------


@broken("start overwritten")
def train_overwrites(x, y, start, rate, steps):
    coefficients, losses = start, []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).sum())
        coefficients -= rate * slope(coefficients, x, y)
    return coefficients, losses


@repaired("start overwritten")
def train_on_a_list(x, y, start, rate, steps):
    coefficients, losses = list(start), []
    for _ in range(steps):
        losses.append(((cubic(coefficients, x) - y) ** 2).sum())
        gradient = slope(coefficients, x, y)
        coefficients = [old - rate * part for old, part in zip(coefficients, gradient,
                                                               strict=True)]
    return tuple(coefficients), losses


@missed("start overwritten", "no update was made")
def train_copies_in_the_loop(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        moved = coefficients.copy()
        losses.append(((cubic(coefficients, x) - y) ** 2).sum())
        moved -= rate * slope(moved, x, y)
    return coefficients, losses


# --- sum called mean --------------------------------------------------------------------------


@broken("sum called mean")
def train_sum_called_mean(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).sum() / len(x))
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, losses


@repaired("sum called mean")
def train_mean(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = cubic(coefficients, x) - y
        losses.append((residual**2).mean())
        coefficients = coefficients - rate * slope(coefficients, x, y) / len(x)
    return coefficients, losses


@repaired("sum called mean")
def train_mean_by_product(x, y, start, rate, steps):
    features = numpy.vander(x, 4, increasing=True)
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        residual = features @ coefficients - y
        losses.append(residual @ residual / len(x))
        coefficients -= rate * numpy.mean(2 * residual[:, None] * features, axis=0)
    return coefficients, losses


@missed("sum called mean", "right for n = 2,000")
def train_mean_of_2000(x, y, start, rate, steps):
    return train_mean(x, y, start, rate * len(x) / 2000, steps)


@missed("sum called mean", "Both are of the sum now", "right from the start")
def train_sum_of_squares(x, y, start, rate, steps):
    return train_in_numpy(x, y, start, rate, steps)


@missed("sum called mean", "mix up sum and mean")
def train_mean_reports_sum(x, y, start, rate, steps):
    coefficients, losses = train_mean(x, y, start, rate, steps)
    return coefficients, numpy.array(losses) * len(x)


# --- print inside the loop --------------------------------------------------------------------


@broken("print inside the loop")
def train_prints_each_step(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        losses.append(((cubic(coefficients, x) - y) ** 2).sum())
        coefficients = coefficients - rate * slope(coefficients, x, y)
        print(f"loss {losses[-1]:.4f}")
    return coefficients, losses


@repaired("print inside the loop")
def train_prints_once(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    print(f"after {steps} steps: loss {losses[-1]:.4f}")
    return coefficients, losses


@repaired("print inside the loop")
def train_prints_in_the_last_turn(x, y, start, rate, steps):
    coefficients, losses = start.copy(), []
    for t in range(steps):
        losses.append(((cubic(coefficients, x) - y) ** 2).sum())
        coefficients = coefficients - rate * slope(coefficients, x, y)
        if t == steps - 1:
            print(losses[-1])
    return coefficients, losses


missed("print inside the loop", "It prints nothing")(train_in_numpy)


@missed("print inside the loop", "not the last loss")
def train_prints_the_first(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    print(f"loss {losses[0]:.4f}")
    return coefficients, losses


@repaired("print inside the loop")
def train_prints_with_commas(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    print(f"loss {losses[-1]:,.4f}")
    return coefficients, losses


@missed("print inside the loop", "the losses of all steps")
def train_prints_the_list(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps)
    print([float(loss) for loss in losses])
    return coefficients, losses


@missed("print inside the loop", "after steps − 1 updates")
def train_ends_early(x, y, start, rate, steps):
    coefficients, losses = train_in_numpy(x, y, start, rate, steps - 1)
    print(losses)
    return coefficients, losses


# --- rate too large ---------------------------------------------------------------------------


@broken("rate too large")
def train_too_fast(x, y, start, steps):
    return train_in_numpy(x, y, start, 1e-5, steps)


def curvature(x):
    features = numpy.vander(x, 4, increasing=True)
    return numpy.linalg.eigvalsh(2 * features.T @ features)


@repaired("rate too large")
def train_at_nine_tenths(x, y, start, steps):
    return train_in_numpy(x, y, start, 0.9 * 2 / curvature(x)[-1], steps)


@repaired("rate too large")
def train_at_the_best_rate(x, y, start, steps):
    slow, *_, fast = curvature(x)
    return train_in_numpy(x, y, start, 2 / (slow + fast), steps)


@repaired("rate too large")
def train_at_one_over_the_trace(x, y, start, steps):
    return train_in_numpy(x, y, start, 1 / curvature(x).sum(), steps)


@repaired("rate too large")
def train_scaled_with_n(x, y, start, steps):
    return train_in_numpy(x, y, start, 2e-3 / len(x), steps)


@missed("rate too large", "For n = 2,000 it converges", "For n = 12,000", "run away")
def train_at_1e_6(x, y, start, steps):
    return train_in_numpy(x, y, start, 1e-6, steps)


@missed("rate too large", "it crawls")
def train_too_slowly(x, y, start, steps):
    return train_in_numpy(x, y, start, 1e-8, steps)


@missed("rate too large", "the rate is twice the limit 2/λmax", "not XᵀX")
def train_at_the_limit_without_the_two(x, y, start, steps):
    return train_in_numpy(x, y, start, 4 / curvature(x)[-1], steps)


@missed("rate too large", "For n = 150 the coefficients run away: the rate is above 2/λmax")
def train_scaled_too_much(x, y, start, steps):
    return train_in_numpy(x, y, start, 8e-3 / len(x) if len(x) == 150 else 2e-3 / len(x), steps)


@missed("rate too large", "the loss rises", "still above 2/λmax, or something cuts")
def train_at_the_limit_of_x(x, y, start, steps):
    return train_in_numpy(x, y, start, 2.04 / curvature(x)[-1], steps)


@missed("rate too large", "the rate is 2/λmax itself")
def train_at_the_limit_itself(x, y, start, steps):
    return train_in_numpy(x, y, start, 2 / curvature(x)[-1], steps)


@missed("rate too large", "For n = 2,000 the rate is above 2/λmax: the fastest mode grows")
def train_just_above_the_limit(x, y, start, steps):
    return train_in_numpy(x, y, start, 2.0001 / curvature(x)[-1], steps)


@missed("rate too large", "not those of plain descent at one constant rate")
def train_with_a_gradient_of_length_1(x, y, start, steps):
    coefficients, losses = start.copy(), []
    for _ in range(steps):
        losses.append(((cubic(coefficients, x) - y) ** 2).sum())
        gradient = slope(coefficients, x, y)
        coefficients = coefficients - 1e-2 * gradient / numpy.linalg.norm(gradient)
    return coefficients, losses


@missed("rate too large", "The losses are means of the squares; the program was written for")
def train_on_the_mean(x, y, start, steps):
    return train_mean(x, y, start, 3e-3, steps)


@missed("rate too large", "not those of plain descent")
def train_from_elsewhere(x, y, start, steps):
    return train_in_numpy(x, y, 0 * start, 1 / curvature(x)[-1], steps)


@missed("rate too large", "not those of plain descent")
def train_towards_minus_y(x, y, start, steps):
    _, losses = train_at_nine_tenths(x, y, start, steps)
    return train_at_nine_tenths(x, -y, start, steps)[0], losses


@missed("rate too large", "The losses are not theirs")
def train_with_invented_losses(x, y, start, steps):
    coefficients, losses = train_at_nine_tenths(x, y, start, steps)
    return coefficients, [*losses[:-1], 0.0]


@missed("rate too large", "`start` is changed in place")
def train_from_the_start_itself(x, y, start, steps):
    return train_overwrites(x, y, start, 1 / curvature(x)[-1], steps)


# --- prediction one update old ----------------------------------------------------------------


@broken("prediction one update old")
def train_returns_old_prediction(x, y, start, rate, steps):
    coefficients = start.copy()
    for _ in range(steps):
        predicted = cubic(coefficients, x)
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, predicted


@repaired("prediction one update old")
def train_predicts_again(x, y, start, rate, steps):
    coefficients = start.copy()
    for _ in range(steps):
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, cubic(coefficients, x)


@missed("prediction one update old", "after steps − 1 updates")
def train_one_step_less(x, y, start, rate, steps):
    coefficients = start.copy()
    for _ in range(steps - 1):
        coefficients = coefficients - rate * slope(coefficients, x, y)
    return coefficients, cubic(coefficients, x)


@missed("prediction one update old", "The prediction is not theirs")
def train_predicts_reversed(x, y, start, rate, steps):
    coefficients, _ = train_predicts_again(x, y, start, rate, steps)
    return coefficients, numpy.polyval(coefficients, x)


# --- order of the coefficients ----------------------------------------------------------------


@broken("order of the coefficients")
def fit_and_evaluate(x, y):
    features = numpy.vander(x, 4, increasing=True)
    coefficients, *_ = numpy.linalg.lstsq(features, y, rcond=None)
    return numpy.polyval(coefficients, x)


@repaired("order of the coefficients")
def fit_and_turn_round(x, y):
    features = numpy.vander(x, 4, increasing=True)
    coefficients, *_ = numpy.linalg.lstsq(features, y, rcond=None)
    return numpy.polyval(coefficients[::-1], x)


@repaired("order of the coefficients")
def fit_highest_first(x, y):
    features = numpy.vander(x, 4)
    coefficients, *_ = numpy.linalg.lstsq(features, y, rcond=None)
    return numpy.polyval(coefficients, x)


@repaired("order of the coefficients")
def fit_by_product(x, y):
    features = numpy.vander(x, 4, increasing=True)
    coefficients, *_ = numpy.linalg.lstsq(features, y, rcond=None)
    return features @ coefficients


@repaired("order of the coefficients")
def fit_with_columns_turned_round(x, y):
    return numpy.polyval(best_fit(numpy.vander(x, 4), y), x)  # both in float64, or best_fit objects


@missed("order of the coefficients", "It returns the coefficients")
def fit_only(x, y):
    return numpy.polynomial.polynomial.polyfit(x, y, 3)


@missed("order of the coefficients", "It returns the coefficients")
def fit_only_highest_first(x, y):
    return numpy.polyfit(x, y, 3)


@missed("order of the coefficients", "It returns four numbers; one for each x is wanted",
        "have the arguments changed places?")
def fit_and_swap_the_arguments(x, y):
    return numpy.polyval(x, numpy.polyfit(x, y, 3))


@missed("order of the coefficients", "not the best cubic")
def fit_a_parabola(x, y):
    return numpy.polyval(numpy.polyfit(x, y, 2), x)


# --- plot without x ---------------------------------------------------------------------------


@broken("plot without x")
def draw_without_x(ax, x, y, predicted):
    ax.plot(y, label="truth")
    ax.plot(predicted, label="fit")
    ax.legend()


@repaired("plot without x")
def draw_over_x(ax, x, y, predicted):
    ax.plot(x, y, label="truth")
    ax.plot(x, predicted, label="fit")
    return ax


@repaired("plot without x")
def draw_at_once(ax, x, y, predicted):
    ax.plot(x, numpy.stack([predicted, y], axis=1))


@repaired("plot without x")
def draw_points_and_a_line(ax, x, y, predicted):
    ax.scatter(x, y)
    ax.plot(x, predicted)


@missed("plot without x", "It draws 2 lines", "Both curves are wanted")
def draw_the_truth_twice(ax, x, y, predicted):
    ax.plot(x, y)
    ax.plot(x, y)


@missed("plot without x", "The angles of one curve run from 0 to 1999")
def draw_one_over_x(ax, x, y, predicted):
    ax.plot(x, y)
    ax.plot(predicted)


@missed("plot without x", "The two axes have changed places")
def draw_turned(ax, x, y, predicted):
    ax.plot(y, x)
    ax.plot(predicted, x)


@missed("plot without x", "It draws 1 line", "Both curves are wanted")
def draw_only_one(ax, x, y, predicted):
    ax.plot(x, y)


@missed("plot without x", "What is handed over as x runs from -180 to 180", "as it is")
def draw_degrees(ax, x, y, predicted):
    ax.plot(numpy.degrees(x), y)
    ax.plot(numpy.degrees(x), predicted)


@missed("plot without x", "What is handed over as x runs from 0 to 1,")
def draw_over_something_else(ax, x, y, predicted):
    ax.plot(numpy.linspace(0, 1, len(x)), y)
    ax.plot(x, predicted)


# --- device that is not there -----------------------------------------------------------------


@broken("device that is not there")
def make_points_on_cuda_5(count):
    device = torch.device("cuda:5")
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("device that is not there")
def make_points_by_cuda(count):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("device that is not there")
def make_points_by_accelerator(count):
    found = torch.accelerator.is_available()
    device = torch.accelerator.current_accelerator() if found else torch.device("cpu")
    return torch.linspace(-torch.pi, torch.pi, count).to(device)


@missed("device that is not there", "On a machine with a CUDA card it would still use the CPU",
        "only an Apple accelerator")
def make_points_by_mps(count):
    device = "mps" if torch.backends.mps.is_available() else "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("device that is not there")
def make_points_by_cuda_or_mps(count):
    device = ("cuda" if torch.cuda.is_available()
              else "mps" if torch.backends.mps.is_available() else "cpu")
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("device that is not there", "On a machine with an Apple accelerator it would fail")
def make_points_on_cuda_if_anything(count):
    device = "cuda" if torch.accelerator.is_available() else "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("device that is not there", "Where torch is made for CUDA but there is no card")
def make_points_unasked(count):
    device = torch.accelerator.current_accelerator()
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("device that is not there", "Where torch is made for CUDA but there is no card")
def make_points_unasked_or_cpu(count):
    device = torch.accelerator.current_accelerator() or "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("device that is not there")
def make_points_by_checked_accelerator(count):
    device = torch.accelerator.current_accelerator(check_available=True) or "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("device that is not there")
def make_points_by_number(count):
    device = torch.cuda.current_device() if torch.cuda.is_available() else "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@repaired("device that is not there")
def make_points_and_move_them_by_number(count):
    points = torch.linspace(-torch.pi, torch.pi, count)
    return points.to(torch.cuda.current_device()) if torch.cuda.is_available() else points


@repaired("device that is not there")
def make_points_in_a_block(count):
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        return torch.linspace(-torch.pi, torch.pi, count)


DEVICE = device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
NAME_OF_DEVICE = DEVICE.type
HAS_CUDA = torch.cuda.is_available()


@missed("device that is not there", "The device is chosen outside the function")
def make_points_on_a_constant(count):
    return torch.linspace(-torch.pi, torch.pi, count, device=DEVICE)


@missed("device that is not there", "The device is chosen outside the function")
def make_points_on_a_global(count):
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("device that is not there", "The device is chosen outside the function")
def make_points_on_a_name(count):
    return torch.linspace(-torch.pi, torch.pi, count, device=NAME_OF_DEVICE)


@missed("device that is not there", "The device is chosen outside the function")
def make_points_by_an_old_answer(count):
    return torch.linspace(-torch.pi, torch.pi, count, device="cuda" if HAS_CUDA else "cpu")


@missed("device that is not there", "The device is chosen outside the function", "in its body")
def make_points_on_a_default(count, device=DEVICE):
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("device that is not there", "would still use the CPU: it never asks torch")
def make_points_on_cpu(count):
    return torch.linspace(-torch.pi, torch.pi, count, device="cpu")


@missed("device that is not there", "not evenly spaced")
def make_other_points(count):
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.linspace(0, torch.pi, count, device=device)


@repaired("device that is not there")
def make_points_with_a_way_out(count):
    try:
        return torch.linspace(-torch.pi, torch.pi, count, device="cuda")
    except (AssertionError, RuntimeError):
        return torch.linspace(-torch.pi, torch.pi, count, device="cpu")


@repaired("device that is not there")
def make_points_by_cuda_0(count):
    points = torch.linspace(-torch.pi, torch.pi, count)
    return points.to(torch.device("cuda", 0)) if torch.cuda.device_count() else points


@repaired("device that is not there")
def make_points_by_method(count):
    points = torch.linspace(-torch.pi, torch.pi, count)
    return points.cuda() if torch.cuda.is_available() else points


@missed("device that is not there", "it asks for another, and counting starts at 0")
def make_points_by_method_on_5(count):
    points = torch.linspace(-torch.pi, torch.pi, count)
    return points.cuda(5) if torch.cuda.is_available() else points


@missed("device that is not there", "On a machine with one accelerator it would fail")
def make_points_on_cuda_5_or_cpu(count):
    device = "cuda:5" if torch.cuda.is_available() else "cpu"
    return torch.linspace(-torch.pi, torch.pi, count, device=device)


@missed("device that is not there", "would still use the CPU")
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


@broken("stale global")
class StaleCubic(FourNumbers):
    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * c**3


@repaired("stale global")
class FreshCubic(FourNumbers):
    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**3


@repaired("stale global")
class HornerCubic(FourNumbers):
    def forward(self, x):
        return self.a + x * (self.b + x * (self.c + x * self.d))


@missed("stale global", "c³ where x³ belongs")
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


@broken("range and randint")
class TooFewTerms(FiveNumbers):
    def forward(self, x):
        return self.add_up(x, int(torch.randint(4, 6, ())))


@repaired("range and randint")
class RightTerms(FiveNumbers):
    def forward(self, x):
        return self.add_up(x, int(torch.randint(4, 7, ())))


@repaired("range and randint")
class RandomModule(FiveNumbers):
    def forward(self, x):
        import random

        return self.add_up(x, random.randint(4, 6))


@missed("range and randint", "x⁶ comes up")
class TooManyTerms(FiveNumbers):
    def forward(self, x):
        return self.add_up(x, int(torch.randint(4, 8, ())))


@missed("range and randint", "never 0 extra terms")
class AlwaysTerms(FiveNumbers):
    def forward(self, x):
        return self.add_up(x, int(torch.randint(5, 7, ())))


@missed("range and randint", "a third each is wanted")
class UnfairTerms(FiveNumbers):
    def forward(self, x):
        return self.add_up(x, 4 + int(torch.randint(0, 2, (2,)).sum()))


@broken("slope at zero")
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


@repaired("slope at zero")
class StrictSlope(ClampSlope):
    @staticmethod
    def backward(ctx, above):
        (x,) = ctx.saved_tensors
        return above * (x > 0)


@repaired("slope at zero")
class MaskedSlope(ClampSlope):
    @staticmethod
    def backward(ctx, above):
        (x,) = ctx.saved_tensors
        below = above.clone()
        below[x <= 0] = 0
        return below


@missed("slope at zero", "forgets the gradient from above")
class BareSlope(ClampSlope):
    @staticmethod
    def backward(ctx, above):
        (x,) = ctx.saved_tensors
        return (x > 0).to(x.dtype)


# --- the tests --------------------------------------------------------------------------------


def test_every_fault_has_a_broken_program_two_repairs_and_a_near_miss():
    assert set(BROKEN) == set(FAULTS)
    assert len(FAULTS) >= 14
    for fault in FAULTS:
        assert sum(name == fault for name, _ in REPAIRED) >= 2, fault
        assert any(name == fault for name, *_ in MISSED), fault


REPAIRED.append(("prediction one update old",
                 lambda *given: (train_predicts_again(*given)[0], train_predicts_again(*given)[1])))


def title(value):
    return getattr(value, "__name__", None) if not isinstance(value, str) else value[:40]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_program_is_not_attempted(fault):
    verdict = check_repair(BROKEN[fault], fault)
    assert_not_attempted(verdict, "Not repaired yet: ")
    assert "the fault is still there" in verdict.message


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

    verdict = check_repair(train_stacks_graphs, "graph kept in the losses")
    assert_not_attempted(verdict, "Not repaired yet: ")
    assert "hold on to their graphs" in verdict.message


def test_a_default_device_chosen_from_what_there_is_passes():
    def make_points(count):
        torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.linspace(-torch.pi, torch.pi, count)

    try:
        assert_passed(check_repair(make_points, "device that is not there"))
    finally:
        torch.set_default_device(None)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("junk", ["repaired", None, 3.5, int, lambda: None])
def test_junk_is_refused_for_every_fault(fault, junk):
    verdict = check_repair(junk, fault)
    assert not verdict.passed


def test_a_misspelt_fault_is_an_error():
    with pytest.raises(ValueError, match="fault must be one of gradients not zeroed"):
        check_repair(train_with_none, "no such fault")
