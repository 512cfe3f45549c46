"""The learning-rate lab as an object; tests/browser drives it as a page."""

import json
import math
import re

import ipywidgets
import numpy
import pytest
import torch
import traitlets

from polylab.data import FIRST_GUESS, sine_samples
from polylab.descent import ENDS, schedule_factors
from polylab.lab import LearningRateLab
from polylab.lab.modules import STATIC
from polylab.lab.problems import TARGETS, facts, start_coefficients
from polylab.polynomial import BASES, features


@pytest.fixture
def lab():
    return LearningRateLab(predict_first=False)


def torch_losses(lab):
    """Return all losses of the lab's run by torch.optim on all points, one more than steps."""
    x = sine_samples()[0]
    powers = FIRST_GUESS if lab.start == "common" else (0, 0, 0, 0)
    matrix = features(x, 3, lab.basis)
    start = numpy.linalg.lstsq(matrix, features(x) @ numpy.array(powers), rcond=None)[0]
    matrix, y = torch.from_numpy(matrix), torch.from_numpy(TARGETS[lab.target](x))
    weights = torch.tensor(start, requires_grad=True)
    optimiser = {
        "sgd": lambda: torch.optim.SGD([weights]),
        "momentum": lambda: torch.optim.SGD([weights], momentum=lab.momentum),
        "rmsprop": lambda: torch.optim.RMSprop([weights]),
        "adam": lambda: torch.optim.Adam([weights]),
    }[lab.optimiser]()
    loss_of = torch.nn.MSELoss(reduction=lab.reduction)
    losses = []
    for factor in [*schedule_factors(lab.schedule, lab.steps, lab.warmup), None]:
        loss = loss_of(matrix @ weights, y)
        losses.append(loss.item())
        if factor is not None:
            optimiser.param_groups[0]["lr"] = lab.rate * factor
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return numpy.array(losses)


def test_lab_opens_at_the_course_s_own_run_and_keeps_its_secret():
    lab = LearningRateLab()
    assert lab.hidden
    assert repr(lab) == "LearningRateLab(sgd, rate 1e-6, powers, 2000 steps: to be predicted)"
    assert "Predict: does anything swing" in lab.reading()
    assert lab.trajectory.losses[-1] == pytest.approx(12.2744, abs=5e-5)
    for text in (repr(lab), lab.stand_in()):
        assert "short of it" not in text
        assert "12.27" not in text
    lab.predict_first = False
    assert repr(lab).endswith("2000 steps: nothing swings, short of it)")
    assert "Nothing swings, and the run ends at loss 12.274: short of it." in lab.reading()


@pytest.mark.parametrize(("name", "value"), {
    "rate": 3e-6, "optimiser": "adam", "momentum": 0.3, "basis": "legendre", "steps": 1000,
    "start": "zeros", "target": "|x|", "reduction": "mean", "schedule": "cosine", "warmup": 50,
}.items())
def test_each_setting_makes_another_run(lab, name, value):
    lab.steps = 500
    if name == "momentum":
        lab.optimiser = "momentum"
    before = lab.trajectory.losses
    setattr(lab, name, value)
    losses = lab.trajectory.losses
    assert not numpy.array_equal(losses, before)
    numpy.testing.assert_allclose(losses, torch_losses(lab), rtol=1e-9)
    again = LearningRateLab(**lab.settings)
    numpy.testing.assert_array_equal(again.trajectory.losses, losses)


@pytest.mark.parametrize(("first", "name", "value"), [
    ({}, "batch", 64), ({"batch": 64}, "seed", 3), ({"batch": 64}, "replacement", True),
    ({"start": "random"}, "seed", 3), ({}, "start", [0.5, 0, -0.25, 0.1]),
])
def test_batches_seeds_and_starts_of_one_s_own(lab, first, name, value):
    for key, choice in first.items():
        setattr(lab, key, choice)
    before = lab.trajectory.losses
    setattr(lab, name, value)
    assert not numpy.array_equal(lab.trajectory.losses, before)
    if name == "start":
        numpy.testing.assert_allclose(lab.trajectory.start, value, atol=1e-12)


@pytest.mark.parametrize("basis", BASES)
def test_every_basis_starts_from_the_same_curve(basis):
    x = sine_samples()[0]
    for start in ("common", "zeros", "random", (1, 2, 3, 4)):
        curve = features(x, 3, basis) @ start_coefficients(basis, start, 5)
        powers = start_coefficients("powers", start, 5)
        numpy.testing.assert_allclose(curve, features(x) @ powers, atol=1e-9)


def in_the_page():
    """Return the facts of static/facts.js."""
    text = (STATIC / "facts.js").read_text(encoding="utf-8")
    text = re.sub(r"^( *)(\w+):", r'\1"\2":', text.partition("FACTS = ")[2].rstrip(";\n"),
                  flags=re.MULTILINE)
    return json.loads(re.sub(r",(\s*})", r"\1", text))


@pytest.mark.parametrize("told", [facts(), in_the_page()], ids=["facts()", "facts.js"])
def test_facts_are_true(told):
    x = sine_samples()[0]
    for basis, known in told["bases"].items():
        matrix = features(x, 3, basis)
        numpy.testing.assert_allclose(
            numpy.reshape(known["hessian"], (4, 4)), 2 * matrix.T @ matrix, rtol=1e-9, atol=1e-6)
        numpy.testing.assert_allclose(
            features(x) @ numpy.reshape(known["toPowers"], (4, 4)), matrix, atol=1e-9)
        both = numpy.reshape(known["toPowers"], (4, 4)) @ numpy.reshape(known["fromPowers"], (4, 4))
        numpy.testing.assert_allclose(both, numpy.eye(4), atol=1e-9)
        values, vectors = known["eigenvalues"], numpy.reshape(known["eigenvectors"], (4, 4))
        numpy.testing.assert_allclose(vectors.T @ vectors, numpy.eye(4), atol=1e-12)
        numpy.testing.assert_allclose(vectors * values @ vectors.T, 2 * matrix.T @ matrix,
                                      rtol=1e-9, atol=1e-6)
        for target, optimum in known["optimum"].items():
            y = TARGETS[target](x)
            best, residual, _, _ = numpy.linalg.lstsq(matrix, y)
            numpy.testing.assert_allclose(optimum, best, atol=1e-9)
            assert told["targets"][target]["floor"] == pytest.approx(residual[0])


@pytest.mark.parametrize(("name", "value", "message"), [
    ("rate", 0.0, "rate must be between 1e-12 and 1000, got 0"),
    ("rate", math.nan, "rate must be between 1e-12 and 1000, got nan"),
    ("rate", "3e-6", "'rate' trait .* expected a float, not the str '3e-6'"),
    ("optimiser", "SGD", "optimiser must be one of sgd, momentum, rmsprop, adam, got 'SGD'"),
    ("basis", "sines", "basis must be one of powers, legendre, standardised, orthonormal, got"),
    ("target", "cos x", "target must be one of sin x, "),
    ("reduction", "total", "reduction must be one of sum, mean, got 'total'"),
    ("schedule", "linear", "schedule must be one of constant, step, cosine, 1/t, got 'linear'"),
    ("momentum", 1.0, "momentum must be between 0 and 0.99, got 1"),
    ("steps", 0, "steps must be between 1 and 20000, got 0"),
    ("steps", 10.5, "'steps' trait .* expected an int, not the float 10.5"),
    ("seed", -1, "seed must be between 0 and 9999, got -1"),
    ("batch", 2001, "batch must be between 1 and 2000, got 2001"),
    ("warmup", 2001, "warmup must be between 0 and 2000, got 2001"),
    ("step", 2001, "step must be between 0 and 2000, got 2001"),
    ("replacement", "yes", "expected a boolean, not the str 'yes'"),
    ("start", "ones", "start must be one of common, zeros, random, or four numbers .* got 'ones'"),
    ("start", (1, 2, 3), "four numbers between −1000 and 1000, got \\(1, 2, 3\\)"),
    ("start", (1, 2, 3, math.nan), "four numbers between −1000 and 1000"),
    ("challenge", "win", "expected any of \\['fewest steps'"),
    ("prediction", (True, "converges"), "expected any of \\['at the floor'"),
    ("kept", [{**LearningRateLab().settings, "rate": "fast"}], "rate must be between .* 'fast'"),
    ("kept", [{"rate": 1}], "kept must hold settings of runs, .* got {'rate': 1}"),
])
def test_what_a_trait_cannot_be_is_refused_with_a_sentence(lab, name, value, message):
    before = getattr(lab, name)
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(lab, name, value)
    assert getattr(lab, name) == before


def test_settings_that_there_are_not_are_refused():
    with pytest.raises(TypeError, match=r"settings must be among rate, .* got learning_rate"):
        LearningRateLab(learning_rate=3e-6)


def test_prediction_is_scored_once_and_a_new_run_asks_again():
    lab = LearningRateLab()
    lab.prediction = (False, None)
    assert lab.hidden
    assert lab.score == (0, 0)
    lab.prediction = (False, "short of it")
    assert not lab.hidden
    assert lab.score == (2, 2)
    lab.rate = 1e-5
    assert lab.hidden
    assert lab.prediction == (None, None)
    lab.prediction = (True, "at the floor")
    assert lab.score == (3, 4)
    assert repr(lab).endswith("it swings, gone)")
    assert lab.trajectory.end == ENDS[2]


def test_what_the_page_says_is_taken_as_it_is():
    lab = LearningRateLab()
    lab.set_state({"rate": 3e-6, "prediction": [None, None], "step": 2000})
    assert (lab.rate, lab.hidden) == (3e-6, True)
    # The page has scored already, and a late message about a rate must not take an answer back.
    lab.set_state({"prediction": [True, "gone"], "score": [1, 2]})
    assert (lab.prediction, lab.score) == ((True, "gone"), (1, 2))
    lab.set_state({"rate": 2e-6, "step": 7})
    assert (lab.prediction, lab.step) == ((True, "gone"), 7)
    assert repr(lab).endswith("rate 2e-6, powers, 2000 steps: it swings, at the floor)")


def test_step_and_warmup_follow_the_number_of_steps(lab):
    lab.warmup, lab.step = 1500, 3
    lab.steps = 1000
    assert (lab.step, lab.warmup) == (1000, 1000)
    lab.step = 10
    lab.rate = 2e-6
    assert lab.step == 1000


def test_kept_runs_go_when_their_losses_have_another_scale(lab):
    lab.kept = [lab.settings, {**lab.settings, "rate": 2e-6}]
    lab.rate = 3e-6
    assert len(lab.kept) == 2
    lab.reduction = "mean"
    assert lab.kept == []


def test_lab_is_an_ordinary_widget(lab):
    seen, other = [], LearningRateLab()
    lab.observe(lambda change: seen.append(change.new), "rate")
    ipywidgets.link((lab, "rate"), (other, "rate"))
    lab.rate = 3e-6
    assert seen == [3e-6]
    assert other.rate == 3e-6
    assert ipywidgets.VBox([lab]).children == (lab,)
