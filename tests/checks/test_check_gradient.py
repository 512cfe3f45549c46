"""check_gradient: right answers of every style pass, every mistake gets its own diagnosis."""

import functools

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused

import polylab.gradients
from polylab.checks import check_gradient

# --- right answers ---------------------------------------------------------------------------


def four_sums(coefficients, x, y):
    a, b, c, d = coefficients
    residual = a + b * x + c * x**2 + d * x**3 - y
    return numpy.array([
        (2 * residual).sum(),
        (2 * residual * x).sum(),
        (2 * residual * x**2).sum(),
        (2 * residual * x**3).sum(),
    ])


def loop_over_points(coefficients, x, y):
    a, b, c, d = coefficients.tolist()
    total = [0.0, 0.0, 0.0, 0.0]
    for angle, target in zip(x.tolist(), y.tolist(), strict=True):
        residual = a + b * angle + c * angle**2 + d * angle**3 - target
        for k in range(4):
            total[k] += 2.0 * residual * angle**k
    return tuple(total)


def matrix_product(coefficients, x, y):
    features = x[:, None] ** numpy.arange(4)
    return 2 * features.T @ (features @ coefficients - y)


def einsum(coefficients, x, y):
    features = numpy.stack([numpy.ones_like(x), x, x * x, x * x * x])
    residual = numpy.einsum("kn,k->n", features, coefficients) - y
    return 2 * numpy.einsum("kn,n->k", features, residual)


def horner_and_dots(coefficients, x, y):
    a, b, c, d = coefficients
    slope = 2 * (((d * x + c) * x + b) * x + a - y)
    return slope.sum(), slope.dot(x), slope.dot(x * x), slope.dot(x * x * x)


def filled_in(coefficients, x, y):
    gradient = numpy.zeros(4)
    predicted = numpy.polynomial.polynomial.polyval(x, coefficients)
    for k in range(4):
        gradient[k] = numpy.sum(2 * (predicted - y) * x**k)
    return gradient


def helper_residual(coefficients, x, y):
    return numpy.polyval(coefficients[::-1], x) - y


def with_a_helper(coefficients, x, y):
    return [2 * float(helper_residual(coefficients, x, y) @ x**k) for k in range(4)]


TWO = 2


def with_a_constant(coefficients, x, y):
    return TWO * numpy.vander(x, 4, increasing=True).T @ helper_residual(coefficients, x, y)


def ellipsis_as_index(coefficients, x, y):
    features = x[..., None] ** numpy.arange(4)
    return 2 * features.T @ (features @ coefficients - y)


class CallableObject:
    def __call__(self, coefficients, x, y):
        return four_sums(coefficients, x, y)


def torch_sums(coefficients, x, y):
    a, b, c, d = coefficients
    slope = 2 * (a + b * x + c * x**2 + d * x**3 - y)
    return torch.stack([slope.sum(), (slope * x).sum(), (slope * x**2).sum(),
                        (slope * x**3).sum()])


def torch_items(coefficients, x, y):
    slope = 2 * (x[:, None] ** torch.arange(4) @ coefficients - y)
    return slope.sum().item(), (slope @ x).item(), (slope @ x**2).item(), (slope @ x**3).item()


def autograd(coefficients, x, y):
    leaf = coefficients.clone().requires_grad_()
    predicted = leaf[0] + leaf[1] * x + leaf[2] * x**2 + leaf[3] * x**3
    (predicted - y).pow(2).sum().backward()
    return leaf.grad


def functional_gradient(coefficients, x, y):
    def loss(theta):
        return ((x[:, None] ** torch.arange(4) @ theta - y) ** 2).sum()

    return torch.func.grad(loss)(coefficients)


RIGHT_NUMPY = (
    four_sums, loop_over_points, matrix_product, einsum, horner_and_dots, filled_in,
    with_a_helper, with_a_constant, ellipsis_as_index, CallableObject(),
    CallableObject().__call__, functools.partial(four_sums),
    lambda coefficients, x, y: four_sums(coefficients, x, y),
    lambda *inputs: four_sums(*inputs),
)
RIGHT_TORCH = (autograd, functional_gradient)


@pytest.mark.parametrize("answer", RIGHT_NUMPY)
def test_right_answers_in_numpy_pass(answer):
    assert_passed(check_gradient(answer))


@pytest.mark.parametrize("answer", RIGHT_TORCH)
def test_right_answers_in_torch_pass(answer):
    assert_passed(check_gradient(answer, library="torch"))


@pytest.mark.parametrize("answer", RIGHT_NUMPY[:4])
def test_the_mean_wants_the_sum_divided_by_n(answer):
    assert_passed(check_gradient(
        lambda coefficients, x, y: numpy.array(answer(coefficients, x, y)) / len(x), loss="mean"))


# --- wrong answers ---------------------------------------------------------------------------


def altered(change):
    """Return the right gradient after ``change(gradient, coefficients, x, y)``."""
    return lambda coefficients, x, y: change(
        four_sums(coefficients, x, y), coefficients, x, y)


def slope_of(predict):
    """Return the four sums with another prediction."""
    def gradient(coefficients, x, y):
        residual = predict(*coefficients, x) - y
        return numpy.array([(2 * residual * x**k).sum() for k in range(4)])

    return gradient


def without(k):
    def change(gradient, coefficients, x, y):
        gradient[k] = 0
        return gradient

    return altered(change)


def component(k, replace):
    def change(gradient, coefficients, x, y):
        gradient[k] = replace(gradient[k], numpy.polyval(coefficients[::-1], x) - y, x)
        return gradient

    return altered(change)


def column_and_row(coefficients, x, y):
    features = x[:, None] ** numpy.arange(4)
    residual = features @ coefficients[:, None] - y
    return 2 * (features.T @ residual).sum(axis=1)


def changes_y(coefficients, x, y):
    y -= numpy.polyval(coefficients[::-1], x)
    return -2 * numpy.array([y.sum(), y @ x, y @ x**2, y @ x**3])


def changes_coefficients(coefficients, x, y):
    coefficients *= 2
    return four_sums(coefficients, x, y)


def in_float32(coefficients, x, y):
    return matrix_product(coefficients.astype("float32"), x.astype("float32"),
                          y.astype("float32"))


def rounded_at_the_end(coefficients, x, y):
    return four_sums(coefficients, x, y).astype(numpy.float32)


def only_2000(coefficients, x, y):
    return 2000 * numpy.mean(2 * helper_residual(coefficients, x, y) * x**numpy.arange(4)[:, None],
                             axis=1)


POINTS = 2000


def only_constant(coefficients, x, y):
    return POINTS / len(x) * four_sums(coefficients, x, y)


memory = numpy.zeros(4)


def accumulates(coefficients, x, y, kept=memory):
    kept += four_sums(coefficients, x, y)
    return kept.copy()


def random_numbers(coefficients, x, y):
    return four_sums(coefficients, x, y) + numpy.random.normal(size=4)  # noqa: NPY002


def generator(coefficients, x, y):
    yield from four_sums(coefficients, x, y)


def forgets_to_return(coefficients, x, y):
    four_sums(coefficients, x, y)


def divides_by_zero(coefficients, x, y):
    nothing = 0
    return four_sums(coefficients, x, y) / (1 / nothing)


def nan_at_the_end(coefficients, x, y):
    return four_sums(coefficients, x, y) * numpy.nan


c = 0.5


def reads_global(coefficients, x, y):
    a, b, _, d = coefficients
    slope = 2 * (a + b * x + c * x**2 + d * x**3 - y)
    return numpy.array([slope @ x**k for k in range(4)])


total = None


def writes_global(coefficients, x, y):
    global total
    total = four_sums(coefficients, x, y)
    return total


def helper_with_global(x):
    return c * x**2


def reads_global_in_a_helper(coefficients, x, y):
    slope = 2 * (numpy.polyval(coefficients[::-1], x) - y + 0 * helper_with_global(x))
    return numpy.array([slope @ x**k for k in range(4)])


def misspelt(coefficients, x, y):
    return residuals * x  # noqa: F821


WRONG = (
    (altered(lambda g, c, x, y: -g), "wrong sign"),
    (altered(lambda g, c, x, y: g / 2), "factor 2 is missing"),
    (altered(lambda g, c, x, y: -g / 2), "wrong sign, and the factor 2 is missing"),
    (altered(lambda g, c, x, y: g * 2), "twice what it should be"),
    (altered(lambda g, c, x, y: g / len(x)), "2,000 times too small on 2,000 points"),
    (altered(lambda g, c, x, y: -g / len(x)), "wrong sign", "2,000 times too small"),
    (altered(lambda g, c, x, y: g / len(x) / 2), "4,000 times too small", "factor 2"),
    (altered(lambda g, c, x, y: -g / len(x) / 2), "4,000 times too small", "wrong sign"),
    (altered(lambda g, c, x, y: g * len(x)), "2,000 times too large"),
    (altered(lambda g, c, x, y: g[::-1]), "reverse order"),
    (lambda c, x, y: four_sums(c[::-1], x, y), "reads the coefficients in reverse order"),
    (lambda c, x, y: four_sums(c[::-1], x, y)[::-1],
     "reads and returns the coefficients in reverse order"),
    *((without(k), f"the one for {name} is missing") for k, name in enumerate("abcd")),
    (slope_of(lambda a, b, c, d, x: b * x + c * x**2 + d * x**3), "The term a is missing"),
    (slope_of(lambda a, b, c, d, x: a + c * x**2 + d * x**3), "The term b x is missing"),
    (slope_of(lambda a, b, c, d, x: a + b * x + d * x**3), "The term c x² is missing"),
    (slope_of(lambda a, b, c, d, x: a + b * x + c * x**2), "The term d x³ is missing"),
    (slope_of(lambda a, b, c, d, x: a + b * x + c * x**2 + d * c**3), "constant c³"),
    (slope_of(lambda a, b, c, d, x: a + b * x + c * x**2 + d * x**2),
     "multiplies d by x² instead of x³"),
    (component(1, lambda part, r, x: -part), "the one for b has the wrong sign"),
    (component(2, lambda part, r, x: part / 2), "the one for c is half"),
    (component(3, lambda part, r, x: 2 * (r * x**2).sum()),
     "the one for d is weighted with x² instead of x³"),
    (component(2, lambda part, r, x: part + 1), "the parts for a, b and d are right",
     "The part for c is wrong"),
    (altered(lambda g, c, x, y: g[[0, 2, 1, 3]]), "b and c have changed places"),
    (altered(lambda g, c, x, y: 3.5 * g), "3.5 times"),
    (lambda c, x, y: numpy.full(4, four_sums(c, x, y)[0]), "second half of the chain rule"),
    (lambda c, x, y: numpy.vander(x, 4, increasing=True).sum(axis=0), "first half of the chain"),
    (lambda c, x, y: four_sums(c, x, 0 * y), "does not use y"),
    (lambda c, x, y: four_sums(0 * c, x, y), "does not use the coefficients"),
    (lambda c, x, y: numpy.sign(helper_residual(c, x, y)) @ numpy.vander(x, 4, increasing=True),
     "sum of absolute values, not of this loss"),
    (lambda c, x, y: four_sums(c, x, y) / 2 / numpy.linalg.norm(helper_residual(c, x, y)),
     "root of the sum of squares"),
    (lambda c, x, y: four_sums(c, x, y) / 2 / numpy.sqrt(
        len(x) * (helper_residual(c, x, y) ** 2).sum()), "root mean square"),
    (lambda c, x, y: four_sums(c, x, y) ** 3, "finite differences give ("),
    (column_and_row, "2,000 × 2,000 residuals"),
    (lambda c, x, y: 2 * ((x[:, None] ** numpy.arange(4) @ c)[:, None] - y),
     "Shapes (n, 1) and (n,) met"),
    (lambda c, x, y: numpy.array([1.0, 2.0, 3.0, 4.0]), "same four numbers whatever the data"),
    (lambda c, x, y: c.copy(), "the coefficients themselves"),
    (altered(lambda g, c, x, y: g[:3]), "three numbers, all right; the one for d is missing"),
    (altered(lambda g, c, x, y: g[1:]), "three numbers, all right; the one for a is missing"),
    (altered(lambda g, c, x, y: g[:3] * 7), "three numbers; four are wanted"),
    (altered(lambda g, c, x, y: g.sum()), "one number; each of the four"),
    (altered(lambda g, c, x, y: g[:, None]), "(4, 1); (4,) is wanted"),
    (altered(lambda g, c, x, y: g[None]), "(1, 4); (4,) is wanted"),
    (lambda c, x, y: 2 * helper_residual(c, x, y), "one number per point, not one per"),
    (lambda c, x, y: 2 * helper_residual(c, x, y) * x ** numpy.arange(4)[:, None],
     "the sum is missing"),
    (lambda c, x, y: 2 * helper_residual(c, x, y)[:, None] * x[:, None] ** numpy.arange(4),
     "the sum is missing"),
    (altered(lambda g, c, x, y: numpy.append(g, 0)), "(5,); (4,) is wanted"),
    (changes_y, "The numbers are right", "`y` is changed in place"),
    (changes_coefficients, "`coefficients` is changed in place"),
    (in_float32, "On small whole numbers it is right", "made in float32"),
    (rounded_at_the_end, "float64 went in, float32 came back"),
    (altered(lambda g, c, x, y: g.astype(int)), "float64 went in, int64 came back"),
    (only_2000, "It is right for n = 2,000", "It is wrong for n = 7, 33, 640"),
    (only_constant, "It is right for n = 2,000", "`POINTS`"),
    (accumulates, "sum of 2 gradients"),
    (random_numbers, "two different answers"),
    (generator, "a generator", "yield"),
    (forgets_to_return, "returns None", "`return`"),
    (divides_by_zero, "ZeroDivisionError: division by zero",
     "`return four_sums(coefficients, x, y) / (1 / nothing)`"),
    (lambda c, x, y: four_sums(c, x ^ 2, y), "`^` is not a power", "two stars"),
    (nan_at_the_end, "are nan"),
    (reads_global, "global variable `c`"),
    (writes_global, "global variable `total`"),
    (reads_global_in_a_helper, "global variable `c`"),
    (misspelt, "NameError", "residuals", "`return residuals * x # noqa: F821`"),
    (lambda x, y: x, "cannot be called with (coefficients, x, y)"),
    (lambda c, x, y: four_sums(c, x, y) + 0j, "dtype complex128"),
    (lambda c, x, y: four_sums(c, x, y).astype(object), "dtype object"),
    (lambda c, x, y: "up", "a string"),
    (lambda c, x, y: [four_sums(c, x, y), 1.0], "different shapes"),
    (lambda c, x, y: [], "an empty list"),
    (lambda c, x, y: [None] * 4, "a list in which every part is None", "no leaf?"),
    (lambda c, x, y: (*four_sums(c, x, y)[:3], None), "a tuple in which a part is None"),
    (polylab.gradients.exact_gradient, "leaves the gradient to"),
    (lambda c, x, y: polylab.gradients.exact_gradient(c, x, y), "to `exact_gradient`"),
    (lambda c, x, y: torch.from_numpy(four_sums(c, x, y)), "a torch tensor"),
    (lambda c, x, y: {"a": 1}, "a dict"),
    (lambda c, x, y: four_sums, "a function", "call it"),
    (numpy.zeros(4), "A function of (coefficients, x, y) is wanted, an array of shape (4,) came"),
    (CallableObject, "a class came"),
    (lambda c, x, y: numpy.copysign(1, len(x) - 8) * four_sums(c, x, y),
     "It is right for n = 33, 640, 2,000", "It is wrong for n = 7."),
)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case[1][:40])
def test_every_mistake_is_refused_with_its_own_diagnosis(case):
    answer, *fragments = case
    assert_refused(check_gradient(answer), *fragments)


@pytest.mark.parametrize("case", WRONG[::10], ids=lambda case: case[1][:40])
def test_the_verdict_is_the_same_the_second_time(case):
    assert check_gradient(case[0]) == check_gradient(case[0])


def test_a_global_that_is_written_keeps_its_value():
    check_gradient(writes_global)
    assert total is None


def test_a_remembered_array_keeps_its_numbers():
    check_gradient(accumulates)
    assert (memory == 0).all()


WRONG_MEAN = (
    (four_sums, "2,000 times too large on 2,000 points"),
    (altered(lambda g, c, x, y: -g), "sum instead of mean", "wrong sign"),
    (altered(lambda g, c, x, y: g / 2), "1,000 times too large", "factor 2"),
    (altered(lambda g, c, x, y: g / len(x) / 2), "factor 2 is missing"),
    (altered(lambda g, c, x, y: -g / len(x)), "wrong sign"),
    (altered(lambda g, c, x, y: g / len(x) ** 2), "divided by n twice"),
    (altered(lambda g, c, x, y: g / 2000), "It is right for n = 2,000"),
    (altered(lambda g, c, x, y: g[::-1] / len(x)), "reverse order"),
    (lambda c, x, y: numpy.sign(helper_residual(c, x, y)) @ numpy.vander(x, 4, increasing=True)
     / len(x), "mean of absolute values"),
)


@pytest.mark.parametrize("case", WRONG_MEAN, ids=lambda case: case[1][:40])
def test_the_mean_has_its_own_diagnoses(case):
    answer, *fragments = case
    assert_refused(check_gradient(answer, loss="mean"), *fragments)


def leaves_the_sum(coefficients, x, y):
    coefficients.requires_grad_()
    predicted = (x[:, None] ** torch.arange(4)) @ coefficients
    (predicted - y).pow(2).sum().backward()
    return coefficients.grad


def float16_slope(coefficients, x, y):
    residual = (numpy.polyval(coefficients[::-1], x) - y).astype(numpy.float16)
    return numpy.array([(2 * residual * x**k).sum() for k in range(4)])


def remembers_the_features(coefficients, x, y, cache={}):  # noqa: B006 - that is the mistake
    if len(x) not in cache:
        cache[len(x)] = x[:, None] ** numpy.arange(4)
    return 2 * cache[len(x)].T @ (cache[len(x)] @ coefficients - y)


@pytest.mark.parametrize(("answer", "fragments"), [
    (float16_slope, ("On small whole numbers it is right", "made in float16")),
    (altered(lambda g, c, x, y: numpy.round(g, 3)), ("digits are lost",)),
    (altered(lambda g, c, x, y: g + 1e-3 * c), ("the gradient plus 0.001 times",)),
    (altered(lambda g, c, x, y: g * 1.001), ("1.001 times what it should be",)),
    (altered(lambda g, c, x, y: g * (1 + 1e-6 * numpy.cos(g))), ("nearly right: off by up to",)),
    (altered(lambda g, c, x, y: g + numpy.random.rand()), ("draws random numbers",)),  # noqa: NPY002
    (remembers_the_features, ("something is remembered from call to call",)),
])
def test_digits_small_terms_and_memory_are_told_apart(answer, fragments):
    assert_refused(check_gradient(answer), *fragments)


def mean_over_pairs(coefficients, x, y):
    leaf = coefficients.clone().requires_grad_()
    column = x[:, None] ** torch.arange(4) @ leaf[:, None]
    torch.nn.functional.mse_loss(column, y).backward()
    return leaf.grad


def twice_back(coefficients, x, y):
    leaf = coefficients.clone().requires_grad_()
    loss = ((x[:, None] ** torch.arange(4) @ leaf - y) ** 2).sum()
    loss.backward(retain_graph=True)
    loss.backward()
    return leaf.grad


def test_autograd_must_find_it_in_torch():
    assert_refused(check_gradient(torch_sums, library="torch"), "worked out by hand")
    assert_refused(check_gradient(mean_over_pairs, "mean", "torch"), "Shapes (n, 1) and (n,) met")
    assert_refused(check_gradient(twice_back, library="torch"), "or is the gradient added up twice")


WRONG_TORCH = (
    (leaves_the_sum, "sum of 2 gradients"),
    (lambda c, x, y: torch_sums(c, x, y).float(), "float64 went in, float32 came back"),
    (lambda c, x, y: torch_sums(c, x, y).double(), "float32 went in, float64 came back"),
    (lambda c, x, y: torch_sums(c, x, y).numpy(), "a NumPy array, although torch tensors"),
    (lambda c, x, y: -torch_sums(c, x, y), "wrong sign"),
    (lambda c, x, y: torch_sums(c, x, y).to("meta"), "no plain real numbers"),
    (lambda c, x, y: torch_sums(c, x, y).to_sparse(), "no plain real numbers"),
    (lambda c, x, y: torch_sums(c, x, y).to(torch.bfloat16), "rounded, or made in float16"),
    (lambda c, x, y: (c, x)[0].grad, "returns None"),
)


@pytest.mark.parametrize("case", WRONG_TORCH, ids=lambda case: case[1][:40])
def test_torch_has_its_own_diagnoses(case):
    answer, *fragments = case
    assert_refused(check_gradient(answer, library="torch"), *fragments)


def starter(coefficients, x, y):
    predicted = ...
    gradient = ...  # noqa: F841
    return predicted


def starter_with_a_lone_line(coefficients, x, y):
    gradient = numpy.zeros(4)
    for _ in range(4):
        ...
    return gradient


def lone_line_left_over(coefficients, x, y):
    ...
    return four_sums(coefficients, x, y)


def starter_in_an_argument(coefficients, x, y):
    return numpy.sum(...)


@pytest.mark.parametrize("answer", [
    ..., starter, starter_with_a_lone_line, starter_in_an_argument,
    lambda coefficients, x, y: ..., lambda coefficients, x, y: (..., ..., ..., ...),
])
def test_a_starter_is_not_attempted(answer):
    assert_not_attempted(check_gradient(answer))


def test_a_line_left_over_does_not_spoil_a_right_answer():
    assert_passed(check_gradient(lone_line_left_over))


def test_a_misspelt_argument_of_the_checker_is_an_error():
    with pytest.raises(ValueError, match="loss must be one of sum, mean, got 'median'"):
        check_gradient(four_sums, loss="median")
    with pytest.raises(ValueError, match="library must be one of numpy, torch, got 'jax'"):
        check_gradient(four_sums, library="jax")
