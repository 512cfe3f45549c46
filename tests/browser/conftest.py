"""One real browser for each module of tests, or a plain word about why there is none."""

import os
import shutil

import pytest
from live import chromium


@pytest.fixture(scope="module")
def browser():
    """Yield a Playwright browser context on Debian's Chromium.

    The scope is the module: while it runs, Playwright keeps an event loop in this thread, which
    tests of other modules must not meet.
    """
    path = shutil.which("chromium")
    if path is None:
        words = "there is no program `chromium`, so no page can be opened"
        if os.environ.get("POLYLAB_BROWSER") == "required" or os.environ.get("CI"):
            pytest.fail(f"{words}; POLYLAB_BROWSER or CI says that this must not be skipped")
        pytest.skip(f"{words}; install it to run the browser tests")
    with chromium(path) as context:
        yield context
