import pytest

from benchmarks.comparison import compare
from benchmarks.descent import comparisons


def test_both_sides_of_every_comparison_compute_the_same():
    rows = list(comparisons(steps=40, many=3, some=2, repeats=1))
    assert len(rows) == 10
    for row in rows:
        assert row.difference is None or row.difference < 1e-12
        assert row.ratio == row.usual_seconds / row.our_seconds > 0
    assert sum(row.difference is None for row in rows) == 2


def test_a_difference_is_relative_and_the_largest():
    row = compare("", ("", lambda: 2.0), ("", lambda: 3.0), repeats=1)
    assert row.difference == pytest.approx(0.5)
