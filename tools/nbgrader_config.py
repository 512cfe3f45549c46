"""Settings of nbgrader for a class: copy this file into the folder of the class.

A learner who copies a check cell copies its grade id too. nbgrader sees it ("Cell with id 'check-1'
exists multiple times!"), empties the metadata of all copies but the last, and then stops the whole
batch over the empty ones, as if they were of an old version (nbgrader's issue 1083). Here such a
copy becomes a plain cell, and the marks come from the last one.

nbgrader gives no mark, and says nothing, where a check cell was deleted or lost its metadata. Here
it is given back. A file that the browser renamed, or that begins with a byte order mark, is put
right in the folder ``submitted`` before it is read.
"""

import re
from pathlib import Path

from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    NbGraderPreprocessor,
    OverwriteCells,
    OverwriteKernelspec,
)

c = get_config()  # noqa: F821 - nbgrader gives it
c.ExecutePreprocessor.timeout = 120  # seconds for a cell; a busy machine needs them

find_copies = DeduplicateIds.preprocess_cell


def forget_copies(self, cell, resources, index):
    """Take the emptied metadata of a copy away."""
    cell, resources = find_copies(self, cell, resources, index)
    if cell.metadata.get("nbgrader") == {}:
        del cell.metadata["nbgrader"]
    return cell, resources


DeduplicateIds.preprocess_cell = forget_copies


class GiveBackChecks(NbGraderPreprocessor):
    """Mark check cells again that lost their metadata; append those that were deleted."""

    def preprocess(self, nb, resources):
        """Return the notebook with every check cell of the assignment in it."""
        names = resources["nbgrader"]
        present = {cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells}
        with Gradebook(names["db_url"]) as gradebook:
            released = gradebook.find_notebook(names["notebook"], names["assignment"])
            sources = {cell.name: cell for cell in released.source_cells}
            for check in released.grade_cells:
                if check.name in present:
                    continue
                source = sources[check.name]
                found = [cell for cell in nb.cells if cell.cell_type == source.cell_type
                         and cell.source.strip() == source.source.strip()
                         and "nbgrader" not in cell.metadata]
                if found:
                    cell = found[-1]
                elif source.cell_type == "code":
                    cell = new_code_cell(source.source)
                    nb.cells.append(cell)
                else:
                    continue
                self.log.warning("%s: check cell '%s' is given back", names["student"], check.name)
                cell.metadata["nbgrader"] = {
                    "schema_version": 3, "grade": True, "solution": False, "task": False,
                    "locked": source.locked, "grade_id": check.name, "points": check.max_score,
                    "cell_type": source.cell_type, "checksum": source.checksum,
                }
        return nb, resources


c.Autograde.sanitize_preprocessors = [ClearOutput, DeduplicateIds, GiveBackChecks,
                                      OverwriteKernelspec, OverwriteCells, CheckCellMetadata]


def put_files_right(notebooks, **_):
    """Take the browser's ``(1)`` out of a file's name, and a byte order mark out of the file."""
    for i, name in enumerate(notebooks):
        path = Path(name)
        plain = path.with_name(re.sub(r"\s*\(\d+\)$", "", path.stem) + path.suffix)
        if not plain.exists():
            path = path.rename(plain)
        text = path.read_bytes()
        if text.startswith(b"\xef\xbb\xbf"):
            path.write_bytes(text[3:])
        notebooks[i] = str(path)


c.Autograde.pre_convert_hook = put_files_right
