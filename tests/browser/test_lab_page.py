"""`make app`: the lab as one static page, light, whole, and asking nobody else for anything."""

import re
import subprocess
import sys
import urllib.request

import pytest
from axe_playwright_python.sync_playwright import Axe
from live import ROOT, wait_for
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Start what `make app` starts; yield the address that it prints."""
    log = tmp_path_factory.mktemp("app") / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen([sys.executable, "tools/lab_page.py", "--no-browser"], cwd=ROOT,
                                   stdout=stream, stderr=stream)
    try:
        yield wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()),
                       "the address")[0]
    finally:
        process.terminate()
        process.wait()


def test_page_loads_little_and_from_one_host(browser, address):
    page = browser.new_page()
    loaded, errors = [], []
    page.on("response", lambda answer: loaded.append((answer.url, len(answer.body()))))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    expect(page.locator(".pl-lab .pl-words")).to_contain_text("answer both questions")
    assert all(url.startswith(address) for url, _ in loaded)
    assert sum(size for _, size in loaded) < 200_000
    assert errors == []
    page.close()


def test_words_are_explained_and_the_course_is_one_link_away(browser, address):
    page = browser.new_page()
    page.goto(address)
    words = page.locator("dt").all_inner_texts()
    for word in ("λ", "Mode", "Floor", "Limit"):
        assert any(text.startswith(word) for text in words)
    assert page.get_by_role("link").get_attribute("href").startswith("https://")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()
    page.close()


def test_two_visitors_do_not_meet(browser, address):
    one, other = browser.new_page(), browser.new_page()
    for page in (one, other):
        page.goto(address)
        page.get_by_label("Predict first").uncheck()
    one.get_by_label("Learning rate, as a number").fill("3e-6")
    one.get_by_label("Learning rate, as a number").press("Enter")
    expect(one.locator(".pl-words")).to_contain_text("Something swings")
    expect(other.locator(".pl-words")).to_contain_text("Nothing swings")
    one.close()
    other.close()


def test_page_is_whole_without_a_server(browser, address):
    assert urllib.request.urlopen(address).status == 200  # it is written by now
    page = browser.new_page()
    page.goto((ROOT / "build" / "app" / "index.html").as_uri())
    expect(page.locator(".pl-lab .pl-words")).to_contain_text("answer both questions")
    page.close()
