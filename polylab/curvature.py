"""How strongly a loss is curved: its Hessian times a vector, and the largest curvature.

The Hessian of a network with p parameters has p² entries and is never written down. Its product
with a vector costs one more backward pass (Pearlmutter, 1994, "Fast exact multiplication by the
Hessian"), and a few products give its largest eigenvalue (LeCun, Simard and Pearlmutter, 1993,
"Automatic learning rate maximization by on-line estimation of the Hessian's eigenvectors").
"""

from __future__ import annotations

import numpy


def hessian_product(loss, parameters, vector):
    """Return the Hessian of a loss times a vector, by two backward passes.

    Parameters
    ----------
    loss : torch.Tensor, shape ()
        Computed from the parameters, with its graph. It keeps the graph, and no ``.grad`` changes.
    parameters : torch.nn.Module, torch.Tensor or iterable of torch.Tensor
        What the loss is differentiated by: p numbers in all, of one dtype, float32 or float64, on
        one device. Of a module, the parameters that require a gradient.
    vector : torch.Tensor, shape (p,)
        With the dtype and on the device of the parameters, whose numbers it follows in order.

    Returns
    -------
    torch.Tensor, shape (p,)
        H v, with the dtype and on the device of the parameters, without a graph.

    Raises
    ------
    TypeError
        If an argument is of another type.
    ValueError
        If shape, dtype or device do not fit, if the loss has no graph that leads to a parameter,
        or if it is nan or infinite.

    Notes
    -----
    H v is the gradient of g · v, where g is the gradient of the loss and v stands still
    (Pearlmutter, 1994). At the kink of a ReLU it is what autograd says there.
    """
    import torch

    parameters = _listed(parameters)
    product, like = _second_pass(loss, parameters)
    if not isinstance(vector, torch.Tensor):
        raise TypeError(f"vector must be a torch.Tensor, got {type(vector).__name__}")
    if vector.shape != like.shape:
        raise ValueError(f"vector must have shape {tuple(like.shape)}, got {tuple(vector.shape)}")
    if (vector.dtype, vector.device) != (like.dtype, like.device):
        raise ValueError(f"vector must be {like.dtype} on {like.device}, "
                         f"got {vector.dtype} on {vector.device}")
    return product(vector)


def largest_curvature(loss, parameters, tolerance=1e-5, most_products=200, generator=None):
    """Return the largest eigenvalue of the Hessian of a loss, without the Hessian.

    Parameters
    ----------
    loss, parameters
        As for `hessian_product`.
    tolerance : float, default 1e-5
        How far ‖H v − λ v‖ may be from zero, relative to the largest eigenvalue in size. An
        eigenvalue lies no further than this from what is returned, and usually far nearer.
    most_products : int, default 200
        How many products with the Hessian may be spent; each keeps a vector of p numbers.
    generator : torch.Generator, optional
        Draws the first vector, on the CPU. If left out, one with seed 0: equal calls give equal
        answers.

    Returns
    -------
    float
        λmax, with its sign: the largest, not the largest in size.

    Raises
    ------
    TypeError, ValueError
        As for `hessian_product`.
    RuntimeError
        If ``most_products`` are not enough, or the curvature is nan or infinite.

    Notes
    -----
    Power iteration keeps the last vector only. Here all are kept, each made perpendicular to
    those before it; within their span H is a small tridiagonal matrix, whose largest eigenvalue
    is taken (Lanczos, 1950). So two eigenvalues of equal size and opposite sign do no harm.
    """
    import torch

    product, like = _second_pass(loss, _listed(parameters))
    generator = torch.Generator().manual_seed(0) if generator is None else generator
    drawn = torch.randn(like.numel(), generator=generator, dtype=torch.float64).to(like)
    basis = [drawn / drawn.norm()]
    diagonal, beside = [], []
    for _ in range(most_products):
        image = product(basis[-1])
        diagonal.append(float(image @ basis[-1]))
        for earlier in basis + basis:  # once is not enough in floating point
            image = image - (image @ earlier) * earlier
        rest = float(image.norm())
        if not numpy.isfinite([diagonal[-1], rest]).all():
            raise RuntimeError("the curvature must be finite, got nan or an infinity")
        small = numpy.diag(diagonal) + numpy.diag(beside, -1)  # eigh reads the lower half
        curvatures, directions = numpy.linalg.eigh(small)
        left = rest * abs(directions[-1, -1])  # ‖H v − λ v‖
        if left <= tolerance * abs(curvatures).max():
            return float(curvatures[-1])
        beside.append(rest)
        basis.append(image / rest)
    raise RuntimeError(f"the largest curvature did not settle within {most_products} products: "
                       "‖H v − λ v‖ is still "
                       f"{left / abs(curvatures).max():.1g} of the largest")


def _listed(parameters):
    """Return the parameters in a tuple, or refuse what cannot be differentiated by."""
    import torch

    if isinstance(parameters, torch.nn.Module):
        parameters = [p for p in parameters.parameters() if p.requires_grad]
    elif isinstance(parameters, torch.Tensor):
        parameters = [parameters]
    parameters = tuple(parameters)
    if not parameters:
        raise ValueError("parameters must hold at least one tensor that requires a gradient, "
                         "got none")
    for parameter in parameters:
        if not isinstance(parameter, torch.Tensor):
            raise TypeError("parameters must be tensors, got one of type "
                            f"{type(parameter).__name__}")
        if not parameter.requires_grad:
            raise ValueError("parameters must require a gradient, got one of shape "
                             f"{tuple(parameter.shape)} that does not")
    kinds = sorted({f"{p.dtype} on {p.device}" for p in parameters})
    if len(kinds) > 1:
        raise ValueError("parameters must have one dtype and one device, got "
                         f"{' and '.join(kinds)}")
    if parameters[0].dtype not in (torch.float32, torch.float64):
        raise ValueError(f"parameters must be float32 or float64, got {parameters[0].dtype}")
    return parameters


def _second_pass(loss, parameters):
    """Go backward once, and return what multiplies a vector by H, and the gradient, flat."""
    import torch

    if not isinstance(loss, torch.Tensor):
        raise TypeError(f"loss must be a torch.Tensor with its graph, got {type(loss).__name__}")
    if loss.shape != ():
        raise ValueError(f"loss must have shape (), got {tuple(loss.shape)}")
    if not loss.requires_grad:
        raise ValueError("loss must have a graph, got a tensor that requires no gradient")
    if not torch.isfinite(loss):
        raise ValueError(f"loss must be finite, got {loss.item()}")
    parts = torch.autograd.grad(loss, parameters, create_graph=True, allow_unused=True)
    if all(part is None for part in parts):
        raise ValueError("loss must depend on a parameter, got one that depends on none")
    gradient = torch.cat([torch.zeros_like(p).flatten() if part is None else part.flatten()
                          for part, p in zip(parts, parameters, strict=True)])

    def product(vector):
        if not gradient.requires_grad:  # the loss is linear
            return torch.zeros_like(gradient)
        curved = torch.autograd.grad(gradient, parameters, vector, retain_graph=True,
                                     materialize_grads=True)
        return torch.cat([part.flatten() for part in curved])

    return product, gradient.detach()
