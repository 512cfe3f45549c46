"""The learning-rate lab: drag the rate and see what every step of the training does."""

import html
import math

import traitlets

from polylab.descent import ENDS, OPTIMISERS, SCHEDULES, rate_text
from polylab.lab.problems import STARTS, TARGETS, problem, start_coefficients
from polylab.lab.widget import Widget
from polylab.polynomial import BASES

CHALLENGES = ("fewest steps", "find the limit", "make Legendre pay", "beat it with momentum",
              "RMSprop under 8.9", "live with noise", "let the rate fall")
"""Names of the goals; ``static/challenges.js`` says what they are and judges."""
_CHOICES = {"optimiser": OPTIMISERS, "basis": BASES, "target": tuple(TARGETS),
            "reduction": ("sum", "mean"), "schedule": SCHEDULES}
_RANGES = {"rate": (1e-12, 1000), "momentum": (0, 0.99), "steps": (1, 20_000), "seed": (0, 9999),
           "batch": (1, 2000), "warmup": (0, 20_000), "step": (0, 20_000)}
_SETTINGS = ("rate", "optimiser", "momentum", "basis", "steps", "start", "seed", "target",
             "reduction", "batch", "replacement", "schedule", "warmup")
_OPEN = (None, None)  # neither question is answered


class LearningRateLab(Widget, module="lab"):
    """Choose how a cubic is trained, predict what happens, and see it at once.

    The page computes and draws; Python holds the state, one trait for each control, and is the
    oracle: ``lab.rate = 3e-6`` moves the page, a drag moves ``lab.rate``, and ``lab.trajectory``
    is the run that follows.

    Parameters
    ----------
    predict_first : bool
        Whether a run stays hidden until the learner has predicted it. Switch it off for a
        demonstration; so does ``lab.predict_first = False`` later.
    **settings
        Any of the traits below up to ``warmup``.

    Attributes
    ----------
    rate : float
        Learning rate, 1e-12 to 1000.
    optimiser : {"sgd", "momentum", "rmsprop", "adam"}
        The update rule.
    momentum : float
        0 to 0.99; used by the optimiser ``momentum`` only.
    basis : {"powers", "legendre", "standardised", "orthonormal"}
        The four functions that the coefficients belong to. In each of them a run starts from the
        same curve.
    steps : int
        Number of updates, 1 to 20,000.
    start : {"common", "zeros", "random"} or list of four numbers
        Coefficients of 1, x, x², x³ before the first update.
    seed : int
        0 to 9999: of the random start, drawn from N(0, 1), and of the batches.
    target : {"sin x", "|x|", "exp x", "square wave"}
        The function to fit on [-π, π].
    reduction : {"sum", "mean"}
        Whether the loss adds the squared errors or averages them.
    batch : int
        How many of the 2,000 points each step looks at.
    replacement : bool
        Whether the points of a batch are drawn from all, or shuffled and dealt out.
    schedule : {"constant", "step", "cosine", "1/t"}
        How the rate changes, see :func:`polylab.descent.schedule_factors`.
    warmup : int
        In how many steps the rate rises to its full height, at most ``steps``.
    step : int
        The step that the pictures show, at most ``steps``.
    kept : list of dict
        Settings of the runs that are drawn beside this one.
    prediction : tuple
        Whether something swings (bool) and where the run ends (one of ``polylab.descent.ENDS``);
        each None before it is answered.
    score : tuple of two ints
        Right answers, and answers given.
    challenge : str or None
        Name of the goal that the page judges.

    Raises
    ------
    traitlets.TraitError
        If a trait is set to what it cannot be.
    """

    rate = traitlets.Float(1e-6).tag(sync=True)
    optimiser = traitlets.Unicode("sgd").tag(sync=True)
    momentum = traitlets.Float(0.8).tag(sync=True)
    basis = traitlets.Unicode("powers").tag(sync=True)
    steps = traitlets.Int(2000).tag(sync=True)
    start = traitlets.Any("common").tag(sync=True)
    seed = traitlets.Int(0).tag(sync=True)
    target = traitlets.Unicode("sin x").tag(sync=True)
    reduction = traitlets.Unicode("sum").tag(sync=True)
    batch = traitlets.Int(2000).tag(sync=True)
    replacement = traitlets.Bool(False).tag(sync=True)
    schedule = traitlets.Unicode("constant").tag(sync=True)
    warmup = traitlets.Int(0).tag(sync=True)
    step = traitlets.Int(2000).tag(sync=True)
    kept = traitlets.List(traitlets.Dict()).tag(sync=True)
    predict_first = traitlets.Bool(True).tag(sync=True)
    prediction = traitlets.Tuple(
        traitlets.Bool(None, allow_none=True), traitlets.Enum(ENDS, None, allow_none=True),
        default_value=_OPEN).tag(sync=True)
    score = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0)).tag(sync=True)
    challenge = traitlets.Enum(CHALLENGES, None, allow_none=True).tag(sync=True)
    _from_page = False

    def __init__(self, predict_first=True, **settings):
        strange = set(settings) - set(_SETTINGS)
        if strange:
            raise TypeError(f"settings must be among {', '.join(_SETTINGS)}, got "
                            f"{', '.join(sorted(strange))}")
        super().__init__(predict_first=predict_first, **settings)
        self.step = self.steps

    # What may be set.

    @traitlets.validate(*_CHOICES, *_RANGES, "start")
    def _can_be(self, proposal):
        return _checked(proposal.trait.name, proposal.value, self.steps)

    @traitlets.validate("kept")
    def _are_runs(self, proposal):
        for run in proposal.value:
            if set(run) != set(_SETTINGS):
                raise traitlets.TraitError("kept must hold settings of runs, as lab.settings gives "
                                           f"them, got {run!r}")
            for name, value in run.items():
                _checked(name, value, run["steps"])
        return proposal.value

    # What follows from what. The page does the same when the change comes from there.

    def set_state(self, sync_data):
        """Take over what the page has set."""
        self._from_page = True
        try:
            super().set_state(sync_data)
        finally:
            self._from_page = False

    @traitlets.observe(*_SETTINGS)
    def _new_run(self, change):
        if self._from_page or change.old is traitlets.Undefined:
            return
        self.prediction = _OPEN
        self.warmup = min(self.warmup, self.steps)
        self.step = self.steps
        if change.name in ("target", "reduction"):
            self.kept = []  # their losses have another floor or another scale

    @traitlets.observe("prediction")
    def _predicted(self, change):
        done = None in change.new or None not in change.old
        if self._from_page or done or not self.predict_first:
            return
        run, (right, made) = self.trajectory, self.score
        right += (change.new[0] == run.swings) + (change.new[1] == run.end)
        self.score = right, made + 2

    # What the outside reads.

    @property
    def settings(self):
        """The traits that make a run, by name: ``LearningRateLab(**lab.settings)``."""
        return {name: getattr(self, name) for name in _SETTINGS}

    @property
    def trajectory(self):
        """The run that follows from the settings, a :class:`polylab.descent.Trajectory`."""
        inertia = {"momentum": self.momentum} if self.optimiser == "momentum" else {}
        return problem(self.basis, self.target, self.reduction).descend(
            start_coefficients(self.basis, self.start, self.seed), self.rate, self.steps,
            self.optimiser, schedule=self.schedule, warmup=self.warmup, batch=self.batch,
            replacement=self.replacement, seed=self.seed, **inertia)

    @property
    def hidden(self):
        """Whether the run is still to be predicted."""
        return self.predict_first and None in self.prediction

    def __repr__(self):
        """Return the state in one line; a run still to be predicted keeps its secret."""
        outcome = "to be predicted"
        if not self.hidden:
            run = self.trajectory
            outcome = f"{'it swings' if run.swings else 'nothing swings'}, {run.end}"
        return (f"LearningRateLab({self.optimiser}, rate {rate_text(self.rate)}, {self.basis}, "
                f"{self.steps} steps: {outcome})")

    def reading(self):
        """Return what the lab is, and what it holds, as HTML."""
        if self.hidden:
            outcome = "Predict: does anything swing, and where does the run end?"
        else:
            run = self.trajectory
            last = run.losses[-1]
            where = f"at loss {last:.5g}" if math.isfinite(last) else "beyond all numbers"
            outcome = (f"{'Something' if run.swings else 'Nothing'} swings, and the run ends "
                       f"{where}: {run.end}.")
        return ("<p><b>The learning-rate lab.</b> "
                f"{html.escape(self.optimiser)}, rate {rate_text(self.rate)}, {self.steps:,} "
                f"steps. {outcome}</p><p>The lab moves in JupyterLab, and on a page with "
                "JavaScript.</p>")


def _checked(name, value, steps):
    """Return the value of a trait, or say what it must be."""
    if name in _CHOICES and value not in _CHOICES[name]:
        wanted = f"one of {', '.join(_CHOICES[name])}"
    elif name in _RANGES:
        least, most = _RANGES[name]
        if name in ("warmup", "step"):
            most = steps
        if isinstance(value, int | float) and least <= value <= most:
            return value
        wanted = f"between {least:g} and {most:g}"
    elif name == "start" and value not in (*STARTS, "random"):
        if isinstance(value, list | tuple) and len(value) == 4 and all(
                isinstance(one, int | float) and abs(one) <= 1000 for one in value):
            return [float(one) for one in value]
        wanted = f"one of {', '.join(STARTS)}, random, or four numbers between −1000 and 1000"
    else:
        return value
    raise traitlets.TraitError(f"{name} must be {wanted}, got {value!r}")
