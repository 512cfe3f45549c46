"""Slides: what the program that stores the notebooks estimates is what a browser measures."""

import pytest
from live import ROOT
from nbconvert import SlidesExporter

pytestmark = pytest.mark.browser

# reveal.js itself comes from another host: its frame, and what its white theme says of sizes.
FRAME = """
.slides { width: 960px; }
.reveal h1 { font-size: 2.5em; } .reveal h2 { font-size: 1.6em; } .reveal h3 { font-size: 1.3em; }
.reveal :is(h1, h2, h3) { margin: 0 0 20px; line-height: 1.2; font-weight: normal; }
.reveal :is(p, ul, ol, table) { margin: 20px 0; line-height: 1.3; }
"""
HIGH, LOW = 700, 550  # pixels: a slide of reveal.js; what it should hold before one more begins

# The heights of the cells of each slide, and whether a heading begins it.
MEASURED = """[...document.querySelectorAll(".slides section section")].map(slide => ({
    heading: slide.querySelector(".jp-Cell :is(h1, h2, h3)") !== null,
    heights: [...slide.querySelectorAll(".jp-Cell")].map(cell => cell.offsetHeight)}))"""




@pytest.mark.parametrize("name", ["03_descend_with_numpy", "12_find_the_learning_rate"])
def test_no_slide_runs_over_the_edge_that_could_be_broken(browser, name):
    html, _ = SlidesExporter().from_filename(str(ROOT / "notebooks" / f"{name}.ipynb"))
    page = browser.new_page()
    page.route("**/*", lambda route: route.abort())
    page.set_content(html, wait_until="domcontentloaded")
    page.add_style_tag(content=FRAME)
    slides = page.evaluate(MEASURED)
    page.close()
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
