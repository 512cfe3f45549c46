"""Fills in the rubric of the capstone project."""

from __future__ import annotations

import numpy

from polylab.checks.engine.common import require_no_outside_data
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import blank_line, is_a
from polylab.checks.engine.state import keep_data_of, put_back_after
from polylab.checks.engine.values import describe, read_numbers, require_finite, require_shape
from polylab.checks.engine.verdict import Refusal, Verdict, hand_back
from polylab.descent import LeastSquares
from polylab.gradients import finite_difference_gradient
from polylab.polynomial import BASES, features

TRIAL_STEPS = 50  # when training is repeated
FUNCTIONS = ("target", "derive_rate", "gradient", "train")
CLOSE_TO_BEST = 1.05  # loss, as a multiple of the least loss
NEGLIGIBLE = 1e-6  # loss, as a share of the sum of squares of the target


def check_project(*, target, x, degree, basis, derive_rate, gradient, train, coefficients, ax):
    """Fill in the rubric of notebook 14, one row for each thing that the project must show.

    Parameters
    ----------
    target : callable
        ``target(x)`` returns the values to fit, for a NumPy array of angles.
    x : numpy.ndarray, shape (n,)
        The angles of the project, float64.
    degree : int
        Of the polynomial, 1 to 15.
    basis : str
        One of `polylab.polynomial.BASES`.
    derive_rate : callable
        ``derive_rate(features)`` returns a learning rate for the sum of squares.
    gradient : callable
        ``gradient(coefficients, features, y)`` returns the gradient of the sum of squares.
    train : callable
        ``train(features, y, start, rate, steps)`` returns the trained coefficients. NumPy arrays
        go in; inside it may use any layer of the course.
    coefficients : array, shape (degree + 1,)
        What the project's own training returned.
    ax : matplotlib.axes.Axes
        The plot of the target and the fit over x.

    Returns
    -------
    Verdict
        ``passed`` if every row passes; the message is the table.
    """
    parts = {"target": target, "x": x, "degree": degree, "basis": basis,
             "derive_rate": derive_rate, "gradient": gradient, "train": train,
             "coefficients": coefficients, "ax": ax}
    blanks = [name for name, part in parts.items() if part is None or blank_line(part)]
    if blanks:
        listed = ", ".join(f"`{name}`" for name in blanks)
        return hand_back(Verdict(False, f"Not attempted yet: {listed} still to be written."))
    return hand_back(_fill_in(parts))


def _fill_in(parts):
    def judge_all(stop):
        problem = _problem(parts)
        return [_row(title, judge, parts, problem) for title, judge in ROWS]

    try:
        rows = put_back_after(judge_all, keep_data_of(*(parts[name] for name in FUNCTIONS)))
    except Refusal as refusal:
        return Verdict(False, str(refusal))
    passed = all(fine for fine, _, _ in rows)
    count = sum(fine for fine, _, _ in rows)
    head = ("Right: all of the project is there." if passed
            else f"{count} of {len(rows)} rows of the rubric pass.")
    wide = max(len(title) for title, _ in ROWS)
    table = [f"{'pass' if fine else 'FAIL'}  {title:<{wide}}  {sentence}"
             for fine, title, sentence in rows]
    return Verdict(passed, "\n".join([head, *table]))


def _row(title, judge, parts, problem):
    try:
        return True, title, judge(parts, *problem)
    except Refusal as refusal:
        return False, title, refusal.wrong


def _problem(parts):
    """Return features, y and the least-squares problem, or refuse what they are made of."""
    x, degree, basis = parts["x"], parts["degree"], parts["basis"]
    if type(x) is not numpy.ndarray or x.ndim != 1 or x.dtype != numpy.float64 or not (
            numpy.isfinite(x).all()):
        raise Refusal("", f"`x` must be a float64 array of shape (n,), {describe(x)} came.",
                      "numpy.linspace makes one.")
    if type(degree) is not int or not 1 <= degree <= 15:
        raise Refusal("", "`degree` must be a whole number from 1 to 15.", "start with 3.")
    if type(basis) is not str or basis not in BASES:
        raise Refusal("", f"`basis` must be one of {', '.join(BASES)}.", "compare notebook 12.")
    if len(x) < 10 * (degree + 1):
        raise Refusal("", f"`x` holds {len(x)} points, too few for degree {degree}.",
                      "take at least ten points for each coefficient.")
    y = _values(parts["target"], x)
    if not numpy.allclose(y, _values(parts["target"], x, seed=1), rtol=1e-9, atol=0):
        raise Refusal("", "`target` gives other values when it is called again.",
                      "seed the generator inside it.")
    if float(numpy.ptp(y)) == 0:
        raise Refusal("", "`target` is the same everywhere.", "pick a curve with a shape.")
    matrix = features(x, degree, basis)
    return matrix, y, LeastSquares(matrix, y)


def _values(target, x, seed=0):
    if not callable(target):
        raise Refusal("", f"`target` must be a function of x, {describe(target)} came.",
                      "hand over the function, without calling it.")
    reading = read_numbers(call(target, x.copy(), seed=seed).value, "one value for each x")
    require_shape(reading, x.shape)
    require_finite(reading, "the target values")
    return reading.numbers


def _other_problem(parts, times):
    """Return features and y for ``times`` as many points over the same range."""
    x = numpy.linspace(parts["x"].min(), parts["x"].max(), int(times * len(parts["x"])))
    return features(x, parts["degree"], parts["basis"]), _values(parts["target"], x)


def _rate(parts, matrix):
    if not callable(parts["derive_rate"]):
        raise Refusal("", "`derive_rate` must be a function of the features.", "")
    reading = read_numbers(call(parts["derive_rate"], matrix.copy()).value, "one number")
    require_shape(reading, ())
    rate = float(reading.numbers)
    if not 0 < rate < numpy.inf:
        raise Refusal("", f"The rate is {rate:.3g}; a positive number is wanted.", "")
    return rate


def _row_rate(parts, matrix, y, problem):
    other, other_y = _other_problem(parts, 3)
    rates = []
    for data, summed in ((matrix, problem), (other, LeastSquares(other, other_y))):
        rate, limit = _rate(parts, data), summed.largest_stable_rate
        if abs(rate / limit - 1) < 1e-9:
            raise Refusal("", f"On {len(data):,} points {rate:.3g} is the limit itself: the "
                          "fastest mode never settles.", "")
        if rate > limit:
            raise Refusal("", f"On {len(data):,} points {rate:.3g} is not below {limit:.3g}.", "")
        rates.append(rate)
    rate, other_rate = rates
    if rate == other_rate:
        raise Refusal("", f"It is {rate:.3g} for other data too: written down, not derived.", "")
    return f"{_below(rate, problem.largest_stable_rate)}, and it follows the data."


def _below(rate, limit):
    """Write a rate and its limit with as few digits as tell them apart."""
    texts = ((f"{rate:.{digits}g}", f"{limit:.{digits}g}") for digits in range(3, 18))
    return " is below ".join(next(pair for pair in texts if pair[0] != pair[1]))


def _row_loss(parts, matrix, y, problem):
    loss = _loss(_coefficients(parts["coefficients"], matrix), matrix, y)
    floor, negligible = _floor(matrix, y), NEGLIGIBLE * float(y @ y)
    if loss <= CLOSE_TO_BEST * floor:
        return f"The loss {loss:.4g} is within 5 % of the least possible {floor:.4g}."
    if loss < negligible:
        return f"The loss {loss:.4g} is less than a millionth of the sum of squares of the target."
    if floor < negligible:
        raise Refusal("", f"The loss {loss:.4g} is not below {negligible:.4g}, a millionth of the "
                      "sum of squares of the target.", "")
    raise Refusal("", f"The loss {loss:.4g} is {loss / floor:.3g} times the least possible "
                  f"{floor:.4g}.", "")


def _coefficients(value, matrix):
    reading = read_numbers(value, "coefficients")
    require_shape(reading, matrix.shape[1:])
    require_finite(reading, "the coefficients")
    return reading.numbers


def _loss(coefficients, matrix, y):
    return float(numpy.linalg.norm(matrix @ coefficients - y) ** 2)


def _floor(matrix, y):
    return _loss(numpy.linalg.lstsq(matrix, y, rcond=None)[0], matrix, y)


def _row_gradient(parts, matrix, y, problem):
    if not callable(parts["gradient"]):
        raise Refusal("", "`gradient` must be a function.", "")
    for seed, (data, values) in enumerate(((matrix, y), _other_problem(parts, 0.5))):
        coefficients = numpy.random.default_rng(70 + seed).normal(size=data.shape[1])
        wanted = finite_difference_gradient(
            lambda c, data=data, values=values: numpy.sum((data @ c - values) ** 2),
            coefficients, step=1.0)
        given = call(parts["gradient"], coefficients.copy(), data.copy(), values.copy()).value
        reading = read_numbers(given, "one number for each coefficient")
        require_shape(reading, wanted.shape)
        size = 2 * numpy.abs(data).T @ (numpy.abs(data) @ numpy.abs(coefficients)
                                        + numpy.abs(values))
        if not (numpy.abs(reading.numbers - wanted) <= 1e-6 * size).all():
            raise Refusal("", "It does not agree with finite differences"
                          f"{_how_far_off(reading.numbers, wanted, 1e-6 * size, len(data))}.", "")
    return "It agrees with finite differences."


def _how_far_off(given, wanted, margin, n):
    for factor, words in ((-1, "the sign is flipped"), (0.5, "the factor 2 is missing"),
                          (2, "it is twice what it should be"),
                          (1 / n, "it is that of the mean, not of the sum")):
        if (numpy.abs(given - factor * wanted) <= factor**2 * margin).all():
            return f": {words}"
    return ""


def _row_plot(parts, matrix, y, problem):
    from matplotlib.axes import Axes

    ax = parts["ax"]
    if not is_a(ax, Axes):
        raise Refusal("", f"An Axes is wanted, {describe(ax)} came.", "")
    fitted = matrix @ _coefficients(parts["coefficients"], matrix)
    for name, wanted, other in (("target", y, fitted), ("fit", fitted, y)):
        if not any(_shows(curve, parts["x"], wanted, other) for curve in _curves(ax)):
            raise Refusal("", f"No curve of the plot is the {name} over x.", "")
    return "It shows the target and the fit over x."


def _curves(ax):
    lines = [line.get_xydata() for line in ax.lines]
    return lines + [points.get_offsets() for points in ax.collections]


def _shows(curve, x, wanted, other):
    """Return whether a curve is ``wanted`` over x, and not closer to ``other``."""
    curve = numpy.ma.filled(numpy.ma.asarray(curve, dtype=float), numpy.nan)
    if len(curve) < 10 or not numpy.isfinite(curve).all():
        return False
    order = numpy.argsort(x)
    expected, rival = (numpy.interp(curve[:, 0], x[order], values[order])
                       for values in (wanted, other))
    margin = 0.05 * numpy.ptp(x)
    covers = curve[:, 0].min() <= x.min() + margin and curve[:, 0].max() >= x.max() - margin
    # A curve drawn on fewer points may cut a corner of a steep target here and there.
    away = numpy.abs(curve[:, 1] - expected)
    nearer = away.mean() <= numpy.abs(curve[:, 1] - rival).mean() + 1e-9
    return bool(covers and nearer
                and (away > 1e-3 * numpy.ptp(wanted) + 1e-9).mean() <= 0.02)


def _row_fresh(parts, matrix, y, problem):
    for name in FUNCTIONS:
        if not callable(parts[name]):
            raise Refusal("", f"`{name}` must be a function.", "")
        require_no_outside_data(parts[name], "")
    for data, values in ((matrix, y), _other_problem(parts, 0.5)):
        summed = LeastSquares(data, values)
        rate = 0.5 * summed.largest_stable_rate
        start = numpy.random.default_rng(80).normal(size=data.shape[1])
        results = []
        for seed in range(2):
            arrays = data.copy(), values.copy(), start.copy()
            value = call(parts["train"], *arrays, rate, TRIAL_STEPS, seed=seed).value
            if not all(numpy.array_equal(now, then)
                       for now, then in zip(arrays, (data, values, start), strict=True)):
                raise Refusal("", "`train` changes its input in place.", "")
            results.append(_coefficients(value, data))
        if not numpy.allclose(*results, rtol=1e-6, atol=0):
            raise Refusal("", "`train` gives another answer when it is called again.", "")
        if _loss(results[0], data, values) > 0.999 * _loss(start, data, values):
            raise Refusal("", "`train` does not bring the loss down on other data.", "")
        _require_every_argument(parts["train"], data, values, start, 0.1 * rate)
    return "Every function works from its arguments alone, and training can be repeated."


def _require_every_argument(train, data, values, start, rate):
    """Refuse a training that gives the same whatever the steps, the rate or the start."""
    def end(start=start, rate=rate, steps=1):
        value = call(train, data.copy(), values.copy(), start.copy(), rate, steps).value
        return _coefficients(value, data)

    if numpy.allclose(end(), start, rtol=1e-6, atol=0):
        raise Refusal("", "`train` makes no update when `steps` is 1.", "")
    for name, other, said in (
        ("steps", end(steps=TRIAL_STEPS), f"after 1 step as after {TRIAL_STEPS}"),
        ("rate", end(rate=0.1 * rate), "at a tenth of the rate"),
        ("start", end(start=start + 1), "from another start"),
    ):
        if numpy.allclose(end(), other, rtol=1e-9, atol=0):
            raise Refusal("", f"`train` gives the same {said}: it does not depend on `{name}`.", "")


ROWS = (
    ("rate below its limit", _row_rate),
    ("loss near the best", _row_loss),
    ("gradient checked", _row_gradient),
    ("plot made", _row_plot),
    ("nothing stale", _row_fresh),
)
"""The rows of the rubric: title and judge."""
