"""Put the notebooks of the course into a folder of the learner, and open them.

In the repository the notebooks lie beside the package. A wheel carries them inside it, for those
who have neither git nor make: ``python -m polylab start my-course``. This module needs nothing but
Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def notebooks():
    """Return the paths of the notebooks, in the order of the course.

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    FileNotFoundError
        If this copy of the package has none: neither a wheel's nor those of the repository.
    """
    for folder in (HERE / "notebooks", HERE.parent / "notebooks"):
        found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
        if found:
            return found
    raise FileNotFoundError(f"the notebooks of the course should lie in {HERE / 'notebooks'}, "
                            "but they do not: install polylab again")


def copy_notebooks(folder):
    """Copy the notebooks into a folder; a file that is there already is never touched.

    Parameters
    ----------
    folder : path
        Made if it is not there.

    Returns
    -------
    copied, kept : list of pathlib.Path
        The files that are new, and those that were there and stayed as they were.

    Raises
    ------
    NotADirectoryError
        If ``folder`` is a file.
    OSError
        If the folder cannot be made or written to.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"the course needs a folder, but {folder} is a file")
    folder.mkdir(parents=True, exist_ok=True)
    copied, kept = [], []
    for source in notebooks():
        target = folder / source.name
        if target.exists():
            kept.append(target)
        else:
            shutil.copyfile(source, target)
            copied.append(target)
    return copied, kept


def start(folder, show=True):
    """Copy the notebooks into a folder, say what was done, and open JupyterLab there.

    Parameters
    ----------
    folder : path
        As for `copy_notebooks`.
    show : bool
        Whether to open JupyterLab and wait until it ends.
    """
    copied, kept = copy_notebooks(folder)
    print(f"{len(copied)} notebooks are new in {Path(folder).resolve()}.")
    if kept:
        print(f"{len(kept)} were there already and stayed as they were. To have one as it was at "
              "first, rename yours and give this command again.")
    jupyter = [sys.executable, "-m", "jupyterlab", str(Path(folder, "00_start_here.ipynb"))]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        jupyter.append("--allow-root")  # Jupyter refuses unless root says that this is meant
    print("To go on another day:", " ".join(f'"{part}"' if " " in part else part
                                            for part in jupyter))
    if show:
        print("JupyterLab opens in your browser. To end it, press Control-C twice here.",
              flush=True)
        subprocess.call(jupyter)
