"""Pictures are tested by what they draw: the lines, their data, colours, labels and limits."""

import io
import warnings

import matplotlib
import matplotlib.style
import numpy
import pytest
import torch
from matplotlib.figure import Figure
from numpy.testing import assert_array_equal

from polylab.data import sine_samples
from polylab.plots import (
    FIT,
    FLOOR,
    GUESS,
    SERIES,
    STYLES,
    TRUTH,
    label_angles,
    label_axes,
    plot_fit,
    plot_graph,
    plot_losses,
)

X, Y = sine_samples(50)


@pytest.fixture
def ax():
    return Figure().subplots()


def test_fit_draws_each_curve_with_its_own_data_colour_and_name(ax):
    plot_fit(ax, X, Y, predicted=2 * Y, guess=3 * Y)
    drawn = {line.get_label(): (line.get_color(), line.get_ydata()) for line in ax.get_lines()}
    for label, colour, values in (
        ("truth, sin x", TRUTH, Y), ("fit", FIT, 2 * Y), ("first guess", GUESS, 3 * Y)
    ):
        assert drawn[label][0] == colour
        assert_array_equal(drawn[label][1], values)
    assert len(drawn) == 3
    for line in ax.get_lines():
        assert_array_equal(line.get_xdata(), X)
    assert ax.get_xlabel() == "x (radians)"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(drawn)


def test_fit_names_another_truth(ax):
    plot_fit(ax, X, abs(X), truth="target, |x|")
    assert [line.get_label() for line in ax.get_lines()] == ["target, |x|"]


def test_fit_draws_torch_tensors_and_leaves_their_graph_alone(ax):
    x, y = sine_samples(50, torch)
    predicted = (y * torch.ones(1, requires_grad=True)).clone()
    plot_fit(ax, x, y, predicted)
    assert_array_equal(ax.get_lines()[1].get_ydata(), y.numpy())
    assert predicted.requires_grad


def test_angles_are_labelled_in_multiples_of_pi(ax):
    ax.set_xlim(-7, 7)
    label_angles(ax)
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels[1:-1] == ["−2π", "−1.5π", "−π", "−π/2", "0", "π/2", "π", "1.5π", "2π"]


def test_losses_of_several_runs_differ_in_colour_and_style_and_show_the_floor(ax):
    runs = {"SGD": [100.0, 10.0], "Adam": [100.0, 50.0], "RMSprop": [100.0, 70.0]}
    plot_losses(ax, runs, floor=8.817, every=100)
    assert ax.get_yscale() == "log"
    *lines, floor = ax.get_lines()
    for line, (label, run), colour in zip(lines, runs.items(), SERIES, strict=False):
        assert line.get_label() == label
        assert line.get_color() == colour
        assert_array_equal(line.get_ydata(), run)
        assert_array_equal(line.get_xdata(), [0, 100])
    assert len({line.get_linestyle() for line in lines}) == 3
    assert floor.get_linestyle() == "--"
    assert "--" not in STYLES
    assert floor.get_color() == FLOOR
    assert floor.get_label() == "best possible, 8.817"
    assert list(floor.get_ydata()) == [8.817, 8.817]


@pytest.mark.parametrize("end", [numpy.inf, numpy.nan])
def test_run_that_stops_being_finite_ends_in_a_cross(ax, end):
    plot_losses(ax, [1.0, 10.0, end, 5.0])
    run, cross = ax.get_lines()
    assert_array_equal(run.get_ydata(), [1, 10])
    assert cross.get_marker() == "X"
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (1, 10)


def test_run_that_grows_to_the_end_of_float64_is_drawn_without_a_warning(ax):
    plot_losses(ax, [*10.0 ** numpy.arange(309), numpy.inf], floor=8.8)
    ax.figure.savefig(io.BytesIO(), format="png")
    assert len(ax.get_lines()[0].get_ydata()) == 201
    assert ax.get_lines()[1].get_ydata() == [1e200]


def test_autograd_graph_shows_leaves_by_name_and_operations_by_sign(ax):
    a, b = torch.tensor(1.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    x = torch.ones(3)
    loss = ((a + b * x) ** 2).sum()
    plot_graph(ax, loss, {"a": a, "b": b, "loss": loss})
    boxes = {text.get_text(): text.get_position() for text in ax.texts if text.get_text()}
    assert set(boxes) == {"a", "b", "× constant", "+", "power", "sum\n= loss"}
    order = ["b", "× constant", "+", "power", "sum\n= loss"]
    columns = [boxes[name][0] for name in order]
    assert columns == sorted(columns)
    assert boxes["a"][0] == boxes["b"][0]
    arrows = [text for text in ax.texts if not text.get_text()]
    assert len(arrows) == 5


def test_arrows_stop_at_the_edges_of_the_boxes(ax):
    b = torch.tensor(2.0, requires_grad=True)
    plot_graph(ax, ((b * torch.ones(3)) ** 2).sum(), {"b": b})
    ax.figure.savefig(io.BytesIO())
    boxes = [text.get_bbox_patch().get_window_extent() for text in ax.texts if text.get_text()]
    for text in ax.texts:
        if not text.get_text():
            arrow = text.arrow_patch
            for point in arrow.get_transform().transform(arrow.get_path().vertices):
                assert not any(box.contains(*point) for box in boxes)


def test_arrow_bends_around_a_node_on_its_way(ax):
    e = torch.tensor(1.0, requires_grad=True)
    first = e * 2
    plot_graph(ax, first + e * first, {"e": e})
    styles = [text.arrowprops["connectionstyle"] for text in ax.texts if not text.get_text()]
    assert sorted(styles) == ["arc3", "arc3", "arc3", "arc3,rad=0.25", "arc3,rad=0.25"]


def test_no_box_of_the_graph_hides_another(ax):
    e = torch.tensor(1.0, requires_grad=True)
    first = e * 2
    plot_graph(ax, (5 * first**3 - 3 * first).exp(), {"e": e})
    places = [text.get_position() for text in ax.texts if text.get_text()]
    assert len(places) == 7
    apart = [abs(row - other) for i, (column, row) in enumerate(places)
             for at, other in places[:i] if at == column]
    assert apart
    assert min(apart) >= 0.8


def test_graph_tells_an_unwatched_input_from_a_watched_one(ax):
    a, b = torch.tensor(1.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    plot_graph(ax, 3 * (a * b) / (b - torch.ones(())), {})
    assert sorted(text.get_text() for text in ax.texts if text.get_text()) == [
        "leaf", "leaf", "×", "× constant", "÷", "− constant"]


def test_axes_are_named_and_the_legend_names_what_has_a_label(ax):
    ax.plot([1, 2], label="run")
    ax.plot([2, 1])
    label_axes(ax, "b", "loss", loc="upper left")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("b", "loss")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["run"]


def test_axes_without_a_labelled_line_get_no_legend(ax):
    ax.plot([1, 2])
    label_axes(ax, "b", "loss")
    assert ax.get_legend() is None


def draw_everything(ax):
    """Draw each kind of picture on one of four axes, and return them."""
    axes = ax.figure.subplots(2, 2).ravel()
    a = torch.tensor(1.0, requires_grad=True)
    plot_fit(axes[0], X, Y, predicted=2 * Y, guess=3 * Y)
    runs = {f"run {number}": [100.0 + number, 10.0] for number in range(len(SERIES))}
    plot_losses(axes[1], runs, floor=8.817)
    plot_graph(axes[2], ((a * torch.ones(3)) ** 2).sum(), {"a": a})
    axes[3].semilogy([1e-6, 1e-3], label="−1")
    axes[3].set_title("b −1")
    label_axes(axes[3], "x²", "−π")
    return axes


def contrast(colour, ground):
    """Return the contrast of two colours as the WCAG define it: 1 for equal ones, at most 21."""
    def luminance(name):
        rgb = numpy.array(matplotlib.colors.to_rgb(name))
        linear = numpy.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    lighter, darker = sorted([luminance(colour), luminance(ground)], reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_each_line_and_each_word_is_seen_in_a_light_and_in_a_dark_style(style):
    with matplotlib.style.context(style):
        axes = draw_everything(Figure().subplots())
    for ax in axes:
        ground = ax.get_facecolor() if ax.axison else ax.figure.get_facecolor()
        for line in ax.get_lines():
            assert contrast(line.get_color(), ground) > 2.1, (line.get_label(), style)
        for text in ax.texts:
            box = text.get_bbox_patch()
            if box is not None and text.get_text():
                assert contrast(text.get_color(), box.get_facecolor()) > 4.5
            if getattr(text, "arrow_patch", None) is not None:
                assert contrast(text.arrow_patch.get_edgecolor(), ground) > 2.5
        for text in (ax.xaxis.label, ax.yaxis.label, *(ax.get_legend() or ax).findobj(
                matplotlib.text.Text)):
            if text.get_text() and text not in ax.texts:
                assert contrast(text.get_color(), ax.figure.get_facecolor()) > 3


@pytest.mark.parametrize("colour", [TRUTH, FIT, FLOOR, *SERIES[:3], *SERIES[4:]])
def test_colour_is_seen_on_white_and_on_the_dark_ground_of_an_editor(colour):
    assert contrast(colour, "white") > 2.9
    assert contrast(colour, "#1E1E1E") > 2.9


def test_signs_that_the_font_of_the_reader_lacks_come_from_another(caplog):
    with matplotlib.rc_context({"font.family": ["cmss10"]}):  # without − and without π
        axes = draw_everything(Figure().subplots())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            axes[0].figure.savefig(io.BytesIO(), format="png")
    assert [str(warning.message) for warning in caught] == []
    assert not [record for record in caplog.records if "does not have a glyph" in record.message]


def test_letters_follow_the_size_that_the_reader_has_chosen():
    with matplotlib.rc_context({"font.size": 20}):
        ax = draw_everything(Figure().subplots())[0]
        ax.figure.canvas.draw()
    assert ax.xaxis.label.get_size() == 24
    assert {label.get_size() for label in ax.get_xticklabels()} == {22}
    assert {text.get_size() for text in ax.get_legend().get_texts()} == {22}


def test_nothing_global_changes(ax):
    before = dict(matplotlib.rcParams)
    plot_fit(ax, X, Y, Y, Y)
    plot_losses(ax, [1.0, 2.0])
    assert dict(matplotlib.rcParams) == before


def test_series_offers_as_many_styles_as_colours():
    assert len(set(SERIES)) == len(set(STYLES)) == len(SERIES) == len(STYLES)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda ax: plot_fit(ax, X, Y[:9]), r"y must have shape \(50,\), the shape of x, got \(9,"),
        (lambda ax: plot_fit(ax, X, Y, Y[:, None]), r"predicted must have shape \(n,\)"),
        (lambda ax: plot_fit(ax, X, Y, guess=Y[1:]), r"guess must have shape \(50,\)"),
        (lambda ax: plot_losses(ax, []), r"losses of 'loss' must have shape \(n,\) with n at"),
        (lambda ax: plot_losses(ax, {"SGD": [1.0, 0.0]}), "losses of 'SGD' must be positive"),
        (lambda ax: plot_graph(ax, torch.ones(()), {}), "result must have a grad_fn"),
    ],
)
def test_refuses(ax, draw, message):
    with pytest.raises(ValueError, match=message):
        draw(ax)
