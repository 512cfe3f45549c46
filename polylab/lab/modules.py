"""The JavaScript of the widgets, joined for those who load one text.

``static/`` holds plain ES modules, which a browser runs as they are. Two hosts cannot follow a
relative import: anywidget loads one text for each widget, and Chromium refuses modules on a page
that is opened as a file. For both, a module and those that it imports are joined into one text;
each stays a scope of its own.
"""

import re
from pathlib import Path

from polylab import plots

STATIC = Path(__file__).parent / "static"
_DARK_GROUND = "#16181D"
_ENOUGH = 6  # contrast of a colour on a dark ground
_IMPORT = re.compile(
    r'^import (\* as )?(\{[^}]*\}|\w+) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) (\w+))", re.MULTILINE)
_DEFAULT = re.compile(r"^export default ", re.MULTILINE)
_MODULE_WORD = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def module(name):
    """Return one ES module that exports what ``static/name.js`` exports by default.

    Parameters
    ----------
    name : str
        Name of a module in ``static/``, without its ending.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a module imports or exports in a form that is not joined, or in a circle.
    """
    return f"{_joined(name)}export default $modules.{name}.default;\n"


def script(name="host"):
    """Return a classic script that does what loading the module ``static/name.js`` does.

    It needs no server: a page may load it with ``<script defer src="…">`` from a USB stick.
    Parameters, result and errors are those of :func:`module`.
    """
    return f'(() => {{\n"use strict";\n{_joined(name)}}})();\n'


def style():
    """Return the style sheet of all widgets: colours and line styles are those of the plots."""
    table = {"truth": plots.TRUTH, "fit": plots.FIT, "guess": plots.GUESS, "floor": plots.FLOOR}
    table |= {f"series-{number}": colour for number, colour in enumerate(plots.SERIES)}
    colours = "".join(f"  --pl-{name}: light-dark({colour}, {_lightened(colour)});\n"
                      for name, colour in table.items())
    styles = "".join(f"  --pl-style-{number}: {_dashes(style)};\n"
                     for number, style in enumerate(plots.STYLES))
    theme = (STATIC / "theme.css").read_text(encoding="utf-8")
    return f".polylab {{\n{colours}{styles}}}\n{theme}"


def _joined(name):
    """Return the text of a module after those that it imports, each once."""
    texts = {}

    def add(name, way=()):
        if name in way:
            raise ValueError(f"modules must not import in a circle, got {' → '.join(way)} → {name}")
        if name not in texts:
            source = (STATIC / f"{name}.js").read_text(encoding="utf-8")
            for match in _IMPORT.finditer(source):
                add(match[3], (*way, name))
            texts[name] = _scope(name, source)

    add(name)
    return f"const $modules = {{}};\n{''.join(texts.values())}"


def _scope(name, source):
    """Return a module as a function that runs once and keeps what it exports."""
    exported = [match[1] for match in _EXPORT.finditer(source)]
    body = _EXPORT.sub("", _IMPORT.sub(_taken, source))
    body, defaults = _DEFAULT.subn("const $default = ", body)
    strange = _MODULE_WORD.search(body)
    if strange:
        raise ValueError(f"{name}.js must import and export in a form that can be joined, "
                         f"got: {strange[0]}")
    names = ", ".join([*exported, *["default: $default"] * defaults])
    return f"$modules.{name} = (() => {{\n{body}return {{{names}}};\n}})();\n"


def _taken(match):
    star, names, origin = match.groups()
    if star:
        return f"const {names} = $modules.{origin};"
    if not names.startswith("{"):
        names = f"{{default: {names}}}"
    return f"const {re.sub(r' as ', ': ', names)} = $modules.{origin};"


def _dashes(style):
    """Return a line style of matplotlib as lengths in CSS; matplotlib counts in line widths."""
    pattern = {"-": (), "--": (3.7, 1.6), "-.": (6.4, 1.6, 1, 1.6), ":": (1, 1.65)}.get(style)
    lengths = style[1] if pattern is None else pattern
    return " ".join(f"{2.5 * length:g}px" for length in lengths) or "none"


def _lightened(colour):
    """Return the colour, mixed with as much white as it takes to be read on a dark ground."""
    parts = _parts(colour)
    for white in range(21):
        mixed = [part + (255 - part) * white / 20 for part in parts]
        if (_light(mixed) + 0.05) / (_light(_parts(_DARK_GROUND)) + 0.05) >= _ENOUGH:
            break
    return "#" + "".join(f"{round(part):02X}" for part in mixed)


def _parts(colour):
    return [int(colour[place:place + 2], 16) for place in (1, 3, 5)]


def _light(parts):
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    lights = [part / 255 for part in parts]
    lights = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in lights]
    return 0.2126 * lights[0] + 0.7152 * lights[1] + 0.0722 * lights[2]
