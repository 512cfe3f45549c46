"""What every checker does first and last, whatever kind of answer it is given."""

from __future__ import annotations

import functools
import inspect

from polylab.checks.engine.grading import hand_back
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import (
    blank_line,
    is_a,
    oracles_used,
    outside_constants,
    outside_data,
)
from polylab.checks.engine.state import keep_data_of, put_back_after
from polylab.checks.engine.values import describe, is_again
from polylab.checks.engine.verdict import NotAttempted, Refusal, Verdict

ONE_DATA_SET = "which number or formula in the code belongs to one data set only?"


def checker(judge):
    """Turn a function that raises `Refusal` into a checker that returns a `Verdict`.

    ``judge(answer, …)`` returns the message of a pass. Of an answer that fails, a ``...`` that was
    left in it is told rather than what came of it.
    """

    @functools.wraps(judge)
    def check(answer, *arguments, **named):
        try:
            message = put_back_after(lambda stop: judge(answer, *arguments, **named),
                                     keep_data_of(answer))
            verdict = Verdict(True, message)
        except Refusal as refusal:
            blank = blank_line(answer)
            refusal = NotAttempted(blank) if blank else refusal
            verdict = Verdict(False, str(refusal))
        return hand_back(verdict)

    return check


def require_choice(name, given, choices):
    """Raise ValueError for an argument that the author of the exercise has misspelt."""
    if given not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {given!r}")


def require_function(answer, *parameters):
    """Refuse anything that cannot be called with these parameters, or leans on outside data.

    Parameters
    ----------
    answer : object
        The learner's object.
    *parameters : str
        The names of what will be handed over, in order.
    """
    listed = ", ".join(parameters)
    if is_a(answer, type) or not callable(answer):
        raise Refusal("", f"A function of ({listed}) is wanted, {describe(answer)} came.",
                      "hand over the name of your function, without calling it.")
    signature = call(_signature, answer).value
    if signature is not None:
        try:
            signature.bind(*parameters)
        except TypeError:
            raise Refusal("It is a function.", f"It cannot be called with ({listed}).",
                          "compare the list of parameters after `def` with the task.") from None
    require_no_outside_data(answer, f"It takes ({listed}).")


def _signature(answer):
    try:
        return inspect.signature(answer)
    except (TypeError, ValueError):  # some built-in functions have none
        return None


def require_no_outside_data(answer, right):
    """Refuse code that reads data which it does not get as arguments."""
    names = outside_data(answer)
    if names:
        *first, last = (f"`{name}`" for name in names)
        listed = f"{', '.join(first)} and {last}" if first else last
        plural = len(names) > 1
        raise Refusal(
            right,
            f"It uses the global variable{'s' if plural else ''} {listed} from outside, so it "
            "computes with whatever was left there.",
            "use only the parameters and names made inside; then restart and run all.",
        )


def require_own_work(answer, oracles):
    """Refuse code that leaves its work to a function or class of the course that checks it.

    Parameters
    ----------
    answer : object
        The learner's object.
    oracles : sequence of function or class
        What the answer may not use.
    """
    names = oracles_used(answer, oracles)
    if names:
        work, hint = (("descent", "who is to make the updates here?") if names[0][0].isupper()
                      else ("gradient", "who is to find the gradient here, you by hand or "
                            "autograd?"))
        raise Refusal("It takes what it is given.",
                      f"It leaves the {work} to `{names[0]}`, which is there to check yours.",
                      hint)


def require_autograd(answer, arguments):
    """Refuse a right answer in torch that never goes back through a graph.

    Parameters
    ----------
    answer : callable
        The learner's function.
    arguments : tuple
        What it is called with, once more.
    """
    from torch.autograd.graph import saved_tensors_hooks

    went_back = []

    def watched(*given):
        with saved_tensors_hooks(lambda tensor: tensor, lambda kept: went_back.append(1) or kept):
            return answer(*given)

    try:
        call(watched, *arguments, owner=answer)
    except Refusal:  # torch.func, which is autograd too, does not go with hooks
        return
    if not went_back:
        raise Refusal("The numbers are right.", "The gradient is worked out by hand; here "
                      "autograd must find it.",
                      "which call goes back through the graph and fills `.grad`?")


def constants_sentence(answer):
    """Return a remark that names the CONSTANTS an answer leans on, or an empty string."""
    names = outside_constants(answer)
    return f" (it reads {' and '.join(f'`{name}`' for name in names[:3])})" if names else ""


def call_twice(answer, make_arguments, names, read):
    """Call the answer twice with the very same objects.

    Parameters
    ----------
    answer : callable
        The learner's function.
    make_arguments : callable
        Returns a fresh tuple of arguments, equal each time.
    names : tuple of str
        What the arguments are called.
    read : callable
        Makes of a returned value what should be kept of it. It is read at once, because the
        second call may change what the first returned.

    Returns
    -------
    first, second : object
        What was read after the first and after the second call.
    changed : list of str
        The names of the arguments that the first call changed in place. If there are any, the
        second call is left out and ``second`` is ``first``.
    """
    arguments, fresh = make_arguments(), make_arguments()
    first = read(call(answer, *arguments).value)
    changed = [name for name, now, then in zip(names, arguments, fresh, strict=True)
               if not _same(now, then)]
    second = first if changed else read(call(answer, *arguments, seed=1).value)
    return first, second, changed


def why_it_varies(answer, make_arguments, read, first):
    """Say why an answer gives another result when it is called a second time.

    Parameters
    ----------
    answer, make_arguments, read
        See `call_twice`.
    first : array
        What was read after the very first call, which had the seed 0.

    Returns
    -------
    wrong, hint : str
    """
    again = read(call(answer, *make_arguments()).value)
    if is_again(again, first):
        return ("Called twice with the same arguments it gives two different answers: it draws "
                "random numbers.", "which line draws, and what should stand there instead?")
    return ("Called twice with the same arguments it gives two different answers: something is "
            "left over from the first call.", "make everything anew in the function itself"
            ", and clear what adds up, such as gradients in `.grad`.")


def remembers(is_right):
    """Return whether an answer keeps something for each size of the data that it has met.

    Then, of two sets of data of one size, the one that comes first is judged right and the other
    wrong, whichever comes first.

    Parameters
    ----------
    is_right : callable
        ``is_right(n, seed)`` tries the answer on n points; a refusal counts as wrong.
    """
    def judge(n, seed):
        try:
            return is_right(n, seed)
        except Refusal:
            return False

    tries = ((61, 1), (61, 2), (62, 2), (62, 1))
    return [judge(*one) for one in tries] == [True, False, True, False]


MEMORY = ("Of two sets of points of one size the second comes out wrong: something is remembered "
          "from call to call.", "what outlives a call: a default, a global, an attribute?")


def _same(one, other):
    if type(one) in (int, float, str, bool, tuple):
        return one == other
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return bool(((one == other) | ((one != one) & (other != other))).all())


def is_or_are(names):
    """Return "`a` is" or "`a` and `b` are"."""
    return " and ".join(f"`{name}`" for name in names) + (" is" if len(names) == 1 else " are")
