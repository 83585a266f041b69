import numpy as np
import pytest

from tests.techniques.decoded import calibration_of, drawn, matrix_site
from zoo_compress.techniques.channel_parts import channel_parts


@pytest.mark.parametrize(
    ("shape", "axis", "groups", "count"),
    [
        ((24, 10), 0, 1, 1),
        ((24, 10), 0, 1, 4),
        ((10, 24), 1, 1, 3),
        ((12, 2, 3, 3), 0, 4, 2),
        ((12, 2, 3, 3), 0, 3, 6),
        ((12, 1, 3, 3), 0, 12, 3),
    ],
)
def test_a_part_feels_its_errors_as_the_whole_does(shape, axis, groups, count):
    site = matrix_site(shape, channel_axis=axis, groups=groups)
    known, weight = calibration_of(site), drawn(shape)
    parts = list(channel_parts(site, count, known))
    assert len(parts) == count
    for part in parts:
        errors = []
        for change in (drawn(shape, seed=1), drawn(shape, seed=2)):
            changed = weight.copy()
            changed[part.index] += change[part.index]
            alone = part.calibration.output_error(weight[part.index], changed[part.index])
            errors.append(alone / known.output_error(weight, changed))
        assert errors[0] == pytest.approx(errors[1], rel=1e-4)


@pytest.mark.parametrize(("groups", "count"), [(1, 4), (4, 2), (3, 6)])
def test_parts_follow_each_other(groups, count):
    site = matrix_site((12, 2, 3, 3), groups=groups)
    known, weight = calibration_of(site), drawn(site.shape)
    shifts = [
        part.calibration.mean_error(weight[part.index], 2 * weight[part.index])
        for part in channel_parts(site, count, known)
    ]
    np.testing.assert_allclose(
        np.concatenate(shifts), known.mean_error(weight, 2 * weight), rtol=1e-5
    )


def test_a_part_that_spans_groups_of_a_convolution_in_part_knows_nothing_of_its_inputs():
    site = matrix_site((12, 4, 3, 3), groups=3)
    parts = list(channel_parts(site, 2, calibration_of(site)))
    assert [part.calibration for part in parts] == [None, None]
    assert next(channel_parts(site, 2, None)).calibration is None
