"""What the widgets of the course share: one module for every host, and a stand-in to be read."""

import html
import json

import anywidget
from IPython import get_ipython

from polylab.lab import modules

_DIGITS = 12  # of the numbers in a stand-in: more would differ from processor to processor
_made = {}  # id of a notebook cell: its last run and the widgets that this run made


class Widget(anywidget.AnyWidget):
    """A widget that draws itself in the page and keeps its state as traits.

    A subclass names its module, ``class Lab(Widget, module="lab")`` for ``static/lab.js``, tags
    the traits that the page needs with ``sync=True``, and defines ``__repr__`` and
    :meth:`reading`. The module's default export has a function ``render({model, el})``.

    Displayed, it also leaves HTML: a stand-in that can be read on GitHub and in print, and that
    carries the state from which ``static/host.js`` makes the widget live on a page without a
    kernel. When a notebook cell runs again, the widgets that it made before are closed.
    """

    def __init_subclass__(cls, module=None, **kwargs):
        """Give the class the text of its module and the style of all."""
        super().__init_subclass__(**kwargs)
        if module is not None:  # traitlets makes a further subclass for each instance
            cls._module = module
            cls._esm = modules.module(module)
            cls._css = modules.style()

    def __init__(self, **traits):
        super().__init__(**traits)
        _close_what_this_cell_made_before(self)

    def reading(self):
        """Return what can be read where nothing moves, as HTML."""
        raise NotImplementedError

    def page_state(self):
        """Return the traits that the page needs, by name, as JSON can carry them."""
        own = set(self.keys) - set(anywidget.AnyWidget.class_trait_names())
        names = [name for name in self.keys if name in own and not name.startswith("_")]
        return _rounded(self.get_state(sorted(names)))

    def stand_in(self):
        """Return the HTML that stands for the widget where there is no kernel."""
        state = json.dumps(self.page_state(), ensure_ascii=False, separators=(",", ":"))
        state = html.escape(state, quote=False).replace("'", "&#39;")
        return (f'<div class="polylab" data-widget="{self._module}" data-state=\'{state}\'>'
                f"{self.reading()}</div>")

    def _repr_mimebundle_(self, **kwargs):
        data, metadata = super()._repr_mimebundle_(**kwargs)
        return data | {"text/html": self.stand_in()}, metadata


def _rounded(value):
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return value


def _close_what_this_cell_made_before(widget):
    """Let go of widgets whose output a new run of the same cell replaces.

    ipywidgets and the page would keep each of them for as long as the kernel lives.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    request = kernel.get_parent("shell") if kernel else {}
    cell = request.get("metadata", {}).get("cellId")
    if cell is None:  # a front end that does not say which cell runs
        return
    run, widgets = _made.get(cell, (None, []))
    if run != request["header"]["msg_id"]:
        for old in widgets:
            old.layout.close()
            old.close()
        widgets = []
    _made[cell] = request["header"]["msg_id"], [*widgets, widget]
