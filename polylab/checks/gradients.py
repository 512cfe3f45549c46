"""Checks a learner's gradient of the cubic's loss."""

from __future__ import annotations

from dataclasses import replace

import numpy

from polylab.checks.engine.common import (
    MEMORY,
    ONE_DATA_SET,
    call_twice,
    checker,
    constants_sentence,
    is_or_are,
    remembers,
    require_autograd,
    require_choice,
    require_function,
    require_own_work,
    why_it_varies,
)
from polylab.checks.engine.diagnosis import (
    NEARLY,
    SMALL,
    Mistake,
    how_far,
    name_lost_digits,
    name_the_mistake,
)
from polylab.checks.engine.guard import call
from polylab.checks.engine.trials import make_trial, make_trials, make_whole_trial
from polylab.checks.engine.values import (
    TOLERANCE,
    close,
    read_numbers,
    require_finite,
    require_fractions,
    require_kind,
    require_precision,
    require_shape,
    show,
    to_library,
)
from polylab.checks.engine.verdict import Refusal
from polylab.checks.slopes import NAMES, make_mistakes, slope, term_sizes
from polylab.data import FIRST_GUESS
from polylab.descent import LeastSquares
from polylab.gradients import exact_gradient, finite_difference_gradient, squared_error

RUNS = "It returns four finite numbers, one for each coefficient."


@checker
def check_gradient(answer, loss="sum", library="numpy"):
    """Check the gradient of the squared error of a cubic with respect to (a, b, c, d).

    Parameters
    ----------
    answer : callable
        ``answer(coefficients, x, y)``: coefficients of shape (4,), constant first; x and y of
        shape (n,). Returns four numbers: an array or tensor of shape (4,), or a tuple.
    loss : {"sum", "mean"}
        Whose gradient: the sum of squares, or their mean.
    library : {"numpy", "torch"}
        What x, y and the coefficients are. In torch autograd must find the gradient.

    Returns
    -------
    Verdict

    Notes
    -----
    The oracle is central differences of the loss with step 1. For a quadratic they have no
    truncation error, so they are as exact as the formula and know nothing of it.
    """
    require_choice("loss", loss, ("sum", "mean"))
    require_choice("library", library, ("numpy", "torch"))
    require_function(answer, "coefficients", "x", "y")
    require_own_work(answer, (exact_gradient, finite_difference_gradient, LeastSquares))
    trials = make_trials()
    wanted = [_oracle(trial, loss) for trial in trials]
    scales = [_scale(trial, loss) for trial in trials]
    readings = [_try(answer, trial, right, scale, library)
                for trial, right, scale in zip(trials, wanted, scales, strict=True)]
    given = [reading.numbers for reading in readings]
    if _explains(wanted, given, scales, trials, rounding="float32"):
        for reading, trial in zip(readings, trials, strict=True):
            require_kind(reading, library)
            require_precision(reading, trial.dtype, library)
    if not _explains(wanted, given, scales, trials):
        with numpy.errstate(all="ignore"):
            _diagnose(answer, trials, given, wanted, scales, loss, library)
    if library == "torch":
        require_autograd(answer, _arguments(trials[1], library))
    return (f"Right: on {len(trials)} sets of points your gradient of the {loss} of squares agrees "
            "with finite differences.")


def _share(trial, loss):
    return 1 if loss == "sum" else 1 / trial.n


def _scale(trial, loss):
    return term_sizes(*trial.exact()) * _share(trial, loss)


def _arguments(trial, library):
    return tuple(to_library(array, library) for array in (trial.coefficients, trial.x, trial.y))


def _oracle(trial, loss):
    coefficients, x, y = trial.exact()
    total = finite_difference_gradient(lambda c: squared_error(c, x, y), coefficients, step=1.0)
    return total * _share(trial, loss)


def _try(answer, trial, right, scale, library):
    def make():
        return _arguments(trial, library)

    reading, again, changed = call_twice(answer, make, ("coefficients", "x", "y"),
                                         lambda value: read_numbers(value, "four numbers"))
    n = trial.n
    unsummed = "It still has one number per point for each coefficient: the sum is missing."
    require_shape(reading, (4,), (
        ((4, n), unsummed, "sum over the points, not over the coefficients."),
        ((n, 4), unsummed, "sum over the points, not over the coefficients."),
        ((n,), "It returns one number per point, not one per coefficient.",
         "how does the loss change when b alone changes?"),
        ((n, n), f"Shapes (n, 1) and (n,) met and made {n:,} × {n:,} numbers.",
         "print the shape of the residual."),
        ((3,), _three(reading, right, scale, trial), "which coefficient has no part?"),
        ((), "It returns one number; each of the four coefficients needs its own.",
         "how does the loss change when b alone changes?"),
        ((4, 1), "The numbers come as a column of shape (4, 1); (4,) is wanted.",
         "which operation adds the second dimension?"),
        ((1, 4), "The numbers come as a row of shape (1, 4); (4,) is wanted.",
         "which operation adds the second dimension?"),
    ))
    if changed:
        fine = close(reading.numbers, right, scale, trial.dtype)
        raise Refusal("The numbers are right." if fine else "It runs.",
                      f"Its input {is_or_are(changed)} changed in place.",
                      "`-=` and the like change the caller's array; make a new one.")
    require_finite(reading, "the four numbers")
    require_fractions(reading, trial.dtype)
    if not close(again.numbers, reading.numbers, scale, trial.dtype):
        if close(reading.numbers, right, scale, trial.dtype) and (
                close(again.numbers, 2 * right, scale, trial.dtype)):
            raise Refusal("The first call is right.", "The second call returns the sum of 2 "
                          "gradients: they accumulate, because nothing is set back to zero.",
                          "which of the five lines of a step is missing?")
        raise Refusal("It returns four numbers.", *why_it_varies(
            answer, make, lambda value: read_numbers(value, "").numbers, reading.numbers))
    return reading


def _three(reading, right, scale, trial):
    for k, name in enumerate(NAMES):
        kept = numpy.delete(right, k)
        if close(reading.numbers, kept, numpy.delete(scale, k), trial.dtype):
            return f"It returns three numbers, all right; the one for {name} is missing."
    return "It returns three numbers; four are wanted, one per coefficient."


def _diagnose(answer, trials, given, wanted, scales, loss, library):
    if all(numpy.array_equal(numbers, given[0]) for numbers in given):
        raise Refusal(RUNS, "It returns the same four numbers whatever the data.",
                      "which lines use the parameters?")
    quick = sorted(range(len(trials)), key=lambda i: trials[i].n)
    came, constants = [given[i] for i in quick], constants_sentence(answer)

    def near(numbers, guess, i):
        return close(numbers, guess, numpy.maximum(scales[i], abs(guess)), trials[i].dtype)

    begin = numpy.array(FIRST_GUESS)
    name_the_mistake((
        Mistake(lambda i: trials[i].exact()[0],
                "It returns the coefficients themselves, not the gradient.",
                "how does the loss change when b alone changes?"),
        Mistake(lambda i: slope(begin, *trials[i].exact()[1:]) * _share(trials[i], loss),
                "It is the gradient at FIRST_GUESS, whatever `coefficients` come in.",
                "which parameter says where the gradient is wanted?"),
        *(Mistake(lambda i, wrong=mistake.gradient: wrong(*trials[i].exact()),
                  mistake.wrong(trials[0].n), mistake.hint) for mistake in make_mistakes(loss)),
    ), quick, came, near, RUNS)
    found = []
    for sentence, hint, what in (
        ("Every part is {:.4g} times what it should be.",
         "follow the constant factors through the chain rule.", lambda i: wanted[i]),
        ("It is the gradient plus {:.4g} times the coefficients.",
         "what is added to the loss or to the gradient?", lambda i: trials[i].exact()[0]),
    ):
        i, factor = quick[0], 1.0 if "times what" in sentence else 0.0
        more = float(what(i) @ (given[i] - wanted[i]) / (what(i) @ what(i)))
        found.append(Mistake(lambda i, what=what, more=more: wanted[i] + more * what(i),
                             sentence.format(factor + more), hint))
    name_the_mistake(found, quick, came, near, RUNS)

    def is_right(n, seed):
        trial = make_trial(n, seed)
        return close(read_numbers(call(answer, *_arguments(trial, library)).value, "").numbers,
                     _oracle(trial, loss), _scale(trial, loss), trial.dtype)

    if remembers(is_right):
        raise Refusal(RUNS, *MEMORY)
    off = _name_lost_digits(answer, trials, given, wanted, scales, loss, library)
    correct = [close(*one, trial.dtype)
               for *one, trial in zip(given, wanted, scales, trials, strict=True)]
    if all(fine for trial, fine in zip(trials, correct, strict=True) if trial.dtype == "float64"):
        raise Refusal("With float64 data it is right.", "With float32 data it is off by more than "
                      f"rounding{constants}.", "which line meets other numbers there?")
    right_parts = [name for k, name in enumerate(NAMES)
                   if all(close(numbers[k], right[k], scale[k], trial.dtype) for numbers, right,
                          scale, trial in zip(given, wanted, scales, trials, strict=True))]
    if right_parts:
        wrong_parts = [name for name in NAMES if name not in right_parts]
        raise Refusal(f"{RUNS[:-1]}, and {_parts(right_parts)} right.",
                      f"{_parts(wrong_parts).capitalize()} wrong.",
                      "how fast does the prediction change with that coefficient?")
    if TOLERANCE["float64"] < off <= SMALL:
        raise Refusal(RUNS, f"They are nearly right: off by up to {off:.1g} of the size of the "
                      "sums, which is more than rounding in float64.", NEARLY)
    good, bad = ({trial.n for trial, fine in zip(trials, correct, strict=True) if fine is which}
                 for which in (True, False))
    if good and good.isdisjoint(bad):
        right, wrong = (", ".join(f"{n:,}" for n in sorted(sizes)) for sizes in (good, bad))
        raise Refusal(f"It is right for n = {right}.", f"It is wrong for n = {wrong}{constants}.",
                      ONE_DATA_SET)
    i = next(i for i in quick if not correct[i])
    raise Refusal("On some data it is right." if good else RUNS,
                  f"On {trials[i].n:,} points it is {show(given[i])}; finite differences give "
                  f"{show(wanted[i])}{constants}.",
                  "change b a little, watch the loss, and compare the slope with yours.")


def _name_lost_digits(answer, trials, given, wanted, scales, loss, library):
    exact = [i for i, trial in enumerate(trials) if trial.dtype == "float64"]
    off = how_far(*([one[i] for i in exact] for one in (given, wanted, scales)))

    def right_on_whole_numbers():
        trial = make_whole_trial()
        reading = read_numbers(call(answer, *_arguments(trial, library)).value, "four numbers")
        return numpy.array_equal(reading.numbers, _share(trial, loss) * slope(*trial.exact()))

    def off_on_small_numbers():
        trial = make_trial(31, 5)
        small = replace(trial, y=1e-4 * trial.y, coefficients=1e-4 * trial.coefficients)
        reading = read_numbers(call(answer, *_arguments(small, library)).value, "four numbers")
        return how_far([reading.numbers], [_share(small, loss) * slope(*small.exact())],
                       [_scale(small, loss)])

    name_lost_digits(off, right_on_whole_numbers, off_on_small_numbers)
    return off


def _explains(guesses, given, scales, trials, rounding=None):
    return all(close(numbers, guess, scale, rounding or trial.dtype)
               for numbers, guess, scale, trial in zip(given, guesses, scales, trials, strict=True))


def _parts(names):
    return f"the part for {names[0]} is" if len(names) == 1 else (
        f"the parts for {', '.join(names[:-1])} and {names[-1]} are")

