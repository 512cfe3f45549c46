"""One real browser for each module of tests, or a plain word about why there is none."""

import os
import shutil

import pytest
from live import chromium
from pages import HOSTS, Host, opened, stand_ins, widgets_server, write_page


@pytest.fixture(scope="module")
def browser():
    """Yield a Playwright browser context on Debian's Chromium.

    The scope is the module: while it runs, Playwright keeps an event loop in this thread, which
    tests of other modules must not meet.
    """
    # The shell is the same engine without windows of its own; it takes a third less of the CPU.
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if path is None:
        words = "there is no program `chromium`, so no page can be opened"
        if os.environ.get("POLYLAB_BROWSER") == "required" or os.environ.get("CI"):
            pytest.fail(f"{words}; POLYLAB_BROWSER or CI says that this must not be skipped")
        pytest.skip(f"{words}; install it to run the browser tests")
    with chromium(path) as context:
        yield context


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    """Yield a Jupyter server with a notebook of widgets for each kind of page."""
    with widgets_server(tmp_path_factory.mktemp("notebooks")) as jupyter:
        yield jupyter


@pytest.fixture(scope="module", params=HOSTS)
def host(request, browser, tmp_path_factory):
    """Yield the widgets on each kind of page, one after the other."""
    if request.param == "page":
        page = browser.new_page()
        host = Host(page)
        page.goto(write_page(tmp_path_factory.mktemp("page"), *stand_ins()))
        yield host
        page.close()
    else:
        with opened(browser, request.getfixturevalue("server"), request.param) as host:
            yield host
    assert host.errors == []
