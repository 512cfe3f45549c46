"""check_module: modules of every style pass, every mistake gets its own diagnosis."""

import random

import numpy
import pytest
import torch
from grading import assert_not_attempted, assert_passed, assert_refused
from torch import nn

from polylab.checks import check_module
from polylab.data import FIRST_GUESS


class Numbers(nn.Module):
    """Scalar parameters under the names in ``names``."""

    names = "abcd"

    def __init__(self):
        super().__init__()
        for name in self.names:
            setattr(self, name, nn.Parameter(torch.randn(())))


def module(forward, names="abcd"):
    return type("Learned", (Numbers,), {"forward": forward, "names": names})


class Cubic(Numbers):
    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**3


class OneVector(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4))

    def forward(self, x):
        return x[..., None] ** torch.arange(4, device=x.device) @ self.weight


class OtherNames(nn.Module):
    def __init__(self):
        super().__init__()
        self.third = nn.Parameter(torch.zeros(1))
        self.others = nn.ParameterList(nn.Parameter(torch.zeros(())) for _ in range(3))

    def forward(self, x):
        first, second, fourth = self.others
        return fourth * x**3 + self.third * x**2 + second * x + first


class InnerLinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, x):
        return self.linear(torch.stack([x, x**2, x**3], dim=1)).flatten()


def legendre_3(x):
    return 0.5 * (5 * x**3 - 3 * x)


class LegendreCubic(Numbers):
    def forward(self, x):
        return self.a + self.b * legendre_3(self.c + self.d * x)


class Dynamic(Numbers):
    names = "abcde"
    highest = 6

    def __init__(self):
        super().__init__()
        self.chance = random.Random(3)

    def forward(self, x):
        y = self.a + self.b * x + self.c * x**2 + self.d * x**3
        for power in range(4, self.chance.randint(4, self.highest)):
            y = y + self.e * x**power
        return y


class TwoLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(1000, 100))
        self.w2 = nn.Parameter(torch.randn(100, 10))

    def forward(self, x):
        return (x @ self.w1).clamp(min=0) @ self.w2


# Its matrices start at 0, but the second one moves, for the biases do not.
biased_from_zero = nn.Sequential(nn.Linear(1000, 100), nn.ReLU(), nn.Linear(100, 10))
for layer in (biased_from_zero[0], biased_from_zero[2]):
    nn.init.zeros_(layer.weight)


RIGHT = (
    ("cubic", Cubic), ("cubic", Cubic()), ("cubic", OneVector), ("cubic", OtherNames),
    ("cubic", InnerLinear), ("cubic", module(
        lambda self, x: self.a + x * (self.b + x * (self.c + x * self.d)))),
    ("line", module(lambda self, x: self.a + self.b * x, "ab")),
    ("quadratic", module(lambda self, x: self.a + self.b * x + self.c * x**2, "abc")),
    ("quintic", module(lambda self, x: sum(
        getattr(self, name) * x**k for k, name in enumerate("abcdef")), "abcdef")),
    ("cubic from features", nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1))),
    ("legendre", LegendreCubic),
    ("sine", module(lambda self, x: self.a * torch.sin(self.b * x + self.c), "abc")),
    ("dynamic", Dynamic), ("dynamic", Dynamic()),
    ("two layers", TwoLayers), ("two layers", biased_from_zero),
    ("two layers", nn.Sequential(nn.Linear(1000, 100), nn.ReLU(), nn.Linear(100, 10))),
    ("two layers", nn.Sequential(nn.Linear(1000, 100, bias=False), nn.ReLU(),
                                 nn.Linear(100, 10, bias=False))),
)


@pytest.mark.parametrize(("formula", "answer"), RIGHT)
def test_right_modules_pass(formula, answer):
    assert_passed(check_module(answer, formula))


def test_names_of_methods_may_be_taken():
    assert_passed(check_module(ShadowsParameters, "cubic"))


def test_an_instance_keeps_its_numbers_dtype_gradients_and_mode():
    with torch.random.fork_rng():
        model = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0, 1)).eval()
    model.register_buffer("count", torch.zeros(3))
    model[0].bias.grad = torch.ones(1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weight = model[0].weight
    assert_passed(check_module(model, "cubic from features"))
    assert model[0].weight is weight
    assert not model.training
    assert weight.grad is None
    assert torch.equal(model[0].bias.grad, torch.ones(1))
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, before[name])


class Counting(Cubic):
    calls = 0
    seen: list = []  # noqa: RUF012 - a learner may well do this

    def forward(self, x):
        Counting.calls += 1
        self.calls_of_mine = Counting.calls
        Counting.seen.append(x)
        return super().forward(x)


def test_what_a_module_keeps_count_of_is_put_back():
    with torch.random.fork_rng():
        model = Counting()
    assert_passed(check_module(model, "cubic"))
    assert Counting.calls == 0
    assert not hasattr(model, "calls_of_mine")


c = 0.5


class StaleGlobal(Numbers):
    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * c**3


class NotAParameter(Numbers):
    names = "abc"

    def __init__(self):
        super().__init__()
        self.d = torch.randn(())

    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**3


class NoInit(nn.Module):
    def __init__(self):
        self.a = nn.Parameter(torch.zeros(()))


class NeverStarted(nn.Module):
    def __init__(self):
        self.width = 3

    def forward(self, x):
        return x


class ShadowsParameters(Cubic):
    def __init__(self):
        super().__init__()
        self.parameters = [self.a, self.b]
        self.modules = self.to = self.named_parameters = None


class Frozen(Cubic):
    def __init__(self):
        super().__init__()
        self.d.requires_grad_(False)


class NeedsArguments(Cubic):
    def __init__(self, width):
        super().__init__()


class WholeNumbers(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(1))


class Tuple(nn.Module):
    def __init__(self):
        super().__init__()
        self.coefficients = (1.0, 2.0, 3.0, 4.0)


class Misspelt(Dynamic):
    def forward(self, x):
        return self.missing + x


class Cycles(Dynamic):
    def __init__(self):
        super().__init__()
        self.turn = 0

    def forward(self, x):
        self.turn += 1
        powers = range(4, 4 + self.turn % 3)
        return Cubic.forward(self, x) + sum(self.e * x**power for power in powers)


class PlainClass:
    def forward(self, x):
        return x


class Drifts(Cubic):
    def forward(self, x):
        y = super().forward(x)
        with torch.no_grad():
            self.a += 1
        return y


class NoForward(Numbers):
    pass


class EditsInput(Cubic):
    def forward(self, x):
        x *= 2
        return super().forward(x)


class Unused(Numbers):
    names = "abcde"

    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**3


def two_layers(forward):
    return type("Learned", (TwoLayers,), {"forward": forward})


class AtZero(TwoLayers):
    def __init__(self):
        super().__init__()
        self.w1.data.zero_()
        self.w2.data.zero_()


class LastBias(AtZero):
    def __init__(self):
        super().__init__()
        self.last = nn.Parameter(torch.randn(10))

    def forward(self, x):
        return super().forward(x) + self.last


class FirstAtZero(TwoLayers):
    def __init__(self):
        super().__init__()
        self.w1.data.zero_()

    def forward(self, x):
        return torch.relu(x @ self.w1) @ self.w2


class LastAtZero(TwoLayers):
    def __init__(self):
        super().__init__()
        self.w2.data.zero_()


class OwnCall(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4))

    def __call__(self, x):
        return x[:, None] ** torch.arange(4) @ self.weight


class KeepsFeatures(OneVector):
    def __init__(self):
        super().__init__()
        self.tables = {}

    def forward(self, x):
        if len(x) not in self.tables:
            self.tables[len(x)] = torch.vander(x, 4, increasing=True)
        return self.tables[len(x)].to(x.dtype) @ self.weight


class HiddenList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(1000, 100), nn.Linear(100, 10)]

    def forward(self, x):
        return self.layers[1](self.layers[0](x).relu())


class HiddenNumbers(nn.Module):
    def __init__(self):
        super().__init__()
        self.numbers = {name: nn.Parameter(torch.randn(())) for name in "abcd"}

    def forward(self, x):
        return sum(number * x**k for k, number in enumerate(self.numbers.values()))


class InFloat32(TwoLayers):
    def forward(self, x):
        return super().forward(x.float())


class InFloat64(TwoLayers):
    def __init__(self):
        super().__init__()
        self.double()


class UnusedBias(TwoLayers):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(100))


class Buffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.powers = [0, 1, 2, 3]
        self.register_buffer("coefficients", torch.zeros(4))


class Powers(nn.Module):
    def __init__(self):
        super().__init__()
        self.powers = (0,)
        self.coefficients = nn.Parameter(torch.zeros(3))


WRONG = (
    ("cubic", StaleGlobal, "global variable `c`"),
    ("cubic", module(lambda s, x: s.a + s.b * x + s.c * x**2 + s.d * s.c**3), "c³ where x³"),
    ("cubic", module(lambda s, x: s.d + s.c * x + s.b * x**2 + s.a * x**3), "reverse order"),
    ("cubic", module(lambda s, x: s.a + s.b * x + s.c * x**2 + 0 * s.d * x), "term with d is"),
    ("cubic", module(lambda s, x: 0 * s.a + s.b * x + s.c * x**2 + s.d * x**3),
     "The term with a is missing"),
    ("cubic", module(lambda s, x: s.a - s.b * x + s.c * x**2 + s.d * x**3),
     "The term with b has the wrong sign"),
    ("cubic", module(lambda s, x: s.a + s.b * x + s.c * x**3 + s.d * x**3),
     "c is multiplied by x³ instead of x²"),
    ("cubic", module(lambda s, x: s.a + s.b * x + s.c * x**2 + s.d), "d is multiplied by 1"),
    ("cubic", module(lambda s, x: s.a + s.b * x * s.c * x**2 + s.d * x**3), "does not compute"),
    ("cubic", module(lambda s, x: s.a + s.b * x + s.c * x**2 + s.d.item() * x**3),
     "No gradient reaches `d`"),
    ("cubic", module(lambda s, x: s.a + s.b * x + s.c.detach() * x**2 + s.d * x**3),
     "No gradient reaches `c`"),
    ("cubic", module(lambda s, x: s.a + s.b * x + s.c * x**2), "No gradient reaches `d`"),
    ("cubic", module(lambda s, x: (s.a + s.b * x + s.c * x**2 + s.d * x**3).detach()),
     "No gradient reaches `a`"),
    ("cubic", module(lambda s, x: torch.tensor([s.a.item()] * len(x), dtype=x.dtype)),
     "No gradient reaches `a`"),
    ("cubic", Buffer, "`coefficients` is a buffer, not a Parameter"),
    ("cubic", Powers, "It is a module with 3 learnable numbers. 4 are wanted"),
    ("cubic", module(lambda s, x: (s.a + s.b * x + s.c * x**2 + s.d * x**3)[:, None]),
     "shape (n, 1)", "silently have shape (n, n)"),
    ("cubic", module(lambda s, x: (s.a + s.b * x + s.c * x**2 + s.d * x**3).sum()),
     "one number for all points"),
    ("cubic", module(lambda s, x: (s.a + s.b * x + s.c * x**2 + s.d * x**3).float()),
     "float64 went in, float32 came back"),
    ("cubic", module(lambda s, x: None), "returns None"),
    ("cubic", module(lambda s, x: s.a + 1 / 0), "ZeroDivisionError"),
    ("cubic", NotAParameter, "`d` is not a Parameter"),
    ("cubic", NoInit, "a parameter before it is a module", "`self.a = "),
    ("cubic", NeverStarted, "does not start the module"),
    ("cubic", Frozen, "`d` does not require a gradient"),
    ("cubic", NeedsArguments, "asks for `width`", "will be called without arguments"),
    ("cubic", WholeNumbers, "made of whole numbers", "write the point"),
    ("cubic", Tuple, "`coefficients` is not a Parameter"),
    ("dynamic", Misspelt, "AttributeError", "`return self.missing + x`"),
    ("dynamic", Cycles, "in the same order again and again"),
    ("cubic", PlainClass, "a class that is not derived from it came"),
    ("cubic", Drifts, "two different answers"),
    ("cubic", NoForward, "NotImplementedError"),
    ("cubic", EditsInput, "Its input changed in place"),
    ("cubic", Unused, "5 learnable numbers", "4 are wanted"),
    ("cubic", nn.Linear, "TypeError"),
    ("cubic", lambda x: x, "a function came"),
    ("cubic", "Cubic", "a string came"),
    ("cubic", nn.Parameter(torch.zeros(4)), "a tensor of shape (4,) came"),
    ("cubic from features", nn.Sequential(nn.Linear(3, 1)), "shape (n, 1)"),
    ("cubic from features", nn.Sequential(nn.Linear(3, 1, bias=False), nn.Flatten(0, 1)),
     "3 learnable numbers"),
    ("cubic from features", nn.Sequential(nn.Linear(1, 2), nn.Flatten(0, 1)),
     "Two shapes do not fit"),
    ("legendre", module(lambda s, x: s.a + s.b * x + s.c * x**2 + s.d * x**3), "does not compute"),
    ("legendre", module(lambda s, x: s.b * legendre_3(s.c + s.d * x) + 0 * s.a), "a is not added"),
    ("legendre", module(lambda s, x: s.a + legendre_3(s.c + s.d * x) + 0 * s.b),
     "not multiplied by b"),
    ("legendre", module(lambda s, x: s.a + s.b * legendre_3(s.d * x) + 0 * s.c), "c is not added"),
    ("legendre", module(lambda s, x: s.a + s.b * legendre_3(s.d + s.c * x)), "c and d have"),
    ("legendre", module(lambda s, x: s.b + s.a * legendre_3(s.c + s.d * x)), "a and b have"),
    ("legendre", module(lambda s, x: s.a + 2 * s.b * legendre_3(s.c + s.d * x)), "factor ½"),
    ("legendre", module(lambda s, x: s.a + s.b * (s.c + s.d * x) ** 3), "the cube where P₃"),
    ("legendre", module(lambda s, x: s.a + s.b * (3 * (s.c + s.d * x) ** 2 - 1) / 2), "uses P₂"),
    ("dynamic", type("Few", (Dynamic,), {"highest": 5}), "the number of extra terms was never 2"),
    ("dynamic", type("Many", (Dynamic,), {"highest": 7}), "x⁶ comes up"),
    ("dynamic", type("Other", (Dynamic,), {"forward": lambda s, x: Cubic.forward(s, x)
                                           + s.e * x**4 * random.randint(0, 2)}), "all have x⁴"),
    ("dynamic", type("Apart", (Dynamic,), {"forward": lambda s, x: Cubic.forward(s, x)
                                           + s.e * x**4 * random.randint(0, 1)
                                           + s.e * x**5 * random.randint(0, 1)}),
     "x⁵ comes without x⁴"),
    ("dynamic", type("Unfair", (Dynamic,), {"forward": lambda s, x: Cubic.forward(s, x) + sum(
        s.e * x**k for k in range(4, random.choice([4, 4, 5, 6])))}), "a third each is wanted"),
    ("dynamic", type("Fixed", (Dynamic,), {"forward": lambda s, x: Cubic.forward(s, x)
                                           + s.e * x**4 + s.e * x**5}),
     "the number of extra terms was always 2", "drawn in forward"),
    ("dynamic", type("Never", (Dynamic,), {"forward": lambda s, x: Cubic.forward(s, x)}),
     "No gradient reaches `e`"),
    ("dynamic", Cubic, "4 learnable numbers", "5 are wanted"),
    ("two layers", two_layers(lambda s, x: x @ s.w1 @ s.w2), "no ReLU between"),
    ("two layers", two_layers(lambda s, x: (x @ s.w1 @ s.w2).clamp(min=0)), "after the second"),
    ("two layers", two_layers(lambda s, x: ((x @ s.w1).clamp(min=0) @ s.w2).relu()),
     "a second ReLU"),
    ("two layers", two_layers(lambda s, x: x.relu() @ s.w1 @ s.w2), "before the first"),
    ("two layers", two_layers(lambda s, x: (x @ s.w1).clamp(max=0) @ s.w2), "drops what is pos"),
    ("two layers", two_layers(lambda s, x: (x @ s.w1).abs() @ s.w2), "absolute values"),
    ("two layers", two_layers(lambda s, x: (x @ s.w1).tanh() @ s.w2), "tanh"),
    ("two layers", two_layers(lambda s, x: (x @ s.w1).sigmoid() @ s.w2), "sigmoid"),
    ("two layers", nn.Sequential(nn.Linear(1000, 100), nn.ReLU6(), nn.Linear(100, 10)),
     "does not compute"),
    ("two layers", two_layers(lambda s, x: nn.functional.gelu(x @ s.w1) @ s.w2),
     "does not compute"),
    ("two layers", nn.Sequential(nn.Linear(1000, 100), nn.LeakyReLU(), nn.Linear(100, 10)),
     "does not compute"),
    ("two layers", two_layers(lambda s, x: 2 * (x @ s.w1).relu() @ s.w2), "does not compute"),
    ("two layers", two_layers(lambda s, x: (x @ s.w1).relu()), "returns the hidden layer"),
    ("two layers", two_layers(lambda s, x: (x @ s.w1.detach()).relu() @ s.w2),
     "No gradient reaches `w1`"),
    ("two layers", nn.Linear(1000, 10), "`weight` has shape (10, 1000)"),
    ("two layers", nn.Linear(1000, 100), "The matrix of shape (100, 10) is not among"),
    ("two layers", nn.BatchNorm1d(100, affine=True), "no weights for 1000 → 100 → 10"),
    ("two layers", two_layers(lambda s, x: (x @ s.w1.data).relu() @ s.w2),
     "It has two weights and returns shape (batch, 10)", "No gradient reaches `w1`"),
    ("two layers", nn.Sequential(nn.LazyLinear(100), nn.ReLU(), nn.LazyLinear(10)),
     "`0.weight` has no shape before the first call", "nn.Linear(1000, 100)"),
    ("two layers", LastBias, "All of them start at 0"),
    ("two layers", UnusedBias, "The bias of the first layer is not used in forward"),
    ("two layers", AtZero, "All of them start at 0", "random numbers"),
    ("two layers", FirstAtZero, "`w1` can never move", "where its input is 0"),
    ("two layers", HiddenList, "`layers` is a Python list", "nn.ModuleList"),
    ("cubic", HiddenNumbers, "`numbers` is a Python dict", "nn.ParameterList"),
    ("cubic", OwnCall, "no method `forward`", "`__call__` belongs to PyTorch"),
    ("cubic", KeepsFeatures, "something is remembered from call to call"),
    ("cubic", module(lambda self, x: self.a.detach() + 0 * self.a + self.b * x + self.c * x**2
                     + self.d * x**3), "No gradient reaches `a`"),
)


@pytest.mark.parametrize("answer", [InFloat32, InFloat64, InFloat32(), LastAtZero])
def test_two_layers_in_either_dtype_and_from_any_start_that_moves(answer):
    assert_passed(check_module(answer, "two layers"))


@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case[0]}: {case[2][:40]}")
def test_every_mistake_is_refused_with_its_own_diagnosis(case):
    formula, answer, *fragments = case
    assert_refused(check_module(answer, formula), *fragments)


@pytest.mark.parametrize("case", WRONG[::10], ids=lambda case: f"{case[0]}: {case[2][:40]}")
def test_the_verdict_is_the_same_the_second_time(case):
    formula, answer, *_ = case
    assert check_module(answer, formula) == check_module(answer, formula)


class Starter(Numbers):
    def forward(self, x):
        return ...


class StarterInit(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = ...

    def forward(self, x):
        return self.a


@pytest.mark.parametrize("answer", [..., Starter, Starter(), StarterInit])
def test_a_starter_is_not_attempted(answer):
    assert_not_attempted(check_module(answer, "cubic"))


def test_a_misspelt_formula_is_an_error():
    with pytest.raises(ValueError, match="formula must be one of line, quadratic, cubic"):
        check_module(Cubic, "no such formula")


def test_the_random_draws_are_fair_for_numpy_and_torch_too():
    def draws(make, draw):
        return type("Learned", (Dynamic,), {
            "__init__": lambda self: (Dynamic.__init__(self), setattr(self, "chance", make()))[0],
            "forward": lambda self, x: Cubic.forward(self, x) + sum(
                self.e * x**power for power in range(4, draw(self.chance)))})

    assert_passed(check_module(draws(torch.Generator, lambda chance: int(
        torch.randint(4, 7, (), generator=chance))), "dynamic"))
    assert_passed(check_module(draws(numpy.random.default_rng,
                                     lambda chance: chance.integers(4, 7)), "dynamic"))
    for draw, name in ((lambda _: int(torch.randint(4, 7, ())), "PyTorch"),
                       (lambda _: numpy.random.randint(4, 7), "NumPy"),  # noqa: NPY002
                       (lambda _: random.randint(4, 6), "`random`")):
        assert_refused(check_module(draws(random.Random, draw), "dynamic"),
                       f"from the generator of {name} that all cells share")


def test_each_number_has_a_parameter_of_its_own_where_the_task_says_so():
    class Vector(nn.Module):
        def __init__(self):
            super().__init__()
            self.numbers = nn.Parameter(torch.tensor([0.5, -1.0, 0.3, 0.2]))

        def forward(self, x):
            a, b, c, d = self.numbers
            return a + b * legendre_3(c + d * x)

    assert_refused(check_module(Vector, "legendre"), "stand in (4,)", "4 parameters are wanted")


def vector_cubic(start):
    class VectorCubic(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.coefficients = torch.nn.Parameter(torch.tensor(start))

        def forward(self, x):
            a, b, c, d = self.coefficients
            return a + b * x + c * x**2 + d * x**3

    return VectorCubic()


START = (1.5, -0.3, -2.2, 0.6)
FOUR = ((4,),)
SEPARATE = Cubic()


def test_start_and_shapes_are_judged_where_they_are_asked_for():
    assert_passed(check_module(vector_cubic(START), "cubic", start=START, shapes=FOUR))
    assert_passed(check_module(vector_cubic((1.0,) * 4), "cubic", shapes=FOUR))
    numbers = [parameter.item() for parameter in SEPARATE.parameters()]
    assert_passed(check_module(SEPARATE, "cubic", start=numbers))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (vector_cubic((1.0,) * 4), "It starts from 1, 1, 1, 1; 1.5, -0.3, -2.2, 0.6 is wanted."),
        (vector_cubic(START[::-1]), "It starts from the wanted numbers in reverse order."),
        (SEPARATE, "Its parameters have the shapes (), (), (), (); (4,) is wanted."),
    ],
)
def test_another_start_and_other_shapes_are_refused(answer, said):
    verdict = check_module(answer, "cubic", start=START, shapes=FOUR)
    assert not verdict.passed
    assert said in verdict.message


class Drawn(Numbers):
    """Draws its numbers, as a learner does who forgets where they should begin."""

    def __init__(self):
        super().__init__()
        for name in self.names:
            getattr(self, name).data = torch.randn(())

    forward = Cubic.forward


def test_numbers_that_are_drawn_are_not_the_first_guess_although_that_was_drawn_once():
    assert_refused(check_module(Drawn, "cubic", start=FIRST_GUESS), "It starts from",
                   "1.541, -0.2934, -2.179, 0.5684 is wanted")
    assert "from 1.541" not in check_module(Drawn, "cubic", start=FIRST_GUESS).message


class Begins(Numbers):
    """Puts (c, d, a, b) where the formula reads a, b, c and d."""

    names = "wxyz"

    def __init__(self):
        super().__init__()
        for name, number in zip(self.names, (-1.0, 0.5, 0.2, 0.3), strict=True):
            getattr(self, name).data = torch.tensor(number)

    def forward(self, x):
        return self.w + self.x * legendre_3(self.y + self.z * x)


def test_the_order_in_which_the_formula_reads_the_numbers_decides_where_they_begin():
    verdict = check_module(Begins, "legendre", start=(0.5, -1.0, 0.3, 0.2))
    assert_refused(verdict, "It starts from -1, 0.5, 0.2, 0.3; 0.5, -1, 0.3, 0.2 is wanted")
    assert_passed(check_module(Begins, "legendre", start=(-1.0, 0.5, 0.2, 0.3)))


def test_brackets_too_many_are_told_as_such():
    row = type("Row", (nn.Module,), {
        "__init__": row_init, "forward": lambda s, x: (x[:, None] ** torch.arange(4)) @ s.row[0]})
    assert_refused(check_module(row, "cubic", shapes=[(4,)]),
                   "Its parameter has the shape (1, 4); (4,) is wanted", "brackets")


def row_init(self):
    nn.Module.__init__(self)
    self.row = nn.Parameter(torch.zeros(1, 4))


def test_parameters_made_outside_the_class_are_shared():
    shared = torch.nn.Parameter(torch.tensor(FIRST_GUESS))

    class Shares(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.theta = shared

        def forward(self, x):
            return sum(self.theta[k] * x**k for k in range(4))

    assert_refused(check_module(Shares, "cubic", start=FIRST_GUESS), "share `theta`")
