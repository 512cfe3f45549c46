"""The learning-rate lab: drag the rate and see what every step of the training does."""

import html
from dataclasses import replace

import ipywidgets

from polylab.descent import OPTIMISERS, rate_text
from polylab.lab.challenges import CHALLENGES
from polylab.lab.experiment import REDUCTIONS, STARTS, TARGETS, Experiment
from polylab.lab.rate_slider import RateSlider
from polylab.lab.run_picture import draw_run
from polylab.lab.words import (
    OPTIMISER_NAMES,
    OUTCOME_MEANINGS,
    REDUCTION_NAMES,
    START_NAMES,
    explain,
    loss_text,
)
from polylab.polynomial import BASES

_STEPS = (100, 200, 500, 1000, 2000, 5000, 10_000)
_KEPT = 4  # earlier runs on the picture; the oldest goes first
_FRAMES = 100  # pictures in an animation from the first step to the last
_NO_CHALLENGE = "none"
_READABLE, _WIDEST = "720px", "850px"  # widths: the picture at least, the lab at most


class LearningRateLab(ipywidgets.VBox):
    """Choose how a cubic is trained, predict what happens, and see it at once.

    Every control is a public widget, so the lab can be driven and read without a browser:
    ``lab.learning_rate.value = 3e-6``, then ``lab.trajectory.outcome``.

    Parameters
    ----------
    predict_first : bool
        Whether a run stays hidden until the learner has predicted its outcome. Switch it off for
        a demonstration; the checkbox ``predict_first`` does the same later.

    Attributes
    ----------
    learning_rate : polylab.lab.rate_slider.RateSlider
        The rate, dragged or typed.
    momentum, steps, seed : ipywidgets widgets
        Other numbers of the run; ``momentum`` and ``seed`` are enabled where they matter.
    optimiser, basis, start, target, reduction : ipywidgets widgets
        Choices of the run, as in :class:`polylab.lab.experiment.Experiment`.
    predict_first : ipywidgets.Checkbox
        Whether to predict before a run is shown.
    prediction : ipywidgets.ToggleButtons
        The learner's prediction, one of ``polylab.descent.OUTCOMES``; None before it is made.
    challenge : ipywidgets.Dropdown
        Name of a challenge, or "none".
    step : ipywidgets.IntSlider
        The step that the fit is drawn for.
    play : ipywidgets.Play
        Moves ``step`` from the first to the last.
    keep, reset : ipywidgets.Button
        Keep the run as a faint line; go back to how the lab was opened.
    picture, words, verdict : ipywidgets.Image, ipywidgets.HTML
        What the learner sees.
    experiment : polylab.lab.experiment.Experiment
        The settings as they stand.
    trajectory : polylab.descent.Trajectory
        The run that follows from them.
    earlier : tuple of Experiment
        The runs that are drawn as faint lines.
    score : tuple of two ints
        Right predictions, and predictions made.
    hidden : bool
        Whether the run is still to be predicted.
    """

    def __init__(self, predict_first=True):
        if not isinstance(predict_first, bool):
            raise TypeError("predict_first must be True or False, "
                            f"got {type(predict_first).__name__} {predict_first!r}")
        self._predict_at_first = predict_first
        self._quiet = False
        self._make_controls()
        self._begin()
        for control in self._settings:
            control.observe(self._setting_moved, "value")
        self.predict_first.observe(self._new_run, "value")
        self.prediction.observe(self._predicted, "value")
        self.challenge.observe(self._challenge_chosen, "value")
        self.step.observe(self._stepped, "value")
        self.play.observe(self._played, "value")
        self.play.observe(self._play_pressed, "playing")
        self.keep.on_click(self._keep_pressed)
        self.reset.on_click(self._reset_pressed)
        super().__init__(self._rows(), layout={"max_width": _WIDEST})
        self._new_run()

    # State that the outside reads.

    @property
    def experiment(self):
        """The settings as they stand, an :class:`polylab.lab.experiment.Experiment`."""
        return self._experiment

    @property
    def trajectory(self):
        """The run that follows from the settings, a :class:`polylab.descent.Trajectory`."""
        return self._experiment.trajectory

    @property
    def hidden(self):
        """Whether the run is still to be predicted."""
        return self.predict_first.value and self.prediction.value is None

    def __repr__(self):
        """Return the state in one line; a run still to be predicted keeps its secret."""
        run = self._experiment
        outcome = "to be predicted" if self.hidden else self.trajectory.outcome
        return (f"LearningRateLab({run.optimiser}, rate {rate_text(run.rate)}, {run.basis}, "
                f"{run.steps} steps: {outcome})")

    # Controls.

    def _make_controls(self):
        self.learning_rate = RateSlider(1e-6)
        self.optimiser = _dropdown("Optimiser", {OPTIMISER_NAMES[name]: name
                                                 for name in OPTIMISERS}, "The update rule")
        self.momentum = ipywidgets.FloatSlider(
            value=0.8, min=0, max=0.99, step=0.01,
            **_labelled("Momentum", "Share of the last step that is made again; for momentum only"))
        self.basis = _dropdown("Basis", BASES, "The four functions that the coefficients belong to")
        self.steps = ipywidgets.SelectionSlider(
            options=[(f"{steps:,}", steps) for steps in _STEPS], value=2000,
            **_labelled("Steps", "Number of updates"))
        self.steps.add_class("jupyter-widgets")  # in line with its neighbours
        self.start = _dropdown("Start", {START_NAMES[name]: name for name in STARTS},
                               "Coefficients before the first update")
        self.seed = ipywidgets.BoundedIntText(
            value=0, min=0, max=9999, **_labelled("Seed", "Chooses the random start"))
        self.target = _dropdown("Target", TARGETS, "The curve that the cubic is fitted to")
        self.reduction = _dropdown("Loss", {REDUCTION_NAMES[name]: name for name in REDUCTIONS},
                                   "Whether the squared errors are added or averaged")
        self._settings = (self.learning_rate, self.optimiser, self.momentum, self.basis,
                          self.steps, self.start, self.seed, self.target, self.reduction)
        self.predict_first = ipywidgets.Checkbox(
            value=self._predict_at_first, description="Predict first", indent=False,
            tooltip="Hide each run until you have predicted it",
            layout=ipywidgets.Layout(width="130px"))
        self.prediction = ipywidgets.ToggleButtons(
            options=tuple(OUTCOME_MEANINGS), value=None, description="Prediction",
            tooltip="What will this run do?", tooltips=list(OUTCOME_MEANINGS.values()),
            style={"description_width": "80px", "button_width": "100px"})
        self.prediction.add_class("widget-inline-hbox")  # buttons beside the word, not below it
        self.challenge = _dropdown("Challenge", {_NO_CHALLENGE: _NO_CHALLENGE,
                                                 **{name: name for name in CHALLENGES}},
                                   "A goal to reach")
        self.play = ipywidgets.Play(
            value=2000, min=0, max=2000, step=2000 // _FRAMES, interval=80, show_repeat=False,
            tooltip="Play the training, pause it, or stop at its first step")
        self.step = ipywidgets.IntSlider(
            value=2000, min=0, max=2000,
            **_labelled("Step", "The step that is shown", flex="1 1 300px"))
        self.keep = ipywidgets.Button(description="Keep this run",
                                      tooltip="Keep the loss of this run as a faint line")
        self.reset = ipywidgets.Button(description="Reset", tooltip="Back to how the lab opened")
        self.picture = ipywidgets.Image(
            format="png", layout=ipywidgets.Layout(max_width="100%", min_width=_READABLE))
        # Room for three lines, so that the picture below stands still when they become two.
        self.words = ipywidgets.HTML(layout=ipywidgets.Layout(min_height="66px"))
        self.verdict = ipywidgets.HTML()

    def _rows(self):
        wrap = ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        return [
            self.learning_rate,
            ipywidgets.GridBox(
                [self.optimiser, self.momentum, self.steps,
                 self.basis, self.start, self.seed,
                 self.target, self.reduction, self.challenge],
                layout={"grid_template_columns": "repeat(auto-fill, minmax(260px, 1fr))"}),
            ipywidgets.HBox([self.predict_first, self.prediction], layout=wrap),
            self.words,
            self.verdict,
            # On a narrow page the picture can be pushed to and fro and stays readable.
            ipywidgets.Box([self.picture], layout={"overflow": "auto"}),
            ipywidgets.HBox([self.play, self.step, self.keep, self.reset], layout=wrap),
        ]

    # What the controls do.

    def _begin(self):
        """Put every control back to where it stood when the lab was opened."""
        self._quiet = True
        self._take(Experiment())
        self.predict_first.value = self._predict_at_first
        self.challenge.value = _NO_CHALLENGE
        self._quiet = False
        self._experiment = self._read()
        self.earlier, self._seen, self.score = (), {}, (0, 0)

    def _take(self, experiment):
        self.learning_rate.value = experiment.rate
        self.learning_rate.show()
        for name in ("optimiser", "momentum", "basis", "steps", "start", "seed", "target",
                     "reduction"):
            getattr(self, name).value = getattr(experiment, name)

    def _read(self):
        return Experiment(
            self.learning_rate.value, self.optimiser.value,
            round(self.momentum.value, 6),  # a browser sends 0.8 back as 0.8000000000000002
            self.basis.value, self.steps.value, self.start.value, self.seed.value,
            self.target.value, self.reduction.value)

    def _setting_moved(self, _change):
        # A page may send a value back with another last digit: that is no new run.
        if self._read() != self._experiment:
            self._new_run()

    def _new_run(self, _change=None):
        if self._quiet:
            return
        before, self._experiment = self._experiment, self._read()
        self._quiet = True
        now = self._experiment
        if (before.target, before.reduction) != (now.target, now.reduction):
            self.earlier = ()  # their losses have another floor or another scale
        elif _choices(before) != _choices(now) and before in self._seen:
            self._keep(before)
        self.momentum.disabled = now.optimiser != "momentum"
        self.seed.disabled = now.start != "random"
        self.prediction.value = None
        self.play.playing = False
        self.play.max = self.step.max = now.steps
        self.play.step = max(1, now.steps // _FRAMES)
        self.play.value = self.step.value = now.steps
        self._quiet = False
        self._show()

    def _predicted(self, _change):
        if self._quiet or self.prediction.value is None:
            return
        right, made = self.score
        self.score = right + (self.prediction.value == self.trajectory.outcome), made + 1
        self._show()

    def _challenge_chosen(self, _change):
        if self._quiet:
            return
        self._seen = {}
        if self.challenge.value != _NO_CHALLENGE:
            self._quiet = True
            self._take(CHALLENGES[self.challenge.value].begin)
            self._quiet = False
        self._new_run()

    def _played(self, _change):
        if not self._quiet:
            self.step.value = self.play.value

    def _stepped(self, _change):
        if not self._quiet:
            self.play.value = self.step.value  # so that it goes on from a step that was dragged to
            self._show()

    def _play_pressed(self, change):
        if change.new and self.step.value == self.step.max:
            self.step.value = 0

    def _keep_pressed(self, _button):
        if not self.hidden:
            self._keep(self._experiment)
            self._show()

    def _reset_pressed(self, _button):
        self._begin()
        self._new_run()

    def _keep(self, experiment):
        self.earlier = (*(run for run in self.earlier if run != experiment), experiment)[-_KEPT:]

    # What the learner sees.

    def _show(self):
        challenge = CHALLENGES.get(self.challenge.value)
        reveal_limit = challenge is None or not challenge.hides_limit
        hidden = self.hidden
        if not hidden:
            # A copy: the run's arrays, which the experiment holds, need not stay in memory.
            self._seen.setdefault(replace(self._experiment), self.trajectory.outcome)
        self.prediction.disabled = not self.predict_first.value or not hidden
        for control in (self.play, self.step, self.keep):
            control.disabled = hidden
        self.picture.value = draw_run(self._experiment, self.step.value, hidden, self.earlier,
                                      reveal_limit)
        self.words.value = _paragraph(html.escape(self._sentence(hidden, reveal_limit)))
        self.verdict.value = self._challenge_words(challenge, hidden)

    def _sentence(self, hidden, reveal_limit):
        run = self._experiment
        if hidden:
            meanings = "; ".join(f"{name}: {meaning}" for name, meaning
                                 in OUTCOME_MEANINGS.items())
            return (f"Predict what {run.steps:,} steps at rate {rate_text(run.rate)} do. "
                    f"({meanings}.)")
        sentence = explain(run, reveal_limit)
        if self.predict_first.value:
            verdict = ("Right" if self.prediction.value == self.trajectory.outcome
                       else f"You said {self.prediction.value}: not this time")
            sentence = f"{verdict}. {sentence} Score: {self.score[0]} of {self.score[1]}."
        if self.step.value < run.steps:
            loss = self.trajectory.losses[self.step.value]
            sentence += f" Shown: step {self.step.value:,}, loss {loss_text(loss)}."
        return sentence

    def _challenge_words(self, challenge, hidden):
        if challenge is None:
            return ""
        if hidden:
            return _paragraph(f"<b>Challenge.</b> {html.escape(challenge.goal)}")
        reached, sentence = challenge.verdict(self._experiment, self._seen)
        mark = "<b>✓ Done.</b>" if reached else "<b>Not yet.</b>"
        return _paragraph(f"<b>Challenge.</b> {html.escape(challenge.goal)}<br>"
                          f"{mark} {html.escape(sentence)}")


def _labelled(description, tooltip, **layout):
    """Return what every control has: a name at its left, a hint, and the width of its place."""
    return {"description": description, "tooltip": tooltip,
            "style": {"description_width": "90px"},
            "layout": ipywidgets.Layout(width="auto", **layout)}


def _dropdown(description, options, tooltip):
    if isinstance(options, dict):
        options = [(label, value if not callable(value) else label)
                   for label, value in options.items()]
    return ipywidgets.Dropdown(options=options, **_labelled(description, tooltip))


def _paragraph(text):
    return f'<p style="line-height: 1.5; margin: 4px 0">{text}</p>'


def _choices(experiment):
    """Return the settings that are chosen, not dragged: a new choice keeps the earlier run."""
    return (experiment.optimiser, experiment.basis, experiment.steps, experiment.start,
            experiment.seed)
