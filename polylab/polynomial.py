"""The model: a polynomial with the constant first, its features, and the best possible fit."""

import math
import numbers

from array_api_compat import is_torch_array

from polylab.arrays import (
    array_namespace,
    is_numpy_array,
    namespace,
    require_finite,
    require_vector,
)

BASES = ("powers", "legendre", "standardised", "orthonormal")


def evaluate(coefficients, x):
    """Return the polynomial a + b x + c x² + … at every x, by Horner's rule.

    Parameters
    ----------
    coefficients : array of shape (k,), or sequence of k numbers
        Constant first: (a, b, c, d) for a cubic. An array must be of the kind, dtype and device
        of ``x``; a sequence may hold Python numbers or 0-d tensors.
    x : array, shape (n,)
        Angles in radians.

    Returns
    -------
    array, shape (n,)
        Of the same kind, dtype and device as ``x``.

    Raises
    ------
    TypeError, ValueError
        If kinds, dtypes or shapes do not fit, or a number is not finite.
    """
    xp = namespace(x=x)
    require_vector("x", x)
    value = xp.zeros_like(x)
    for coefficient in reversed(_numbers(coefficients, x)):
        value = value * x + coefficient
    return value


def describe(coefficients, digits=4):
    """Return the polynomial as text, such as ``y = 0.8567 x − 0.0933 x³`` without zero terms.

    Parameters
    ----------
    coefficients : array of shape (k,), or sequence of k numbers
        Constant first.
    digits : int
        Decimals of each coefficient. A term that rounds to zero is left out.

    Returns
    -------
    str
    """
    text = ""
    for power, coefficient in enumerate(_numbers(coefficients)):
        size = f"{abs(float(coefficient)):.{digits}f}"
        if float(size) == 0.0:
            continue
        minus = float(coefficient) < 0
        sign = (" − " if minus else " + ") if text else ("−" if minus else "")
        text += f"{sign}{size}{_POWERS[power] if power < len(_POWERS) else f' x^{power}'}"
    return f"y = {text or '0'}"


_POWERS = ("", " x", " x²", " x³", " x⁴", " x⁵", " x⁶", " x⁷", " x⁸", " x⁹")


def features(x, degree=3, basis="powers"):
    """Return the feature matrix: one row per point, one column per coefficient.

    Parameters
    ----------
    x : array, shape (n,)
        Angles in radians; n > degree.
    degree : int
        Highest power, at least 0.
    basis : {"powers", "legendre", "standardised", "orthonormal"}
        ``powers``: 1, x, x², …
        ``legendre``: the Legendre polynomials P₀ … P_degree in x/π, which lies in [-1, 1].
        ``standardised``: 1, and each power less its mean, divided by its standard deviation.
        ``orthonormal``: the powers made orthogonal on these points (QR), each column with
        mean square 1 and a positive highest coefficient.

    Returns
    -------
    array, shape (n, degree + 1)
        Of the same kind, dtype and device as ``x``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` or ``degree`` does not fit, there are too few points, or the basis is unknown.

    References
    ----------
    Legendre recurrence: Abramowitz and Stegun, Handbook of Mathematical Functions, 22.7.10.
    """
    xp = namespace(x=x)
    require_vector("x", x)
    if isinstance(degree, bool) or not isinstance(degree, numbers.Integral):
        raise TypeError(f"degree must be an integer, got {type(degree).__name__} {degree!r}")
    if degree < 0:
        raise ValueError(f"degree must be at least 0, got {degree}")
    if x.shape[0] <= degree:
        raise ValueError(f"x must have more than {degree} points for degree {degree}, "
                         f"got {x.shape[0]}")
    if basis not in BASES:
        raise ValueError(f"basis must be one of {', '.join(BASES)}, got {basis!r}")
    if basis == "legendre":
        return xp.stack(_legendre(xp, x / math.pi, degree), axis=1)
    columns = [x**power for power in range(degree + 1)]
    if basis == "standardised":
        columns[1:] = [(column - xp.mean(column)) / xp.std(column) for column in columns[1:]]
    matrix = xp.stack(columns, axis=1)
    if basis == "orthonormal":
        q, r = xp.linalg.qr(matrix)
        return q * xp.sign(xp.linalg.diagonal(r)) * math.sqrt(x.shape[0])
    return matrix


def _legendre(xp, t, degree):
    columns = [xp.ones_like(t), t]
    for k in range(1, degree):
        columns.append(((2 * k + 1) * t * columns[k] - k * columns[k - 1]) / (k + 1))
    return columns[: degree + 1]


def best_fit(features, y):
    """Return the coefficients with the least sum of squared errors.

    The feature matrix is split as X = QR; the answer solves R θ = Qᵀ y. No training is involved,
    so this is the oracle that every training run is measured against.

    Parameters
    ----------
    features : array, shape (n, k)
        One column per coefficient, as :func:`features` returns them.
    y : array, shape (n,)
        Targets, of the same kind, dtype and device.

    Returns
    -------
    array, shape (k,)
        The best coefficients, in the order of the columns.

    Raises
    ------
    TypeError, ValueError
        If kinds, dtypes or shapes do not fit, a number is not finite, or the columns are not
        linearly independent.

    References
    ----------
    Golub and Van Loan, Matrix Computations, 4th edition, section 5.3.2.
    """
    xp = namespace(features=features, y=y)
    if features.ndim != 2 or features.shape[0] < features.shape[1] or features.shape[1] == 0:
        raise ValueError("features must have shape (n, k) with n >= k >= 1, "
                         f"got {tuple(features.shape)}")
    require_finite("features", features)
    require_vector("y", y, length=features.shape[0])
    q, r = xp.linalg.qr(features)
    diagonal = xp.abs(xp.linalg.diagonal(r))
    limit = features.shape[0] * xp.finfo(features.dtype).eps * xp.max(diagonal)
    if bool(xp.any(diagonal <= limit)):
        raise ValueError("features must have linearly independent columns, "
                         f"got columns of rank {int(xp.sum(diagonal > limit))} instead of "
                         f"{features.shape[1]}")
    return xp.linalg.solve(r, (q.T @ y)[:, None])[:, 0]


def _numbers(coefficients, x=None):
    """Return the coefficients as a list of scalars after checking them."""
    if is_numpy_array(coefficients) or is_torch_array(coefficients):
        if x is not None:
            namespace(x=x, coefficients=coefficients)
        require_vector("coefficients", coefficients)
        return list(coefficients)
    if not isinstance(coefficients, (tuple, list)):
        raise TypeError("coefficients must be an array or a sequence of numbers, "
                        f"got {type(coefficients).__name__}")
    if not coefficients:
        raise ValueError("coefficients must hold at least one number, got none")
    for position, number in enumerate(coefficients):
        _require_number(position, number, x)
    return list(coefficients)


def _require_number(position, number, x):
    if is_numpy_array(number) or is_torch_array(number):
        if number.ndim != 0:
            raise ValueError(f"coefficient {position} must be a number, "
                             f"got an array of shape {tuple(number.shape)}")
        if x is not None:
            namespace(x=x, **{f"coefficient_{position}": number})
        xp = array_namespace(number)
        finite = bool(xp.isfinite(number))
    elif isinstance(number, numbers.Real) and not isinstance(number, bool):
        finite = math.isfinite(number)
    else:
        raise TypeError(f"coefficient {position} must be a real number, "
                        f"got {type(number).__name__} {number!r}")
    if not finite:
        raise ValueError(f"coefficient {position} must be finite, got {float(number)}")
