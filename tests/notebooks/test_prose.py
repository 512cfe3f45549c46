"""The numbers of the prose are those of the notebook, and a wrong digit is noticed."""

import re
from pathlib import Path

import guard
import prose
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, writes

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))

# Numbers that a text may say although the notebook does not hold them, with the reason.
EXCEPTIONS = {
    "04_move_to_torch": dict.fromkeys(
        ("0.24", "0.08", "0.31"), "milliseconds on a machine with a GPU; no output can hold them"
    ),
}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_numbers_of_the_prose_are_those_of_the_notebook(path):
    findings = prose.unbound(prose.read(path), EXCEPTIONS.get(path.stem, ()))
    assert not findings, f"{path.name}:\n" + "\n".join(findings)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_exceptions_are_needed(path):
    found = "\n".join(prose.unbound(prose.read(path)))
    for number, reason in EXCEPTIONS.get(path.stem, {}).items():
        assert f" says {number}, " in found, f"no text of {path.stem} needs the exception {number}"
        assert reason


def with_another_digit(text, number):
    """Return a text in which the first digit of a number, at all its places, is another one."""
    first = re.search("[1-9]", number)
    wrong = number[: first.start()] + str(int(first[0]) % 9 + 1) + number[first.end() :]
    return text.replace(number, wrong)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_wrong_digit_is_noticed(path):
    """Some wrong numbers are right elsewhere in the notebook; most are not."""
    lesson = guard.read(path)
    before = prose.unbound(lesson)
    noticed = []
    for _, cell in lesson.markdown:
        source = cell.source
        numbers = {number.text for number in prose.long_numbers(source)}
        for number in sorted(numbers - {"2,000", "2000"}):  # the count of points, and of steps
            cell.source = with_another_digit(source, number)
            noticed.append(prose.unbound(lesson) != before)
        cell.source = source
    assert sum(noticed) >= 0.6 * len(noticed) > 0, f"{sum(noticed)} of {len(noticed)} noticed"


@pytest.mark.parametrize(
    ("text", "value", "margin"),
    [
        ("about 216,000.", 216_000, 500),
        ("2,000 points", 2000, 50),
        ("1,999 gaps", 1999, 0.5),
        ("a loss of 12.27.", 12.27, 0.005),
        ("down to −36.67", 36.67, 0.005),
        ("a gradient of -22,500", 22_500, 50),
        ("2.158 · 10⁵", 215_800, 50),
        (r"2.158 \cdot 10^{5}", 215_800, 50),
        ("3.55 × 10⁻⁶", 3.55e-6, 5e-9),
        ("`3.55e-6`", 3.55e-6, 5e-9),
        ("2.158e+05", 215_800, 50),
        ("34 million", 34e6, 0.5e6),
        ("8.817", 8.817, 0.0005),
        ("2{,}000", 2000, 50),
        ("shape (2000, 1)", 2000, 50),
    ],
)
def test_number_is_read_as_it_is_written(text, value, margin):
    number, *_ = prose.long_numbers(text)
    assert number.value == pytest.approx(value)
    assert number.margin == pytest.approx(margin)


@pytest.mark.parametrize(
    "text",
    [
        "Exercise 12.10",
        "PyTorch 2.13 and Python 3.12",
        "descent (Polyak, 1964) or (Cohen et al., 2021, page 4)",
        "[a page](https://example.org/1234) and <img width='600'>",
        "an H100, float64 and int64",
        "notebook 03, 12 steps, 1e-6, 4.5",
    ],
)
def test_what_is_no_quantity_is_left_alone(text):
    assert prose.long_numbers(text) == []


@pytest.mark.parametrize(
    ("text", "known", "found"),
    [
        ("216,000", 215_794.2, True),
        ("217,000", 215_794.2, False),
        ("8.8172", 8.81716541, True),
        ("8.8229", 8.81716541, False),
        ("3.15 %", 0.031497, True),
        ("3.15 %", 3.1497, True),
        ("3.15", 0.0315, False),
        ("34 million", 3.4e7, True),
        ("35 million", 3.4e7, False),
        ("0.066", 0.0663972, True),
        ("1,999", 2000, False),
    ],
)
def test_number_is_found_as_the_text_rounds_it(text, known, found):
    number, *_ = prose.long_numbers(text)
    assert number.is_among([1.0, known]) is found


def stored(folder, name, *cells):
    path = folder / f"{name}.ipynb"
    path.write_text(writes(new_notebook(cells=list(cells))), encoding="utf-8")
    return guard.read(path)


PRINTED = new_output("stream", name="stdout", text="loss 12.2744\n")


@pytest.mark.parametrize(
    ("cell", "held"),
    [
        (new_code_cell("print(loss)", outputs=[PRINTED]), True),
        (new_code_cell("assert abs(loss - 12.2744) < 1e-4", metadata={"tags": ["promise"]}), True),
        (new_code_cell("LOSS = -12.27  # of the whole"), True),
        (new_code_cell("loss = 12.3  # not 12.27"), False),
        (new_code_cell("print('12.27')"), False),
        (new_code_cell("clock()", outputs=[PRINTED],
                       metadata={"tags": ["nbval-ignore-output"]}), False),
        (new_code_cell("Question('12.27?')", metadata={"tags": ["question"]}), False),
        (new_markdown_cell("We know: 12.27."), False),
    ],
)
def test_number_is_held_by_an_output_or_by_code(cell, held, tmp_path):
    lesson = stored(tmp_path, "03_here", new_markdown_cell("The loss is 12.27."), cell)
    assert (not any("Cell 1 " in finding for finding in prose.unbound(lesson))) is held


def test_words_of_a_question_are_bound(tmp_path):
    asked = new_code_cell("Question('Why 12.27?', right=('8.817', ''))",
                          metadata={"tags": ["question"]})
    held = new_code_cell("floor = 8.81716541")
    assert prose.unbound(stored(tmp_path, "03_here", asked, held)) == [
        "Cell 1 says 12.27, which no output and no code of it holds."
    ]


def test_text_may_quote_the_notebook_that_it_links_to(tmp_path):
    stored(tmp_path, "03_there", new_code_cell("loss", outputs=[PRINTED]))
    quoting = new_markdown_cell("In [03](03_there.ipynb#The-loop) it was 12.27.")
    silent = new_markdown_cell("In notebook 03 it was 12.27.")
    assert prose.unbound(stored(tmp_path, "04_here", quoting)) == []
    assert len(prose.unbound(stored(tmp_path, "04_here", silent))) == 1


def test_exception_is_granted(tmp_path):
    lesson = stored(tmp_path, "03_here", new_markdown_cell("Is it 100, 125 or 8?"))
    assert len(prose.unbound(lesson)) == 2
    assert len(prose.unbound(lesson, {"125": "a wrong answer that is offered"})) == 1
