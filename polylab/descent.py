"""What a training run does, step by step, without running through the data.

For a model that is linear in its coefficients the summed squared error is a quadratic bowl. Its
shape is known once 2 XᵀX is known, a k × k matrix, so a run of any optimiser can be followed on
k numbers instead of n points. Seen along the axes of the bowl (its eigenvectors), gradient
descent is even simpler: each axis is multiplied by a number of its own at every step. Only a run
in mini-batches goes back to the points.
"""

import itertools
import math
import numbers
from functools import cached_property

import numpy

from polylab.arrays import require_finite
from polylab.batches import draw_batches, require_integer

OPTIMISERS = ("sgd", "momentum", "rmsprop", "adam")
SCHEDULES = ("constant", "step", "cosine", "1/t")
ENDS = ("at the floor", "short of it", "gone")
_DUST = 1e-9
_ABOVE = 1 + 1e-9  # a rate so many times a limit is above it; nearer is rounding
NEAR = 1.01
"""A loss is near the floor when it is within 1 % of it."""

# torch.optim's own, except momentum: its default there is 0, which is plain descent.
_DEFAULTS = {
    "sgd": {},
    "momentum": {"momentum": 0.9},
    "rmsprop": {"alpha": 0.99, "eps": 1e-8},
    "adam": {"betas": (0.9, 0.999), "eps": 1e-8},
}
_SMALLEST = float(numpy.finfo(numpy.float64).tiny)


class LeastSquares:
    """A least-squares problem, summed up so that only mini-batches need the data again.

    The loss is L(θ) = Σ (Xθ − y)², or that sum divided by n. Along the eigenvectors v_i of its
    Hessian it is a sum of separate parabolas: L(θ) = L* + ½ Σ λ_i z_i² with z_i = v_i · (θ − θ*).

    Parameters
    ----------
    features : numpy.ndarray, shape (n, k), float32 or float64
        One column per coefficient, as :func:`polylab.polynomial.features` returns them; n >= k.
    y : numpy.ndarray, shape (n,), float32 or float64
        Targets.
    reduction : {"sum", "mean"}
        ``sum`` adds up the squared errors; ``mean`` divides their sum by n, so that every
        eigenvalue is n times smaller and every learning rate below n times larger.

    Attributes
    ----------
    hessian : numpy.ndarray, shape (k, k)
        Second derivatives of the loss: 2 XᵀX for the sum.
    optimum : numpy.ndarray, shape (k,)
        The best coefficients θ*.
    floor : float
        The loss at the optimum; no run can get below it.
    eigenvalues : numpy.ndarray, shape (k,)
        Curvatures λ of the loss, smallest first: mode 0 is the slowest, mode −1 the fastest.
    eigenvectors : numpy.ndarray, shape (k, k)
        Column i is the direction of mode i, of length 1, its largest entry positive.
    reduction : str
        As given.
    rounding : float
        Losses this close together cannot be told apart: ε times the loss of zero coefficients,
        with ε that of float64.

    Raises
    ------
    TypeError
        If ``features`` or ``y`` is not a NumPy array of float32 or float64.
    ValueError
        If a shape does not fit, a number is not finite or its square overflows, there are fewer
        points than columns, the columns are not linearly independent, or ``reduction`` is unknown.

    Notes
    -----
    Everything is computed in float64, which holds float32 data exactly. Eigenvalues come from the
    singular values s of X, λ = 2 s², because forming XᵀX first would lose half the digits of the
    smallest one.

    References
    ----------
    Goh, "Why Momentum Really Works", Distill, 2017.
    """

    def __init__(self, features, y, reduction="sum"):
        _require_data(features, y)
        if reduction not in ("sum", "mean"):
            raise ValueError(f"reduction must be sum or mean, got {reduction!r}")

        precision = numpy.finfo(features.dtype).eps
        features, y = features.astype(numpy.float64), y.astype(numpy.float64)
        divisor = 1 if reduction == "sum" else features.shape[0]
        left, singular, right = numpy.linalg.svd(features, full_matrices=False)
        independent = singular > features.shape[0] * precision * singular[0]
        if not independent.all():
            raise ValueError("features must have linearly independent columns, "
                             f"got columns of rank {independent.sum()} instead of "
                             f"{features.shape[1]}")
        with numpy.errstate(over="ignore", under="ignore"):
            curvatures = 2 * singular**2 / divisor
            energy = float(y @ y) / divisor
        if curvatures[-1] < _SMALLEST or not numpy.isfinite([curvatures[0], energy]).all():
            raise ValueError("features and y must have squares within the range of float64, got "
                             f"singular values {singular[-1]:.3g} to {singular[0]:.3g} and "
                             f"targets up to {abs(y).max():.3g}")

        directions = right[::-1].T
        largest = numpy.take_along_axis(directions, abs(directions).argmax(0)[None], 0)
        best = right.T @ ((left.T @ y) / singular)
        residual = y - features @ best
        self._features, self._residual, self._divisor = features, residual, divisor
        self.reduction = reduction
        self.hessian = _frozen(2 * features.T @ features / divisor)
        self.optimum = _frozen(best)
        self.floor = float(residual @ residual) / divisor
        self.eigenvalues = _frozen(curvatures[::-1])
        self.eigenvectors = _frozen(directions * numpy.sign(largest))
        self.rounding = float(numpy.finfo(numpy.float64).eps) * energy

    def __repr__(self):
        """Return one line: size, floor and limit."""
        return (f"LeastSquares({len(self.optimum)} coefficients, {self.reduction}: floor "
                f"{self.floor:.6g}, largest stable rate {self.largest_stable_rate:.6g})")

    @property
    def largest_stable_rate(self):
        """The rate above which plain descent diverges: 2 / λmax, a float."""
        return 2 / float(self.eigenvalues[-1])

    @property
    def best_rate(self):
        """The constant rate at which the slowest mode shrinks fastest: 2 / (λmin + λmax)."""
        return 2 / float(self.eigenvalues[0] + self.eigenvalues[-1])

    @property
    def condition_number(self):
        """How much steeper the bowl is along its fastest mode than its slowest: λmax / λmin."""
        return float(self.eigenvalues[-1] / self.eigenvalues[0])

    @property
    def best_heavy_ball(self):
        """The pair (rate, momentum) at which heavy ball's slowest mode shrinks fastest.

        With r = √λmin and R = √λmax: rate (2 / (R + r))², momentum ((R − r) / (R + r))²
        (Polyak, "Some methods of speeding up the convergence of iteration methods", 1964).
        """
        low, high = math.sqrt(self.eigenvalues[0]), math.sqrt(self.eigenvalues[-1])
        return (2 / (high + low)) ** 2, ((high - low) / (high + low)) ** 2

    def loss(self, coefficients):
        """Return the loss of one or many sets of coefficients.

        Parameters
        ----------
        coefficients : array, shape (..., k), or sequence of k numbers
            In the order of the columns of ``features``; the last axis runs over coefficients.

        Returns
        -------
        float, or numpy.ndarray of shape (...)
            The loss; ``inf`` where a coefficient is infinite or the loss overflows.

        Raises
        ------
        TypeError, ValueError
            If ``coefficients`` are not real numbers, hold nan, or have the wrong shape.
        """
        coefficients = self._coefficients(coefficients)
        if numpy.isnan(coefficients).any():
            raise ValueError("coefficients must be numbers, got nan")
        finite = numpy.isfinite(coefficients).all(-1)
        with numpy.errstate(over="ignore", invalid="ignore"):
            losses = self._loss_of_modes((coefficients - self.optimum) @ self.eigenvectors)
        losses = numpy.where(finite, losses, numpy.inf)
        return losses if losses.ndim else float(losses)

    def gradient(self, coefficients):
        """Return the gradient of the loss, H (θ − θ*), for one or many sets of coefficients.

        Parameters
        ----------
        coefficients : array, shape (..., k), or sequence of k numbers
            Finite; the last axis runs over coefficients.

        Returns
        -------
        numpy.ndarray, shape (..., k)

        Raises
        ------
        TypeError, ValueError
            If ``coefficients`` are not finite real numbers or have the wrong shape.
        """
        coefficients = self._coefficients(coefficients)
        require_finite("coefficients", coefficients)
        return (coefficients - self.optimum) @ self.hessian

    def descend(self, start, rate, steps, optimiser="sgd", *, momentum=None, alpha=None,
                betas=None, eps=None, schedule="constant", warmup=0, batch=None,
                replacement=False, seed=0):
        """Return what a training run would do, as a :class:`Trajectory`.

        Parameters
        ----------
        start : array, shape (k,), or sequence of k numbers
            Coefficients before the first update; finite, with a finite loss.
        rate : float, or array of shape (r,)
            Learning rate, positive and finite. An array means one run per rate, all at once.
            Zero is refused: such a run never leaves its start.
        steps : int
            Number of updates, at least 0.
        optimiser : {"sgd", "momentum", "rmsprop", "adam"}
            Which rule of torch.optim makes the updates; ``momentum`` is its SGD with momentum
            (heavy ball): v ← m v + g, θ ← θ − η v, with v = g at the first step.
        momentum : float, optional
            For ``momentum``: m in [0, 1), 0.9 if left out.
        alpha : float, optional
            For ``rmsprop``: how much of the average of g² is kept at a step, in [0, 1), 0.99 if
            left out.
        betas : pair of floats, optional
            For ``adam``: how much of the averages of g and of g² is kept, each in [0, 1),
            (0.9, 0.999) if left out.
        eps : float, optional
            For ``rmsprop`` and ``adam``: added to the root of the average, positive, 1e-8 if left
            out.
        schedule : {"constant", "step", "cosine", "1/t"}
            How the rate changes from step to step, see :func:`schedule_factors`.
        warmup : int
            In how many updates the rate rises to its full height, before the schedule begins.
        batch : int, optional
            How many points an update looks at, 1 to n; all of them if left out. For the sum of
            squares the gradient of a batch of B points is multiplied by n/B, so that on average it
            is the gradient of all points.
        replacement : bool
            Whether the points of a batch are drawn from all points each time. Else they are
            shuffled and dealt out, epoch by epoch.
        seed : int
            Of the batches, 0 to 2³² − 1; see :func:`polylab.batches.draw_batches`.

        Returns
        -------
        Trajectory
            Its arrays are computed when they are first asked for.

        Raises
        ------
        TypeError
            If an argument is of the wrong kind.
        ValueError
            If a number is out of range, a shape does not fit, the optimiser or the schedule is
            unknown, or the optimiser does not use an argument that was given.
        """
        start = _numbers("start", start)
        if start.shape != self.optimum.shape:
            raise ValueError(f"start must have shape {self.optimum.shape}, got {start.shape}")
        require_finite("start", start)
        if not math.isfinite(self.loss(start)):
            raise ValueError("start must have a finite loss, got one that overflows")
        if optimiser not in OPTIMISERS:
            raise ValueError(f"optimiser must be one of {', '.join(OPTIMISERS)}, "
                             f"got {optimiser!r}")
        require_integer("steps", steps, 0)
        _require_schedule(schedule, steps, warmup)
        points = len(self._features)
        if batch is not None:
            require_integer("batch", batch, 1, points)
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement must be True or False, got {replacement!r}")
        require_integer("seed", seed, 0, 2**32 - 1)
        given = {"momentum": momentum, "alpha": alpha, "betas": betas, "eps": eps}
        return Trajectory(
            self, start, _rates(rate), int(steps), optimiser, _settings(optimiser, given),
            schedule, int(warmup), None if batch == points and not replacement else batch,
            replacement, seed)

    def _coefficients(self, coefficients):
        coefficients = _numbers("coefficients", coefficients)
        if coefficients.shape[-1:] != self.optimum.shape:
            raise ValueError(f"coefficients must have shape (..., {len(self.optimum)}), "
                             f"got {coefficients.shape}")
        return coefficients

    def _loss_of_modes(self, amplitudes):
        return self.floor + ((amplitudes * numpy.sqrt(self.eigenvalues / 2)) ** 2).sum(-1)


class Trajectory:
    """A training run, or one run per learning rate; made by :meth:`LeastSquares.descend`.

    Shapes are for one rate. When ``rate`` has shape (r,), every array has a first axis of
    length r, one run per rate, and ``swings`` and ``end`` are arrays too.

    A run that overflows holds ``inf`` from there on, never nan, and no warning is given.

    Attributes
    ----------
    problem : LeastSquares
        What is being fitted.
    start : numpy.ndarray, shape (k,)
        Coefficients before the first update.
    rate : float or numpy.ndarray of shape (r,)
        Learning rate, or one for each run.
    steps : int
        Number of updates.
    optimiser : str
        The update rule.
    settings : dict
        The rule's other numbers, under their names in torch.optim.
    schedule, warmup : str and int
        How the rate changes from step to step.
    batch : int or None
        How many points an update looks at; None if it is all of them.
    replacement, seed : bool and int
        How the batches are drawn.
    """

    def __init__(self, problem, start, rate, steps, optimiser, settings, schedule, warmup, batch,
                 replacement, seed):
        self.problem = problem
        self.start = _frozen(start)
        self.rate = rate
        self.steps = steps
        self.optimiser = optimiser
        self.settings = settings
        self.schedule = schedule
        self.warmup = warmup
        self.batch = batch
        self.replacement = replacement
        self.seed = seed
        self._rates = numpy.atleast_1d(rate)
        self._first_amplitudes = (start - problem.optimum) @ problem.eigenvectors

    def __repr__(self):
        """Return one line: the settings and, of a single run, what became of it."""
        if self._many:
            return (f"Trajectory({self.optimiser}, {len(self._rates)} rates from "
                    f"{self._rates.min():.4g} to {self._rates.max():.4g}, {self.steps} steps)")
        return (f"Trajectory({self.optimiser}, rate {self.rate:.4g}, {self.steps} steps: "
                f"{'it swings' if self.swings else 'nothing swings'}, {self.end}, "
                f"loss {self.losses[0]:.6g} to {self.losses[-1]:.6g})")

    @cached_property
    def losses(self):
        """Losses, shape (steps + 1,): ``losses[t]`` before update t, the last after them all."""
        with numpy.errstate(all="ignore"):
            losses = self._compute_losses()
        if not numpy.isfinite(losses).all():
            overflowed = ~numpy.isfinite(losses)
            losses[numpy.logical_or.accumulate(overflowed, axis=-1)] = numpy.inf
        return self._public(losses)

    @property
    def amplitudes(self):
        """Distances z to the optimum along each eigenvector, shape (steps + 1, k)."""
        return self._public(self._amplitudes)

    @cached_property
    def coefficients(self):
        """Coefficients, shape (steps + 1, k): before each update, and after them all."""
        problem = self.problem
        with numpy.errstate(all="ignore"):
            if not self._has_closed_form:
                coefficients = self._offsets.transpose(2, 0, 1) + problem.optimum
            else:
                amplitudes = self._amplitudes
                coefficients = amplitudes @ problem.eigenvectors.T + problem.optimum
                coefficients[~numpy.isfinite(amplitudes).all(-1)] = numpy.inf
        return self._public(coefficients)

    @property
    def factors(self):
        """What one step multiplies each mode by, shape (k,); a mode grows if its size is over 1.

        At the full rate, whatever the schedule; in mini-batches on average.

        For ``sgd`` 1 − ηλ, real. For ``momentum`` the root of r² − (1 + m − ηλ) r + m that is
        larger in size, complex; where the two roots are a conjugate pair the mode swings, and the
        one with the positive imaginary part is given.

        Raises
        ------
        ValueError
            For ``rmsprop`` and ``adam``: their steps are not a linear function of the mode.
        """
        self._require_linear("factors")
        products = self._products
        if self.optimiser == "sgd":
            return self._public(1 - products)
        # h ± √D, with 4 D = ((1 − √m)² − ηλ) ((1 + √m)² − ηλ): h² − m would cancel where the roots
        # are nearly equal.
        momentum = self.settings["momentum"]
        low, high = (1 - math.sqrt(momentum)) ** 2, (1 + math.sqrt(momentum)) ** 2
        middle = (1 - products + momentum) / 2
        size = numpy.sqrt(abs(low - products)) * numpy.sqrt(abs(high - products)) / 2
        conjugate = (products > low) & (products < high)
        factors = numpy.empty(products.shape, dtype=numpy.complex128)
        factors.real = middle + numpy.where(conjugate, 0, numpy.where(middle < 0, -size, size))
        factors.imag = numpy.where(conjugate, size, 0)
        return self._public(factors)

    @property
    def largest_stable_rate(self):
        """The constant rate above which this optimiser diverges on this problem, a float.

        On all points: 2 / λmax for ``sgd``, 2 (1 + m) / λmax for ``momentum``.

        Raises
        ------
        ValueError
            For ``rmsprop`` and ``adam``, which have no such limit.
        """
        self._require_linear("largest_stable_rate")
        return float(self._limits[-1])

    def steps_to(self, ratio=NEAR):
        """Return after how many updates the loss is first at or below ``ratio`` times the floor.

        Parameters
        ----------
        ratio : float
            At least 1; 1.01 means within 1 % of the best possible loss.

        Returns
        -------
        int, or float for an array of rates, shape (r,)
            ``inf`` if the run does not get there.

        Raises
        ------
        TypeError, ValueError
            If ``ratio`` is not a number of at least 1.

        Notes
        -----
        A loss also counts as reached within ``problem.rounding`` of it, so that a fit without any
        error, whose floor is nothing but rounding, can be reached.
        """
        ratio = _number("ratio", ratio)
        if ratio < 1:
            raise ValueError(f"ratio must be at least 1, got {ratio}")
        reached = self.losses <= self._level(ratio, self.problem.floor)
        first = reached.argmax(-1)
        if self._many:
            return numpy.where(reached.any(-1), first, numpy.inf)
        return int(first) if reached.any() else math.inf

    @cached_property
    def swings(self):
        """Whether anything swings, a bool; for an array of rates, one for each.

        So it is when a mode overshoots and one can see it: its amplitude changes sign, and on the
        other side of the lowest point it still adds more than 1 % of the floor to the loss. Plain
        descent swings above 1 / λmax, while its loss never rises up to 2 / λmax. A sign that is
        nothing but rounding, see ``is_present``, does not change.
        """
        floor = self.problem.floor
        visible = self._level(NEAR, floor) - floor
        with numpy.errstate(all="ignore"):
            before, after = self._amplitudes[:, :-1], self._amplitudes[:, 1:]
            heights = self.problem.eigenvalues / 2 * after**2
            over = (before * after < 0) & (heights > visible) & numpy.isfinite(after)
            over &= abs(before) > self._dust
        return self._answer(over.any((1, 2)))

    @cached_property
    def end(self):
        """Where the run ends, one of ``ENDS``; for an array of rates, one for each.

        ``at the floor``
            The last loss is within 1 % of the least possible one.
        ``gone``
            The last loss is above the first, or climbing to get there: the last step of ``sgd`` or
            ``momentum`` was longer than its mode, one of ``is_present``, allows.
        ``short of it``
            Neither: the run is still on its way, or hops about above the floor.

        For losses, "above" and "within" leave room for ``problem.rounding``. A rate is above a
        limit if it is so by more than a billionth of it: what is nearer is rounding.
        """
        losses = numpy.atleast_2d(self.losses)
        first, last = losses[:, 0], losses[:, -1]
        gone = last > self._level(1, first)
        if not self._adaptive and self.steps:
            final = self._rates * schedule_factors(self.schedule, self.steps, self.warmup)[-1]
            gone |= ((final[:, None] > _ABOVE * self._limits) & self.is_present).any(-1)
        near = last <= self._level(NEAR, self.problem.floor)
        return self._answer(numpy.select([gone, near], [ENDS[2], ENDS[0]], ENDS[1]))

    @property
    def is_present(self):
        """Whether each mode is in the start by more than rounding, bool array of shape (k,).

        By rounding: its distance to the optimum is less than a billionth of the largest one.
        """
        return _frozen(abs(self._first_amplitudes) > self._dust)

    @property
    def _dust(self):
        return _DUST * abs(self._first_amplitudes).max()

    @property
    def _many(self):
        return numpy.ndim(self.rate) == 1

    @property
    def _adaptive(self):
        return self.optimiser in ("rmsprop", "adam")

    @property
    def _has_closed_form(self):
        return (self.optimiser, self.schedule, self.warmup, self.batch) == ("sgd", "constant", 0,
                                                                            None)

    @property
    def _limits(self):
        """The rate above which each mode grows, shape (k,)."""
        return 2 / self.problem.eigenvalues * (1 + self.settings.get("momentum", 0))

    @property
    def _products(self):
        """ηλ of every run and mode, shape (r, k)."""
        with numpy.errstate(over="ignore"):
            return self._rates[:, None] * self.problem.eigenvalues

    def _public(self, array):
        return _frozen(array if self._many else array[0])

    def _answer(self, answers):
        return answers if self._many else answers[0].item()

    def _level(self, ratio, loss):
        with numpy.errstate(over="ignore"):
            return ratio * loss + self.problem.rounding

    def _require_linear(self, name):
        if self._adaptive:
            raise ValueError(f"{name} must be asked of sgd or momentum, got {self.optimiser}")

    def _compute_losses(self):
        problem, first = self.problem, self._first_amplitudes
        if self._has_closed_form:
            present = first != 0
            weights = problem.eigenvalues[present] * first[present] ** 2 / 2
            factors = 1 - self._products[:, present]
            return problem.floor + _sum_of_powers(weights, factors**2, self.steps)
        to_modes = problem.eigenvectors.T * numpy.sqrt(problem.eigenvalues / 2)[:, None]
        return problem.floor + ((to_modes @ self._offsets) ** 2).sum(1).T

    @cached_property
    def _amplitudes(self):
        """All amplitudes, shape (r, steps + 1, k)."""
        first, factors = self._first_amplitudes, 1 - self._products
        factors = numpy.where(first == 0, 0, factors)  # what is absent stays so: 0 times inf is nan
        with numpy.errstate(all="ignore"):
            if self._has_closed_form:
                amplitudes = numpy.stack(
                    [_sum_of_powers(first[mode], factors[:, mode, None], self.steps)
                     for mode in range(len(first))], axis=-1)
            else:
                amplitudes = self._offsets.transpose(2, 0, 1) @ self.problem.eigenvectors
        amplitudes[numpy.isnan(amplitudes)] = numpy.inf
        return amplitudes

    @cached_property
    def _offsets(self):
        """Distances θ − θ* of a run that goes step by step, shape (steps + 1, k, r)."""
        offsets = numpy.empty((self.steps + 1, len(self.start), len(self._rates)))
        offsets[0] = (self.start - self.problem.optimum)[:, None]
        factors = schedule_factors(self.schedule, self.steps, self.warmup)
        rule = {"sgd": _heavy_ball, "momentum": _heavy_ball, "rmsprop": _rmsprop, "adam": _adam}
        with numpy.errstate(all="ignore"):
            rule[self.optimiser](offsets, self._gradient(), self._rates * factors[:, None],
                                 **self.settings)
        overflowed = ~numpy.isfinite(offsets).all(axis=1, keepdims=True)
        numpy.copyto(offsets, numpy.inf, where=numpy.logical_or.accumulate(overflowed))
        return offsets

    def _gradient(self):
        """Return the function that writes the gradient at an offset, for a step, into an array."""
        problem = self.problem
        if self.batch is None:
            return lambda _step, offset, out: numpy.matmul(problem.hessian, offset, out=out)
        points = len(problem._features)
        batches = draw_batches(points, self.batch, self.steps, self.seed, self.replacement)
        scale = 2 * points / self.batch / problem._divisor

        def gradient(step, offset, out):
            rows = problem._features[batches[step]]
            errors = rows @ offset - problem._residual[batches[step]][:, None]
            numpy.matmul(scale * rows.T, errors, out=out)

        return gradient


def schedule_factors(schedule, steps, warmup=0):
    """Return what the learning rate is multiplied by at each update.

    Parameters
    ----------
    schedule : {"constant", "step", "cosine", "1/t"}
        With T updates after the warm-up, t = 0 … T − 1 of them made so far:
        ``constant``: 1.
        ``step``: 1, 0.1, 0.01, a third of T each, rounded up; torch's StepLR with gamma 0.1.
        ``cosine``: (1 + cos(πt/T)) / 2, from 1 to nearly 0; torch's CosineAnnealingLR.
        ``1/t``: 1 / (1 + 10 t/T), from 1 to nearly 1/11; a LambdaLR in torch.
    steps : int
        Number of updates, at least 0.
    warmup : int
        The first ``warmup`` updates, at most ``steps``, rise by equal parts: (t + 1)/(warmup + 1);
        torch's LinearLR with start_factor 1/(warmup + 1), joined by SequentialLR.

    Returns
    -------
    numpy.ndarray, shape (steps,), float64

    Raises
    ------
    TypeError, ValueError
        If the schedule is unknown, or a number is not an integer or out of range.

    References
    ----------
    Cosine: Loshchilov and Hutter, "SGDR", ICLR 2017. 1/t: Robbins and Monro, "A stochastic
    approximation method", 1951.
    """
    require_integer("steps", steps, 0)
    _require_schedule(schedule, steps, warmup)
    left = steps - warmup
    t = numpy.arange(left)
    factors = {
        "constant": lambda: numpy.ones(left),
        "step": lambda: 0.1 ** (t // -(-left // 3)),
        "cosine": lambda: (1 + numpy.cos(numpy.pi * t / left)) / 2,
        "1/t": lambda: 1 / (1 + 10 * t / left),
    }[schedule]() if left else numpy.ones(0)
    return numpy.concatenate([numpy.arange(1, warmup + 1) / (warmup + 1), factors])


def rate_text(rate, digits=4):
    """Return a learning rate as text with at most so many digits, such as 3.558e-6."""
    mantissa, exponent = f"{rate:.{digits - 1}e}".split("e")
    if int(exponent) >= -1:
        return f"{rate:.{digits}g}"
    return f"{float(mantissa):.{digits}g}e{int(exponent)}"


# The rules fill in offsets[1:], of shape (k, r) each. ``gradient`` writes that of a step into an
# array, ``rates`` holds one row per step.


def _heavy_ball(offsets, gradient, rates, momentum=0.0):
    """Follow torch.optim.SGD: v ← m v + g, θ ← θ − η v."""
    slope, velocity = numpy.empty_like(offsets[0]), numpy.zeros_like(offsets[0])
    for step, (before, after) in enumerate(itertools.pairwise(offsets)):
        gradient(step, before, slope)
        velocity *= momentum
        velocity += slope
        numpy.multiply(rates[step], velocity, out=slope)
        numpy.subtract(before, slope, out=after)


def _rmsprop(offsets, gradient, rates, alpha, eps):
    """Follow torch.optim.RMSprop: s ← α s + (1 − α) g², θ ← θ − η g/(√s + ε).

    The loop keeps s / (1 − α), which saves a multiplication per step.
    """
    rates, eps = rates / math.sqrt(1 - alpha), eps / math.sqrt(1 - alpha)
    slope, scratch = numpy.empty_like(offsets[0]), numpy.empty_like(offsets[0])
    squares = numpy.zeros_like(offsets[0])
    for step, (before, after) in enumerate(itertools.pairwise(offsets)):
        gradient(step, before, slope)
        squares *= alpha
        numpy.multiply(slope, slope, out=scratch)
        squares += scratch
        numpy.sqrt(squares, out=scratch)
        scratch += eps
        slope /= scratch
        slope *= rates[step]
        numpy.subtract(before, slope, out=after)


def _adam(offsets, gradient, rates, betas, eps):
    """Follow torch.optim.Adam (Kingma and Ba, 2015, algorithm 1).

    m ← β₁ m + (1 − β₁) g, s ← β₂ s + (1 − β₂) g², θ ← θ − η m̂ / (√ŝ + ε), with m̂ = m / (1 − β₁ᵗ)
    and ŝ = s / (1 − β₂ᵗ) at step t = 1, 2, … The loop keeps m / (1 − β₁) and s / (1 − β₂), and
    multiplies above and below the bar by the root that makes s out of ŝ.
    """
    first, second = betas
    slope, scratch = numpy.empty_like(offsets[0]), numpy.empty_like(offsets[0])
    means, squares = numpy.zeros_like(offsets[0]), numpy.zeros_like(offsets[0])
    for step in range(1, len(offsets)):
        gradient(step - 1, offsets[step - 1], slope)
        means *= first
        means += slope
        squares *= second
        slope *= slope
        squares += slope
        root = math.sqrt((1 - second**step) / (1 - second))
        numpy.sqrt(squares, out=scratch)
        scratch += eps * root
        numpy.divide(means, scratch, out=slope)
        slope *= rates[step - 1] * (root * (1 - first) / (1 - first**step))
        numpy.subtract(offsets[step - 1], slope, out=offsets[step])


def _sum_of_powers(weights, factors, steps):
    """Return Σ_i weights[i] factors[r, i]^t for t = 0 … steps, shape (r, steps + 1).

    With t = w q + p, a power is one entry of a short table of f^(wq) times one of f^p, so a
    matrix product of the two tables replaces w² calls of pow by 2 w.
    """
    width = math.isqrt(steps) + 1
    exponents = numpy.arange(width, dtype=numpy.float64)
    high = weights * factors[:, None, :] ** (width * exponents)[:, None]
    low = factors[:, :, None] ** exponents
    return (high @ low).reshape(len(high), -1)[:, : steps + 1]


def _settings(optimiser, given):
    """Return the numbers that the optimiser uses, after checking those that were given."""
    settings = dict(_DEFAULTS[optimiser])
    for name, value in given.items():
        if value is None:
            continue
        if name not in settings:
            uses = " and ".join(settings) or "none of them"
            raise ValueError(f"{name} must be left out for {optimiser}, which uses {uses}; "
                             f"got {value!r}")
        if name == "betas":
            if not isinstance(value, (tuple, list)) or len(value) != 2:
                raise TypeError(f"betas must be a pair of numbers, got {value!r}")
            settings[name] = tuple(_fraction("betas", beta) for beta in value)
        elif name == "eps":
            settings[name] = _number("eps", value)
            if settings[name] <= 0:
                raise ValueError(f"eps must be positive, got {value}")
        else:
            settings[name] = _fraction(name, value)
    return settings


def _require_schedule(schedule, steps, warmup):
    if schedule not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, got {schedule!r}")
    require_integer("warmup", warmup, 0, steps)


def _fraction(name, value):
    value = _number(name, value)
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1, got {value}")
    return value


def _number(name, value):
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number, got {type(value).__name__} {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    return float(value)


def _rates(rate):
    if isinstance(rate, numpy.ndarray) and rate.ndim:
        rate = _numbers("rate", rate)
        if rate.ndim != 1 or not len(rate):
            raise ValueError("rate must be a number or have shape (r,) with r >= 1, "
                             f"got {rate.shape}")
        require_finite("rate", rate)
        lowest = _frozen(rate).min()
    else:
        rate = lowest = _number("rate", rate[()] if isinstance(rate, numpy.ndarray) else rate)
    if lowest <= 0:
        raise ValueError(f"rate must be positive, got {lowest}")
    return rate


def _numbers(name, values):
    """Return a float64 copy of an array, or of a sequence of real numbers."""
    if not isinstance(values, (numpy.ndarray, tuple, list)):
        raise TypeError(f"{name} must be a NumPy array or a sequence of numbers, "
                        f"got {type(values).__name__}")
    array = numpy.asarray(values)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    return array.astype(numpy.float64)


def _require_data(features, y):
    for name, array in (("features", features), ("y", y)):
        if not isinstance(array, numpy.ndarray):
            raise TypeError(f"{name} must be a NumPy array, got {type(array).__name__}")
        if array.dtype not in (numpy.float32, numpy.float64):
            raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")
    if features.ndim != 2 or not 1 <= features.shape[1] <= features.shape[0]:
        raise ValueError("features must have shape (n, k) with n >= k >= 1, "
                         f"got {features.shape}")
    if y.shape != features.shape[:1]:
        raise ValueError(f"y must have shape ({features.shape[0]},), got {y.shape}")
    require_finite("features", features)
    require_finite("y", y)


def _frozen(array):
    array.flags.writeable = False
    return array
