"""The page computes the run itself: the same numbers as polylab.descent, at random settings."""

import json

import numpy
import pytest
from numpy.testing import assert_allclose

from polylab.batches import draw_normal, threefry
from polylab.descent import OPTIMISERS, SCHEDULES
from polylab.lab import modules
from polylab.lab.problems import TARGETS, facts, problem, start_coefficients
from polylab.polynomial import BASES

RUNS = """([facts, many]) => many.map(settings => {
    const problem = descent.problemOf(facts, settings);
    const run = descent.descend(problem, settings, descent.startOf(facts, settings));
    const last = 4 * settings.steps;
    return {
        losses: settings.places.map(step => run.losses[step]),
        coefficients: problem.optimum.map((best, i) => best + run.offsets[last + i]),
        amplitudes: [...run.amplitudes.slice(last)], swings: run.swings, end: run.end,
        reached: run.reached, limit: descent.limitOf(problem, settings),
        factors: descent.factorsOf(problem, settings, settings.rate),
    };
})"""


@pytest.fixture(scope="module")
def page(browser):
    """A page that holds static/descent.js and nothing else."""
    page = browser.new_page()
    text = (modules.STATIC / "descent.js").read_text(encoding="utf-8")
    page.evaluate("""async text => { window.descent = await import(
        URL.createObjectURL(new Blob([text], {type: "text/javascript"}))); }""", text)
    return page


def some_settings(count, seed):
    draw = numpy.random.default_rng(seed)
    for _ in range(count):
        basis, target = draw.choice(BASES), draw.choice(list(TARGETS))
        reduction, optimiser = draw.choice(["sum", "mean"]), draw.choice(OPTIMISERS)
        batch = 2000 if draw.random() < 0.6 else int(2000 ** draw.random())
        replacement = bool(draw.random() < (0.4 if batch < 2000 else 0.1))
        # Random numbers cost more than steps: a run that needs many of them is short.
        drawn = batch if replacement else 2000 // (2000 // batch) if batch < 2000 else 1
        steps = int(draw.integers(0, min(300, 20_000 // drawn)))
        start = draw.choice(["common", "zeros", "random", "own"])
        limit = problem(basis, target, reduction).largest_stable_rate
        share = 10 ** draw.uniform(-2.5, 0.2)
        yield {
            "places": [i * steps // 5 for i in range(6)],  # the steps whose losses are compared
            "basis": str(basis), "target": str(target), "reduction": str(reduction),
            "optimiser": str(optimiser), "steps": steps, "seed": int(draw.integers(0, 10_000)),
            "start": draw.standard_normal(4).tolist() if start == "own" else str(start),
            "rate": share * (limit if optimiser in ("sgd", "momentum") else 0.1),
            "momentum": float(draw.uniform(0, 0.99)), "batch": batch,
            "replacement": replacement, "schedule": str(draw.choice(SCHEDULES)),
            "warmup": int(draw.integers(0, steps + 1)) if draw.random() < 0.5 else 0,
        }


NUDGE = numpy.array([1.0, -0.7, 0.4, -0.9])


def descend(it, nudge=0.0):
    inertia = {"momentum": it["momentum"]} if it["optimiser"] == "momentum" else {}
    start = start_coefficients(it["basis"], it["start"], it["seed"]) + nudge * NUDGE
    return problem(it["basis"], it["target"], it["reduction"]).descend(
        start, it["rate"], it["steps"], it["optimiser"], schedule=it["schedule"],
        warmup=it["warmup"], batch=it["batch"], replacement=it["replacement"], seed=it["seed"],
        **inertia)


def test_the_page_computes_the_same_runs_and_gives_the_same_answers(page):
    many = list(some_settings(2600, seed=1))
    answers = page.evaluate(RUNS, [facts(), many])
    compared = 0
    for it, came in zip(many, answers, strict=True):
        run, nudged = descend(it), descend(it, 1e-13)
        if it["optimiser"] in ("sgd", "momentum"):
            assert came["limit"] == pytest.approx(run.largest_stable_rate, rel=1e-12)
            factors = numpy.array(came["factors"]) @ [1, 1j]
            assert_allclose(factors, run.factors, rtol=1e-6, atol=1e-9)
        size = abs(run.coefficients).max()
        shaken = abs(nudged.coefficients - run.coefficients).max()
        if not numpy.isfinite(size) or not shaken < 1e-10 * size:
            continue  # rounding decides what such a run does, in Python too
        compared += 1
        said = json.dumps(it)
        # A whole number may come as an int that no array of floats would take.
        losses, coefficients, amplitudes = (
            numpy.array(came[name], dtype=float)
            for name in ("losses", "coefficients", "amplitudes"))
        assert_allclose(losses, run.losses[it["places"]], 1e-9, err_msg=said)
        assert_allclose(coefficients, run.coefficients[-1], 1e-9, 1e-9 * size, err_msg=said)
        assert_allclose(amplitudes, run.amplitudes[-1], 1e-9, 1e-9 * size, err_msg=said)
        assert (came["swings"], came["end"]) == (run.swings, run.end), said
        assert (came["reached"] or 0) == (run.steps_to() if came["reached"] is not None else 0)
    assert compared >= 2000


def test_the_page_draws_the_same_random_numbers(page):
    came = page.evaluate("""() => { const words = new Uint32Array(2);
        descent.threefry(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3, words);
        return [[...words], descent.drawNormal(50, 7)]; }""")
    assert came[0] == [0xC4923A9C, 0x483DF7A0]
    assert came[0] == [int(word) for word in threefry(
        (0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3))]
    assert_allclose(came[1], draw_normal(50, 7), rtol=1e-12)
