"""``python -m polylab start``: the notebooks come out of the package, and nobody's work is lost."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from polylab.start import copy_notebooks

ROOT = Path(__file__).parent.parent
NAMES = sorted(path.name for path in (ROOT / "notebooks").glob("[!.]*.ipynb"))


def polylab(*arguments, **settings):
    return subprocess.run([sys.executable, "-m", "polylab", *arguments], capture_output=True,
                          text=True, encoding="utf-8", **settings)


def test_every_notebook_is_copied_as_it_is(tmp_path):
    copied, kept = copy_notebooks(tmp_path / "my course" / "과정")
    assert [path.name for path in copied] == NAMES
    assert not kept
    for path in copied:
        assert path.read_bytes() == (ROOT / "notebooks" / path.name).read_bytes()


def test_the_work_of_a_learner_stays(tmp_path):
    mine = tmp_path / NAMES[3]
    mine.write_text("my answers", encoding="utf-8")
    answer = polylab("start", str(tmp_path), "--only-copy")
    assert answer.returncode == 0, answer.stderr
    assert mine.read_text(encoding="utf-8") == "my answers"
    assert f"{len(NAMES) - 1} notebooks are new" in answer.stdout
    assert "1 were there already and stayed as they were" in answer.stdout
    assert "-m jupyterlab" in answer.stdout


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "course").write_text("", encoding="utf-8")
    answer = polylab("start", str(tmp_path / "course"), "--only-copy")
    assert answer.returncode == 1
    assert "is a file" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("letters", ["cp1252", "ascii"])
def test_no_terminal_is_too_simple_to_print(letters, tmp_path):
    (tmp_path / "torch.py").write_text(  # quicker than a real one
        "class accelerator: is_available = staticmethod(lambda: False)\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": letters, "LC_ALL": "C", "PYTHONUTF8": "0",
                   "PYTHONPATH": str(tmp_path)}
    for arguments in ([], ["start", str(tmp_path / "과정"), "--only-copy"]):
        answer = polylab(*arguments, env=environment)
        assert answer.returncode == 0, answer.stderr
        assert answer.stderr == ""


def test_the_wheel_holds_every_package_and_the_notebooks():
    setup = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    packages = {".".join(path.parent.relative_to(ROOT).parts)
                for path in (ROOT / "polylab").rglob("__init__.py")}
    assert set(setup["setuptools"]["packages"]) == packages | {"polylab.notebooks"}
