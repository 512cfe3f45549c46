"""Four sliders, one cubic: find the coefficients by hand before a program does."""

import math

import traitlets

from polylab.data import sine_samples
from polylab.gradients import squared_error
from polylab.lab.widget import Widget
from polylab.polynomial import best_fit, features

_SLIDERS = {
    "a": {"power": "1", "hint": "lifts the curve", "reach": 2.0, "step": 0.01},
    "b": {"power": "x", "hint": "tilts the curve", "reach": 2.0, "step": 0.01},
    "c": {"power": "x²", "hint": "bends the curve into a bowl", "reach": 1.0, "step": 0.002},
    "d": {"power": "x³", "hint": "bends the two ends in opposite directions", "reach": 0.5,
          "step": 0.001},
}


class HandFit(Widget, module="hand_fit"):
    """Fit ``a + b x + c x² + d x³`` to the sine with four sliders.

    The picture shows the curve, the data and the residuals; a gauge and a sentence say how far
    the loss is from the goal and from the floor, the least loss that any cubic can have. The page
    computes and draws all of it.

    Parameters
    ----------
    goal : float, optional
        The loss to get under; must lie above the floor 8.8172.
    start : sequence of four numbers
        Where the sliders stand at first: (a, b, c, d).

    Attributes
    ----------
    a, b, c, d : float
        Where the sliders stand: ``fit.a = 0.5`` moves one.
    coefficients : tuple of four floats
        The same four numbers, (a, b, c, d).
    loss : float
        SUM of squared errors over the 2,000 points.
    floor : float
        The least possible loss.
    reached : bool
        Whether the loss is under the goal.

    Raises
    ------
    ValueError
        If ``goal`` does not lie above the floor, or ``start`` is not four numbers.
    traitlets.TraitError
        If a coefficient is set to what is no number within reach of its slider.
    """

    a = traitlets.Float().tag(sync=True)
    b = traitlets.Float().tag(sync=True)
    c = traitlets.Float().tag(sync=True)
    d = traitlets.Float().tag(sync=True)
    start = traitlets.List(read_only=True).tag(sync=True)
    goal = traitlets.Float(read_only=True).tag(sync=True)
    floor = traitlets.Float(read_only=True).tag(sync=True)
    sliders = traitlets.Dict(_SLIDERS, read_only=True).tag(sync=True)

    def __init__(self, goal=20.0, start=(0.0, 0.0, 0.0, 0.0)):
        x, y = sine_samples()
        floor = float(squared_error(best_fit(features(x), y), x, y))
        if not floor < goal < math.inf:
            raise ValueError(f"goal must lie above the floor {floor:.4f}, got {goal}")
        if len(start) != len(_SLIDERS):
            raise ValueError(f"start must hold four numbers (a, b, c, d), got {len(start)}")
        self.set_trait("goal", float(goal))
        self.set_trait("floor", floor)
        self.set_trait("start", [float(value) for value in start])
        super().__init__(**dict(zip(_SLIDERS, self.start, strict=True)))

    @traitlets.validate("a", "b", "c", "d")
    def _within_reach(self, proposal):
        name, reach = proposal.trait.name, _SLIDERS[proposal.trait.name]["reach"]
        if not abs(proposal.value) <= reach:
            raise traitlets.TraitError(
                f"{name} must lie between −{reach:g} and {reach:g}, got {proposal.value}")
        return proposal.value

    @property
    def coefficients(self):
        """Where the sliders stand: (a, b, c, d)."""
        return self.a, self.b, self.c, self.d

    @property
    def loss(self):
        """SUM of squared errors of the curve as the sliders stand."""
        return float(squared_error(self.coefficients, *sine_samples()))

    @property
    def reached(self):
        """Whether the loss is under the goal."""
        return self.loss < self.goal

    def __repr__(self):
        """Return the state in one line."""
        numbers = ", ".join(f"{name}={value:g}" for name, value in
                            zip(_SLIDERS, self.coefficients, strict=True))
        return f"HandFit({numbers}, loss={self.loss:.4g}, goal={self.goal:g})"

    def reading(self):
        """Return what the sliders are for, and where they stand, as HTML."""
        rows = "".join(
            f"<li><b>{name} = {value:g}</b> ({slider['power']}) {slider['hint']}</li>"
            for (name, slider), value in zip(_SLIDERS.items(), self.coefficients, strict=True))
        return (f"<p><b>Four sliders and one cubic.</b> Loss {self.loss:.5g}; the goal is under "
                f"{self.goal:g}, the floor {self.floor:.4g}.</p><ul>{rows}</ul>"
                "<p>The sliders move in JupyterLab, and on a page with JavaScript.</p>")
