"""Checks two functions that save the state of a training run and go on from it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from itertools import combinations

import numpy

from polylab.checks.engine.common import checker, require_function
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import blank_line
from polylab.checks.engine.verdict import NotAttempted, Refusal

PARTS = {
    "model": "the weights of the model",
    "optimiser": "the state of the optimiser",
    "scheduler": "the state of the scheduler",
    "generator": "the state of the generator that deals the batches",
    "dropout": "the state of PyTorch's own generator, from which `nn.Dropout` draws",
}
HINT = "go through the parts of the run one by one: which of them remembers something?"
RUNS = "Both functions run."
EPOCHS = 2  # before the checkpoint, and again after it
SAME = 1e-12  # a difference of two weights that counts as none
OBJECTS = ("model", "optimiser", "scheduler", "generator")


@dataclass(frozen=True)
class Setting:
    """One kind of run: which optimiser and which scheduler, how many units, in which dtype."""

    optimiser: str
    scheduler: str
    units: int
    dtype: str


SETTINGS = (Setting("AdamW", "falling", 6, "float64"), Setting("SGD", "steps", 3, "float32"))


@checker
def check_checkpoint(save, resume):
    """Check that a run which is resumed ends at the same numbers as one that was never stopped.

    Parameters
    ----------
    save : callable
        ``save(model, optimiser, scheduler, generator)`` returns whatever has to be kept: a dict,
        a tuple, a buffer. The model holds ``nn.Dropout``, which draws from PyTorch's own
        generator; the one that is handed over deals the batches. Training goes on afterwards.
    resume : callable
        ``resume(saved, model, optimiser, scheduler, generator)`` puts what was kept into fresh
        objects of the same kinds. What it returns is not looked at.

    Returns
    -------
    Verdict

    Notes
    -----
    The oracle is the run itself, trained to the end in one go. To name what is missing, it is
    resumed from each choice of parts.
    """
    require_function(save, *OBJECTS)
    blank = blank_line(resume)
    if blank:
        raise NotAttempted(blank)
    require_function(resume, "saved", *OBJECTS)
    whole = [_whole(setting) for setting in SETTINGS]
    later = [_resumed(save, resume, setting) for setting in SETTINGS]
    if not all(_same(one.unbroken, right) for one, right in zip(later, whole, strict=True)):
        raise Refusal(RUNS, "Saving disturbs the run: it goes on to other numbers than without.",
                      "`save` should only read: it draws nothing, and leaves the mode as it is.")
    ends = [one.resumed for one in later]
    if all(map(_same, ends, whole)):
        return "Right: the resumed run ends at the same numbers as the one that was never stopped."
    _name_what_is_missing(ends)
    ends = [_resumed(save, resume, setting, goes_on=False).resumed for setting in SETTINGS]
    if all(map(_same, ends, whole)):
        raise Refusal("Resumed at once, the run is the same.",
                      "What was saved has changed while the training went on: `state_dict()` "
                      "hands out the live tensors.", "a checkpoint is a copy: which function "
                      "copies a dict with all that is in it?")
    _name_what_is_missing(ends)
    raise Refusal(RUNS, "The resumed run ends at other numbers than the one that was never "
                  "stopped.", HINT)


def _name_what_is_missing(ends):
    """Refuse, if exactly one choice of parts that stay fresh explains where the runs end."""
    found = [missing for count in range(1, len(PARTS) + 1)
             for missing in combinations(PARTS, count)]
    for end, setting in zip(ends, SETTINGS, strict=True):
        wanted = _resumed_without(found, setting)
        found = [missing for missing, right in zip(found, wanted, strict=True)
                 if _same(end, right)]
    if len(found) != 1:
        return
    (missing,) = found
    if set(OBJECTS) <= set(missing):
        raise Refusal(RUNS, "Nothing of what was saved arrives in the fresh objects.",
                      "an assignment binds a name inside the function; which method changes the "
                      "object itself?")
    *first, last = (PARTS[part] for part in missing)
    listed = f"{', '.join(first)} and {last}" if first else last
    raise Refusal(RUNS, f"The resumed run goes on without {listed}.", HINT)


# --- the runs -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Ends:
    """Where two runs end: the one that was saved and went on, and the one that was resumed."""

    unbroken: numpy.ndarray
    resumed: numpy.ndarray


def _whole(setting):
    """Return where a run ends that was never stopped."""
    import torch

    def run():
        objects = _fresh(setting, 1)
        torch.default_generator.manual_seed(11)
        _train(objects, 2 * EPOCHS)
        return _weights(objects)

    return call(run).value


def _resumed(save, resume, setting, goes_on=True):
    """Return where a run ends that is saved, goes on or not, and is resumed with fresh objects."""
    import torch

    def run():
        objects, others = _fresh(setting, 1), _fresh(setting, 2)
        torch.default_generator.manual_seed(11)
        _train(objects, EPOCHS)
        saved = save(*objects)
        if goes_on:
            _train(objects, EPOCHS)
        torch.default_generator.manual_seed(12)
        resume(saved, *others)
        _train(others, EPOCHS)
        return _Ends(_weights(objects), _weights(others))

    return call(run, owner=save).value


def _resumed_without(choices, setting):
    """Return where a run ends that is rightly resumed, but for some parts that stay fresh.

    Parameters
    ----------
    choices : sequence of tuple of str
        The PARTS that stay fresh: one resumed run for each choice.
    setting : Setting

    Returns
    -------
    list of array
    """
    import torch

    def run():
        *parts, generator = objects = _fresh(setting, 1)
        torch.default_generator.manual_seed(11)
        _train(objects, EPOCHS)
        states = copy.deepcopy([*(part.state_dict() for part in parts), generator.get_state(),
                                torch.get_rng_state()])
        ends = []
        for missing in choices:
            *parts, generator = objects = _fresh(setting, 2)
            torch.default_generator.manual_seed(12)
            setters = [*(part.load_state_dict for part in parts), generator.set_state,
                       torch.set_rng_state]
            saved = copy.deepcopy(states)  # an optimiser goes on with the tensors that it loads
            for part, put_back, state in zip(PARTS, setters, saved, strict=True):
                if part not in missing:
                    put_back(state)
            _train(objects, EPOCHS)
            ends.append(_weights(objects))
        return ends

    return call(run).value


def _fresh(setting, seed):
    """Return a model, an optimiser, a scheduler and a generator, all new."""
    import torch

    torch.default_generator.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(2, setting.units), torch.nn.Tanh(),
                                torch.nn.Dropout(0.3), torch.nn.Linear(setting.units, 1))
    model.to(getattr(torch, setting.dtype))
    if setting.optimiser == "AdamW":
        optimiser = torch.optim.AdamW(model.parameters(), lr=0.05, weight_decay=0.1)
    else:
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    if setting.scheduler == "falling":
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 / (1 + step))
    else:
        scheduler = torch.optim.lr_scheduler.StepLR(optimiser, step_size=4, gamma=0.5)
    return model, optimiser, scheduler, torch.Generator().manual_seed(20 + seed)


def _train(objects, epochs):
    import torch

    model, optimiser, scheduler, generator = objects
    random = numpy.random.default_rng(70)
    dtype = model[0].weight.dtype
    inputs = torch.from_numpy(random.normal(size=(12, 2))).to(dtype)
    targets = torch.from_numpy(random.normal(size=(12, 1))).to(dtype)
    for _ in range(epochs):
        for rows in torch.randperm(12, generator=generator).split(4):
            loss = ((model(inputs[rows]) - targets[rows]) ** 2).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            scheduler.step()


def _weights(objects):
    return numpy.concatenate([parameter.detach().double().numpy().ravel()
                              for parameter in objects[0].parameters()])


def _same(one, other):
    return bool(numpy.abs(one - other).max() <= SAME)
