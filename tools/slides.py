"""Say where a slide begins when a notebook is shown with ``jupyter nbconvert --to slides``.

nbconvert reads this from the metadata of each cell, and ``refresh.py`` writes it there. What a
class must not see yet (promises, verdicts, answers) is skipped, a heading begins a slide, and a
cell that would run over the lower edge begins a sub-slide. Whether it would is estimated from its
lines and the size of its pictures, for nothing is drawn here; ``tests/browser/test_slides.py``
measures it.
"""

import base64
import re
import struct

SKIPPED = {"promise", "check", "answers", "solution"}
# nbconvert's slides are 960 pixels wide and 700 high, whatever the screen; what is left of it.
ROOM = 650
PICTURE = 790  # pixels from the prompt to the right edge
ROW, PRINTED = 78, 62  # letters in a row of text, and of what a cell prints
HEADING = {1: (22, 120), 2: (38, 76), 3: (50, 64)}  # level: letters in a row, pixels


def slide_types(cells):
    """Return for each cell the slide type that its place asks for.

    Parameters
    ----------
    cells : list of nbformat.NotebookNode
        All cells of a notebook, with their outputs.

    Returns
    -------
    list of str
        "slide", "subslide", "fragment" (comes with the next key, after the class has predicted),
        "skip", or "-" for a cell that goes on where the cell above ends.
    """
    found, filled, predicted = [], 0, False
    for cell in cells:
        if SKIPPED.intersection(cell.metadata.get("tags", ())):
            found.append("skip")
            continue
        height = height_of(cell)
        level = cell.cell_type == "markdown" and len(re.match("#*", cell.source)[0])
        if level in (1, 2):
            kind = "slide"
        elif level or filled + height > ROOM:
            kind = "subslide"
        else:
            kind = "fragment" if predicted else "-"
        filled = height + (filled if kind in ("fragment", "-") else 0)
        predicted = "**Predict.**" in cell.source
        found.append(kind)
    return found


def height_of(cell):
    """Estimate the height of a cell on a slide, in pixels."""
    if cell.cell_type == "markdown":
        return height_of_text(cell.source)
    hidden = "question" in cell.metadata.get("tags", ())
    return (0 if hidden else 23 * cell.source.count("\n") + 56) + sum(map(shown, cell.outputs))


def height_of_text(source):
    """Estimate the height of a text by its blocks; what a reader must open counts as closed."""
    source = re.sub(r"<details>.*?</details>", "Hint\n\n", source, flags=re.DOTALL)
    pixels = 20
    for block in re.split(r"\n\s*\n", source):
        heading = re.match(r"(#+) (.*)\n?", block)
        if heading:
            letters, line = HEADING[min(len(heading[1]), 3)]
            pixels += line * rows(heading[2], letters)
            block = block[heading.end():]
        if block.startswith("$$"):
            pixels += 68
        elif block.startswith("|"):
            widths = ROW // max(block.partition("\n")[0].count("|") - 1, 1)
            pixels += sum(8 + 26 * max(rows(entry, widths) for entry in line.split("|"))
                          for line in block.splitlines())
        elif block.strip():
            items = re.split(r"\n(?=[-*] |\d+\. )", block)
            pixels += 24 + sum(26 * rows(item) + 12 * (len(items) > 1) for item in items)
    return pixels


def rows(text, letters=ROW):
    """Return how many rows a text fills; the address of a link is not shown."""
    text = re.sub(r"\]\([^)]*\)|[*`]", "", text)
    return -(-max(len(" ".join(text.split())), 1) // letters)


def shown(output):
    """Estimate the height of an output; of several forms a page shows the richest."""
    data = output.get("data", {})
    if "image/png" in data:
        width, height = struct.unpack(">II", base64.b64decode(data["image/png"][:32])[16:24])
        return height * min(1, PICTURE / width) + 24
    if "text/html" in data:
        lines = re.split("</p>|</li>|<br>|<details>.*?</details>", data["text/html"])
        return sum(34 * rows(re.sub("<[^>]*>", "", line)) for line in lines)
    text = output.get("text") or data.get("text/plain") or "\n".join(output.get("traceback", ()))
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)  # colours
    return 20 + 24 * sum(max(-(-len(line) // PRINTED), 1) for line in text.splitlines())
