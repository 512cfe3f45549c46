"""Reads a learner's code without running it: what is unfinished, and what it leans on."""

from __future__ import annotations

import ast
import dis
import functools
import inspect
import itertools
import linecache
import logging
import math
import sys
import textwrap
import types

CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau, "inf": math.inf}
SOURCES_OF_CONSTANTS = ("math", "numpy", "torch")


def own_functions(answer):
    """Return the Python functions that an answer consists of, the helpers it calls included.

    Parameters
    ----------
    answer : object
        A function, a method, a partial, a callable object, a class, or anything else.

    Returns
    -------
    list of function
        The learner's own, none from the standard library, an installed package or polylab.
        Empty if the answer is not made of Python functions.
    """
    found, waiting = [], _functions_in(answer)
    while waiting:
        function = waiting.pop(0)
        if _from_library(function) or any(function is known for known in found):
            continue
        found.append(function)
        for name in _names(function.__code__, _READS):
            waiting += _functions_in(function.__globals__.get(name))
        for cell in function.__closure__ or ():
            for contents in _contents(cell):
                waiting += _functions_in(contents)
    return found


def is_a(value, kinds):
    """Return whether the type of a value is one of ``kinds``, without asking the value."""
    return issubclass(type(value), kinds)


def parts_of(value):
    """Return what a tuple, a list or one of their kind holds, as a plain list; else None."""
    for kind in (tuple, list):
        if is_a(value, kind):
            return list(kind.__iter__(value))
    return None


def _functions_in(value):
    if is_a(value, functools.partial):
        return _functions_in(value.func)
    if is_a(value, types.FunctionType):
        return [value, *_functions_in(value.__dict__.get("__wrapped__"))]
    if is_a(value, (types.MethodType, staticmethod, classmethod)):
        return _functions_in(value.__func__)
    if is_a(value, property):
        return [own for part in (value.fget, value.fset) for own in _functions_in(part)]
    if not is_a(value, type) and not callable(value):
        return []
    members = [member for part in own_classes(value) for member in members_of(part).values()]
    plain = (types.FunctionType, staticmethod, classmethod, property)
    return [own for member in members if is_a(member, plain) for own in _functions_in(member)]


def own_classes(answer):
    """Return the learner's own classes among those that an answer is, or is made from."""
    owner = answer if is_a(answer, type) else type(answer)
    return [part for part in type.mro(owner) if any(
        is_a(member, types.FunctionType) and not _from_library(member)
        for member in map(_bare, members_of(part).values()))]


def members_of(owner):
    """Return a copy of what a class defines, without asking its metaclass."""
    return dict(type.__dict__["__dict__"].__get__(owner))


def _bare(member):
    return member.__func__ if is_a(member, (staticmethod, classmethod)) else member


def _from_library(function):
    """Return whether a function is part of Python or of a package, wherever that is installed.

    A learner writes in a notebook, whose module is ``__main__``, or in a file beside it, which is
    a module of its own. What belongs to a package says so in ``__package__``.
    """
    home = function.__globals__
    return home.get("__name__") != "__main__" and (
        bool(home.get("__package__")) or home.get("__name__") in sys.stdlib_module_names)


def _contents(cell):
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


_READS = ("LOAD_GLOBAL", "LOAD_NAME")
_READS_OF_ANY_KIND = (*_READS, "LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM")
_WRITES = ("STORE_GLOBAL", "DELETE_GLOBAL")


@functools.lru_cache(256)  # every part of a check asks again
def _names(code, operations):
    """Return the global names that a code object, or one nested in it, reads or writes."""
    names = [step.argval for step in dis.get_instructions(code) if step.opname in operations]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _names(constant, operations)
    return tuple(dict.fromkeys(names))


# --- what it leans on -----------------------------------------------------------------------


def outside_data(answer):
    """Return the names of data that the code reads or writes but does not get as arguments.

    Modules, functions, classes, dtypes and devices are tools, not data, and a name in CAPITALS
    is a constant by the convention of the course; none of them is listed.

    Parameters
    ----------
    answer : object
        See `own_functions`.

    Returns
    -------
    list of str
        In the order in which the code uses them.
    """
    return _outside(answer, lambda name: not name.isupper())


def outside_constants(answer):
    """Return the names in CAPITALS that the code reads and that stand for data."""
    return _outside(answer, str.isupper)


def _outside(answer, wanted):
    found = []
    for function in own_functions(answer):
        found += [name for name in _names(function.__code__, _WRITES) if wanted(name)]
        for name in _names(function.__code__, _READS):
            dunder = name.startswith("__")  # a class made inside reads `__name__`
            if name in function.__globals__ and wanted(name) and not dunder:
                value = function.__globals__[name]
                if _is_data(name, value):
                    found.append(name)
    return list(dict.fromkeys(found))


def _is_data(name, value):
    if is_a(value, (types.ModuleType, type, logging.Logger)) or _is_constant(name, value):
        return False
    home = type.__getattribute__(type(value), "__module__").split(".")[0]
    if home == "torch":
        torch = sys.modules["torch"]
        data = (torch.Tensor, torch.optim.Optimizer, torch.Size)
        return is_a(value, data) or _has_parameters(value)
    if home == "numpy" and type(value).__name__.endswith("DType"):
        return False
    if callable(value):
        return _has_parameters(value)
    return True


def _is_constant(name, value):
    """Return whether a value is the same in every notebook: π, or `newaxis` imported by name."""
    if value is None or (type(value) is float and value == CONSTANTS.get(name)):
        return True
    libraries = [vars(sys.modules[home]) for home in SOURCES_OF_CONSTANTS if home in sys.modules]
    return value is not ... and any(library.get(known, ...) is value for library in libraries
                                    for known in (name, *CONSTANTS))


def _has_parameters(value):
    torch = sys.modules.get("torch")
    return torch is not None and is_a(value, torch.nn.Module) and any(
        vars(part).get("_parameters") for _, part in modules_inside(value))


def modules_inside(module):
    """Return a module and all modules in it, each with its name, without calling any method.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    list of (str, torch.nn.Module)
        The module itself has the empty name, others such as "layers.0".
    """
    found, waiting = [], [("", module)]
    while waiting:
        name, part = waiting.pop(0)
        if any(part is known for _, known in found):
            continue
        found.append((name, part))
        waiting += [(f"{name}.{inner}".lstrip("."), child)
                    for inner, child in vars(part).get("_modules", {}).items()
                    if child is not None]
    return found


def libraries_used(answer):
    """Return which of "numpy" and "torch" the code names, as a set."""
    used = set()
    for function in own_functions(answer):
        for name in _names(function.__code__, _READS):
            value = function.__globals__.get(name)
            if is_a(value, types.ModuleType):
                used.add(value.__name__.split(".")[0])
            elif is_a(value, (types.FunctionType, types.BuiltinFunctionType)):
                used.add((value.__module__ or "").split(".")[0])
        used |= {step.argval.split(".")[0] for step in dis.get_instructions(function.__code__)
                 if step.opname == "IMPORT_NAME"}
    return used & {"numpy", "torch"}


def oracles_used(answer, oracles):
    """Return the names of those functions and classes of the package that the code uses."""
    oracles = {oracle.__name__: oracle for oracle in oracles}
    used = [name for name, oracle in oracles.items() if answer is oracle]
    used += [name for function in own_functions(answer)
             for name in _names(function.__code__, _READS_OF_ANY_KIND)
             if name in oracles and function.__globals__.get(name, oracles[name]) is oracles[name]]
    return list(dict.fromkeys(used))


def asks_for_gradients(answer):
    """Return whether the code asks autograd to watch something."""
    return any({"requires_grad", "requires_grad_", "Parameter"} & _said(function)
               for function in own_functions(answer))


def _said(function):
    """Return the names of all kinds that the source of a function says."""
    return {getattr(node, key, None) for node in ast.walk(_tree(function) or ast.Module([], []))
            for key in ("attr", "id", "arg")}


# --- is it finished -------------------------------------------------------------------------


def blank_line(answer):
    """Return where a ``...`` stands for something still to be written, or None.

    In an index (``x[..., None]``), in a comparison and among the axes of ``einsum`` it is none.

    Parameters
    ----------
    answer : object
        The learner's value, function or class; one that has failed, since code that is right with
        a ``...`` in it is right.

    Returns
    -------
    str or None
        Such as ``line 4 of the cell still holds `...```.
    """
    if answer is ... or any(part is ... for part in parts_of(answer) or ()):
        return "the answer is still `...`"
    direct = _functions_in(answer)
    for function in own_functions(answer):
        for name in _names(function.__code__, _READS):
            if function.__globals__.get(name) is ...:
                return f"`{name}`, which it uses, is still `...`"
        tree, code = _tree(function), function.__code__
        lines = _blanks_in_tree(tree) if tree else _blanks_in_code(code)
        if lines:
            line = min(lines) + (code.co_firstlineno - 1 if tree else 0)
            if any(function is part for part in direct):
                return f"line {line} of the cell still holds `...`"
            return (f"`{function.__name__}`, which it calls, still holds `...` in line {line} of "
                    "its cell")
    return None


def _tree(function):
    try:
        return _parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):
        return None


_parse = functools.lru_cache(64)(ast.parse)


@functools.lru_cache(64)
def _blanks_in_tree(tree):
    """Return the lines of the blanks; see `blank_line`."""
    nodes = list(ast.walk(tree))
    slices = [part for node in nodes if isinstance(node, ast.Subscript)
              for part in ast.walk(node.slice)]
    indices = {part.id for part in slices if isinstance(part, ast.Name)}
    meant = set(slices)
    for node in nodes:
        if isinstance(node, ast.Compare) or (
                isinstance(node, ast.Call) and "einsum" in ast.unparse(node.func)):
            meant |= set(ast.walk(node))
        if isinstance(node, ast.Assign) and {getattr(t, "id", "") for t in node.targets} <= indices:
            meant |= set(ast.walk(node.value))
        if isinstance(node, ast.arguments) and indices & {one.arg for one in node.args}:
            meant |= set(node.defaults)
    return tuple(node.lineno for node in nodes if isinstance(node, ast.Constant)
                 and node.value is ... and node not in meant)


def _blanks_in_code(code):
    lines = []
    steps = list(dis.get_instructions(code))
    for step, following in itertools.pairwise(steps):
        if step.opname == "LOAD_CONST" and step.argval is ... and (
            (following.opname.startswith("STORE_") and following.opname != "STORE_SUBSCR")
            or following.opname == "RETURN_VALUE"
        ):
            lines.append(following.positions.lineno or code.co_firstlineno)
        if step.opname == "RETURN_CONST" and step.argval is ...:
            lines.append(step.positions.lineno or code.co_firstlineno)
    return lines


def rebound_names(answer):
    """Return the names that an update binds anew: ``a = a - rate * a.grad``, if a is a leaf."""
    if not asks_for_gradients(answer):
        return []
    found = []
    for function in own_functions(answer):
        nodes = list(ast.walk(_tree(function) or ast.Module([], [])))
        gradients = set()  # names such as g in g = a.grad
        for node in nodes:
            if not isinstance(node, ast.Assign):
                continue
            parts = list(ast.walk(node.value))
            used = {part.id for part in parts if isinstance(part, ast.Name)}
            targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
            by_gradient = used & gradients or any(getattr(part, "attr", "") == "grad"
                                                  for part in parts)
            if by_gradient and isinstance(node.value, ast.BinOp):
                found += [target for target in targets if target in used]
            if by_gradient:
                gradients.update(target for target in targets if target not in used)
    return list(dict.fromkeys(found))


# --- the learner's own line -----------------------------------------------------------------


def learner_line(trace, answer):
    """Return the learner's line where an error came up, such as ``line 3: `loss = 1 / 0```.

    Parameters
    ----------
    trace : traceback
        Of the error.
    answer : object
        The learner's object; its code tells which frames are the learner's.

    Returns
    -------
    str
        Empty if the error did not pass through the learner's code.
    """
    files = {function.__code__.co_filename for function in own_functions(answer)}
    here = {function.__code__.co_filename for function in _functions_in(answer)}
    line = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename in files:
            text = textwrap.shorten(linecache.getline(code.co_filename, trace.tb_lineno), 90,
                                    placeholder=" …")
            where = "" if code.co_filename in here else f" of the cell of `{code.co_name}`"
            line = f"line {trace.tb_lineno}{where}" + (f": `{text}`" if text else "")
        trace = trace.tb_next
    return line
