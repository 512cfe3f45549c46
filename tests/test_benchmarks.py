import pytest

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


def test_course_group_measures_memory_and_the_price_of_testing():
    rows = list(course.comparisons(names=["03_descend_with_numpy.ipynb"], repeats=1))
    assert [row.unit for row in rows] == ["MB", "MB", "ms"]
    all_pages, private_pages, tested = rows
    assert all_pages.our_cost > private_pages.our_cost > 20
    assert all_pages.ratio > 1.5
    assert tested.ratio > 0
