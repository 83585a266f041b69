from pathlib import Path

import pytest
from PIL import Image

from zoo_compress.report.plots.frontier import Point, draw_frontier
from zoo_compress.report.plots.style import save_figure

FRONT = [
    Point(size=size, distance=10 ** (-20 * size), error=0.3 * 10 ** (-20 * size))
    for size in (0.08, 0.1, 0.125, 0.18, 0.25)
]


@pytest.mark.parametrize("chosen", [None, FRONT[2]])
def test_the_figure_shows_every_point_on_logarithmic_axes(chosen: Point | None) -> None:
    others = [Point(size=0.125, distance=0.9, error=0.1)]
    figure = draw_frontier(FRONT, others, chosen=chosen, title="a model", vertical="distance")
    (panel,) = figure.axes
    assert (panel.get_xscale(), panel.get_yscale()) == ("log", "log")
    low, high = panel.get_ylim()
    assert low < min(point.distance for point in FRONT)
    assert high > 0.9
    named = {text.get_text() for text in figure.legends[0].get_texts()}
    assert ("chosen" in named) == (chosen is not None)


def test_an_error_as_large_as_the_distance_can_be_drawn(tmp_path: Path) -> None:
    points = [Point(size=0.1, distance=0.1, error=0.5), Point(size=0.2, distance=1e-12, error=0)]
    figure = draw_frontier(points, [], chosen=None, title="a model", vertical="distance")
    raster, vector = save_figure(figure, tmp_path, "frontier")
    with Image.open(raster) as image:
        assert min(image.size) > 300
    assert vector.read_text("utf-8").lstrip().startswith("<?xml")
