"""What an array must be before polylab computes with it: NumPy or torch, real, finite, 1-D."""

import array_api_compat
import numpy
from array_api_compat import device, is_torch_array, size


def namespace(**arrays):
    """Return the library that all the named arrays belong to, NumPy's or torch's.

    Parameters
    ----------
    **arrays
        The arrays, each under the name that an error message should use.

    Returns
    -------
    module
        The array-API namespace of that library.

    Raises
    ------
    TypeError
        If one is neither a NumPy array nor a torch tensor, is not floating point, or if two
        differ in library, dtype or device.
    """
    (first_name, first), *others = arrays.items()
    require_array(first_name, first)
    require_floating(first_name, first)
    for name, array in others:
        require_array(name, array)
        for what, kind in (("kind", _library), ("dtype", _dtype), ("device", device)):
            if kind(array) != kind(first):
                raise TypeError(
                    f"{name} must have the {what} of {first_name} ({_words(kind(first))}), "
                    f"got {_words(kind(array))}"
                )
    return array_namespace(first)


def array_namespace(array):
    """Return the array-API namespace of one array: NumPy itself, or a thin layer over torch.

    NumPy 2 speaks the array API without the layer, and the layer costs a kernel 11 MB.
    """
    return numpy if is_numpy_array(array) else array_api_compat.array_namespace(array)


def is_numpy_array(array):
    """Return whether ``array`` is one of NumPy's, sooner than array_api_compat, which knows JAX."""
    return isinstance(array, (numpy.ndarray, numpy.generic))


def require_array(name, array):
    """Raise TypeError unless ``array`` is a NumPy array or a torch tensor."""
    if not (is_numpy_array(array) or is_torch_array(array)):
        raise TypeError(f"{name} must be a NumPy array or a torch tensor, "
                        f"got {type(array).__name__}")


def require_floating(name, array):
    """Raise TypeError unless the dtype of ``array`` is real floating point."""
    if not array_namespace(array).isdtype(array.dtype, "real floating"):
        raise TypeError(f"{name} must be real floating point, got {_words(array.dtype)}")


def require_vector(name, array, length=None):
    """Raise ValueError unless ``array`` has shape (n,) or (length,), is not empty and is finite."""
    wanted = "(n,)" if length is None else f"({length},)"
    shape = tuple(array.shape)
    if len(shape) != 1 or (length is not None and shape[0] != length):
        raise ValueError(f"{name} must have shape {wanted}, got {shape}")
    if shape[0] == 0:
        raise ValueError(f"{name} must hold at least one number, got an empty array")
    require_finite(name, array)


def require_finite(name, array):
    """Raise ValueError if ``array`` holds nan or an infinity."""
    xp = array_namespace(array)
    if not bool(xp.all(xp.isfinite(array))):
        bad = int(xp.sum(xp.astype(~xp.isfinite(array), xp.int64)))
        raise ValueError(f"{name} must be finite, got nan or inf in {bad} of {size(array)} places")


def _library(array):
    return "NumPy array" if is_numpy_array(array) else "torch tensor"


def _dtype(array):
    return array.dtype


def _words(kind):
    return str(kind).removeprefix("torch.")

