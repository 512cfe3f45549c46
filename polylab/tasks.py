"""The questions that exercises ask through `polylab.checks.check_tensor`, notebook by notebook.

A task is a right answer and the ways to miss it, written in NumPy. The learner's answer may be in
torch: the checker hands over tensors and compares the numbers, so the oracle takes another road.
To add a task, append one entry to the block of your notebook; the README of the format is the
docstring of `Task`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy


@dataclass(frozen=True)
class NearMiss:
    """A wrong answer that learners give, and what to tell them.

    Parameters
    ----------
    answer : callable
        The wrong answer, with the parameters of the task's ``wanted``.
    wrong : str
        One sentence that names the mistake.
    hint : str
        A push in the right direction, without the capital letter, with the full stop.
    """

    answer: Callable
    wrong: str
    hint: str


@dataclass(frozen=True)
class Task:
    """One question.

    Parameters
    ----------
    description : str
        What is wanted, as it stands in "Wanted: …": "the nine items x[1] to x[9]".
    wanted : callable
        The right answer, in NumPy or plain Python. Its parameters are what the learner's
        function is given; one without parameters asks for a value.
    inputs : callable, optional
        ``inputs(random)`` returns a tuple of fresh arrays and numbers, one for each parameter,
        drawn from a ``numpy.random.Generator``; let the sizes vary too. Floating-point arrays are
        handed over in float64 and in float32.
    library : {"numpy", "torch"}, optional
        What arrays the learner works with. If left out, for values, either will do.
    hint : str
        What to tell when no near miss fits.
    near_misses : tuple of NearMiss
        Tried in order; the first that explains every try is told.
    tolerance : float, optional
        How far a number may be from the wanted one, relative to it. If left out: rounding only.
    plain : bool, default False
        The answer must be a Python number: an array or tensor of shape () is refused.
    in_place : bool, default False
        The function must change its first argument; what it returns does not matter.
    shares : bool, optional
        The array returned must share (True) or must not share (False) its memory with the first
        argument. If left out, either will do.
    choices : tuple of str
        For an answer in words: the words to choose from.
    """

    description: str
    wanted: Callable
    inputs: Callable | None = None
    library: str | None = None
    hint: str = "take a tiny case and do it by hand."
    near_misses: tuple[NearMiss, ...] = ()
    tolerance: float | None = None
    plain: bool = False
    in_place: bool = False
    shares: bool | None = None
    choices: tuple[str, ...] = ()


def _vector(random):
    return (random.normal(size=random.integers(12, 40)),)


def _two_batches(random):
    batch, rows, inner, columns = random.integers(2, 6, size=4)
    return random.normal(size=(batch, rows, inner)), random.normal(size=(batch, inner, columns))


def _matrix_and_vector(random):
    rows, columns = random.choice(numpy.arange(2, 9), size=2, replace=False)
    return random.normal(size=(rows, columns)), random.normal(size=columns)


TASKS = {
    # --- 00 Start here ----------------------------------------------------------------------
    # --- 01 Hold numbers in tensors ---------------------------------------------------------
    "nine_items": Task(
        "the nine items of x after the first, x[1] to x[9]",
        wanted=lambda x: numpy.array([x[position] for position in range(1, 10)]),
        inputs=_vector,
        library="torch",
        hint="the first number of a slice is included, the last is not.",
        near_misses=(
            NearMiss(lambda x: x[:10], "These are ten items; the first, x[0], is not wanted.",
                     "counting starts at 0."),
            NearMiss(lambda x: x[:9], "These are nine items, but they start at x[0].",
                     "counting starts at 0."),
            NearMiss(lambda x: x[1:9], "These are eight items: x[9] is missing.",
                     "the end of a slice is not included."),
            NearMiss(lambda x: x[1:11], "These are ten items: x[10] is one too many.",
                     "the end of a slice is not included."),
        ),
    ),
    "batched_product": Task(
        "the matrix product of each pair of matrices in two batches",
        wanted=lambda first, second: numpy.einsum("bij,bjk->bik", first, second),
        inputs=_two_batches,
        library="torch",
        hint="shapes (b, n, m) and (b, m, k) give (b, n, k).",
    ),
    "batched_product_by_hand": Task(
        "the batched product [[[1,2],[3,4]],[[5,6],[7,8]]] times "
        "[[[9,10],[11,12]],[[13,14],[15,16]]], of shape (2, 2, 2)",
        wanted=lambda: numpy.array([[[31, 34], [71, 78]], [[155, 166], [211, 226]]]),
        hint="row times column: 1·9 + 2·11 is the first number.",
        near_misses=(
            NearMiss(lambda: numpy.array([[[9, 20], [33, 48]], [[65, 84], [105, 128]]]),
                     "The matrices are multiplied item by item.",
                     "a matrix product adds up a row times a column."),
            NearMiss(lambda: numpy.array([[[39, 58], [47, 70]], [[163, 190], [187, 218]]]),
                     "The two batches are multiplied in the other order.",
                     "for matrices the order matters."),
        ),
    ),
    "broadcast_features": Task(
        "the matrix of shape (n, 3) whose columns are x, x² and x³",
        wanted=lambda x: numpy.vander(x, 4, increasing=True)[:, 1:],
        inputs=_vector,
        library="torch",
        hint="a column of shape (n, 1) and a row of shape (3,) broadcast to (n, 3).",
        near_misses=(
            NearMiss(lambda x: numpy.vander(x, 4, increasing=True)[:, 1:].T,
                     "The numbers are right, but the shape is (3, n): rows and columns are "
                     "swapped.", "one row for each point."),
            NearMiss(lambda x: numpy.vander(x, 3, increasing=True),
                     "The columns are 1, x and x²: the powers start one too low.",
                     "which three exponents are wanted?"),
            NearMiss(lambda x: numpy.vander(x, 4)[:, :3],
                     "The columns are right, but they come in reverse order, x³ first.",
                     "the course always puts the lowest power first."),
            NearMiss(lambda x: numpy.outer(x, [1, 2, 3]),
                     "The columns are x, 2x and 3x: multiples, not powers.",
                     "which operator raises to a power?"),
            NearMiss(lambda x: numpy.vander(x, 4, increasing=True),
                     "There are four columns: the column of ones is one too many.",
                     "which three exponents are wanted?"),
        ),
    ),
    "matrix_times_vector": Task(
        "the product of the matrix and the vector, of shape (rows,)",
        wanted=lambda matrix, vector: numpy.einsum("ij,j->i", matrix, vector),
        inputs=_matrix_and_vector,
        library="torch",
        hint="each row of the matrix meets the vector once.",
        near_misses=(
            NearMiss(lambda matrix, vector: matrix * vector,
                     "Each row is multiplied item by item, but not added up.",
                     "`*` and `@` are two different products."),
            NearMiss(lambda matrix, vector: numpy.einsum("ij,j->i", matrix, vector)[:, None],
                     "The numbers are right, but the shape is (rows, 1); (rows,) is wanted.",
                     "what happens to the vector before the product?"),
        ),
    ),
    "plain_number": Task(
        "the sum of x as a plain Python number",
        wanted=lambda x: float(numpy.add.reduce(x.astype(numpy.float64))),
        inputs=_vector,
        library="torch",
        hint="add up first, then take the number out of the tensor.",
        plain=True,
        near_misses=(
            NearMiss(lambda x: float(x.mean()), "This is the mean of x, not its sum.",
                     "a mean is divided by the number of items."),
        ),
    ),
    "independent_copy": Task(
        "a copy of x that stays as it is when x changes",
        wanted=lambda x: x.copy(),
        inputs=_vector,
        library="torch",
        shares=False,
        hint="a second name for a tensor is not a second tensor.",
    ),
    "subtract_in_place": Task(
        "x itself, with 1 subtracted from each item in place",
        wanted=lambda x: x - 1,
        inputs=_vector,
        library="torch",
        in_place=True,
        hint="`x = x - 1` makes a new tensor and leaves the old one alone.",
        near_misses=(
            NearMiss(lambda x: x + 1, "1 was added instead of subtracted.", "check the operator."),
        ),
    ),
    "aliasing": Task(
        'whether a0 changes too, after `a0 = a` and `a -= 1`: "changes" or "stays"',
        wanted=lambda: "changes",
        choices=("changes", "stays"),
        hint="does `a0 = a` make a new tensor, or a second name?",
    ),
    "rebinding": Task(
        'whether a0 changes too, after `a0 = a` and `a = a - 1`: "changes" or "stays"',
        wanted=lambda: "stays",
        choices=("changes", "stays"),
        hint="which tensor does the name a0 still stand for?",
    ),
    # --- 02 Pose the problem ----------------------------------------------------------------
    # --- 03 Descend with NumPy --------------------------------------------------------------
    # --- 04 Move to torch -------------------------------------------------------------------
    # --- 05 Let autograd find the gradient --------------------------------------------------
    # --- 06 Write your own autograd function ------------------------------------------------
    # --- 07 Stack layers with nn ------------------------------------------------------------
    # --- 08 Choose an optimiser -------------------------------------------------------------
    # --- 09 Build your own module -----------------------------------------------------------
    # --- 10 Change the graph on the fly -----------------------------------------------------
    # --- 11 Train a two-layer network -------------------------------------------------------
    # --- 12 Find the learning rate ----------------------------------------------------------
}
"""Every task by name."""
