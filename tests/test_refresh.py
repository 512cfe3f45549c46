"""The refresh program stores what the cells print, and a second run changes no byte."""

import base64
import importlib.util
import json
import struct
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

PROGRAM = Path(__file__).resolve().parents[1] / "tools" / "refresh.py"
NOTEBOOKS = sorted((PROGRAM.parents[1] / "notebooks").glob("*.ipynb"))
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

IMPORTS = """\
import io
import time

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
from tqdm.notebook import tqdm"""

EVERYTHING_THAT_VARIES = {
    "imports": new_code_cell(IMPORTS),
    "figure": new_code_cell("fig, ax = plt.subplots()\n_ = ax.plot([1, 2, 3])"),
    "bar": new_code_cell("for step in tqdm(range(3)):\n    time.sleep(0.01)"),
    "widget": new_code_cell(
        "png = io.BytesIO()\nfig.savefig(png)\nipywidgets.Image(value=png.getvalue())"
    ),
    "error": new_code_cell("np.ones(2) @ np.ones(3)", metadata={"tags": ["raises-exception"]}),
    "library error": new_code_cell(
        "np.linalg.inv(np.zeros((2, 2)))", metadata={"tags": ["raises-exception"]}
    ),
    "time": new_code_cell("time.time_ns()", metadata={"tags": ["nbval-ignore-output"]}),
}


@pytest.fixture(scope="module")
def refresh():
    spec = importlib.util.spec_from_file_location("refresh", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def store(path, *cells):
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


def read(path):
    return nbformat.read(path, as_version=4)


def test_second_run_changes_no_byte(refresh, tmp_path, capsys):
    path = store(tmp_path / "all.ipynb", *EVERYTHING_THAT_VARIES.values())
    refresh.main([str(path)])
    first = path.read_bytes()
    refresh.main([str(path)])
    assert path.read_bytes() == first
    assert first.endswith(b"\n}\n")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "all.ipynb: rewritten",
        "all.ipynb: unchanged",
    ]
    assert list(tmp_path.iterdir()) == [path]

    cells = dict(zip(EVERYTHING_THAT_VARIES, read(path).cells, strict=True))
    assert [cell.execution_count for cell in cells.values()] == list(range(1, 8))
    assert "image/png" in cells["figure"].outputs[0].data
    views = [cells[name].outputs[0].data[WIDGET_VIEW]["model_id"] for name in ("bar", "widget")]
    assert views == [f"{number:032x}" for number in (1, 2)]
    assert "widgets" not in read(path).metadata
    assert b"site-packages" not in first
    traceback = "\n".join(cells["library error"].outputs[0].traceback)
    assert "np" in traceback
    assert "Singular matrix" in traceback


def test_ignored_output_is_kept_until_code_above_it_changes(refresh, tmp_path):
    clock = new_code_cell("import time\ntime.time_ns()", metadata={"tags": ["nbval-ignore-output"]})
    path = store(tmp_path / "clock.ipynb", new_code_cell("rate = 1"), clock)

    def shown_time():
        refresh.refresh(path)
        return read(path).cells[1].outputs[0].data["text/plain"]

    first = shown_time()
    assert shown_time() == first
    notebook = read(path)
    notebook.cells[0].source = "rate = 2"
    nbformat.write(notebook, path)
    second = shown_time()
    assert second != first
    notebook = read(path)
    notebook.cells[1].outputs = []
    nbformat.write(notebook, path)
    assert shown_time() not in (first, second)


def test_printed_output_is_always_run_again(refresh, tmp_path):
    path = store(tmp_path / "sum.ipynb", new_code_cell("print(1 + 1)"))
    refresh.refresh(path)
    path.write_text(path.read_text().replace('"2\\n"', '"3\\n"'))
    assert refresh.refresh(path)
    assert read(path).cells[0].outputs[0].text == "2\n"


def test_notebook_runs_from_its_own_folder(refresh, tmp_path):
    (tmp_path / "beside.txt").write_text("here")
    path = store(tmp_path / "beside.ipynb", new_code_cell("print(open('beside.txt').read())"))
    refresh.refresh(path)
    assert read(path).cells[0].outputs[0].text == "here\n"


@pytest.mark.parametrize(
    ("source", "reason", "patience"),
    [
        ("earning_rate", "NameError: name 'earning_rate' is not defined", 60),
        ("import os\nos._exit(1)", "the kernel died", 60),
        ("import time\ntime.sleep(60)", "took longer than 1 seconds", 1),
    ],
)
def test_failing_cell_is_named_and_file_kept(
        refresh, tmp_path, monkeypatch, source, reason, patience):
    monkeypatch.setattr(refresh, "CELL_TIMEOUT", patience)
    path = store(tmp_path / "bad.ipynb", new_markdown_cell("# Bad"), new_code_cell(source))
    before = path.read_bytes()
    with pytest.raises(SystemExit) as stop:
        refresh.main([str(path)])
    assert str(stop.value) == f"refresh: bad.ipynb, cell 2: {reason}\n\n{source}"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_missing_notebook_is_named(refresh, tmp_path, capsys):
    with pytest.raises(SystemExit):
        refresh.main([str(tmp_path / "none.ipynb")])
    assert "no such notebook" in capsys.readouterr().err


def test_default_is_every_notebook_in_order(refresh, tmp_path, monkeypatch):
    for name in ("01_b", "00_a"):
        store(tmp_path / f"{name}.ipynb")
    monkeypatch.setattr(refresh, "NOTEBOOKS", tmp_path)
    seen = []
    monkeypatch.setattr(refresh, "refresh", lambda path: seen.append(path.stem))
    refresh.main([])
    assert seen == ["00_a", "01_b"]


def test_metadata_is_reduced_to_what_lasts(refresh):
    stray = {"scrolled": True, "execution": {"iopub.status.idle": "2024"}}
    hidden = {"source_hidden": True, "outputs_hidden": True}
    skipped, unseen = {"slide_type": "skip"}, {"remove_source": True}
    cells = [
        new_code_cell("1", metadata=stray),
        new_code_cell("2", metadata={"tags": ["exercise"], "jupyter": hidden}),
        new_code_cell("3", metadata={"tags": ["question"]}),
        new_code_cell("4", metadata={"tags": ["solution"]}),
        new_markdown_cell("5", metadata={"tags": ["solution"]}),
        new_code_cell("6", metadata={"tags": ["promise"]}),
        new_code_cell("7", metadata={"tags": ["solution", "promise"]}),
    ]
    notebook = new_notebook(cells=cells, metadata={"jupytext": {}, "widgets": {}, "title": "x"})
    refresh.normalise(notebook)
    assert [cell.metadata for cell in cells] == [
        {},
        {"tags": ["exercise"]},
        {"tags": ["question"], "jupyter": {"source_hidden": True}, "transient": unseen},
        {"tags": ["solution"], "jupyter": hidden, "slideshow": skipped},
        {"tags": ["solution"], "jupyter": {"source_hidden": True}, "slideshow": skipped},
        {"tags": ["promise"], "jupyter": {"source_hidden": True}, "slideshow": skipped,
         "transient": unseen},
        {"tags": ["solution", "promise"], "jupyter": hidden, "slideshow": skipped,
         "transient": unseen},
    ]
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    # JupyterLab names what it saves with "Download as script" by this.
    assert notebook.metadata.language_info.file_extension == ".py"
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_is_stored_with_all_its_metadata(refresh, path):
    notebook = read(path)
    refresh.normalise(notebook)
    assert notebook == read(path)


def picture(width, height):
    header = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height)
    return new_output("display_data", data={"image/png": base64.b64encode(header).decode()})


def test_a_slide_ends_where_the_next_cell_would_run_over_the_edge(refresh):
    tall, flat = picture(700, 300), picture(1600, 200)  # the second is shown at half its size
    promise = new_code_cell("assert 1", metadata={"tags": ["promise"]})
    result = new_code_cell("1", outputs=[new_output("execute_result", data={"text/plain": "1"})])
    lesson = [
        (new_markdown_cell("# 03. Title"), "slide"),
        (new_code_cell("import numpy"), "-"),
        (new_markdown_cell("## Section\n\nSome words."), "slide"),
        (new_code_cell("draw()", outputs=[tall]), "-"),
        (promise, "skip"),
        (new_markdown_cell("Notice it."), "-"),
        (new_code_cell("draw()", outputs=[flat]), "subslide"),
        (new_code_cell("draw()", outputs=[flat]), "-"),
        (new_code_cell("draw()", outputs=[flat]), "-"),
        (new_code_cell("draw()", outputs=[flat]), "subslide"),
        (new_markdown_cell("And now? **Predict.** Is it 1 or 2?"), "-"),
        (result, "fragment"),
        (new_markdown_cell("It is 1."), "-"),
        (new_markdown_cell("Now a long one. **Predict.** How long?"), "-"),
        (new_code_cell("\n".join("x" * 26)), "subslide"),
        (new_code_cell("for i in range(9):\n    print(i)",
                       outputs=[new_output("stream", text="1\n" * 20)]), "subslide"),
        (new_markdown_cell("### Exercise 3.1 Halve it\n\nDo it."), "subslide"),
    ]
    cells, kinds = zip(*lesson, strict=True)
    assert refresh.slide_types(cells) == list(kinds)


def test_a_slide_ends_by_what_is_stored_not_by_what_was_run(refresh):
    frames = ["File /somewhere/torch/a.py:1\n" + "line\n" * 40, "Cell In[1], line 1", "its words"]
    failed = new_output("error", ename="RuntimeError", evalue="", traceback=frames)
    notebook = new_notebook(cells=[new_markdown_cell("## Section"),
                                   new_code_cell("1 / 0", outputs=[failed])])
    refresh.normalise(notebook)
    assert "slideshow" not in notebook.cells[1].metadata


def test_widgets_are_numbered_once_each(refresh):
    def view(model_id):
        return new_output("display_data", data={WIDGET_VIEW: {"model_id": model_id}})

    cell = new_code_cell("a\nb", outputs=[view("f00d"), view("beef"), view("f00d")])
    notebook = new_notebook(cells=[cell])
    refresh.normalise(notebook)
    ids = [output.data[WIDGET_VIEW]["model_id"] for output in cell.outputs]
    assert ids == ["1".zfill(32), "2".zfill(32), "1".zfill(32)]


def test_widget_that_can_be_read_is_stored_without_its_view(refresh):
    data = {WIDGET_VIEW: {"model_id": "f00d"}, "text/html": "<p>Read me.</p>"}
    cell = new_code_cell("a", outputs=[new_output("display_data", data=data)])
    refresh.normalise(new_notebook(cells=[cell]))
    assert cell.outputs[0].data == {"text/html": "<p>Read me.</p>"}


def test_cell_ids_are_kept_if_they_can_be(refresh):
    raw = {"cell_type": "markdown", "metadata": {}, "source": "x"}
    ids = [{"id": "mine"}, {}, {"id": "mine"}, {"id": "not valid"}, {"id": "cell-2"}]
    notebook = nbformat.from_dict(
        {
            "cells": [raw | given for given in ids],
            "metadata": {},
            "nbformat": 4,
            "nbformat_minor": 4,
        }
    )
    refresh.name_cells(notebook)
    first = [cell.id for cell in notebook.cells]
    assert first == ["mine", "cell-2", "cell-3", "cell-4", "cell-5"]
    refresh.name_cells(notebook)
    assert [cell.id for cell in notebook.cells] == first
    nbformat.validate(json.loads(nbformat.writes(notebook)))
