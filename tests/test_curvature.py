"""The curvature of any loss, compared with the whole Hessian of small networks."""

import copy
import functools

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polylab.curvature import hessian_product, largest_curvature
from polylab.data import sine_samples
from polylab.polynomial import features

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
CLOSE = {torch.float64: 1e-9, torch.float32: 2e-4}
BENDS = {"tanh": nn.Tanh, "relu": nn.ReLU, "softplus": nn.Softplus}


def network(seed, bend, width, dtype, device):
    """Return a small network, its inputs and what it should answer."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(2, width), BENDS[bend](), nn.Linear(width, 1))
        x, y = torch.randn(9, 2), torch.randn(9, 1)
    return (model.to(device, dtype), *(part.to(device, dtype) for part in (x, y)))


def squares(model, x, y):
    return ((model(x) - y) ** 2).mean()


def whole_hessian(model, x, y):
    """Return the Hessian of the squares, entry by entry, in float64 on the CPU."""
    model, x, y = copy.deepcopy(model).to("cpu", torch.float64), x.cpu().double(), y.cpu().double()
    names = [name for name, _ in model.named_parameters()]
    shapes = [parameter.shape for parameter in model.parameters()]

    def loss(flat):
        parts = flat.split([shape.numel() for shape in shapes])
        weights = {name: part.view(shape)
                   for name, part, shape in zip(names, parts, shapes, strict=True)}
        return ((torch.func.functional_call(model, weights, (x,)) - y) ** 2).mean()

    flat = nn.utils.parameters_to_vector(model.parameters()).detach()
    return torch.autograd.functional.hessian(loss, flat)


small_networks = functools.partial(
    given, seed=st.integers(0, 10_000), bend=st.sampled_from(sorted(BENDS)),
    width=st.integers(1, 6), dtype=st.sampled_from(sorted(CLOSE, key=str)))


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=40)
@small_networks()
def test_product_is_that_of_the_whole_hessian(device, seed, bend, width, dtype):
    model, x, y = network(seed, bend, width, dtype, device)
    H = whole_hessian(model, x, y)
    v = torch.randn(len(H), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    product = hessian_product(squares(model, x, y), model, v.to(device, dtype))
    assert product.shape == v.shape
    assert product.dtype == dtype
    assert product.device.type == device
    assert not product.requires_grad
    size = H.abs().max() * v.abs().sum()
    assert (product.cpu().double() - H @ v).abs().max() <= CLOSE[dtype] * size


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=40)
@small_networks()
def test_largest_curvature_is_that_of_the_whole_hessian(device, seed, bend, width, dtype):
    model, x, y = network(seed, bend, width, dtype, device)
    curvatures = torch.linalg.eigvalsh(whole_hessian(model, x, y))
    found = largest_curvature(squares(model, x, y), model)
    assert isinstance(found, float)
    # Within the tolerance of 1e-5 some eigenvalue lies; the largest one is far nearer.
    assert abs(found - curvatures[-1]) <= max(2e-5, CLOSE[dtype]) * curvatures.abs().max()


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=8), st.integers(0, 99))
@settings(max_examples=60)
def test_any_spectrum_with_its_sign(curvatures, seed):
    """Equal eigenvalues, opposite ones, only negative ones, none at all."""
    random = numpy.random.default_rng(seed)
    Q, _ = numpy.linalg.qr(random.normal(size=(len(curvatures), len(curvatures))))
    H = torch.from_numpy(Q @ numpy.diag(numpy.array(curvatures, float)) @ Q.T)
    theta = torch.from_numpy(random.normal(size=len(curvatures))).requires_grad_()
    found = largest_curvature(theta @ H @ theta / 2, theta)
    assert abs(found - max(curvatures)) <= 1e-5 * max(map(abs, curvatures)) + 1e-9


def test_the_cubic_of_the_course():
    x, y = sine_samples(2000, torch, dtype=torch.float64)
    theta = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    loss = ((features(x) @ theta - y) ** 2).sum()
    assert abs(largest_curvature(loss, theta) - 562_121.936) < 1e-3
    assert abs(largest_curvature(-loss, theta) + 1727.50065) < 1e-4  # −λmin
    assert theta.grad is None
    loss.backward()  # its graph is still there
    assert theta.grad.shape == (4,)


def test_several_tensors_are_one_vector_in_their_order():
    a, b = (torch.tensor(values, dtype=torch.float64, requires_grad=True)
            for values in ([[1.0, 2.0]], [3.0]))
    loss = (a**2).sum() * b.sum()  # H = [[6, 0, 2], [0, 6, 4], [2, 4, 0]]
    product = hessian_product(loss, [a, b], torch.tensor([1.0, 10.0, 100.0]).double())
    assert product.tolist() == [206.0, 460.0, 42.0]


def test_frozen_and_unused_parameters():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    model[0].requires_grad_(False)
    x = torch.ones(5, 2, dtype=torch.float64)
    loss = (model(x) ** 2).sum()
    assert hessian_product(loss, model, torch.ones(4).double()).shape == (4,)
    unused = torch.ones(2, dtype=torch.float64, requires_grad=True)
    product = hessian_product((model(x) ** 2).sum(), [*model[2].parameters(), unused],
                              torch.ones(6).double())
    assert product[:4].abs().min() > 0
    assert product[4:].tolist() == [0.0, 0.0]


def test_a_linear_loss_has_no_curvature():
    theta = torch.ones(3, requires_grad=True)
    assert largest_curvature(theta.sum(), theta) == 0.0
    assert hessian_product((2 * theta).sum(), theta, torch.ones(3)).tolist() == [0.0] * 3


def test_the_first_vector_is_drawn_by_the_generator_and_by_nothing_else():
    model, x, y = network(3, "tanh", 6, torch.float64, "cpu")
    state = torch.get_rng_state()
    first = largest_curvature(squares(model, x, y), model)
    assert torch.equal(torch.get_rng_state(), state)
    assert first == largest_curvature(squares(model, x, y), model)
    other = largest_curvature(squares(model, x, y), model,
                              generator=torch.Generator().manual_seed(8))
    assert other == pytest.approx(first, rel=1e-7)


@pytest.mark.parametrize(("tolerance", "enough"), [(1e-1, 12), (1e-3, 60), (1e-8, 130)])
def test_a_wider_tolerance_needs_fewer_products_and_is_kept(tolerance, enough):
    curvatures = torch.linspace(-3, 5, 400, dtype=torch.float64)
    theta = torch.zeros(400, dtype=torch.float64, requires_grad=True)
    loss = (curvatures * theta**2).sum() / 2
    found = largest_curvature(loss, theta, tolerance, most_products=enough)
    assert abs(found - 5) <= 5 * tolerance
    with pytest.raises(RuntimeError):
        largest_curvature(loss, theta, tolerance, most_products=enough // 4)


def test_too_few_products_are_an_error_that_says_how_far_it_came():
    theta = torch.ones(50, dtype=torch.float64, requires_grad=True)
    loss = (torch.linspace(1, 2, 50).double() * theta**2).sum()
    with pytest.raises(RuntimeError, match=r"within 3 products: ‖H v − λ v‖ is still 0\.\d+ of"):
        largest_curvature(loss, theta, most_products=3)
    assert largest_curvature(loss, theta) == pytest.approx(4.0, rel=1e-5)


LEAF = torch.ones(3, requires_grad=True)
ONES = torch.ones(3)


@pytest.mark.parametrize(("loss", "parameters", "vector", "error", "said"), [
    (1.5, LEAF, ONES, TypeError, "loss must be a torch.Tensor with its graph, got float"),
    (LEAF**2, LEAF, ONES, ValueError, r"loss must have shape \(\), got \(3,\)"),
    (ONES.sum(), LEAF, ONES, ValueError, "loss must have a graph"),
    ((LEAF * torch.inf).sum(), LEAF, ONES, ValueError, "loss must be finite, got inf"),
    ((LEAF**2).sum(), [], ONES, ValueError, "at least one tensor"),
    ((LEAF**2).sum(), nn.Tanh(), ONES, ValueError, "at least one tensor"),
    ((LEAF**2).sum(), [3], ONES, TypeError, "parameters must be tensors, got one of type int"),
    ((LEAF**2).sum(), ONES, ONES, ValueError, r"require a gradient, got one of shape \(3,\)"),
    ((LEAF**2).sum(), torch.ones(2, requires_grad=True), ONES, ValueError, "depends on none"),
    ((LEAF**2).sum(), [LEAF, torch.ones(1, dtype=torch.float64, requires_grad=True)], ONES,
     ValueError, "one dtype and one device, got torch.float32 on cpu and torch.float64 on cpu"),
    ((LEAF.half() ** 2).sum(), torch.ones(3, dtype=torch.float16, requires_grad=True), ONES,
     ValueError, "float32 or float64, got torch.float16"),
    ((LEAF**2).sum(), LEAF, [1.0, 2.0, 3.0], TypeError, "vector must be a torch.Tensor, got list"),
    ((LEAF**2).sum(), LEAF, torch.ones(3, 1), ValueError,
     r"vector must have shape \(3,\), got \(3, 1\)"),
    ((LEAF**2).sum(), LEAF, ONES.double(), ValueError,
     "vector must be torch.float32 on cpu, got torch.float64 on cpu"),
])
def test_errors_say_what_was_wanted_and_what_came(loss, parameters, vector, error, said):
    with pytest.raises(error, match=said):
        hessian_product(loss, parameters, vector)
    if "vector" not in said:
        with pytest.raises(error, match=said):
            largest_curvature(loss, parameters)


def test_curvature_that_is_not_finite():
    theta = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    with pytest.raises(RuntimeError, match="the curvature must be finite"):
        largest_curvature((theta.abs() ** 1.5).sum() + (theta**2).sum(), theta)
