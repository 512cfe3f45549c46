"""Checks answers about the curvature of a loss: H v, power iteration, the limit of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy

from polylab.checks.engine.common import ONE_DATA_SET, checker, is_or_are, require_function
from polylab.checks.engine.diagnosis import SMALL, Mistake, how_far, name_the_mistake
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import oracles_used
from polylab.checks.engine.values import (
    close,
    describe,
    is_again,
    read_numbers,
    require_finite,
    require_kind,
    require_precision,
    require_shape,
    to_library,
)
from polylab.checks.engine.verdict import NotAttempted, Refusal
from polylab.checks.rates import read_rate
from polylab.curvature import hessian_product, largest_curvature
from polylab.descent import rate_text

TWO_PASSES = "the gradient of g · v, where g is the gradient and v stands still, is H v."
SIGN = "v · Hv has the sign; the length of Hv has lost it."
LIMIT = "the fastest direction is multiplied by 1 − ηλmax; where is that −1?"


# --- Hessian times vector -------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """A function of one number: its value in torch, and its two derivatives in NumPy."""

    value: Callable
    slope: Callable
    curvature: Callable


SHAPES = (
    Shape(lambda r: r**2, lambda r: 2 * r, lambda r: 2 + 0 * r),
    Shape(lambda r: r.cosh(), numpy.sinh, numpy.cosh),
    Shape(lambda r: r**4 / 4, lambda r: r**3, lambda r: 3 * r**2),
    Shape(lambda r: r.sin(), numpy.cos, lambda r: -numpy.sin(r)),
)


@dataclass(frozen=True, eq=False)
class Place:
    """One try: the loss Σ φ(Aθ − b), a place θ and a vector v."""

    A: numpy.ndarray
    b: numpy.ndarray
    theta: numpy.ndarray
    v: numpy.ndarray
    shape: Shape
    dtype: str

    def loss_of(self):
        """Return the loss as a function of a tensor."""
        A, b = to_library(self.A, "torch"), to_library(self.b, "torch")
        return lambda theta: self.shape.value(A @ theta - b).sum()

    def gradient(self, away=0.0):
        """Return g at θ + away · v, in float64."""
        A = self.A.astype(float)
        return A.T @ self.shape.slope(A @ (self.theta + away * self.v.astype(float)) - self.b)

    def hessian(self):
        """Return H at θ, in float64."""
        A = self.A.astype(float)
        return A.T @ (self.shape.curvature(A @ self.theta - self.b)[:, None] * A)


@checker
def check_hessian_product(answer):
    """Check a function that multiplies a vector by the Hessian of any loss.

    Parameters
    ----------
    answer : callable
        ``answer(loss_of, theta, v)``: a function from a tensor of shape (p,) to a loss of shape
        (), a tensor of shape (p,) that requires no gradient, and one more. Returns H v at theta,
        a tensor of shape (p,), and leaves theta and v alone.

    Returns
    -------
    Verdict

    Notes
    -----
    The losses are Σ φ(Aθ − b), whose Hessian Aᵀ diag(φ″) A the oracle writes down in NumPy.
    """
    require_function(answer, "loss_of", "theta", "v")
    if oracles_used(answer, (hessian_product,)):
        raise Refusal("It takes what it is given.", "It leaves the work to `hessian_product`, "
                      "which is there to check yours.", TWO_PASSES)
    places = _places()
    given = [_product_at(answer, place) for place in places]
    wanted = [place.hessian() @ place.v for place in places]
    right = [_near(came, product, place)
             for came, product, place in zip(given, wanted, places, strict=True)]
    if all(right):
        return f"Right: at {len(places)} places of different losses it is the Hessian times v."
    name_the_mistake(PRODUCT_MISTAKES, places, given, _near, "It returns p finite numbers.")
    exact = [number for number, place in enumerate(places) if place.dtype == "float64"]
    off = how_far([given[k] for k in exact], [wanted[k] for k in exact],
                  [_size(places[k]) for k in exact])
    if off <= SMALL:
        raise Refusal("It is nearly right.", f"It is off by a part in {1 / off:.0g}, as a "
                      "difference of two gradients is, or something made in float32.",
                      "two backward passes lose no digits.")
    if any(right):
        raise Refusal("For some losses it is right, for others not.", "", ONE_DATA_SET)
    raise Refusal("It returns p finite numbers.", "They are not the Hessian times v.", TWO_PASSES)


def _ones(place):
    return place.hessian().sum(axis=1)


PRODUCT_MISTAKES = (
    Mistake(lambda place: place.gradient(), "It is the gradient: v has no part in it.",
            "one pass more, through the gradient."),
    Mistake(lambda place: place.gradient() * place.v,
            "It is the gradient times v, number by number.", TWO_PASSES),
    Mistake(_ones, "It is the Hessian times a vector of ones: the sum of the gradient was "
            "differentiated.", "where does v come in, before the second pass?"),
    Mistake(lambda place: _ones(place) * place.v,
            "v is multiplied after the second pass; it belongs before.",
            "first the number g · v, then its gradient."),
    Mistake(lambda place: numpy.diag(place.hessian()) * place.v,
            "It is the diagonal of the Hessian times v: all other entries are left out.",
            TWO_PASSES),
    Mistake(lambda place: -place.hessian() @ place.v, "The sign is flipped.", TWO_PASSES),
    Mistake(lambda place: 2 * place.hessian() @ place.v, "It is twice H v.", TWO_PASSES),
    Mistake(lambda place: place.hessian() @ place.v / 2, "It is half of H v.", TWO_PASSES),
    Mistake(lambda place: place.gradient() + place.hessian() @ place.v,
            "It is g + H v: the first gradient was added.",
            "`backward` adds to what is in `.grad`; `torch.autograd.grad` hands back."),
    Mistake(lambda place: place.gradient(1.0) - place.gradient(),
            "It is the difference of the gradients at θ + v and at θ, which is H v only where the "
            "curvature does not change.", TWO_PASSES),
    Mistake(lambda place: place.hessian() @ place.v / numpy.linalg.norm(place.hessian() @ place.v),
            "H v is brought to length 1.", "its length is what tells the curvature."),
    Mistake(lambda place: place.hessian() @ place.v / numpy.linalg.norm(place.v),
            "v is brought to length 1 first.", "the product is wanted with v as it is."),
    Mistake(lambda place: place.hessian() @ place.gradient(),
            "It is the Hessian times the gradient.", "what is g · v, and what is g · g?"),
    Mistake(lambda place: 2 * place.hessian() @ place.gradient(),
            "It is the gradient of g · g.", "one of the two factors is v."),
    Mistake(lambda place: place.v.astype(float), "It is v itself.", TWO_PASSES),
)


def _places():
    places = []
    for seed, (shape, p, dtype) in enumerate((
            (0, 3, "float64"), (1, 5, "float64"), (2, 4, "float32"), (3, 6, "float64"),
            (2, 2, "float64"))):
        random = numpy.random.default_rng(80 + seed)
        A, b, theta, v = (random.normal(size=size).astype(dtype)
                          for size in ((p + 4, p), p + 4, p, p))
        places.append(Place(A, b, theta / 2, v * numpy.array(1.5, dtype), SHAPES[shape], dtype))
    return places


def _size(place):
    return max(float((numpy.abs(place.hessian()) @ numpy.abs(place.v)).max()),
               float(numpy.abs(place.gradient()).max()))


def _near(given, wanted, place):
    size = max(_size(place), float(numpy.abs(wanted).max()))
    return close(given, wanted, size, place.dtype)


def _product_at(answer, place):
    first, second = (_call_at(answer, place, seed) for seed in (0, 1))
    if not is_again(first, second):
        raise Refusal("It runs.", "Called twice with the same input it gives two different "
                      "answers.", "does it draw random numbers, or remember something?")
    return first


def _call_at(answer, place, seed):
    theta, v = to_library(place.theta, "torch"), to_library(place.v, "torch")
    try:
        value = call(answer, place.loss_of(), theta, v, seed=seed).value
    except Refusal as refusal:
        if "not connected to any parameter" in refusal.wrong:
            raise Refusal("It starts to run.", "What is differentiated has no graph that leads "
                          "back to θ.", "is θ a leaf that autograd watches, and does the first "
                          "pass record its own graph, with `create_graph`?") from None
        raise
    reading = read_numbers(value, "a tensor")
    p = len(place.theta)
    require_shape(reading, (p,), (
        ((), "It returns one number, such as g · v or v · Hv; a vector is wanted.", TWO_PASSES),
        ((p, p), "It returns the whole Hessian.", "it must be multiplied by v."),
        ((1, p), "It returns a tuple of one vector.",
         "`torch.autograd.grad` hands back a tuple: unpack it."),
    ))
    require_finite(reading, "them")
    if reading.kind == "tuple":
        raise Refusal("It returns p numbers.", "They are in a tuple or list.",
                      "make one tensor of them.")
    require_kind(reading, "torch")
    require_precision(reading, place.dtype, "torch")
    changed = [name for name, tensor, array in (("theta", theta, place.theta),
                                                ("v", v, place.v))
               if not numpy.array_equal(tensor.detach().numpy(), array)]
    if changed:
        raise Refusal("It runs.", f"Its input {is_or_are(changed)} changed in place.",
                      "make a new tensor.")
    if theta.requires_grad or v.requires_grad:
        name = "theta" if theta.requires_grad else "v"
        raise Refusal("It runs.", f"`{name}` came without `requires_grad` and has it afterwards.",
                      "make a leaf of your own: a copy that is watched.")
    return reading.numbers


# --- power iteration ------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Spectrum:
    """One try: eigenvalues, the first of them the largest in size, and the start along each."""

    curvatures: numpy.ndarray
    start: numpy.ndarray

    def matrix(self):
        """Return Q and the matrix that has these eigenvalues along the columns of Q."""
        size = len(self.curvatures)
        Q, _ = numpy.linalg.qr(numpy.random.default_rng(size).normal(size=(size, size)))
        return Q, (Q * self.curvatures) @ Q.T

    def quotient(self):
        """Return the curvature along the start."""
        return (self.curvatures * self.start**2).sum() / (self.start**2).sum()


SPECTRA = tuple(Spectrum(numpy.array(curvatures), numpy.array(start, float))
                for curvatures, start in (
    ([5.0, 2.0, 1.0, -1.0], [1, 1, 1, 1]),
    ([-7.0, 6.0, 2.0, 0.5, 0.1], [1, 2, 1, 1, 1]),
    ([9.7e4, 9.4e4, 5e4, 1e4, -3e4, 10.0], [1, 1, 1, 1, 1, 1]),
    ([1e-3, 9e-4, 1e-4, -2e-4], [0.05, 5, 1, 1]),
    ([3.0, 2.97, 1.0, -0.5], [1, 1, 1, 1]),
))
FOUR_DIGITS = 2e-4  # relative


@checker
def check_power_iteration(answer):
    """Check a function that finds the eigenvalue that is largest in size, with its sign.

    Parameters
    ----------
    answer : callable
        ``answer(product, v)``: a function that returns H v for a symmetric H, and a vector of
        shape (p,) to start from, both in float64. Returns one number, right to four digits.

    Returns
    -------
    Verdict

    Notes
    -----
    The matrices are made from their eigenvalues, which are the oracle. In one of them the start
    has little of the largest one and much of the second.
    """
    require_function(answer, "product", "v")
    if oracles_used(answer, (largest_curvature,)):
        raise Refusal("It takes what it is given.", "It leaves the work to `largest_curvature`.",
                      "multiply, measure, bring to length 1, and again.")
    given = [_largest(answer, spectrum) for spectrum in SPECTRA]
    wanted = [spectrum.curvatures[0] for spectrum in SPECTRA]
    right = [_four_digits(came, value) for came, value in zip(given, wanted, strict=True)]
    if all(right):
        return ("Right: of five matrices it finds the eigenvalue that is largest in size, with "
                "its sign.")
    name_the_mistake(EIGENVALUE_MISTAKES, SPECTRA, given, _four_digits, "It returns one number.")
    _name_early_stop(given, right)
    first = right.index(False)
    *others, last = (f"{value:g}".replace("-", "−") for value in SPECTRA[first].curvatures)
    raise Refusal("It returns one number.", f"For the eigenvalues {', '.join(others)} and {last} "
                  f"it is {given[first]:.5g}.", "multiply, measure v · Hv, bring to length 1, and "
                  "again.")


def _name_early_stop(given, right):
    off = [abs(came / spectrum.curvatures[0] - 1)
           for came, spectrum in zip(given, SPECTRA, strict=True)]
    worst = int(numpy.argmax(off))
    if off[3] == max(off) and _near_second(given[3]) and right[0]:
        raise Refusal("Where the gap is large it is right.", "Once it stops at the second largest "
                      "eigenvalue, where the number stands still for a while.",
                      "what does the remainder ‖Hv − μv‖ say there?")
    if max(off) < 0.5:
        raise Refusal("It is near." if not any(right) else "Where the gap is large it is right.",
                      f"It stops too early: in one try it is still off by {100 * off[worst]:.2g} "
                      "%.", "how small is the remainder ‖Hv − μv‖ when you stop?")


def _near_second(came):
    return abs(came / SPECTRA[3].curvatures[1] - 1) < 0.05


EIGENVALUE_MISTAKES = (
    Mistake(lambda s: abs(s.curvatures[0]), "The size is right, but the sign is lost where the "
            "eigenvalue is negative.", SIGN),
    Mistake(lambda s: s.curvatures.max(), "Where the largest one in size is negative it returns "
            "the largest positive one.", "largest in *size* is wanted."),
    Mistake(lambda s: -s.curvatures[0], "The sign is flipped.", SIGN),
    Mistake(lambda s: -abs(s.curvatures[0]), "The sign is always negative.", SIGN),
    Mistake(lambda s: s.curvatures[0] ** 2, "It is the square of the eigenvalue.",
            "the length of Hv, squared, is not v · Hv."),
    Mistake(lambda s: 2 / s.curvatures[0], "It is 2/λ, the limit of the rate.",
            "the eigenvalue itself is wanted."),
    Mistake(lambda s: 2 / abs(s.curvatures[0]), "It is 2/λ, the limit of the rate.",
            "the eigenvalue itself is wanted."),
    Mistake(lambda s: s.quotient(), "It is the curvature along the start: nothing is repeated.",
            "the vector must become H v, brought to length 1, again and again."),
    Mistake(lambda s: s.quotient() * (s.start**2).sum(), "It is v · Hv of the start, and v has "
            "not even length 1.", "bring v to length 1, and repeat."),
    Mistake(lambda s: s.curvatures.min(), "It is the smallest eigenvalue.",
            "largest in size is wanted."),
    Mistake(lambda s: s.curvatures.sum(), "It is the sum of all eigenvalues.",
            "only the largest in size is wanted."),
)


def _four_digits(came, wanted, _spectrum=None):
    return bool(abs(came - wanted) <= FOUR_DIGITS * abs(wanted))


def _largest(answer, spectrum):
    Q, H = spectrum.matrix()
    matrix, start = to_library(H, "torch"), Q @ spectrum.start
    v = to_library(start, "torch")
    value = call(answer, lambda vector: matrix @ vector, v).value
    if value is None:
        raise NotAttempted("the function returns None")
    reading = read_numbers(value, "one number")
    require_shape(reading, (), (
        (start.shape, "It returns a vector; the eigenvalue is wanted.",
         "what is the curvature along that vector?"),
        ((1,), "It returns a vector of one number.", "take the number out of it."),
        ((2,), "It returns two numbers.", "which of them is the eigenvalue?"),
    ))
    if not numpy.isfinite(reading.numbers):
        raise Refusal("It returns one number.", f"It is {float(reading.numbers)}.",
                      "a vector that is multiplied again and again must be brought back to "
                      "length 1.")
    if not numpy.array_equal(v.numpy(), start):
        raise Refusal("It runs.", "Its input `v` is changed in place.", "make a new tensor.")
    return float(reading.numbers)


# --- the limit of a network -----------------------------------------------------------------


@checker
def check_network_rate(answer, loss, parameters, points=200, tolerance=0.005):
    """Check the largest stable rate of plain descent where a network stands.

    Parameters
    ----------
    answer : number
        2/λmax.
    loss : torch.Tensor, shape ()
        The sum of squared errors, with its graph.
    parameters : torch.nn.Module
        A small one: the whole Hessian is written down.
    points : int, default 200
        How many squared errors are added up.
    tolerance : float, default 0.005
        How far from the wanted rate the answer may be, relative to it: three digits are enough.

    Returns
    -------
    Verdict

    Notes
    -----
    The oracle makes the Hessian row by row and takes all its eigenvalues.
    """
    rate = read_rate(answer)
    curvatures = numpy.linalg.eigvalsh(_whole_hessian(loss, parameters))
    largest, least = float(curvatures[-1]), float(curvatures[0])
    if abs(rate * largest / 2 - 1) <= tolerance:
        return f"Right: {rate_text(rate, 3)} is 2/λmax at this start."
    known = (
        (largest, "It is λmax itself.", "should a steeper valley allow a longer step?"),
        (largest / 2, "It is λmax/2, upside down.", "should a steeper valley allow a longer step?"),
        (1 / largest, "It is 1/λmax, half the limit.", LIMIT),
        (4 / largest, "It is twice the limit: the Hessian has the factor 2 of the square in it "
         "already.", LIMIT),
        (2 * points / largest, f"It is {points} times too large: this is the limit for the mean.",
         "which loss does the exercise name?"),
        (2 / (points * largest), f"It is {points} times too small.",
         "is the loss that is handed over a sum already?"),
        (2 / abs(least), "It belongs to the least eigenvalue.", "which direction runs away first?"),
        (2 / (largest + least), "This rule belongs to a bowl: it takes the least eigenvalue too.",
         LIMIT),
        (2 / float(curvatures.sum()), "All eigenvalues are added up.",
         "only the largest one counts."),
    )
    for value, wrong, hint in known:
        if abs(rate / value - 1) <= tolerance:
            raise Refusal(f"{rate_text(rate, 3)} is a positive number.", wrong, hint)
    times = rate * largest / 2
    side = f"{times:.3g} times the limit" if times > 1 else f"only {times:.2g} of the limit"
    raise Refusal(f"{rate_text(rate, 3)} is a positive number.", f"It is {side}.",
                  "which loss, which parameters, and what is done with λmax?")


def _whole_hessian(loss, parameters):
    import torch

    if not isinstance(parameters, torch.nn.Module):
        raise TypeError(f"parameters must be a module, got {describe(parameters)}")
    leaves = tuple(parameters.parameters())
    gradient = torch.cat([part.flatten() for part in torch.autograd.grad(
        loss, leaves, create_graph=True)])
    rows = [torch.cat([part.flatten() for part in torch.autograd.grad(
                entry, leaves, retain_graph=True, materialize_grads=True)])
            for entry in gradient]
    return torch.stack(rows).numpy()
