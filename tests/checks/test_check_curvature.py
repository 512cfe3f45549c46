"""Checkers of notebook 16: right answers in any style pass, each mistake gets its own diagnosis."""

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused

from polylab.checks import check_hessian_product, check_network_rate, check_power_iteration
from polylab.curvature import hessian_product, largest_curvature

# --- Hessian times vector -----------------------------------------------------------------


def two_passes(loss_of, theta, v):
    leaf = theta.clone().requires_grad_()
    (g,) = torch.autograd.grad(loss_of(leaf), leaf, create_graph=True)
    (product,) = torch.autograd.grad(g @ v, leaf)
    return product


def with_backward(loss_of, theta, v):
    leaf = theta.detach().clone().requires_grad_()
    g = torch.autograd.grad(loss_of(leaf), [leaf], create_graph=True)[0]
    (g * v).sum().backward()
    return leaf.grad


def forward_over_reverse(loss_of, theta, v):
    return torch.func.jvp(torch.func.grad(loss_of), (theta,), (v,))[1]


def grad_outputs(loss_of, theta, v):
    leaf = theta.clone().requires_grad_()
    (g,) = torch.autograd.grad(loss_of(leaf), leaf, create_graph=True)
    return torch.autograd.grad(g, leaf, grad_outputs=v)[0]


@pytest.mark.parametrize("answer", [two_passes, with_backward, forward_over_reverse, grad_outputs])
def test_right_products_pass(answer):
    assert_passed(check_hessian_product(answer))


def passes(second, graph=True):
    """Return an answer that makes something of the first gradient, the leaf, v and the loss."""
    def answer(loss_of, theta, v):
        leaf = theta.clone().requires_grad_()
        (g,) = torch.autograd.grad(loss_of(leaf), leaf, create_graph=graph)
        return second(g, leaf, v, loss_of)

    return answer


def again(number, leaf):
    return torch.autograd.grad(number, leaf)[0]


def slope(loss_of, theta):
    leaf = theta.detach().clone().requires_grad_()
    return torch.autograd.grad(loss_of(leaf), leaf)[0]


def difference(step):
    def answer(loss_of, theta, v):
        return (slope(loss_of, theta + step * v) - slope(loss_of, theta)) / step

    return answer


def diagonal(loss_of, theta, v):
    return torch.autograd.functional.hessian(loss_of, theta).diagonal() * v


def added_to_grad(loss_of, theta, v):
    leaf = theta.clone().requires_grad_()
    loss_of(leaf).backward(retain_graph=True)
    (g,) = torch.autograd.grad(loss_of(leaf), leaf, create_graph=True)
    (g @ v).backward()
    return leaf.grad


def in_float32(loss_of, theta, v):
    return two_passes(loss_of, theta, v).float().to(v.dtype)


def leaves_it(loss_of, theta, v):
    leaf = theta.clone().requires_grad_()
    return hessian_product(loss_of(leaf), leaf, v)


def changes_v(loss_of, theta, v):
    v /= v.norm()
    return two_passes(loss_of, theta, v)


def random_vector(loss_of, theta, v):
    return two_passes(loss_of, theta, torch.randn_like(v))


WRONG_PRODUCTS = [
    (lambda loss_of, theta, v: slope(loss_of, theta), "It is the gradient: v has no part"),
    (lambda loss_of, theta, v: slope(loss_of, theta) * v, "number by number"),
    (passes(lambda g, leaf, v, _: again(g.sum(), leaf)), "vector of ones"),
    (passes(lambda g, leaf, v, _: again(g.sum(), leaf) * v), "after the second pass"),
    (passes(lambda g, leaf, v, _: -again(g @ v, leaf)), "sign is flipped"),
    (passes(lambda g, leaf, v, _: 2 * again(g @ v, leaf)), "twice"),
    (passes(lambda g, leaf, v, _: again(g @ v, leaf) / 2), "half"),
    (passes(lambda g, leaf, v, _: again(g @ g.detach(), leaf)), "times the gradient"),
    (passes(lambda g, leaf, v, _: again(g @ g, leaf)), "gradient of g · g"),
    (passes(lambda g, leaf, v, _: again(g @ v, leaf) / again(g @ v, leaf).norm()),
     "The second backward pass"),
    (passes(lambda g, leaf, v, _: again(g @ v, leaf) / v.norm()), "brought to length 1 first"),
    (passes(lambda g, leaf, v, _: again(g @ v, leaf), graph=False), "no graph"),
    (passes(lambda g, leaf, v, _: g @ v), "returns one number"),
    (passes(lambda g, leaf, v, _: torch.autograd.grad(g @ v, leaf)), "a tuple of one vector"),
    (lambda loss_of, theta, v: torch.autograd.functional.hessian(loss_of, theta), "whole Hessian"),
    (diagonal, "the diagonal"),
    (difference(1.0), "at θ + v and at θ"),
    (difference(1e-5), "nearly right"),
    (in_float32, "nearly right"),
    (added_to_grad, "the first gradient was added"),
    (leaves_it, "It leaves the work to `hessian_product`"),
    (changes_v, "`v` is changed in place"),
    (random_vector, "two different answers"),
    (lambda loss_of, theta, v: v, "It is v itself"),
    (lambda loss_of, theta, v: two_passes(loss_of, theta, v) + 1, "not the Hessian times v"),
    (lambda loss_of, theta, v: two_passes(loss_of, theta, v).numpy(), "a NumPy array"),
    (lambda loss_of, theta, v: two_passes(loss_of, theta, v).tolist(), "in a tuple or list"),
    (lambda loss_of, theta, v: None, "returns None"),
    (lambda theta, v: v, "cannot be called with"),
]


@pytest.mark.parametrize(("answer", "fragment"), WRONG_PRODUCTS,
                         ids=[fragment for _, fragment in WRONG_PRODUCTS])
def test_wrong_products_are_named(answer, fragment):
    assert_refused(check_hessian_product(answer), fragment)


# --- power iteration ----------------------------------------------------------------------


def by_remainder(product, v):
    v = v / v.norm()
    for _ in range(5000):
        Hv = product(v)
        mu = v @ Hv
        if (Hv - mu * v).norm() < 1e-5 * abs(mu):
            break
        v = Hv / Hv.norm()
    return mu


def many_times(product, v):
    for _ in range(1000):
        v = product(v)
        v = v / v.norm()
    return float(torch.dot(v, product(v)))


def sign_by_hand(product, v):
    for _ in range(2000):
        Hv = product(v)
        size, v, old = Hv.norm() / v.norm(), Hv / Hv.norm(), v
    return size.item() if (old @ v) > 0 else -size.item()


@pytest.mark.parametrize("answer", [by_remainder, many_times, sign_by_hand])
def test_right_eigenvalues_pass(answer):
    assert_passed(check_power_iteration(answer))


def after(count, measure=lambda product, v: (v @ product(v)).item(), unit=True):
    def answer(product, v):
        for _ in range(count):
            v = product(v)
            v = v / v.norm() if unit else v
        return measure(product, v)

    return answer


def stands_still(product, v):
    v, old = v / v.norm(), None
    for _ in range(5000):
        Hv = product(v)
        mu = (v @ Hv).item()
        if old is not None and abs(mu - old) < 1e-4 * abs(mu):
            break
        old, v = mu, Hv / Hv.norm()
    return mu


def largest_of_all(product, v):
    H = torch.stack([product(row) for row in torch.eye(len(v), dtype=v.dtype)])
    return torch.linalg.eigvalsh(H)[-1].item()


def by_lanczos(product, v):
    leaf = v.clone().requires_grad_()
    return largest_curvature(leaf @ product(leaf) / 2, leaf)


def never_ends(product, v):
    while True:
        v = product(v) / 2


WRONG_EIGENVALUES = [
    (after(1000, lambda product, v: product(v).norm().item()), "the sign is lost"),
    (after(1000, lambda product, v: (product(v).norm() ** 2).item()), "the square"),
    (after(1000, lambda product, v: -(v @ product(v)).item()), "sign is flipped"),
    (after(1000, lambda product, v: 2 / (v @ product(v)).item()), "the limit of the rate"),
    (after(1000, lambda product, v: v), "It returns a vector"),
    (after(1000, unit=False), "It is nan"),
    (after(0, lambda product, v: (v @ product(v) / (v @ v)).item()), "nothing is repeated"),
    (after(0), "not even length 1"),
    (after(60), "stops too early"),
    (after(25), "stands still"),
    (after(3), "1 it is 4.9"),
    (stands_still, "stands still"),
    (largest_of_all, "the largest positive one"),
    (by_lanczos, "It leaves the work to `largest_curvature`"),
    (lambda product, v: 5.0, "For the eigenvalues −7, 6, 2, 0.5 and 0.1 it is 5"),
    (after(100), "stops too early"),
    (lambda product, v: None, "None"),
]


@pytest.mark.parametrize(("answer", "fragment"), WRONG_EIGENVALUES,
                         ids=[fragment for _, fragment in WRONG_EIGENVALUES])
def test_wrong_eigenvalues_are_named(answer, fragment):
    verdict = check_power_iteration(answer)
    if fragment == "None":
        assert_not_attempted(verdict)
    else:
        assert_refused(verdict, fragment)


@pytest.mark.usefixtures("short_patience")
def test_an_iteration_without_an_end():
    assert_refused(check_power_iteration(never_ends), "has not come back")


# --- the limit of a network ---------------------------------------------------------------


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = torch.nn.Sequential(torch.nn.Linear(1, 7), torch.nn.Tanh(), torch.nn.Linear(7, 1))
    model = model.double()
    x = torch.linspace(-3, 3, 200, dtype=torch.float64)[:, None]
    return model, (model(x) - torch.sin(x)) ** 2


def curvatures_of(model, squares):
    return numpy.array([largest_curvature(sign * squares.sum(), model) for sign in (1, -1)])


@pytest.mark.parametrize("make", [
    lambda largest, least: 2 / largest,
    lambda largest, least: torch.tensor(2 / largest),
    lambda largest, least: float(f"{2 / largest:.3g}"),
])
def test_right_limits_pass(make, network):
    model, squares = network
    assert_passed(check_network_rate(make(*curvatures_of(model, squares)), squares.sum(), model))


@pytest.mark.parametrize(("make", "fragment"), [
    (lambda largest, least: largest, "λmax itself"),
    (lambda largest, least: largest / 2, "upside down"),
    (lambda largest, least: 1 / largest, "half the limit"),
    (lambda largest, least: 4 / largest, "twice the limit"),
    (lambda largest, least: 400 / largest, "the limit for the mean"),
    (lambda largest, least: 0.01 / largest, "200 times too small"),
    (lambda largest, least: 2 / least, "least eigenvalue"),
    (lambda largest, least: 2 / (largest - least), "belongs to a bowl"),
    (lambda largest, least: 6 / largest, "3 times the limit"),
    (lambda largest, least: 0.5 / largest, "only 0.25 of the limit"),
    (lambda largest, least: -2 / largest, "not positive"),
    (lambda largest, least: "2/λmax", "a string"),
])
def test_wrong_limits_are_named(make, fragment, network):
    model, squares = network
    assert_refused(check_network_rate(make(*curvatures_of(model, squares)), squares.sum(), model),
                   fragment)


@pytest.mark.parametrize("check", [check_hessian_product, check_power_iteration,
                                   lambda answer: check_network_rate(answer, None, None)])
def test_not_attempted(check):
    assert_not_attempted(check(...))


def test_theta_stays_unwatched():
    def watches(loss_of, theta, v):
        theta.requires_grad_()
        (g,) = torch.autograd.grad(loss_of(theta), theta, create_graph=True)
        return torch.autograd.grad(g @ v, theta)[0]

    assert_refused(check_hessian_product(watches), "`theta` came without `requires_grad`")
