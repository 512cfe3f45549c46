"""The lab as an app: it is served, it works, and no kernel is left behind."""

import json
import urllib.request

import nbformat
import pytest
from live import APP, PATIENCE, Widget, voila, wait_for
from nbformat.v4 import new_code_cell, new_notebook

from polylab.lab.experiment import Experiment
from polylab.lab.run_picture import draw_run

pytestmark = pytest.mark.browser

LIMITS = json.loads((APP.parent / "voila.json").read_text(encoding="utf-8"))["MappingKernelManager"]


@pytest.fixture(scope="module")
def app(browser):
    """The app as `make app` starts it: from its own folder, where voila.json lies."""
    with voila(cwd=APP.parent) as server:
        yield server


def test_app_is_the_lab_and_works_by_keyboard(browser, app):
    page = browser.new_page()
    page.goto(app.address)
    lab = Widget(page, "Learning rate")
    lab.wait_for_picture(draw_run(Experiment(), hidden=True))
    assert page.get_by_role("heading", name="Find the learning rate").is_visible()
    assert page.get_by_text("LearningRateLab()").count() == 0  # no code on the page
    lab.press(lab.button("crawls"), "Enter")
    lab.wait_for_picture(draw_run(Experiment()))
    lab.press(lab.field("Predict first"), "Space")
    lab.press(lab.handle("Learning rate"), "PageUp", "ArrowRight")
    lab.wait_for_picture(draw_run(Experiment(rate=1.057e-6)))
    lab.choose("Optimiser", "Adam")
    adam = Experiment(rate=1.057e-6, optimiser="adam")
    lab.wait_for_picture(draw_run(adam, earlier=(Experiment(rate=1.057e-6),)))
    assert "Adam moves each coefficient" in lab.text()
    page.close()


def test_app_culls_as_its_settings_say(app):
    urllib.request.urlopen(app.address, timeout=PATIENCE).read()
    assert (f"Culling kernels with idle durations > {LIMITS['cull_idle_timeout']} seconds at "
            f"{LIMITS['cull_interval']} second intervals") in app.log()
    assert 0 < LIMITS["cull_interval"] <= LIMITS["cull_idle_timeout"] <= 300


def test_each_visit_leaves_a_kernel_behind_unless_idle_ones_are_culled(tmp_path):
    """Not every page says that it is closed, and Voilà refuses the word of those that do (403).

    So it is for any notebook; a small one shows it sooner than the lab.
    """
    notebook = tmp_path / "page.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell("print('Here I am.')")]), notebook)
    culled = [f"--MappingKernelManager.cull_{name}" for name in ("idle_timeout=5", "interval=1")]

    def visit(server):
        page = urllib.request.urlopen(server.address, timeout=PATIENCE).read()
        assert b"Here I am." in page

    # One visit at a time: two kernels that start at once may pick the same port.
    with voila(notebook=notebook) as without, voila(*culled, notebook=notebook) as with_culling:
        for server in (without, with_culling, without, with_culling):
            visit(server)
        wait_for(lambda: not with_culling.kernels(), "idle kernels to be culled")
        assert with_culling.log().count("Culling 'idle' kernel") == 2
        assert len(without.kernels()) == 2
