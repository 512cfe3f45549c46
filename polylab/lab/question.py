"""Multiple-choice questions that explain each choice, with a kernel and without one."""

import html
import re

import traitlets

from polylab.lab.widget import Widget

_LETTERS = "ABCDEFGH"


class Question(Widget, module="question"):
    """One question, one right choice, and an explanation for every choice.

    The choices are buttons. Once one is pressed the learner is told why it is right or wrong, and
    the explanations of all can be unfolded.

    Parameters
    ----------
    prompt : str
        The question.
    right : tuple of two str
        The right choice and why it is right.
    wrong : sequence of tuples of two str
        The other choices, one to seven, each with why it is wrong.

    Attributes
    ----------
    choice : str or None
        The letter that the learner chose, or None before the first answer:
        ``question.choice = "B"`` presses a button.
    choices : dict from str to two str
        Each letter with its choice and its explanation.
    answer : str
        The letter of the right choice.
    answered, correct : bool
        Whether a choice was made, and whether it is the right one.
    feedback : str
        What the learner is told, empty before the first answer.

    Raises
    ------
    ValueError
        If there is no wrong choice or more than seven, or two choices read the same.
    traitlets.TraitError
        If ``choice`` is set to what is no letter of the question.

    Notes
    -----
    The right choice stands at a place that depends only on the text of the question, so that it
    is the same in every run and not always the first.
    """

    prompt = traitlets.Unicode(read_only=True).tag(sync=True)
    choices = traitlets.Dict(read_only=True).tag(sync=True)
    answer = traitlets.Unicode(read_only=True).tag(sync=True)
    verdicts = traitlets.Dict({"right": "Right", "wrong": "Not yet"},
                              read_only=True).tag(sync=True)
    choice = traitlets.Unicode(None, allow_none=True).tag(sync=True)

    def __init__(self, prompt, right, wrong):
        choices = [tuple(choice) for choice in wrong]
        if not 1 <= len(choices) < len(_LETTERS):
            raise ValueError(f"wrong must hold 1 to {len(_LETTERS) - 1} choices, "
                             f"got {len(choices)}")
        place = sum(prompt.encode()) % (len(choices) + 1)
        choices.insert(place, tuple(right))
        if len({text for text, _ in choices}) < len(choices):
            raise ValueError(f"every choice must read differently, got {choices}")
        self.set_trait("prompt", prompt)
        self.set_trait("choices", dict(zip(_LETTERS, choices, strict=False)))
        self.set_trait("answer", _LETTERS[place])
        super().__init__()

    @traitlets.validate("choice")
    def _is_a_letter(self, proposal):
        if proposal.value is not None and proposal.value not in self.choices:
            raise traitlets.TraitError(f"choice must be one of {', '.join(self.choices)}, or None, "
                                       f"got {proposal.value!r}")
        return proposal.value

    @property
    def answered(self):
        """Whether a choice was made."""
        return self.choice is not None

    @property
    def correct(self):
        """Whether the choice made is the right one."""
        return self.choice == self.answer

    @property
    def feedback(self):
        """What the learner is told about the choice, empty before the first answer."""
        if not self.answered:
            return ""
        verdict = self.verdicts["right" if self.correct else "wrong"]
        return f"{verdict}, {self.choice}. {self.choices[self.choice][1]}"

    def __repr__(self):
        """Return the state in one line."""
        state = "no answer yet" if not self.answered else f"answered {self.choice}"
        return f"Question({state}, {len(self.choices)} choices)"

    def reading(self):
        """Return the question, its choices and the folded explanations as HTML."""
        choices = [f"{letter}. {_inline(text)}" for letter, (text, _) in self.choices.items()]
        reasons = [
            f"{letter}. {'<b>Right.</b> ' if letter == self.answer else ''}{_inline(reason)}"
            for letter, (_, reason) in self.choices.items()
        ]
        return (
            f"<p><b>{_inline(self.prompt)}</b></p><p>{'<br>'.join(choices)}</p>"
            f"<details><summary>Explanations</summary><p>{'<br>'.join(reasons)}</p></details>"
        )


def _inline(text):
    """Return the text as HTML, with `code` between backticks."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
