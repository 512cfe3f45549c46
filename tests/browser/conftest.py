"""One real browser for each module of tests, or a plain word about why there is none."""

import os
import shutil

import pytest
from live import PATIENCE, chromium
from pages import opened, widgets_server
from playwright.sync_api import expect


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
    expect.set_options(timeout=1000 * PATIENCE)
    with chromium(path) as context:
        yield context


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    """Yield a Jupyter server with a notebook of widgets for each host."""
    with widgets_server(tmp_path_factory.mktemp("notebooks")) as jupyter:
        yield jupyter


@pytest.fixture(scope="module")
def host(request, browser, server):
    """Yield the widgets in one of ``pages.HOSTS``."""
    with opened(browser, server, request.param) as host:
        yield host
    assert host.errors == []
