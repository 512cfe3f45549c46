"""The notebooks as a whole: memory of their kernels, and the price of testing them."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
from jupyter_client.manager import start_new_kernel

from benchmarks.comparison import Comparison

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
WITHOUT_TORCH, WITH_TORCH = "03_descend_with_numpy", "05_let_autograd_find_the_gradient"

# Runs the code cells of the notebooks named, one after another, in one process: no kernel, no
# messages, no comparison. An error is expected only where a cell is tagged for it.
SCRIPT = """
import os, sys
import matplotlib, nbformat
from IPython.core.interactiveshell import InteractiveShell
matplotlib.use("agg")
os.chdir(sys.argv[1])
for name in sys.argv[2:]:
    shell = InteractiveShell()
    for cell in nbformat.read(name, as_version=4).cells:
        if cell.cell_type == "code":
            done = shell.run_cell(cell.source)
            expected = "raises-exception" in cell.metadata.get("tags", [])
            if not done.success and not expected:
                sys.exit(f"{name}: {cell.source}")
"""


def comparisons(names=None, repeats=3):
    """Yield the comparisons of this group.

    Parameters
    ----------
    names : sequence of str, optional
        File names of the notebooks to test; all if left out.
    repeats : int
        How many timings the median is taken of.
    """
    usual, ours = (kernel_memory(name) for name in (WITH_TORCH, WITHOUT_TORCH))
    for pages, kind in (("all", "rss"), ("private", "uss")):
        yield Comparison(f"memory of a kernel after the whole notebook, {pages} pages",
                         "notebook 05, with torch", "notebook 03, NumPy",
                         getattr(usual, kind) / 1e6, getattr(ours, kind) / 1e6, unit="MB")
    names = names or [path.name for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
    plain = [sys.executable, "-c", SCRIPT, str(NOTEBOOKS), *names]
    strict = [sys.executable, "-m", "pytest", "-q", "--nbval", "--nbval-current-env",
              "--nbval-cell-timeout", "120", *names]
    times = [[_milliseconds(command) for command in (strict, plain)] for _ in range(repeats)]
    tested, ran = map(statistics.median, zip(*times, strict=True))
    yield Comparison(f"{len(names)} notebooks, one process",
                     "tested by strict nbval", "run as plain scripts", tested, ran)


def kernel_memory(name):
    """Return the memory of a notebook's kernel after its last cell.

    Parameters
    ----------
    name : str
        The notebook, without its ending.

    Returns
    -------
    named tuple
        As psutil gives it, in bytes: ``rss`` counts all pages, ``uss`` those of no other process.
    """
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    manager, client = start_new_kernel(kernel_name="python3", cwd=str(NOTEBOOKS))
    try:
        for cell in notebook.cells:
            if cell.cell_type == "code":
                client.execute_interactive(cell.source, stop_on_error=False,
                                           output_hook=lambda message: None, timeout=120)
        return psutil.Process(manager.provisioner.process.pid).memory_full_info()
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _milliseconds(command):
    began = time.perf_counter()
    subprocess.run(command, cwd=NOTEBOOKS, check=True, capture_output=True)
    return 1e3 * (time.perf_counter() - began)
