import math
import subprocess
import sys

import numpy
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from polylab.batches import draw_batches
from polylab.data import FIRST_GUESS, sine_samples
from polylab.descent import ENDS, NEAR, OPTIMISERS, SCHEDULES, LeastSquares, schedule_factors
from polylab.polynomial import BASES, best_fit, features

X, Y = sine_samples()
CUBIC = LeastSquares(features(X), Y)
ZEROS = (0, 0, 0, 0)
TARGETS = {
    "sine": numpy.sin,
    "absolute value": numpy.abs,
    "exponential": numpy.exp,
    "square wave": lambda x: numpy.where(x < 0, -1.0, 1.0),
    "cube": lambda x: x**3,
}
PROBLEMS = st.builds(
    lambda basis, degree, target, count, reduction: data_and_problem(
        basis, degree, TARGETS[target], count, reduction
    ),
    st.sampled_from(BASES), st.integers(0, 4), st.sampled_from(sorted(TARGETS)),
    st.integers(6, 40), st.sampled_from(["sum", "mean"]),
)
SEEDS = st.integers(0, 2**32 - 1)
fifty = settings(max_examples=50)


def data_and_problem(basis, degree, target, count, reduction):
    x, _ = sine_samples(count)
    matrix, y = features(x, degree, basis), target(x)
    return matrix, y, LeastSquares(matrix, y, reduction)


def random_start(problem, seed):
    return numpy.random.default_rng(seed).standard_normal(len(problem.optimum))


def loop_over_data(matrix, y, reduction, start, rate, steps, momentum=0.0):
    """Train on the data themselves, as a learner's loop does."""
    divisor = 1 if reduction == "sum" else len(y)
    theta, velocity = numpy.array(start, dtype=float), 0.0
    losses, path = [], []
    for step in range(steps + 1):
        residual = matrix @ theta - y
        losses.append(residual @ residual / divisor)
        path.append(theta.copy())
        if step < steps:
            velocity = momentum * velocity + 2 * residual @ matrix / divisor
            theta -= rate * velocity
    return numpy.array(losses), numpy.array(path)


def notebook_loop(x, y, start, rate, steps):
    """The loop of notebook 03: powers of x, four sums."""
    a, b, c, d = start
    square, cube = x**2, x**3
    losses = []
    for _ in range(steps):
        error = a + b * x + c * square + d * cube - y
        losses.append(numpy.square(error).sum())
        slope = 2 * error
        a -= rate * slope.sum()
        b -= rate * (slope * x).sum()
        c -= rate * (slope * square).sum()
        d -= rate * (slope * cube).sum()
    error = a + b * x + c * square + d * cube - y
    return numpy.array([*losses, numpy.square(error).sum()]), numpy.array([a, b, c, d])


def torch_loops(runs, steps):
    """Train on the data with torch.optim and autograd, in float64, many runs side by side.

    ``runs`` holds (optimiser, start, settings). Their losses are added up, so that one way back
    through the graph gives each its own gradient. Returns the losses and the path of each run.
    """
    matrix, y = torch.from_numpy(features(X)), torch.from_numpy(Y)
    thetas = [torch.tensor(start, dtype=torch.float64, requires_grad=True)
              for _, start, _ in runs]
    updates = [optimiser([theta], **settings)
               for (optimiser, _, settings), theta in zip(runs, thetas, strict=True)]
    losses, paths = [], []
    for step in range(steps + 1):
        each = torch.stack([(matrix @ theta - y).square().sum() for theta in thetas])
        losses.append(each.tolist())
        paths.append([theta.tolist() for theta in thetas])
        if step < steps:
            gradients = torch.autograd.grad(each.sum(), thetas)
            for theta, gradient, update in zip(thetas, gradients, updates, strict=True):
                theta.grad = gradient
                update.step()
    return list(zip(numpy.array(losses).T, numpy.moveaxis(numpy.array(paths), 0, 1), strict=True))


# The problem


@fifty
@given(PROBLEMS, SEEDS)
def test_the_bowl_agrees_with_the_data(problem, seed):
    matrix, y, problem = problem
    divisor = 1 if problem.reduction == "sum" else len(y)
    theta = torch.tensor(random_start(problem, seed), requires_grad=True)

    def loss(coefficients):
        residual = torch.from_numpy(matrix) @ coefficients - torch.from_numpy(y)
        return residual.square().sum() / divisor

    value = loss(theta)
    value.backward()
    assert_allclose(problem.loss(theta.detach().numpy()), value.item(), rtol=1e-9)
    assert_allclose(problem.gradient(theta.detach().numpy()), theta.grad, rtol=1e-7,
                    atol=1e-9 * abs(theta.grad).max().item())
    hessian = torch.autograd.functional.hessian(loss, theta.detach())
    assert_allclose(problem.hessian, hessian, rtol=1e-9, atol=1e-12 * hessian.abs().max())


@fifty
@given(PROBLEMS)
def test_optimum_floor_and_modes_agree_with_lapack(problem):
    matrix, y, problem = problem
    divisor = 1 if problem.reduction == "sum" else len(y)
    best, residual, _, _ = numpy.linalg.lstsq(matrix, y)
    assert_allclose(problem.optimum, best, atol=1e-10)
    assert_allclose(problem.floor, residual[0] / divisor, atol=1e-20 * divisor)
    values, vectors = problem.eigenvalues, problem.eigenvectors
    assert_allclose(values, numpy.linalg.eigvalsh(problem.hessian), rtol=1e-8)
    assert_allclose(problem.hessian @ vectors, vectors * values, atol=1e-10 * values[-1])
    assert_allclose(vectors.T @ vectors, numpy.eye(len(values)), atol=1e-12)
    assert (numpy.take_along_axis(vectors, abs(vectors).argmax(0)[None], 0) > 0).all()


def test_floor_keeps_its_digits_when_it_is_tiny_beside_the_data():
    noise = 1e-6 * numpy.where(numpy.arange(2000) % 2, 1.0, -1.0)
    problem = LeastSquares(features(X), 1e3 * X**3 + noise)
    assert_allclose(problem.floor, LeastSquares(features(X), noise).floor, rtol=1e-4)


def test_loss_takes_many_sets_of_coefficients_at_once():
    many = numpy.random.default_rng(0).standard_normal((2, 3, 4))
    losses = CUBIC.loss(many)
    assert losses.shape == (2, 3)
    assert_allclose(losses[1, 2], CUBIC.loss(many[1, 2]), rtol=1e-14)
    assert_allclose(CUBIC.gradient(many)[1, 2], CUBIC.gradient(many[1, 2]))
    assert CUBIC.loss((0, math.inf, 0, 0)) == math.inf
    assert CUBIC.loss((0, 1e200, -1e200, 0)) == math.inf


def test_single_precision_data_are_read_exactly():
    x, y = X.astype(numpy.float32), Y.astype(numpy.float32)
    single = LeastSquares(features(x), y)
    double = LeastSquares(features(x).astype(numpy.float64), y.astype(numpy.float64))
    assert single.hessian.dtype == numpy.float64
    assert_array_equal(single.optimum, double.optimum)
    assert single.floor == double.floor


def test_nothing_that_is_handed_out_can_be_changed():
    run = CUBIC.descend(FIRST_GUESS, 1e-6, 5)
    for array in (CUBIC.hessian, CUBIC.optimum, CUBIC.eigenvalues, CUBIC.eigenvectors, run.start,
                  run.losses, run.coefficients, run.amplitudes, run.factors):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    rates = numpy.array([1e-6, 2e-6])
    run = CUBIC.descend(FIRST_GUESS, rates, 5)
    rates[:] = 1
    assert_array_equal(run.rate, [1e-6, 2e-6])


# Plain descent and heavy ball


@pytest.mark.parametrize(
    ("rate", "tolerance"), [(1e-6, 1e-12), (3.55e-6, 1e-12), (3.6e-6, 1e-11)]
)
def test_closed_form_equals_the_loop_of_notebook_03(rate, tolerance):
    losses, last = notebook_loop(X, Y, FIRST_GUESS, rate, 2000)
    run = CUBIC.descend(FIRST_GUESS, rate, 2000)
    assert run.losses.shape == (2001,)
    assert run.coefficients.shape == (2001, 4)
    assert_allclose(run.losses, losses, rtol=tolerance)
    assert_allclose(run.coefficients[-1], last, atol=tolerance * abs(last).max())


@fifty
@given(PROBLEMS, SEEDS, st.floats(0.01, 1.2), st.floats(0, 0.99), st.integers(0, 150))
def test_closed_forms_equal_a_loop_over_the_data(problem, seed, share, momentum, steps):
    matrix, y, problem = problem
    start = random_start(problem, seed)
    rate = share * problem.largest_stable_rate * (1 + momentum)
    for optimiser, inertia in (("sgd", {}), ("momentum", {"momentum": momentum})):
        run = problem.descend(start, rate, steps, optimiser, **inertia)
        losses, path = loop_over_data(matrix, y, problem.reduction, start, rate, steps, **inertia)
        assert_allclose(run.losses, losses, rtol=1e-8, atol=1e-12 * losses.max())
        assert_allclose(run.coefficients, path, rtol=1e-8, atol=1e-9 * abs(path).max())


@pytest.mark.parametrize("momentum", [0.0, 1e-300, 1e-9, 0.25, 0.5, 0.81, 0.9, 0.99, 0.999])
@pytest.mark.parametrize("place", [
    "slow", "fast", "factor 0", "at the limit", "beyond", "far beyond",
    "equal roots, low", "just above", "just below", "equal roots, high",
])
def test_one_mode_under_heavy_ball_follows_its_recurrence(momentum, place):
    low, high = (1 - math.sqrt(momentum)) ** 2, (1 + math.sqrt(momentum)) ** 2
    product = {
        "slow": 1e-3 * (1 - momentum), "fast": 0.7, "factor 0": 1.0, "at the limit":
        2 * (1 + momentum), "beyond": 2.02 * (1 + momentum), "far beyond": 7.0,
        "equal roots, low": low, "just above": low * (1 + 1e-9), "just below": low * (1 - 1e-9),
        "equal roots, high": high,
    }[place]
    problem = LeastSquares(numpy.ones((1, 1)), numpy.zeros(1))  # one mode, λ = 2, optimum 0
    run = problem.descend((1.0,), product / 2, 150, "momentum", momentum=momentum)
    expected = [numpy.longdouble(1)] * 2  # z₋₁ and z₀
    for _ in range(150):
        factor = 1 + numpy.longdouble(momentum) - numpy.longdouble(product)
        expected.append(factor * expected[-1] - numpy.longdouble(momentum) * expected[-2])
    expected = numpy.array(expected[1:], dtype=float)
    scale = numpy.maximum.accumulate(abs(expected[::-1]))[::-1]  # how much is still to come
    assert (abs(run.amplitudes[:, 0] - expected) <= 1e-9 * scale + 1e-15).all()
    assert_allclose(run.losses, expected**2, rtol=1e-8, atol=1e-15)


def test_equal_roots_have_a_factor_of_t():
    problem = LeastSquares(numpy.ones((1, 1)), numpy.zeros(1))
    run = problem.descend((1.0,), 1 / 8, 60, "momentum", momentum=0.25)  # both roots are ½
    t = numpy.arange(61)
    assert_allclose(run.coefficients[:, 0], 0.5**t * (1 + t / 2), rtol=1e-13)
    assert_array_equal(run.factors, [0.5])


@fifty
@given(PROBLEMS, SEEDS, st.floats(0.01, 2), st.floats(0, 0.99))
def test_factors_are_the_eigenvalues_of_one_step(problem, seed, share, momentum):
    _, _, problem = problem
    start = random_start(problem, seed)
    rate = share * problem.largest_stable_rate
    step = numpy.eye(len(start)) - rate * problem.hessian
    plain = problem.descend(start, rate, 1).factors
    assert_allclose(numpy.sort(plain), numpy.linalg.eigvalsh(step), rtol=1e-7, atol=1e-8)
    heavy = problem.descend(start, rate, 1, "momentum", momentum=momentum).factors
    for curvature, factor in zip(problem.eigenvalues, heavy, strict=True):
        roots = numpy.roots([1, -(1 + momentum - rate * curvature), momentum])
        assert_allclose(abs(factor), abs(roots).max(), rtol=1e-6, atol=1e-9)
        assert abs(roots - factor).min() < 1e-6
        assert factor.imag >= 0


@fifty
@given(PROBLEMS, SEEDS, st.floats(0.01, 1))
def test_loss_never_rises_up_to_the_limit_of_plain_descent(problem, seed, share):
    _, _, problem = problem
    losses = problem.descend(
        random_start(problem, seed), share * problem.largest_stable_rate, 200
    ).losses
    assert (numpy.diff(losses) <= 1e-9 * losses[:-1]).all()
    assert (losses >= problem.floor).all()


@pytest.mark.parametrize("basis", BASES)
def test_best_rates_shrink_the_slowest_mode_fastest(basis):
    problem = LeastSquares(features(X, basis=basis), Y)

    def slowest(rate, **inertia):
        optimiser = "momentum" if inertia else "sgd"
        return abs(problem.descend(FIRST_GUESS, rate, 0, optimiser, **inertia).factors).max()

    plain = slowest(problem.best_rate)
    assert_allclose(plain, (problem.condition_number - 1) / (problem.condition_number + 1),
                    atol=1e-12)
    rate, momentum = problem.best_heavy_ball
    heavy = slowest(rate, momentum=momentum)
    assert_allclose(heavy, math.sqrt(momentum), rtol=1e-6, atol=1e-12)
    assert heavy <= plain
    for nudge in (0.99, 1.01):
        assert slowest(nudge * problem.best_rate) > plain
        assert slowest(nudge * rate, momentum=momentum) > heavy
    for other in (momentum * 0.99 - 1e-3, momentum * 1.01 + 1e-3):
        assert other < 0 or slowest(rate, momentum=other) > heavy


# torch.optim, on the data, in float64

TORCH = {
    "sgd": torch.optim.SGD, "momentum": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam,
}


RUNS = [
    ("sgd", FIRST_GUESS, 1e-6, {}),
    ("sgd", (1, 1, 1, 1), 3.5e-6, {}),
    ("momentum", FIRST_GUESS, 1e-6, {"momentum": 0.9}),
    ("momentum", (1, 1, 1, 1), 6e-6, {"momentum": 0.8}),
    ("rmsprop", (1, 1, 1, 1), 1e-3, {}),
    ("rmsprop", (1, 1, 1, 1), 3e-4, {"alpha": 0.9, "eps": 1.0}),
    ("rmsprop", FIRST_GUESS, 1e-2, {"alpha": 0.9, "eps": 1e4}),
    ("adam", FIRST_GUESS, 1e-3, {}),
    ("adam", FIRST_GUESS, 1e-2, {}),
    ("adam", FIRST_GUESS, 0.1, {}),
    ("adam", FIRST_GUESS, 1e-3, {"betas": (0.8, 0.99), "eps": 1e-2}),
    ("adam", FIRST_GUESS, 1e-2, {"betas": (0.8, 0.99), "eps": 1e3}),
]


@pytest.fixture(scope="module")
def by_torch():
    return torch_loops([(TORCH[optimiser], start, {"lr": rate, **settings})
                        for optimiser, start, rate, settings in RUNS], 2000)


@pytest.mark.parametrize("number", range(len(RUNS)))
def test_every_optimiser_equals_torch_for_2000_steps(by_torch, number):
    optimiser, start, rate, settings = RUNS[number]
    losses, path = by_torch[number]
    run = CUBIC.descend(start, rate, 2000, optimiser, **settings)
    assert_allclose(run.losses, losses, rtol=1e-9)
    assert_allclose(run.coefficients, path, rtol=1e-9, atol=1e-9)


def test_once_rmsprop_bounces_rounding_decides_and_torch_disagrees_with_itself():
    nudged = (*FIRST_GUESS[:3], FIRST_GUESS[3] * (1 + 1e-14))
    (losses, _), (again, _) = torch_loops(
        [(torch.optim.RMSprop, start, {"lr": 1e-3}) for start in (FIRST_GUESS, nudged)], 2000)
    assert abs(again / losses - 1).max() > 1e-6
    stable = numpy.logical_and.accumulate(abs(again / losses - 1) < 1e-11).sum()
    assert stable > 1500
    run = CUBIC.descend(FIRST_GUESS, 1e-3, 2000, "rmsprop")
    assert_allclose(run.losses[:stable], losses[:stable], rtol=1e-9)


def test_defaults_are_those_of_torch():
    parameter = [torch.zeros(1, requires_grad=True)]
    rmsprop = torch.optim.RMSprop(parameter).defaults
    adam = torch.optim.Adam(parameter).defaults
    for optimiser, expected in (
        ("sgd", {}), ("momentum", {"momentum": 0.9}),
        ("rmsprop", {"alpha": rmsprop["alpha"], "eps": rmsprop["eps"]}),
        ("adam", {"betas": adam["betas"], "eps": adam["eps"]}),
    ):
        assert CUBIC.descend(FIRST_GUESS, 1e-3, 1, optimiser).settings == expected


# Trajectories


@fifty
@given(PROBLEMS, SEEDS, st.sampled_from(OPTIMISERS), st.integers(0, 60))
def test_many_rates_equal_one_at_a_time(problem, seed, optimiser, steps):
    _, _, problem = problem
    start = random_start(problem, seed)
    rates = numpy.array([0.1, 0.9, 1.1]) * problem.largest_stable_rate
    runs = problem.descend(start, rates, steps, optimiser)
    k = len(start)
    assert runs.losses.shape == (3, steps + 1)
    assert runs.coefficients.shape == runs.amplitudes.shape == (3, steps + 1, k)
    for i, rate in enumerate(rates):
        run = problem.descend(start, float(rate), steps, optimiser)
        scale = 1e-9 * run.losses.max()
        assert_allclose(runs.losses[i], run.losses, rtol=1e-9, atol=scale)
        assert_allclose(runs.coefficients[i], run.coefficients, rtol=1e-7, atol=1e-7)
        assert_allclose(runs.amplitudes[i], run.amplitudes, rtol=1e-7, atol=1e-7)
        if optimiser in ("sgd", "momentum"):
            assert_array_equal(runs.factors[i], run.factors)
            assert runs.swings[i] == run.swings
            assert runs.end[i] == run.end


@fifty
@given(PROBLEMS, SEEDS, st.sampled_from(OPTIMISERS), st.floats(0.01, 1.5), st.integers(0, 60))
def test_coefficients_amplitudes_and_losses_tell_one_story(
    problem, seed, optimiser, share, steps
):
    _, _, problem = problem
    run = problem.descend(
        random_start(problem, seed), share * problem.largest_stable_rate, steps, optimiser
    )
    size = abs(run.coefficients).max()
    assert_allclose(run.coefficients[0], run.start, atol=1e-12 * size)
    assert_allclose(
        run.amplitudes, (run.coefficients - problem.optimum) @ problem.eigenvectors,
        atol=1e-12 * size,
    )
    assert_allclose(run.losses, problem.loss(run.coefficients), rtol=1e-9,
                    atol=1e-9 * problem.floor + 1e-12 * run.losses.max())


@fifty
@given(PROBLEMS, SEEDS, st.floats(0.1, 1.1), st.sampled_from(["sgd", "momentum"]))
def test_the_mean_needs_a_rate_n_times_larger(problem, seed, share, optimiser):
    matrix, y, _ = problem
    n = len(y)
    total, mean = LeastSquares(matrix, y, "sum"), LeastSquares(matrix, y, "mean")
    assert_allclose(mean.largest_stable_rate, n * total.largest_stable_rate)
    assert_allclose(mean.floor, total.floor / n)
    start, rate = random_start(total, seed), share * total.largest_stable_rate
    by_sum = total.descend(start, rate, 50, optimiser)
    by_mean = mean.descend(start, n * rate, 50, optimiser)
    assert_allclose(by_mean.losses, by_sum.losses / n, rtol=1e-9, atol=1e-12 * by_sum.losses.max())
    assert_allclose(by_mean.coefficients, by_sum.coefficients, rtol=1e-9,
                    atol=1e-9 * abs(by_sum.coefficients).max())


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize("rate", [1e-2, 1.0, 1e100, 1e160, 1e308])
def test_overflow_gives_inf_from_there_on_in_silence(basis, optimiser, rate):
    problem = LeastSquares(features(X, basis=basis), Y)
    run = problem.descend(FIRST_GUESS, rate, 500, optimiser)
    for array in (run.losses[:, None], run.coefficients, run.amplitudes):
        assert not numpy.isnan(array).any()
    infinite = numpy.isinf(run.losses)
    assert not infinite[0]
    assert (numpy.diff(infinite.astype(int)) >= 0).all()
    assert run.losses.min() >= problem.floor
    if optimiser in ("sgd", "momentum"):
        assert infinite[-1]
        assert numpy.isinf(run.coefficients[-1]).all()
    if infinite[-1]:
        assert run.end == "gone"
        assert problem.loss(run.coefficients[-1]) == math.inf


@pytest.mark.parametrize("optimiser", ["sgd", "momentum"])
def test_overflow_comes_when_the_loop_overflows(optimiser):
    inertia = {"momentum": 0.5} if optimiser == "momentum" else {}
    run = CUBIC.descend(FIRST_GUESS, 1e-5, 400, optimiser, **inertia)
    with numpy.errstate(all="ignore"):
        losses, _ = loop_over_data(features(X), Y, "sum", FIRST_GUESS, 1e-5, 400, **inertia)
    assert abs(numpy.isfinite(run.losses).sum() - numpy.isfinite(losses).sum()) <= 1
    assert 10 < numpy.isfinite(run.losses).sum() < 400


def test_a_loss_that_overflowed_stays_inf_even_if_the_run_comes_back():
    flat = LeastSquares(numpy.full((2, 1), 1e-6), numpy.zeros(2))
    run = flat.descend((1.0,), 2e160, 2000, "adam")
    again = flat.loss(run.coefficients)
    first = numpy.isinf(again).argmax()
    assert 0 < first < 5
    assert numpy.isfinite(again[-1])
    assert (run.losses[first:] == math.inf).all()


def test_absent_modes_stay_absent_however_large_the_rate():
    for optimiser in OPTIMISERS:
        run = CUBIC.descend(CUBIC.optimum, 1.0, 500, optimiser)
        assert_array_equal(run.losses, numpy.full(501, CUBIC.floor))
        assert_array_equal(run.coefficients, numpy.tile(CUBIC.optimum, (501, 1)))
        assert (run.swings, run.end) == (False, "at the floor")
        assert run.steps_to() == 0


def test_a_run_is_computed_only_when_it_is_asked_for():
    run = CUBIC.descend(FIRST_GUESS, 1e-6, 10**15)
    assert run.steps == 10**15
    assert_allclose(run.factors, 1 - 1e-6 * CUBIC.eigenvalues)


def test_steps_to_is_the_first_loss_that_is_low_enough():
    run = CUBIC.descend(FIRST_GUESS, 3e-6, 2000)
    low = [t for t, loss in enumerate(run.losses) if loss <= 1.01 * CUBIC.floor]
    assert run.steps_to() == low[0] > 0
    assert run.steps_to(2) < run.steps_to(1.01)
    assert run.steps_to(1e6) == 0
    assert CUBIC.descend(FIRST_GUESS, 1e-6, 2000).steps_to() == math.inf
    many = CUBIC.descend(FIRST_GUESS, numpy.array([1e-6, 3e-6]), 2000)
    assert_array_equal(many.steps_to(), [math.inf, low[0]])


def test_repr_is_one_line_that_says_what_happened():
    assert repr(CUBIC) == (
        "LeastSquares(4 coefficients, sum: floor 8.81717, largest stable rate 3.55795e-06)"
    )
    assert repr(CUBIC.descend(FIRST_GUESS, 1e-6, 2000)) == (
        "Trajectory(sgd, rate 1e-06, 2000 steps: nothing swings, short of it, "
        "loss 215794 to 12.2744)"
    )
    assert repr(CUBIC.descend(FIRST_GUESS, numpy.array([1e-3, 1e-2]), 7, "adam")) == (
        "Trajectory(adam, 2 rates from 0.001 to 0.01, 7 steps)"
    )


# Does anything swing, and where does it end?


@pytest.mark.parametrize(("optimiser", "start", "rate", "swings", "end"), [
    ("sgd", FIRST_GUESS, 1e-6, False, "short of it"),
    ("sgd", FIRST_GUESS, 1.75e-6, False, "at the floor"),
    ("sgd", FIRST_GUESS, 1.8e-6, True, "at the floor"),
    ("sgd", FIRST_GUESS, 3.55e-6, True, "at the floor"),
    ("sgd", FIRST_GUESS, 3.56e-6, True, "gone"),
    ("momentum", FIRST_GUESS, 1e-9, False, "short of it"),
    ("momentum", FIRST_GUESS, 1e-6, True, "at the floor"),
    ("momentum", FIRST_GUESS, 6.77e-6, True, "gone"),
    ("rmsprop", FIRST_GUESS, 1e-4, False, "short of it"),
    ("rmsprop", FIRST_GUESS, 1e-2, True, "short of it"),
    ("rmsprop", (0, 0, 0, 0), 1.0, True, "gone"),
    ("adam", FIRST_GUESS, 1e-3, False, "short of it"),
    ("adam", FIRST_GUESS, 1e-2, False, "at the floor"),
    ("adam", FIRST_GUESS, 0.1, True, "at the floor"),
])
def test_two_answers_after_2000_steps(optimiser, start, rate, swings, end):
    run = CUBIC.descend(start, rate, 2000, optimiser)
    assert (run.swings, run.end) == (swings, end)
    many = CUBIC.descend(start, numpy.array([rate, rate]), 2000, optimiser)
    assert_array_equal(many.swings, [swings, swings])
    assert_array_equal(many.end, [end, end])


def test_each_answer_holds_on_a_good_part_of_what_is_interesting():
    rates = numpy.geomspace(0.05, 2.2, 200) * CUBIC.largest_stable_rate
    runs = CUBIC.descend(FIRST_GUESS, rates, 2000)
    assert 0.15 < runs.swings.mean() < 0.85
    for end in ENDS:
        assert (runs.end == end).mean() > 0.15


@fifty
@given(PROBLEMS, SEEDS, st.floats(0.01, 1.3), st.integers(1, 40), st.sampled_from([0.0, 0.8]))
def test_answers_follow_from_a_loop_over_the_data(problem, seed, share, steps, momentum):
    matrix, y, problem = problem
    assume(abs(share - 1) > 1e-3)
    start = random_start(problem, seed)
    rate = share * problem.largest_stable_rate * (1 + momentum)
    losses, path = loop_over_data(matrix, y, problem.reduction, start, rate, steps, momentum)
    modes = (path - problem.optimum) @ problem.eigenvectors
    heights = problem.eigenvalues * modes**2 / 2
    visible = 0.01 * problem.floor + problem.rounding
    swings = (modes[1:] * modes[:-1] < 0) & (heights[1:] > visible)
    swings &= abs(modes[:-1]) > 1e-9 * abs(modes[0]).max()
    assume((abs(heights / visible - 1) > 1e-6).all())
    assume(abs(losses[-1] / (1.01 * problem.floor + problem.rounding) - 1) > 1e-6)
    inertia = {"momentum": momentum} if momentum else {}
    run = problem.descend(start, rate, steps, "momentum" if momentum else "sgd", **inertia)
    assert run.swings == swings.any()
    present = abs(modes[0]) > 1e-9 * abs(modes[0]).max()
    limits = 2 * (1 + momentum) / problem.eigenvalues
    if losses[-1] > losses[0] or ((rate > limits) & present).any():
        assert run.end == "gone"
    elif losses[-1] < 1.01 * problem.floor + problem.rounding:
        assert run.end == "at the floor"
    else:
        assert run.end == "short of it"


@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
def test_the_limit_itself_is_not_beyond_the_limit(momentum):
    slow, fast = CUBIC.eigenvectors[:, 0], CUBIC.eigenvectors[:, -1]
    start = CUBIC.optimum + slow + 1e-3 * fast  # the loss falls while the fast mode grows
    run = CUBIC.descend(start, 1e-6, 10, "momentum", momentum=momentum)
    assert_allclose(run.largest_stable_rate, 2 * (1 + momentum) / CUBIC.eigenvalues[-1])
    for rate, end in ((run.largest_stable_rate, "short of it"),
                      (run.largest_stable_rate * (1 + 1e-12), "short of it"),
                      (run.largest_stable_rate * (1 + 1e-8), "gone")):
        assert CUBIC.descend(start, rate, 10, "momentum", momentum=momentum).end == end
    beyond = run.largest_stable_rate * 1.001
    long = CUBIC.descend(FIRST_GUESS, beyond, 20_000, "momentum", momentum=momentum)
    assert long.losses[-1] > 10 * long.losses[0]


def test_momentum_makes_the_loss_swing_where_plain_descent_does_not():
    plain = CUBIC.descend(FIRST_GUESS, 1e-6, 2000)
    heavy = CUBIC.descend(FIRST_GUESS, 1e-6, 2000, "momentum")
    assert (numpy.diff(plain.losses) <= 0).all()
    assert (numpy.diff(heavy.losses) > 0.01 * heavy.losses[:-1]).any()
    assert (plain.swings, heavy.swings) == (False, True)


def test_a_swing_that_nobody_can_see_is_none():
    # At 1/λmax the fastest mode lands at the lowest point; a hair above, it lands just beyond it.
    landing = 1 / CUBIC.eigenvalues[-1]
    assert not CUBIC.descend(FIRST_GUESS, landing * 1.0001, 2000).swings
    assert CUBIC.descend(FIRST_GUESS, landing * 1.01, 2000).swings


def test_rmsprop_from_zeros_ends_bouncing_between_two_points():
    run = CUBIC.descend(ZEROS, 1e-3, 8000, "rmsprop")
    assert_allclose(run.coefficients[-1], run.coefficients[-3], rtol=1e-6)
    assert abs(run.coefficients[-1] - run.coefficients[-2]).max() > 1e-4
    assert_allclose(run.losses[-1], run.losses[-2], rtol=1e-6)


def test_a_run_that_starts_above_the_limit_is_judged_by_its_last_step():
    rate = 1.002 * CUBIC.largest_stable_rate
    assert CUBIC.descend(FIRST_GUESS, rate, 2000).end == "gone"
    assert CUBIC.descend(FIRST_GUESS, rate, 2000, schedule="cosine").end == "at the floor"
    short = CUBIC.descend(ZEROS, rate, 20, schedule="constant")
    assert short.losses[-1] < short.losses[0]
    assert short.end == "gone"
    assert CUBIC.descend(ZEROS, rate, 20, schedule="step").end == "short of it"


def test_a_fit_without_error_can_be_reached():
    problem = LeastSquares(features(X, basis="legendre"), X**3)
    assert problem.floor < 1e-20
    run = problem.descend((0, 0, 0, 0), 0.5 / 4001, 8000)
    assert run.end == "at the floor"
    assert 0 < run.steps_to() < 8000
    assert 1.01 * problem.floor < run.losses[run.steps_to()] < 1e-15 * X**3 @ X**3


def test_zero_steps_are_a_run_too():
    for optimiser in OPTIMISERS:
        run = CUBIC.descend(FIRST_GUESS, 1e-9, 0, optimiser)
        assert_allclose(run.losses, [CUBIC.loss(FIRST_GUESS)])
        assert_allclose(run.coefficients, [FIRST_GUESS])
        assert (run.swings, run.end) == (False, "short of it")


def test_a_mode_that_is_there_by_rounding_only_is_not_present_and_swings_nothing():
    # From zeros the sine needs the odd modes only; the even ones have λ = 1,728 and 80,356.
    run = CUBIC.descend((0, 0, 0, 0), 1e-6, 2000)
    assert_array_equal(run.is_present, [False, True, False, True])
    assert_array_equal(CUBIC.descend(FIRST_GUESS, 1e-6, 2000).is_present, [True] * 4)
    assert not CUBIC.descend(CUBIC.optimum, 1e-6, 2000).is_present.any()
    even = LeastSquares(features(X), abs(X))
    noisy = LeastSquares(features(X, basis="legendre"), abs(X)).descend(
        ZEROS, 0.07, 2, "rmsprop", batch=1000, seed=1)
    assert abs(noisy.amplitudes[0, 0]) < 1e-12 < 0.1 < abs(noisy.amplitudes[1, 0])
    assert not noisy.swings
    assert not even.descend(ZEROS, 3e-6, 2000).swings
    assert even.descend(ZEROS, 3.6e-6, 20).end == "short of it"
    assert even.descend(FIRST_GUESS, 3e-6, 2000).swings
    assert even.descend(FIRST_GUESS, 3.6e-6, 20).end == "gone"


# Mini-batches and schedules


def loop_over_batches(matrix, y, start, rates, batches, make):
    """Train with torch on the rows of each batch, in float64; rates are those of the steps."""
    matrix, y = torch.from_numpy(matrix), torch.from_numpy(y)
    theta = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    update = make([theta])
    losses, path = [], []
    for rate, rows in zip([*rates, None], [*batches, None], strict=True):
        losses.append((matrix @ theta - y).square().sum().item())
        path.append(theta.tolist())
        if rows is not None:
            update.param_groups[0]["lr"] = rate
            update.zero_grad()
            ((matrix[rows] @ theta - y[rows]).square().mean() * len(y)).backward()
            update.step()
    return numpy.array(losses), numpy.array(path)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("optimiser", "rate"), [
    ("sgd", 2e-6), ("momentum", 5e-7), ("rmsprop", 1e-3), ("adam", 1e-2),
])
@pytest.mark.parametrize(("batch", "replacement"), [(None, False), (64, False), (7, True)])
def test_batches_and_schedules_equal_torch_on_the_same_points(
    schedule, optimiser, rate, batch, replacement
):
    steps, warmup = 120, 10
    make = {
        "sgd": lambda it: torch.optim.SGD(it), "momentum": lambda it: torch.optim.SGD(
            it, momentum=0.9), "rmsprop": torch.optim.RMSprop, "adam": torch.optim.Adam,
    }[optimiser]
    batches = (draw_batches(2000, batch, steps, 5, replacement) if batch
               else [numpy.arange(2000)] * steps)
    rates = rate * schedule_factors(schedule, steps, warmup)
    losses, path = loop_over_batches(features(X), Y, FIRST_GUESS, rates, batches, make)
    run = CUBIC.descend(FIRST_GUESS, rate, steps, optimiser, schedule=schedule, warmup=warmup,
                        batch=batch, replacement=replacement, seed=5)
    assert_allclose(run.losses, losses, rtol=1e-8)
    assert_allclose(run.coefficients, path, rtol=1e-8, atol=1e-10)
    assert_allclose(run.losses, CUBIC.loss(run.coefficients), rtol=1e-9)
    mean = LeastSquares(features(X), Y, "mean").descend(
        FIRST_GUESS, 2000 * rate, steps, "sgd", schedule=schedule, warmup=warmup, batch=batch,
        replacement=replacement, seed=5)
    if optimiser == "sgd":
        assert_allclose(mean.losses, losses / 2000, rtol=1e-8)


@pytest.mark.parametrize(("schedule", "make"), [
    ("constant", lambda it, _: torch.optim.lr_scheduler.ConstantLR(it, factor=1.0)),
    ("step", lambda it, left: torch.optim.lr_scheduler.StepLR(it, -(-left // 3), gamma=0.1)),
    ("cosine", lambda it, left: torch.optim.lr_scheduler.CosineAnnealingLR(it, T_max=left)),
    ("1/t", lambda it, left: torch.optim.lr_scheduler.LambdaLR(
        it, lambda t: 1 / (1 + 10 * t / left))),
])
@pytest.mark.parametrize(("steps", "warmup"), [(100, 0), (100, 30), (7, 1)])
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step()")
@pytest.mark.filterwarnings("ignore:The epoch parameter in")
def test_schedules_are_those_of_torch(schedule, make, steps, warmup):
    update = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    plan = make(update, steps - warmup)
    if warmup:
        rise = torch.optim.lr_scheduler.LinearLR(update, 1 / (warmup + 1), total_iters=warmup)
        plan = torch.optim.lr_scheduler.SequentialLR(update, [rise, plan], [warmup])
    rates = []
    for _ in range(steps):
        rates.append(update.param_groups[0]["lr"])
        update.step()
        plan.step()
    assert_allclose(schedule_factors(schedule, steps, warmup), rates, rtol=1e-9, atol=1e-15)


def test_a_schedule_may_be_all_warmup_or_empty():
    for schedule in SCHEDULES:
        assert schedule_factors(schedule, 0).shape == (0,)
        assert_allclose(schedule_factors(schedule, 3, 3), [0.25, 0.5, 0.75])


def test_a_batch_of_all_points_is_the_whole_run():
    whole = CUBIC.descend(FIRST_GUESS, 1e-6, 100)
    assert_array_equal(CUBIC.descend(FIRST_GUESS, 1e-6, 100, batch=2000).losses, whole.losses)
    drawn = CUBIC.descend(FIRST_GUESS, 1e-6, 100, batch=2000, replacement=True)
    assert abs(drawn.losses / whole.losses - 1).max() > 1e-3


@pytest.mark.parametrize(("batch", "replacement", "excess"), [
    (8, True, 1.14), (64, True, 0.1194), (64, False, 0.108), (256, False, 0.0208),
])
def test_facts_about_the_floor_of_noise(batch, replacement, excess):
    run = CUBIC.descend(CUBIC.optimum, 1e-6, 10_000, batch=batch, replacement=replacement)
    assert_allclose((run.losses[2000:] - CUBIC.floor).mean(), excess, rtol=0.1)


# What the course says


def test_facts_about_the_cubic():
    assert_allclose(CUBIC.optimum, [0, 0.856740843, 0, -0.0933303890], atol=5e-10)
    assert_allclose(CUBIC.optimum, best_fit(features(X), Y), atol=1e-12)
    assert_allclose(CUBIC.floor, 8.81716541, atol=5e-9)
    assert_allclose(CUBIC.eigenvalues, [1727.50065, 2065.97519, 80355.7567, 562121.936],
                    rtol=5e-9)
    assert_allclose(CUBIC.largest_stable_rate, 3.557947e-6, rtol=2e-7)
    assert_allclose(CUBIC.best_rate, 3.547046e-6, rtol=2e-7)
    assert_allclose(CUBIC.condition_number, 325.396, rtol=2e-6)
    assert_allclose(CUBIC.loss((0, 0, 0, 0)), 999.5)
    run = CUBIC.descend(FIRST_GUESS, 1e-6, 2000)
    assert_allclose(-1 / numpy.log(run.factors), [578.4, 483.5, 11.94, 1.211], rtol=5e-4)
    assert_allclose(run.amplitudes[-1, 0] / run.amplitudes[0, 0], 0.0315, atol=5e-5)
    assert_allclose(run.losses[-1], 12.27, atol=5e-3)


def test_facts_about_the_limit():
    below = CUBIC.descend((1, 1, 1, 1), 3.55e-6, 2000)
    above = CUBIC.descend((1, 1, 1, 1), 3.56e-6, 2000)
    assert_allclose(below.losses[-1], 8.8229, atol=5e-5)
    assert_allclose(above.losses[-1], 3.4e7, rtol=0.02)
    mean = LeastSquares(features(X), Y, "mean")
    assert_allclose(mean.largest_stable_rate, 7.1e-3, rtol=5e-3)
    x, y = sine_samples(1000)
    half = LeastSquares(features(x), y)
    assert_allclose(half.eigenvalues, CUBIC.eigenvalues / 2, rtol=5e-3)
    assert_allclose(half.floor, 4.42703470, atol=5e-9)
    dynamic = LeastSquares(numpy.column_stack([features(X), X**4 + X**5]), Y)
    assert_allclose(dynamic.eigenvalues[-1], 3.89414e7, rtol=2e-6)
    assert_allclose(dynamic.largest_stable_rate, 5.136e-8, rtol=1e-4)


def test_facts_about_random_starts():
    starts = numpy.random.default_rng(0).standard_normal((4000, 4))
    last = [CUBIC.descend(start, 1e-6, 2000).losses[-1] for start in starts]
    assert_allclose(numpy.percentile(last, [5, 50, 95]), [8.89, 9.72, 12.89], rtol=0.03)
    assert_allclose(numpy.mean(numpy.array(last) <= 1.01 * CUBIC.floor), 0.06, atol=0.015)


@pytest.mark.parametrize(("basis", "eigenvalues", "condition", "limit", "best", "medians"), [
    ("powers", [1727.50065, 2065.97519, 80355.7567, 562121.936], 325.4, 3.558e-6, 3.547e-6,
     (2591, 1167, 113.5)),
    ("legendre", [573.142, 801.601, 1334.67, 4000], 6.979, 5.0e-4, 4.373e-4, (10908, 23, 12)),
    ("standardised", [333.939, 4000, 4000, 7666.06], 22.96, 2.609e-4, 2.5e-4, (16746, 83, 26)),
    ("orthonormal", [4000] * 4, 1, 5e-4, 2.5e-4, (None, 1, 1)),
])
def test_facts_about_bases(basis, eigenvalues, condition, limit, best, medians):
    matrix = features(X, basis=basis)
    problem = LeastSquares(matrix, Y)
    assert_allclose(problem.eigenvalues, eigenvalues, rtol=2e-6)
    assert_allclose(problem.condition_number, condition, rtol=2e-4)
    assert_allclose(problem.largest_stable_rate, limit, rtol=2e-4)
    assert_allclose(problem.best_rate, best, rtol=2e-4)
    # The same 40 polynomials in every basis; medians over other draws differ by some 6 %.
    drawn = numpy.random.default_rng(1).standard_normal((40, 4))
    starts = [best_fit(matrix, features(X) @ start) for start in drawn]
    rate, momentum = problem.best_heavy_ball
    runs = (
        (1e-6, 40_000, "sgd", {}), (problem.best_rate, 3000, "sgd", {}),
        (rate, 500, "momentum", {"momentum": momentum}),
    )
    for median, (rate, steps, optimiser, inertia) in zip(medians, runs, strict=True):
        if median is not None:
            hits = [problem.descend(start, rate, steps, optimiser, **inertia).steps_to()
                    for start in starts]
            assert_allclose(numpy.median(hits), median, rtol=0.08, atol=1)


def test_facts_about_heavy_ball_and_the_adaptive_ones():
    rate, momentum = CUBIC.best_heavy_ball
    assert_allclose(rate, 6.388e-6, rtol=1e-4)
    assert_allclose(momentum, 0.800937, rtol=2e-6)
    starts = numpy.random.default_rng(1).standard_normal((40, 4))
    # Adam goes along each coefficient by itself, so 40 runs are one: of 40 cubics side by side.
    q, r = numpy.linalg.qr(features(X))
    side_by_side = LeastSquares(numpy.kron(numpy.eye(40), r), numpy.tile(q.T @ Y, 40))
    for rate, steps, hits in ((1e-3, 9000, 7509), (1e-2, 2500, 1772), (0.1, 400, 213)):
        run = side_by_side.descend(starts.ravel(), rate, steps, "adam")
        near = CUBIC.loss(run.coefficients.reshape(-1, 40, 4)) <= NEAR * CUBIC.floor
        first = numpy.where(near.any(0), near.argmax(0), numpy.inf)
        assert_allclose(numpy.median(first), hits, rtol=0.1)
    run = CUBIC.descend((0, 0, 0, 0), 1e-3, 8000, "rmsprop")
    far = abs(numpy.diff(run.coefficients[:200, 1]))
    assert_allclose(far[50:], 1e-3, rtol=0.5)
    assert run.losses.min() > 8.85


# What is refused

ONES = numpy.ones((5, 1))
THIRDS = numpy.column_stack([X.astype(numpy.float32), X.astype(numpy.float32) / 3])


@pytest.mark.parametrize(("arguments", "error", "message"), [
    (([[1.0]], ONES[:, 0]), TypeError, "features must be a NumPy array, got list"),
    ((torch.ones(5, 1), ONES[:, 0]), TypeError, "features must be a NumPy array, got Tensor"),
    ((ONES.astype(int), ONES[:, 0]), TypeError, "must be float32 or float64, got int64"),
    ((ONES * 1j, ONES[:, 0]), TypeError, "must be float32 or float64, got complex128"),
    ((ONES, ONES[:, 0] > 0), TypeError, "y must be float32 or float64, got bool"),
    ((ONES[:, 0], ONES[:, 0]), ValueError, r"shape \(n, k\) with n >= k >= 1, got \(5,\)"),
    ((ONES[:, :0], ONES[:, 0]), ValueError, r"n >= k >= 1, got \(5, 0\)"),
    ((numpy.ones((2, 3)), numpy.ones(2)), ValueError, r"n >= k >= 1, got \(2, 3\)"),
    ((ONES, ONES), ValueError, r"y must have shape \(5,\), got \(5, 1\)"),
    ((ONES, numpy.ones(4)), ValueError, r"y must have shape \(5,\), got \(4,\)"),
    ((ONES * math.nan, ONES[:, 0]), ValueError, "features must be finite"),
    ((ONES, ONES[:, 0] * math.inf), ValueError, "y must be finite"),
    ((numpy.ones((5, 2)), ONES[:, 0]), ValueError, "columns of rank 1 instead of 2"),
    ((THIRDS, numpy.ones(2000, numpy.float32)), ValueError, "columns of rank 1 instead of 2"),
    ((ONES * 0, ONES[:, 0]), ValueError, "columns of rank 0 instead of 1"),
    ((ONES * 1e200, ONES[:, 0]), ValueError, "squares within the range of float64"),
    ((ONES * 1e-200, ONES[:, 0]), ValueError, "squares within the range of float64"),
    ((ONES, ONES[:, 0] * 1e200), ValueError, "squares within the range of float64"),
    ((ONES, ONES[:, 0], "total"), ValueError, "reduction must be sum or mean, got 'total'"),
])
def test_problems_that_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        LeastSquares(*arguments)


@pytest.mark.parametrize(("change", "error", "message"), [
    ({"start": (1, 2, 3)}, ValueError, r"start must have shape \(4,\), got \(3,\)"),
    ({"start": numpy.ones((4, 1))}, ValueError, r"must have shape \(4,\), got \(4, 1\)"),
    ({"start": (1, 2, 3, math.nan)}, ValueError, "start must be finite"),
    ({"start": (1e200, 0, 0, 0)}, ValueError, "start must have a finite loss"),
    ({"start": torch.ones(4)}, TypeError, "start must be a NumPy array or a sequence"),
    ({"start": "abcd"}, TypeError, "start must be a NumPy array or a sequence"),
    ({"start": list("abcd")}, TypeError, "start must hold real numbers"),
    ({"start": (True,) * 4}, TypeError, "start must hold real numbers, got dtype bool"),
    ({"rate": 0}, ValueError, "rate must be positive, got 0"),
    ({"rate": -1e-6}, ValueError, "rate must be positive, got -1e-06"),
    ({"rate": math.nan}, ValueError, "rate must be finite, got nan"),
    ({"rate": math.inf}, ValueError, "rate must be finite, got inf"),
    ({"rate": "fast"}, TypeError, "rate must be a real number, got str 'fast'"),
    ({"rate": True}, TypeError, "rate must be a real number, got bool True"),
    ({"rate": [1e-6]}, TypeError, "rate must be a real number, got list"),
    ({"rate": numpy.array([1e-6, 0])}, ValueError, "rate must be positive, got 0"),
    ({"rate": numpy.array([1e-6, math.nan])}, ValueError, "rate must be finite"),
    ({"rate": numpy.array([])}, ValueError, r"shape \(r,\) with r >= 1, got \(0,\)"),
    ({"rate": numpy.ones((2, 2))}, ValueError, r"shape \(r,\) with r >= 1, got \(2, 2\)"),
    ({"steps": -1}, ValueError, "steps must be at least 0, got -1"),
    ({"steps": 10.0}, TypeError, "steps must be an integer, got float 10.0"),
    ({"steps": True}, TypeError, "steps must be an integer, got bool True"),
    ({"schedule": "StepLR"}, ValueError, "one of constant, step, cosine, 1/t, got 'StepLR'"),
    ({"warmup": 11}, ValueError, "warmup must be at most 10, got 11"),
    ({"warmup": 1.0}, TypeError, "warmup must be an integer, got float 1.0"),
    ({"batch": 0}, ValueError, "batch must be at least 1, got 0"),
    ({"batch": 2001}, ValueError, "batch must be at most 2000, got 2001"),
    ({"batch": True}, TypeError, "batch must be an integer, got bool True"),
    ({"replacement": 1}, TypeError, "replacement must be True or False, got 1"),
    ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
    ({"seed": 2**32}, ValueError, "seed must be at most 4294967295, got 4294967296"),
    ({"optimiser": "SGD"}, ValueError, "one of sgd, momentum, rmsprop, adam, got 'SGD'"),
    ({"momentum": 0.9}, ValueError, "momentum must be left out for sgd, which uses none"),
    ({"optimiser": "adam", "alpha": 0.9}, ValueError, "left out for adam, which uses betas and"),
    ({"optimiser": "momentum", "eps": 1e-8}, ValueError, "which uses momentum; got 1e-08"),
    ({"optimiser": "momentum", "momentum": 1}, ValueError, "at least 0 and below 1, got 1"),
    ({"optimiser": "momentum", "momentum": -0.1}, ValueError, "at least 0 and below 1, got -0.1"),
    ({"optimiser": "rmsprop", "alpha": 1.5}, ValueError, "alpha must be at least 0 and below 1"),
    ({"optimiser": "rmsprop", "eps": 0}, ValueError, "eps must be positive, got 0"),
    ({"optimiser": "adam", "betas": 0.9}, TypeError, "betas must be a pair of numbers, got 0.9"),
    ({"optimiser": "adam", "betas": (0.9, 1)}, ValueError, "betas must be at least 0 and below 1"),
])
def test_runs_that_are_refused(change, error, message):
    arguments = {"start": FIRST_GUESS, "rate": 1e-6, "steps": 10} | change
    with pytest.raises(error, match=message):
        CUBIC.descend(**arguments)


@pytest.mark.parametrize(("ask", "error", "message"), [
    (lambda: CUBIC.loss((1, 2, 3)), ValueError, r"must have shape \(..., 4\), got \(3,\)"),
    (lambda: CUBIC.loss((1, 2, 3, math.nan)), ValueError, "must be numbers, got nan"),
    (lambda: CUBIC.loss(3.0), TypeError, "a NumPy array or a sequence of numbers, got float"),
    (lambda: CUBIC.gradient((1, 2, 3, math.inf)), ValueError, "coefficients must be finite"),
    (lambda: CUBIC.descend(FIRST_GUESS, 1e-3, 1, "adam").factors, ValueError,
     "factors must be asked of sgd or momentum, got adam"),
    (lambda: CUBIC.descend(FIRST_GUESS, 1e-3, 1, "rmsprop").largest_stable_rate, ValueError,
     "largest_stable_rate must be asked of sgd or momentum, got rmsprop"),
    (lambda: CUBIC.descend(FIRST_GUESS, 1e-6, 1).steps_to(0.5), ValueError,
     "ratio must be at least 1, got 0.5"),
    (lambda: CUBIC.descend(FIRST_GUESS, 1e-6, 1).steps_to("1 %"), TypeError,
     "ratio must be a real number, got str"),
])
def test_questions_that_are_refused(ask, error, message):
    with pytest.raises(error, match=message):
        ask()


def test_a_fresh_interpreter_does_not_load_torch():
    code = "import sys, polylab.descent; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
