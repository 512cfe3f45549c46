"""Fills in the rubric of the capstone project."""

from __future__ import annotations

import re

import numpy

from polylab.checks.engine.common import require_no_outside_data, require_own_work
from polylab.checks.engine.grading import hand_back
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import blank_line, is_a, outside_constants
from polylab.checks.engine.state import keep_data_of, put_back_after
from polylab.checks.engine.values import (
    describe,
    is_again,
    read_numbers,
    require_finite,
    require_shape,
    tell_apart,
)
from polylab.checks.engine.verdict import Refusal, Verdict
from polylab.descent import LeastSquares
from polylab.gradients import exact_gradient, finite_difference_gradient
from polylab.polynomial import BASES, best_fit, features

TRIAL_STEPS = 50  # when training is repeated
FUNCTIONS = ("target", "derive_rate", "gradient", "train")
CLOSE_TO_BEST = 1.05  # loss, as a multiple of the least loss
NEGLIGIBLE = 1e-6  # loss, as a share of the sum of squares of the target
ROUNDING = 1e-20  # the same; what is less is rounding
SAME_RESULT = 1e-5  # difference of two runs that are one, relative to the largest coefficient
STEADY = 100  # by how much the share of the limit may differ from one problem to the next
TRUTH_WORDS = {"target", "truth", "true", "data", "exact"}
FIT_WORDS = {"fit", "fitted", "model", "predicted", "prediction", "approximation"}


def check_project(*, target, x, degree, basis, derive_rate, gradient, train, coefficients, ax,
                  steps=2000):
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
        What ``train`` returned at the derived rate, from a start of zeros.
    ax : matplotlib.axes.Axes
        The plot of the target and the fit over x.
    steps : int, default 2000
        How many steps ``train`` was asked for.

    Returns
    -------
    Verdict
        ``passed`` if every row passes; the message is the table.

    Notes
    -----
    The training is run again, and what it returns must be what was handed in.
    """
    parts = {"target": target, "x": x, "degree": degree, "basis": basis,
             "derive_rate": derive_rate, "gradient": gradient, "train": train,
             "coefficients": coefficients, "ax": ax, "steps": steps}
    blanks = [name for name, part in parts.items() if part is None or blank_line(part)]
    if blanks:
        listed = ", ".join(f"`{name}`" for name in blanks)
        return hand_back(Verdict(False, f"Not attempted yet: {listed} still to be written."))
    return hand_back(_fill_in(parts))


def _fill_in(parts):
    def judge_all(stop):
        with numpy.errstate(all="ignore"):
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
    if type(parts["steps"]) is not int or parts["steps"] < 1:
        raise Refusal("", "`steps` must be a whole number, 1 or more.", "start with 2,000.")
    if len(x) < 10 * (degree + 1):
        raise Refusal("", f"`x` holds {len(x)} points, too few for degree {degree}.",
                      "take at least ten points for each coefficient.")
    y = _values(parts, x)
    _require_x_as_it_was(parts)
    if not is_again(y, _values(parts, x, seed=1)):
        raise Refusal("", "`target` gives other values when it is called again.",
                      "seed the generator inside it.")
    if float(numpy.ptp(y)) == 0:
        raise Refusal("", "`target` is the same everywhere.", "pick a curve with a shape.")
    matrix = features(x, degree, basis)
    return matrix, y, LeastSquares(matrix, y)


def _call(parts, name, *arguments, seed=0):
    """Call a function of the project; refuse it if it changes one of its arrays."""
    if not callable(parts[name]):
        raise Refusal("", f"`{name}` must be a function, {describe(parts[name])} came.",
                      "hand over the function, without calling it.")
    handed = [numpy.array(one) if is_a(one, numpy.ndarray) else one for one in arguments]
    value = call(parts[name], *handed, seed=seed).value
    if not all(numpy.array_equal(now, then)
               for now, then in zip(handed, arguments, strict=True)):
        raise Refusal("", f"`{name}` changes its input in place.", "make a new array.")
    return value


def _values(parts, x, seed=0):
    reading = read_numbers(_call(parts, "target", x, seed=seed), "one value for each x")
    require_shape(reading, x.shape)
    require_finite(reading, "the target values")
    return reading.numbers


def _require_x_as_it_was(parts):
    """Refuse a target that changes x in place, even if that x has been changed already."""
    try:
        _call(parts, "target", numpy.linspace(-3, 3, 50))
    except Refusal as refusal:
        if "in place" in refusal.wrong:
            raise


def _other_problem(parts, times):
    """Return features and y for ``times`` as many points over the same range."""
    x = numpy.linspace(parts["x"].min(), parts["x"].max(), int(times * len(parts["x"])))
    return features(x, parts["degree"], parts["basis"]), _values(parts, x)


def _rate(parts, matrix):
    reading = read_numbers(_call(parts, "derive_rate", matrix), "one number")
    require_shape(reading, ())
    rate = float(reading.numbers)
    if not 0 < rate < numpy.inf:
        raise Refusal("", f"The rate is {rate:.3g}; a positive number is wanted.", "")
    return rate


def _other_features(parts):
    """Yield a name and a matrix for other points, another degree, another basis, another unit."""
    x, degree, basis = parts["x"], parts["degree"], parts["basis"]
    yield f"{3 * len(x):,} points", _other_problem(parts, 3)[0]
    other = degree + 2 if degree < 14 else degree - 2
    yield f"features of degree {other}", features(x, other, basis)
    name = "powers" if basis != "powers" else "legendre"
    yield f"{name} as the basis", features(x, degree, name)
    yield "features that are 30 times as large", 30 * features(x, degree, basis)
    yield "features that are 30 times as small", features(x, degree, basis) / 30


def _row_rate(parts, matrix, y, problem):
    shares, rates = [], []
    for said, data in ((f"{len(y):,} points", matrix), *_other_features(parts)):
        curvatures = numpy.linalg.eigvalsh(2 * data.T @ data)
        rate, limit = _rate(parts, data), 2 / curvatures[-1]
        # In a long valley the best rate, 2/(λmin + λmax), is the limit but for rounding.
        if abs(rate / limit - 1) < 1e-9 and curvatures[0] > 1e-8 * curvatures[-1]:
            raise Refusal("", f"On {said} {rate:.3g} is the limit itself: the fastest mode never "
                          "settles.", "")
        if rate > limit * (1 + 1e-12):
            raise Refusal("", f"On {said} {rate:.3g} is not below {limit:.3g}.", "")
        rates.append(rate)
        shares.append((rate / limit, said))
    if len(set(rates)) == 1:
        raise Refusal("", f"It is {rates[0]:.3g} for other data too: written down, not derived.",
                      "")
    (least, there), (most, here) = min(shares), max(shares)
    if most > STEADY * least:
        raise Refusal("", f"It is {most:.2g} of the limit on {here} and {least:.2g} of it on "
                      f"{there}: it does not follow the features.", "")
    rate, limit = tell_apart(rates[0], problem.largest_stable_rate)
    return f"{rate} is below {limit}, and it follows the data."


def _row_loss(parts, matrix, y, problem):
    handed = _coefficients(parts["coefficients"], matrix)
    loss, floor, size = _loss(handed, matrix, y), _floor(matrix, y), float(y @ y)
    _require_trained(parts, matrix, y, handed)
    if loss <= ROUNDING * size:
        return f"The loss {loss:.1g} is zero but for rounding."
    if loss <= CLOSE_TO_BEST * floor:
        return f"The loss {loss:.4g} is within 5 % of the least possible {floor:.4g}."
    if loss < NEGLIGIBLE * size:
        return f"The loss {loss:.4g} is less than a millionth of the sum of squares of the target."
    if floor < NEGLIGIBLE * size:
        raise Refusal("", f"The loss {loss:.4g} is not below {NEGLIGIBLE * size:.4g}, a millionth "
                      "of the sum of squares of the target.", "")
    raise Refusal("", f"The loss {loss:.4g} is {loss / floor:.3g} times the least possible "
                  f"{floor:.4g}.", "")


def _require_trained(parts, matrix, y, handed):
    """Refuse coefficients that `train` does not return at the derived rate, from zeros."""
    rate, steps = _rate(parts, matrix), parts["steps"]
    start = numpy.zeros(matrix.shape[1])
    again = _coefficients(_call(parts, "train", matrix, y, start, rate, steps), matrix)
    off = numpy.abs(again - handed).max()
    # `train` may come so near to the best that only the last digits tell the two apart.
    known = (best_fit(matrix, y), numpy.linalg.lstsq(matrix, y, rcond=None)[0],
             numpy.linalg.solve(matrix.T @ matrix, matrix.T @ y))
    nearer = any(numpy.abs(best - handed).max() < off / 10 for best in known)
    if off > SAME_RESULT * max(1.0, numpy.abs(again).max()) or nearer:
        raise Refusal("", f"`train` at the derived rate {rate:.3g}, {steps:,} steps from zeros, "
                      f"does not return the coefficients that came: its loss is "
                      f"{_loss(again, matrix, y):.6g}, theirs {_loss(handed, matrix, y):.6g}.", "")


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
    require_own_work(parts["gradient"], (finite_difference_gradient, exact_gradient,
                                         LeastSquares))
    for seed, (data, values) in enumerate(((matrix, y), _other_problem(parts, 0.5))):
        coefficients = numpy.random.default_rng(70 + seed).normal(size=data.shape[1])
        wanted = finite_difference_gradient(
            lambda c, data=data, values=values: numpy.sum((data @ c - values) ** 2),
            coefficients, step=1.0)
        given = _call(parts, "gradient", coefficients, data, values)
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
    curves = curves_of(ax)
    shown = {}
    for name, wanted, other in (("target", y, fitted), ("fit", fitted, y)):
        shown[name] = [label for curve, label in curves
                       if _shows(curve, parts["x"], wanted, other)]
        if not shown[name]:
            raise Refusal("", f"No curve of the plot is the {name} over x.", "")
    if labels_are_swapped(shown["target"], shown["fit"]):
        raise Refusal("", "The labels of the two curves have changed places.", "")
    return "It shows the target and the fit over x."


def curves_of(ax):
    """Return (points, label) of every curve; a legend has the last word about the labels."""
    lines = list(ax.lines)
    artists = [one for one in ax.get_children() if one in lines or one in list(ax.collections)]
    legend, said = ax.get_legend(), {}
    if legend is not None:
        texts = [text.get_text() for text in legend.get_texts()]
        said = dict(zip(map(_colour, legend.legend_handles), texts, strict=True))
        said = said if len(said) == len(texts) else {}
    return [(artist.get_xydata() if artist in lines else artist.get_offsets(),
             said.get(_colour(artist), str(artist.get_label()))) for artist in artists]


def _colour(artist):
    """Return the colour by which a curve is found in a legend."""
    from matplotlib.colors import to_hex, to_rgba_array

    found = to_rgba_array(artist.get_color() if hasattr(artist, "get_color")
                          else artist.get_facecolor())
    return to_hex(found[0]) if len(found) else ""


def labels_are_swapped(of_target, of_fit):
    """Return whether a label calls the target a fit, or the fit a target.

    Parameters
    ----------
    of_target, of_fit : sequence of str
        The labels of the curves that show the one and the other.
    """
    def says(label, words, others):
        said = set(re.findall("[a-z]+", label.lower()))
        return bool(said & words) and not said & others

    return (all(says(label, FIT_WORDS, TRUTH_WORDS) for label in of_target)
            or all(says(label, TRUTH_WORDS, FIT_WORDS) for label in of_fit))


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
        _require_nothing_from_outside(name, parts[name])
    require_own_work(parts["train"], (LeastSquares,))
    for data, values in ((matrix, y), _other_problem(parts, 0.5)):
        rate = 0.5 * LeastSquares(data, values).largest_stable_rate
        start = numpy.random.default_rng(80).normal(size=data.shape[1])
        results = [_coefficients(_call(parts, "train", data, values, start, rate, TRIAL_STEPS,
                                       seed=seed), data) for seed in range(2)]
        if not is_again(*results):
            raise Refusal("", "`train` gives another answer when it is called again.", "")
        if _loss(results[0], data, values) > 0.999 * _loss(start, data, values):
            raise Refusal("", "`train` does not bring the loss down on other data.", "")
        _require_every_argument(parts, data, values, start, 0.1 * rate)
    _require_steps_by_slope(parts)
    return "Every function works from its arguments alone, and training can be repeated."


def _require_nothing_from_outside(name, function):
    if not callable(function):
        raise Refusal("", f"`{name}` must be a function.", "")
    require_no_outside_data(function, "")
    constants = outside_constants(function)
    values = {one: getattr(function, "__globals__", {}).get(one) for one in constants}
    # A number in CAPITALS may stay, but not in `target`, which is to be one and the same for ever.
    stale = [one for one, value in values.items()
             if name == "target" or type(value) not in (int, float, str, bool)]
    if stale:
        raise Refusal("", f"`{name}` reads `{stale[0]}` from outside; it must work from its "
                      "arguments alone.", "")


def _require_every_argument(parts, data, values, start, rate):
    """Refuse a training that gives the same whatever the steps, the rate or the start."""
    def end(start=start, rate=rate, steps=1):
        return _coefficients(_call(parts, "train", data, values, start, rate, steps), data)

    if numpy.allclose(end(), start, rtol=1e-6, atol=0):
        raise Refusal("", "`train` makes no update when `steps` is 1.", "")
    for name, other, said in (
        ("steps", end(steps=TRIAL_STEPS), f"after 1 step as after {TRIAL_STEPS}"),
        ("rate", end(rate=0.1 * rate), "at a tenth of the rate"),
        ("start", end(start=start + 1), "from another start"),
    ):
        if numpy.allclose(end(), other, rtol=1e-9, atol=0):
            raise Refusal("", f"`train` gives the same {said}: it does not depend on `{name}`.", "")


def _require_steps_by_slope(parts):
    """Refuse a first step that knows more of the bowl than its slope at the start.

    A point that the start already fits adds nothing to the slope, however steep it makes the bowl:
    every rule that steps by the slope makes the same first step with it as without, but whatever
    solves for the best, or moves towards it, does not.
    """
    random = numpy.random.default_rng(81)
    data, values, start, extra = (random.normal(size=size) for size in ((60, 5), 60, 5, 5))
    steepest = numpy.linalg.eigvalsh(2 * data.T @ data)[-1]
    extra *= numpy.sqrt(50 * steepest) / numpy.linalg.norm(extra)
    ends = [_coefficients(_call(parts, "train", numpy.vstack([data, row]),
                                numpy.append(values, row @ start), start, 1 / steepest, 1), data)
            for row in (numpy.zeros(5), extra)]
    if numpy.abs(ends[0] - ends[1]).max() > 0.05 * numpy.abs(ends[0] - start).max():
        raise Refusal("", "The first step of `train` does not follow the slope at the start: it "
                      "already knows where the best is.", "")


ROWS = (
    ("rate below its limit", _row_rate),
    ("loss near the best", _row_loss),
    ("gradient checked", _row_gradient),
    ("plot made", _row_plot),
    ("nothing stale", _row_fresh),
)
"""The rows of the rubric: title and judge."""
