"""A learning rate that can be dragged in small notches or typed to any digit."""

import math

import ipywidgets
import traitlets

from polylab.descent import rate_text

_NOTCH = 0.004  # decades between two positions of the slider, 0.93 %
_DRAGGED, _TYPED = 4, 7  # significant digits


class RateSlider(ipywidgets.HBox):
    """A slider on a logarithmic scale with a text box at its right.

    A slider of a browser knows only its own positions: a value between two of them, set by a
    program or typed, comes back rounded. So the value lives here, not in the slider; it moves
    when the slider stands at another position than before, and takes what is typed as it is.

    Parameters
    ----------
    value : float
        The learning rate.
    smallest, largest : int
        Powers of ten where the slider begins and ends.

    Attributes
    ----------
    value : float
        The learning rate; can be set and observed.
    slider : ipywidgets.FloatLogSlider
        What is dragged, or moved with the arrow keys.
    box : ipywidgets.Text
        What is typed into, and says what the value is.
    note : ipywidgets.Label
        Says so where a typed text is not a rate in the range; empty else.

    Raises
    ------
    traitlets.TraitError
        If the value is set to a number outside the range.
    """

    value = traitlets.Float()

    def __init__(self, value, smallest=-8, largest=0):
        self._range = 10.0**smallest, 10.0**largest
        self.slider = ipywidgets.FloatLogSlider(
            value=value, base=10, min=smallest, max=largest, step=_NOTCH, readout=False,
            description="Learning rate", tooltip="How far each step goes: drag, or use the keys",
            style={"description_width": "90px"}, layout=ipywidgets.Layout(flex="1 1 300px"))
        self.box = ipywidgets.Text(
            continuous_update=False, tooltip="The learning rate in digits: type, then press Enter",
            layout=ipywidgets.Layout(width="110px"))
        self.note = ipywidgets.Label(layout=ipywidgets.Layout(width="100%"))  # a line of its own
        super().__init__([self.slider, self.box, self.note],
                         layout=ipywidgets.Layout(flex_flow="row wrap"))
        self.value = value
        self.show()
        self.slider.observe(self._dragged, "value")
        self.box.observe(self._typed, "value")
        self.observe(self.show, "value")

    @traitlets.validate("value")
    def _in_range(self, proposal):
        low, high = self._range
        if not low <= proposal.value <= high:
            raise traitlets.TraitError(f"learning rate must lie between {rate_text(low)} and "
                                       f"{rate_text(high)}, got {proposal.value:g}")
        return proposal.value

    def _position(self, rate):
        return round((math.log10(rate) - self.slider.min) / _NOTCH)

    def _dragged(self, _change):
        if self._position(self.slider.value) != self._position(self.value):
            with self.box.hold_sync():  # who drags looks at what follows from it first
                self.value = float(f"{self.slider.value:.{_DRAGGED}g}")

    def _typed(self, _change):
        if self.box.value == rate_text(self.value, _TYPED):
            self._say("")
            return
        try:
            self.value = float(self.box.value)
        except (ValueError, traitlets.TraitError):
            low, high = self._range
            self._say(f"Type a number from {rate_text(low)} to {rate_text(high)}.")
        else:
            self.show()

    def show(self, _change=None):
        """Let slider, box and note say what the value is, whatever was typed."""
        position = self._position(self.value)
        if self._position(self.slider.value) != position:
            self.slider.value = 10 ** (self.slider.min + _NOTCH * position)
        self.box.value = rate_text(self.value, _TYPED)
        self._say("")

    def _say(self, text):
        self.note.value = text
        self.note.layout.display = None if text else "none"
