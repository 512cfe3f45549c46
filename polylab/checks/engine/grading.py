"""Gives nbgrader what it can count, and keeps the checkers what they are while it runs a notebook.

nbgrader says that it is at work in the environment variable ``NBGRADER_EXECUTION``. It gives a
check cell full marks unless the cell ends in an error or says a word on stderr, and takes a shown
result for a mark if it is a number. So a failing verdict becomes an error and a passing one is
printed. What a learner's cell has done to the variable, or to the names of the checkers, is undone
before the next cell.
"""

from __future__ import annotations

import os
import pathlib
import sys

VARIABLE = "NBGRADER_EXECUTION"
MODES = ("autograde", "validate")


def is_graded():
    """Return whether nbgrader runs this notebook."""
    return _WAS_GRADED or os.environ.get(VARIABLE) in MODES


def _was_graded():
    """Return whether nbgrader has started this process, even if a cell denies it since."""
    try:
        born_with = pathlib.Path("/proc/self/environ").read_bytes().decode(errors="replace")
    except OSError:  # not on Linux
        born_with = f"{VARIABLE}={os.environ.get(VARIABLE)}"
    return any(f"{VARIABLE}={mode}" in born_with.split("\0") for mode in MODES)


_WAS_GRADED = _was_graded()


def hand_back(verdict):
    """Return the verdict, or raise it when nbgrader is grading: a failing one gets no marks."""
    if not verdict.passed and is_graded():
        raise AssertionError(verdict.message)
    return verdict


def keep_while_graded(names, remember):
    """Before each cell that nbgrader runs, give names their meaning again.

    Parameters
    ----------
    names : dict
        The checkers by name. A name that the notebook does not have is left alone.
    remember : callable
        Remembers what is inside the modules of the course; what it returns can `put_back`.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not is_graded():
        return

    course = remember()

    def before_each_cell(info):
        course.put_back()
        shell.user_ns.update({name: genuine for name, genuine in names.items()
                              if name in shell.user_ns})

    shell.events.register("pre_run_cell", before_each_cell)
