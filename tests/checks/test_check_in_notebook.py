"""The checkers in a real kernel: what the learner sees under the cell, and nothing else."""

import nbclient
import nbformat
import pytest

SETUP = """
import logging, os, subprocess, sys, warnings
import numpy
import matplotlib.pyplot as plt
from IPython.display import display
from polylab.checks import check_gradient

logging.basicConfig()  # its handler keeps the stream of the kernel

def right(coefficients, x, y):
    matrix = numpy.vander(x, 4, increasing=True)
    return 2 * matrix.T @ (matrix @ coefficients - y)
"""
CELLS = {
    "starter": """
def answer(coefficients, x, y):
    predicted = ...
    return predicted

check_gradient(answer)
""",
    "right": "check_gradient(right)",
    "raises": """
def answer(coefficients, x, y):
    nothing = 0
    return right(coefficients, x, y) / (1 / nothing)

check_gradient(answer)
""",
    "helper raises": """
def answer(coefficients, x, y):
    return helper(x)

def helper(x):
    return x + [1, 2]

check_gradient(answer)
""",
    "exits": """
def answer(coefficients, x, y):
    exit()
    return right(coefficients, x, y)

check_gradient(answer)
""",
    "asks": """
def answer(coefficients, x, y):
    return input()

check_gradient(answer)
""",
    "talks": """
def answer(coefficients, x, y):
    print("noise")
    display("noise")
    plt.plot(x, y)
    plt.show()
    return right(coefficients, x, y)

check_gradient(answer)
""",
    "talks past the checker": """
def answer(coefficients, x, y):
    logging.warning("noise")
    warnings.warn("noise")
    os.write(2, b"noise as from C code")
    os.write(1, b"noise as from C code")
    print("noise", file=sys.__stderr__)
    subprocess.run(["sh", "-c", "echo noise; echo noise >&2"])
    return right(coefficients, x, y)

check_gradient(answer)
""",
    "global": """
c = 3.0

def answer(coefficients, x, y):
    return c * right(coefficients, x, y)

check_gradient(answer)
""",
    "never returns": """
import polylab.checks.engine.guard
polylab.checks.engine.guard.TIME_LIMIT = 0.3

def answer(coefficients, x, y):
    while True:
        try:
            pass
        except:
            pass

check_gradient(answer)
""",
    "still alive": "check_gradient(right), c, plt.get_fignums()",
    "collected": "bool(check_gradient(right)), [check_gradient(right).passed]",
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Run all cells in one kernel; return the outputs of each by its name."""
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in (SETUP, *CELLS.values())]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute(
        cwd=str(tmp_path_factory.mktemp("run")))
    return dict(zip(CELLS, (cell.outputs for cell in notebook.cells[1:]), strict=True))


EXPECTED = {
    "starter": "Not attempted yet: line 2 of the cell still holds `...`.",
    "right": "Right: on 5 sets of points your gradient of the sum of squares agrees with finite "
             "differences.",
    "raises": "It raises ZeroDivisionError: division by zero, in line 3: `return "
              "right(coefficients, x, y) / (1 / nothing)`. Hint: print what that line uses, in "
              "a line above it.",
    "helper raises": "It starts to run. Two shapes do not fit together, in line 5: `return x + "
                     "[1, 2]`. Hint: print the shape of each array that meets there.",
    "exits": "It raises SystemExit: the code asked Python to stop, in line 2: `exit()`. Hint: a "
             "function ends with `return`; leave Python running.",
    "asks": "It raises EOFError: the code asked for input; there is nobody to answer, in line 2: "
            "`return input()`. Hint: a function gets its numbers as parameters; nobody is "
            "asked.",
    "talks": "Right: on 5 sets of points your gradient of the sum of squares agrees with finite "
             "differences.",
    "talks past the checker": "Right: on 5 sets of points your gradient of the sum of squares "
                              "agrees with finite differences.",
    "global": "It takes (coefficients, x, y). It uses the global variable `c` from outside, "
              "so it computes with whatever was left there. Hint: use only the parameters and "
              "names made inside; then restart and run all.",
    "never returns": "It starts to run. It has not come back after several seconds. Hint: look "
                     "for a loop whose condition never turns false, or one over the points where "
                     "an array would do.",
    "still alive": "(Right: on 5 sets of points your gradient of the sum of squares agrees with "
                   "finite differences.,\n 3.0,\n [])",
    "collected": "(True, [True])",
}


@pytest.mark.parametrize("name", CELLS)
def test_the_learner_sees_the_message_and_nothing_else(shown, name):
    (output,) = shown[name]
    assert output.output_type == "execute_result"
    assert output.data["text/plain"] == EXPECTED[name]
