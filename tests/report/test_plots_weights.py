from pathlib import Path

import pytest
from PIL import Image

from zoo_compress.report.plots.style import save_picture
from zoo_compress.report.plots.weights import ROWS, StoredWeight, draw_weights

KINDS = ["codes", "codebook", None, "prefix-codes"]


def weights(count: int) -> list[StoredWeight]:
    return [
        StoredWeight(
            name=f"layer.{number}.weight",
            before=1000 + number,
            after=100 + number,
            technique=KINDS[number % len(KINDS)],
        )
        for number in range(count)
    ]


def test_every_weight_has_a_named_row_and_a_bar_for_before_and_after() -> None:
    given = weights(5)
    (panel,) = draw_weights(given, title="a model").axes
    assert [label.get_text() for label in panel.get_yticklabels()] == [w.name for w in given]
    lengths = [bar.get_width() for bars in panel.containers for bar in bars]
    assert all(weight.before in lengths and weight.after in lengths for weight in given)
    shown = {text.get_text() for text in panel.texts}
    assert shown == {f"{100 * weight.after / weight.before:.3g} %" for weight in given}


def test_the_legend_names_each_technique_once() -> None:
    figure = draw_weights(weights(9), title="a model")
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert named == ["original", "codebook", "codes", "prefix-codes", "unchanged"]


def test_of_many_weights_the_largest_are_drawn_and_the_others_told() -> None:
    given = weights(200)
    (panel,) = draw_weights(given, title="a model").axes
    rows = [label.get_text() for label in panel.get_yticklabels()]
    assert rows == [weight.name for weight in given[-ROWS:]]
    left = sum(weight.before for weight in given[:-ROWS])
    assert f"{200 - ROWS} smaller weights" in panel.get_xlabel()
    assert f"{left / 1000:.0f} kB before" in panel.get_xlabel()


@pytest.mark.parametrize("name", ["$\\frac{a}$", "a\nb\x00c", "名前", "x" * 300, ""])
def test_a_strange_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    weight = StoredWeight(name=name, before=10, after=3, technique="codes")
    save_picture(draw_weights([weight], title=name), tmp_path / "weights.png")
    with Image.open(tmp_path / "weights.png") as image:
        assert image.width == 1110


def test_a_picture_is_small_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        save_picture(draw_weights(weights(ROWS), title="a model"), tmp_path / name)
    one, two = (tmp_path / name for name in ("one.png", "two.png"))
    assert one.read_bytes() == two.read_bytes()
    assert one.stat().st_size < 150_000
