"""Slides: what the program that stores the notebooks estimates is what a browser measures."""

import re
import shlex
import subprocess
import sys

import pytest
from live import ROOT
from nbconvert import SlidesExporter

pytestmark = pytest.mark.browser

# reveal.js itself comes from another host: its frame, and what its white theme says of sizes.
FRAME = """
.reveal h1 { font-size: 2.5em; } .reveal h2 { font-size: 1.6em; } .reveal h3 { font-size: 1.3em; }
.reveal :is(h1, h2, h3) { margin: 0 0 20px; line-height: 1.2; font-weight: normal; }
.reveal :is(p, ul, ol, table) { margin: 20px 0; line-height: 1.3; }
"""
HIGH, LOW = 700, 550  # pixels: a slide of reveal.js; what it should hold before one more begins

# The heights of the cells of each slide, and whether a heading begins it.
MEASURED = """[...document.querySelectorAll(".slides section section")].map(slide => ({
    heading: slide.querySelector(".jp-Cell :is(h1, h2, h3)") !== null,
    heights: [...slide.querySelectorAll(".jp-Cell")].map(cell => cell.offsetHeight)}))"""




def measure(browser, html, width):
    """Return what ``MEASURED`` says of the slides in a frame of this width."""
    page = browser.new_page()
    page.route("**/*", lambda route: route.abort())
    page.set_content(html, wait_until="domcontentloaded")
    page.add_style_tag(content=FRAME + f".slides {{ width: {width}px; }}")
    slides = page.evaluate(MEASURED)
    page.close()
    return slides


@pytest.mark.parametrize("name", ["03_descend_with_numpy", "12_find_the_learning_rate"])
def test_no_slide_runs_over_the_edge_that_could_be_broken(browser, name):
    html, _ = SlidesExporter().from_filename(str(ROOT / "notebooks" / f"{name}.ipynb"))
    slides = measure(browser, html, 960)
    assert len(slides) > 20
    for number, (slide, after) in enumerate(zip(slides, [*slides[1:], None], strict=True)):
        heights = slide["heights"]
        assert sum(heights) <= HIGH or len(heights) == 1, f"slide {number}: {heights}"
        if after and not after["heading"]:
            joined = sum(heights) + after["heights"][0]
            assert joined > LOW, f"slide {number + 1} begins in vain: {joined}"
    assert "_falling" not in html  # no promise
    assert "solution_" not in html  # no answer
    assert "right=(" not in html  # no source of a question


def test_the_command_for_teachers_makes_room_for_the_highest_figure(browser, tmp_path):
    text = (ROOT / "site" / "teachers.md").read_text(encoding="utf-8")
    _, *options, output, _ = shlex.split(re.search("^ +(jupyter nbconvert .*)", text, re.M)[1])
    assert output == "--output-dir=build"
    subprocess.run([sys.executable, "-m", *options, f"--output-dir={tmp_path}",
                    "notebooks/08_choose_an_optimiser.ipynb"], cwd=ROOT, check=True)
    (html,) = (path.read_text(encoding="utf-8") for path in tmp_path.glob("*.slides.html"))
    width, height = (int(re.search(f"{side}: (\\d+),", html)[1]) for side in ("width", "height"))
    highest = max(sum(slide["heights"]) for slide in measure(browser, html, width))
    assert HIGH < highest <= height
