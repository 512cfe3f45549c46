import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from benchmarks import course
from benchmarks.comparison import compare
from benchmarks.descent import comparisons


def test_both_sides_of_every_comparison_compute_the_same():
    rows = list(comparisons(steps=40, many=3, some=2, repeats=1))
    assert len(rows) == 10
    for row in rows:
        assert row.difference is None or row.difference < 1e-12
        assert row.ratio == row.usual_cost / row.our_cost > 0
    assert sum(row.difference is None for row in rows) == 2


def test_a_difference_is_relative_and_the_largest():
    row = compare("", ("", lambda: 2.0), ("", lambda: 3.0), repeats=1)
    assert row.difference == pytest.approx(0.5)


def test_course_group_measures_memory_and_the_price_of_testing(tmp_path, monkeypatch):
    small, large = "held = None", "held = b'1' * 100_000_000"
    for name, source in {course.WITHOUT_TORCH: small, course.WITH_TORCH: large}.items():
        cell = new_code_cell(f"{source}\nprint(1)", execution_count=1,
                             outputs=[new_output("stream", text="1\n")])
        nbformat.write(new_notebook(cells=[cell]), tmp_path / f"{name}.ipynb")
    monkeypatch.setattr(course, "NOTEBOOKS", tmp_path)
    rows = list(course.comparisons(repeats=1))
    assert [row.unit for row in rows] == ["MB", "MB", "ms"]
    *memory, tested = rows
    for pages in memory:
        assert pages.our_cost > 20
        assert pages.usual_cost - pages.our_cost == pytest.approx(100, abs=10)
    assert memory[0].our_cost > memory[1].our_cost  # all pages, then private ones
    assert tested.work == "2 notebooks, one process"
    assert tested.ratio > 0


def test_plain_scripts_stop_at_an_error_that_no_tag_expects(tmp_path, monkeypatch):
    monkeypatch.setattr(course, "NOTEBOOKS", tmp_path)
    broken = new_code_cell("1 / 0")
    nbformat.write(new_notebook(cells=[broken]), tmp_path / "a.ipynb")
    plain = [sys.executable, "-c", course.SCRIPT, str(tmp_path), "a.ipynb"]
    assert subprocess.run(plain, capture_output=True).returncode == 1
    broken.metadata.tags = ["raises-exception"]
    nbformat.write(new_notebook(cells=[broken]), tmp_path / "a.ipynb")
    assert subprocess.run(plain, capture_output=True).returncode == 0
