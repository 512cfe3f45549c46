import numpy
import pytest
from numpy.testing import assert_array_equal

from polylab.batches import draw_batches, draw_normal, threefry


@pytest.mark.parametrize(("key", "counter", "words"), [
    # The known answers of the authors' own library, Random123, for threefry2x32 20.
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((2**32 - 1, 2**32 - 1), (2**32 - 1, 2**32 - 1), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
])
def test_threefry_gives_the_known_answers(key, counter, words):
    assert tuple(int(word) for word in threefry(key, counter)) == words


@pytest.mark.parametrize(("points", "batch"), [(10, 1), (10, 3), (10, 10), (7, 4)])
def test_shuffled_points_are_dealt_out_once_an_epoch(points, batch):
    dealt = points // batch
    batches = draw_batches(points, batch, 5 * dealt + 1)
    assert batches.shape == (5 * dealt + 1, batch)
    epochs = batches[: 5 * dealt].reshape(5, -1)
    for epoch in epochs:
        assert len(set(epoch)) == dealt * batch
        assert set(epoch) <= set(range(points))
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_points_drawn_with_replacement_repeat_and_all_come_equally_often():
    batches = draw_batches(20, 10, 4000, seed=3, replacement=True)
    assert {len(set(batch)) for batch in batches} > {6, 7, 8, 9}
    counts = numpy.bincount(batches.ravel(), minlength=20)
    assert abs(counts - 2000).max() < 5 * 2000**0.5


@pytest.mark.parametrize("replacement", [False, True])
def test_a_longer_run_begins_with_the_shorter_and_a_seed_changes_all(replacement):
    few, many = (draw_batches(50, 8, steps, 1, replacement) for steps in (7, 30))
    assert_array_equal(few, many[:7])
    assert (draw_batches(50, 8, 7, 2, replacement) != few).any()
    assert draw_batches(50, 8, 0, 1, replacement).shape == (0, 8)


def test_normal_numbers_have_mean_0_variance_1_and_the_right_tails():
    drawn = draw_normal(100_000, seed=4)
    assert abs(drawn.mean()) < 0.015
    assert abs(drawn.var() - 1) < 0.02
    assert abs((abs(drawn) < 1).mean() - 0.6827) < 0.008
    assert_array_equal(draw_normal(4, seed=4), drawn[:4])
    assert (draw_normal(4, seed=5) != drawn[:4]).all()


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ((10, 11, 1), ValueError, "batch must be at most 10, got 11"),
    ((10, 2.0, 1), TypeError, "batch must be an integer, got float 2.0"),
    ((10, 2, -1), ValueError, "steps must be at least 0, got -1"),
    ((10, 2, 1, -1), ValueError, "seed must be at least 0, got -1"),
    ((10, 2, 1, 0, None), TypeError, "replacement must be True or False, got None"),
])
def test_draws_that_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        draw_batches(*arguments)
