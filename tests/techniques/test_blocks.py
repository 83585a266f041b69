import pytest

from zoo_compress.core import Site
from zoo_compress.techniques.blocks import Blocks, channel_blocks, group_blocks


def site(shape, channel_axis) -> Site:
    return Site(name="w", shape=shape, dtype="float32", channel_axis=channel_axis, readers=())


@pytest.mark.parametrize(
    ("shape", "axis", "shared", "scales"),
    [
        ((8, 3, 5, 5), 0, (1, 2, 3), (8, 1, 1, 1)),
        ((8, 3, 5, 5), 1, (0, 2, 3), (1, 3, 1, 1)),
        ((8, 3), 1, (0,), (1, 3)),
        ((4, 8, 3), 2, (0, 1), (1, 1, 3)),
    ],
)
def test_a_channel_block_spans_all_other_axes(shape, axis, shared, scales):
    blocks = channel_blocks(site(shape, axis))
    assert blocks == Blocks(shape, shared)
    assert blocks.scale_shape == scales


@pytest.mark.parametrize(
    ("shape", "axis", "view", "shared", "scales"),
    [
        ((8, 64), 0, (8, 4, 16), (2,), (8, 4, 1)),
        ((64, 8), 1, (4, 16, 8), (1,), (4, 1, 8)),
        ((8, 4, 2, 2), 0, (8, 1, 16), (2,), None),
        ((8, 8, 2, 2), 0, (8, 2, 16), (2,), (8, 2, 1)),
        ((2, 16, 5), 2, (2, 16, 5), (1,), (2, 1, 5)),
    ],
)
def test_a_group_block_spans_consecutive_weights_of_a_channel(shape, axis, view, shared, scales):
    blocks = group_blocks(site(shape, axis), 16)
    if scales is None:  # a channel is one group
        assert blocks is None
    else:
        assert blocks == Blocks(view, shared)
        assert blocks.scale_shape == scales


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((8, 16), 0), ((16, 8), 1), ((8, 20), 0), ((8, 12), 0), ((4, 8, 32), 1)],
    ids=["one group", "one group last", "a rest", "too few", "channel between"],
)
def test_weights_without_whole_groups_have_no_group_blocks(shape, axis):
    assert group_blocks(site(shape, axis), 16) is None
