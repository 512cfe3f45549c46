"""Write two copies of the course for a class.

    python tools/student.py

``build/student/`` is what learners get: the notebooks without the answers, and all that
``make lab`` needs. ``build/teacher/`` holds the notebooks with the answers. Both are made anew
each time. The copies of the notebooks are nbconvert's, which drops cells by their tags.
"""

import shutil
from pathlib import Path

from nbconvert.exporters import NotebookExporter
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
# What a learner's copy needs beside the notebooks, to install and to read.
COURSE = (
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml",
    "constraints.txt", "environment.yml", "tools/setup.sh", "tools/lab_page.py", "polylab", "docs",
    "site",
)
WITHOUT = {"answers", "solution"}  # tags of the cells that learners do not get


def write_copies(build=BUILD):
    """Write both copies and return their folders.

    Parameters
    ----------
    build : pathlib.Path
        The folder that ``student`` and ``teacher`` are written to; what stood there under these
        names is replaced.

    Returns
    -------
    student, teacher : pathlib.Path
    """
    student, teacher = build / "student", build / "teacher"
    for folder in (student, teacher):
        shutil.rmtree(folder, ignore_errors=True)
    for name in COURSE:
        source, target = ROOT / name, student / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy2(source, target)
    copy_notebooks(student / "notebooks", WITHOUT)
    copy_notebooks(teacher / "notebooks", set())
    return student, teacher


def copy_notebooks(folder, without):
    """Copy all notebooks into a folder, leaving out the cells with any of these tags."""
    remove = {"enabled": True, "remove_cell_tags": without}
    exporter = NotebookExporter(config=Config(TagRemovePreprocessor=remove))
    folder.mkdir(parents=True)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        text, _resources = exporter.from_filename(str(path))
        (folder / path.name).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    for copy in write_copies():
        print(f"{copy.relative_to(ROOT)}: {len(list(copy.glob('notebooks/*.ipynb')))} notebooks")
