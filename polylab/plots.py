"""Pictures of results already computed: one colour for one meaning, from notebook to notebook.

Every function takes a matplotlib ``Axes`` and draws on it; it returns nothing, so that it can be
the last line of a cell. None of them trains, shows or changes global settings. The colours are
those of Okabe and Ito, which colour-blind readers can tell apart, and each is seen on a white and
on a dark ground; each line style differs too, for readers in black and white. Letters follow the
reader's font and its size, and take the signs that it lacks, such as −, from matplotlib's own.
"""

import numpy
from array_api_compat import is_torch_array
from matplotlib import rcParams
from matplotlib.ticker import FuncFormatter, MultipleLocator

TRUTH = "#949494"
"""Grey, solid and wide: the curve that we want to reach."""
FIT = "#D55E00"
"""Vermilion, solid: what a training run has reached."""
GUESS = "#56B4E9"
"""Sky blue, dash-dotted: where a run started."""
FLOOR = "#009E73"
"""Green, dashed: the least loss that any choice of coefficients can have."""
SERIES = (FIT, "#0072B2", "#CC79A7", "#E69F00", "#AA4499", "#7F7F7F")
"""Colours of runs that are drawn side by side, in order."""
STYLES = ("-", "-.", ":", (0, (3, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (7, 1, 1, 1)))
"""Line styles of runs that are drawn side by side, in order; dashes are left to the floor."""
_BOX = "#F0F0F0"  # of an operation; the letters on it are black on any ground
_EDGE = "#808080"  # of a box, and of an arrow
_COMPLETE = "DejaVu Sans"  # comes with matplotlib, and has every sign of our labels
_HIGHEST = 1e200  # of a logarithmic axis: its ticks must stay within the range of float64


def plot_fit(ax, x, y, predicted=None, guess=None, truth="truth, sin x"):
    """Draw the true curve, and a fitted and a first guessed curve where they are given.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    x, y : array, shape (n,)
        Angles in radians and the true values.
    predicted, guess : array, shape (n,), optional
        Values of the fitted curve, and of the curve before training.
    truth : str
        What the legend calls the true values.

    Raises
    ------
    ValueError
        If an array does not have the shape of ``x``.
    """
    x = _line("x", x)
    ax.plot(x, _line("y", y, x), color=TRUTH, linewidth=5, label=truth)
    if guess is not None:
        guess = _line("guess", guess, x)
        ax.plot(x, guess, color=GUESS, linewidth=2.5, linestyle="-.", label="first guess")
    if predicted is not None:
        predicted = _line("predicted", predicted, x)
        ax.plot(x, predicted, color=FIT, linewidth=2.5, label="fit")
    label_angles(ax, "y")


def label_angles(ax, ylabel=""):
    """Name the horizontal axis x in radians, with ticks at multiples of π/2.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    ylabel : str
        What the vertical axis shows.
    """
    ax.xaxis.set_major_locator(MultipleLocator(numpy.pi / 2))
    ax.xaxis.set_major_formatter(FuncFormatter(_multiple_of_half_pi))
    label_axes(ax, "x (radians)", ylabel)


def label_axes(ax, xlabel, ylabel, loc="best"):
    """Name both axes in letters that can be read, draw a pale grid, and say what each line is.

    Call it after drawing: the legend names what has a label, if anything has.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    xlabel, ylabel : str
        What the axes show, with the unit.
    loc : str
        Where the legend stands.
    """
    fonts, size = _fonts(), rcParams["font.size"]
    ax.set_xlabel(xlabel, fontsize=1.2 * size, fontfamily=fonts)
    ax.set_ylabel(ylabel, fontsize=1.2 * size, fontfamily=fonts)
    ax.tick_params(labelsize=1.1 * size, labelfontfamily=fonts)
    ax.title.set_fontfamily(fonts)
    for axis in (ax.xaxis, ax.yaxis):
        if axis.get_scale() == "log":  # 10⁻⁶ is a formula, and a formula takes no second font
            axis.set_tick_params(which="both", labelfontfamily=_COMPLETE)
    ax.grid(alpha=0.25)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(prop={"size": 1.1 * size, "family": fonts}, loc=loc)


def _fonts():
    """Return the reader's fonts, and one for the signs that they lack."""
    return [*rcParams["font.family"], _COMPLETE]


def _multiple_of_half_pi(angle, _position):
    halves = round(2 * angle / numpy.pi)
    names = {0: "0", 1: "π/2", 2: "π", -1: "−π/2", -2: "−π"}
    return names.get(halves, f"{halves / 2:g}π".replace("-", "−"))


def plot_losses(ax, losses, floor=None, every=1):
    """Draw loss against step on a logarithmic axis.

    A run that stops being finite, or passes 1e200, is drawn as far as it goes and ends in a cross.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    losses : sequence of float, or dict from label to sequence of float
        One run, or several to compare. Losses must be positive.
    floor : float, optional
        The least possible loss, drawn as a dashed line with its value.
    every : int
        How many steps lie between two losses.

    Raises
    ------
    ValueError
        If a run is empty, not one-dimensional, or holds a loss that is zero or negative.
    """
    runs = losses if isinstance(losses, dict) else {"loss": losses}
    for number, (label, run) in enumerate(runs.items()):
        run = _line(f"losses of {label!r}", run)
        if (run <= 0).any():
            raise ValueError(f"losses of {label!r} must be positive on a logarithmic axis, "
                             f"got {run.min():g}")
        ends = ~(run <= _HIGHEST)
        length = int(ends.argmax()) if ends.any() else len(run)
        steps = every * numpy.arange(length)
        colour = SERIES[number % len(SERIES)]
        style = STYLES[number % len(STYLES)]
        ax.plot(steps, run[:length], color=colour, linestyle=style, linewidth=2.5, label=label)
        if 0 < length < len(run):
            ax.plot(steps[-1], run[length - 1], "X", color=colour, markersize=11)
    ax.set_yscale("log")
    if floor is not None:
        ax.axhline(floor, color=FLOOR, linestyle="--", linewidth=2,
                   label=f"best possible, {floor:.4g}")
    label_axes(ax, "step", "loss")


def plot_graph(ax, result, names):
    """Draw the graph that autograd recorded, from the leaves on the left to the result.

    An operation with a second input that autograd does not watch, such as data, names it
    *constant*: that is what it is to the derivative.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    result : torch.Tensor, shape ()
        A tensor with a ``grad_fn``.
    names : dict from str to torch.Tensor
        Names of the leaves, and of the result if it is to be named, for their boxes.

    Raises
    ------
    ValueError
        If ``result`` has no graph.
    """
    if getattr(result, "grad_fn", None) is None:
        raise ValueError("result must have a grad_fn: it was not computed from a tensor "
                         "with requires_grad=True")
    labels = {id(tensor): name for name, tensor in names.items()}
    nodes, edges = _walk(result.grad_fn)
    places = _places(nodes, edges)
    boxes = {}
    for node, place in places.items():
        leaf = getattr(node, "variable", None)
        text = _operation(node) if leaf is None else labels.get(id(leaf), "leaf")
        if node is result.grad_fn and id(result) in labels:
            text += f"\n= {labels[id(result)]}"
        boxes[node] = ax.text(
            *place, text, ha="center", va="center", fontsize=12, fontfamily=_fonts(),
            color="black", bbox={"boxstyle": "round,pad=0.35", "edgecolor": _EDGE,
                                 "facecolor": _BOX if leaf is None else GUESS})
    for above, below in edges:
        # The arrows lie above the boxes: they are drawn later, when the boxes know their size.
        ax.annotate("", places[above], places[below], zorder=4, arrowprops={
            "arrowstyle": "-|>", "color": _EDGE, "linewidth": 1.4, "shrinkA": 3, "shrinkB": 3,
            "connectionstyle": _bend(places[above], places[below], places),
            "patchA": boxes[below].get_bbox_patch(), "patchB": boxes[above].get_bbox_patch()})
    columns, rows = zip(*places.values(), strict=True)
    ax.set_xlim(min(columns) - 0.6, max(columns) + 0.6)
    ax.set_ylim(min(rows) - 0.8, max(rows) + 0.8)
    ax.set(xticks=[], yticks=[])
    ax.set_axis_off()


def _walk(root):
    """Return the nodes below ``root``, each after all that use it, and the edges between them."""
    nodes, edges, seen = [], [], set()

    def visit(node):
        seen.add(node)
        for below, _ in node.next_functions:
            if below is not None:
                edges.append((node, below))
                if below not in seen:
                    visit(below)
        nodes.append(node)

    visit(root)
    return nodes[::-1], edges


def _places(nodes, edges):
    """Return a (column, row) for each node: the column by depth, leaves spread over the rows."""
    depth = dict.fromkeys(nodes, 0)
    for node in nodes:
        for above, below in edges:
            if above is node:
                depth[below] = max(depth[below], depth[node] + 1)
    rows = {}
    leaves = [node for node in nodes if hasattr(node, "variable")]
    for number, leaf in enumerate(leaves):
        rows[leaf] = float(number)
    for node in reversed(nodes):
        if node not in rows:
            below = [rows[b] for a, b in edges if a is node]
            rows[node] = sum(below) / len(below)
    _spread(nodes, edges, depth, rows)
    last = max(depth.values())
    return {node: (last - depth[node] if not hasattr(node, "variable") else 0.0, rows[node])
            for node in nodes}


def _spread(nodes, edges, depth, rows):
    """Move apart operations that would lie on one another, each with those that feed only it."""
    met = {}
    for node in nodes:
        if not hasattr(node, "variable"):
            met.setdefault((depth[node], rows[node]), []).append(node)
    for (_, row), group in met.items():
        for number, node in enumerate(group):
            shift = (len(group) - 1) / 2 - number
            chain = [node] if len(group) > 1 else []
            while chain:
                node = chain.pop()
                rows[node] = row + 0.8 * shift
                chain = [b for a, b in edges if a is node and rows[b] == row
                         and not hasattr(b, "variable") and sum(c is b for _, c in edges) == 1]


def _bend(end, start, places):
    """Return how an arrow runs: straight, or in an arc around a node that lies on its way."""
    level = start[1] == end[1]
    on_the_way = any(level and row == end[1] and start[0] < column < end[0]
                     for column, row in places.values())
    return "arc3,rad=0.25" if on_the_way else "arc3"


def _operation(node):
    name = type(node).__name__.removesuffix("Backward0").removesuffix("Backward")
    signs = {"Mul": "×", "Add": "+", "Sub": "−", "Div": "÷"}
    if name in signs:
        unwatched = any(below is None for below, _ in node.next_functions)
        return f"{signs[name]} constant" if unwatched else signs[name]
    return {"Pow": "power", "Sum": "sum"}.get(name, name)


def _line(name, values, like=None):
    """Return the values as a NumPy vector, to be drawn; the caller's array stays as it is."""
    if is_torch_array(values):
        values = values.detach().cpu()
    line = numpy.asarray(values, dtype=float)
    if line.ndim != 1 or line.size == 0:
        raise ValueError(f"{name} must have shape (n,) with n at least 1, got {line.shape}")
    if like is not None and line.shape != like.shape:
        raise ValueError(f"{name} must have shape {like.shape}, the shape of x, got {line.shape}")
    return line
