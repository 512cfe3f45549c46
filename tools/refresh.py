"""Run the notebooks and store what they print.

    python tools/refresh.py                                  every notebook, in order
    python tools/refresh.py notebooks/03_descend_with_numpy.ipynb

Each notebook runs from its own folder in a fresh kernel. Whatever changes from run to run
without telling a reader anything is then removed: widget ids and states, times, paths of
library files in a traceback, stray metadata. A second run therefore changes no byte.

One rule needs an explanation. A cell tagged ``nbval-ignore-output`` shows something that
differs at every run, such as a time. Its stored output is kept for as long as no code down
to that cell has changed: a fingerprint of this code lies in the cell's metadata. Delete the
output of the cell to have it measured again.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

sys.path.insert(0, str(Path(__file__).resolve().parent))

from slides import slide_types

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
CELL_TIMEOUT = 600  # seconds
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
FINGERPRINT = "code_fingerprint"  # metadata key of an ignored cell
VALID_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

# What JupyterLab hides until the learner opens it, by tag.
HIDDEN = {
    "question": ("source_hidden",),
    "promise": ("source_hidden",),
    "solution": ("source_hidden", "outputs_hidden"),
}
# What nbconvert never shows: on a slide or a page of HTML nothing can be opened.
UNSEEN = {"question", "promise"}


class RefreshError(Exception):
    """A notebook could not be run; the message says which cell and why."""


def refresh(path):
    """Run one notebook, store it again and return whether a byte has changed.

    Parameters
    ----------
    path : pathlib.Path
        The notebook. It is replaced in one step, or not touched at all.

    Returns
    -------
    bool
        True if the file now differs from what it was.

    Raises
    ------
    RefreshError
        If a cell without the tag ``raises-exception`` fails, takes longer than
        ``CELL_TIMEOUT`` seconds or ends the kernel.
    """
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.v4.reads(before)
    name_cells(notebook)
    kept = outputs_to_keep(notebook)
    execute(notebook, path)
    for cell in code_cells(notebook):
        if cell.id in kept:
            cell.outputs = kept[cell.id]
    normalise(notebook)
    nbformat.validate(notebook)
    after = nbformat.writes(notebook).rstrip("\n") + "\n"
    if after != before:
        replace_file(path, after)
    return after != before


def code_cells(notebook):
    """Return the code cells of a notebook, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    """Return the tags of a cell, of which there may be none."""
    return cell.metadata.get("tags", [])


def fingerprints(notebook):
    """Return, for each code cell, a digest of all code from the first cell down to it."""
    digest = hashlib.sha256()
    found = []
    for cell in code_cells(notebook):
        digest.update(cell.source.encode() + b"\0")
        found.append(digest.hexdigest()[:16])
    return found


def outputs_to_keep(notebook):
    """Return the stored outputs, by cell id, that a new run must not replace."""
    return {
        cell.id: cell.outputs
        for cell, fingerprint in zip(code_cells(notebook), fingerprints(notebook), strict=True)
        if "nbval-ignore-output" in tags(cell)
        and cell.outputs
        and cell.metadata.get(FINGERPRINT) == fingerprint
    }


def name_cells(notebook):
    """Give an id to each cell that has none of its own; it depends on the position alone."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen = set()
    for number, cell in enumerate(notebook.cells, start=1):
        wanted = cell.get("id", "")
        if not VALID_ID.fullmatch(wanted) or wanted in seen:
            wanted = f"cell-{number}"
            while wanted in seen:
                wanted += "x"
        cell.id = wanted
        seen.add(wanted)


def execute(notebook, path):
    """Run all cells in place in a fresh kernel; fail with the cell's number and source."""
    started = []
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_TIMEOUT,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=lambda cell, cell_index: started.append(cell_index),
    )
    try:
        client.execute(stderr=subprocess.DEVNULL)  # the kernel's own log, not the notebook's stderr
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        index = started[-1]
        raise RefreshError(
            f"{path.name}, cell {index + 1}: {reason(error)}\n\n{notebook.cells[index].source}"
        ) from None


def reason(error):
    """Say in a few words why a cell did not finish."""
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {error.evalue}"
    if isinstance(error, CellTimeoutError):
        return f"took longer than {CELL_TIMEOUT} seconds"
    return "the kernel died"


def normalise(notebook):
    """Remove, in place, everything that differs between two runs of the same code."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"file_extension": ".py", "name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(lasting_metadata(cell))
    checks = [cell for cell in code_cells(notebook) if "check" in tags(cell)]
    for number, cell in enumerate(checks, start=1):
        cell.metadata["nbgrader"] = nbformat.from_dict(one_mark(f"check-{number}"))
    leave_stand_ins(notebook)
    renumber_widgets(notebook)
    cells = zip(code_cells(notebook), fingerprints(notebook), strict=True)
    for cell, fingerprint in cells:
        if "nbval-ignore-output" in tags(cell):
            cell.metadata[FINGERPRINT] = fingerprint
        for output in cell.outputs:
            if output.output_type == "error":
                output.traceback = frames_of_the_notebook(output.traceback)
    # At the end, for it depends on how long the outputs are that stay.
    for cell, kind in zip(notebook.cells, slide_types(notebook.cells), strict=True):
        if kind != "-":
            cell.metadata["slideshow"] = nbformat.from_dict({"slide_type": kind})


def lasting_metadata(cell):
    """Return the tags of a cell and what they say about hiding it."""
    metadata = {"tags": list(tags(cell))} if tags(cell) else {}
    if UNSEEN.intersection(tags(cell)):
        metadata["transient"] = {"remove_source": True}  # nbconvert's own words
    hidden = {key: True for tag in tags(cell) for key in HIDDEN.get(tag, ())}
    if cell.cell_type == "markdown":
        hidden.pop("outputs_hidden", None)
    return metadata | ({"jupyter": hidden} if hidden else {})


def one_mark(name):
    """Return what tells nbgrader that a cell gives one mark, unless it ends in an error."""
    return {
        "cell_type": "code",
        "grade": True,
        "grade_id": name,
        "locked": True,
        "points": 1,
        "schema_version": 3,
        "solution": False,
        "task": False,
    }


def leave_stand_ins(notebook):
    """Take the view away from a widget that can also be read: no view lives without a kernel."""
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if "text/html" in output.get("data", {}):
                output.data.pop(WIDGET_VIEW, None)


def renumber_widgets(notebook):
    """Replace the random widget ids by numbers in order of appearance."""
    numbers = {}
    for cell in code_cells(notebook):
        for output in cell.outputs:
            view = output.get("data", {}).get(WIDGET_VIEW)
            if view:
                number = numbers.setdefault(view["model_id"], len(numbers) + 1)
                view["model_id"] = f"{number:032x}"


def frames_of_the_notebook(traceback):
    """Leave out the frames inside library files: their paths belong to this machine."""
    return [
        frame for frame in traceback if not ANSI_COLOUR.sub("", frame).lstrip().startswith("File ")
    ]


def replace_file(path, text):
    """Write the file beside the old one, then swap them: readers never see half of it."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".ipynb")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, path.stat().st_mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main(arguments=None):
    """Refresh the notebooks named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description="Run the notebooks and store what they print.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all, in order")
    paths = parser.parse_args(arguments).notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        parser.error(f"no such notebook: {', '.join(missing)}")
    if not paths:
        parser.error(f"no notebook in {NOTEBOOKS}")
    for path in paths:
        start = time.perf_counter()
        try:
            changed = refresh(path.resolve())
        except RefreshError as error:
            sys.exit(f"refresh: {error}")
        seconds = time.perf_counter() - start
        print(f"{path.name}: {'rewritten' if changed else 'unchanged'}, {seconds:.1f} s")


if __name__ == "__main__":
    main()
