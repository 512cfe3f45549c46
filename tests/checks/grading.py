"""What the tests of the checkers say about every verdict, and gather for the clinics."""

import re

BEGINNINGS = ("Right: ", "Not attempted yet: ", "Not repaired yet: ")


def sentences(message):
    """Split a message at full stops, leaving out quoted code and numbers such as 0.5."""
    text = re.sub(r"`[^`]*`+", "code", message)
    return [part for part in re.split(r"(?<=[.?!])\s+", text) if part]


def assert_well_said(message):
    assert 1 <= len(sentences(message)) <= 3, sentences(message)
    assert message[-1] in ".?!"
    assert "  " not in message
    assert "Traceback" not in message
    assert "site-packages" not in message


def assert_passed(verdict):
    assert verdict.passed is True, verdict.message
    assert bool(verdict) is True
    assert repr(verdict) == verdict.message
    assert verdict.message.startswith("Right: ")
    assert_well_said(verdict.message)


def assert_refused(verdict, *fragments):
    assert verdict.passed is False, verdict.message
    assert bool(verdict) is False
    assert repr(verdict) == verdict.message
    assert not verdict.message.startswith(BEGINNINGS), verdict.message
    assert_well_said(verdict.message)
    for fragment in fragments:
        assert fragment in verdict.message, verdict.message


def assert_not_attempted(verdict, beginning="Not attempted yet: "):
    assert verdict.passed is False
    assert verdict.message.startswith(beginning), verdict.message
    assert_well_said(verdict.message)


def gather():
    """Return BROKEN, REPAIRED and MISSED of a clinic, empty, and the decorators that fill them.

    Of each fault they hold the broken program as the notebook hands it out, right repairs, and
    near misses with words of their verdicts.
    """
    handed_out, right, wrong = {}, [], []

    def broken(fault):
        return lambda program: handed_out.setdefault(fault, program)

    def repaired(*faults):
        def keep(program):
            right.extend((fault, program) for fault in faults)
            return program

        return keep

    def missed(fault, *fragments):
        def keep(program):
            wrong.append((fault, program, *fragments))
            return program

        return keep

    return handed_out, right, wrong, broken, repaired, missed
