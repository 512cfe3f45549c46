"""Four sliders, one cubic: find the coefficients by hand before a program does."""

import ipywidgets
import numpy
from matplotlib.figure import Figure

from polylab.data import sine_samples
from polylab.frames import Frame
from polylab.gradients import squared_error
from polylab.lab.words import loss_text, size_text
from polylab.plots import FIT, FLOOR, SERIES, plot_fit
from polylab.polynomial import best_fit, evaluate, features

_SLIDERS = {
    "a": ("a (1)", "Lifts the curve", 2.0, 0.01),
    "b": ("b (x)", "Tilts the curve", 2.0, 0.01),
    "c": ("c (x²)", "Bends the curve into a bowl", 1.0, 0.005),
    "d": ("d (x³)", "Bends the two ends in opposite directions", 0.5, 0.005),
}
_GOAL = SERIES[1]
_EMPTY = 3.0  # loss at the foot of the gauge


class HandFit(ipywidgets.VBox):
    """Fit ``a + b x + c x² + d x³`` to the sine with four sliders.

    The picture shows the curve and the loss; a sentence says how far the loss is from the goal
    and from the floor, the least loss that any cubic can have. All of it follows the sliders
    ``a``, ``b``, ``c`` and ``d``, in a browser or by ``fit.a.value = 0.5``.

    Parameters
    ----------
    goal : float, optional
        The loss to get under; must lie above the floor 8.8172.
    start : sequence of four numbers
        Where the sliders stand at first: (a, b, c, d).

    Attributes
    ----------
    coefficients : tuple of four floats
        Where the sliders stand now: (a, b, c, d).
    loss : float
        SUM of squared errors over the 2,000 points.
    floor : float
        The least possible loss.
    reached : bool
        Whether the loss is under the goal.

    Raises
    ------
    ValueError
        If ``goal`` does not lie above the floor, or ``start`` is not four numbers within reach of
        the sliders.
    """

    def __init__(self, goal=20.0, start=(0.0, 0.0, 0.0, 0.0)):
        self._x, self._y = sine_samples()
        matrix = features(self._x)
        self.floor = float(squared_error(best_fit(matrix, self._y), self._x, self._y))
        if not goal > self.floor:
            raise ValueError(f"goal must lie above the floor {self.floor:.4f}, got {goal}")
        if len(start) != len(_SLIDERS):
            raise ValueError(f"start must hold four numbers (a, b, c, d), got {len(start)}")
        self.goal = float(goal)
        for (name, (label, hint, reach, step)), value in zip(
            _SLIDERS.items(), start, strict=True
        ):
            if not abs(value) <= reach:
                raise ValueError(f"{name} must lie between −{reach} and {reach}, got {value}")
            slider = ipywidgets.FloatSlider(
                value=value, min=-reach, max=reach, step=step, description=label, tooltip=hint,
                readout_format=".3f", style={"description_width": "60px"},
                layout=ipywidgets.Layout(width="320px"),
            )
            slider.observe(self._follow, "value")
            setattr(self, name, slider)
        self.reset = ipywidgets.Button(description="Reset", tooltip="Back to the start",
                                       layout=ipywidgets.Layout(width="100px"))
        self.reset.on_click(self._reset)
        self._start = tuple(float(value) for value in start)
        self._picture = _HandFitPicture(self._x, self._y, self.floor, self.goal)
        self.picture = ipywidgets.Image(
            format="png", layout=ipywidgets.Layout(max_width="100%", min_width="540px"))
        self.words = ipywidgets.HTML()
        self._follow()
        left = ipywidgets.VBox([self.a, self.b])
        right = ipywidgets.VBox([self.c, self.d])
        super().__init__([
            ipywidgets.HBox([left, right, self.reset], layout={"flex_flow": "row wrap"}),
            self.words,
            # On a narrow page the picture can be pushed to and fro and stays readable.
            ipywidgets.Box([self.picture], layout={"overflow": "auto"}),
        ])

    @property
    def coefficients(self):
        """Where the sliders stand: (a, b, c, d)."""
        return self.a.value, self.b.value, self.c.value, self.d.value

    @property
    def loss(self):
        """SUM of squared errors of the curve as the sliders stand."""
        return float(squared_error(self.coefficients, self._x, self._y))

    @property
    def reached(self):
        """Whether the loss is under the goal."""
        return self.loss < self.goal

    def __repr__(self):
        """Return the state in one line."""
        numbers = ", ".join(f"{name}={value:g}" for name, value in
                            zip(_SLIDERS, self.coefficients, strict=True))
        return f"HandFit({numbers}, loss={self.loss:.4g}, goal={self.goal:g})"

    def _reset(self, _button):
        for name, value in zip(_SLIDERS, self._start, strict=True):
            getattr(self, name).value = value

    def _follow(self, _change=None):
        loss = self.loss
        self.words.value = _sentence(loss, self.floor, self.goal)
        self.picture.value = self._picture.png(self.coefficients, loss)


def _sentence(loss, floor, goal):
    """Say where the loss stands, as a function of three numbers alone."""
    times = f"{size_text(loss / floor)} times the floor {floor:.4g}"
    if loss < goal:
        verdict = f"The goal, under {goal:g}, is reached"
        rest = f"{loss - floor:.3g} is left to gain."
    else:
        verdict = f"The goal is under {goal:g}"
        rest = "keep turning."
    return f"<b>Loss {loss_text(loss)}</b>, {times}. {verdict}: {rest}"


class _HandFitPicture:
    """The curve and the loss gauge, as a function of the coefficients."""

    def __init__(self, x, y, floor, goal):
        self._x = x
        figure = Figure(figsize=(9, 3.8), dpi=90, layout="constrained")
        curve_axes, gauge_axes = figure.subplots(1, 2, width_ratios=(4, 1))
        plot_fit(curve_axes, x, y)
        (self._curve,) = curve_axes.plot(x, y, color=FIT, linewidth=2.5, label="your cubic")
        curve_axes.set_ylim(-3, 3)
        curve_axes.set_xlim(-numpy.pi, numpy.pi)
        curve_axes.legend(fontsize=11, loc="upper left")
        gauge_axes.set_yscale("log")
        gauge_axes.set_ylim(_EMPTY, 1e6)
        gauge_axes.set_xlim(0, 1)
        gauge_axes.set_xticks([])
        gauge_axes.set_ylabel("loss (sum of squares)", fontsize=12)
        gauge_axes.tick_params(labelsize=11)
        gauge_axes.axhline(floor, color=FLOOR, linestyle="--", linewidth=2)
        gauge_axes.text(0.32, floor * 0.82, f"floor {floor:.4g}", color=FLOOR, fontsize=11,
                        va="top")
        gauge_axes.axhline(goal, color=_GOAL, linestyle=":", linewidth=2)
        gauge_axes.text(0.32, goal * 1.25, f"goal {goal:g}", color=_GOAL, fontsize=11)
        (self._bar,) = gauge_axes.plot([0.15, 0.15], [_EMPTY, _EMPTY], color=FIT, linewidth=16,
                                       solid_capstyle="butt")
        self._frame = Frame(figure, [self._curve, self._bar], colours=(FIT,))

    def png(self, coefficients, loss):
        """Return the picture for these coefficients and their loss, as PNG bytes."""
        self._curve.set_ydata(evaluate(coefficients, self._x))
        self._bar.set_ydata([_EMPTY, loss])
        return self._frame.png()
