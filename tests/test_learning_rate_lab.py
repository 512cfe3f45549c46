"""The learning-rate lab without a browser: every control, every sentence, every verdict.

The oracle is a plain loop of torch.optim on the 2,000 points in float64; tests/browser proves
that the same state reaches a page.
"""

import io
import math
import re
from dataclasses import replace
from functools import lru_cache

import numpy
import pytest
import torch
from PIL import Image
from traitlets import TraitError

from polylab.data import FIRST_GUESS, sine_samples
from polylab.descent import OUTCOMES, rate_text
from polylab.lab import LearningRateLab, run_picture
from polylab.lab.challenges import CHALLENGES, fewest_plain_steps
from polylab.lab.experiment import TARGETS, Experiment, design
from polylab.lab.run_picture import draw_run
from polylab.lab.words import OUTCOME_MEANINGS, explain, number, percent
from polylab.polynomial import features


def pixels(png):
    return numpy.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def torch_losses(experiment):
    """Return all losses of a run by torch.optim on the data, one more than steps."""
    x = sine_samples()[0]
    powers = {
        "common": FIRST_GUESS, "zeros": (0, 0, 0, 0),
        "random": numpy.random.default_rng(experiment.seed).standard_normal(4),
    }[experiment.start]
    matrix = features(x, 3, experiment.basis)
    start = numpy.linalg.lstsq(matrix, features(x) @ numpy.array(powers), rcond=None)[0]
    matrix, y = torch.from_numpy(matrix), torch.from_numpy(TARGETS[experiment.target](x))
    weights = torch.tensor(start, requires_grad=True)
    make = {
        "sgd": lambda: torch.optim.SGD([weights], experiment.rate),
        "momentum": lambda: torch.optim.SGD([weights], experiment.rate, experiment.momentum),
        "rmsprop": lambda: torch.optim.RMSprop([weights], experiment.rate),
        "adam": lambda: torch.optim.Adam([weights], experiment.rate),
    }
    optimiser = make[experiment.optimiser]()
    loss_of = torch.nn.MSELoss(reduction=experiment.reduction)
    losses = []
    for step in range(experiment.steps + 1):
        loss = loss_of(matrix @ weights, y)
        losses.append(loss.item())
        if step < experiment.steps:
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return numpy.array(losses)


@pytest.fixture(scope="module", autouse=True)
def stages_are_kept():
    """Keep every stage for the tests that follow: to draw one takes a fifth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        kept = lru_cache(maxsize=None)(run_picture._stage.__wrapped__)
        patch.setattr(run_picture, "_stage", kept)
        yield


@pytest.fixture
def lab():
    return LearningRateLab(predict_first=False)


def test_lab_opens_at_the_course_s_own_run_and_asks_for_a_prediction():
    lab = LearningRateLab()
    assert lab.experiment == Experiment()
    assert lab.hidden
    assert repr(lab) == "LearningRateLab(sgd, rate 1e-6, powers, 2000 steps: to be predicted)"
    assert "Predict what 2,000 steps at rate 1e-6 do." in lab.words.value
    assert lab.trajectory.losses[-1] == pytest.approx(12.2744, abs=5e-5)


CHANGES = {
    "learning_rate": 3e-6, "optimiser": "adam", "basis": "legendre", "steps": 500,
    "start": "zeros", "target": "|x|", "reduction": "mean",
}


@pytest.mark.parametrize(("control", "value"), CHANGES.items())
def test_each_setting_changes_the_run_the_words_and_the_picture(lab, control, value):
    words, picture = lab.words.value, pixels(lab.picture.value)
    getattr(lab, control).value = value
    name = "rate" if control == "learning_rate" else control
    assert lab.experiment == replace(Experiment(), **{name: value})
    oracle = torch_losses(lab.experiment)
    numpy.testing.assert_allclose(lab.trajectory.losses, oracle, rtol=1e-9)
    last = f"{oracle[-1]:.5g}" if oracle[-1] < 1e5 else f"{oracle[-1]:,.0f}"
    assert f"oss {last}, " in lab.words.value
    assert lab.words.value != words
    assert (pixels(lab.picture.value) != picture).any()


@pytest.mark.parametrize(
    ("before", "control", "value"),
    [({"optimiser": "momentum"}, "momentum", 0.3), ({"start": "random"}, "seed", 7)],
)
def test_settings_that_matter_only_sometimes(lab, before, control, value):
    assert getattr(lab, control).disabled
    for name, choice in before.items():
        getattr(lab, name).value = choice
    assert not getattr(lab, control).disabled
    picture = pixels(lab.picture.value)
    getattr(lab, control).value = value
    assert lab.experiment == replace(Experiment(), **before, **{control: value})
    numpy.testing.assert_allclose(lab.trajectory.losses, torch_losses(lab.experiment), rtol=1e-9)
    assert (pixels(lab.picture.value) != picture).any()


@pytest.mark.parametrize("basis", ["powers", "legendre", "standardised", "orthonormal"])
def test_every_basis_starts_from_the_same_curve(basis):
    experiment = Experiment(basis=basis)
    curve = design(basis) @ experiment.start_coefficients
    numpy.testing.assert_allclose(curve, design("powers") @ FIRST_GUESS, atol=1e-9)
    assert experiment.trajectory.losses[0] == pytest.approx(215_793.8, abs=0.1)


def test_rate_is_typed_to_any_digit_and_shown_as_it_is(lab):
    rate = lab.learning_rate
    rate.box.value = "0.0000035500001"
    assert lab.experiment.rate == rate.value == 3.5500001e-6
    assert rate.box.value == "3.55e-6"
    lab.learning_rate.value = 3.557947e-6
    assert rate.box.value == "3.557947e-6"
    # A browser sends the nearest position of its slider back: 10 ** -5.448.
    rate.slider.value = 3.5645113e-6
    assert lab.experiment.rate == 3.557947e-6
    rate.slider.value = 10**-5.444
    assert lab.experiment.rate == 3.597e-6
    assert rate.box.value == "3.597e-6"


@pytest.mark.parametrize("text", ["", "fast", "-1e-6", "0", "nan", "2", "1e-9"])
def test_rate_that_is_none_is_named_and_changes_nothing(lab, text):
    lab.learning_rate.box.value = text
    assert lab.experiment == Experiment()
    assert lab.learning_rate.note.value == "Type a number from 1e-8 to 1."
    lab.learning_rate.box.value = "2e-6"
    assert lab.experiment.rate == 2e-6
    assert lab.learning_rate.note.value == ""


@pytest.mark.parametrize("way_back", ["the same rate typed", "reset"])
def test_the_note_goes_when_the_box_holds_a_rate_again(lab, way_back):
    lab.learning_rate.box.value = "fast"
    if way_back == "reset":
        lab.reset.click()
    else:
        lab.learning_rate.box.value = "1e-6"
    assert (lab.learning_rate.note.value, lab.learning_rate.box.value) == ("", "1e-6")
    assert lab.learning_rate.note.layout.display == "none"


def test_rate_out_of_range_is_refused():
    lab = LearningRateLab()
    with pytest.raises(TraitError, match="must lie between 1e-8 and 1, got 2"):
        lab.learning_rate.value = 2.0
    assert lab.learning_rate.value == 1e-6


def test_prediction_hides_the_run_then_answers_explains_and_keeps_score():
    lab = LearningRateLab()
    hidden = pixels(lab.picture.value)
    lab.prediction.value = "crawls"
    assert not lab.hidden
    assert "Right. Crawls" in lab.words.value
    assert lab.score == (1, 1)
    assert lab.prediction.disabled
    assert (pixels(lab.picture.value) != hidden).any()

    lab.learning_rate.value = 1e-5
    assert lab.hidden
    assert lab.prediction.value is None
    assert not lab.prediction.disabled
    assert "1 − ηλ" not in lab.words.value
    lab.prediction.value = "converges"
    assert "You said converges" in lab.words.value
    assert "Diverges: 1 − ηλ = −4.621 on the fastest mode" in lab.words.value
    assert "Score: 1 of 2." in lab.words.value

    lab.predict_first.value = False
    assert not lab.hidden
    assert "Score" not in lab.words.value
    assert lab.prediction.disabled


def test_value_that_a_page_sends_back_is_no_new_run():
    lab = LearningRateLab()
    lab.optimiser.value = "momentum"
    lab.prediction.value = "converges"
    lab.momentum.value = 0.8000000000000002  # what a browser makes of 0.8
    assert not lab.hidden
    assert lab.experiment.momentum == 0.8
    lab.momentum.value = 0.81
    assert lab.hidden


def test_hidden_picture_does_not_tell_the_outcome():
    crawl, diverge = Experiment(), Experiment(rate=1e-5)
    assert (pixels(draw_run(crawl, hidden=True)) == pixels(draw_run(diverge, hidden=True))).all()
    assert (pixels(draw_run(crawl)) != pixels(draw_run(diverge))).any()


def test_play_and_scrub_show_the_run_step_by_step(lab):
    assert (lab.play.max, lab.step.max, lab.step.value) == (2000, 2000, 2000)
    end = pixels(lab.picture.value)
    lab.play.playing = True
    assert lab.step.value == 0
    seen = []
    for _ in range(3):
        lab.play.value += lab.play.step
        assert lab.step.value == lab.play.value
        losses = lab.trajectory.losses
        assert f"Shown: step {lab.step.value:,}, loss {losses[lab.step.value]:.5g}." in (
            lab.words.value)
        seen.append(lab.picture.value)
    assert len(set(seen)) == 3
    lab.play.playing = False
    lab.step.value = 1000
    assert "Shown: step 1,000, loss 130.93." in lab.words.value
    lab.play.playing = True
    assert lab.step.value == 1000
    lab.step.value = 2000
    assert "Shown" not in lab.words.value
    assert (pixels(lab.picture.value) == end).all()


def test_new_settings_stop_the_animation_and_show_the_end(lab):
    lab.play.playing = True
    lab.steps.value = 100
    assert not lab.play.playing
    assert (lab.play.max, lab.step.max, lab.step.value, lab.play.step) == (100, 100, 100, 1)


def test_earlier_runs_stay_as_faint_lines_until_they_cannot_be_compared(lab):
    first = lab.experiment
    lab.learning_rate.value = 2e-6
    assert lab.earlier == ()
    second = lab.experiment
    lab.optimiser.value = "momentum"
    assert lab.earlier == (second,)
    lab.keep.click()
    lab.keep.click()
    assert lab.earlier == (second, lab.experiment)
    assert (pixels(lab.picture.value) != pixels(draw_run(lab.experiment))).any()
    lab.reduction.value = "mean"
    assert lab.earlier == ()
    for rate in (1e-4, 2e-4, 3e-4, 4e-4, 5e-4):
        lab.learning_rate.value = rate
        lab.keep.click()
    assert [run.rate for run in lab.earlier] == [2e-4, 3e-4, 4e-4, 5e-4]
    assert first not in lab.earlier


def test_run_that_is_still_to_be_predicted_is_never_kept():
    lab = LearningRateLab()
    lab.keep.click()
    lab.optimiser.value = "momentum"
    assert lab.earlier == ()


def test_reset_goes_back_to_how_the_lab_opened(lab):
    words, picture = lab.words.value, pixels(lab.picture.value)
    lab.challenge.value = "make Legendre pay"
    lab.target.value, lab.steps.value, lab.seed.value = "exp x", 100, 5
    lab.predict_first.value = True
    lab.prediction.value = "diverges"
    lab.keep.click()
    lab.reset.click()
    assert lab.experiment == Experiment()
    assert lab.earlier == ()
    assert lab.score == (0, 0)
    assert not lab.predict_first.value
    assert (lab.words.value, lab.verdict.value) == (words, "")
    assert (pixels(lab.picture.value) == picture).all()


def test_picture_follows_the_state_not_the_way_to_it(lab):
    for rate in numpy.geomspace(1e-7, 1e-5, 30):
        lab.learning_rate.value = rate
    lab.learning_rate.value = 2e-6
    fresh = draw_run(Experiment(rate=2e-6))
    assert (pixels(lab.picture.value) == pixels(fresh)).all()


@pytest.mark.parametrize("settings", [
    {},
    {"target": "exp x", "reduction": "mean", "steps": 10_000, "rate": 1e-4},
    {"target": "square wave", "basis": "standardised", "optimiser": "adam", "rate": 1e-2},
])
def test_every_label_has_room(settings):
    picture = pixels(draw_run(Experiment(**settings)))
    white = (picture == 255).all(axis=(0, 2))
    frames = numpy.flatnonzero((picture.max(axis=2) < 60).mean(axis=0) > 0.6)
    assert len(frames) == 6  # the left and the right side of three panels
    for right, left in zip(frames[1::2], frames[2::2], strict=False):
        between = numpy.convolve(white[right:left], numpy.ones(6), "valid")
        assert between.max() == 6  # the labels of neighbours stay apart
    assert white[[0, -1]].all()
    assert (picture[[0, -1]] == 255).all()  # top and bottom


def test_picture_says_when_the_fit_has_left_it():
    def orange_in_the_fit_panel(rate):
        panel = pixels(draw_run(Experiment(rate=rate)))[60:, :270].astype(int)  # below the legend
        return int((abs(panel - (0xD5, 0x5E, 0x00)).sum(axis=2) < 40).sum())

    blown_up, wild = Experiment(rate=1e-5), Experiment(rate=3.5e-6)
    assert not numpy.isfinite(blown_up.trajectory.coefficients[-1]).any()
    assert numpy.isfinite(wild.trajectory.coefficients[-1]).all()
    assert orange_in_the_fit_panel(1e-5) > 100  # letters, where no curve can be drawn
    assert orange_in_the_fit_panel(3.5e-6) > 500  # the curve


def test_play_goes_on_from_the_step_that_was_dragged_to(lab):
    lab.step.value = 700
    assert lab.play.value == 700
    lab.play.playing = True
    assert (lab.step.value, lab.play.value) == (700, 700)
    lab.learning_rate.value = 2e-6
    assert lab.play.value == lab.play.max == 2000


def test_nothing_plays_before_the_prediction():
    lab = LearningRateLab()
    assert all(control.disabled for control in (lab.play, lab.step, lab.keep))
    lab.prediction.value = "crawls"
    assert not any(control.disabled for control in (lab.play, lab.step, lab.keep))


def test_every_control_has_a_name_and_a_hint(lab):
    controls = [lab.learning_rate.slider, *lab._settings[1:], lab.predict_first, lab.prediction,
                lab.challenge, lab.step, lab.keep, lab.reset]
    assert all(control.description and control.tooltip for control in controls)
    assert lab.play.tooltip
    assert lab.learning_rate.box.tooltip


def test_memory_of_a_long_drag_holds_no_arrays(lab):
    for rate in numpy.geomspace(1e-7, 1e-5, 50):
        lab.learning_rate.value = rate
    assert len(lab._seen) == 51
    assert all("trajectory" not in vars(run) for run in lab._seen)


# What the words say.

@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rate": 1e-5}, "Diverges: 1 − ηλ = −4.621 on the fastest mode, so it changes sign and "
         "grows by 362 % at every step; the limit here is 3.558e-6."),
        ({"rate": 3.56e-6}, "1 − ηλ = −1.00115 on the fastest mode"),
        ({"rate": 3e-6}, "Oscillates: 1 − ηλ = −0.686 on the fastest mode"),
        ({"rate": 3e-6}, "changes sign at every step; the loss never rises"),
        ({}, "Crawls: 1 − ηλ = 0.99827 on the slowest mode, which leaves 3.15 % of it after "
         "2,000 steps. Loss 12.274, 39.2 % above the floor 8.817"),
        ({"rate": 1.7e-6, "steps": 5000}, "Converges: loss 8.8172, at the floor 8.817"),
        ({"basis": "legendre"}, "the limit here is 5e-4"),
        ({"basis": "orthonormal", "rate": 2.5e-4}, "Converges: loss 8.8172, at the floor 8.817, "
         "within 1 % after 1 steps"),
        ({"basis": "orthonormal", "rate": 2.501e-4}, "Oscillates: 1 − ηλ = −0.000400 on"),
        ({"basis": "orthonormal", "rate": 5e-4}, "Oscillates: 1 − ηλ = −1.000 on"),
        ({"basis": "orthonormal", "rate": 5.001e-4}, "Diverges: 1 − ηλ = −1.000400 on"),
        ({"reduction": "mean"}, "the limit here is 7.116e-3"),
        ({"rate": 3.558e-6}, "at every step; the limit here is 3.557947e-6"),
        ({"start": "zeros"}, "1 − ηλ = 0.99793 on the slowest mode, which leaves 1.6 % of it"),
        ({"rate": 1e-8, "steps": 100}, "which leaves 99.8 % of it"),
        ({"rate": 1e-8, "steps": 100, "reduction": "mean"}, "which leaves nearly all of it"),
        ({"rate": 3.6e-6, "start": "zeros", "target": "|x|", "steps": 500},
         "though at the start it is there by rounding only; the limit"),
        ({"rate": 3e-6, "start": "zeros", "target": "|x|"}, "Converges: "),
        ({"rate": 1.58e-4, "optimiser": "momentum", "momentum": 0.5, "basis": "legendre"},
         "at the floor 8.817; the slowest mode to settle keeps 0.7"),
        ({"rate": 5.3e-6, "optimiser": "momentum", "momentum": 0.5}, "makes 2 of 4 modes swing"),
        ({"rate": 1e-3, "optimiser": "rmsprop", "steps": 500, "start": "zeros", "target": "|x|",
          "reduction": "mean"}, "Oscillates: its last two steps undo more than half of each other"),
        ({"rate": 0.3, "optimiser": "adam", "basis": "legendre", "steps": 100},
         "Oscillates: the loss itself rises and falls on its way"),
        ({"optimiser": "momentum", "rate": 1e-5}, "2 (1 + m)/λmax, is 6.404e-6"),
        ({"optimiser": "momentum", "rate": 6e-6}, "Oscillates: the loss itself rises and falls"),
        ({"optimiser": "rmsprop", "rate": 1e-3}, "2,000 steps reach about 2."),
        ({"optimiser": "rmsprop", "rate": 1e-3, "steps": 5000},
         "a smaller rate, with enough steps, gets nearer"),
        ({"optimiser": "rmsprop"}, "Crawls: loss 214,769, 24,357 times above"),
        ({"optimiser": "rmsprop"}, "2,000 steps reach about 0.002."),
        ({"optimiser": "adam", "rate": 0.01}, "Adam moves each coefficient by roughly the rate"),
    ],
)
def test_sentence_says_what_happened_and_why_in_numbers(settings, said):
    assert said in explain(replace(Experiment(), **settings))


def test_every_outcome_is_explained_and_offered_as_a_prediction():
    assert set(OUTCOME_MEANINGS) == set(OUTCOMES)


def test_hidden_limit_is_not_in_the_sentence():
    assert "limit" in explain(Experiment(rate=1e-5))
    for rate in (1e-6, 1e-5):
        assert re.search("limit|1 − ηλ", explain(Experiment(rate=rate), reveal_limit=False)) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (number(0.0123456), "0.0123"), (number(-3e-13), "0.000"),
        (number(0.9982725), "0.99827"), (number(-0.686), "−0.686"),
        (number(-1.0011541), "−1.00115"), (number(1), "1.000"),
        (number(-4.6212), "−4.621"), (number(-123456.0), "−123,456"),
        (percent(0.0315), "3.15 %"), (percent(12.3), "12.3 times"),
        (rate_text(3.557947e-6), "3.558e-6"), (rate_text(5e-4), "5e-4"), (rate_text(0.25), "0.25"),
        (rate_text(1e-8), "1e-8"), (rate_text(0.05), "5e-2"),
    ],
)
def test_numbers_in_words(text, wanted):
    assert text == wanted


# Challenges: begin, go wrong, reach.

REACHED = {
    "fewest steps": [{"rate": 3.45e-6}],
    "find the limit": [{"rate": 3.55e-6}, {"rate": 3.57e-6}],
    "make Legendre pay": [{"rate": 4.4e-4}],
    "beat it with momentum": [{"momentum": 0.8, "rate": 6e-6}],
    "RMSprop under 8.9": [{"steps": 10_000, "rate": 5e-4}],
}


@pytest.mark.parametrize("name", CHALLENGES)
def test_challenge_begins_unreached_and_can_be_reached(lab, name):
    lab.challenge.value = name
    assert lab.experiment == CHALLENGES[name].begin
    assert "Not yet." in lab.verdict.value
    for settings in REACHED[name]:
        assert "Done." not in lab.verdict.value
        for setting, value in settings.items():
            control = "learning_rate" if setting == "rate" else setting
            getattr(lab, control).value = value
    assert "Done." in lab.verdict.value


@pytest.mark.parametrize("name", CHALLENGES)
def test_challenge_refuses_another_problem_and_says_which_setting(lab, name):
    lab.challenge.value = name
    lab.target.value = "|x|"
    assert "For this challenge Target must be sin x, not |x|." in lab.verdict.value
    assert "Done." not in lab.verdict.value


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("fewest steps", {"rate": 2e-6}, "Within 1 % after 1,521 steps;"),
        ("find the limit", {"rate": 1e-7}, "No run has diverged yet: raise the rate."),
        ("make Legendre pay", {"rate": 1e-4}, "The basis has changed the modes"),
        ("fewest steps", {"rate": 2e-6}, "A larger rate helps."),
        ("fewest steps", {"rate": 3.547e-6}, "A smaller rate helps."),
        ("fewest steps", {"rate": 1e-7}, "the loss ends at 2239. A larger rate helps."),
        ("fewest steps", {"rate": 1e-4}, "The run diverges: the rate is above the limit."),
        ("beat it with momentum", {"rate": 1e-5}, "The run diverges: the rate is above the limit."),
        ("beat it with momentum", {"momentum": 0.95, "rate": 5e-6}, "too much of it swings"),
        ("beat it with momentum", {"rate": 1e-7}, "Not within 1 % after 2,000 steps"),
        ("RMSprop under 8.9", {"rate": 2e-3, "steps": 5000}, "The loss ends at 9.2316; the goal"),
    ],
)
def test_challenge_says_what_is_missing(name, settings, said):
    run = replace(CHALLENGES[name].begin, **settings)
    reached, sentence = CHALLENGES[name].verdict(run, {run: run.trajectory.outcome})
    assert not reached
    assert said in sentence


def test_finding_the_limit_needs_runs_seen_with_the_same_settings(lab):
    lab.challenge.value = "find the limit"
    assert "limit here" not in lab.words.value
    lab.learning_rate.value = 3.55e-6
    lab.basis.value = "orthonormal"
    lab.learning_rate.value = 1e-3  # diverges, but in another basis
    lab.learning_rate.value = 3.55e-6
    lab.basis.value = "powers"
    assert "No run has diverged yet" in lab.verdict.value
    lab.learning_rate.value = 3.65e-6
    assert "The limit lies between 3.55e-6 and 3.65e-6, 2.82 % apart" in lab.verdict.value


def test_fewest_steps_of_plain_descent_is_the_least_of_a_scan_by_hand():
    limit = 2 / numpy.linalg.eigvalsh(2 * design("powers").T @ design("powers"))[-1]
    counts = [Experiment(rate=share * limit).trajectory.steps_to()
              for share in numpy.linspace(0.9, 0.999, 100)]
    assert fewest_plain_steps() == pytest.approx(min(counts), abs=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimiser": "lbfgs"}, "optimiser must be one of sgd, momentum, rmsprop, adam, got 'lbf"),
        ({"basis": "fourier"}, "basis must be one of powers, legendre"),
        ({"start": "ones"}, "start must be one of common, zeros, random"),
        ({"target": "tan x"}, "target must be one of sin x, |x|, exp x, square wave"),
        ({"reduction": "max"}, "reduction must be one of sum, mean"),
    ],
)
def test_experiment_refuses(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Experiment(**settings)


def test_lab_refuses_a_flag_that_is_no_flag():
    with pytest.raises(TypeError, match="predict_first must be True or False, got str 'no'"):
        LearningRateLab(predict_first="no")


def test_extreme_rates_draw_without_a_warning(lab):
    for optimiser in ("sgd", "momentum", "rmsprop", "adam"):
        lab.optimiser.value = optimiser
        for rate in (1e-8, 1.0):
            lab.learning_rate.value = rate
            assert math.isfinite(pixels(lab.picture.value).mean())
            assert lab.words.value
