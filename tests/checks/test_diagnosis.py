"""The rule of diagnosis: one mistake that explains every try, or numbers."""

import numpy
import pytest
from grading import assert_well_said

from polylab.checks.engine.diagnosis import Mistake, how_far, name_lost_digits, name_the_mistake
from polylab.checks.engine.verdict import Refusal

TRIES = (1.0, 2.0, 3.0)
DOUBLED = Mistake(lambda x: 2 * x, "It is doubled.", "count the factors.")
SQUARED = Mistake(lambda x: x * x, "It is squared.", "count the powers.", "It runs.")
AS_A_SUM = Mistake(lambda x: x + x, "It is added twice.", "count the terms.")


def near(came, guess, data):
    return came == guess


def name(mistakes, given, tries=TRIES):
    return name_the_mistake(mistakes, tries, given, near, right="It is a number.")


@pytest.mark.parametrize(("mistakes", "given", "said"), [
    ((DOUBLED, SQUARED), (2.0, 4.0, 6.0), "It is a number. It is doubled. Hint: count the factor"),
    ((DOUBLED, SQUARED), (1.0, 4.0, 9.0), "It runs. It is squared."),
    ((DOUBLED, DOUBLED), (2.0, 4.0, 6.0), "It is doubled."),
])
def test_the_one_mistake_that_explains_every_try_is_named(mistakes, given, said):
    with pytest.raises(Refusal, match=said) as refused:
        name(mistakes, given)
    assert_well_said(str(refused.value))


def test_a_mistake_that_explains_all_tries_but_one_is_not_named():
    name((DOUBLED, SQUARED), (2.0, 4.0, 7.0))


def test_of_two_that_explain_every_try_none_is_named():
    name((DOUBLED, AS_A_SUM), (2.0, 4.0, 6.0))
    name((DOUBLED, SQUARED), (4.0,), tries=(2.0,))


def test_how_far_is_the_largest_relative_difference_and_nan_is_far():
    assert how_far([numpy.array([1.0, 2.2]), 5.0], [numpy.array([1.0, 2.0]), 4.0],
                   [2.0, 10.0]) == pytest.approx(0.1)
    assert how_far([numpy.nan], [1.0], [1.0]) == numpy.inf


@pytest.mark.parametrize(("off", "said"), [
    (3e-8, "only 7 are right, as if some array on the way were made in float32"),
    (4e-4, "only 3 are right, as if some array on the way were rounded, or made in float16"),
    (1e-14, "only 14 are right, as if some array on the way were rounded"),
])
def test_digits_are_lost_where_whole_numbers_are_exact(off, said):
    with pytest.raises(Refusal, match=said) as refused:
        name_lost_digits(off, right_on_whole_numbers=True)
    assert_well_said(str(refused.value))
    name_lost_digits(off, right_on_whole_numbers=lambda: False)


def test_what_loses_more_digits_of_small_numbers_is_rounded_and_not_made_in_float32():
    for off_on_small, like in ((2e-8, "made in float32"), (1e-3, "rounded, or made in float16")):
        with pytest.raises(Refusal, match=like):
            name_lost_digits(3e-8, True, lambda off_on_small=off_on_small: off_on_small)


@pytest.mark.parametrize("off", [0.0, 0.5, numpy.inf])
def test_what_is_exact_or_far_off_has_lost_no_digits(off):
    name_lost_digits(off, right_on_whole_numbers=True)
