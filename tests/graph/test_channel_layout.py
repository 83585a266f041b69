import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.graph.channel_layout import Layout
from zoo_compress.graph.channel_sets import ChannelSets, Unscalable


def channels(layout, shape):
    """Return the channel of every element of a tensor."""
    lengths = [1] * layout.rank
    for axis, length in zip(layout.axes, layout.numbers.shape, strict=True):
        lengths[axis] = length
    return np.broadcast_to(layout.numbers.reshape(lengths), shape)


def image_layout(count):
    return Layout(4, (1,), np.arange(count))


@given(st.permutations(range(4)))
def test_transposing_moves_the_channels_with_the_elements(order):
    shape = (2, 3, 4, 5)
    layout = Layout(4, (1, 3), np.arange(15).reshape(3, 5))
    moved = layout.transposed(order)
    expected = channels(layout, shape).transpose(order)
    assert np.array_equal(channels(moved, expected.shape), expected)
    assert moved.axes == tuple(sorted(moved.axes))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((2, 6, 4, 5), (2, 120)),
        ((2, 6, 1, 1), (2, 6)),
        ((2, 6, 1, 1), (2, 6, 1)),
        ((2, 6, 2, 2), (4, 3, 4)),
        ((2, 6, 4, 5), (2, 6, 20)),
        ((2, 6, 4, 5), (2, 3, 2, 20)),
    ],
)
def test_reshaping_moves_the_channels_with_the_elements(before, after):
    layout = image_layout(6)
    expected = channels(layout, before).reshape(after)
    if after == (4, 3, 4):
        # Half the channels in each row: what an element belongs to depends on the row.
        with pytest.raises(Unscalable, match="mixes channels"):
            layout.reshaped(before, after)
        return
    assert np.array_equal(channels(layout.reshaped(before, after), after), expected)


def test_lengths_before_the_channels_need_not_be_known():
    layout = Layout(3, (2,), np.arange(12))
    heads = layout.reshaped((None, None, 12), (None, None, 3, 4))
    assert heads.axes == (2, 3)
    assert np.array_equal(heads.numbers, np.arange(12).reshape(3, 4))
    back = heads.reshaped((None, None, 3, 4), (None, None, 12))
    assert back.axes == (2,)
    assert np.array_equal(back.numbers, np.arange(12))


@pytest.mark.parametrize("before", [(2, 6, None, 5), None, (2, 6)])
def test_reshaping_by_lengths_that_are_not_known_is_refused(before):
    with pytest.raises(Unscalable, match="not known"):
        image_layout(6).reshaped(before, (2, 120))


@pytest.mark.parametrize("shape", [(6, 1, 1), (1, 6, 1, 1), (4, 6, 1, 1), (6, 5, 5)])
def test_a_constant_that_is_added_has_the_channels_of_its_elements(shape):
    spread = np.broadcast_to(image_layout(6).spread(shape), shape)
    expected = np.broadcast_to(np.arange(6).reshape(6, 1, 1), shape)
    assert np.array_equal(spread, expected)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (1, 1, 1), (2, 1, 6, 1, 1), (1, 6, 1)])
def test_a_constant_without_a_number_for_each_channel_is_refused(shape):
    with pytest.raises(Unscalable, match="one number to several channels"):
        image_layout(6).spread(shape)


def test_a_single_channel_keeps_its_axis():
    layout = Layout(3, (1,), np.array([7])).reshaped((2, 1, 5), (2, 5))
    assert np.array_equal(channels(layout, (2, 5)), np.full((2, 5), 7))


def test_joined_channels_share_what_fixes_one_of_them():
    sets = ChannelSets()
    one, other, third = sets.add(2), sets.add(2), sets.add(2)
    sets.fix(third[:1], "because")
    sets.join(one, other)
    sets.join(other, third)
    assert [sets.reason(int(number)) for number in one] == ["because", None]
    assert len(np.unique(sets.roots())) == 2


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=30))
def test_sets_are_the_connected_components(pairs):
    sets = ChannelSets()
    sets.add(20)
    label = np.arange(20)
    for one, other in pairs:
        sets.join(np.array([one]), np.array([other]))
        label[label == label[one]] = label[other]
    roots = sets.roots()
    assert np.array_equal(roots[:, None] == roots, label[:, None] == label)
