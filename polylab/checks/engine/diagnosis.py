"""Names a mistake: only the one that explains every try, and that no other explains as well.

The rule of every kind of answer: a learner is told of a mistake only if an answer with this
mistake would have given, for *every* try, what came back, and if no other known mistake would
have. Where none or several do, the checker says what is right and what is not, in numbers, and
stops. `name_the_mistake` is that rule; a kind of answer brings its list of mistakes.

A difference that is small on every try may be a rounding or a small term too many. They differ on
data of small whole numbers, such as x = −1, 0, 1, 2 and coefficients 1, −2, 0, 1: there even
float16 rounds nothing, so a rounding vanishes and a term does not. `name_lost_digits` asks for
the answer to such a try, and, to tell float32 from a rounding, to one with small numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from polylab.checks.engine.verdict import Refusal

NEARLY = ("are digits lost on the way, or is a setting or a small term not the one that is asked "
          "for?")
SMALL = 1e-2  # a relative difference that a rounding may make
DIGITS_OF_FLOAT32 = range(5, 9)  # right digits; sums lose some, and many terms average errors out


@dataclass(frozen=True)
class Mistake:
    """One known way to get an answer wrong.

    Parameters
    ----------
    guess : callable
        ``guess(data)`` returns what an answer with this mistake gives for a try.
    wrong, hint : str
        The sentence that names the mistake, and a push in the right direction.
    right : str, optional
        What is right about it, where that is more than what every try has shown.
    """

    guess: Callable
    wrong: str
    hint: str
    right: str = ""


def name_the_mistake(mistakes, tries, given, near, right=""):
    """Refuse, by the name of the one mistake that explains all tries; else come back.

    Parameters
    ----------
    mistakes : iterable of Mistake
        Two that say the same are one.
    tries : sequence
        The data of the tries. A mistake is dropped at the first one that it does not explain, so
        let the quickest stand first.
    given : sequence
        What came back for each.
    near : callable
        ``near(given, guess, data)`` tells whether what came back is what was guessed.
    right : str, optional
        What is right, where the mistake does not say it.
    """
    named = {}
    for mistake in mistakes:
        with numpy.errstate(all="ignore"):
            if all(near(came, mistake.guess(data), data)
                   for data, came in zip(tries, given, strict=True)):
                named.setdefault((mistake.wrong, mistake.hint), mistake)
    if len(named) == 1:
        (mistake,) = named.values()
        raise Refusal(mistake.right or right, mistake.wrong, mistake.hint)


def how_far(given, wanted, sizes):
    """Return the largest difference of all tries, relative to the size of what is added up.

    Parameters
    ----------
    given, wanted, sizes : sequence of array or float
        One for each try.

    Returns
    -------
    float
        inf where what came is not finite.
    """
    off = [numpy.max(numpy.abs(numpy.asarray(came) - right) / size, initial=0.0)
           for came, right, size in zip(given, wanted, sizes, strict=True)]
    return float(max(one if numpy.isfinite(one) else numpy.inf for one in off))


def name_lost_digits(off, right_on_whole_numbers, off_on_small_numbers=None):
    """Refuse an answer that is right except for its last digits; else come back.

    Parameters
    ----------
    off : float
        See `how_far`; of the tries in float64.
    right_on_whole_numbers : bool or callable
        Whether the answer is exact on data of small whole numbers; a callable is asked only
        where it matters.
    off_on_small_numbers : callable, optional
        Returns the same as ``off`` for data that are 10,000 times smaller. float32 keeps its
        digits there, and a rounding behind the point does not.
    """
    if not 0 < off <= SMALL:
        return
    if not (right_on_whole_numbers() if callable(right_on_whole_numbers)
            else right_on_whole_numbers):
        return
    kept = math.floor(-math.log10(off))
    floats = kept in DIGITS_OF_FLOAT32 and (
        off_on_small_numbers is None or off_on_small_numbers() < 100 * off)
    like = "made in float32" if floats else "rounded, or made in float16"
    raise Refusal("On small whole numbers it is right.",
                  f"With other float64 data digits are lost: only {kept} are right, as if some "
                  f"array on the way were {like}.", "what on the way has fewer digits than the "
                  "data?")
