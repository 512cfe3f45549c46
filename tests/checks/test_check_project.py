"""check_project: a whole project passes; each row of the rubric fails on its own."""

import functools

import matplotlib.pyplot as plt
import numpy
import pytest
import torch
from matplotlib.figure import Figure
from test_check_guard import JUNK

import polylab.checks.project as rubric
from polylab.checks import check_project
from polylab.descent import LeastSquares
from polylab.gradients import finite_difference_gradient
from polylab.polynomial import best_fit, features

RUBRIC = rubric.ROWS
ROWS = ("rate below its limit", "loss near the best", "gradient checked", "plot made",
        "nothing stale")


def target(x):
    return numpy.abs(x)


def derive_rate(matrix):
    return 1.9 / numpy.linalg.eigvalsh(2 * matrix.T @ matrix)[-1]


def gradient(coefficients, matrix, y):
    return 2 * matrix.T @ (matrix @ coefficients - y)


def train(matrix, y, start, rate, steps):
    coefficients = start.copy()
    for _ in range(steps):
        coefficients -= rate * 2 * matrix.T @ (matrix @ coefficients - y)
    return coefficients


def train_in_torch(matrix, y, start, rate, steps):
    matrix, y = torch.from_numpy(matrix), torch.from_numpy(y)
    coefficients = torch.from_numpy(start).clone().requires_grad_()
    optimiser = torch.optim.SGD([coefficients], lr=rate)
    for _ in range(steps):
        loss = (matrix @ coefficients - y).pow(2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return coefficients.detach().numpy()


def train_in_a_module(matrix, y, start, rate, steps):
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.coefficients = torch.nn.Parameter(torch.from_numpy(start).clone())

        def forward(self, matrix):
            return matrix @ self.coefficients

    model = Model()
    optimiser = torch.optim.SGD(model.parameters(), lr=rate)
    for _ in range(steps):
        loss = (model(torch.from_numpy(matrix)) - torch.from_numpy(y)).pow(2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.coefficients.detach().numpy()


STEPS = 80


def careful_rate(matrix):
    return 1 / float(numpy.sum(matrix**2))


@functools.cache
def trained(steps=STEPS, rule=derive_rate):
    x = numpy.linspace(-numpy.pi, numpy.pi, 500)
    matrix = features(x, 6, "legendre")
    return train(matrix, target(x), numpy.zeros(7), rule(matrix), steps)


def project(**changes):
    """Return the parts of a right project, with some of them replaced."""
    parts = {"target": target, "x": numpy.linspace(-numpy.pi, numpy.pi, 500), "degree": 6,
             "basis": "legendre", "derive_rate": derive_rate, "gradient": gradient,
             "train": train, "steps": STEPS}
    chosen = {**parts, **changes}
    matrix = features(parts["x"], parts["degree"], parts["basis"])
    y = target(parts["x"])
    chosen.setdefault("coefficients", trained())
    if "ax" not in chosen:
        chosen["ax"] = Figure().add_subplot()
        chosen["ax"].plot(parts["x"], y)
        chosen["ax"].plot(parts["x"], matrix @ numpy.asarray(chosen["coefficients"]))
    return chosen


def table(verdict):
    """Return {row: passed} of the printed rubric."""
    _, *lines = verdict.message.splitlines()
    assert [line[6:6 + len(row)] for line, row in zip(lines, ROWS, strict=True)] == list(ROWS)
    assert all(line.endswith(".") for line in lines)
    return {row: line.startswith("pass") for line, row in zip(lines, ROWS, strict=True)}


@pytest.mark.parametrize("changes", [
    {}, {"train": train_in_torch}, {"train": train_in_a_module},
    {"coefficients": torch.from_numpy(project()["coefficients"])},
    {"derive_rate": careful_rate, "coefficients": trained(rule=careful_rate)},
    {"gradient": lambda c, m, y: tuple(2 * (m @ c - y) @ m[:, k] for k in range(len(c)))},
    {"target": numpy.abs},
])
def test_a_whole_project_passes(changes):
    verdict = check_project(**project(**changes))
    assert verdict.passed, verdict.message
    assert verdict.message.startswith("Right: ")
    assert all(table(verdict).values())


@pytest.mark.parametrize("basis", ["powers", "legendre", "standardised", "orthonormal"])
def test_every_basis_can_be_chosen(basis):
    x = numpy.linspace(-2, 2, 300)
    matrix = features(x, 2, basis)
    y = numpy.exp(x)
    coefficients = train(matrix, y, numpy.zeros(3), derive_rate(matrix), 2000)
    ax = Figure().add_subplot()
    ax.plot(x, y)
    ax.plot(x[::10], (matrix @ coefficients)[::10])
    verdict = check_project(target=numpy.exp, x=x, degree=2, basis=basis, derive_rate=derive_rate,
                            gradient=gradient, train=train, coefficients=coefficients, ax=ax)
    assert verdict.passed, verdict.message


@pytest.fixture
def stray():
    drawn = Figure().add_subplot()
    drawn.plot([0, 1], [0, 1])
    return drawn


rate = 1e-4
FIXED = 1e-5


def rate_of_the_moment(matrix):
    return rate


def stale_train(matrix, y, start, steps_size, steps):
    return train(matrix, y, start, rate, steps)


SHAPE = 1
TABLE = numpy.zeros(3)


def towards_the_best(matrix, y, start, rate, steps):
    best = numpy.linalg.lstsq(matrix, y, rcond=None)[0]
    return best + (start - best) * numpy.exp(-1000 * rate * steps)


def ridge(matrix, y, start, rate, steps):
    weight = 1 / (2 * rate * steps) * numpy.eye(len(start))
    return numpy.linalg.solve(matrix.T @ matrix + weight, matrix.T @ y + weight @ start)


WRONG = (
    ("rate below its limit", {"derive_rate": lambda m: 2.1 / numpy.linalg.eigvalsh(
        2 * m.T @ m)[-1]}, "is not below"),
    ("rate below its limit", {"derive_rate": lambda m: 2 / numpy.linalg.eigvalsh(
        2 * m.T @ m)[-1]}, "is the limit itself"),
    ("rate below its limit", {"derive_rate": lambda m: 1e-2}, "is not below"),
    ("rate below its limit", {"derive_rate": lambda m: 1e-3}, "On 1,500 points"),
    ("rate below its limit", {"derive_rate": lambda m: 1e-14}, "written down, not derived"),
    ("rate below its limit", {"derive_rate": lambda m: -1e-6}, "a positive number is wanted"),
    ("rate below its limit", {"derive_rate": lambda m: m}, "shape"),
    ("rate below its limit", {"derive_rate": lambda m: 1 / 0}, "ZeroDivisionError"),
    ("rate below its limit", {"derive_rate": lambda m: 3e-4 * 500 / len(m)}, "powers as the basis"),
    ("rate below its limit", {"derive_rate": lambda m: 1e-13 / len(m)},
     "it does not follow the features"),
    ("loss near the best", {"coefficients": numpy.zeros(7)}, "does not return the coefficients"),
    ("loss near the best", {"coefficients": 1.2 * project()["coefficients"]},
     "does not return the coefficients"),
    ("loss near the best", {"coefficients": best_fit(features(
        numpy.linspace(-numpy.pi, numpy.pi, 500), 6, "legendre"),
        numpy.abs(numpy.linspace(-numpy.pi, numpy.pi, 500)))}, "does not return the coefficients"),
    ("loss near the best", {"coefficients": 0.999 * project()["coefficients"]},
     "does not return the coefficients"),
    ("loss near the best", {"steps": 10, "coefficients": trained(10)}, "times the least possible"),
    ("loss near the best", {"coefficients": numpy.zeros(4)}, "shape (4,)"),
    ("loss near the best", {"coefficients": numpy.full(7, numpy.nan)}, "nan"),
    ("loss near the best", {"coefficients": "trained"}, "a string"),
    ("gradient checked", {"gradient": lambda c, m, y: -gradient(c, m, y)}, "the sign is flipped"),
    ("gradient checked", {"gradient": lambda c, m, y: gradient(c, m, y) / 2},
     "the factor 2 is missing"),
    ("gradient checked", {"gradient": lambda c, m, y: gradient(c, m, y) / len(y)},
     "that of the mean"),
    ("gradient checked", {"gradient": lambda c, m, y: gradient(c, m, y) + y[0]}, "differences."),
    ("gradient checked", {"gradient": lambda c, m, y: gradient(c, m, y)[:4]}, "shape"),
    ("gradient checked", {"gradient": lambda c, m, y: None}, "None"),
    ("plot made", {"ax": Figure().add_subplot()}, "No curve of the plot is the target"),
    ("plot made", {"ax": "a picture"}, "An Axes is wanted"),
    ("gradient checked", {"gradient": lambda c, m, y: finite_difference_gradient(
        lambda c: ((m @ c - y) ** 2).sum(), c)}, "leaves the gradient to"),
    ("gradient checked", {"gradient": lambda c, m, y: gradient(numpy.multiply(c, 2, out=c) / 2,
                                                               m, y)}, "in place"),
    ("rate below its limit", {"derive_rate": lambda m: derive_rate(numpy.divide(m, 2, out=m)) / 4},
     "in place"),
    ("nothing stale", {"train": lambda m, y, s, r, n: LeastSquares(m, y).descend(
        s, r, n).coefficients[-1]}, "leaves the descent to `LeastSquares`"),
    ("nothing stale", {"train": towards_the_best}, "it already knows where the best is"),
    ("nothing stale", {"train": ridge}, "it already knows where the best is"),
    ("nothing stale", {"target": lambda x: SHAPE * numpy.abs(x)}, "`target` reads `SHAPE`"),
    ("nothing stale", {"gradient": lambda c, m, y: gradient(c, m, y) + 0 * TABLE[0]},
     "`gradient` reads `TABLE`"),
    ("nothing stale", {"train": stale_train}, "global variable `rate`"),
    ("nothing stale", {"train": lambda m, y, s, r, n: train(m, y, s, r, 0)}, "bring the loss"),
    ("nothing stale", {"train": lambda m, y, s, r, n: train(m, y, s, -r, n)}, "bring the loss"),
    ("nothing stale", {"train": lambda m, y, s, r, n: s}, "bring the loss down"),
    ("nothing stale", {"train": lambda m, y, s, r, n: train(m, y, s, r, n)
                       + 1e-3 * numpy.random.rand()}, "called again"),  # noqa: NPY002
    ("nothing stale", {"train": lambda m, y, s, r, n: numpy.add(s, 1, out=s)}, "in place"),
    ("nothing stale", {"train": lambda m, y, s, r: s}, "TypeError"),
    ("nothing stale", {"train": lambda m, y, s, r, n: train(m, y, s, r, n - 1)},
     "`train` makes no update when `steps` is 1"),
    ("nothing stale", {"train": lambda m, y, s, r, n: train(m, y, s, 1e-5, n)},
     "at a tenth of the rate: it does not depend on `rate`"),
    ("nothing stale", {"train": lambda m, y, s, r, n: train(m, y, 0 * s, r, n)},
     "from another start: it does not depend on `start`"),
    ("nothing stale", {"train": lambda m, y, s, r, n: numpy.linalg.lstsq(m, y, rcond=None)[0]},
     "does not depend on `steps`"),
)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case[0]}: {case[2]}")
def test_each_row_fails_on_its_own(case):
    row, changes, fragment = case
    parts = project(**{name: part for name, part in changes.items() if name != "coefficients"})
    ax = parts["ax"]
    parts.update(changes, ax=changes.get("ax", ax))
    verdict = check_project(**parts)
    assert not verdict.passed
    rows = table(verdict)
    assert not rows[row], verdict.message
    assert fragment in verdict.message.splitlines()[1 + ROWS.index(row)]
    others = {other for other in rows if not rows[other]} - {row}
    # Wrong coefficients are not those of the plot; another rate or training makes other ones.
    follow = {"coefficients": {"plot made"}, "derive_rate": {"loss near the best"},
              "train": {"loss near the best"}}
    assert others <= set().union(*(follow.get(name, set()) for name in changes)), verdict.message
    assert verdict.message.startswith(f"{sum(rows.values())} of 5 rows of the rubric pass.")


def test_the_plot_must_show_the_fit_and_use_x(stray):
    parts = project()
    parts["ax"] = stray
    assert "the target over x" in repr(check_project(**parts))
    stray.plot(parts["x"], target(parts["x"]))
    assert "No curve of the plot is the fit over x" in repr(check_project(**parts))
    stray.plot(features(parts["x"], 6, "legendre") @ parts["coefficients"])
    assert "No curve of the plot is the fit over x" in repr(check_project(**parts))


def test_the_target_drawn_twice_is_not_the_fit_however_near():
    x = numpy.linspace(-numpy.pi, numpy.pi, 400)
    matrix, y = features(x, 7, "legendre"), numpy.exp(x)
    coefficients = train(matrix, y, numpy.zeros(8), derive_rate(matrix), STEPS)
    ax = Figure().add_subplot()
    parts = project(target=numpy.exp, x=x, degree=7, coefficients=coefficients, ax=ax)
    ax.plot(x, y)
    ax.plot(x, y)
    verdict = check_project(**parts)
    assert not verdict
    assert "No curve of the plot is the fit" in verdict.message
    ax.plot(x, matrix @ coefficients)
    assert check_project(**parts)


def test_a_rate_just_below_its_limit_is_written_with_enough_digits():
    verdict = check_project(**project(
        derive_rate=lambda m: (2 - 1e-6) / numpy.linalg.eigvalsh(2 * m.T @ m)[-1]))
    row = next(line for line in verdict.message.splitlines() if "rate below" in line)
    given, limit = row.split("limit")[1].split(", and")[0].split(" is below ")
    assert row.startswith("pass")
    assert float(given) < float(limit)


def test_noise_from_a_seeded_generator_is_a_target():
    def noisy(x):
        return numpy.sin(x) + numpy.random.default_rng(3).normal(0, 0.1, len(x))

    assert "`target`" not in check_project(**project(target=noisy)).message


@pytest.mark.parametrize(("steps", "sentence"), [
    (2000, "is zero but for rounding."),
    (250, "is less than a millionth of the sum of squares of the target."),
    (50, ", a millionth of the sum of squares of the target."),
])
def test_a_target_that_is_a_polynomial_has_no_floor_to_compare_with(steps, sentence):
    x = numpy.linspace(-2, 2, 300)
    matrix = features(x, 3, "powers")
    coefficients = train(matrix, x**3 - x, numpy.zeros(4), derive_rate(matrix), steps)
    parts = {**project(), "target": lambda x: x**3 - x, "x": x, "degree": 3, "basis": "powers",
             "coefficients": coefficients, "steps": steps}
    row = check_project(**parts).message.splitlines()[2]
    assert row.startswith("FAIL" if steps < 100 else "pass"), row
    assert row.endswith(sentence), row
    assert "least possible" not in row


@pytest.mark.parametrize("degree", [9, 15])
def test_the_hint_of_the_notebook_passes_where_it_is_the_limit_but_for_rounding(degree):
    def best_rate(matrix):
        curvatures = numpy.linalg.eigvalsh(2 * matrix.T @ matrix)
        return 2 / (curvatures[0] + curvatures[-1])

    row = check_project(**project(degree=degree, basis="powers", derive_rate=best_rate)).message
    assert "pass  rate below its limit" in row


@pytest.mark.parametrize(("labels", "fine"), [
    (("target", "fit"), True), (("fit", "target"), False), (("|x|", "my cubic"), True),
    (("truth", "fit of the target"), True), (("model", "|x|"), False), (("x", "data"), False),
])
@pytest.mark.parametrize("by_legend", [False, True, "from below"])
def test_swapped_labels_are_seen(labels, fine, by_legend):
    parts = project(ax=Figure().add_subplot())
    x, ax = parts["x"], parts["ax"]
    curves = target(x), features(x, 6, "legendre") @ parts["coefficients"]
    lines = [ax.plot(x, curve, **({} if by_legend else {"label": label}))[0]
             for curve, label in zip(curves, labels, strict=True)]
    if by_legend == "from below":
        ax.legend(lines[::-1], labels[::-1])
    elif by_legend:
        ax.legend(labels)
    assert table(check_project(**parts))["plot made"] is fine


def test_points_may_come_before_a_line():
    parts = project(ax=Figure().add_subplot())
    x, ax = parts["x"], parts["ax"]
    ax.scatter(x, target(x), label="target")
    ax.plot(x, features(x, 6, "legendre") @ parts["coefficients"], label="fit")
    ax.legend()
    assert table(check_project(**parts))["plot made"]


def test_a_target_that_changes_x_is_told_so():
    def folds(x):
        x[x < 0] *= -1
        return x

    assert "`target` changes its input in place" in check_project(**project(target=folds)).message


def test_dots_count_as_a_curve():
    parts = project()
    ax = Figure().add_subplot()
    ax.scatter(parts["x"], target(parts["x"]), s=1)
    ax.plot(parts["x"], features(parts["x"], 6, "legendre") @ parts["coefficients"])
    assert check_project(**{**parts, "ax": ax})


def test_a_rate_that_is_a_global_is_stale():
    verdict = check_project(**project(derive_rate=rate_of_the_moment))
    assert not table(verdict)["nothing stale"]
    assert "global variable `rate`" in verdict.message


@pytest.mark.parametrize(("name", "part", "fragment"), [
    ("x", [0, 1, 2], "`x` must be a float64 array"), ("x", numpy.zeros((500, 1)), "`x` must be"),
    ("x", numpy.linspace(0, 1, 20), "too few for degree 6"),
    ("degree", 0, "`degree` must be"), ("degree", 2.0, "`degree` must be"),
    ("degree", True, "`degree` must be"), ("basis", "fourier", "`basis` must be one of powers"),
    ("target", 3, "`target` must be a function"),
    ("target", lambda x: 0 * x, "`target` is the same everywhere"),
    ("target", lambda x: 1 / 0, "ZeroDivisionError"),
    ("target", lambda x: x[:3], "shape"),
    ("target", lambda x: numpy.sin(x) + numpy.random.normal(0, 0.1, len(x)),  # noqa: NPY002
     "`target` gives other values when it is called again. Hint: seed the generator inside it."),
    ("target", lambda x: numpy.sin(x) + numpy.random.default_rng().normal(0, 0.1, len(x)),
     "`target` gives other values"),
])
def test_a_project_that_cannot_be_posed_is_told_so(name, part, fragment):
    verdict = check_project(**{**project(), name: part})
    assert not verdict.passed
    assert fragment in verdict.message


@pytest.mark.parametrize("name", ["target", "x", "degree", "basis", "derive_rate", "gradient",
                                  "train", "coefficients", "ax"])
def test_a_missing_part_is_not_attempted(name):
    for blank in (..., None):
        verdict = check_project(**{**project(), name: blank})
        assert not verdict.passed
        assert verdict.message == f"Not attempted yet: `{name}` still to be written."


READ_BY = {"derive_rate": (0, 1, 4), "gradient": (2, 4), "train": (4, 1), "coefficients": (1, 3),
           "ax": (3,)}  # the numbers of the rows, its own first


@pytest.mark.parametrize("name", ["target", "x", "degree", "basis", *READ_BY])
def test_junk_in_any_part_is_refused(name, monkeypatch):
    parts, own = project(), READ_BY.get(name, (0,))
    for kind, junk in JUNK.items():
        monkeypatch.setattr(rubric, "ROWS", [RUBRIC[row] for row in own])
        assert not check_project(**{**parts, name: junk}).passed, kind
        if name in ("derive_rate", "gradient", "train"):
            monkeypatch.setattr(rubric, "ROWS", [RUBRIC[own[0]]])
            verdict = check_project(**{**parts, name: lambda *inputs, junk=junk: junk})
            assert not verdict.passed, kind


def test_an_unwritten_function_is_not_attempted():
    def derive(matrix):
        return ...

    verdict = check_project(**project(derive_rate=derive))
    assert verdict.message == "Not attempted yet: `derive_rate` still to be written."


def test_no_figure_of_the_learner_is_touched(figure):
    parts = project()
    parts["ax"] = figure.add_subplot()
    parts["ax"].plot(parts["x"], target(parts["x"]))
    parts["ax"].plot(parts["x"], features(parts["x"], 6, "legendre") @ parts["coefficients"])
    assert check_project(**parts)
    assert plt.gcf() is figure
    assert len(parts["ax"].lines) == 2


def test_under_nbgrader_a_failing_project_is_an_error(monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert check_project(**project())
    with pytest.raises(AssertionError, match="Not attempted yet"):
        check_project(**{**project(), "x": ...})
