import pytest
from matplotlib.axes import Axes

from zoo_compress.report.plots.distance_error import Series, draw_distance_error


def panel_of(*series: Series, **options: object) -> Axes:
    named = {"title": "a model", "horizontal": "distance", "vertical": "disagreement"}
    figure = draw_distance_error(series, **(named | options))  # type: ignore[arg-type]
    figure.canvas.draw()
    return figure.axes[0]


CONV = Series(name="Conv 3×3", distances=[0.1, 10.0], errors=[0.01, 0.4])
GEMM = Series(name="Gemm", distances=[0.5], errors=[0.05])


def test_each_kind_of_weight_has_its_own_colour_and_marker() -> None:
    panel = panel_of(CONV, GEMM)
    looks = {(line.get_color(), line.get_marker()) for line in panel.lines}
    assert len(looks) == 2
    legend = panel.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["Conv 3×3", "Gemm"]


def test_every_point_is_drawn_where_it_belongs() -> None:
    line = panel_of(CONV).lines[0]
    assert list(line.get_xdata()) == CONV.distances
    assert list(line.get_ydata()) == CONV.errors


def test_positive_values_lie_on_logarithmic_axes_with_errors_in_per_cent() -> None:
    panel = panel_of(CONV, GEMM)
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
    assert all(label.get_text().endswith("%") for label in panel.get_yticklabels())


def test_zeros_keep_a_place_below_the_smallest_error_that_could_be_seen() -> None:
    unseen = Series(name="Conv 1×1", distances=[0.0, 1e-4], errors=[0.0, 0.02])
    panel = panel_of(CONV, unseen, resolution=0.005)
    assert (panel.get_xscale(), panel.get_yscale()) == ("symlog", "symlog")
    low, high = panel.get_ylim()
    assert low < 0 < high


def test_a_top_1_error_has_a_linear_axis_and_the_original_as_a_line() -> None:
    panel = panel_of(CONV, logarithmic=False, original=0.12, vertical="top-1 error")
    assert panel.get_yscale() == "linear"
    assert list(panel.lines[-1].get_ydata()) == [0.12, 0.12]


@pytest.mark.parametrize("errors", [[0.0, 0.0], []])
def test_nothing_but_zeros_or_nothing_at_all_can_still_be_drawn(errors: list[float]) -> None:
    panel = panel_of(Series(name="Gemm", distances=errors, errors=errors))
    assert panel.get_yscale() == "linear"
