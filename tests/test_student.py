"""The copies for a class: learners get no answers, and nbgrader grades the same notebooks."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ASSIGNMENT = "03_descend_with_numpy"


def read(path):
    return nbformat.read(path, as_version=4)


def tags(cell):
    return set(cell.metadata.get("tags", []))


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    spec = importlib.util.spec_from_file_location("student", ROOT / "tools" / "student.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_copies(tmp_path_factory.mktemp("build"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_learners_get_every_cell_but_the_answers(copies, path):
    student, teacher = (read(folder / "notebooks" / path.name) for folder in copies)
    original = read(path)
    assert teacher == original
    assert student.cells == [cell for cell in original.cells
                             if not tags(cell) & {"answers", "solution"}]
    assert len(student.cells) < len(original.cells)
    text = nbformat.writes(student)
    assert "solution_" not in text
    assert '"## Answers' not in text


def test_learners_can_set_up_from_their_copy(copies):
    student, _ = copies
    make = subprocess.run(["make", "--dry-run", "lab"], cwd=student, capture_output=True,
                          text=True, check=True)
    for name in re.findall(r"tools/\S+", make.stdout):
        assert (student / name).is_file()
    assert not list(student.rglob("__pycache__"))
    assert sorted(path.name for path in (student / "notebooks").iterdir()) == [
        path.name for path in NOTEBOOKS
    ]
    assert not (student / "tests").exists()


def nbgrader(course, *arguments, code=0):
    """Run one nbgrader command in a course folder; fail with what it printed."""
    run = subprocess.run([sys.executable, "-m", "nbgrader", *arguments], cwd=course,
                         capture_output=True, text=True)
    assert run.returncode == code, run.stderr
    return run


def hand_in(course, learner, release, answers, lesson=False):
    """Write a learner's notebook: the released one with answers in its exercise cells.

    Without the lesson it keeps, beside the exercises and their checks, the imports alone.
    """
    notebook = read(release)
    if not lesson:
        imports = next(cell for cell in notebook.cells if cell.cell_type == "code")
        notebook.cells = [imports, *(cell for cell in notebook.cells
                                     if tags(cell) & {"exercise", "check"})]
    exercises = [cell for cell in notebook.cells if "exercise" in tags(cell)]
    assert len(exercises) == len(answers)
    for cell, answer in zip(exercises, answers, strict=True):
        cell.source = answer
    path = course / "submitted" / learner / "polylab" / release.name
    path.parent.mkdir(parents=True)
    nbformat.write(notebook, path)
    return path


def copy_first_check(path):
    """Copy a check cell as learners do, with its grade id."""
    notebook = read(path)
    place = next(i for i, cell in enumerate(notebook.cells) if "check" in tags(cell))
    notebook.cells.insert(place, nbformat.from_dict({**notebook.cells[place], "id": "copy"}))
    nbformat.write(notebook, path)


def damage_submissions(course, release, right):
    """Hand in right answers in the ways in which they arrive damaged."""
    for learner in ("김하늘", "deleted", "exit"):
        path = hand_in(course, learner, release, right)
        notebook = read(path)
        if learner == "김하늘":
            for cell in notebook.cells:
                cell.metadata.clear()
        elif learner == "deleted":
            del notebook.cells[next(i for i, cell in enumerate(notebook.cells)
                                    if "check" in tags(cell))]
            notebook.cells.insert(1, nbformat.v4.new_code_cell("while True: pass"))
        else:
            notebook.cells.append(nbformat.v4.new_code_cell("import os; os._exit(0)"))
        nbformat.write(notebook, path)
        if learner == "김하늘":
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
            path.rename(path.with_name(f"{ASSIGNMENT} (1).ipynb"))


def right_answers():
    """Return the course's own answers, under the names that the exercises ask for."""
    cells = [cell for cell in read(ROOT / "notebooks" / f"{ASSIGNMENT}.ipynb").cells
             if "solution" in tags(cell) and cell.cell_type == "code"]
    bodies = [re.sub(r"(?m)^check_.*\n?", "", cell.source) for cell in cells]
    return [body.replace("solution_", "") for body in bodies]


# nbgrader gives no mark to a check cell under which a word on stderr stands.
TALK = """
import logging, os, sys, warnings
logging.basicConfig()

def talk():
    logging.warning("noise")
    warnings.warn("noise")
    os.write(2, b"noise as from C code")
    print("noise", file=sys.__stderr__)

"""
TRICKS = """
import os
import polylab.checks.engine.common, polylab.checks.engine.grading
os.environ.pop("NBGRADER_EXECUTION", None)
check_gradient = check_training = check_tensor = lambda *inputs, **named: None
polylab.checks.engine.grading.is_graded = lambda: False
polylab.checks.engine.common.hand_back = lambda verdict: verdict
"""


def test_nbgrader_gives_full_marks_to_right_answers_and_none_to_wrong_ones(
    copies, tmp_path, monkeypatch
):
    # nbgrader calls the program alembic by its bare name.
    scripts = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.environ['PATH']}")
    student, _ = copies
    source = tmp_path / "source" / "polylab" / f"{ASSIGNMENT}.ipynb"
    source.parent.mkdir(parents=True)
    source.write_bytes((student / "notebooks" / source.name).read_bytes())
    (tmp_path / "nbgrader_config.py").write_text(
        (ROOT / "tools" / "nbgrader_config.py").read_text(encoding="utf-8")
        + "c.ExecutePreprocessor.timeout_func = (\n"
        "    lambda cell: 2 if 'while True' in cell.source else 120)\n"
        "c.CourseDirectory.course_id = 'polylab'\n"
        f"c.CourseDirectory.root = {str(tmp_path)!r}\n", encoding="utf-8")

    nbgrader(tmp_path, "generate_assignment", "polylab")
    release = tmp_path / "release" / "polylab" / source.name
    right = right_answers()
    wrong = [answer.replace("slope = 2 *", "slope = -2 *").replace("2e-6", "5e-7")
             for answer in right]
    assert all(a != b for a, b in zip(right[::2], wrong[::2], strict=True))
    hand_in(tmp_path, "right", release, [TALK + right[0].replace(
        "    a, b, c, d", "    talk()\n    a, b, c, d", 1), *right[1:]], lesson=True)
    copy_first_check(hand_in(tmp_path, "wrong", release, wrong))
    blank = [cell.source for cell in read(release).cells if "exercise" in tags(cell)]
    hand_in(tmp_path, "tricks", release, [TRICKS + blank[0], *blank[1:]])
    damage_submissions(tmp_path, release, right)
    run = nbgrader(tmp_path, "autograde", "polylab", code=1)
    named = re.findall(r"for student '(.*)'", run.stderr)
    assert named == ["exit"]
    for words in ("Kernel died while waiting for execute reply",
                  "Timeout waiting for execute reply",
                  "deleted: check cell 'check-1' is given back"):
        assert words in run.stderr
    assert "Cell with id 'check-1' exists multiple times!" in run.stderr
    assert "partial credit" not in run.stderr

    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        marks = {learner: gradebook.find_submission("polylab", learner)
                 for learner in ("right", "wrong", "tricks", "김하늘", "deleted")}
        scores = {learner: (mark.score, mark.max_score) for learner, mark in marks.items()}
    assert scores == {"right": (3, 3), "wrong": (0, 3), "tricks": (0, 3),
                      "김하늘": (3, 3), "deleted": (3, 3)}
