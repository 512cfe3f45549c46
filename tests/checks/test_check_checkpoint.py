"""check_checkpoint: a resumed run ends where the unbroken one does, or what is missing is named."""

import copy
import io
import itertools

import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused

from polylab.checks import check_checkpoint


def save_dict(model, optimiser, scheduler, generator):
    return copy.deepcopy({"model": model.state_dict(), "optimiser": optimiser.state_dict(),
                          "scheduler": scheduler.state_dict(),
                          "generator": generator.get_state(), "dropout": torch.get_rng_state()})


def resume_dict(saved, model, optimiser, scheduler, generator):
    for name, part in {"model": model, "optimiser": optimiser, "scheduler": scheduler}.items():
        if name in saved:
            part.load_state_dict(saved[name])
    if "generator" in saved:
        generator.set_state(saved["generator"])
    if "dropout" in saved:
        torch.set_rng_state(saved["dropout"])


def save_buffer(model, optimiser, scheduler, generator):
    buffer = io.BytesIO()
    states = [part.state_dict() for part in (model, optimiser, scheduler)]
    torch.save([*states, generator.get_state(), torch.random.get_rng_state()], buffer)
    return buffer


def resume_buffer(saved, model, optimiser, scheduler, generator):
    saved.seek(0)
    *states, ours, theirs = torch.load(saved)
    for part, state in zip((model, optimiser, scheduler), states, strict=True):
        part.load_state_dict(state)
    generator.set_state(ours)
    torch.random.set_rng_state(theirs)


def save_by_hand(model, optimiser, scheduler, generator):
    weights = [parameter.detach().clone() for parameter in model.parameters()]
    return (weights, copy.deepcopy(optimiser.state_dict()), scheduler.last_epoch,
            generator.get_state(), torch.default_generator.get_state())


def resume_by_hand(saved, model, optimiser, scheduler, generator):
    weights, state, steps, ours, theirs = saved
    with torch.no_grad():
        for parameter, weight in zip(model.parameters(), weights, strict=True):
            parameter.copy_(weight)
    optimiser.load_state_dict(state)
    scheduler.last_epoch = steps
    generator.set_state(ours)
    torch.default_generator.set_state(theirs)


@pytest.mark.parametrize(("save", "resume"), [
    (save_dict, resume_dict), (save_buffer, resume_buffer), (save_by_hand, resume_by_hand)])
def test_right_answers_in_any_style_pass(save, resume):
    assert_passed(check_checkpoint(save, resume))


def without(*missing):
    def save(model, optimiser, scheduler, generator):
        saved = save_dict(model, optimiser, scheduler, generator)
        return {part: state for part, state in saved.items() if part not in missing}

    return save


NAMES = {"model": "the weights of the model", "optimiser": "the state of the optimiser",
         "scheduler": "the state of the scheduler", "generator": "that deals the batches",
         "dropout": "PyTorch's own generator"}


@pytest.mark.parametrize("missing", [
    *((part,) for part in NAMES), ("optimiser", "scheduler"), ("generator", "dropout"),
    ("optimiser", "scheduler", "generator", "dropout")], ids=" ".join)
def test_what_is_missing_is_named_and_nothing_else(missing):
    verdict = check_checkpoint(without(*missing), resume_dict)
    assert_refused(verdict, "The resumed run goes on without", *(NAMES[part] for part in missing))
    assert not any(NAMES[part] in verdict.message for part in set(NAMES) - set(missing))


def save_live(model, optimiser, scheduler, generator):
    return {"model": model.state_dict(), "optimiser": optimiser.state_dict(),
            "scheduler": scheduler.state_dict(), "generator": generator.get_state(),
            "dropout": torch.get_rng_state()}


def save_live_weights(model, optimiser, scheduler, generator):
    return save_dict(model, optimiser, scheduler, generator) | {"model": model.state_dict()}


def save_live_without_optimiser(model, optimiser, scheduler, generator):
    saved = save_live(model, optimiser, scheduler, generator)
    del saved["optimiser"]
    return saved


def save_live_without_dropout(model, optimiser, scheduler, generator):
    saved = save_live(model, optimiser, scheduler, generator)
    del saved["dropout"]
    return saved


def save_and_draw(model, optimiser, scheduler, generator):
    saved = save_dict(model, optimiser, scheduler, generator)
    model(torch.ones_like(model[0].weight[:1]))
    return saved


def save_in_eval(model, optimiser, scheduler, generator):
    model.eval()
    return save_dict(model, optimiser, scheduler, generator)


def save_and_shift(model, optimiser, scheduler, generator):
    for parameter in model.parameters():
        parameter.data *= 1.001
    return save_dict(model, optimiser, scheduler, generator)


def resume_by_names(saved, model, optimiser, scheduler, generator):
    model = saved["model"]
    return model


def save_nothing(model, optimiser, scheduler, generator):
    return None


def resume_nothing(saved, model, optimiser, scheduler, generator):
    pass


def resume_misspelt(saved, model, optimiser, scheduler, generator):
    model.load_state_dict(saved["modle"])


def resume_with_a_smaller_rate(saved, model, optimiser, scheduler, generator):
    resume_dict(saved, model, optimiser, scheduler, generator)
    optimiser.param_groups[0]["lr"] *= 0.5


@pytest.mark.parametrize(("save", "resume", "fragment"), [
    (save_live, resume_dict, "has changed while the training went on"),
    (save_live_weights, resume_dict, "has changed while the training went on"),
    (save_live_without_optimiser, resume_dict, "without the state of the optimiser"),
    (save_live_without_dropout, resume_dict, "PyTorch's own generator"),
    (save_and_draw, resume_dict, "Saving disturbs the run"),
    (save_in_eval, resume_dict, "Saving disturbs the run"),
    (save_and_shift, resume_dict, "Saving disturbs the run"),
    (save_dict, resume_by_names, "Nothing of what was saved arrives"),
    (save_nothing, resume_nothing, "Nothing of what was saved arrives"),
    (save_dict, resume_misspelt, "KeyError"),
    (save_dict, resume_with_a_smaller_rate, "ends at other numbers"),
    (lambda model: None, resume_dict, "cannot be called with (model, optimiser"),
    (save_dict, save_dict, "cannot be called with (saved, model"),
])
def test_wrong_answers_are_named(save, resume, fragment):
    assert_refused(check_checkpoint(save, resume), fragment)


def test_the_parts_of_a_run_are_told_apart():
    """Each choice of missing parts ends at numbers of its own, or the names would be guesses."""
    from polylab.checks.checkpoints import PARTS, SETTINGS, _resumed_without, _same, _whole

    choices = [missing for count in range(len(PARTS) + 1)
               for missing in itertools.combinations(PARTS, count)]
    ends = _resumed_without(choices, SETTINGS[0])
    assert _same(ends[0], _whole(SETTINGS[0]))
    assert not any(_same(one, other) for one, other in itertools.combinations(ends, 2))


def starter(saved, model, optimiser, scheduler, generator):
    return ...


def test_a_starter_is_not_attempted():
    assert_not_attempted(check_checkpoint(..., ...))
    assert_not_attempted(check_checkpoint(save_dict, starter))
