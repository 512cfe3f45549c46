"""What strict nbval notices and what it leaves to the guard.

One small notebook holds a cell for each way to damage a stored notebook. nbval runs it once
and judges each cell; the guard judges the cells that nbval lets pass.
"""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import guard
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output, writes

PICTURE = "from IPython.display import Image\nImage(data=b'new', format='png')"


def printed(text):
    return new_output("stream", name="stdout", text=text)


def error(value):
    return new_output("error", ename="ValueError", evalue=value, traceback=["told otherwise"])


def picture():
    data = {"image/png": "b2xk", "text/plain": "<IPython.core.display.Image object>"}
    return new_output("execute_result", data=data)


RAISE = "raise ValueError('too long')"
RAISES = {"tags": ["raises-exception"]}

# What was done to the cell, its source, its stored outputs and metadata, whether nbval lets it
# pass, and the rule of the guard that does not.
CELLS = [
    ("left as it was", "print('8.8172')", [printed("8.8172\n")], {}, "passed", None),
    ("output edited", "print('8.8172')", [printed("8.8173\n")], {}, "failed", None),
    ("constant changed", "RATE = 2e-6", [], {}, "passed", None),
    ("output of the old constant", "print(RATE)", [printed("1e-06\n")], {}, "failed", None),
    ("output removed", "print('8.8172')", [], {}, "failed", None),
    ("stripped", "print('8.8172')", [], {}, "passed", "counts_run_from_one"),
    ("semicolon added", "8.8172;", [], {}, "failed", "no_trailing_semicolon"),
    ("picture replaced", PICTURE, [picture()], {}, "passed", "figures_have_a_promise"),
    ("error as announced", RAISE, [error("too long")], RAISES, "passed", None),
    ("error message edited", RAISE, [error("too short")], RAISES, "failed", None),
    ("nbval skipped", "# NBVAL_SKIP\nprint(1)", [printed("2\n")], {}, "skipped", "tags_are_known"),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    cells = [
        new_code_cell(source, outputs=outputs, metadata=metadata, execution_count=count)
        for count, (_, source, outputs, metadata, _, _) in enumerate(CELLS, start=1)
    ]
    for cell, row in zip(cells, CELLS, strict=True):
        if row[0] == "stripped":
            cell.execution_count = None
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
    path = tmp_path_factory.mktemp("nbval") / "damaged.ipynb"
    path.write_text(writes(new_notebook(cells=cells)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def outcomes(path):
    report = path.with_suffix(".xml")
    flags = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout", "60"]
    command = [sys.executable, "-m", "pytest", *flags, f"--junitxml={report}", path.name]
    run = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    names = {"failure": "failed", "skipped": "skipped", "error": "error"}
    cases = ElementTree.parse(report).iter("testcase")
    return [names[case[0].tag] if len(case) else "passed" for case in cases]


@pytest.mark.parametrize("number", range(len(CELLS)), ids=[row[0] for row in CELLS])
def test_nbval_judges_cell(number, outcomes):
    assert outcomes[number] == CELLS[number][4]


@pytest.mark.parametrize(
    ("number", "rule"), [(number, row[5]) for number, row in enumerate(CELLS) if row[5]]
)
def test_guard_judges_what_nbval_does_not_see(number, rule, path):
    findings = getattr(guard, rule)(guard.read(path))
    assert any(finding.startswith(f"{guard.at(number)} ") for finding in findings)
