"""The environment check: right about what is there, polite about what is not."""

import ast
import importlib.metadata
import os
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from polylab import environment
from polylab.environment import NEEDED, OLDEST_PYTHON, OPTIONAL, Package, report

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(autouse=True)
def figures_are_shown(monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)


@pytest.fixture
def pretend(monkeypatch):
    """Pretend other versions: pretend(torch=None) takes torch away."""

    def use(**versions):
        real = importlib.metadata.version

        def version(name):
            answer = versions.get(name.replace("-", "_"), real)
            if answer is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return answer if isinstance(answer, str) else real(name)

        monkeypatch.setattr(importlib.metadata, "version", version)

    return use


def torch_that_says(folder, program):
    """Write a module named torch; the Python that the check starts finds it first."""
    (folder / "torch.py").write_text(program, encoding="utf-8")


def test_lists_agree_with_pyproject():
    needed = [Requirement(text) for text in PROJECT["dependencies"]]
    extras = PROJECT["optional-dependencies"]
    optional = [Requirement(text) for text in extras["class"]]
    for entries, requirements in ((NEEDED, needed), (OPTIONAL, optional)):
        assert {name: SpecifierSet(wanted) for name, wanted, _ in entries} == {
            requirement.name: requirement.specifier for requirement in requirements
        }
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, OLDEST_PYTHON))


def test_all_is_well_where_the_tests_run():
    found = report()
    assert found.ok
    assert all(package.state == "ok" for package in found.needed + found.optional)
    assert found.summary.endswith("Everything that the course needs is here.")
    assert found.device is None


@pytest.mark.parametrize("backend", ["Agg", "svg"])
def test_backend_that_shows_no_figure_is_named(monkeypatch, backend):
    monkeypatch.setenv("MPLBACKEND", backend)
    found = report()
    assert found.ok
    assert f"you will see no figure.\nThe variable MPLBACKEND is {backend}," in found.summary
    assert "unset MPLBACKEND" in found.summary


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "TkAgg"])
def test_backend_that_shows_figures_is_no_news(monkeypatch, backend):
    monkeypatch.setenv("MPLBACKEND", backend)
    assert report().summary.endswith("Everything that the course needs is here.")


def test_missing_package_and_hidden_figures_are_both_told(monkeypatch, pretend):
    monkeypatch.setenv("MPLBACKEND", "agg")
    pretend(torch=None)
    assert "MPLBACKEND is agg" in report().summary
    assert "Missing: torch." in report().summary


def test_summary_names_nothing_that_differs_between_machines():
    found = report()
    assert repr(found) == found.summary
    assert sys.executable not in found.summary
    for package in found.needed:
        assert package.name in found.summary
        assert package.found not in found.summary
    assert found.python not in found.summary


def test_details_name_every_version():
    found = report()
    for package in found.needed + found.optional:
        assert f"ok ({package.found})" in found.details
    assert sys.executable in found.details
    assert found.python in found.details


@pytest.mark.parametrize("missing", [name for name, *_ in NEEDED])
def test_what_is_missing_is_named_with_the_way_to_get_it(pretend, missing):
    pretend(**{missing.replace("-", "_"): None})
    found = report()
    assert not found.ok
    assert f"Missing: {missing}." in found.summary
    assert "make lab" in found.summary
    assert "pip install -c constraints.txt -e ." in found.summary
    assert "Everything" not in found.summary


@pytest.mark.parametrize("name", [name for name, *_ in OPTIONAL])
def test_optional_packages_are_not_missed(pretend, name):
    pretend(**{name.replace("-", "_"): None})
    found = report()
    assert found.ok
    assert "not installed" in found.details
    assert name not in found.summary


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (None, "missing"),
        ("2.5.1", "too old"),
        ("2.6", "ok"),
        ("2.6.0+cu124", "ok"),
        ("2.10.0", "ok"),
        ("2.99.0rc1", "ok"),
        ("3", "too new"),
    ],
)
def test_state_of_a_package(found, state):
    assert Package("torch", ">=2.6,<3", "tensors", found).state == state


@pytest.mark.parametrize("found", ["0.9", "1.9", "2", "2.0.1", "2.6", "2.13.0", "3", "5"])
@pytest.mark.parametrize("name", [name for name, *_ in NEEDED])
def test_state_agrees_with_packaging(name, found):
    wanted = next(wanted for other, wanted, _ in NEEDED if other == name)
    package = Package(name, wanted, "", found)
    assert (package.state == "ok") == SpecifierSet(wanted).contains(found)


def test_wrong_versions_are_named_with_the_right_ones(pretend):
    pretend(torch="2.5.1", numpy="3.0.0")
    summary = report().summary
    assert "too old, >=2.6,<3 is needed" in summary
    assert "too new, >=2.0,<3 is needed" in summary
    assert "Too old: torch." in summary
    assert "Too new: numpy." in summary


def test_old_python_is_named(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13, "final", 0))
    found = report()
    assert not found.ok
    assert "too old, 3.11 is needed" in found.summary
    assert "install 3.11 or newer" in found.summary


def test_widgets_need_a_notebook_and_ipywidgets(pretend, monkeypatch):
    assert "a terminal cannot show them" in report().widgets
    monkeypatch.setattr(environment, "_in_a_notebook", lambda: True)
    assert report().widgets == environment.READY
    pretend(ipywidgets=None)
    assert report().widgets == "cannot be shown, because ipywidgets is missing."


@pytest.mark.parametrize(
    ("accelerator", "start", "end"),
    [
        ("None", "CPU", "does not need one."),
        ("'cuda'", "CUDA", "(Card 9000)."),
        ("'mps'", "MPS", "Apple chip."),
        ("'xpu'", "xpu", "xpu."),
    ],
)
def test_device_is_what_torch_says(tmp_path, monkeypatch, accelerator, start, end):
    torch_that_says(
        tmp_path,
        "from types import SimpleNamespace\n"
        "accelerator = SimpleNamespace(\n"
        f"    is_available=lambda: {accelerator} is not None,\n"
        f"    current_accelerator=lambda: SimpleNamespace(type={accelerator}),\n"
        ")\n"
        "cuda = SimpleNamespace(get_device_name=lambda: 'Card 9000')\n",
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    device = report(device=True).device
    assert device.startswith(start)
    assert device.endswith(end)


def test_broken_torch_is_reported_with_its_own_words(tmp_path, monkeypatch):
    torch_that_says(tmp_path, "raise OSError('c10.dll could not be loaded')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = report(device=True)
    assert not found.ok
    assert found.device == "unknown, because torch does not start."
    assert found.details.endswith("Everything is installed, but torch does not start. It says:\n"
                                  "    OSError: c10.dll could not be loaded")


def test_slow_torch_is_not_waited_for(tmp_path, monkeypatch):
    torch_that_says(tmp_path, "import time\ntime.sleep(60)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(environment, "PATIENCE", 0.5)
    assert "did not start" in report(device=True).device


def test_device_without_torch(pretend):
    pretend(torch=None)
    assert report(device=True).device == "unknown, because torch is missing."


def test_asking_for_the_device_does_not_load_torch_here():
    program = (
        "import sys; from polylab.environment import report; found = report(device=True); "
        "print(found.device is not None, 'torch' in sys.modules, 'ipywidgets' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == ["True", "False", "False"]


def test_a_notebook_shows_the_summary():
    cell = nbformat.v4.new_code_cell("from polylab.environment import report\nreport()")
    notebook = NotebookClient(nbformat.v4.new_notebook(cells=[cell]), kernel_name="python3")
    [output] = notebook.execute().cells[0].outputs
    text = output["data"]["text/plain"]
    assert text == report().summary.replace(report().widgets, environment.READY)


def test_terminal_prints_the_details(tmp_path, monkeypatch):
    # Quicker than a real one, which the test above asks.
    torch_that_says(tmp_path, "class accelerator: is_available = staticmethod(lambda: False)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    answer = subprocess.run(
        [sys.executable, "-m", "polylab"], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == report(device=True).details
    assert answer.stderr == ""


def test_where_all_is_as_usual_there_is_no_note(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert report().notes == ()
    assert "Note" not in report().details


def test_torch_of_another_python_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert "torch lies outside this Python's own folder" in report().summary


@pytest.mark.parametrize(
    ("quota", "cores"), [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 6), (None, 6)])
def test_cores_are_those_that_a_container_gives(monkeypatch, tmp_path, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    if quota is not None:
        (tmp_path / "cpu.max").write_text(f"{quota}\n", encoding="ascii")
    assert environment._cores(tmp_path / "cpu.max") == cores


def test_more_threads_than_cores_are_named(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(environment, "_cores", lambda: 2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert "gives you 2 of its 64 cores" in report().summary
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert "cores" not in report().summary


@pytest.mark.parametrize("name", ["__init__", "__main__", "environment", "start"])
def test_an_old_python_can_read_the_check(name):
    source = (ROOT / "polylab" / f"{name}.py").read_text(encoding="utf-8")
    assert ast.parse(source, feature_version=(3, 8))


def test_speaks_in_a_python_that_has_nothing_installed(tmp_path):
    venv.create(tmp_path / "bare", with_pip=False)
    folder = "Scripts" if os.name == "nt" else "bin"
    answer = subprocess.run(
        [tmp_path / "bare" / folder / "python", "-m", "polylab"],
        capture_output=True, text=True, cwd=ROOT,
    )
    assert answer.returncode == 1
    assert answer.stderr == ""
    assert f"Missing: {', '.join(name for name, *_ in NEEDED)}." in answer.stdout
    assert "make lab" in answer.stdout
