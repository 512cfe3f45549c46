"""What is installed, what is missing, and how to get it.

In a terminal ``python -m polylab`` prints everything; in a notebook ``report()`` shows the part
that is the same on every machine where the course runs. This module needs nothing but Python,
so that it can also speak where nothing is installed.
"""

# So that a Python that is too old gets as far as being told so.
from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OLDEST_PYTHON = (3, 11)

# Package, the versions that fit, and what the course uses it for; pyproject.toml says the same.
NEEDED = (
    ("numpy", ">=2.0,<3", "arrays, and gradient descent by hand"),
    ("torch", ">=2.6,<3", "tensors, autograd, layers and optimisers, from notebook 01 on"),
    ("matplotlib", ">=3.10.7,<4", "every plot"),
    ("array-api-compat", ">=1.12,<2", "one function for NumPy arrays and for tensors"),
    ("tqdm", ">=4.66,<5", "progress bars"),
    ("ipywidgets", ">=8.1.5,<9", "sliders and buttons"),
    ("anywidget", ">=0.9.18,<1", "widgets that draw in the browser"),
    ("ipykernel", ">=6.17.1", "running the cells of a notebook"),
    ("jupyterlab", ">=4.5,<5", "showing the notebooks"),
)
OPTIONAL = (
    ("jupyterhub", ">=5.3,<7", "make class"),
    ("jupyterhub-idle-culler", ">=1.4,<3", "make class"),
    ("nbgrader", ">=0.9.6,<0.10", "handing out and grading the notebooks in a class"),
)

HOW_TO_INSTALL = """\
How to get it: open a terminal in the folder of the course and type

    make lab

or, in the conda environment of the course,

    python -m pip install -c constraints.txt -e .

Then restart the kernel of this notebook, or start Jupyter again."""

# Matplotlib's backends that only write files; a kernel takes the one that MPLBACKEND names.
SILENT_BACKENDS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")

PATIENCE = 120  # seconds in which torch must have answered

READY = "ready; the sliders of notebook 00 prove that your browser draws them."

# Prints the type of the device that notebook 04 chooses, and its name if it has one.
ASK_TORCH = """
import torch
if torch.accelerator.is_available():
    kind = torch.accelerator.current_accelerator().type
else:
    kind = "cpu"
print(kind)
print(torch.cuda.get_device_name() if kind == "cuda" else "")
"""


@dataclass(frozen=True)
class Package:
    """One package of the course, and what was found of it.

    Attributes
    ----------
    name : str
        The name that pip knows it by.
    wanted : str
        The versions that fit, such as ``">=2.0,<3"``.
    purpose : str
        What the course uses it for.
    found : str or None
        The version that is installed; None if there is none.
    """

    name: str
    wanted: str
    purpose: str
    found: str | None

    @property
    def state(self):
        """One of ``"ok"``, ``"missing"``, ``"too old"``, ``"too new"``."""
        if self.found is None:
            return "missing"
        for limit in self.wanted.split(","):
            if limit.startswith(">=") and _numbers(self.found) < _numbers(limit):
                return "too old"
            if limit.startswith("<") and _numbers(self.found) >= _numbers(limit):
                return "too new"
        return "ok"


@dataclass(frozen=True)
class Report:
    """The answer of `report`; shown in a notebook it reads as its `summary`.

    Attributes
    ----------
    python : str
        The version of the Python that runs.
    needed, optional : tuple of Package
        What every learner needs, and what only some targets of the Makefile need.
    widgets : str
        Whether sliders and buttons can be shown here, in one sentence.
    notes : tuple of str
        What does not stop the course and yet surprises: a torch of another Python, more
        threads than cores. Empty where all is as usual.
    device : str or None
        What torch computes on, in one sentence; None if it was not asked.
    hidden : str or None
        Why no figure will be shown, and what helps; None if figures are shown.
    broken : str or None
        The last words of a torch that does not start; None if it starts or was not asked.
    """

    python: str
    needed: tuple[Package, ...]
    optional: tuple[Package, ...]
    widgets: str
    notes: tuple[str, ...]
    device: str | None
    hidden: str | None = None
    broken: str | None = None

    @property
    def python_is_recent_enough(self):
        """Whether this Python can run the course."""
        return _numbers(self.python) >= OLDEST_PYTHON

    @property
    def installed(self):
        """Whether the Python and every package that the course needs are here."""
        return self.python_is_recent_enough and all(p.state == "ok" for p in self.needed)

    @property
    def ok(self):
        """Whether the course can run: everything is installed, and torch starts if asked."""
        return self.installed and self.broken is None

    @property
    def summary(self):
        """The same text on every machine on which the course runs: no version, no path."""
        return self._text(versions=False)

    @property
    def details(self):
        """The summary with versions, the optional packages and the Python that was asked."""
        return self._text(versions=True)

    def __repr__(self):
        return self.summary

    def _text(self, versions):
        oldest = ".".join(map(str, OLDEST_PYTHON))
        state = "ok" if self.python_is_recent_enough else f"too old, {oldest} is needed"
        rows = [("Python", state, self.python, "the language")]
        for package in self.needed:
            state = package.state
            if state in ("too old", "too new"):
                state = f"{state}, {package.wanted} is needed"
            rows.append((package.name, state, package.found, package.purpose))
        if versions:
            for package in self.optional:
                state = "not installed" if package.found is None else package.state
                rows.append((package.name, state, package.found, f"only for: {package.purpose}"))
            rows = [(n, f"{s} ({v})" if v else s, v, purpose) for n, s, v, purpose in rows]
        lines = [*_table([(n, s, purpose) for n, s, _, purpose in rows]), ""]
        lines.append(f"Widgets: {self.widgets}")
        if self.device is not None:
            lines.append(f"Device: {self.device}")
        lines += [f"Note: {note}" for note in self.notes]
        if versions:
            lines.append(f"Asked: {sys.executable}")
        return "\n".join([*lines, "", *self._verdict()])

    def _verdict(self):
        if self.ok and self.hidden:
            return ["Everything is installed, but you will see no figure.", self.hidden]
        if self.ok:
            return ["Everything that the course needs is here."]
        lines = [self.hidden] if self.hidden else []
        if self.installed:
            return [*lines, "Everything is installed, but torch does not start. It says:",
                    f"    {self.broken}"]
        if not self.python_is_recent_enough:
            oldest = ".".join(map(str, OLDEST_PYTHON))
            lines.append(f"This Python is too old for the course: install {oldest} or newer.")
        for wrong in ("missing", "too old", "too new"):
            names = [package.name for package in self.needed if package.state == wrong]
            if names:
                lines.append(f"{wrong.capitalize()}: {', '.join(names)}.")
        return [*lines, "", HOW_TO_INSTALL]


def report(device=False):
    """Look at this Python and say in plain words whether the course can run in it.

    Nothing is imported to find out: whether a package is installed is read from its metadata.

    Parameters
    ----------
    device : bool
        Whether to ask torch which device it computes on. A second Python does the asking, so
        that this one does not load torch; it takes some seconds.

    Returns
    -------
    Report
        Its ``summary`` is the same on every machine where the course runs, its ``details``
        name versions; ``ok`` is True if nothing is missing.
    """
    needed = tuple(Package(*entry, _installed(entry[0])) for entry in NEEDED)
    optional = tuple(Package(*entry, _installed(entry[0])) for entry in OPTIONAL)
    computes_on, broken = _device() if device else (None, None)
    return Report(
        python=".".join(map(str, sys.version_info[:3])),
        needed=needed,
        optional=optional,
        widgets=_widgets(),
        notes=_notes(),
        device=computes_on,
        hidden=_hidden(),
        broken=broken,
    )


def _installed(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _numbers(version):
    """Return the three numbers of a version or of a limit: ``">=2.6"`` gives (2, 6, 0)."""
    numbers = [int(digits) for digits in re.findall(r"\d+", version)]
    return tuple([*numbers, 0, 0][:3])


def _table(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]  # noqa: B905 (strict= is too new)
    return [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}" for row in rows]


def _widgets():
    if _installed("ipywidgets") is None:
        return "cannot be shown, because ipywidgets is missing."
    if not _in_a_notebook():
        return "installed; a terminal cannot show them, a notebook can."
    return READY


def _hidden():
    backend = os.environ.get("MPLBACKEND", "")
    if backend.lower() not in SILENT_BACKENDS:
        return None
    return (f"The variable MPLBACKEND is {backend}, which draws figures and shows none. "
            "Close Jupyter, type `unset MPLBACKEND` in the terminal, and start it again.")


def _in_a_notebook():
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def _notes():
    notes = []
    try:
        home = Path(str(importlib.metadata.distribution("torch").locate_file(""))).resolve()
    except importlib.metadata.PackageNotFoundError:
        home = None
    if home is not None and Path(sys.prefix).resolve() not in home.parents:
        notes.append(f"torch lies outside this Python's own folder, in {home}. That works, as long "
                     "as nobody changes it there.")
    cores = _cores()
    if cores < (os.cpu_count() or 1) and not os.environ.get("OMP_NUM_THREADS"):
        notes.append(f"this machine gives you {cores} of its {os.cpu_count()} cores, but torch "
                     f"starts a thread for each. Set OMP_NUM_THREADS={cores} and start again.")
    return tuple(notes)


def _cores(quota=Path("/sys/fs/cgroup/cpu.max")):
    """Return how many cores this process may use: those allowed, or a container's share."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    try:
        share, period = quota.read_text(encoding="ascii").split()
        return max(1, min(cores, int(share) // int(period)))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return cores


def _device():
    """Return what torch computes on, and the last words of a torch that does not start."""
    if _installed("torch") is None:
        return "unknown, because torch is missing.", None
    try:
        answer = subprocess.run(
            [sys.executable, "-c", ASK_TORCH], capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        return f"unknown, because torch did not start within {PATIENCE} s.", None
    if answer.returncode != 0:
        reason = (answer.stderr.strip().splitlines() or ["nothing"])[-1]
        return "unknown, because torch does not start.", reason
    kind, name = answer.stdout.splitlines()
    if kind == "cpu":
        return "CPU. torch finds no accelerator; the course does not need one.", None
    words = {"cuda": "CUDA, a graphics card", "mps": "MPS, the graphics unit of an Apple chip"}
    return f"{words.get(kind, kind)}{f' ({name})' if name else ''}.", None
