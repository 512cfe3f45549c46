"""The tasks of notebook 17: right answers pass, each near miss gets its own diagnosis."""

import itertools
import math

import numpy
import pytest
import torch
from grading import assert_passed, assert_refused

from polylab.checks import check_tensor


def stop_by_loop(losses, patience):
    best, kept = math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best:
            best, kept = loss, epoch
        if epoch - kept == patience:
            return kept, epoch
    return kept, len(losses)


def stop_by_running_minimum(losses, patience):
    best_so_far = numpy.minimum.accumulate(losses)
    news = [0, *(numpy.flatnonzero(best_so_far[1:] < best_so_far[:-1]) + 1), len(losses)]
    for kept, following in itertools.pairwise(news):
        if following - kept > patience:
            return kept + 1, kept + 1 + patience
    return news[-2] + 1, len(losses)


def report_in_numpy(validation, validation_y, test, test_y):
    chosen = ((validation - validation_y) ** 2).mean(1).argmin()
    return chosen, ((test[chosen] - test_y) ** 2).mean()


def report_in_torch(validation, validation_y, test, test_y):
    sets = [torch.as_tensor(part) for part in (validation, validation_y, test, test_y)]
    errors = [torch.nn.functional.mse_loss(row, sets[1]) for row in sets[0]]
    chosen = min(range(len(errors)), key=errors.__getitem__)
    return chosen, torch.nn.functional.mse_loss(sets[2][chosen], sets[3])


@pytest.mark.parametrize(("task", "answer"), [
    ("stop_in_time", stop_by_loop),
    ("stop_in_time", stop_by_running_minimum),
    ("report_the_chosen", report_in_numpy),
    ("report_the_chosen", report_in_torch),
])
def test_right_answers_in_any_style_pass(task, answer):
    assert_passed(check_tensor(answer, task))


def stop_from_zero(losses, patience):
    kept, last = stop_by_loop(losses, patience)
    return kept - 1, last - 1


def stop_and_keep_the_last(losses, patience):
    return (stop_by_loop(losses, patience)[1],) * 2


def stop_and_see_the_future(losses, patience):
    return int(losses.argmin()) + 1, stop_by_loop(losses, patience)[1]


def stop_without_counting_anew(losses, patience):
    best, kept, waited = math.inf, 0, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < best:
            best, kept = loss, epoch
        else:
            waited += 1
        if waited == patience:
            return kept, epoch
    return kept, len(losses)


def stop_one_late(losses, patience):
    return stop_by_loop(losses, patience + 1)


def stop_at_a_tie(losses, patience):
    best, kept = math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss <= best:
            best, kept = loss, epoch
        if epoch - kept == patience:
            break
    return kept, epoch


def stop_for_clear_gains(losses, patience):
    best, kept = math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        if loss < 0.999 * best:
            best, kept = loss, epoch
        if epoch - kept == patience:
            break
    return kept, epoch


def stop_without_an_end(losses, patience):
    kept, epoch = stop_by_loop(losses, patience)
    return kept, epoch if epoch - kept == patience else kept


def stop_at_rises(losses, patience):
    rises = 0
    for epoch in range(1, len(losses)):
        rises = rises + 1 if losses[epoch] > losses[epoch - 1] else 0
        if rises == patience:
            return int(losses[:epoch].argmin()) + 1, epoch + 1
    return int(losses.argmin()) + 1, len(losses)


def never_stop(losses, patience):
    return int(losses.argmin()) + 1, len(losses)


def stop_at_once(losses, patience):
    return stop_by_loop(losses, 1)


def errors_of(validation, validation_y, test, test_y):
    return ((validation - validation_y) ** 2).mean(1), ((test - test_y) ** 2).mean(1)


def report_chosen_by_test(*sets):
    _, test = errors_of(*sets)
    return test.argmin(), test.min()


def report_validation(*sets):
    validation, _ = errors_of(*sets)
    return validation.argmin(), validation.min()


def report_best_of_the_test(*sets):
    validation, test = errors_of(*sets)
    return validation.argmin(), test.min()


def report_chosen_by_both(*sets):
    validation, test = errors_of(*sets)
    return (validation + test).argmin(), test[(validation + test).argmin()]


def report_sum(*sets):
    chosen, error = report_in_numpy(*sets)
    return chosen, error * len(sets[3])


def report_root(*sets):
    chosen, error = report_in_numpy(*sets)
    return chosen, error**0.5


def named(report):
    def answer(validation, validation_y, test, test_y):
        return report(validation, validation_y, test, test_y)

    return answer


WRONG = [
    ("stop_in_time", stop_from_zero, "counted from 0"),
    ("stop_in_time", stop_and_keep_the_last, "keeps the weights of the last epoch"),
    ("stop_in_time", stop_and_see_the_future, "lies behind the stop"),
    ("stop_in_time", stop_without_counting_anew, "from the beginning"),
    ("stop_in_time", stop_one_late, "one epoch too late"),
    ("stop_in_time", stop_at_a_tie, "taken for a new best"),
    ("stop_in_time", stop_for_clear_gains, "wrong"),
    ("stop_in_time", stop_without_an_end, ""),
    ("stop_in_time", stop_at_rises, "worse than the one before"),
    ("stop_in_time", never_stop, "never stops early"),
    ("stop_in_time", stop_at_once, "`patience` is not used"),
    ("stop_in_time", lambda losses, patience: stop_by_loop(losses, patience)[0], "2 values"),
    ("report_the_chosen", named(report_chosen_by_test), "The test set has chosen"),
    ("report_the_chosen", named(report_validation), "that of the validation set"),
    ("report_the_chosen", named(report_best_of_the_test), "the smallest of all on the test set"),
    ("report_the_chosen", named(report_chosen_by_both), "The test set has helped to choose"),
    ("report_the_chosen", named(report_sum), "the error is a sum"),
    ("report_the_chosen", named(report_root), "the root of the mean square"),
    ("report_the_chosen", named(lambda *sets: report_in_numpy(*sets)[0]), "2 values"),
]


@pytest.mark.parametrize(("task", "answer", "fragment"), WRONG)
def test_wrong_answers_are_named(task, answer, fragment):
    assert_refused(check_tensor(answer, task), fragment)
