"""What all widgets share: joined modules, the stand-in, the end of what a cell made before."""

import importlib.resources
import re
import types

import pytest
import traitlets
from ipywidgets.widgets.widget import _instances

from polylab import plots
from polylab.lab import modules, widget


class Counter(widget.Widget, module="question"):
    count = traitlets.Int(0).tag(sync=True)
    part = traitlets.Float(1 / 3).tag(sync=True)
    parts = traitlets.Dict({"a": [0.1 + 0.2]}).tag(sync=True)
    secret = traitlets.Int(3)
    _inner = traitlets.Int(4).tag(sync=True)

    def __repr__(self):
        return f"Counter({self.count})"

    def reading(self):
        return "<p>Counts.</p>"


@pytest.fixture
def static(tmp_path, monkeypatch):
    """Write modules into a folder that is joined instead of the course's own."""
    monkeypatch.setattr(modules, "STATIC", tmp_path)

    def write(**sources):
        for name, source in sources.items():
            (tmp_path / f"{name}.js").write_text(source, encoding="utf-8")

    return write


def test_stand_in_is_the_same_at_every_run_and_rounds_what_processors_round_differently():
    assert Counter().stand_in() == Counter().stand_in() == (
        '<div class="polylab" data-widget="question" data-state=\''
        '{"count":0,"part":0.333333333333,"parts":{"a":[0.3]}}\'><p>Counts.</p></div>')


def test_widget_is_displayed_as_view_html_and_plain_text():
    counter = Counter(count=7)
    data, _ = counter._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == counter.model_id
    assert data["text/html"] == counter.stand_in()
    assert data["text/plain"] == "Counter(7)"
    assert counter.model_id not in counter.stand_in()


def test_modules_are_joined_each_once_and_after_what_they_import(static):
    static(ground="export const one = 1;\n",
           left='import { one } from "./ground.js";\nexport function two() { return 2 * one; }\n',
           right='import * as ground from "./ground.js";\nexport const three = 3 * ground.one;\n',
           top='import { two as double } from "./left.js";\nimport {\n    three,\n} from '
               '"./right.js";\nexport default { render: () => double() + three };\n')
    text = modules.module("top")
    order = re.findall(r"^\$modules\.(\w+) =", text, re.MULTILINE)
    assert order == ["ground", "left", "right", "top"]
    assert "const {two: double} = $modules.left;" in text.replace("{ ", "{").replace(" }", "}")
    assert text.endswith("export default $modules.top.default;\n")
    assert "import" not in text
    assert not re.search("^export|^import", modules.script("top"), re.MULTILINE)


@pytest.mark.parametrize(("sources", "message"), [
    ({"top": 'import { a } from "./b.js";\n', "b": 'import { b } from "./top.js";\n'},
     "must not import in a circle, got top → b → top"),
    ({"top": 'import { a } from "https://example.org/a.js";\n'}, "top.js must import .* got: im"),
    ({"top": 'export * from "./b.js";\n'}, r"got: export \*"),
    ({"top": "export let a = 1;\n"}, "got: export let a = 1;"),
])
def test_what_cannot_be_joined_is_refused(static, sources, message):
    static(**sources)
    with pytest.raises(ValueError, match=message):
        modules.module("top")


def colour_table():
    table = modules.style().partition("}")[0]
    found = re.findall(r"--pl-([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", table)
    return {name: (light, dark) for name, light, dark in found}


def test_style_has_the_colours_of_the_plots():
    assert {name: light for name, (light, _) in colour_table().items()} == {
        "truth": plots.TRUTH, "fit": plots.FIT, "guess": plots.GUESS, "floor": plots.FLOOR,
        **{f"series-{n}": colour for n, colour in enumerate(plots.SERIES)}}


@pytest.mark.parametrize(("light", "least", "most"), [
    # WCAG 2 calls #959595 on black 6.9 : 1 and #767676 on black 4.6 : 1.
    ("#000000", 0x8A, 0xA0), ("#FFFFFF", 0xFF, 0xFF), ("#BBBBBB", 0xBB, 0xBB),
])
def test_dark_ground_has_the_same_colours_lightened_as_far_as_needed(
        monkeypatch, light, least, most):
    monkeypatch.setattr(plots, "TRUTH", light)
    dark = colour_table()["truth"][1]
    assert dark == "#" + 3 * dark[1:3]
    assert least <= int(dark[1:3], 16) <= most


def test_static_folder_asks_no_other_host_and_is_part_of_the_package():
    folder = importlib.resources.files("polylab.lab") / "static"
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert {"host.js", "theme.css"} <= set(texts)
    for text in texts.values():
        assert set(re.findall(r"https?://[^\"'\s)]+", text)) <= {"http://www.w3.org/2000/svg"}


@pytest.fixture
def run_cell(monkeypatch):
    """Pretend that a notebook runs a cell, and return what its code returns."""
    request = {}
    kernel = types.SimpleNamespace(get_parent=lambda channel: request)
    monkeypatch.setattr(widget, "get_ipython", lambda: types.SimpleNamespace(kernel=kernel))
    monkeypatch.setattr(widget, "_made", {})

    def run(cell, message, code):
        request.update(header={"msg_id": message}, metadata={"cellId": cell} if cell else {})
        return code()

    return run


def test_cell_that_runs_again_leaves_nothing_behind(run_cell):
    pair = run_cell("a", "1", lambda: [Counter(), Counter()])
    other = run_cell("b", "2", Counter)
    names = [one.model_id for one in (*pair, other, *(one.layout for one in (*pair, other)))]
    assert set(names) <= set(_instances)
    again = run_cell("a", "3", Counter)
    assert [one.comm is not None for one in (*pair, other, again)] == [False, False, True, True]
    assert [name in _instances for name in names] == 2 * [False, False, True]


def test_front_end_that_does_not_name_its_cells_keeps_all(run_cell):
    first = run_cell(None, "1", Counter)
    run_cell(None, "2", Counter)
    assert first.comm is not None
