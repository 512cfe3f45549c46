"""The site: whole, folded where an answer stands, alive in every place, and asking nobody else."""

import html.parser
import json
import os
import re
import subprocess
import sys
import tomllib
import urllib.parse
import zipfile
from pathlib import Path

import nbformat
import numpy
import pytest
from axe_playwright_python.sync_playwright import Axe
from live import wait_for
from pages import ALL_ALIVE, build_site, served
from playwright.sync_api import expect

from polylab.data import sine_samples
from polylab.gradients import squared_error
from polylab.lab import Question

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
PAGES = ("index", "run", "teachers", "class", "trouble", "search", "404",
         *(path.stem for path in NOTEBOOKS))
USED = ("index", "00_start_here", "12_find_the_learning_rate")  # a page of each kind


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the site once, as `make site` does; yield its folder, inside another."""
    folder = tmp_path_factory.mktemp("server") / "sub folder" / "polylab"
    build_site(folder)
    return folder


class Page(html.parser.HTMLParser):
    """What leads out of a page, what can be led to, and the words that are folded."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.words, self.folded, self.metas = [], set(), "", "", {}
        self._folds = 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]
        self._folds += tag == "details"
        if tag == "meta":
            key = attributes.get("property") or attributes.get("name")
            self.metas[key] = attributes.get("content")

    def handle_endtag(self, tag):
        self._folds -= tag == "details"

    def handle_data(self, data):
        if self._folds:
            self.folded += data
        else:
            self.words += data


@pytest.fixture(scope="module")
def pages(site):
    return {path.stem: Page(path.read_text(encoding="utf-8")) for path in site.glob("*.html")}


def test_every_text_has_its_page(pages):
    assert set(pages) == set(PAGES)


def test_every_link_and_every_anchor_leads_somewhere(site, pages):
    outside = set()
    for name, page in pages.items():
        for link in page.links:
            address = urllib.parse.urlsplit(link)
            if address.scheme == "data":
                continue
            if address.scheme:
                outside.add(link)
                continue
            path = urllib.parse.unquote(address.path).removeprefix("/" if name == "404" else "")
            target = site / (path or f"{name}.html")
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{name}: {link}"
            if address.fragment and target.suffix == ".html":
                assert urllib.parse.unquote(address.fragment) in pages[target.stem].anchors, (
                    f"{name}: {link}")
    assert outside  # links to other sites may be followed, they are not loaded


def test_a_notebook_opened_alone_says_how_to_get_polylab(pages):
    address = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    for path in NOTEBOOKS:
        first = nbformat.read(path, as_version=4).cells[0].source
        assert f"]({address['Homepage']}run.html)" in first, path.name
        assert "run.html" in pages[path.stem].links


def test_no_answer_stands_open(pages):
    for path in NOTEBOOKS:
        page = pages[path.stem]
        assert "right=" not in page.words
        for cell in nbformat.read(path, as_version=4).cells:
            tags = cell.metadata.get("tags", [])
            if "solution" in tags or "promise" in tags:
                # How it begins: the page colours code in pieces and sets text anew.
                line = re.split(r'[`*$"\n]', cell.source)[0]
                assert line in page.folded, (path.stem, line)
                assert line.strip() not in page.words.splitlines()


def test_a_shared_link_shows_title_text_and_picture(site, pages):
    for name in ("index", "teachers", *(path.stem for path in NOTEBOOKS)):
        metas = pages[name].metas
        assert len(metas["description"]) > 40
        assert metas["og:title"]
        picture = urllib.parse.urlsplit(metas["og:image"])
        assert (site / picture.path.lstrip("/")).is_file()


def test_sitemap_lists_every_page(site):
    listed = set(re.findall(r"/(\w+)\.html</loc>", (site / "sitemap.xml").read_text("utf-8")))
    assert listed == set(PAGES) - {"404", "search"}


def test_the_wheel_brings_the_course(site, tmp_path):
    (wheel,) = (site / "files").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "package")
    run = subprocess.run(
        [sys.executable, "-P", "-m", "polylab", "start", str(tmp_path / "내 course"),
         "--only-copy"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path / "package")},
        capture_output=True, text=True, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    for path in NOTEBOOKS:
        assert (tmp_path / "내 course" / path.name).read_bytes() == path.read_bytes()
        assert (site / "files" / path.name).read_bytes() == path.read_bytes()
    static = {path.name for path in (ROOT / "polylab" / "lab" / "static").iterdir()}
    assert static == {path.name
                      for path in (tmp_path / "package" / "polylab" / "lab" / "static").iterdir()}
    with zipfile.ZipFile(site / "files" / "polylab-student.zip") as bundle:
        assert {f"notebooks/{path.name}" for path in NOTEBOOKS} <= set(bundle.namelist())


@pytest.fixture(scope="module")
def address(site):
    """Serve the folder around the site; yield the address of the site in it."""
    outer = site.parents[1]
    with served(outer) as root:
        yield f"{root}/{urllib.parse.quote(site.relative_to(outer).as_posix())}"


@pytest.fixture
def page(browser):
    """Yield a page that notes every complaint, and every request to another host."""
    page = browser.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text)
            if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("requestfailed", lambda request: page.complaints.append(request.url))
    page.on("request", lambda request: page.complaints.append(request.url)
            if urllib.parse.urlsplit(request.url).hostname not in ("127.0.0.1", None) else None)
    yield page
    page.close()


def live(page):
    """Return the places of the widgets on a page, after all of them have come to life."""
    page.wait_for_function(ALL_ALIVE)
    return page.locator(".polylab[data-widget]")


# A page repeats a dozen kinds of words in code some thousand times, and axe-core is slow to look at
# each: of those that look alike on the same ground the first stays, the others become plain text.
ONE_OF_EACH = """() => {
    const seen = new Set(), known = new Map();
    const looks = part => {
        if (part && !known.has(part)) {
            const { color, background, opacity, font } = getComputedStyle(part);
            known.set(part, [color, background, opacity, font, looks(part.parentElement)].join());
        }
        return known.get(part);
    };
    const end = part => part.getBoundingClientRect().right;
    const again = [...document.querySelectorAll("pre span")].filter(word => {
        const kind = [word.className, end(word) < end(word.closest("pre")), looks(word)].join();
        return !word.checkVisibility() || seen.has(kind) || !seen.add(kind);
    });
    again.forEach(word => word.replaceWith(...word.childNodes));
    document.normalize();
}"""


def serious(page):
    """Return what axe-core finds on a page that keeps somebody out of it."""
    page.evaluate(ONE_OF_EACH)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [(one["id"], [node["html"][:100] for node in one["nodes"]]) for one in found
            if one["impact"] in ("serious", "critical")]


@pytest.mark.browser
def test_every_page_is_alive_fits_a_phone_and_asks_nobody_else(address, site, page):
    page.set_viewport_size({"width": 390, "height": 844})
    for name in set(PAGES) - {"404"}:
        page.goto(f"{address}/{name}.html", wait_until="load")
        count = live(page).count()
        assert count == (site / f"{name}.html").read_text("utf-8").count("data-widget="), name
        assert count or not name[0].isdigit() or name[:2] in ("13", "14"), name
        # The theme's own column scrolls before the page does.
        wide = page.evaluate("""Math.max(...[
            document.scrollingElement, ...document.querySelectorAll(".content")
        ].map(part => part.scrollWidth - part.clientWidth))""")
        assert wide <= 0, f"{name} is {wide} pixels too wide for a phone"
        assert page.complaints == [], name
        # Whether it suits everybody is asked of every page; in the dark, of one of each kind.
        for scheme in ("light", "dark") if name in USED else ("light",):
            page.emulate_media(color_scheme=scheme)
            assert serious(page) == [], (name, scheme)


@pytest.mark.browser
def test_works_from_a_stick(site, page):
    page.goto((site / "00_start_here.html").as_uri())
    assert live(page).count() > 1
    # Furo looks at its own style sheets, which a file may not; nothing else may complain.
    assert page.locator(".polylab[data-live] button").count() > 3
    page.goto((site / "run.html").as_uri())
    wheel = next((site / "files").glob("*.whl")).as_uri()
    assert f"pip install {wheel}\n" in page.locator(".address pre").first.inner_text()


@pytest.mark.browser
def test_questions_are_answered_as_python_answers_them(address, page):
    for name in USED[1:]:
        page.goto(f"{address}/{name}.html")
        places = live(page)
        for number in range(places.count()):
            place = places.nth(number)
            if place.get_attribute("data-widget") != "question":
                continue
            buttons = place.locator("button")
            state = json.loads(place.get_attribute("data-state"))
            for choice in range(buttons.count()):
                buttons.nth(choice).click()
                letter = "ABCDEFGH"[choice]
                verdict = "Right" if letter == state["answer"] else "Not yet"
                expect(place).to_contain_text(f"{verdict}, {letter}.")


@pytest.mark.browser
def test_four_sliders_have_the_loss_that_python_has(address, page):
    page.goto(f"{address}/00_start_here.html")
    live(page)
    place = page.locator(".polylab[data-widget=hand_fit]")
    for value, control in zip((0.1, 0.85, 0.0, -0.0933),
                              place.locator("input[type=range]").all(), strict=True):
        control.evaluate("(e, v) => {e.value = v; e.dispatchEvent(new Event('input', "
                         "{bubbles: true}))}", str(value))
    x, y = sine_samples()

    def agrees():
        values = [float(v) for v in place.locator("input[type=range]").evaluate_all(
            "all => all.map(e => e.value)")]
        loss = float(squared_error(numpy.array(values), x, y))
        return values[1] == 0.85 and f"{loss:.5g}" in place.inner_text()

    wait_for(agrees, "the page to say the loss of its four sliders")


@pytest.mark.browser
def test_search_finds_words_without_a_server_of_its_own(address, page):
    page.goto(f"{address}/search.html?q=eigenvalue")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a", has_text="learning rate").count()
    assert page.complaints == []


def test_question_state_is_what_the_test_reads():
    state = Question("Which?", ("yes", "it is"), [("no", "it is not")]).page_state()
    assert state["answer"] in "AB"
