"""Prove both ends of the ranges in pyproject.toml: run every test with the lowest and the newest.

    python tools/versions.py lowest          each package of ours at its lower bound
    python tools/versions.py newest          each at the newest that its range allows
    python tools/versions.py lowest newest   one after the other

Each makes an environment in build/versions/ and then takes as long as `make test`. uv reads the
ranges and finds the versions; there is no second list. One exception: most builds of PyTorch fill
several gigabytes, so both sides take the proven one. To prove another, name it:

    python tools/versions.py lowest --torch 2.6.0

A lowest version may have no build for a new Python: prove the lowest with the oldest Python.
"""

import argparse
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "versions"
RESOLUTION = {"lowest": "lowest-direct", "newest": "highest"}
# These compare what is installed with constraints.txt, which speaks of the proven versions only.
OF_THE_PROVEN = tuple(f"tests/test_setup.py::TestLists::test_{name}" for name in (
    "everything_installed_here_is_pinned_to_what_runs",
    "nothing_is_pinned_in_vain",
    "other_systems_and_pythons_need_nothing_unpinned",
    "binder_gets_the_notebook_that_goes_with_our_jupyterlab",
))


def proven_torch():
    """Return the version of PyTorch that constraints.txt names."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    return re.search(r"^torch==(\S+)$", text, re.MULTILINE)[1]


def beside_pyproject(torch):
    """Return what uv is to find besides what pyproject.toml lists for a contributor.

    Parameters
    ----------
    torch : str
        The version of PyTorch to take.

    Returns
    -------
    str
        One requirement a line: this PyTorch, and what the package is built with.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return "\n".join([f"torch=={torch}", *project["build-system"]["requires"]])


def without_cuda(resolved):
    """Return a resolved list without the CUDA libraries, which only some builds of PyTorch need.

    Such a build names them itself, so pip brings them along.
    """
    return re.sub(r"^(nvidia-|cuda-|triton==).*\n", "", resolved, flags=re.MULTILINE)


def prove(side, torch, options):
    """Make the environment of one side and run the suite in it; return the exit status."""
    folder = BUILD / side
    tools, here = BUILD / "tools", folder / ("Scripts" if os.name == "nt" else "bin")
    for environment in (tools, folder):
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
    pip(tools, "uv")
    resolved = subprocess.run(
        [tools / here.name / "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate",
         "--resolution", RESOLUTION[side], "--python", here / "python", "--extra", "test",
         "pyproject.toml", "-"],
        cwd=ROOT, input=beside_pyproject(torch), check=True, stdout=subprocess.PIPE, text=True,
        encoding="utf-8").stdout
    chosen = BUILD / f"{side}.txt"
    chosen.write_text(without_cuda(resolved), encoding="utf-8")
    pip(folder, "--requirement", str(chosen))
    pip(folder, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    print(f"{side}: every test with the versions of {chosen.relative_to(ROOT)}", flush=True)
    return subprocess.run([here / "python", "tools/test.py", *options,
                           *(f"--deselect={test}" for test in OF_THE_PROVEN)], cwd=ROOT).returncode


def pip(environment, *arguments):
    """Install something into an environment."""
    python = environment / ("Scripts/python" if os.name == "nt" else "bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                    *arguments], check=True)


def main(arguments=None):
    """Prove the sides that are named; return the worst exit status."""
    parser = argparse.ArgumentParser(description="Run every test at the ends of our ranges.")
    parser.add_argument("sides", nargs="+", choices=RESOLUTION)
    parser.add_argument("--torch", default=proven_torch(), help="default: %(default)s")
    parser.add_argument("--options", default="", help="handed on to pytest")
    choice = parser.parse_args(arguments)
    return max(prove(side, choice.torch, choice.options.split()) for side in choice.sides)


if __name__ == "__main__":
    sys.exit(main())
