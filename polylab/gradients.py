"""The loss of the course and two independent oracles for a learner's gradient."""

from polylab.arrays import namespace, require_vector
from polylab.polynomial import evaluate


def squared_error(coefficients, x, y):
    """Return the SUM of squared errors of a polynomial, L = Σ (ŷ − y)².

    Parameters
    ----------
    coefficients : array of shape (k,), or sequence of k numbers
        Constant first.
    x, y : array, shape (n,)
        Angles in radians and targets, of one kind, dtype and device.

    Returns
    -------
    scalar, shape ()
        The sum, not the mean; divide by n for the mean.

    Raises
    ------
    TypeError, ValueError
        If kinds, dtypes or shapes do not fit, or a number is not finite.
    """
    xp, residual = _residual(coefficients, x, y)
    return xp.sum(residual**2)


def exact_gradient(coefficients, x, y):
    """Return the gradient of :func:`squared_error`, ∂L/∂θ_k = Σ 2 (ŷ − y) x^k.

    Parameters
    ----------
    coefficients : array of shape (k,), or sequence of k numbers
        Constant first.
    x, y : array, shape (n,)
        Angles in radians and targets, of one kind, dtype and device.

    Returns
    -------
    array, shape (k,)
        Of the kind, dtype and device of ``x``.

    Raises
    ------
    TypeError, ValueError
        As :func:`squared_error`.

    Notes
    -----
    Chain rule: ∂L/∂ŷ = 2 (ŷ − y) and ∂ŷ/∂θ_k = x^k.
    """
    xp, residual = _residual(coefficients, x, y)
    slopes, weighted = [], 2 * residual
    for _ in range(len(coefficients)):
        slopes.append(xp.sum(weighted))
        weighted = weighted * x  # x^k of the next k; a power would cost ten times as much
    return xp.stack(slopes)


def _residual(coefficients, x, y):
    xp = namespace(x=x, y=y)
    predicted = evaluate(coefficients, x)  # checks x as well
    require_vector("y", y, length=x.shape[0])
    return xp, predicted - y


def finite_difference_gradient(loss, coefficients, step=None):
    """Return the gradient of any loss by central differences.

    Parameters
    ----------
    loss : callable
        Takes coefficients of shape (k,) and returns one number.
    coefficients : array, shape (k,)
        Where to take the gradient. It is not changed.
    step : float, optional
        Half the distance between the two points of each difference. If left out, it is
        ε^(1/3) max(1, |θ_k|) with ε the machine epsilon of the dtype: the truncation error,
        which falls with step², then equals the rounding error, which grows with 1/step.

    Returns
    -------
    array, shape (k,)
        Of the kind, dtype and device of ``coefficients``. In float64 about ten digits agree with
        the exact gradient, in float32 about four.

    Raises
    ------
    TypeError
        If ``coefficients`` is not a floating-point array, or ``loss`` does not return a scalar.
    ValueError
        If ``coefficients`` has the wrong shape or is not finite, or ``step`` is not positive.

    References
    ----------
    Press et al., Numerical Recipes, 3rd edition, section 5.7.
    """
    xp = namespace(coefficients=coefficients)
    require_vector("coefficients", coefficients)
    if step is not None and not step > 0:
        raise ValueError(f"step must be positive, got {step}")
    slopes = []
    for position in range(coefficients.shape[0]):
        width = step
        if width is None:
            size = max(1.0, abs(float(coefficients[position])))
            width = float(xp.finfo(coefficients.dtype).eps) ** (1 / 3) * size
        above, below = xp.asarray(coefficients, copy=True), xp.asarray(coefficients, copy=True)
        above[position] += width
        below[position] -= width
        rise = _scalar(loss(above)) - _scalar(loss(below))
        slopes.append(rise / float(above[position] - below[position]))
    return xp.asarray(slopes, dtype=coefficients.dtype, device=coefficients.device)


def _scalar(value):
    shape = tuple(getattr(value, "shape", ()))
    if shape != () or not hasattr(value, "__float__"):
        raise TypeError("loss must return one number, "
                        f"got {type(value).__name__} of shape {shape}")
    return float(value)
