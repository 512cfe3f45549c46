"""Run the tests, on any system, with the options that they need.

    python tools/test.py                     every test and every notebook
    python tools/test.py --quick             what is read and computed only: no notebook, no browser
    python tools/test.py tests/test_data.py  one file; what follows is handed on to pytest

Three workers keep two cores busy, for one of them often waits for a browser or a kernel. What
takes longest, the browser tests, comes first. Each worker computes with one thread, unless
OMP_NUM_THREADS says otherwise: with more, the threads wait for each other and the run takes
several times as long.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EVERYTHING = ("--nbval", "--nbval-current-env", "--nbval-cell-timeout", "120",
              "-n", "3", "--dist", "loadscope", "--no-loadscope-reorder", "-ra")
QUICK = ("-n", "2", "-q", *(f"tests/{name}.py" for name in (
    "checks/test_check_gradient", "checks/test_check_tensor", "notebooks/test_guard", "test_data",
    "test_gradients", "test_house", "test_plots", "test_polynomial", "test_start")))


def main(options):
    """Run ruff, then pytest; return the first exit status that is not 0."""
    run = [sys.executable, "-m"]
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # some hundred processes read the same files
    chosen = QUICK if "--quick" in options else EVERYTHING
    handed_on = [option for option in options if option != "--quick"]
    for command in (["ruff", "check", "."], ["pytest", *chosen, *handed_on]):
        status = subprocess.call([*run, *command], cwd=ROOT, env=environment)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
