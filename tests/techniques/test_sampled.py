import numpy as np
import pytest

from tests.techniques.inputs import calibration, rows_of
from zoo_compress.core import Site
from zoo_compress.techniques.sampled import ELEMENTS, FEWEST_CHANNELS, sampled


def site(shape, *, channel_axis=0, groups=1) -> Site:
    return Site(
        name="w",
        shape=shape,
        dtype="float32",
        channel_axis=channel_axis,
        readers=(),
        groups=groups,
        bias="b",
    )


def numbered(shape, channel_axis) -> np.ndarray:
    """Return weights that are each the number of their output channel."""
    sides = [1] * len(shape)
    sides[channel_axis] = -1
    numbers = np.arange(shape[channel_axis], dtype=np.float32).reshape(sides)
    return np.broadcast_to(numbers, shape).copy()


@pytest.mark.parametrize("shape", [(8, 8), (ELEMENTS // 64, 64), (FEWEST_CHANNELS, ELEMENTS)])
def test_a_small_weight_or_one_of_few_channels_is_returned_as_it_is(shape):
    one = site(shape)
    weight = np.zeros(shape, np.float32)
    found = sampled(weight, one, None)
    assert found[0] is weight
    assert found[1] is one
    assert found[2] is None


@pytest.mark.parametrize(("shape", "axis"), [((400, 1024), 0), ((1024, 400), 1)])
def test_channels_are_picked_evenly_from_the_first_to_the_last(shape, axis):
    part, smaller, _ = sampled(numbered(shape, axis), site(shape, channel_axis=axis), None)
    assert smaller.shape == part.shape
    assert part.shape[1 - axis] == 1024
    assert smaller.elements == ELEMENTS
    picked = part[:, 0] if axis == 0 else part[0]
    np.testing.assert_array_equal(np.moveaxis(part, axis, 0), picked[:, None] + np.zeros(1024))
    assert picked[0] == 0
    assert picked[-1] == 399
    assert set(np.diff(picked)) == {3, 4}


@pytest.mark.parametrize(("groups", "outputs"), [(2, 100), (4, 40)])
def test_each_group_keeps_the_same_channels_of_its_own(groups, outputs):
    shape = (groups * outputs, 2048, 1)
    part, smaller, _ = sampled(numbered(shape, 0), site(shape, groups=groups), None)
    assert smaller.groups == groups
    picked = part[:, 0, 0].reshape(groups, -1)
    assert picked.shape[1] == max(ELEMENTS // (groups * 2048), FEWEST_CHANNELS)
    np.testing.assert_array_equal(picked, picked[0] + outputs * np.arange(groups)[:, None])
    assert picked[0, 0] == 0
    assert picked[0, -1] == outputs - 1


def test_a_weight_of_long_rows_keeps_sixteen_channels():
    shape = (20, ELEMENTS // 4)
    part, _, _ = sampled(numbered(shape, 0), site(shape), None)
    assert part.shape == (FEWEST_CHANNELS, ELEMENTS // 4)


def test_what_is_known_of_the_inputs_goes_with_the_sample():
    shape = (2 * 300, 8, 32)
    whole = site(shape, groups=2)
    known = calibration(whole, rows_of(whole, count=50), "bias-correction", "error-feedback")
    weight = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    part, smaller, found = sampled(weight, whole, known)
    assert found.site is smaller
    assert (smaller.name, smaller.bias) == (whole.name, whole.bias)
    assert found.moments is known.moments
    assert found.repair == known.repair
    assert found.importance.shape == part.shape
    # The change is the same everywhere, and so is its share of the outputs, but for chance.
    whole_error = known.output_error(weight, weight * np.float32(1.1))
    assert found.output_error(part, part * np.float32(1.1)) == pytest.approx(whole_error, rel=0.05)
    assert known.site is whole
