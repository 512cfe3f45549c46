"""Every notebook keeps every rule, and every link between pages leads somewhere."""

from functools import cache
from pathlib import Path

import guard
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

read = cache(guard.read)


def test_course_is_complete():
    assert [path.stem for path in NOTEBOOKS] == list(guard.COURSE)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        pytest.param(path, rule, id=f"{path.stem}-{rule.__name__}")
        for path in NOTEBOOKS
        for rule in guard.rules_for(path.stem)
    ],
)
def test_notebook_keeps_rule(path, rule):
    findings = rule(read(path))
    assert not findings, f"{path.name}:\n" + "\n".join(findings)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_of_page_work(path):
    text = path.read_text(encoding="utf-8")
    targets = guard.link_targets(text)
    assert guard.broken_targets(targets, path.parent, guard.page_anchors(text)) == []
