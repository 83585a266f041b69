import io
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure
from PIL import Image

from zoo_compress.errors import OutputError
from zoo_compress.report.plots.style import (
    COLOURS,
    DOTS_PER_INCH,
    MARKERS,
    PALETTE,
    label_panel,
    legend_below,
    new_figure,
    save_figure,
    save_picture,
)


def drawn(**options: object) -> Figure:
    figure, (panel, *_) = new_figure(title="a title", **options)  # type: ignore[arg-type]
    panel.plot([1, 2, 3], [3, 1, 2], label="a line")
    label_panel(panel, horizontal="size (bytes)", vertical="distance", title="a panel")
    legend_below(figure, panel)
    return figure


def test_a_figure_is_written_as_png_and_svg_of_the_asked_size(tmp_path: Path) -> None:
    raster, vector = save_figure(drawn(width=5.0, height=3.0), tmp_path, "curve")
    assert (raster.name, vector.name) == ("curve.png", "curve.svg")
    with Image.open(raster) as image:
        assert image.size == (5 * DOTS_PER_INCH, 3 * DOTS_PER_INCH)
    assert vector.read_text("utf-8").startswith("<?xml")
    assert sorted(tmp_path.iterdir()) == [raster, vector]


def test_the_same_figure_gives_the_same_bytes_without_date_or_program(tmp_path: Path) -> None:
    first, second = (
        [path.read_bytes() for path in save_figure(drawn(), tmp_path, name)] for name in "ab"
    )
    assert first == second
    assert b"<dc:date>" not in first[1]
    with Image.open(io.BytesIO(first[0])) as image:
        assert "Software" not in image.info


def test_a_picture_has_the_pixels_of_the_saved_figure_in_few_colours(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    drawn().savefig(buffer, format="png")
    save_picture(drawn(), tmp_path / "picture.png")
    with Image.open(buffer) as saved, Image.open(tmp_path / "picture.png") as picture:
        expected = saved.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        assert picture.convert("RGB").tobytes() == expected.convert("RGB").tobytes()


def test_a_picture_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times, draw = [], Figure.draw

    def counted(figure: Figure, renderer: object) -> None:
        times.append(figure)
        draw(figure, renderer)

    monkeypatch.setattr(Figure, "draw", counted)
    figure = drawn()
    save_picture(figure, tmp_path / "picture.png")
    assert times == [figure]


def test_saving_changes_no_global_setting(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    save_figure(drawn(), tmp_path, "curve")
    assert dict(matplotlib.rcParams) == before


def test_panels_come_row_by_row_in_the_common_look() -> None:
    figure, panels = new_figure(rows=2, columns=3)
    assert panels == figure.axes
    assert len(panels) == 6
    for panel in panels:
        assert not panel.spines["top"].get_visible()
        assert not panel.spines["right"].get_visible()


def test_fixed_margins_keep_panels_where_they_are() -> None:
    margins = {"left": 0.2, "right": 0.9, "top": 0.8, "bottom": 0.3}
    figure, (panel,) = new_figure(margins=margins)
    panel.set_ylabel("a long name of the axis")
    figure.canvas.draw()
    assert panel.get_position().bounds == pytest.approx((0.2, 0.3, 0.7, 0.5))


def test_no_two_of_the_first_series_share_colour_and_marker() -> None:
    pairs = {(PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]) for i in range(42)}
    assert len(pairs) == 42


def test_a_folder_that_does_not_exist_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        save_figure(drawn(), tmp_path / "none", "curve")
