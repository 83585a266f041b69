from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zoo_compress.report.plots.acquisition import animate_acquisition, draw_acquisition
from zoo_compress.search.toy import ToyStep, sinone, toy_search


@pytest.fixture(scope="module")
def steps() -> list[ToyStep]:
    return toy_search(steps=3)


def test_the_upper_panel_marks_objective_observations_and_the_current_best(
    steps: list[ToyStep],
) -> None:
    above = draw_acquisition(steps[2], number=3).axes[0]
    lines = {str(line.get_label()): line.get_data() for line in above.lines}
    np.testing.assert_allclose(lines["objective"][1], sinone(steps[2].grid))
    np.testing.assert_array_equal(lines["posterior mean"][1], steps[2].mean)
    np.testing.assert_array_equal(lines["observations"], (steps[2].points, steps[2].values))
    np.testing.assert_array_equal(lines["current best"], [[steps[2].best], [steps[2].best_mean]])


def test_the_lower_panel_marks_the_next_point_at_the_top_of_the_acquisition(
    steps: list[ToyStep],
) -> None:
    below = draw_acquisition(steps[0], number=1).axes[1]
    marks = {str(line.get_label()): line.get_data() for line in below.lines}
    x, y = marks["next point"]
    assert list(x) == [steps[0].following]
    assert list(y) == pytest.approx([1000 * steps[0].acquisition.max()])
    assert below.get_ylim()[1] > y[0]


def test_the_animation_repeats_and_shows_every_step_the_last_one_longest(
    steps: list[ToyStep], tmp_path: Path
) -> None:
    path = animate_acquisition(steps, tmp_path, "toy")
    assert list(tmp_path.iterdir()) == [path]
    with Image.open(path) as image:
        assert image.format == "GIF"
        assert getattr(image, "n_frames", 1) == len(steps)
        assert image.info["loop"] == 0
        pauses = []
        for number in range(len(steps)):
            image.seek(number)
            pauses.append(image.info["duration"])
    assert pauses == sorted(pauses)
    assert pauses[-1] > pauses[0]


def test_panels_stay_where_they_are_from_frame_to_frame(steps: list[ToyStep]) -> None:
    places = []
    for number, step in enumerate(steps, start=1):
        figure = draw_acquisition(step, number=number)
        figure.canvas.draw()
        places.append([panel.get_position().bounds for panel in figure.axes])
    assert places[0] == places[1] == places[2]


def test_the_same_steps_give_the_same_bytes(steps: list[ToyStep], tmp_path: Path) -> None:
    first, second = (animate_acquisition(steps, tmp_path, name).read_bytes() for name in "ab")
    assert first == second
