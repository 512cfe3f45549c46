"""Where there is no Chromium the browser tests are skipped with a word, or fail if required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("variables", "outcome"),
    [
        ({}, "1 skipped"),
        ({"POLYLAB_BROWSER": "required"}, "1 error"),
        ({"CI": "true"}, "1 error"),
    ],
)
def test_missing_browser_is_never_passed_over_in_silence(tmp_path, variables, outcome):
    kept = {name: value for name, value in os.environ.items()
            if name not in ("CI", "POLYLAB_BROWSER") and not name.startswith("PYTEST")}
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider",
         "test_widgets.py::test_nothing_is_cut_off"],
        cwd=HERE, capture_output=True, text=True,
        env={**kept, **variables, "PATH": str(tmp_path), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )
    assert "there is no program `chromium`, so no page can be opened" in answer.stdout
    assert f"== {outcome} in" in answer.stdout
    assert (answer.returncode == 0) == (outcome == "1 skipped")
