"""The numbers of the prose: each is found among those that the notebook computes or holds.

Strict nbval compares what the cells print, and reads no text. So a number in a sentence can grow
old without a test noticing. Here each number of three or more digits in a text cell, or in the
words of a question, is looked up among the numbers of the notebook: what its cells print, and
what stands in its code. It must be there as the text rounds it: "216,000" for 215,794.2,
"34 million" for 3.4e+07, "3.15 %" for 0.0315. A cell that links to another notebook may quote
that one's numbers too.
"""

import ast
import re
from dataclasses import dataclass
from functools import cache

import guard

FEWEST_DIGITS = 3  # a number with fewer is found by chance
SURE_DIGITS = 2  # so many digits of 216,000 are meant, whatever zeros follow
SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9}
EXPONENT = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"

# Not a quantity: exercise 12.10, torch 2.13, (Polyak, 1964), a target of a link, a tag of HTML.
NO_QUANTITY = re.compile(
    r"\bExercises? \d+\.\d+|\b(?:torch|PyTorch|Python|NumPy) \d+(?:\.\d+)+"
    r"|\b(?:1[89]|20)\d\d(?=[,)])(?<=, \d{4})|\]\([^)\s]*\)|<[^>\n]*>"
)
NUMBER = re.compile(
    r"(?<![\w.])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*)"
    r"(?:e(?P<e>[+-]?\d+)| ?(?:·|×|\\cdot|\\times) ?10(?P<power>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+|\^\{?-?\d+\}?))?"
    r"(?![\w⁰¹²³⁴⁵⁶⁷⁸⁹])"
    r"(?: (?P<scale>thousand|million|billion)\b)?(?P<percent> ?\\?%)?"
)


@dataclass(frozen=True)
class Number:
    """A number as it is written: its words, its value, and half of its last place."""

    text: str
    value: float
    margin: float
    percent: bool
    digits: int

    def is_among(self, known):
        """Does one of the values round to this number?"""
        wanted = (self.value, self.value / 100) if self.percent else (self.value,)
        margins = (self.margin, self.margin / 100)
        return any(
            abs(value - number) <= margin * (1 + 1e-9)
            for number, margin in zip(wanted, margins, strict=False)
            for value in known
        )


def numbers_in(text):
    """Return the numbers that are written in a piece of text."""
    text = NO_QUANTITY.sub(" ", text.replace("{,}", ","))
    return [as_number(match) for match in NUMBER.finditer(text)]


def as_number(match):
    written = match["digits"].replace(",", "")
    whole, _, fraction = written.partition(".")
    zeros = 0 if fraction else len(whole) - max(len(whole.rstrip("0")), SURE_DIGITS)
    factor = SCALES.get(match["scale"], 1) * 10.0 ** exponent(match)
    return Number(
        text=match[0].strip(),
        value=float(written) * factor,
        margin=0.5 * 10.0 ** (max(zeros, 0) - len(fraction)) * factor,
        percent=match["percent"] is not None,
        digits=len(whole + fraction) + 3 * (match["scale"] is not None),
    )


def exponent(match):
    if match["e"]:
        return int(match["e"])
    raised = (match["power"] or "0").strip("^{}")
    plain = str.maketrans(EXPONENT, "0123456789-")
    return int(raised.translate(plain))


def text_of(cell):
    """Return what a cell tells in words: prose, or the question that it asks."""
    if cell.cell_type == "markdown":
        return cell.source
    if "question" in guard.tags(cell):
        values = [node.value for node in constants(cell)]
        return "\n".join(value for value in values if isinstance(value, str))
    return ""


def constants(cell):
    return [node for node in ast.walk(guard.syntax(cell)) if isinstance(node, ast.Constant)]


read = cache(guard.read)


@cache
def known_to(lesson):
    """Return the numbers that a notebook computes or holds, without their signs."""
    found = set()
    for _, cell in lesson.code:
        if "question" in guard.tags(cell):
            continue
        values = [node.value for node in constants(cell)]
        found |= {abs(float(value)) for value in values if isinstance(value, int | float)}
        if "nbval-ignore-output" not in guard.tags(cell):
            for output in cell.outputs:
                found |= {number.value for number in numbers_in(guard.shown_text(output))}
    return found


def unbound(lesson, exceptions=()):
    """Return a sentence for each number of the prose that the notebook does not know."""
    own, found = known_to(lesson), []
    for index, cell in lesson.cells:
        text = text_of(cell)
        known = own.union(*(known_to(read(path)) for path in linked(lesson, text)))
        found += [
            f"{guard.at(index)} says {number.text}, which no output and no code of it holds."
            for number in long_numbers(text)
            if number.text not in exceptions and not number.is_among(known)
        ]
    return found


def long_numbers(text):
    return [number for number in numbers_in(text) if number.digits >= FEWEST_DIGITS]


def linked(lesson, text):
    """Return the paths of the other notebooks that a text links to."""
    names = {target.partition("#")[0] for target in guard.link_targets(text)}
    return [lesson.path.parent / name for name in sorted(names) if name.endswith(".ipynb")]
