"""What a checker says, and how it says no."""

from __future__ import annotations

from dataclasses import dataclass

from polylab.checks.engine.grading import is_graded


@dataclass(frozen=True, repr=False)
class Verdict:
    """The answer of a checker: did it pass, and why.

    As the last expression of a cell it shows its message; ``bool(verdict)`` is ``passed``, so
    a teacher can collect it.

    Parameters
    ----------
    passed : bool
        Whether the answer is right.
    message : str
        One to three plain sentences: what is right, what is wrong, a hint.
    """

    passed: bool
    message: str

    def __bool__(self):
        """Return whether the answer passed."""
        return self.passed

    def __repr__(self):
        """Return the message, so that a cell ending in a verdict shows it."""
        return self.message

    def _ipython_display_(self):
        """Print the message where nbgrader is at work: it takes a shown result for a mark."""
        if not is_graded():
            raise NotImplementedError  # IPython shows the repr
        print(self.message)


class Refusal(Exception):
    """A reason to refuse an answer, raised inside a checker and turned into a `Verdict`.

    Parameters
    ----------
    right, wrong, hint : str
        One sentence each, in the order in which the learner reads them; empty ones are left out.
    """

    def __init__(self, right="", wrong="", hint=""):
        self.wrong, self.hint = wrong, hint
        sentences = [right, wrong, f"Hint: {hint}" if hint else ""]
        super().__init__(" ".join(sentence for sentence in sentences if sentence))


class NotAttempted(Refusal):
    """The learner has not written an answer yet.

    Parameters
    ----------
    where : str
        Where that shows.
    """

    def __init__(self, where):
        stop = "" if where.endswith((".", "?")) else "."
        super().__init__(wrong=f"Not attempted yet: {where}{stop}")
