"""HandFit, driven as an object; tests/browser drives it as a page."""

import io

import numpy
import pytest
from PIL import Image

from polylab.lab import HandFit


def pixels(widget):
    return numpy.asarray(Image.open(io.BytesIO(widget.picture.value)).convert("RGB"))


def test_hand_fit_starts_at_the_zero_polynomial():
    fit = HandFit()
    assert fit.coefficients == (0, 0, 0, 0)
    assert fit.loss == pytest.approx(999.5)
    assert fit.floor == pytest.approx(8.81716541, abs=1e-8)
    assert not fit.reached
    assert repr(fit) == "HandFit(a=0, b=0, c=0, d=0, loss=999.5, goal=20)"


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_each_slider_moves_the_loss_the_words_and_the_picture(name):
    fit = HandFit()
    before, words = pixels(fit), fit.words.value
    getattr(fit, name).value = 0.4
    x = numpy.linspace(-numpy.pi, numpy.pi, 2000)
    oracle = ((0.4 * x ** "abcd".index(name) - numpy.sin(x)) ** 2).sum()
    assert fit.loss == pytest.approx(oracle)
    assert f"{oracle:.5g}" in fit.words.value
    assert fit.words.value != words
    assert (pixels(fit) != before).any()


def test_goal_is_reached_by_hand_and_the_sentence_says_what_is_left():
    fit = HandFit(goal=20, start=(0, 0.86, 0, 0))
    assert not fit.reached
    assert "keep turning" in fit.words.value
    fit.d.value = -0.09
    assert fit.reached
    assert "is reached: 3.97 is left to gain" in fit.words.value


def test_reset_button_goes_back_to_the_start_and_its_picture():
    fit = HandFit(start=(0.5, 0, 0, 0))
    before = pixels(fit)
    fit.b.value = 1.0
    fit.reset.click()
    assert fit.coefficients == (0.5, 0, 0, 0)
    assert (pixels(fit) == before).all()


def test_picture_depends_on_the_state_alone_not_on_the_way_to_it():
    straight, detour = HandFit(start=(0.1, 0.2, 0.3, 0.1)), HandFit()
    for value in (2.0, -2.0, 0.1):
        detour.a.value = value
    detour.b.value, detour.c.value, detour.d.value = 0.2, 0.3, 0.1
    assert (pixels(straight) == pixels(detour)).all()


def test_curve_that_leaves_the_axes_changes_no_pixel_outside_them():
    fit = HandFit(start=(2, 2, 1, 0.5))
    changed = (pixels(fit) != pixels(HandFit())).any(axis=2)
    assert changed.any()
    assert not changed[0].any()
    assert not changed[-20:].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"goal": 8.8}, r"goal must lie above the floor 8\.8172, got 8\.8"),
        ({"goal": float("nan")}, "goal must lie above the floor"),
        ({"start": (1, 2, 3)}, "start must hold four numbers .* got 3"),
        ({"start": (0, 0, 0, 5)}, "d must lie between −0.5 and 0.5, got 5"),
        ({"start": (float("nan"), 0, 0, 0)}, "a must lie between −2.0 and 2.0, got nan"),
    ],
)
def test_hand_fit_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        HandFit(**arguments)
