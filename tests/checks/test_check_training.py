"""check_training: right loops of every style pass, every mistake gets its own diagnosis."""

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused

import polylab.gradients
from polylab.checks import check_training
from polylab.descent import LeastSquares
from polylab.gradients import exact_gradient

# --- NumPy ------------------------------------------------------------------------------------


def slope(coefficients, x, y):
    residual = numpy.polynomial.polynomial.polyval(x, coefficients) - y
    return 2 * residual @ numpy.vander(x, 4, increasing=True)


def four_names(x, y, start, rate, steps):
    a, b, c, d = start
    for _ in range(steps):
        predicted = a + b * x + c * x**2 + d * x**3
        slope = 2 * (predicted - y)
        a, b, c, d = (a - rate * slope.sum(), b - rate * (slope * x).sum(),
                      c - rate * (slope * x**2).sum(), d - rate * (slope * x**3).sum())
    return a, b, c, d


def one_array(x, y, start, rate, steps):
    coefficients = start.copy()
    features = numpy.vander(x, 4, increasing=True)
    while steps > 0:
        coefficients -= rate * 2 * features.T @ (features @ coefficients - y)
        steps -= 1
    return coefficients


def normal_equations(x, y, start, rate, steps):
    features = numpy.vander(x, 4, increasing=True)
    best = numpy.linalg.solve(features.T @ features, features.T @ y)
    shrink = numpy.linalg.matrix_power(numpy.eye(4) - 2 * rate * features.T @ features, steps)
    return best + shrink @ (start - best)


@pytest.mark.parametrize("answer", [four_names, one_array, normal_equations])
def test_right_loops_in_numpy_pass(answer):
    assert_passed(check_training(answer))


def with_slope(change):
    def train(x, y, start, rate, steps):
        coefficients = start.copy()
        for _ in range(steps):
            coefficients = coefficients - rate * change(slope(coefficients, x, y), x)
        return coefficients

    return train


def no_loop(x, y, start, rate, steps):
    return start - rate * slope(start, x, y)


def frozen(x, y, start, rate, steps):
    gradient = slope(start, x, y)
    coefficients = start.copy()
    for _ in range(steps):
        coefficients -= rate * gradient
    return coefficients


def aliased(x, y, start, rate, steps):
    coefficients = start
    for _ in range(steps):
        coefficients -= rate * slope(coefficients, x, y)
    return coefficients


def no_update(x, y, start, rate, steps):
    coefficients = start.copy()
    for _ in range(steps):
        slope(coefficients, x, y)
    return coefficients


def one_moves_late(x, y, start, rate, steps):
    a, b, c, d = start
    for _ in range(steps):
        gradient = slope((a, b, c, d), x, y)
        a, b, c = a - rate * gradient[0], b - rate * gradient[1], c - rate * gradient[2]
    return a, b, c, d


RATE = 1e-6
rate = 1e-6


def hard_rate(x, y, start, learning_rate, steps):
    return one_array(x, y, start, RATE, steps)


def global_rate(x, y, start, learning_rate, steps):
    return one_array(x, y, start, rate, steps)


def hard_steps(x, y, start, rate, steps):
    return one_array(x, y, start, rate, 20)


def nan(x, y, start, rate, steps):
    return with_slope(lambda g, x: 1e300 * g)(x, y, start, rate, steps)


WRONG = (
    (with_slope(lambda g, x: -g), "wrong sign"),
    (with_slope(lambda g, x: g / 2), "factor 2 is missing"),
    (with_slope(lambda g, x: g / len(x)), "2,000 times too small on 2,000 points"),
    (with_slope(lambda g, x: g * 2), "twice what it should be"),
    (with_slope(lambda g, x: g[::-1]), "reverse order"),
    (with_slope(lambda g, x: g * [1, 1, 1, 0]), "The coefficient d never moves"),
    (with_slope(lambda g, x: g + 1), "off by up to 0.001 of their size"),
    (no_loop, "one update only"),
    (no_update, "no update was made"),
    (frozen, "gradient of the first"),
    (aliased, "The coefficients are right", "`start` is changed in place"),
    (one_moves_late, "The coefficient d never moves", ),
    (lambda x, y, s, r, n: one_array(x, y, s, r, n - 1), "after steps − 1 updates"),
    (lambda x, y, s, r, n: one_array(x, y, s, r, n + 1), "One update is too many"),
    (lambda x, y, s, r, n: one_array(x, y, s, r, n)[::-1], "reverse order"),
    (lambda x, y, s, r, n: numpy.linalg.lstsq(numpy.vander(x, 4, increasing=True), y)[0],
     "the best possible ones"),
    (lambda x, y, s, r, n: numpy.arange(4.0), "same whatever the data, the start and the rate"),
    (hard_rate, "they are the same (it reads `RATE`)"),
    (global_rate, "global variable `rate`"),
    (hard_steps, "do not depend on `steps`"),
    (lambda x, y, s, r, n: one_array(x, y, s, r * 2000 / len(x), n), "right for n = 2,000"),
    (lambda x, y, s, r, n: s - r * slope(s, x, y) - 1e-3 * (n - 1), "The first update is right"),
    (nan, "nan or infinity"),
    (lambda x, y, s, r, n: ((x[:, None] ** numpy.arange(4) @ s - y) ** 2).sum(), "one number"),
    (lambda x, y, s, r, n: x[:, None] ** numpy.arange(4) @ s, "one number per point"),
    (lambda x, y, s, r, n: [0.5] * n if n != 4 else 1, "one number per step"),
    (lambda x, y, s, r, n: one_array(x, y, s, r, n)[:, None], "a column of shape (4, 1)"),
    (lambda x, y, s, r, n: one_array(x, y, s, r, n).astype("float32"),
     "float64 went in, float32 came back"),
    (lambda x, y, s, r, n: one_array(x, y, s, r, n).astype("float32").astype("float64"),
     "digits are lost"),
    (lambda x, y, s, r, n: torch.from_numpy(one_array(x, y, s, r, n)), "a torch tensor, although"),
    (lambda x, y, s, r, n: None, "returns None"),
    (lambda x, y: 0, "cannot be called with (x, y, start, rate, steps)"),
)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[1][:40])
def test_every_mistake_is_refused_with_its_own_diagnosis(case):
    answer, *fragments = case
    assert_refused(check_training(answer), *fragments)


@pytest.mark.parametrize("case", WRONG[::10], ids=lambda case: case[1][:40])
def test_the_verdict_is_the_same_the_second_time(case):
    assert check_training(case[0]) == check_training(case[0])


# --- torch ------------------------------------------------------------------------------------


def cubic(coefficients, x):
    a, b, c, d = coefficients
    return a + x * (b + x * (c + x * d))


def by_hand(x, y, start, rate, steps):
    coefficients = start.clone()
    for _ in range(steps):
        slope = 2 * (cubic(coefficients, x) - y)
        coefficients -= rate * torch.stack([(slope * x**k).sum() for k in range(4)])
    return coefficients


def autograd(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
            coefficients.grad = None
    return coefficients


def four_leaves(x, y, start, rate, steps):
    leaves = [number.clone().requires_grad_() for number in start]
    for _ in range(steps):
        loss = torch.sum((cubic(leaves, x) - y) ** 2)
        gradients = torch.autograd.grad(loss, leaves)
        with torch.no_grad():
            for leaf, gradient in zip(leaves, gradients, strict=True):
                leaf -= rate * gradient
    return tuple(leaves)


def linear_layer(x, y, start, rate, steps):
    model = torch.nn.Sequential(torch.nn.Linear(3, 1, dtype=x.dtype), torch.nn.Flatten(0, 1))
    with torch.no_grad():
        model[0].bias.copy_(start[:1])
        model[0].weight.copy_(start[1:])
    features = x[:, None] ** torch.arange(1, 4)
    optimiser = torch.optim.SGD(model.parameters(), lr=rate)
    for _ in range(steps):
        loss = torch.nn.functional.mse_loss(model(features), y, reduction="sum")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return torch.cat([model[0].bias, model[0].weight[0]]).detach()


def with_optimiser(make, change=lambda loss, n: loss, zero=True):
    def train(x, y, start, rate, steps):
        coefficients = start.clone().requires_grad_()
        optimiser = make([coefficients], rate)
        for _ in range(steps):
            loss = change((cubic(coefficients, x) - y).pow(2).sum(), len(x))
            if zero:
                optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return coefficients.detach()

    return train


def sgd(parameters, rate):
    return torch.optim.SGD(parameters, lr=rate)


def momentum(parameters, rate):
    return torch.optim.SGD(parameters, lr=rate, momentum=0.9)


def rmsprop(parameters, rate):
    return torch.optim.RMSprop(parameters, lr=rate)


def adam(parameters, rate):
    return torch.optim.Adam(parameters, lr=rate)


RIGHT_TORCH = (
    ("sgd", by_hand), ("sgd", autograd), ("sgd", four_leaves), ("sgd", linear_layer),
    ("sgd", with_optimiser(sgd)), ("momentum", with_optimiser(momentum)),
    ("rmsprop", with_optimiser(rmsprop)), ("adam", with_optimiser(adam)),
)


@pytest.mark.parametrize(("optimiser", "answer"), RIGHT_TORCH)
def test_right_loops_in_torch_pass(optimiser, answer):
    assert_passed(check_training(answer, optimiser, library="torch"))


def numpy_momentum(x, y, start, rate, steps):
    coefficients, velocity = start.copy(), 0
    for _ in range(steps):
        velocity = 0.9 * velocity + slope(coefficients, x, y)
        coefficients -= rate * velocity
    return coefficients


def test_momentum_in_numpy():
    assert_passed(check_training(numpy_momentum, "momentum"))
    assert_refused(check_training(one_array, "momentum"), "those of plain descent",
                   "what is kept of the velocity")


def with_velocity(update):
    """Return a loop in which ``update(v, g)`` gives the new velocity, without any optimiser."""
    def train(x, y, start, rate, steps):
        coefficients, velocity = start.copy(), numpy.zeros_like(start)
        for _ in range(steps):
            velocity = update(velocity, slope(coefficients, x, y))
            coefficients = coefficients - rate * velocity
        return coefficients

    return train


def moves_before_it_has_a_velocity(x, y, start, rate, steps):
    coefficients, velocity = start.copy(), numpy.zeros_like(start)
    for _ in range(steps):
        coefficients = coefficients - rate * velocity
        velocity = 0.9 * velocity + slope(coefficients, x, y)
    return coefficients


def looks_ahead(x, y, start, rate, steps):
    coefficients, velocity = start.copy(), numpy.zeros_like(start)
    for _ in range(steps):
        gradient = slope(coefficients, x, y)
        velocity = 0.9 * velocity + gradient
        coefficients = coefficients - rate * (0.9 * velocity + gradient)
    return coefficients


def in_float64_whatever_comes_in(x, y, start, rate, steps):
    coefficients = numpy.zeros(4)
    for _ in range(steps):
        coefficients = coefficients - rate * exact_gradient(coefficients, x, y)
    return coefficients


def moves_without_a_rate(x, y, start, rate, steps):
    coefficients, velocity = start.copy(), numpy.zeros_like(start)
    for _ in range(400):
        velocity = 0.9 * velocity + exact_gradient(coefficients, x, y)
        coefficients = coefficients - velocity
    return coefficients


@pytest.mark.parametrize(("answer", "fragments"), [
    (with_velocity(lambda v, g: 0.9 * v + 0.1 * g), ("with a factor 0.1",)),
    (with_velocity(lambda v, g: 0.99 * v + g), ("momentum 0.99; 0.9 is wanted",)),
    (with_velocity(lambda v, g: v + g), ("momentum 1; 0.9 is wanted",)),
    (with_velocity(lambda v, g: 0.7 * v + g), ("momentum 0.7; 0.9 is wanted",)),
    (with_velocity(lambda v, g: g), ("momentum is not in use", "what is kept of the velocity")),
    (moves_before_it_has_a_velocity, ("after steps − 1 updates", "is v still zero there?")),
    (looks_ahead, ("Nesterov",)),
    (in_float64_whatever_comes_in, ("float32 meets float64", "dtype of the data")),
    (lambda *given: (numpy_momentum(*given), 0.0), ("It returns a pair",)),
    (moves_without_a_rate, ("are nan or infinite", "do they grow")),
])
def test_momentum_by_hand_has_its_own_diagnoses(answer, fragments):
    assert_refused(check_training(answer, "momentum"), *fragments)


STEPS = 3


def arrives_whatever_steps_says(x, y, start, rate, steps):
    coefficients, features = start, numpy.vander(x.double(), 4, increasing=True)
    for _ in range(STEPS):
        coefficients = numpy.linalg.lstsq(features, y.double().numpy(), rcond=None)[0]
    return torch.from_numpy(coefficients).to(x.dtype)


def test_a_run_of_constant_length_that_arrives_is_told_that_it_ignores_steps():
    assert_refused(check_training(arrives_whatever_steps_says, "adam", library="torch"),
                   "They are the best possible ones", "(it reads `STEPS`)")


def not_zeroed(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients


def zeroed_too_early(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        loss.backward()
        coefficients.grad.zero_()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients


def inside_the_graph(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        loss.backward()
        coefficients -= rate * coefficients.grad
        coefficients.grad = None
    return coefficients


def bound_anew(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        loss.backward()
        coefficients = coefficients - rate * coefficients.grad
    return coefficients


def bound_anew_without_graph(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            coefficients = coefficients - rate * coefficients.grad
    return coefficients


def loss_per_point(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2)
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients


def forward_once(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    loss = (cubic(coefficients, x) - y).pow(2).sum()
    for _ in range(steps):
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
            coefficients.grad = None
    return coefficients


def no_grad_needed(x, y, start, rate, steps):
    coefficients = start.clone()
    for _ in range(steps):
        loss = (cubic(coefficients, x) - y).pow(2).sum()
        loss.backward()
    return coefficients


def loss_is_a_number(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    loss = (cubic(coefficients, x) - y).pow(2).sum().item()
    loss.backward()
    return coefficients


def hands_tensor_to_numpy(x, y, start, rate, steps):
    coefficients = autograd(x, y, start, rate, steps)
    return coefficients.numpy()


def float32_model(x, y, start, rate, steps):
    layer = torch.nn.Linear(3, 1)
    layer(x[:, None] ** torch.arange(1, 4))
    return start


def cuda_by_name(x, y, start, rate, steps):
    x = x.to("cuda:5")
    return start


def no_flatten(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    features = x[:, None] ** torch.arange(4)
    for _ in range(steps):
        predicted = features @ coefficients[:, None]
        loss = (predicted - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
            coefficients.grad = None
    return coefficients


def trains_the_start(x, y, start, rate, steps):
    start.requires_grad_()
    for _ in range(steps):
        loss = (cubic(start, x) - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            start -= rate * start.grad
            start.grad = None
    return start


def forgets(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    for _ in range(steps):
        optimiser = torch.optim.Adam([coefficients], lr=rate)
        optimiser.zero_grad()
        (cubic(coefficients, x) - y).pow(2).sum().backward()
        optimiser.step()
    return coefficients.detach()


def not_a_leaf(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    optimiser = torch.optim.Adam(list(coefficients), lr=rate)
    return optimiser


def no_leaf_but_other_names_bound_anew(x, y, start, rate, steps):
    coefficients = start.clone()
    for n in range(steps):
        predicted = cubic(coefficients, x)
        predicted = predicted - y
        n = n + 1
        (predicted**2).sum().backward()
        coefficients = coefficients - rate * coefficients.grad
    return coefficients


def never_a_leaf(x, y, start, rate, steps):
    coefficients = start.clone()
    for _ in range(steps):
        (cubic(coefficients, x) - y).pow(2).sum().backward()
        coefficients = coefficients - rate * coefficients.grad
    return coefficients


def lends_its_gradient(x, y, start, rate, steps):
    coefficients = start.clone()
    for _ in range(steps):
        coefficients -= rate * polylab.gradients.exact_gradient(coefficients, x, y)
    return coefficients


WRONG_TORCH = (
    ("sgd", loss_is_a_number, "The loss is a plain Python number", "`loss.backward()`"),
    ("sgd", not_zeroed, "gradients accumulate", "in step 3 it used the sum of 3 gradients"),
    ("sgd", zeroed_too_early, "no update was made"),
    ("sgd", inside_the_graph, "inside the graph", "`coefficients -= rate * coefficients.grad`"),
    ("sgd", bound_anew, "binds the name to a new tensor"),
    ("sgd", bound_anew_without_graph, "binds the name to a new tensor"),
    ("sgd", loss_per_point, "loss is not a scalar", "`loss.backward()`"),
    ("sgd", forward_once, "a graph that the first one has used up"),
    ("sgd", no_grad_needed, "not connected to any parameter"),
    ("sgd", hands_tensor_to_numpy, "`.item()` is missing"),
    ("sgd", float32_model, "float32 meets float64"),
    ("sgd", cuda_by_name, "a device that this machine does not have", '`x = x.to("cuda:5")`'),
    ("sgd", no_flatten, "2,000 × 2,000 residuals"),
    ("sgd", trains_the_start, "`start` is changed in place"),
    ("sgd", with_optimiser(sgd, zero=False), "gradients accumulate"),
    ("sgd", with_optimiser(sgd, lambda loss, n: loss / n), "2,000 times too small"),
    ("sgd", with_optimiser(sgd, lambda loss, n: loss**0.5), "root of the sum of squares"),
    ("sgd", with_optimiser(sgd, lambda loss, n: -loss), "wrong sign"),
    ("sgd", with_optimiser(adam), "They are those of adam, not of plain descent"),
    ("sgd", lambda x, y, s, r, n: by_hand(x, y, s, r, n).numpy(), "a NumPy array"),
    ("momentum", with_optimiser(sgd), "those of plain descent: momentum is not in use"),
    ("momentum", with_optimiser(lambda p, r: torch.optim.SGD(p, lr=r, momentum=0.7)),
     "momentum 0.7; 0.9 is wanted"),
    ("momentum", with_optimiser(lambda p, r: torch.optim.SGD(p, lr=r, momentum=0.5)),
     "those of momentum 0.5; 0.9 is wanted"),
    ("momentum", with_optimiser(
        lambda p, r: torch.optim.SGD(p, lr=r, momentum=0.9, nesterov=True)), "Nesterov"),
    ("adam", with_optimiser(lambda p, r: torch.optim.Adam(p, lr=r, amsgrad=True)), "amsgrad"),
    ("adam", forgets, "Every step is a first step", "made once, before the loop"),
    ("adam", not_a_leaf, "computed from another one", "`optimiser = torch.optim.Adam"),
    ("sgd", lends_its_gradient, "leaves the gradient to `exact_gradient`", "by hand or autograd"),
    ("adam", with_optimiser(lambda p, r: torch.optim.Adam(p, lr=r, weight_decay=0.01)),
     "the gradient plus 0.01 times the coefficients"),
    ("adam", with_optimiser(lambda p, r: torch.optim.Adam(p, lr=r, eps=1e-5)),
     "Adam with eps = 1e-5"),
    ("adam", with_optimiser(adam, lambda loss, n: loss / n), "too small"),
    ("adam", with_optimiser(adam, lambda loss, n: loss / 2), "the factor 2 is missing"),
    ("adam", with_optimiser(lambda p, r: torch.optim.Adam(p, lr=1e-3)),
     "they are the same.", "which argument tells the optimiser its rate?"),
    ("sgd", lambda x, y, s, r, n: (by_hand(x, y, s, r, n), [0.0] * n), "It returns a pair"),
    ("sgd", no_leaf_but_other_names_bound_anew, "not connected to any parameter"),
    ("sgd", never_a_leaf, "not connected to any parameter"),
    ("sgd", lambda x, y, s, r, n: s[:3], "three numbers; four are wanted"),
    ("momentum", with_optimiser(adam), "those of adam, not of momentum"),
    ("rmsprop", with_optimiser(sgd), "those of plain descent: rmsprop is not in use"),
    ("rmsprop", with_optimiser(adam), "those of adam, not of rmsprop"),
    ("adam", with_optimiser(sgd), "those of plain descent: adam is not in use"),
    ("adam", with_optimiser(rmsprop), "those of rmsprop, not of adam"),
    ("adam", with_optimiser(adam, zero=False), "gradients accumulate"),
    ("adam", with_optimiser(lambda p, r: torch.optim.Adam(p, lr=r, betas=(0.5, 0.9))),
     "The first update is right"),
)


@pytest.mark.parametrize("case", WRONG_TORCH, ids=lambda case: f"{case[0]}: {case[2][:40]}")
def test_torch_has_its_own_diagnoses(case):
    optimiser, answer, *fragments = case
    assert_refused(check_training(answer, optimiser, library="torch"), *fragments)


@pytest.mark.parametrize("case", WRONG_TORCH[::10], ids=lambda case: f"{case[0]}: {case[2][:40]}")
def test_the_verdict_in_torch_is_the_same_the_second_time(case):
    optimiser, answer, *_ = case
    first, second = (check_training(answer, optimiser, library="torch") for _ in range(2))
    assert first == second


def starter(x, y, start, rate, steps):
    coefficients = start.copy()
    for _ in range(steps):
        predicted = ...
        gradient = ...
        coefficients = coefficients - rate * (predicted, gradient)
    return coefficients


@pytest.mark.parametrize("answer", [..., starter])
def test_a_starter_is_not_attempted(answer):
    assert_not_attempted(check_training(answer))


def test_misspelt_arguments_of_the_checker_are_errors():
    with pytest.raises(ValueError, match="optimiser must be one of sgd, momentum"):
        check_training(one_array, optimiser="adagrad")
    with pytest.raises(ValueError, match="library must be one of numpy, torch"):
        check_training(one_array, library="jax")


# --- runs that are long, come to rest, or grow ------------------------------------------------


def in_numpy(turn, before="pass", back="theta"):
    """Return a loop whose turn is ``turn``; it may use theta, g, t, and the five arguments."""
    text = f"""
def train(x, y, start, rate, steps):
    theta = best = numpy.array(start)
    {before}
    for t in range(steps):
        g = exact_gradient(theta, x, y)
        loss = squared_error(theta, x, y)
        {turn}
    return {back}
"""
    namespace = {"numpy": numpy, "exact_gradient": exact_gradient,
                 "squared_error": polylab.gradients.squared_error}
    exec(text, namespace)
    return namespace["train"]


MOVE = "theta = theta - rate * g"


@pytest.mark.parametrize(("answer", "fragments"), [
    (in_numpy(f"{MOVE} if t < 1000 else theta"), ("after 1,000 updates, not the last",)),
    (in_numpy("theta = theta - rate * (0.1 if t >= 500 else 1) * g"), ("1,003 steps",)),
    (in_numpy("theta = theta - rate * 0.999**t * g"), ("by the factor 0.999",)),
    (in_numpy("theta = theta - rate / (1 + 1e-3 * t) * g"), ("divided by 1 + 0.001 t",)),
    (in_numpy("new = theta - rate * g\n        if numpy.allclose(new, theta): break\n"
              "        theta = new"), ("not the last", "does the loop turn to its end?")),
    (in_numpy(f"if numpy.linalg.norm(g) < 1e-6: break\n        {MOVE}"), ("not the last",)),
    (in_numpy(f"if loss > best_loss: rate /= 2\n        best_loss = loss\n        {MOVE}",
              "best_loss = numpy.inf"), ("On some runs it is right", "wanted are")),
    (in_numpy("theta = (theta - rate * g).clip(-10, 10)"), ("On some runs it is right",)),
    (in_numpy("theta = (theta - rate * g).clip(-1e5, 1e5)"),
     ("In short runs it is right", "swings on and grows")),
    (in_numpy("theta = theta - rate * g * min(1, 1e6 / numpy.linalg.norm(g))"),
     ("wanted are",)),
    (in_numpy(f"{MOVE}\n        best = min(best, theta, key=lambda c: squared_error(c, x, y))",
              back="best"), ("On some runs it is right", "after 0 updates, not the last")),
    (in_numpy("theta = theta - rate * (g + 1e-4 * theta)"), ("plus 0.0001 times",)),
    (in_numpy("theta = theta - rate * 1.01 * g"), ("1.01 times what it should be",)),
    (in_numpy("theta = theta - 0.1 * rate * g"), ("0.1 times what it should be",)),
    (in_numpy("v = 0.5 * v + g; theta = theta - rate * v", "v = 0"), ("momentum 0.5",)),
    (lambda x, y, s, r, n: one_array(x, y, s, r, n) + 1e-3 * numpy.random.rand(),  # noqa: NPY002
     ("it draws random numbers",)),
    (lambda *given: LeastSquares(numpy.vander(given[0], 4, increasing=True), given[1]).descend(
        *given[2:]).coefficients[-1], ("leaves the descent to `LeastSquares`",)),
])
def test_what_changes_in_the_course_of_a_run_is_seen(answer, fragments):
    assert_refused(check_training(answer), *fragments)


def test_a_loop_that_stops_when_nothing_changes_any_more_is_right():
    assert_passed(check_training(in_numpy(
        "new = theta - rate * g\n        if (new == theta).all(): break\n        theta = new")))


# --- the way that the text asks for -----------------------------------------------------------


def leaf_without_autograd(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    for _ in range(steps):
        with torch.no_grad():
            slope = 2 * (cubic(coefficients, x) - y)
            coefficients.grad = torch.stack([(slope * x**k).sum() for k in range(4)])
            coefficients -= rate * coefficients.grad
    return coefficients.detach()


def by_func(x, y, start, rate, steps):
    gradient = torch.func.grad(lambda c: ((cubic(c, x) - y) ** 2).sum())
    coefficients = start.clone()
    for _ in range(steps):
        coefficients = coefficients - rate * gradient(coefficients)
    return coefficients


def test_autograd_must_be_used_where_it_is_asked_for():
    by_hand_words = "worked out by hand"
    assert_refused(check_training(leaf_without_autograd, library="torch"), by_hand_words)
    assert_refused(check_training(by_hand, library="torch", gradient="autograd"), by_hand_words)
    for answer in (autograd, four_leaves, linear_layer, by_func):
        assert_passed(check_training(answer, library="torch", gradient="autograd"))


def adam_by_hand(x, y, start, rate, steps):
    theta, first, second = start.clone(), torch.zeros_like(start), torch.zeros_like(start)
    for t in range(1, steps + 1):
        slope = 2 * (cubic(theta, x) - y)
        g = torch.stack([(slope * x**k).sum() for k in range(4)])
        first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g**2
        theta = theta - rate * first / (1 - 0.9**t) / (
            (second / (1 - 0.999**t)).sqrt() + 1e-8)
    return theta


def momentum_of_torch(x, y, start, rate, steps):
    return with_optimiser(momentum)(
        *(torch.from_numpy(array) for array in (x, y, start)), rate, steps).numpy()


def test_an_optimiser_must_be_used_or_must_not():
    assert_refused(check_training(adam_by_hand, "adam", library="torch"), "made by hand")
    assert_refused(check_training(momentum_of_torch, "momentum"), "made by `torch.optim`")


def test_adam_hands_back_one_tensor():
    assert_refused(check_training(lambda *given: with_optimiser(adam)(*given).tolist(), "adam",
                                  library="torch"), "one tensor of shape (4,) is wanted")


def test_another_epsilon_is_not_taken_for_the_mean():
    def with_epsilon(x, y, start, rate, steps):
        theta = start.clone().requires_grad_()
        optimiser = torch.optim.Adam([theta], lr=rate, eps=1e-6)
        for _ in range(steps):
            optimiser.zero_grad()
            ((sum(theta[k] * x**k for k in range(4)) - y) ** 2).sum().backward()
            optimiser.step()
        return theta.detach()

    verdict = check_training(with_epsilon, optimiser="adam", library="torch")
    assert_refused(verdict, "eps = 1e-6")
