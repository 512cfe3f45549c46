"""HandFit, driven as an object; tests/browser drives it as a page."""

import ipywidgets
import numpy
import pytest
import traitlets

from polylab.lab import HandFit


def test_hand_fit_starts_at_the_zero_polynomial():
    fit = HandFit()
    assert fit.coefficients == (0, 0, 0, 0)
    assert fit.loss == pytest.approx(999.5)
    assert fit.floor == pytest.approx(8.81716541, abs=1e-8)
    assert not fit.reached
    assert repr(fit) == "HandFit(a=0, b=0, c=0, d=0, loss=999.5, goal=20)"


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_each_coefficient_moves_the_loss(name):
    fit = HandFit()
    setattr(fit, name, 0.4)
    x = numpy.linspace(-numpy.pi, numpy.pi, 2000)
    oracle = ((0.4 * x ** "abcd".index(name) - numpy.sin(x)) ** 2).sum()
    assert fit.loss == pytest.approx(oracle)
    assert f"loss={oracle:.4g}" in repr(fit)
    assert f"Loss {oracle:.5g}" in fit.reading()
    assert f"<b>{name} = 0.4</b>" in fit.reading()


def test_goal_is_reached_by_hand():
    fit = HandFit(goal=20, start=(0, 0.86, 0, 0))
    assert not fit.reached
    fit.d = -0.0933
    assert fit.d == -0.0933
    assert fit.reached


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"goal": 8.8}, r"goal must lie above the floor 8\.8172, got 8\.8"),
        ({"goal": float("nan")}, "goal must lie above the floor"),
        ({"goal": float("inf")}, "goal must lie above the floor 8.8172, got inf"),
        ({"start": (1, 2, 3)}, "start must hold four numbers .* got 3"),
    ],
)
def test_hand_fit_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        HandFit(**arguments)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("d", 5, "d must lie between −0.5 and 0.5, got 5"),
        ("a", float("nan"), "a must lie between −2 and 2, got nan"),
        ("c", -1.0001, "c must lie between −1 and 1, got -1.0001"),
        ("b", "0.1", "'b' trait .* expected a float, not the str '0.1'"),
        ("goal", 30.0, "read-only"),
    ],
)
def test_value_that_no_slider_can_show_is_refused_and_changes_nothing(name, value, message):
    fit = HandFit(start=(0.1, 0.2, 0.3, 0.4))
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(fit, name, value)
    assert fit.coefficients == (0.1, 0.2, 0.3, 0.4)
    with pytest.raises(traitlets.TraitError, match="d must lie between"):
        HandFit(start=(0, 0, 0, 5))


def test_hand_fit_is_an_ordinary_widget():
    fit, heard = HandFit(), []
    fit.observe(lambda change: heard.append(change.new), ["a", "d"])
    slider = ipywidgets.FloatSlider(min=-2, max=2)
    ipywidgets.link((slider, "value"), (fit, "a"))
    slider.value = 0.5
    assert fit.a == 0.5
    fit.a = -0.25
    assert slider.value == -0.25
    fit.d = 0.125
    assert heard == [0.5, -0.25, 0.125]
    assert ipywidgets.jslink((fit, "a"), (slider, "value")).source[0] is fit
    assert ipywidgets.VBox([fit, slider]).children == (fit, slider)
