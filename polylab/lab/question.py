"""Multiple-choice questions that explain each choice, with a kernel and without one."""

import html
import re

import ipywidgets
from IPython.display import HTML, display

_LETTERS = "ABCDEFGH"


class Question(ipywidgets.VBox):
    """One question, one right choice, and an explanation for every choice.

    With a kernel the learner presses a letter and is told why that choice is right or wrong.
    Without one the question, the choices and the folded explanations can still be read: they are
    also displayed as plain HTML.

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
    letters : ipywidgets.ToggleButtons
        The choice of the learner: ``question.letters.value = "B"``; None before the first answer.
    answered, correct : bool
        Whether a choice was made, and whether it is the right one.
    feedback : str
        What the learner is told, empty before the first answer.

    Raises
    ------
    ValueError
        If there is no wrong choice or more than seven, or two choices read the same.

    Notes
    -----
    The right choice stands at a place that depends only on the text of the question, so that it
    is the same in every run and not always the first.
    """

    def __init__(self, prompt, right, wrong):
        choices = [tuple(choice) for choice in wrong]
        if not 1 <= len(choices) < len(_LETTERS):
            raise ValueError(f"wrong must hold 1 to {len(_LETTERS) - 1} choices, "
                             f"got {len(choices)}")
        place = sum(prompt.encode()) % (len(choices) + 1)
        choices.insert(place, tuple(right))
        if len({text for text, _ in choices}) < len(choices):
            raise ValueError(f"every choice must read differently, got {choices}")
        self.prompt = prompt
        self.choices = dict(zip(_LETTERS, choices, strict=False))
        self.answer = _LETTERS[place]
        self.letters = ipywidgets.ToggleButtons(
            options=list(self.choices), value=None, description="Answer",
            tooltip="Which one is right?",
            tooltips=[text for text, _ in choices], style={"button_width": "60px"},
        )
        self.letters.add_class("widget-inline-hbox")  # buttons beside the word, not below it
        self.letters.observe(self._answer, "value")
        self.words = ipywidgets.HTML()
        super().__init__([self.letters, self.words])

    @property
    def answered(self):
        """Whether a choice was made."""
        return self.letters.value is not None

    @property
    def correct(self):
        """Whether the choice made is the right one."""
        return self.letters.value == self.answer

    @property
    def feedback(self):
        """What the learner is told about the choice, empty before the first answer."""
        if not self.answered:
            return ""
        verdict = "Right" if self.correct else "Not yet"
        return f"{verdict}, {self.letters.value}. {self.choices[self.letters.value][1]}"

    def __repr__(self):
        """Return the state in one line."""
        state = "no answer yet" if not self.answered else f"answered {self.letters.value}"
        return f"Question({state}, {len(self.choices)} choices)"

    def page(self):
        """Return the question, its choices and the folded explanations as HTML.

        Returns
        -------
        str
        """
        choices = [f"{letter}. {_inline(text)}" for letter, (text, _) in self.choices.items()]
        reasons = [
            f"{letter}. {'<b>Right.</b> ' if letter == self.answer else ''}{_inline(reason)}"
            for letter, (_, reason) in self.choices.items()
        ]
        return (
            f"<p><b>{_inline(self.prompt)}</b></p><p>{'<br>'.join(choices)}</p>"
            f"<details><summary>Explanations</summary><p>{'<br>'.join(reasons)}</p></details>"
        )

    def _ipython_display_(self):
        display(HTML(self.page()))
        display(self._repr_mimebundle_(), raw=True)

    def _answer(self, _change):
        self.words.value = f"<p>{_inline(self.feedback)}</p>"


def _inline(text):
    """Return the text as HTML, with `code` between backticks."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", html.escape(text))
