"""Right answers changed in one place: the checkers must refuse every one of them.

Each answer below is changed by one operator, one number or one line at a time. A change that
makes no difference to what the program does is listed in SAME, with the reason.
"""

import ast
import copy
import functools

import numpy
import pytest
import torch
from grading import assert_passed

from polylab.checks import (
    Verdict,
    check_autograd_function,
    check_gradient,
    check_learning_rate,
    check_loss,
    check_module,
    check_repair,
    check_training,
)
from polylab.data import sine_samples
from polylab.descent import LeastSquares
from polylab.polynomial import features

X, Y = sine_samples()
PROBLEM = LeastSquares(features(X), Y)


def check_best_rate(derive):
    try:
        rate = derive(X)
    except (NameError, ValueError, numpy.linalg.LinAlgError) as error:
        return Verdict(False, str(error))
    return check_learning_rate(rate, PROBLEM, "best", tolerance=1e-6)



ANSWERS = {
    "four sums": (check_gradient, """
def answer(coefficients, x, y):
    a, b, c, d = coefficients
    predicted = a + b * x + c * x**2 + d * x**3
    slope = 2 * (predicted - y)
    return numpy.array([slope.sum(), (slope * x).sum(), (slope * x**2).sum(),
                        (slope * x**3).sum()])
"""),
    "matrix product": (check_gradient, """
def answer(coefficients, x, y):
    features = x[:, None] ** numpy.arange(4)
    residual = features @ coefficients - y
    return 2 * features.T @ residual
"""),
    "gradient of the mean": (functools.partial(check_gradient, loss="mean"), """
def answer(coefficients, x, y):
    features = x[:, None] ** numpy.arange(4)
    residual = features @ coefficients - y
    return 2 * features.T @ residual / len(x)
"""),
    "autograd": (functools.partial(check_gradient, library="torch"), """
def answer(coefficients, x, y):
    leaf = coefficients.clone().requires_grad_()
    predicted = leaf[0] + leaf[1] * x + leaf[2] * x**2 + leaf[3] * x**3
    loss = ((predicted - y) ** 2).sum()
    loss.backward()
    return leaf.grad
"""),
    "sum": (functools.partial(check_loss, kind="sum"), """
def answer(predicted, y):
    return ((predicted - y) ** 2).sum()
"""),
    "mean": (functools.partial(check_loss, kind="mean"), """
def answer(predicted, y):
    return ((predicted - y) ** 2).sum() / len(y)
"""),
    "root mean square": (functools.partial(check_loss, kind="root mean square"), """
def answer(predicted, y):
    return ((predicted - y) ** 2).mean() ** 0.5
"""),
    "absolute sum": (functools.partial(check_loss, kind="absolute sum"), """
def answer(predicted, y):
    return numpy.abs(predicted - y).sum()
"""),
    "training in numpy": (check_training, """
def answer(x, y, start, rate, steps):
    a, b, c, d = start
    for t in range(steps):
        predicted = a + b * x + c * x**2 + d * x**3
        slope = 2 * (predicted - y)
        a -= rate * slope.sum()
        b -= rate * (slope * x).sum()
        c -= rate * (slope * x**2).sum()
        d -= rate * (slope * x**3).sum()
    return a, b, c, d
"""),
    "training in torch": (functools.partial(check_training, library="torch"), """
def answer(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    for t in range(steps):
        predicted = x[:, None] ** torch.arange(4) @ coefficients
        loss = ((predicted - y) ** 2).sum()
        coefficients.grad = None
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients
"""),
    "adam": (functools.partial(check_training, optimiser="adam", library="torch"), """
def answer(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([coefficients], lr=rate)
    for t in range(steps):
        loss = ((x[:, None] ** torch.arange(4) @ coefficients - y) ** 2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return coefficients.detach()
"""),
    "momentum": (functools.partial(check_training, optimiser="momentum"), """
def answer(x, y, start, rate, steps):
    features = x[:, None] ** numpy.arange(4)
    coefficients, velocity = start.copy(), numpy.zeros(4)
    for t in range(steps):
        gradient = 2 * features.T @ (features @ coefficients - y)
        velocity = 0.9 * velocity + gradient
        coefficients -= rate * velocity
    return coefficients
"""),
    "cubic module": (functools.partial(check_module, formula="cubic"), """
class answer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.randn(()))
        self.b = torch.nn.Parameter(torch.randn(()))
        self.c = torch.nn.Parameter(torch.randn(()))
        self.d = torch.nn.Parameter(torch.randn(()))

    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**3
"""),
    "legendre module": (functools.partial(check_module, formula="legendre"), """
class answer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.randn(()))
        self.b = torch.nn.Parameter(torch.randn(()))
        self.c = torch.nn.Parameter(torch.randn(()))
        self.d = torch.nn.Parameter(torch.randn(()))

    def forward(self, x):
        inner = self.c + self.d * x
        return self.a + self.b * 0.5 * (5 * inner**3 - 3 * inner)
"""),
    "dynamic module": (functools.partial(check_module, formula="dynamic"), """
class answer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for name in "abcde":
            setattr(self, name, torch.nn.Parameter(torch.randn(())))
        self.chance = random.Random("any")

    def forward(self, x):
        y = self.a + self.b * x + self.c * x**2 + self.d * x**3
        for power in range(4, self.chance.randint(4, 6)):
            y = y + self.e * x**power
        return y
"""),
    "two layers": (functools.partial(check_module, formula="two layers"), """
class answer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Parameter(torch.randn(1000, 100))
        self.second = torch.nn.Parameter(torch.randn(100, 10))

    def forward(self, x):
        hidden = (x @ self.first).clamp(min=0)
        return hidden @ self.second
"""),
    "autograd function": (functools.partial(check_autograd_function, formula="legendre 3"), """
class answer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * (5 * x**3 - 3 * x)

    @staticmethod
    def backward(ctx, above):
        (x,) = ctx.saved_tensors
        return above * 1.5 * (5 * x**2 - 1)
"""),
    "relu": (functools.partial(check_autograd_function, formula="relu"), """
class answer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, above):
        (x,) = ctx.saved_tensors
        below = above.clone()
        below[x <= 0] = 0
        return below
"""),
    "best rate": (check_best_rate, """
def answer(x):
    features = x[:, None] ** numpy.arange(4)
    curvatures = numpy.linalg.eigvalsh(2 * features.T @ features)
    return 2 / (curvatures[0] + curvatures[-1])
"""),
    "repair with zeroing": (functools.partial(check_repair, exercise="13.1"), """
def answer(x, y, start, rate, steps):
    coefficients = start.clone().requires_grad_()
    losses = []
    for t in range(steps):
        predicted = x[:, None] ** torch.arange(4) @ coefficients
        loss = ((predicted - y) ** 2).sum()
        losses.append(loss.item())
        coefficients.grad = None
        loss.backward()
        with torch.no_grad():
            coefficients -= rate * coefficients.grad
    return coefficients.detach(), losses
"""),
    "repair of the rate": (functools.partial(check_repair, exercise="13.4"), """
def answer(x, y, start, steps):
    features = x[:, None] ** numpy.arange(4)
    hessian = 2 * features.T @ features
    rate = 1.9 / numpy.linalg.eigvalsh(hessian)[-1]
    coefficients, losses = start.copy(), []
    for t in range(steps):
        residual = features @ coefficients - y
        losses.append((residual**2).sum())
        coefficients -= rate * 2 * features.T @ residual
    return coefficients, losses
"""),
    "repair of the order": (functools.partial(check_repair, exercise="13.18"), """
def answer(x, y):
    features = x[:, None] ** numpy.arange(4)
    coefficients = numpy.linalg.lstsq(features, y)[0]
    return numpy.polyval(coefficients[::-1], x)
"""),
}

# Changes that make no difference to what a checker promises, with the reason.
SAME = {
    ("repair of the rate", "hessian = 3 * features.T @ features"):
        "the rate becomes two thirds of what it was and is still below the limit",
    ("repair of the rate", "coefficients -= rate / 2 * features.T @ residual"):
        "this is descent at a quarter of the rate, which the program is free to choose",
}

OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
}
COMPARISONS = {ast.LtE: ast.Lt, ast.Lt: ast.GtE, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
TWINS = {"sum": "mean", "mean": "sum", "zeros": "ones", "abs": "square"}


def changes_of(node):
    """Yield every single change that can be made at a node, as a function of its copy."""
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in OPERATORS:
        yield lambda twin: setattr(twin, "op", OPERATORS[type(twin.op)]())
    if isinstance(node, ast.Compare):
        yield lambda twin: setattr(twin, "ops", [COMPARISONS[type(twin.ops[0])]()])
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield lambda twin: setattr(twin, "value", twin.value + 1)
    if isinstance(node, ast.UnaryOp):
        yield lambda twin: setattr(twin, "op", ast.UAdd())
    if isinstance(node, ast.Attribute) and node.attr in TWINS:
        yield lambda twin: setattr(twin, "attr", TWINS[twin.attr])
    if isinstance(node, (ast.FunctionDef, ast.For, ast.With)):
        for number, statement in enumerate(node.body):
            if not isinstance(statement, (ast.FunctionDef, ast.Return)):
                yield lambda twin, n=number: twin.body.__setitem__(n, ast.Pass())


def mutants(source):
    """Yield (changed lines, changed source) for every change in one place."""
    tree = ast.parse(source)
    clean = ast.unparse(tree).splitlines()
    for position, node in enumerate(ast.walk(tree)):
        for change in changes_of(node):
            changed = copy.deepcopy(tree)
            change(list(ast.walk(changed))[position])
            text = ast.unparse(ast.fix_missing_locations(changed))
            lines = [line.strip() for line in text.splitlines() if line not in clean]
            yield " / ".join(lines) or "one line left out", text


def make(source):
    namespace = {"numpy": numpy, "torch": torch, "__name__": "cell"}
    exec("import random\n" + source, namespace)
    return namespace["answer"]


def judge(checker, source):
    """Return whether the answer passes; one that cannot even be made does not."""
    try:
        answer = make(source)
    except (TypeError, ValueError):
        return False
    return bool(checker(answer))


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answer_itself_passes(name):
    checker, source = ANSWERS[name]
    assert_passed(checker(make(source)))


@pytest.mark.parametrize("name", ANSWERS)
def test_every_change_in_one_place_is_refused(name):
    checker, source = ANSWERS[name]
    found = list(mutants(source))
    assert len(found) >= 3
    survivors = [lines for lines, text in found
                 if judge(checker, text) and (name, lines) not in SAME]
    assert survivors == []


def test_no_entry_of_the_table_of_harmless_changes_is_stale():
    for name, lines in SAME:
        checker, source = ANSWERS[name]
        text = dict(mutants(source))[lines]
        assert judge(checker, text)
