"""Which points a training step looks at: random numbers that every language draws alike.

NumPy, PyTorch and a browser each have generators of their own, which cannot be compared. Here a
number is a fixed scramble of (seed, position), made of 32-bit additions, rotations and exclusive
ors, so that ``static/descent.js`` of the lab draws the same points as Python.
"""

import numbers

import numpy

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry(key, counter):
    """Return two 32-bit words for each counter: Threefry-2x32 with 20 rounds.

    Parameters
    ----------
    key : pair of ints
        Each from 0 to 2³² − 1. Other keys give other, independent streams.
    counter : pair of integer arrays
        Of shapes that broadcast; each entry from 0 to 2³² − 1.

    Returns
    -------
    pair of numpy.ndarray, uint32

    References
    ----------
    Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
    """
    keys = [numpy.uint32(word) for word in (*key, key[0] ^ key[1] ^ _PARITY)]
    left, right = (numpy.asarray(word).astype(numpy.uint32) for word in counter)
    with numpy.errstate(over="ignore"):  # sums are meant modulo 2³²
        left, right = left + keys[0], right + keys[1]
        for group in range(5):
            for rotation in _ROTATIONS[group % 2]:
                left = left + right
                right = ((right << rotation) | (right >> (32 - rotation))) ^ left
            left = left + keys[(group + 1) % 3]
            right = right + keys[(group + 2) % 3] + numpy.uint32(group + 1)
    return left, right


def draw_batches(points, batch, steps, seed=0, replacement=False):
    """Return which points each step looks at.

    Parameters
    ----------
    points, batch : int
        How many points there are, and how many of them a step looks at: 1 to ``points``.
    steps : int
        Number of steps, at least 0.
    seed : int
        From 0 to 2³² − 1.
    replacement : bool
        False: the points are shuffled and dealt out; when fewer than ``batch`` are left they are
        shuffled again, as by ``torch.utils.data.DataLoader(shuffle=True, drop_last=True)``.
        True: each point is drawn from all points.

    Returns
    -------
    numpy.ndarray, shape (steps, batch), int64
        Positions from 0 to ``points`` − 1.

    Raises
    ------
    TypeError, ValueError
        If a number is not an integer or out of range, or ``replacement`` is not a bool.
    """
    require_integer("points", points, 1, 2**20)
    require_integer("batch", batch, 1, points)
    require_integer("steps", steps, 0)
    require_integer("seed", seed, 0, 2**32 - 1)
    if not isinstance(replacement, bool):
        raise TypeError(f"replacement must be True or False, got {replacement!r}")
    if replacement:
        words, _ = threefry((seed, 0), (numpy.arange(batch), numpy.arange(steps)[:, None]))
        return (words.astype(numpy.int64) * points) >> 32
    dealt = points // batch
    epochs = numpy.arange(-(-steps // dealt))[:, None]
    words, _ = threefry((seed, 0), (numpy.arange(points), epochs))
    shuffled = numpy.argsort(words, axis=1, kind="stable")[:, : dealt * batch]
    return shuffled.reshape(-1, batch)[:steps]


def draw_normal(count, seed=0):
    """Return numbers drawn from N(0, 1) by the method of Box and Muller (1958).

    Parameters
    ----------
    count : int
        How many.
    seed : int
        From 0 to 2³² − 1.

    Returns
    -------
    numpy.ndarray, shape (count,), float64
    """
    require_integer("count", count, 0)
    require_integer("seed", seed, 0, 2**32 - 1)
    words = threefry((seed, 1), (numpy.arange(count), 0))
    radius, turn = ((word + 0.5) / 2**32 for word in words)
    return numpy.sqrt(-2 * numpy.log(radius)) * numpy.cos(2 * numpy.pi * turn)


def require_integer(name, value, least, most=None):
    """Raise unless ``value`` is an integer in range; bool is none."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__} {value!r}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most}, got {value}")
