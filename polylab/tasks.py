"""The questions that exercises ask through `polylab.checks.check_tensor`, notebook by notebook.

A task is a right answer and the ways to miss it, written in NumPy. The learner's answer may be in
torch: the checker hands over tensors and compares the numbers, so the oracle takes another road.
To add a task, append one entry to the block of your notebook; the README of the format is the
docstring of `Task`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy

from polylab.data import FIRST_GUESS, sine_samples


@dataclass(frozen=True)
class NearMiss:
    """A wrong answer that learners give, and what to tell them.

    Parameters
    ----------
    answer : callable
        The wrong answer, with the parameters of the task's ``wanted``.
    wrong : str
        One sentence that names the mistake.
    hint : str
        A push in the right direction, without the capital letter, with the full stop.
    """

    answer: Callable
    wrong: str
    hint: str


@dataclass(frozen=True)
class Task:
    """One question.

    Parameters
    ----------
    description : str
        What is wanted, as it stands in "Wanted: …": "the nine items x[1] to x[9]".
    wanted : callable
        The right answer, in NumPy or plain Python. Its parameters are what the learner's
        function is given; one without parameters asks for a value.
    inputs : callable, optional
        ``inputs(random)`` returns a tuple of fresh arrays and numbers, one for each parameter,
        drawn from a ``numpy.random.Generator``; let the sizes vary too. Floating-point arrays are
        handed over in float64 and in float32.
    library : {"numpy", "torch"}, optional
        What arrays the learner works with. If left out, for values, either will do.
    hint : str
        What to tell when no near miss fits.
    near_misses : tuple of NearMiss
        The one that explains every try is told; where several do, none is.
    tolerance : float, optional
        How far a number may be from the wanted one, relative to it. If left out: rounding only.
    plain : bool, default False
        The answer must be a Python number: an array or tensor of shape () is refused.
    as_array : bool, default False
        The answer must be an array or tensor: a tuple or list of numbers is refused.
    choices : tuple of str
        For an answer in words: the words to choose from.
    accepts : callable, optional
        For a value with many right answers: ``accepts(numbers)`` is given the numbers in float64
        and returns the sentence that says what is wrong, empty if they are right. ``wanted`` is
        then one example, a tuple of numbers.
    follows_device : bool, default False
        The tensor returned must be on the device of the last input.
    """

    description: str
    wanted: Callable
    inputs: Callable | None = None
    library: str | None = None
    hint: str = "take a tiny case and do it by hand."
    near_misses: tuple[NearMiss, ...] = ()
    tolerance: float | None = None
    plain: bool = False
    as_array: bool = False
    choices: tuple[str, ...] = ()
    accepts: Callable | None = None
    follows_device: bool = False


def _vector(random):
    return (random.normal(size=random.integers(12, 40)),)


def _two_vectors(random):
    count = random.integers(12, 40)
    return random.normal(size=count), random.normal(size=count)


def _predictions(random):
    """Return predictions and true values; the largest miss is at an end, or in the middle."""
    predicted, y = _two_vectors(random)
    predicted[random.choice([0, len(y) // 2, -1])] += random.choice([-6, 6])
    return predicted, y


def _number(random):
    return (float(random.uniform(-4, 4)),)


def _vector_and_degree(random):
    return random.normal(size=random.integers(12, 40)), int(random.integers(1, 7))


def _two_sets_of_points(random):
    first, second, coordinates = random.choice(numpy.arange(2, 9), size=3, replace=False)
    return (random.normal(size=(first, coordinates)),
            random.normal(size=(second, coordinates)))


def _cubic_and_points(random):
    return random.normal(size=4), random.normal(size=random.integers(12, 40))


def _say_what_is_wrong_above_12(coefficients):
    x, y = sine_samples()
    loss, reverse = (((numpy.polynomial.polynomial.polyval(x, order) - y) ** 2).sum()
                     for order in (coefficients, coefficients[::-1]))
    if loss < 12:
        return ""
    if reverse < 12:
        return ("The numbers are right, but they come in reverse order: the course always puts "
                "the constant first.")
    return f"The loss of this cubic is {loss:.4g}; under 12 is wanted."


def _cubic_with(coefficients, x, last):
    a, b, c, d = coefficients
    return a + b * x + c * x**2 + d * last


def _without(power):
    """Return a cubic that lacks the term with this power."""
    def cubic(coefficients, x):
        kept = numpy.array(coefficients)
        kept[power] = 0
        return _cubic_with(kept, x, x**3)

    return cubic


def _values_and_vector(random):
    values = tuple(random.normal(size=random.integers(2, 7)).tolist())
    return values, random.normal(size=random.integers(12, 40))


def _five_numbers_and_terms(random):
    numbers, terms = random.normal(size=5), int(random.integers(0, 3))
    return numbers, random.uniform(-3, 3, size=random.integers(12, 40)), terms


def _rate_limit(*powers):
    """Return 2/λmax for a cubic with extra columns, each a sum of powers of x."""
    x = numpy.linspace(-numpy.pi, numpy.pi, 2000)
    columns = [*(x**k for k in range(4)), *(sum(x**k for k in group) for group in powers)]
    return 2 / numpy.linalg.eigvalsh(2 * numpy.array(columns) @ numpy.array(columns).T)[-1]


def _two_layers(random):
    batch, inputs, hidden, outputs = random.integers(3, 9, size=4)
    shapes = (batch, inputs), (batch, outputs), (inputs, hidden), (hidden, outputs)
    return tuple(random.normal(size=shape) for shape in shapes)


def _gradient_of_w1(x, y, w1, w2, bent=lambda hidden: hidden > 0):
    """Sum over each path from an entry of w1 to a squared error; ``bent`` is the bend's slope."""
    hidden = numpy.maximum(x @ w1, 0)
    slope = 2 * (hidden @ w2 - y)
    return numpy.einsum("bi,bh,bo,ho->ih", x, bent(hidden), slope, w2)


def _weight_and_bias(random):
    """Draw a layer; among the first six draws are Linear(1, 1) in both dtypes, and larger ones."""
    return random.normal(size=(1, random.choice((2, 3, 1, 4)))), random.normal(size=1)


def _losses_and_sizes(random):
    count, size = random.integers(3, 9), random.integers(4, 40)
    sizes = numpy.append(numpy.full(count, size), random.integers(1, size))
    return random.uniform(0.5, 5, size=count + 1), sizes


def _rows_by_chance(random):
    count = random.integers(12, 40)
    chances = random.dirichlet(numpy.full(count, 2.0))
    rows = random.choice(count, size=random.integers(5, 12), p=chances)
    return random.normal(size=4), random.normal(size=(count, 4)), random.normal(size=count), (
        rows), chances


def _weighed_gradient(weigh):
    """Return 2 Σ w r x over the points drawn, where ``weigh(chances, n, B)`` is the weight w."""
    def gradient(theta, X, y, rows, chances):
        weights = weigh(chances, len(y), len(rows)) * numpy.bincount(rows, minlength=len(y))
        return numpy.einsum("n,n,nk->k", 2 * weights, X @ theta - y, X)

    return gradient


def _by_share(theta, X, y, rows, chances):
    """Divide by the sum of the weights, which is n on average only."""
    weights = numpy.bincount(rows, minlength=len(y)) / chances
    weights = len(y) * weights / weights.sum()
    return numpy.einsum("n,n,nk->k", 2 * weights, X @ theta - y, X)


def _level_of_noise(rate, size):
    """Return what batches keep the loss of the cubic above its floor, from v = MvM + η²C."""
    x, y = sine_samples()
    X = numpy.vander(x, 4, increasing=True)
    hessian, missed = 2 * X.T @ X, X @ numpy.linalg.lstsq(X, y)[0] - y
    C = 4 * len(x) * numpy.einsum("n,ni,nj->ij", missed**2, X, X) / size
    M = numpy.eye(4) - rate * hessian
    v = numpy.linalg.solve(numpy.eye(16) - numpy.kron(M, M), rate**2 * C.ravel()).reshape(4, 4)
    return numpy.trace(hessian @ v) / 2


def _losses_and_patience(random):
    """Return validation losses that fall and then rise, with noise, and a patience."""
    epochs, turn = random.integers(40, 80), random.integers(8, 25)
    losses = 1 + ((numpy.arange(epochs) - turn) / epochs) ** 2 + random.normal(0, 0.05, epochs)
    patience = int(random.integers(2, 7))
    best = _stop()(losses, patience)[0] - 1
    if best:
        losses[losses[:best].argmin()] = 1.0001 * losses[best]  # so that it is hardly better
    losses[best + 1] = losses[best]  # as good, so no new best
    # Some runs end before the patience does, and some with a new best.
    end = random.choice([epochs, best + patience, best + 1])
    return losses[:end], patience


def _stop(better=lambda loss, best: loss < best, starts_anew=True, sees_all=False, late=0):
    """Return a rule of (losses, patience) for when to stop, and which epoch to keep."""
    def rule(losses, patience):
        kept, waited = 0, 0
        for epoch in range(1, len(losses)):
            if better(losses[epoch], losses[kept]):
                kept, waited = epoch, 0 if starts_anew else waited
            else:
                waited += 1
            if waited == patience + late:
                break
        return (int(numpy.argmin(losses)) if sees_all else kept) + 1, epoch + 1

    return rule


def _stop_when_it_rises(losses, patience):
    """Stop after so many rises in a row, whatever the best loss was."""
    rises = 0
    for epoch in range(1, len(losses)):
        rises = rises + 1 if losses[epoch] > losses[epoch - 1] else 0
        if rises == patience:
            break
    return int(numpy.argmin(losses[: epoch + 1])) + 1, epoch + 1


def _predictions_and_targets(random):
    """Return what five models predict for two sets, and what was measured there.

    The best model on the first set, on the second, and on both together are three.
    """
    while True:
        first, second = random.integers(20, 40, size=2)
        sizes = [random.permutation(numpy.linspace(0.4, 1.2, 5)) for _ in range(2)]
        seen, fresh = random.normal(size=first), random.normal(size=second)
        validation = seen + sizes[0][:, None] * random.normal(size=(5, first))
        test = fresh + sizes[1][:, None] * random.normal(size=(5, second))
        squares = (validation - seen) ** 2, (test - fresh) ** 2
        means = [part.mean(axis=1) for part in (*squares, numpy.hstack(squares))]
        if len({int(mean.argmin()) for mean in means}) == 3:
            return validation, seen, test, fresh


def _report(choose=lambda validation, test: validation.argmin(),
            tell=lambda validation, test, chosen: test[chosen], reduce=numpy.mean):
    """Return a rule that chooses a model by its errors on two sets and reports one of them."""
    def rule(validation, validation_y, test, test_y):
        errors = [reduce((predicted - y) ** 2, axis=1)
                  for predicted, y in ((validation, validation_y), (test, test_y))]
        chosen = int(choose(*errors))
        return chosen, tell(*errors, chosen)

    return rule


def _report_both_sets(validation, validation_y, test, test_y):
    squares = numpy.hstack([(validation - validation_y) ** 2, (test - test_y) ** 2])
    chosen = int(squares.mean(axis=1).argmin())
    return chosen, ((test[chosen] - test_y) ** 2).mean()


TASKS = {
    # --- 00 Start here ----------------------------------------------------------------------
    "cubic_under_12": Task(
        "the loss of this cubic is under 12",
        wanted=lambda: (0.0, 0.86, 0.0, -0.095),
        accepts=_say_what_is_wrong_above_12,
        hint="turn one slider a little at a time and watch the loss.",
    ),
    "cube": Task(
        "the cube of the number handed in, and of nothing else",
        wanted=lambda value: numpy.multiply(numpy.multiply(value, value), value),
        inputs=_number,
        hint="5 must give 125.",
        near_misses=(
            NearMiss(lambda value: value**2, "It is the square, not the cube.",
                     "how often is the value multiplied by itself?"),
            NearMiss(lambda value: 3 * value, "It is three times the value, not its cube.",
                     "which operator raises to a power?"),
            NearMiss(lambda value: 3.0**value, "Base and exponent have changed places.",
                     "which of the two numbers stays 3?"),
        ),
    ),
    "be_the_kernel": Task(
        "after A B C B B the name shown is still 10, because C ran only once, early",
        wanted=lambda: 10,
        hint="write down rate and shown after each of the five cells.",
        near_misses=(
            NearMiss(lambda: 1000, "This is rate at the end; run returns shown.",
                     "which cell sets shown, and when did it run last?"),
            NearMiss(lambda: 100, "This is rate after the second B; run returns shown.",
                     "which cell sets shown, and when did it run last?"),
            NearMiss(lambda: 1, "This would be right if C had run before the first B.",
                     "what is rate when C runs?"),
        ),
    ),
    # --- 01 Hold numbers in tensors ---------------------------------------------------------
    "first_ten": Task(
        "the first ten numbers of x, x[0] to x[9]",
        wanted=lambda x: numpy.array([x[position] for position in range(10)]),
        inputs=_vector,
        library="torch",
        as_array=True,
        hint="the start of a range is included, its stop is not.",
        near_misses=(
            NearMiss(lambda x: x[1:10], "These are nine numbers: the first, x[0], is missing.",
                     "counting starts at 0."),
            NearMiss(lambda x: x[1:11], "These are ten numbers, but they start at the second.",
                     "counting starts at 0."),
            NearMiss(lambda x: x[:9], "These are nine numbers: x[9] is missing.",
                     "the stop of a range is left out."),
            NearMiss(lambda x: x[:11], "These are eleven numbers: x[10] is one too many.",
                     "the stop of a range is left out."),
            NearMiss(lambda x: x[-10:], "These are the last ten numbers.",
                     "a negative index counts from the end."),
        ),
    ),
    "batched_product_by_hand": Task(
        "the batched product, pair by pair, row times column",
        wanted=lambda: numpy.einsum(
            "bij,bjk->bik",
            [[[1, 0], [2, 1]], [[0, 1], [1, 1]]],
            [[[3, 1], [0, 2]], [[4, 0], [5, 6]]],
        ),
        library="torch",
        as_array=True,
        hint="the first number is 1·3 + 0·0 = 3.",
        near_misses=(
            NearMiss(lambda: numpy.array([[[3, 0], [0, 2]], [[0, 0], [5, 6]]]),
                     "The matrices are multiplied item by item.",
                     "a matrix product adds up a row times a column."),
            NearMiss(lambda: numpy.array([[[5, 1], [4, 2]], [[0, 4], [6, 11]]]),
                     "The two batches are multiplied in the other order.",
                     "for matrices the order matters."),
        ),
    ),
    "largest_miss": Task(
        "the largest distance between predicted and y, as a plain Python number",
        wanted=lambda predicted, y: float(numpy.linalg.norm(predicted - y, numpy.inf)),
        inputs=_predictions,
        library="torch",
        hint="difference, absolute value, largest, and then out of the tensor.",
        plain=True,
        near_misses=(
            NearMiss(lambda predicted, y: float((predicted - y).max()),
                     "A miss below the truth is not counted.",
                     "−3 is a larger miss than 2: what is done about the sign?"),
            NearMiss(lambda predicted, y: float((y - predicted).max()),
                     "A miss above the truth is not counted.",
                     "−3 is a larger miss than 2: what is done about the sign?"),
            NearMiss(lambda predicted, y: float((predicted - y).min()),
                     "This is the lowest of the differences, with its sign; a miss above the "
                     "truth is not counted.", "what is done about the sign?"),
            NearMiss(lambda predicted, y: float(((predicted - y) ** 2).max()),
                     "This is the square of the largest miss.", "no square is needed here."),
            NearMiss(lambda predicted, y: float(numpy.abs(predicted - y).mean()),
                     "This is the mean of the misses, not the largest.",
                     "which method returns the largest element?"),
        ),
    ),
    "power_table": Task(
        "the table whose columns are 1, x, x², … up to the degree, for any degree",
        wanted=lambda x, degree: numpy.vander(x, degree + 1, increasing=True),
        inputs=_vector_and_degree,
        library="torch",
        as_array=True,
        hint="a column of shape (n, 1) and powers of shape (degree + 1,) give (n, degree + 1).",
        near_misses=(
            NearMiss(lambda x, degree: numpy.vander(x, degree + 1, increasing=True).T,
                     "The numbers are right, but rows and columns are swapped.",
                     "one row for each point: which of the two is the column?"),
            NearMiss(lambda x, degree: numpy.vander(x, degree + 1),
                     "The columns are right, but they come in reverse order.",
                     "the course always puts the constant first."),
            NearMiss(lambda x, degree: numpy.vander(x, degree + 1, increasing=True)[:, 1:],
                     "The first column, the ones, is missing.", "what is x to the power 0?"),
            NearMiss(lambda x, degree: numpy.vander(x, degree + 1, increasing=True)[:, :-1],
                     "The last column, the highest power, is missing.",
                     "a range leaves out its stop."),
            NearMiss(lambda x, degree: numpy.outer(x, numpy.arange(degree + 1)),
                     "The columns are multiples of x, not powers.",
                     "which operator raises to a power?"),
        ),
    ),
    "centred": Task(
        "the numbers of x less their mean, and x itself as it was",
        wanted=lambda x: x - (x.sum(dtype=numpy.float64) / x.size).astype(x.dtype),
        inputs=_vector,
        library="torch",
        as_array=True,
        hint="the numbers that come back must add up to zero.",
        near_misses=(
            NearMiss(lambda x: x - x.sum(), "The sum was subtracted, not the mean.",
                     "a mean is a sum divided by how many there are."),
            NearMiss(lambda x: x + x.mean(), "The mean was added instead of subtracted.",
                     "check the operator."),
            NearMiss(lambda x: x.mean() - x, "The difference is the wrong way round.",
                     "what is subtracted from what?"),
        ),
    ),
    "squared_distances": Task(
        "the table of squared distances, each row of left against each row of right",
        wanted=lambda left, right: ((left**2).sum(1)[:, None] + (right**2).sum(1)
                                    - 2 * numpy.einsum("ik,jk->ij", left, right)),
        inputs=_two_sets_of_points,
        library="torch",
        as_array=True,
        hint="entry (i, j) belongs to row i of left and row j of right.",
        near_misses=(
            NearMiss(lambda left, right: ((right[:, None] - left) ** 2).sum(2),
                     "The numbers are right, but rows and columns are swapped.",
                     "which axis counts the rows of left?"),
            NearMiss(lambda left, right: (left[:, None] - right) ** 2,
                     "The squares are there, but nothing is added up.",
                     "which of the three axes counts the coordinates?"),
            NearMiss(lambda left, right: numpy.sqrt(((left[:, None] - right) ** 2).sum(2)),
                     "These are the distances; their squares are wanted.",
                     "leave out the last operation."),
            NearMiss(lambda left, right: numpy.abs(left[:, None] - right).sum(2),
                     "The absolute differences are added up, not their squares.",
                     "what comes before the sum?"),
            NearMiss(lambda left, right: (left[:, None] - right).sum(2) ** 2,
                     "It adds first and squares then; it must square first.",
                     "differences of both signs must not cancel."),
            NearMiss(lambda left, right: numpy.einsum("ik,jk->ij", left, right),
                     "It is left @ right.T: products, not differences.",
                     "subtract before you add up."),
        ),
    ),
    # --- 02 Pose the problem ----------------------------------------------------------------
    "loss_of_zero": Task(
        "with 101 points the zero polynomial has the loss (101 − 1) / 2 = 50",
        wanted=lambda: 50.0,
        hint="look for (n − 1) / 2 in the text above.",
        near_misses=(
            NearMiss(lambda: 50.5, "It is close: 101 points have one gap fewer.",
                     "the last point adds nothing, because sin π = 0."),
            NearMiss(lambda: 49.5, "It is close: 101 points have 100 gaps.",
                     "how many points give 1,999 gaps?"),
            NearMiss(lambda: 50 / 101, "This is the mean of squares; the sum is wanted.",
                     "do not divide by the number of points."),
            NearMiss(lambda: 999.5, "This is the loss with 2,000 points.",
                     "each point adds to the sum, so fewer points make it smaller."),
            NearMiss(lambda: 100.0, "The square of the sine is ½ on average, not 1.",
                     "read how 999.5 was foreseen."),
        ),
    ),
    "cubic": Task(
        "the cubic a + b x + c x² + d x³ at every x, constant first",
        wanted=lambda coefficients, x: numpy.polynomial.polynomial.polyval(x, coefficients),
        inputs=_cubic_and_points,
        library="numpy",
        hint="try the coefficients (1, 0, 0, 0), then (0, 1, 0, 0), and so on.",
        near_misses=(
            NearMiss(lambda coefficients, x: _cubic_with(FIRST_GUESS, x, x**3),
                     "It is the cubic of FIRST_GUESS, whatever `coefficients` come in.",
                     "which parameter holds the four numbers?"),
            NearMiss(lambda coefficients, x: numpy.polyval(coefficients, x),
                     "The coefficients are read in reverse order, that of x³ first.",
                     "the course always puts the constant first."),
            NearMiss(lambda coefficients, x: _cubic_with(coefficients, x, coefficients[2] ** 3),
                     "The last term has c³ where x³ belongs.",
                     "compare it with the formula letter by letter."),
            *(NearMiss(_without(power), f"The term {term} is missing.",
                       "count the terms of the formula.")
              for power, term in enumerate(("a", "b x", "c x²", "d x³"))),
        ),
    ),
    "best_slope": Task(
        "the b with the least sum of squares for the line b x",
        wanted=lambda x, y: numpy.linalg.lstsq(
            x[:, None].astype(numpy.float64), y.astype(numpy.float64), rcond=None)[0][0],
        inputs=_two_vectors,
        library="numpy",
        hint="try y = 2 x: the answer must be 2.",
        near_misses=(
            NearMiss(lambda x, y: (x * y).sum() / (y * y).sum(),
                     "It is divided by the sum of y²; that fits x to y.",
                     "which sum stands with b when the derivative is written out?"),
            NearMiss(lambda x, y: (x * y).sum(), "The sum of x y is there; a division is missing.",
                     "what stands with b when the derivative is written out?"),
            NearMiss(lambda x, y: y.sum() / x.sum(),
                     "The factor x of the derivative is missing in both sums.",
                     "what is the derivative of b x with respect to b?"),
            NearMiss(lambda x, y: (y / x).mean(),
                     "This is the mean of the slopes y / x: points near zero weigh too much.",
                     "which b makes the derivative of the sum zero?"),
            NearMiss(lambda x, y: numpy.polyfit(x, y, 1)[0],
                     "This line is a + b x; the constant must be left out.",
                     "the line goes through the origin."),
        ),
    ),
    # --- 03 Descend with NumPy --------------------------------------------------------------
    "rate_for_half_the_points": Task(
        "the rate at which 1,000 points train like 2,000 points do at 1e-6",
        wanted=lambda: 1e-6 * 2000 / 1000,
        hint="each sum in the gradient now has half as many terms.",
        near_misses=(
            NearMiss(lambda: 5e-7, "This rate makes the steps four times too short.",
                     "the gradient has become smaller, so must the rate shrink or grow?"),
            NearMiss(lambda: 1e-6, "This is the old rate: each step would be half as long.",
                     "what keeps rate times gradient the same?"),
        ),
        tolerance=0.01,
        plain=True,
    ),
    # --- 04 Move to torch -------------------------------------------------------------------
    "bytes_of_x": Task(
        "the bytes that 2,000 numbers take in float32 and in float64",
        wanted=lambda: (8_000, 16_000),
        hint="multiply the bytes of one number by the number of numbers.",
        near_misses=(
            NearMiss(lambda: (4, 8), "These are the bytes of one number of each kind.",
                     "there are 2,000 of them."),
            NearMiss(lambda: (16_000, 8_000), "The two numbers are right, but swapped.",
                     "float32 comes first."),
            NearMiss(lambda: (64_000, 128_000), "These are bits, not bytes.",
                     "a byte has 8 bits."),
        ),
    ),
    "numbers_like_x": Task(
        "the values as a tensor with the dtype and on the device of x",
        wanted=lambda values, x: numpy.array(values, dtype=x.dtype),
        inputs=_values_and_vector,
        library="torch",
        as_array=True,
        follows_device=True,
        hint="`torch.tensor` takes `dtype` and `device`, and `x` knows its own.",
        near_misses=(
            NearMiss(lambda values, x: numpy.array(values, dtype=numpy.float32).astype(x.dtype),
                     "For float64 data digits are lost: the numbers were made in float32 first.",
                     "name the dtype where the tensor is made, not afterwards."),
        ),
    ),
    # --- 05 Let autograd find the gradient --------------------------------------------------
    "three_times_back": Task(
        "the number in w.grad after three backward passes of w³ at w = 2, without zeroing",
        wanted=lambda: 3 * (3 * 2.0**2),
        hint="what is the gradient of one pass, and what does each further pass do with it?",
        near_misses=(
            NearMiss(lambda: 3 * 2.0**2, "This is the gradient after one pass.",
                     "what happens to `.grad` when nobody clears it?"),
            NearMiss(lambda: 2 * (3 * 2.0**2), "This is what is there after two passes.",
                     "count the calls."),
            NearMiss(lambda: (3 * 2.0**2) ** 3, "The three gradients are multiplied.",
                     "`backward` adds to what is there."),
        ),
    ),
    # --- 06 Write your own autograd function ------------------------------------------------
    "wrong_backward": Task(
        "Second is the wrong one; its backward multiplies by ½(5x² − 3), and the derivative of "
        "P₃ is ½(15x² − 3)",
        wanted=lambda: "Second",
        choices=("First", "Second", "Third"),
        hint="hand each one to gradcheck, with an input of dtype float64.",
    ),
    # --- 07 Stack layers with nn ------------------------------------------------------------
    "parameters_of_two_layers": Task(
        "the number of parameters of Linear(3, 20), ReLU and Linear(20, 1)",
        wanted=lambda: 3 * 20 + 20 + 20 * 1 + 1,
        hint="Linear(k, m) has k · m weights and m biases.",
        near_misses=(
            NearMiss(lambda: 3 * 20 + 20 * 1, "These are the weights; the biases are missing.",
                     "each of the 20 + 1 outputs has a bias."),
            NearMiss(lambda: 3 * 20 + 20 * 1 + 1, "The biases of the first layer are missing.",
                     "each of its 20 outputs has one."),
            NearMiss(lambda: 3 * 20 + 20 + 20 * 1, "The bias of the last layer is missing.",
                     "its one output has one too."),
            NearMiss(lambda: 3 * 20 + 1 + 20 * 1 + 1, "It counts one bias for each layer.",
                     "a layer has one bias for each of its outputs."),
            NearMiss(lambda: 3 * 20 + 20 + 20 + 20 * 1 + 1, "It counts 20 parameters of the ReLU.",
                     "what could a ReLU learn?"),
            NearMiss(lambda: 4, "It counts the tensors, not the numbers in them.",
                     "`numel()` tells how many numbers a tensor holds."),
        ),
    ),
    "layer_as_a_polynomial": Task(
        "the bias and then the weights of a layer, as one tensor of shape (k + 1,)",
        wanted=lambda weight, bias: numpy.insert(weight[0], 0, bias[0]),
        inputs=_weight_and_bias,
        library="torch",
        as_array=True,
        hint="the constant is the bias; the weights follow the powers x, x², …",
        near_misses=(
            NearMiss(lambda weight, bias: numpy.append(weight[0], bias[0]),
                     "The numbers are right, but the bias comes last.",
                     "the course always puts the constant first."),
            NearMiss(lambda weight, bias: weight[0],
                     "These are the weights alone; the bias is missing.",
                     "which number is the constant of the polynomial?"),
            NearMiss(lambda weight, bias: numpy.insert(weight[0], 0, 1.0),
                     "The constant is 1, not the bias.",
                     "which number is added to the weighted sum?"),
        ),
    ),
    # --- 08 Choose an optimiser -------------------------------------------------------------
    "first_move_of_rmsprop": Task(
        "how many times its rate RMSprop moves in the first step with alpha = 0.96",
        wanted=lambda: 1 / numpy.sqrt(1 - 0.96),
        hint="after one step the running mean of g² holds (1 − alpha) g².",
        near_misses=(
            NearMiss(lambda: 1 / (1 - 0.96), "It divides by the mean of g² itself.",
                     "the move divides g by the root of the running mean."),
            NearMiss(lambda: numpy.sqrt(1 - 0.96), "It is upside down.",
                     "g is divided by that root; what is 1 / 0.2?"),
            NearMiss(lambda: 1 / numpy.sqrt(0.96), "It uses alpha where 1 − alpha belongs.",
                     "which share of the mean is new in each step?"),
            NearMiss(lambda: 10.0, "This is the answer for alpha = 0.99.",
                     "put 0.96 in its place and do it again."),
            NearMiss(lambda: 1.0, "This holds once the mean has filled up, not in the first step.",
                     "the running mean starts from zero."),
        ),
        tolerance=0.001,
    ),
    # --- 09 Build your own module -----------------------------------------------------------
    # --- 10 Change the graph on the fly -----------------------------------------------------
    "predict_with_extra_terms": Task(
        "the cubic plus e x⁴ plus e x⁵, with the first 0, 1 or 2 of these extra terms",
        wanted=lambda numbers, x, terms: numpy.polynomial.polynomial.polyval(
            x, [*numbers[:4], *[numbers[4]] * terms]),
        inputs=_five_numbers_and_terms,
        library="torch",
        hint="take terms = 0 and terms = 1 and write down the powers.",
        near_misses=(
            NearMiss(lambda numbers, x, terms: numpy.polynomial.polynomial.polyval(
                         x, [*numbers[:4], *[numbers[4]] * (terms + 1)]),
                     "There is always one extra term too many.",
                     "`range` leaves its end out; which powers does yours give for terms = 0?"),
            NearMiss(lambda numbers, x, terms: numpy.polynomial.polynomial.polyval(
                         x, [*numbers[:4], *[numbers[4]] * max(terms - 1, 0)]),
                     "The last extra term is missing.",
                     "`range` leaves its end out; which powers does yours give for terms = 1?"),
            NearMiss(lambda numbers, x, terms: numpy.polynomial.polynomial.polyval(
                         x, [*numbers[:4], *[numbers[4]] * 2]),
                     "It adds both extra terms whatever `terms` says.",
                     "where in your loop does `terms` stand?"),
            NearMiss(lambda numbers, x, terms: numpy.polynomial.polynomial.polyval(
                         x, numbers[:4]),
                     "It never adds an extra term.", "does the loop run at all?"),
            NearMiss(lambda numbers, x, terms: numpy.polynomial.polynomial.polyval(
                         x, [*numbers[:4], terms * numbers[4]]),
                     "Each extra term is e x⁴; the second should be e x⁵.",
                     "the power must change from turn to turn."),
        ),
    ),
    "limit_up_to_the_sixth": Task(
        "the largest stable rate for the cubic plus e (x⁴ + x⁵ + x⁶) on the 2,000 points",
        wanted=lambda: _rate_limit((4, 5, 6)),
        hint="the limit is 2/λmax, with one column for e: the sum of its three powers.",
        near_misses=(
            NearMiss(lambda: _rate_limit((4, 5)), "This is the limit with powers up to x⁵.",
                     "which column of the features must change?"),
            NearMiss(lambda: _rate_limit((6,)), "This is the limit with e x⁶ alone.",
                     "which terms share the number e?"),
            NearMiss(lambda: _rate_limit((4, 5, 6)) / 2, "This is 1/λmax, half the limit.",
                     "at 1/λmax the steepest direction is done in one step; it bears twice that."),
            NearMiss(lambda: _rate_limit((4, 5, 6)) * 2, "This is twice the limit.",
                     "the Hessian of the sum of squares is 2 XᵀX."),
            NearMiss(lambda: _rate_limit((4, 5, 6)) * 2000, "This is the limit for the mean.",
                     "the loss is the sum of squared errors."),
            NearMiss(lambda: _rate_limit((4,), (5,), (6,)),
                     "This is the limit with three separate parameters for x⁴, x⁵ and x⁶.",
                     "e is one parameter, so it has one column."),
        ),
        tolerance=0.001,
    ),
    # --- 11 Train a two-layer network -------------------------------------------------------
    "rate_for_the_mean": Task(
        "the rate for the mean that makes the steps of 1e-6 for the sum, with a batch of 32",
        wanted=lambda: 1e-6 * 32 * 10,
        hint="how many squared errors does the mean divide by?",
        near_misses=(
            NearMiss(lambda: 6.4e-4, "This is the rate for a batch of 64.",
                     "how many squared errors do 32 examples have?"),
            NearMiss(lambda: 3.2e-5, "It counts the examples and forgets the outputs.",
                     "each example has 10 errors."),
            NearMiss(lambda: 1e-5, "It counts the outputs and forgets the examples.",
                     "the mean runs over the whole batch."),
            NearMiss(lambda: 1e-6 / 320, "It is divided by 320 where it must be multiplied.",
                     "the gradient of the mean is smaller, so must the rate shrink or grow?"),
            NearMiss(lambda: 1e-6, "This is the rate for the sum.",
                     "how much smaller is the gradient of the mean?"),
        ),
        tolerance=0.001,
    ),
    "gradient_of_w1": Task(
        "the gradient of Σ (ReLU(x w1) w2 − y)² with respect to w1",
        wanted=lambda x, y, w1, w2: _gradient_of_w1(x, y, w1, w2),
        inputs=_two_layers,
        library="torch",
        hint="follow one row of x forward on paper, then go back one link at a time.",
        near_misses=(
            NearMiss(lambda x, y, w1, w2: _gradient_of_w1(x, y, w1, w2) / 2,
                     "The factor 2 of the square is missing.", "what is the slope of a square?"),
            NearMiss(lambda x, y, w1, w2: -_gradient_of_w1(x, y, w1, w2),
                     "The sign is flipped.", "the slope is 2 (ŷ − y), not 2 (y − ŷ)."),
            NearMiss(lambda x, y, w1, w2: _gradient_of_w1(x, y, w1, w2) / y.size,
                     "This is the gradient of the mean.", "the loss is the sum."),
            NearMiss(lambda x, y, w1, w2: _gradient_of_w1(x, y, w1, w2) / len(x),
                     "It is divided by the number of examples.", "the loss is the sum."),
            NearMiss(lambda x, y, w1, w2: 2 * x.T @ ((x @ w1 @ w2 - y) @ w2.T),
                     "The bend is missing, on the way forward and on the way back.",
                     "which hidden numbers does the ReLU cut off?"),
            NearMiss(lambda x, y, w1, w2: 2 * x.T @ numpy.maximum(
                         (numpy.maximum(x @ w1, 0) @ w2 - y) @ w2.T, 0),
                     "On the way back the slope is cut off where it is negative.",
                     "what counts is whether the hidden number was positive."),
            NearMiss(lambda x, y, w1, w2: _gradient_of_w1(x, y, w1, w2, bent=numpy.ones_like),
                     "The bend is left out on the way back.",
                     "where the hidden number is 0, nothing comes back."),
            NearMiss(lambda x, y, w1, w2: _gradient_of_w1(x, y, w1, w2, bent=lambda z: z),
                     "On the way back it multiplies by the hidden numbers themselves.",
                     "the slope of the bend is 0 or 1."),
            NearMiss(lambda x, y, w1, w2: _gradient_of_w1(x, y, w1, w2).T,
                     "The numbers are right, but rows and columns are swapped.",
                     "the gradient has the shape of w1."),
            NearMiss(lambda x, y, w1, w2: 2 * numpy.maximum(x @ w1, 0).T
                     @ (numpy.maximum(x @ w1, 0) @ w2 - y),
                     "This is the gradient with respect to w2.", "go one link further back."),
        ),
    ),
    # --- 12 Find the learning rate ----------------------------------------------------------
    "steps_to_one_thousandth": Task(
        "the first step at which one thousandth or less of the slow even mode is left",
        wanted=lambda: next(t for t in range(10_000) if (1 - 1e-6 * 1727.50065) ** t <= 1e-3),
        hint="solve (1 − ηλ)ᵗ = 0.001 for t.",
        near_misses=(
            NearMiss(lambda: 3995, "After 3,995 steps a little more than a thousandth is left.",
                     "round up, not down."),
            NearMiss(lambda: numpy.log(1e-3) / numpy.log(1 - 1e-6 * 1727.50065),
                     "The equation is solved, but the answer is not a whole number of steps.",
                     "after which whole step is a thousandth or less left for the first time?"),
            *(NearMiss(lambda steps=steps: steps, "This puts ηλ where −ln(1 − ηλ) belongs; they "
                       "are only nearly the same.", "use the logarithm of 1 − ηλ itself.")
              for steps in (3998, 3999, numpy.log(1e3) / (1e-6 * 1727.50065))),
            NearMiss(lambda: 1998, "This is when a thousandth of the loss is left.",
                     "the loss depends on the square of the amplitude."),
            NearMiss(lambda: 3341, "This is the slow odd mode, with λ = 2065.98.",
                     "which λ does the exercise name?"),
        ),
    ),
    # --- 15 Train in mini-batches -------------------------------------------------------------
    "loss_of_epoch": Task(
        "the mean over all points, from the means of the batches and their sizes",
        wanted=lambda losses, sizes: numpy.average(losses, weights=sizes),
        inputs=_losses_and_sizes,
        hint="the sum of a batch is its mean times its size.",
        near_misses=(
            NearMiss(lambda losses, sizes: losses.mean(),
                     "It is the mean of the means: the points of the short last batch count more "
                     "than the others.", "how many points stand behind each number?"),
            NearMiss(lambda losses, sizes: (losses * sizes).sum() / (len(sizes) * sizes[0]),
                     "It divides as if the last batch were as large as the others.",
                     "how many points are there really?"),
            NearMiss(lambda losses, sizes: (losses * sizes).sum() / 2000,
                     "It divides by 2,000, the points of the lesson.",
                     "how many points does this epoch have?"),
            NearMiss(lambda losses, sizes: losses[:-1].mean(),
                     "The last batch is left out.", "its points belong to the epoch too."),
            NearMiss(lambda losses, sizes: (losses * sizes).sum(),
                     "It is the sum over all points, not their mean.", "divide once, at the end."),
            NearMiss(lambda losses, sizes: (losses * sizes).sum() / len(sizes),
                     "It divides by the number of batches.", "how many points are there?"),
            NearMiss(lambda losses, sizes: losses.sum() / sizes.sum(),
                     "It adds up means as if they were sums.",
                     "the sum of a batch is its mean times its size."),
            NearMiss(lambda losses, sizes: losses.sum(), "It is the sum of the means.",
                     "what is wanted is a mean over points."),
        ),
    ),
    "gradient_with_chances": Task(
        "an estimate that is right on average, whatever the chances of the points",
        wanted=_weighed_gradient(lambda chances, n, size: 1 / (size * chances)),
        inputs=_rows_by_chance,
        hint="the term of point i is divided by its chance, and the sum by B.",
        near_misses=(
            NearMiss(_weighed_gradient(lambda chances, n, size: n / size + 0 * chances),
                     "It is biased: the factor n/B is right for equal chances only.",
                     "which points come too often, and how is that made good?"),
            NearMiss(_weighed_gradient(lambda chances, n, size: 2000 / size + 0 * chances),
                     "It is biased: it ignores `chances`, and takes the number of points from the "
                     "lesson.", "which points come too often, and how is that made good?"),
            NearMiss(_weighed_gradient(lambda chances, n, size: 1 / size + 0 * chances),
                     "It is the mean gradient of the points drawn: `chances` and n are both left "
                     "out.", "the full gradient is a sum over n points."),
            NearMiss(_weighed_gradient(lambda chances, n, size: 1 + 0 * chances),
                     "It is the bare sum over the points drawn; it grows with B.",
                     "what must a batch of twice the size give on average?"),
            NearMiss(_weighed_gradient(lambda chances, n, size: chances / size),
                     "It multiplies by the chances where it must divide.",
                     "should a point that comes often count more or less?"),
            NearMiss(_weighed_gradient(lambda chances, n, size: n * n * chances / size),
                     "It multiplies by the chances where it must divide.",
                     "should a point that comes often count more or less?"),
            NearMiss(_weighed_gradient(lambda chances, n, size: 1 / chances),
                     "It forgets to divide by B.",
                     "what must a batch of twice the size give on average?"),
            NearMiss(_weighed_gradient(lambda chances, n, size: n / (size * chances)),
                     "It is n times too large: dividing by the chances has already done the work "
                     "of n.", "what is 1 / chances when all chances are 1/n?"),
            NearMiss(_weighed_gradient(lambda chances, n, size: 1 / (n * size * chances)),
                     "It estimates the gradient of the mean.", "the loss is the sum of squares."),
            NearMiss(_weighed_gradient(lambda chances, n, size: 0.5 / (size * chances)),
                     "The factor 2 of the square is missing.", "what is the slope of a square?"),
            NearMiss(_by_share,
                     "It divides by the sum of the weights, which is n on average only, so it is "
                     "biased.", "divide by B instead."),
            NearMiss(lambda theta, X, y, rows, chances: 2 * X.T @ (X @ theta - y),
                     "It uses all points, not only those drawn.", "where do you use `rows`?"),
        ),
    ),
    "level_for_100": Task(
        "how far noise holds the loss above its floor, for batches of 100 at 2.5e-6",
        wanted=lambda: _level_of_noise(2.5e-6, 100),
        hint="Σ η C / (2 (2 − ηλ)) over the four modes, with C for B = 100.",
        near_misses=(
            NearMiss(lambda: 2500 * _level_of_noise(1e-9, 100),
                     "This is the rule for small rates, (η/4) Σ C.",
                     "at 2.5e-6 the ηλ of the fastest mode is no longer small beside 2."),
            NearMiss(lambda: 100 * _level_of_noise(2.5e-6, 100), "This is the level for B = 1.",
                     "how does C change with the size of the batch?"),
            NearMiss(lambda: _level_of_noise(2.5e-6, 64), "This is the level for B = 64.",
                     "which B does the exercise name?"),
            NearMiss(lambda: _level_of_noise(1e-6, 100), "This is the level at 1e-6.",
                     "which rate does the exercise name?"),
            NearMiss(lambda: 8.81716541 + _level_of_noise(2.5e-6, 100),
                     "This is the whole loss, floor included.",
                     "how far above the floor is it?"),
            NearMiss(lambda: 10 * _level_of_noise(2.5e-6, 100),
                     "It divides by √100 where it must divide by 100.",
                     "C is a variance, not its root."),
            NearMiss(lambda: _level_of_noise(2.5e-6, 100) / 100, "It divides by 100 twice.",
                     "C for B = 100 is C for B = 1, divided once."),
            NearMiss(lambda: 2 * _level_of_noise(2.5e-6, 100),
                     "It is twice the level: a distance z costs ½λz².",
                     "is the 2 before the bracket there?"),
        ),
        tolerance=0.001,
    ),
    # --- 17 Train a network for real ----------------------------------------------------------
    "stop_in_time": Task(
        "the epoch whose weights are kept and the epoch after which training stops",
        wanted=lambda losses, patience: _stop()(losses, patience),
        inputs=_losses_and_patience,
        hint="take losses 3, 2, 4, 1, 5, 6 and a patience of 2, and do it by hand.",
        near_misses=(
            NearMiss(lambda losses, patience: tuple(
                         epoch - 1 for epoch in _stop()(losses, patience)),
                     "The epochs are counted from 0.", "the first epoch is epoch 1."),
            NearMiss(_stop(better=lambda loss, best: loss <= best),
                     "A loss that is equal to the best one is taken for a new best.",
                     "what does *new* mean when two losses are the same?"),
            NearMiss(lambda losses, patience: (_stop()(losses, patience)[1],) * 2,
                     "It keeps the weights of the last epoch: all epochs of the patience are in "
                     "them.", "which epoch had the smallest loss?"),
            NearMiss(lambda losses, patience: _stop()(losses, patience)[::-1],
                     "The two epochs have changed places.", "the kept one comes first."),
            NearMiss(lambda losses, patience: _stop(sees_all=True)(losses, patience),
                     "The epoch that is kept lies behind the stop: it was never trained.",
                     "look only at the losses up to the stop."),
            NearMiss(lambda losses, patience: _stop(starts_anew=False)(losses, patience),
                     "It counts all epochs without a new best, from the beginning.",
                     "what happens to the count when a new best is found?"),
            NearMiss(lambda losses, patience: (_stop()(losses, patience)[0], len(losses)),
                     "It keeps the right epoch, and trains on to the last one.",
                     "when has the patience run out?"),
            NearMiss(lambda losses, patience: (int(numpy.argmin(losses)) + 1, len(losses)),
                     "It never stops early.", "when has the patience run out?"),
            NearMiss(lambda losses, patience: _stop(late=1)(losses, patience),
                     "It stops one epoch too late.",
                     "how many epochs without a new best may there be?"),
            NearMiss(lambda losses, patience: _stop(late=-1)(losses, patience),
                     "It stops one epoch too early.",
                     "how many epochs without a new best may there be?"),
            NearMiss(_stop_when_it_rises,
                     "It counts epochs that are worse than the one before; a new best is "
                     "measured against the best so far.", "compare with the smallest loss yet."),
            NearMiss(lambda losses, patience: _stop()(losses, 1),
                     "It stops at the first epoch that is no new best: `patience` is not used.",
                     "how many such epochs are allowed?"),
        ),
    ),
    "report_the_chosen": Task(
        "the model that the validation set chooses, and its mean squared error on the test set",
        wanted=lambda validation, validation_y, test, test_y: _report()(
            validation, validation_y, test, test_y),
        inputs=_predictions_and_targets,
        hint="one set chooses, the other one reports.",
        near_misses=(
            NearMiss(_report(choose=lambda validation, test: test.argmin()),
                     "The test set has chosen: the smallest of five test errors is too good to be "
                     "true.", "which set is there for choosing?"),
            NearMiss(_report(tell=lambda validation, test, chosen: validation[chosen]),
                     "The model is right, but its error is that of the validation set, which has "
                     "chosen it.", "which set has not been asked yet?"),
            NearMiss(_report(tell=lambda validation, test, chosen: test.min()),
                     "The model is right, but the error is the smallest of all on the test set, "
                     "not its own.", "look up the test error of the chosen model only."),
            NearMiss(_report(choose=lambda validation, test: (validation + test).argmin()),
                     "The test set has helped to choose.", "which set is there for choosing?"),
            NearMiss(_report_both_sets,
                     "The test set has helped to choose.", "which set is there for choosing?"),
            NearMiss(_report(choose=lambda validation, test: validation.argmax()),
                     "It takes the model with the largest error.", "`argmin` or `argmax`?"),
            NearMiss(_report(reduce=numpy.sum),
                     "The model is right, but the error is a sum; the mean is wanted.",
                     "what makes sets of different sizes comparable?"),
            NearMiss(_report(tell=lambda validation, test, chosen: test[chosen] ** 0.5),
                     "The model is right, but the error is the root of the mean square.",
                     "the mean of the squares itself is wanted."),
            NearMiss(_report(tell=lambda validation, test, chosen: test.mean()),
                     "The model is right, but the error is the mean over all models.",
                     "only one model is reported."),
        ),
    ),
}
"""Every task by name."""
