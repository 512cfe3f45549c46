"""The picture of the learning-rate lab: fit, loss and modes, from the state of a run to a PNG."""

from dataclasses import replace
from functools import lru_cache

import numpy
from matplotlib.figure import Figure

from polylab.data import sine_samples
from polylab.descent import rate_text
from polylab.frames import Frame
from polylab.lab.experiment import Experiment, design, target_values
from polylab.plots import FIT, FLOOR, GUESS, SERIES, STYLES, plot_fit

_THIN = slice(None, None, 8)  # 250 of 2,000 points draw the same curve on a screen
_MODES = SERIES[1:5]  # slowest to fastest
# Room for the longest labels: the panels stand still when the choices change, and matplotlib need
# not measure every label first, which is a quarter of the work for a picture with other choices.
_MARGINS = {"left": 0.068, "right": 0.982, "bottom": 0.16, "top": 0.925, "wspace": 0.345}


def draw_run(experiment, step=None, hidden=False, earlier=(), reveal_limit=True):
    """Return the picture of a run.

    Parameters
    ----------
    experiment : polylab.lab.experiment.Experiment
        The run.
    step : int, optional
        Which step the fit and the dot on the loss curve belong to; the last if left out.
    hidden : bool
        Whether to show only the start, because the learner is still to predict the run.
    earlier : tuple of Experiment
        Runs whose losses are drawn as faint lines.
    reveal_limit : bool
        Whether the largest stable rate may be drawn.

    Returns
    -------
    bytes
        A PNG picture.
    """
    # The rate moves and everything else stands still, so the stage is kept for any rate.
    stage = _stage(replace(experiment, rate=Experiment.rate), tuple(earlier), reveal_limit)
    return stage.png(experiment, experiment.steps if step is None else step, hidden)


@lru_cache(maxsize=4)
def _stage(still, earlier, reveal_limit):
    return _Stage(still, earlier, reveal_limit)


class _Stage:
    """The three panels with all that does not move."""

    def __init__(self, still, earlier, reveal_limit):
        self._x = sine_samples()[0][_THIN]
        self._design = design(still.basis)[_THIN]
        figure = Figure(figsize=(10.4, 3.5), dpi=80)
        fit_axes, loss_axes, mode_axes = figure.subplots(1, 3, gridspec_kw=_MARGINS)
        self._draw_fit(fit_axes, still.target)
        self._draw_losses(loss_axes, still, earlier)
        self._draw_modes(mode_axes, still, reveal_limit)
        self._frame = Frame(figure, [self._curve, self._gone, self._losses, self._dot,
                                     self._rate, *self._factors, *self._labels],
                            colours=(FIT, GUESS, *_MODES, "black"))

    def _draw_fit(self, axes, target):
        y = target_values(target)[_THIN]
        plot_fit(axes, self._x, y, truth=f"truth, {target}")
        (self._curve,) = axes.plot([], [], color=FIT, linewidth=2.5, label="fit")
        axes.plot([], [], color=GUESS, linestyle="-.", linewidth=2.5, label="start")
        low, high = y.min(), y.max()
        self._margin = 0.75 * (high - low)
        self._reach = low - self._margin, high + self._margin
        axes.set_ylim(self._reach)
        self._gone = axes.text(0, low - 0.5 * self._margin, "", color=FIT, fontsize=12,
                               ha="center", va="center")
        axes.set_xlim(-numpy.pi, numpy.pi)
        axes.set_title("The fit", fontsize=12)
        axes.legend(fontsize=10, loc="upper left", handlelength=3)

    def _draw_losses(self, axes, still, earlier):
        floor = still.problem.floor
        first = still.problem.loss(still.start_coefficients)
        axes.set_yscale("log")
        axes.minorticks_off()  # so many decades: small ticks would be too close to see
        self._top = 1e3 * max(first, 10 * floor)
        axes.set_ylim(floor / 2, self._top)
        axes.set_xlim(-0.02 * still.steps, 1.02 * still.steps)  # room for the dot at either end
        axes.axhline(floor, color=FLOOR, linestyle="--", linewidth=2, label=f"floor {floor:.4g}")
        for run in earlier:
            losses = self._visible(run.trajectory.losses)
            axes.plot(losses, color=SERIES[-1], linewidth=1.2, alpha=0.6,
                      label="earlier runs" if run is earlier[0] else None)
        (self._losses,) = axes.plot([], [], color=FIT, linewidth=2.5, label="this run")
        (self._dot,) = axes.plot([], [], "o", color=FIT, markersize=9, markeredgecolor="black")
        axes.set_title("Loss before each step", fontsize=12)
        axes.set_xlabel("step", fontsize=12)
        axes.set_ylabel(f"loss ({still.reduction} of squares)", fontsize=12)
        axes.tick_params(labelsize=11)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=10, loc="upper right")

    def _draw_modes(self, axes, still, reveal_limit):
        limit, self._labels = still.limit, []
        top = 1.8
        low, high = (1e-5, 1.0) if limit is None else (limit / 300, limit * 4)
        axes.set_xscale("log")
        axes.set_xlim(low, high)
        axes.set_ylim(0, top)
        axes.axhspan(1, top, color=FIT, alpha=0.10)
        axes.axhline(1, color="black", linewidth=1)
        axes.text(low * 1.15, 1.03, "grows", fontsize=11)
        axes.text(low * 1.15, 0.97, "shrinks", fontsize=11, va="top")
        if limit is not None and reveal_limit:
            rates = numpy.geomspace(low, high, 400)
            factors = abs(still.descend(rates).factors)
            for mode, eigenvalue in enumerate(still.problem.eigenvalues):
                axes.plot(rates, factors[:, mode], color=_MODES[mode], linestyle=STYLES[mode],
                          linewidth=2, label=f"λ = {_curvature(eigenvalue)}")
            axes.axvline(limit, color="black", linestyle=":", linewidth=2)
            # In front of the line of the rate, which would strike it through.
            self._labels.append(axes.text(
                limit * 0.9, top * 0.98, f"limit {rate_text(limit)}", fontsize=11, ha="right",
                va="top", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5}))
        else:
            for mode, eigenvalue in enumerate(still.problem.eigenvalues):
                axes.plot([], [], color=_MODES[mode], marker="o", linestyle="",
                          label=f"λ = {_curvature(eigenvalue)}")
        (self._rate,) = axes.plot([], [], color=FIT, linewidth=2)
        self._factors = [axes.plot([], [], "o", color=colour, markersize=9,
                                   markeredgecolor="black")[0] for colour in _MODES]
        self._rates = low, high
        self._factor_top = top
        axes.set_title("Each mode, times this per step" if limit is not None
                       else "Each mode per step, measured", fontsize=12)
        axes.set_xlabel("learning rate", fontsize=12)
        axes.set_ylabel("size of the factor", fontsize=12)
        axes.tick_params(labelsize=11)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=10, loc="lower left" if limit is not None else "upper right")

    def png(self, experiment, step, hidden):
        """Return the picture with the moving parts of one run at one step."""
        run = experiment.trajectory
        if hidden:
            self._set_curve(experiment.start_coefficients, GUESS, "-.")
            self._losses.set_data([], [])
            self._dot.set_data([0], self._visible(run.losses[:1]))
            self._rate.set_data([], [])
            for dot in self._factors:
                dot.set_data([], [])
            return self._frame.png()
        self._set_curve(run.coefficients[step], FIT, "-")
        losses = self._visible(run.losses)
        self._losses.set_data(numpy.arange(len(losses)), losses)
        self._dot.set_data([step], [losses[step]])
        rate = float(numpy.clip(experiment.rate, *self._rates))
        self._rate.set_data([rate, rate], [0, self._factor_top])
        for dot, factor in zip(self._factors, _factors(experiment), strict=True):
            dot.set_data([rate], [min(factor, self._factor_top)])
        return self._frame.png()

    def _set_curve(self, coefficients, colour, style):
        with numpy.errstate(invalid="ignore", over="ignore"):
            values = self._design @ coefficients
        low, high = self._reach
        far = 100 * self._margin
        inside = ((values > low) & (values < high)).any()
        shown = numpy.clip(numpy.nan_to_num(values, nan=far), -far, far)
        self._curve.set_data(self._x if inside else [], shown if inside else [])
        self._gone.set_text("" if inside else "The fit has left the picture.")
        self._curve.set_color(colour)
        self._curve.set_linestyle(style)

    def _visible(self, losses):
        """Keep losses that run out of the picture just above it, so that the line leaves it."""
        return numpy.minimum(losses, 10 * self._top)


def _curvature(eigenvalue):
    return f"{eigenvalue:,.0f}" if eigenvalue >= 1000 else f"{eigenvalue:.3g}"


def _factors(experiment):
    """Return the size of each mode's factor; where there is no fixed one, the mean over the run."""
    run = experiment.trajectory
    if experiment.limit is not None:
        return abs(run.factors)
    first, last = abs(run.amplitudes[0]), abs(run.amplitudes[-1])
    with numpy.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factors = numpy.nan_to_num((last / first) ** (1 / max(1, run.steps)), nan=1.0)
    return numpy.where(run.is_present, factors, numpy.nan)  # what is rounding has no factor
