"""Checks a learner's `torch.nn.Module`."""

from __future__ import annotations

import inspect
import itertools
import random
import types
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy

from polylab.checks.engine.common import (
    MEMORY,
    checker,
    require_choice,
    require_no_outside_data,
)
from polylab.checks.engine.guard import call
from polylab.checks.engine.reading import is_a, members_of, modules_inside, own_classes
from polylab.checks.engine.state import put_back_at_the_end
from polylab.checks.engine.values import (
    close,
    describe,
    is_again,
    read_numbers,
    require_finite,
    require_kind,
    require_precision,
    require_shape,
    to_library,
)
from polylab.checks.engine.verdict import Refusal

POINTS = (23, 7, 40, 23)  # one size twice, in one dtype: something may be kept for each size
DRAWS = 600  # forward passes through a dynamic network; a third of them has sd 11.5
FEWER_DRAWS = 100  # in the other tries, where they are not counted
LONGEST_CYCLE = 100  # calls; random draws repeat none of them
FAIR = (150, 250)  # how often each of its three graphs may come up


@dataclass(frozen=True)
class Formula:
    """What a module should compute from x, with learnable numbers.

    Parameters
    ----------
    text : str
        The formula as the learner reads it.
    names : str
        The learnable numbers, in the order of ``outputs``; a single vector must hold them so.
    outputs : callable
        ``outputs(numbers, x)`` returns the tuple of all outputs that are allowed, in NumPy: one,
        unless the graph changes from call to call.
    inputs : callable
        ``inputs(random, n)`` returns x.
    mistakes : tuple of (outputs, sentence, hint)
        Wrong formulas that learners write.
    apart : bool
        Whether an exercise wants a parameter of its own for each learnable number.
    """

    text: str
    names: str
    outputs: Callable
    inputs: Callable
    mistakes: tuple = ()
    apart: bool = False


def _angles(random, n):
    return random.uniform(-numpy.pi, numpy.pi, n)


def _features(random, n):
    return numpy.vander(_angles(random, n), 4, increasing=True)[:, 1:]


def _horner(numbers, x):
    return numpy.polynomial.polynomial.polyval(x, numbers)


def _legendre(numbers, x, degree=3):
    a, b, c, d = numbers
    basis = numpy.polynomial.Legendre.basis(degree)
    return a + b * basis(c + d * x)


def _dynamic(numbers, x, highest):
    """Return the cubic plus the same number times each power from 4 to ``highest``."""
    return _horner([*numbers[:4], *[numbers[4]] * (highest - 3)], x)


PAPER = "write the formula on paper and compare it term by term."
ORDER = "the course always puts the constant first."


def _polynomial_mistakes(names):
    degree = len(names) - 1
    power = ("1", "x", "x²", "x³", "x⁴", "x⁵")
    found = [(lambda numbers, x: (_horner(numbers[::-1], x),),
              f"The coefficients come in reverse order: {names[0]} belongs to the highest power.",
              ORDER)]
    if degree == 3:
        found.append((lambda numbers, x: (_horner([*numbers[:3], 0], x)
                                          + numbers[3] * numbers[2] ** 3,),
                      "The last term has c³ where x³ belongs, so the curve is a parabola.",
                      "write the formula on paper and compare it letter by letter."))
    for k, name in enumerate(names):
        found += [
            (lambda numbers, x, k=k: (_horner(numpy.where(numpy.arange(degree + 1) == k, 0,
                                                          numbers), x),),
             f"The term with {name} is missing.", PAPER),
            (lambda numbers, x, k=k: (_horner(numpy.where(numpy.arange(degree + 1) == k, -1, 1)
                                              * numbers, x),),
             f"The term with {name} has the wrong sign.", PAPER),
        ]
        found += [
            (lambda numbers, x, k=k, j=j: (_horner(numbers, x) + numbers[k] * (x**j - x**k),),
             f"{name} is multiplied by {power[j]} instead of {power[k]}.", PAPER)
            for j in range(degree + 1) if j != k
        ]
    return tuple(found)


def _legendre_mistakes():
    def with_parts(combine):
        return lambda numbers, x: (combine(*numbers, x),)

    cubic = numpy.polynomial.Legendre.basis(3)
    return (
        (with_parts(lambda a, b, c, d, x: b * cubic(c + d * x)), "a is not added.", PAPER),
        (with_parts(lambda a, b, c, d, x: a + cubic(c + d * x)),
         "P₃ is not multiplied by b.", PAPER),
        (with_parts(lambda a, b, c, d, x: a + b * cubic(d * x)), "c is not added inside P₃.",
         PAPER),
        (with_parts(lambda a, b, c, d, x: a + b * cubic(d + c * x)),
         "c and d have changed places.", PAPER),
        (with_parts(lambda a, b, c, d, x: b + a * cubic(c + d * x)),
         "a and b have changed places.", PAPER),
        (with_parts(lambda a, b, c, d, x: a + 2 * b * cubic(c + d * x)),
         "P₃ is twice what it should be: the factor ½ is missing.", PAPER),
        (with_parts(lambda a, b, c, d, x: a + b * (c + d * x) ** 3),
         "It uses the cube where P₃ belongs.", PAPER),
        (with_parts(lambda a, b, c, d, x: a + b * numpy.polynomial.Legendre.basis(2)(c + d * x)),
         "It uses P₂ where P₃ belongs.", PAPER),
        (with_parts(lambda a, b, c, d, x: a + b * (5 * (c + d * x) ** 3 + 3 * (c + d * x)) / 2),
         "The sign inside P₃ is wrong.", PAPER),
    )


FORMULAS = {
    "line": Formula("a + b x", "ab", lambda p, x: (_horner(p, x),), _angles,
                    _polynomial_mistakes("ab")),
    "quadratic": Formula("a + b x + c x²", "abc", lambda p, x: (_horner(p, x),), _angles,
                         _polynomial_mistakes("abc")),
    "cubic": Formula("a + b x + c x² + d x³", "abcd", lambda p, x: (_horner(p, x),), _angles,
                     _polynomial_mistakes("abcd")),
    "quintic": Formula("a + b x + c x² + d x³ + e x⁴ + f x⁵", "abcdef",
                       lambda p, x: (_horner(p, x),), _angles, _polynomial_mistakes("abcdef")),
    "cubic from features": Formula(
        "bias + weight · (x, x², x³)", "abcd",
        lambda p, features: (features @ p[1:] + p[0],), _features,
        ((lambda p, features: (features @ p[1:],), "The bias is not added.",
          "which argument of Linear switches the bias on?"),)),
    "legendre": Formula("a + b P₃(c + d x)", "abcd", lambda p, x: (_legendre(p, x),), _angles,
                        _legendre_mistakes(), apart=True),
    "sine": Formula("a sin(b x + c)", "abc", lambda p, x: (p[0] * numpy.sin(p[1] * x + p[2]),),
                    _angles),
    "dynamic": Formula("a + b x + c x² + d x³, plus e x⁴, plus e x⁵ or neither, at random",
                       "abcde", lambda p, x: tuple(_dynamic(p, x, top) for top in (3, 4, 5)),
                       _angles, apart=True),
}
TWO_LAYERS = "two layers"
SIZES = (1000, 100, 10)


@checker
def check_module(answer, formula, *, start=None, shapes=None):
    """Check a module: its learnable numbers, what it computes, and that gradients reach them.

    Parameters
    ----------
    answer : subclass of torch.nn.Module, or an instance
        A class is called without arguments.
    formula : str
        ``line``, ``quadratic``, ``cubic``, ``quintic``: x of shape (n,) to a polynomial (n,).
        ``cubic from features``: features (n, 3) to (n,), such as Linear and Flatten.
        ``legendre``: a + b P₃(c + d x), in four parameters.  ``sine``: a sin(b x + c).
        ``dynamic``: the cubic, plus e x⁴, plus e x⁵ or neither: 0, 1 or 2 extra terms,
        equally often, in five parameters; it draws from a generator of its own.
        ``two layers``: (batch, 1000) through 100 ReLUs to (batch, 10), with or without biases.
    start : sequence of numbers, optional
        What the learnable numbers must be at first, in the order of the formula; any if left
        out. Not for ``two layers``.
    shapes : sequence of tuples of ints, optional
        The shapes that the parameters must have, in any order; any if left out. Not for
        ``two layers``.

    Returns
    -------
    Verdict

    Notes
    -----
    The checker gives the parameters numbers of its own and compares what comes out with
    numpy.polynomial; afterwards a learner's instance holds its old numbers again. Names other
    than a, b, c, … may stand for the coefficients in any order.
    """
    require_choice("formula", formula, (*FORMULAS, TWO_LAYERS))
    return judge_module(answer, formula, start, shapes, own=True)


def judge_module(answer, formula, start=None, shapes=None, own=False):
    """Return the message of a pass, or refuse; see `check_module`.

    If ``own`` is False, the numbers may share a parameter and the draws a generator.
    """
    module = _make(answer)
    _require_shapes(module)
    put_back_at_the_end(_undo_changes(module))
    if formula == TWO_LAYERS:
        return _judge_two_layers(module)
    return _judge_formula(module, formula, start, shapes, own)


def _make(answer):
    import torch

    if is_a(answer, type) and torch.nn.Module in type.mro(answer)[1:]:
        require_no_outside_data(answer, "It is a class derived from torch.nn.Module.")
        _require_no_arguments(answer)
        _require_forward(answer)
        # Another seed than that of FIRST_GUESS, whose four numbers were once drawn with seed 0.
        module, other = (_require_started(call(answer, seed=11).value) for _ in range(2))
        _require_own_parameters(module, other)
        return module
    if is_a(answer, torch.nn.Module):
        require_no_outside_data(answer, "It is a module.")
        _require_forward(type(answer))
        return _require_started(answer)
    came = "a class that is not derived from it" if is_a(answer, type) else describe(answer)
    raise Refusal("", f"A torch.nn.Module is wanted, {came} came.",
                  "hand over the class or an object of it.")


def _require_own_parameters(module, other):
    """Refuse a class whose objects hold the same parameters: training one trains them all."""
    import torch

    own, others = (dict(torch.nn.Module.named_parameters(one)) for one in (module, other))
    shared = [name for name, parameter in own.items()
              if any(parameter is another for another in others.values())]
    if shared:
        raise Refusal("It is a class derived from torch.nn.Module.",
                      f"Two of its objects share {', '.join(f'`{name}`' for name in shared)}: "
                      "who trains one has trained the other.",
                      "make the parameters inside `__init__`.")


def _require_forward(answer):
    """Refuse a learner's class whose objects can be called without a `forward`."""
    own = {name for part in own_classes(answer) for name in members_of(part)}
    if "__call__" in own and "forward" not in own:
        raise Refusal("It is a class derived from torch.nn.Module.", "It has no method `forward`: "
                      "`__call__` belongs to PyTorch, which calls `forward` from there.",
                      "which name has the method that computes the prediction?")


def _require_no_arguments(answer):
    """Refuse a learner's class that cannot be called without arguments."""
    owner = next(part for part in type.mro(answer) if "__init__" in members_of(part))
    start = members_of(owner)["__init__"]
    if owner not in own_classes(answer) or not is_a(start, types.FunctionType):
        return
    parameters = [*inspect.signature(start).parameters.values()][1:]  # the first is self
    needed = [one.name for one in parameters if one.default is one.empty
              and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    if needed:
        raise Refusal("It is a class derived from torch.nn.Module.",
                      f"Its `__init__` asks for {' and '.join(f'`{name}`' for name in needed)}, "
                      "but it will be called without arguments.",
                      "put the numbers into `__init__` itself.")


def _require_shapes(module):
    import torch

    for name, parameter in _tensors(module, "_parameters").items():
        if torch.nn.parameter.is_lazy(parameter):
            raise Refusal("It is a module.", f"`{name}` has no shape before the first call.",
                          "say how many inputs the layer has, as in `nn.Linear(1000, 100)`.")


REGISTERS = ("_parameters", "_buffers", "_modules")


def _require_started(module):
    if not all(register in vars(part) for _, part in modules_inside(module)
               for register in REGISTERS):
        raise Refusal("It is a class derived from torch.nn.Module.",
                      "Its `__init__` does not start the module, so nothing can be registered.",
                      "what must the first line of `__init__` call?")
    return module


def _tensors(module, register):
    """Return the parameters or buffers of a module by name, without calling its methods."""
    found = {}
    for name, part in modules_inside(module):
        for inner, tensor in vars(part)[register].items():
            if tensor is not None and not any(tensor is known for known in found.values()):
                found[f"{name}.{inner}".lstrip(".")] = tensor
    return found


def _undo_changes(module):
    """Return a step that takes back all changes in a module and in the modules inside it."""
    parts = [(part, dict(vars(part)), {name: dict(vars(part)[name]) for name in REGISTERS})
             for _, part in modules_inside(module)]
    buffers = [(tensor, tensor.detach().clone())
               for tensor in _tensors(module, "_buffers").values()]
    tensors = [(tensor, tensor.data, tensor.requires_grad, tensor.grad)
               for tensor in (*_tensors(module, "_parameters").values(),
                              *_tensors(module, "_buffers").values())]

    def undo():
        for part, attributes, registers in parts:
            vars(part).clear()
            vars(part).update(attributes)
            for name, register in registers.items():
                vars(part)[name].clear()
                vars(part)[name].update(register)
        for tensor, data, requires_grad, grad in tensors:
            tensor.data = data
            tensor.requires_grad_(requires_grad)
            tensor.grad = grad
        for tensor, values in buffers:
            tensor.data.copy_(values)

    return undo


# --- the learnable numbers ------------------------------------------------------------------


def _require_parameters(module, formula):

    k = len(formula.names)
    parameters = _tensors(module, "_parameters")
    frozen = [name for name, parameter in parameters.items() if not parameter.requires_grad]
    if frozen:
        raise Refusal("It has parameters.",
                      f"`{frozen[0]}` does not require a gradient, so it will never be trained.",
                      "what does nn.Parameter do by default?")
    count = sum(parameter.numel() for parameter in parameters.values())
    if count == k:
        return parameters
    right = f"It is a module with {count} learnable number{'' if count == 1 else 's'}."
    _require_no_hidden_list(module, right)
    wrong = f"{k} are wanted, for {formula.text}."
    # What is nearest to a parameter is named first; sorted() keeps the order of equals.
    plain = sorted((name for name, value in vars(module).items() if _is_plain(value, k - count)),
                   key=lambda name: type(vars(module)[name]) in (tuple, list))
    buffers = [name for name, buffer in _tensors(module, "_buffers").items()
               if buffer.is_floating_point()]
    if buffers and count < k:
        wrong = (f"`{buffers[0]}` is a buffer, not a Parameter, so no optimiser will find it; {k} "
                 "learnable numbers are wanted.")
    elif plain and count < k:
        wrong = (f"`{plain[0]}` is not a Parameter, so no optimiser will find it; {k} learnable "
                 "numbers are wanted.")
    raise Refusal(right, wrong, "list them with `list(module.parameters())`.")


def _require_no_hidden_list(module, right):
    """Refuse layers or parameters in a Python list, tuple or dict, where nobody finds them."""
    import torch

    for name, value in ((name, value) for _, part in modules_inside(module)
                        for name, value in vars(part).items()):
        items = value.values() if type(value) is dict else value
        if name.startswith("_") or type(value) not in (list, tuple, dict):
            continue
        for kind, what, box in ((torch.nn.Module, "layers", "nn.ModuleList"),
                                (torch.nn.Parameter, "parameters", "nn.ParameterList")):
            if any(is_a(item, kind) for item in items):
                raise Refusal(right, f"`{name}` is a Python {type(value).__name__}, and PyTorch "
                              f"does not look for {what} in one.",
                              f"what does `{box}` do that a list does not?")


def _is_plain(value, lacking):
    """Return whether a value may be meant to be learnable: so many numbers, not all of them int."""
    import torch

    if type(value) in (tuple, list):
        return len(value) == lacking and any(type(one) not in (int, bool, str) for one in value)
    return type(value) in (torch.Tensor, float, numpy.ndarray)


def _orders(parameters, names):
    """Return the orders in which the flat parameters may stand for the named numbers."""
    k = len(names)
    last = [name.rsplit(".", 1)[-1] for name in parameters]
    if sorted(last) == sorted(names):
        return [tuple(last.index(name) for name in names)]
    if len(parameters) == 1:
        return [tuple(range(k))]
    return list(itertools.permutations(range(k)))


def _set(parameters, numbers, dtype):
    import torch

    position = 0
    for parameter in parameters.values():
        size = parameter.numel()
        part = torch.tensor(numbers[position:position + size], dtype=dtype)
        parameter.data = part.reshape(parameter.shape)
        position += size


# --- what it computes -----------------------------------------------------------------------


def _judge_formula(module, name, start, shapes, own):
    import torch

    formula = FORMULAS[name]
    parameters = _require_parameters(module, formula)
    first = numpy.concatenate([parameter.detach().double().cpu().numpy().ravel()
                               for parameter in parameters.values()])
    given_shapes = [tuple(parameter.shape) for parameter in parameters.values()]
    random = numpy.random.default_rng(7)
    tries = []
    for n in POINTS:
        dtype = torch.float64 if n == POINTS[1] else torch.float32
        call(torch.nn.Module.to, module, dtype)
        parameters = _tensors(module, "_parameters")
        orders = _orders(parameters, formula.names)
        short = str(dtype).removeprefix("torch.")
        numbers = random.normal(size=len(formula.names)).astype(short)
        x = formula.inputs(random, n).astype(short)
        _set(parameters, numbers, dtype)
        draws = 0 if name != "dynamic" else FEWER_DRAWS if tries else DRAWS
        outputs, came = _outputs(module, x, short, draws)
        tries.append((numbers.astype(float), x.astype(float), short, outputs, came))
        zeros = _require_gradients(module, parameters, x, formula)
    _compare(tries, orders, formula)
    _refuse_unreached(zeros, formula)
    first = [first[list(order)] for order in orders
             if _explained(tries, [order], formula.outputs)]
    if name == "dynamic":
        _require_fair(tries, orders, formula)
    right = f"It computes {formula.text}."
    if own and formula.apart and len(parameters) != len(formula.names):
        raise Refusal(right, f"Its numbers stand in {_list(given_shapes)}: "
                      f"{len(formula.names)} parameters are wanted, one for each number.",
                      "how many times does `__init__` make a parameter?")
    if own and name == "dynamic":
        _require_own_generator(module, x)
    if shapes is not None and sorted(given_shapes) != sorted(map(tuple, shapes)):
        have = "parameter has the shape" if len(given_shapes) == 1 else "parameters have the shapes"
        raise Refusal(right, f"Its {have} {_list(given_shapes)}; {_list(shapes)} is wanted.",
                      "which pair of brackets adds a dimension?"
                      if len(given_shapes) == len(shapes)
                      else "how many parameters does the task ask for?")
    if start is not None:
        _require_start(first, start, right)
    return f"Right: it computes {formula.text}, and gradients reach all its parameters."


def _require_start(first, start, right):
    """Refuse a module whose numbers begin elsewhere; ``first`` has them in each possible order."""
    start = numpy.array(start)
    if any(numpy.allclose(numbers, start, rtol=1e-6, atol=1e-9) for numbers in first):
        return
    if any(numpy.allclose(numbers, start[::-1], rtol=1e-6, atol=1e-9) for numbers in first):
        raise Refusal(right, "It starts from the wanted numbers in reverse order.", ORDER)
    raise Refusal(right, f"It starts from {_list(first[0])}; {_list(start)} is wanted.",
                  "which numbers does `__init__` put into the parameters?")


def _list(items):
    return ", ".join(str(item) if type(item) is tuple else f"{item:.4g}" for item in items)


def _outputs(module, x, dtype, draws):
    """Return the different outputs of the module, and which of them came when.

    It is called twice, or, if it draws at random, that many times.

    Anything but numbers of shape (n,) is refused. What came is an index for every call.
    """
    given = to_library(x, "torch")
    if draws:
        values = call(lambda: [module(given) for _ in range(draws)], owner=module).value
    else:
        values = [call(module, given).value, call(module, given, seed=1).value]
    if not numpy.array_equal(given.numpy(), x):
        raise Refusal("It computes something.", "Its input changed in place.",
                      "`*=` and the like change the caller's tensor.")
    n = len(x)
    readings = [read_numbers(value, "a tensor of shape (n,)") for value in values]
    for reading in readings:
        require_shape(reading, (n,), (
            ((n, 1), "It returns shape (n, 1); with targets of shape (n,) the residual would "
             "silently have shape (n, n).", "which layer takes away a dimension of length 1?"),
            ((), "It returns one number for all points together.",
             "a prediction has one number per point."),
            ((n, 3), "It returns three numbers per point: the features, not their weighted sum.",
             "which operation adds up a row?"),
        ))
        require_kind(reading, "torch")
        require_precision(reading, dtype, "torch")
        require_finite(reading, "its outputs")
    if not draws and not is_again(readings[0].numbers, readings[1].numbers):
        raise Refusal("It returns one number per point.",
                      "Called twice with the same x it gives two different answers.",
                      "does forward draw random numbers or change a parameter?")
    came = [reading.numbers.tobytes() for reading in readings]
    different = list(dict.fromkeys(came))
    return ([numpy.frombuffer(numbers) for numbers in different],
            [different.index(numbers) for numbers in came])


def _require_gradients(module, parameters, x, formula):
    given = to_library(x, "torch")

    def backward():
        for _ in range(20):  # a dynamic graph leaves some parameters out now and then
            total = module(given).sum()
            if total.requires_grad:
                total.backward()

    for parameter in parameters.values():
        parameter.grad = None
    call(backward, owner=module)
    _refuse_unreached([name for name, parameter in parameters.items() if parameter.grad is None],
                      formula)
    return [name for name, parameter in parameters.items() if not parameter.grad.any()]


def _refuse_unreached(missing, formula):
    if missing:
        raise Refusal("It returns one number per point." if formula else
                      "It has two weights and returns shape (batch, 10).",
                      f"No gradient reaches `{missing[0]}`, so it will never be trained.",
                      "is it used in forward, as a tensor, without `.item()`, `.data` or "
                      "`.detach()`?")


def _matches(outputs, allowed, dtype):
    size = max(1.0, *(float(numpy.abs(one).max()) for one in allowed))
    return all(any(close(output, one, size, dtype) for one in allowed) for output in outputs)


def _explained(tries, orders, compute):
    return any(all(_matches(outputs, compute(numbers[list(order)], x), dtype)
                   for numbers, x, dtype, outputs, _ in tries) for order in orders)


def _compare(tries, orders, formula):
    if _explained(tries, orders, formula.outputs):
        return
    right = f"It has {len(formula.names)} parameters and returns one number per point."
    if _explained(tries[:-1], orders, formula.outputs):
        raise Refusal(right, *MEMORY)
    named = {(sentence, hint) for compute, sentence, hint in formula.mistakes
             if _explained(tries, orders, compute)}
    if len(named) == 1:
        raise Refusal(right, *named.pop())
    if len(formula.outputs(tries[0][0], tries[0][1])) > 1:
        _diagnose_dynamic(tries, orders, right)
    numbers, x, _, (output, *others), _ = tries[0]
    shown = ""
    if len(orders) == 1 and not others and x.ndim == 1:
        (wanted,) = formula.outputs(numbers[list(orders[0])], x)
        shown = (f": with {', '.join(f'{one:.3g}' for one in numbers[list(orders[0])])} for "
                 f"{', '.join(formula.names)}, at x = {x[0]:.3g}, {wanted[0]:.4g} is wanted and "
                 f"{output[0]:.4g} came")
    raise Refusal(right, f"It does not compute {formula.text}{shown}.", PAPER)


# --- the graph that changes -----------------------------------------------------------------

EDGES = "which of `randint` and `range` includes its end, and which does not?"
EQUALLY = "draw how many terms there are once per call, each number equally likely."


def _diagnose_dynamic(tries, orders, right):
    tops = (3, 4, 5, 6, 7)
    if _explained(tries, orders, lambda p, x: [_dynamic(p, x, top) for top in tops]):
        raise Refusal(right, "There are more than two extra terms now and then: x⁶ comes up.",
                      EDGES)
    separate = [lambda p, x: [_dynamic(p, x, 3), _dynamic(p, x, 3) + p[4] * x**5,
                              _dynamic(p, x, 4), _dynamic(p, x, 5)]]
    if any(_explained(tries, orders, compute) for compute in separate):
        raise Refusal(right, "Now and then x⁵ comes without x⁴.", "the extra powers start at 4.")
    if _explained(tries, orders, lambda p, x: [_dynamic([*p[:4], p[4] * t], x, 4)
                                               for t in range(4)]):
        raise Refusal(right, "The extra terms all have x⁴; the second should have x⁵.",
                      "which name changes from turn to turn?")


def _require_fair(tries, orders, formula):
    numbers, x, dtype, outputs, came = tries[0]
    times = Counter(came)
    order = next(order for order in orders
                 if _matches(outputs, formula.outputs(numbers[list(order)], x), dtype))
    allowed = formula.outputs(numbers[list(order)], x)
    size = max(1.0, *(float(numpy.abs(one).max()) for one in allowed))
    counts = [sum(times[index] for index, output in enumerate(outputs)
                  if close(output, one, size, dtype)) for one in allowed]
    right = "Each of its outputs is an allowed one."
    if DRAWS in counts:
        extra = counts.index(DRAWS)
        raise Refusal(right, f"In {DRAWS} calls the number of extra terms was always {extra}.",
                      "is the number of terms drawn in forward, anew at each call, by a "
                      "generator that goes on from call to call?")
    missing = [str(extra) for extra, count in enumerate(counts) if count == 0]
    if missing:
        raise Refusal(right, f"In {DRAWS} calls the number of extra terms was never "
                      f"{' or '.join(missing)}.", EQUALLY if "1" in missing else EDGES)
    if not all(FAIR[0] <= count <= FAIR[1] for count in counts):
        raise Refusal(right, f"In {DRAWS} calls 0, 1 and 2 extra terms came {counts[0]}, "
                      f"{counts[1]} and {counts[2]} times; a third each is wanted.",
                      EQUALLY)
    if any(came[period:] == came[:-period] for period in range(1, LONGEST_CYCLE)):
        raise Refusal(right, "The numbers of extra terms come in the same order again and again, "
                      "so they are not random.", "which function draws a random number?")


def _require_own_generator(module, x):
    """Refuse draws from a generator that all cells share."""
    import torch

    given = to_library(x, "torch")
    shared = {"`random`": random.getstate,
              "NumPy": lambda: numpy.random.get_state()[2],  # noqa: NPY002 - a learner's may
              "PyTorch": lambda: torch.get_rng_state().numpy().tobytes()}

    def drawn_from():
        before = {name: state() for name, state in shared.items()}
        module(given)
        return [name for name, state in shared.items() if state() != before[name]]

    names = call(drawn_from, owner=module).value
    if names:
        raise Refusal("It draws 0, 1 and 2 extra terms equally often.",
                      f"It draws from the generator of {names[0]} that all cells share; here the "
                      "module has one of its own.", "what makes a generator, and where is it kept?")


# --- two layers -----------------------------------------------------------------------------


def _judge_two_layers(module):
    import torch

    _require_no_hidden_list(module, "It is a module.")
    # The bias behind the last matrix cannot wake the hidden layer.
    before = [parameter for parameter in _tensors(module, "_parameters").values()
              if tuple(parameter.shape) != SIZES[2:]]
    if len(before) > 1 and not any(parameter.detach().any() for parameter in before):
        raise Refusal("It is a module with parameters.", "All of them start at 0, so no gradient "
                      "reaches the matrices and they can never move.",
                      "start the matrices at random numbers.")
    # x comes in the dtype of the weights: which of the two is to follow the other is not asked.
    dtype = next((parameter.dtype for parameter in _tensors(module, "_parameters").values()),
                 torch.float32)
    short = str(dtype).removeprefix("torch.")
    first = {name: parameter.data for name, parameter in _tensors(module, "_parameters").items()}
    for seed, batch in enumerate((64, 5)):
        weights = _two_weights(module, dtype, seed)
        random = numpy.random.default_rng(30 + seed)
        # Wide, so that a bend far from 0, such as that of ReLU6, shows.
        x = random.normal(scale=10, size=(batch, SIZES[0])).astype(short)
        output = _two_outputs(module, x, short)
        _compare_two(output, weights, x.astype(float), short)
        _refuse_unreached(_require_gradients(module, _tensors(module, "_parameters"), x, None),
                          None)
    _require_a_start_that_moves(module, first, to_library(x, "torch"))
    return "Right: two layers with a ReLU between them, and gradients reach all its parameters."


def _require_a_start_that_moves(module, first, x):
    """Refuse numbers to start from at which a gradient is 0 and stays 0."""
    parameters, moved = _tensors(module, "_parameters"), set()
    for name, parameter in parameters.items():
        parameter.data = first[name].clone()
    for _ in range(3):  # one matrix may have to wait for the other
        for parameter in parameters.values():
            parameter.grad = None
        call(lambda: ((module(x) - 1) ** 2).sum().backward(), owner=module)
        for name, parameter in parameters.items():
            if parameter.grad is not None and parameter.grad.any():
                moved.add(name)
                step = 1e-3 / float(parameter.grad.abs().max())
                parameter.data = parameter.data - step * parameter.grad
    stuck = [name for name in parameters if name not in moved]
    if stuck:
        raise Refusal("It computes what it should.", f"From its start `{stuck[0]}` can never move: "
                      "its gradient is 0 and stays 0.",
                      "what does a ReLU hand back where its input is 0, and what comes from a "
                      "matrix of zeros?")


def _two_weights(module, dtype, seed):
    """Give the parameters new numbers; return the two matrices and two biases, in float64."""
    import torch

    random = numpy.random.default_rng(20 + seed)
    first, hidden, last = SIZES
    places = {(first, hidden): ("w1", False), (hidden, first): ("w1", True),
              (hidden, last): ("w2", False), (last, hidden): ("w2", True),
              (hidden,): ("b1", False), (last,): ("b2", False)}
    weights = {"b1": numpy.zeros(hidden), "b2": numpy.zeros(last)}
    for name, parameter in _tensors(module, "_parameters").items():
        shape = tuple(parameter.shape)
        if shape not in places or (places[shape][0] in weights and len(shape) == 2):
            raise Refusal("It is a module with parameters.", f"`{name}` has shape {shape}; two "
                          f"weights for {first} → {hidden} → {last} are wanted.",
                          "print the shape of each parameter.")
        place, swapped = places[shape]
        values = random.normal(size=shape) / numpy.sqrt(shape[-1])
        parameter.data = torch.tensor(values, dtype=dtype)
        values = parameter.data.double().numpy()
        weights[place] = values.T if swapped else values
    absent = [shape for name, shape in (("w1", (first, hidden)), ("w2", (hidden, last)))
              if name not in weights]
    if len(absent) == 1:
        raise Refusal("It is a module with one of the two matrices.",
                      f"The matrix of shape {absent[0]} is not among its parameters.",
                      "is it a torch.nn.Parameter?")
    if absent:
        raise Refusal("It is a module.", f"It has no weights for {first} → {hidden} → {last}: "
                      "two matrices are wanted among its parameters.",
                      "list them with `list(module.parameters())`.")
    return weights


def _two_outputs(module, x, dtype):
    given = to_library(x, "torch")
    reading, again = (read_numbers(call(module, given, seed=seed).value,
                                   "a tensor of shape (batch, 10)") for seed in range(2))
    require_shape(reading, (len(x), SIZES[2]), (
        ((len(x), SIZES[1]), "It returns the hidden layer; the second layer is not used.",
         "follow the shapes from layer to layer."),))
    require_kind(reading, "torch")
    require_precision(reading, dtype, "torch")
    if not numpy.array_equal(given.numpy(), x):
        raise Refusal("It computes something.", "Its input changed in place.",
                      "`clamp_` and the like change the caller's tensor.")
    if not is_again(reading.numbers, again.numbers):
        raise Refusal("It returns shape (batch, 10).",
                      "Called twice with the same x it gives two different answers.",
                      "does forward draw random numbers or change a parameter?")
    return reading.numbers


def _compare_two(output, weights, x, dtype):
    def forward(hidden, last=lambda z: z, x=x):
        return last(hidden(x @ weights["w1"] + weights["b1"]) @ weights["w2"] + weights["b2"])

    def relu(z):
        return numpy.maximum(z, 0)

    def is_equal(wanted):
        return close(output, wanted, float(numpy.abs(wanted).max()) + 1e-12, dtype)

    if is_equal(forward(relu)):
        return
    right = "It has two weights and returns shape (batch, 10)."
    bend = "what makes two layers more than one?"
    for wanted, sentence, hint in (
        (forward(lambda z: z), "There is no ReLU between the layers, so together they are one "
         "linear layer.", bend),
        (forward(lambda z: z, last=relu), "The ReLU comes after the second layer; it belongs "
         "between the two.", bend),
        (forward(relu, last=relu), "There is a second ReLU after the last layer, so no output "
         "can be negative.", "which outputs should be possible?"),
        (forward(lambda z: z, x=relu(x)), "The ReLU comes before the first layer; it belongs "
         "between the two.", bend),
        (forward(lambda z: numpy.minimum(z, 0)), "It keeps what is negative and drops what is "
         "positive.", "which side does `clamp(min=0)` keep?"),
        (forward(numpy.abs), "It takes absolute values where the ReLU belongs.",
         "what does a ReLU do with a negative number?"),
        (forward(numpy.tanh), "It uses tanh where the ReLU belongs.",
         "which function is 0 for every negative number?"),
        (forward(lambda z: 1 / (1 + numpy.exp(-z))), "It uses a sigmoid where the ReLU belongs.",
         "which function is 0 for every negative number?"),
    ):
        if is_equal(wanted):
            raise Refusal(right, sentence, hint)
    for name in ("b1", "b2"):
        without = {**weights, name: numpy.zeros_like(weights[name])}
        if is_equal(relu(x @ weights["w1"] + without["b1"]) @ weights["w2"] + without["b2"]):
            layer = "first" if name == "b1" else "second"
            raise Refusal(right, f"The bias of the {layer} layer is not used in forward.",
                          "add it, or leave it out altogether.")
    raise Refusal(right, "It does not compute ReLU(x W₁) W₂.", "follow one row of x on paper.")
