"""Explains an error that a learner's code raised: what it means, and the learner's own line."""

from __future__ import annotations

import re
import sys
import textwrap

from polylab.checks.engine.reading import learner_line, rebound_names
from polylab.checks.engine.verdict import NotAttempted, Refusal

TWO_DTYPES = "Two dtypes are mixed"
DTYPES = {"float": "float32", "double": "float64", "half": "float16", "long": "int64",
          "int": "int32", "bool": "bool"}  # as the messages of torch call them
MISSING_DEVICE = "a device that this machine does not have"
KNOWN_ERRORS = (
    (
        "before Module.__init__() call",
        "The module gets a parameter before it is a module",
        "what must the first line of `__init__` call?",
    ),
    (
        "coefficients must be finite",
        "The coefficients are nan or infinite",
        "print them after each step: do they grow, or is one of them nan at once?",
    ),
    (
        "can require gradients",
        "A parameter is made of whole numbers, and only numbers with a decimal point can be "
        "trained",
        "write the point: 1.0 instead of 1.",
    ),
    (
        "can't optimize a non-leaf Tensor",
        "The optimiser is given a tensor that was computed from another one",
        "give it the tensor that you start from, in a list.",
    ),
    (
        "a leaf Variable that requires grad",
        "The update is made inside the graph: autograd watches it and objects",
        "updates are bookkeeping, not maths to be differentiated; which block tells autograd so?",
    ),
    (
        "backward through the graph a second time",
        "The second backward pass meets a graph that the first one has used up",
        "which of the five lines must come again in every step, before backward?",
    ),
    (
        "grad can be implicitly created only for scalar outputs",
        "The loss is not a scalar: it still has one number per point",
        "turn all those numbers into one before you call backward.",
    ),
    (
        "does not require grad and does not have a grad_fn",
        "The loss is not connected to any parameter, so there is nothing to differentiate",
        "which tensors must require a gradient, and does the forward pass use them?",
    ),
    (
        "'float' object has no attribute 'backward'",
        "The loss is a plain Python number, which has no graph to go back through",
        "`.item()` takes the number out of the tensor; use it only to print or to store.",
    ),
    (
        "returned an invalid gradient",
        "Backward returns a gradient whose shape is not that of the input of forward",
        "one number for each number of x: nothing is summed there.",
    ),
    (
        "save_for_backward can only save variables",
        "`save_for_backward` is given something that is no tensor",
        "`inputs` is a tuple; save what stands in it.",
    ),
    (
        "on Tensor that requires grad",
        "A tensor that still belongs to the graph is handed to NumPy",
        "to store a number take the number only, not its history: `.item()` is missing.",
    ),
    *(
        (pattern, TWO_DTYPES, "make every tensor with the dtype of the data.")
        for pattern in ("same dtype", "but found Double", "expected scalar type", "Found dtype",
                        "must have the dtype of")
    ),
    (
        "doesn't support float64",
        "Apple's accelerators compute in float32 at most",
        "which dtype do the data have, and which does this line ask for?",
    ),
    *(
        (
            pattern,
            f"It asks for {MISSING_DEVICE}",
            "choose the device from what there is; do not write its name down.",
        )
        for pattern in (
            "Torch not compiled with CUDA",
            "No CUDA GPUs are available",
            "Found no NVIDIA driver",
            "invalid device ordinal",
            "not linked with support for mps",
            "from the 'CUDA' backend",
            "from the 'MPS' backend",
        )
    ),
    (
        "Expected all tensors to be on the same device",
        "The tensors are on different devices",
        "make every tensor on the device of the data.",
    ),
    *(
        (
            pattern,
            "`^` is not a power: it combines the bits of whole numbers",
            "a power is written with two stars.",
        )
        for pattern in ("bitwise_xor", "unsupported operand type(s) for ^")
    ),
    *(
        (
            pattern,
            "Two shapes do not fit together",
            "print the shape of each array that meets there.",
        )
        for pattern in (
            "operands could not be broadcast",
            "must match the size of tensor",
            "shapes cannot be multiplied",
            "mismatch in its core dimension",
        )
    ),
)
"""Errors that have a name in the course: part of the message, what it means, a hint."""


def explain_error(error, function):
    """Return a refusal that names the error and shows the learner's own line."""
    text = _error_text(error)
    line = learner_line(error.__traceback__, function)
    where = f", in {line}" if line else ""
    if type(error) is NotImplementedError and "NotImplementedError" in line:
        return NotAttempted(line)
    if "ellipsis" in text:
        return NotAttempted(f"something is still `...`{where}")
    lost = "NoneType" in text and ".grad" in line
    if lost or "does not require grad and does not have a grad_fn" in text:
        names = rebound_names(function)
        if names:
            return Refusal(
                "It starts to run.",
                f"Its update, `{names[0]} = …`, binds the name to a new tensor, and that one gets "
                f"no gradient{where}.",
                "change the parameter in place instead of rebinding its name.",
            )
    if lost:
        return Refusal("It starts to run.", f"`.grad` is None{where}.",
                       "which line fills it, which clears it, and is the tensor a leaf?")
    torch = sys.modules.get("torch")
    if torch is not None and not torch.is_grad_enabled():
        return Refusal("It starts to run.", f"Autograd was switched off and is off still{where}.",
                       "a `with` block ends what it begins.")
    for pattern, meaning, hint in KNOWN_ERRORS:
        if pattern in text:
            if meaning == TWO_DTYPES:
                meaning += _two_dtypes(text)
            return Refusal("It starts to run.", f"{meaning}{where}.", hint)
    name = type(error).__name__
    said = f": {text}" if text else ""
    hint = {
        "NameError": "is the name spelt as where it was made, and made inside the function?",
        "UnboundLocalError": "a name is used before the line that gives it a value.",
        "SystemExit": "a function ends with `return`; leave Python running.",
        "RecursionError": "the function calls itself deeper than Python allows, "
                          f"{sys.getrecursionlimit():,} calls: does it ever stop?",
        "MemoryError": "an array is far larger than needed; print its shape.",
        "EOFError": "a function gets its numbers as parameters; nobody is asked.",
    }.get(name, "print what that line uses, in a line above it." if line else
          "call it yourself, in a cell of your own, and read the whole message.")
    if name == "TypeError" and "NoneType" in text and line:
        hint = "something in that line is None: does every function that it calls return something?"
    return Refusal("", f"It raises {name}{said}{where}.", hint)


def _two_dtypes(text):
    """Return which two dtypes a message is about, in the words of the course."""
    words = [word for word in re.findall(r"[a-z]+\d*", text.lower().replace("long int", "long"))
             if word in DTYPES or re.fullmatch(r"(float|int)\d+", word)]
    named = sorted({DTYPES.get(word, word) for word in words})
    return f": {named[0]} meets {named[1]}" if len(named) == 2 else ""


def _error_text(error):
    """Return the first line of the message, short, without addresses that change each time."""
    try:
        lines = str(error).strip().splitlines()
    except BaseException:
        return ""
    words = ["0x…" if "0x" in word else word for word in (lines[0] if lines else "").split()]
    return textwrap.shorten(" ".join(words), 160, placeholder=" …").rstrip(".")
