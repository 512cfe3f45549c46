"""Question, driven as an object; tests/browser drives it as a page."""

import json
from html.parser import HTMLParser

import ipywidgets
import pytest
import traitlets

from polylab.lab import Question


def a_question(prompt="Is `x` in radians?"):
    return Question(
        prompt, right=("yes", "It is."), wrong=(("no", "It is <not> so."), ("maybe", "Decide."))
    )


class StandIn(HTMLParser):
    """The words of a stand-in in order, and its state, as a browser would read them."""

    def __init__(self, text):
        super().__init__()
        self.words, self.state = [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if "data-state" in dict(attributes):
            self.state = json.loads(dict(attributes)["data-state"])

    def handle_data(self, data):
        self.words.append(data)


def test_question_explains_every_choice():
    question = a_question()
    assert not question.answered
    assert question.feedback == ""
    for letter, (text, reason) in question.choices.items():
        question.choice = letter
        assert question.answered
        assert question.correct == (text == "yes")
        verdict = "Right" if text == "yes" else "Not yet"
        assert question.feedback == f"{verdict}, {letter}. {reason}"
        assert repr(question) == f"Question(answered {letter}, 3 choices)"


def test_question_can_be_read_without_a_kernel():
    page = a_question().stand_in()
    assert "Is <code>x</code> in radians?" in page
    assert "It is &lt;not&gt; so." in page
    words = "".join(StandIn(page).words)
    assert words.count("Right. It is.") == 1
    assert words.index("maybe") < words.index("Explanations") < words.index("Decide.")


def test_stand_in_carries_what_a_page_needs_to_ask_the_question():
    question = a_question("It's <b>, isn't it?")
    assert StandIn(question.stand_in()).state == {
        "prompt": "It's <b>, isn't it?",
        "choices": {letter: list(choice) for letter, choice in question.choices.items()},
        "answer": question.answer,
        "verdicts": {"right": "Right", "wrong": "Not yet"},
        "choice": None,
    }


def test_right_choice_does_not_always_stand_at_the_same_place():
    places = {a_question(f"Question {number}?").answer for number in range(9)}
    assert places == {"A", "B", "C"}
    assert a_question().answer == a_question().answer


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((), "wrong must hold 1 to 7 choices, got 0"),
        ([(str(n), "") for n in range(8)], "got 8"),
        ((("yes", "again"),), "every choice must read differently"),
    ],
)
def test_question_refuses(wrong, message):
    with pytest.raises(ValueError, match=message):
        Question("?", right=("yes", ""), wrong=wrong)


@pytest.mark.parametrize("value", ["D", "a", "", 1])
def test_choice_that_is_no_letter_is_refused_and_changes_nothing(value):
    question = a_question()
    question.choice = "B"
    with pytest.raises(traitlets.TraitError, match="choice"):
        question.choice = value
    assert question.choice == "B"
    question.choice = None
    assert not question.answered


@pytest.mark.parametrize("name", ["prompt", "choices", "answer"])
def test_what_was_asked_stays(name):
    with pytest.raises(traitlets.TraitError, match="read-only"):
        setattr(a_question(), name, "B")


def test_question_is_an_ordinary_widget():
    question, heard = a_question(), []
    question.observe(lambda change: heard.append(change.new), "choice")
    letters = ipywidgets.Dropdown(options=["A", "B", "C"])
    ipywidgets.link((letters, "value"), (question, "choice"))
    letters.value = "C"
    assert question.choice == "C"
    question.choice = "B"
    assert letters.value == "B"
    assert heard == ["A", "C", "B"]
    assert ipywidgets.VBox([question, letters]).children[0] is question
    shown = ipywidgets.Text()
    assert ipywidgets.jslink((question, "choice"), (shown, "value")).source[0] is question
