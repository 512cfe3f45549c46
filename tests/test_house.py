"""The structure of the package: imports point one way, and NumPy notebooks stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "polylab"
# From the ground up. A module may import only what stands before it; a folder is one floor.
FLOORS = (
    "__init__", "arrays", "data", "polynomial", "gradients", "batches", "descent", "curvature",
    "plots", "tasks", "checks", "lab", "environment", "start", "__main__",
)
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path):
    """Return the modules that a file imports, with whether each stands inside a function."""
    found = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {id(node) for function in ast.walk(tree)
              if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
              for node in ast.walk(function)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in inside) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are written in full"
            found.append((node.module, id(node) in inside))
    return found


def test_every_module_has_a_floor():
    assert {name_of(path) for path in MODULES} == set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_one_way(path):
    floor = FLOORS.index(name_of(path))
    for module, _ in imports_of(path):
        if module.startswith("polylab."):
            below = FLOORS.index(module.split(".")[1])
            assert below < floor or (below == floor and path.parent != PACKAGE), (
                f"{name_of(path)} must not import {module}"
            )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_lab_imports_widgets_and_nothing_imports_torch_at_the_top(path):
    for module, in_function in imports_of(path):
        library = module.split(".")[0]
        assert library not in ("ipywidgets", "anywidget") or name_of(path) == "lab"
        assert library != "torch" or in_function


def test_package_itself_imports_nothing():
    assert imports_of(PACKAGE / "__init__.py") == []


def test_what_the_numpy_notebooks_use_does_not_load_torch():
    modules = [f"polylab.{name}" for name in FLOORS if not name.startswith("__")]
    program = (f"import {', '.join(modules)}, sys; "
               "from polylab.data import sine_samples; sine_samples(); "
               "print('torch' in sys.modules)")
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                         check=True)
    assert run.stdout.split() == ["False"]
