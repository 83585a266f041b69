"""A graph without channels equals the whole graph in which nothing reads them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graph.channels.networks import (
    NEWEST_OPSET,
    OLDEST_OPSET,
    Network,
    check_removal,
)
from zoo_compress.graph.channels.find import find_channels

LAYERS = ("conv", "depthwise", "norm", "residual", "gate", "branches", "pool", "swish", "clip")


def add(net: Network, x: str, layer: str, draw) -> str:
    """Add one layer with drawn settings."""
    kernel, stride = draw(st.sampled_from([1, 3])), draw(st.sampled_from([1, 2]))
    width = draw(st.integers(2, 7))
    if layer == "conv":
        dilation, bias = draw(st.integers(1, 2)), draw(st.booleans())
        return net.conv(x, width, kernel, stride=stride, dilation=dilation, bias=bias)
    if layer == "depthwise":
        return net.depthwise(x, draw(st.integers(1, 2)), stride=stride)
    if layer == "norm":
        return net.batch_norm(x)
    if layer == "residual":
        inner = net.node("Relu", net.conv(x, width, kernel))
        return net.node("Add", net.conv(inner, net.width[x], 3), x)
    if layer == "gate":
        return net.scaled_by_means(x, draw(st.integers(1, 4)))
    if layer == "branches":
        parts = [net.conv(x, width, kernel), net.node("Relu", net.conv(x, width + 1)), x]
        return net.concat(*parts[: draw(st.integers(2, 3))])
    if layer == "pool":
        return net.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4, strides=[stride] * 2)
    if layer == "swish":
        return net.node("Mul", x, net.node("Sigmoid", x))
    zero, six = (net.constant(np.array(v, net.dtype)) for v in (0, 6))
    return net.node("Clip", x, zero, six)


@st.composite
def networks(draw):
    net = Network(
        opset=draw(st.integers(OLDEST_OPSET, NEWEST_OPSET)),
        dtype=draw(st.sampled_from(["float32", "float32", "float16"])),
        seed=draw(st.integers(0, 99)),
    )
    # Half-precision kernels of some operators exist from later operator sets on only.
    size = draw(st.sampled_from([5, 7, 8]))
    net.width["x"] = 3
    x = net.conv("x", draw(st.integers(3, 8)), 3)
    for layer in draw(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=5)):
        x = add(net, x, layer, draw)
    y = net.gemm(net.node("Flatten", net.node("GlobalAveragePool", x)), net.width[x], 4)
    return net.build(y, ["N", 3, size, size], ["N", 4]), net.dtype, size


@settings(max_examples=60)
@given(networks(), st.sampled_from([0.2, 0.5, 0.9]))
def test_removing_channels_is_the_same_as_not_reading_them(network, share) -> None:
    model, dtype, size = network
    images = np.random.default_rng(0).standard_normal((3, 3, size, size)).astype(dtype)
    check_removal(model, {"x": images}, share)


def images(*shape: int) -> dict[str, np.ndarray]:
    return {"x": np.random.default_rng(0).standard_normal(shape).astype(np.float32)}


def groups_of(model) -> dict[int, str | None]:
    """Return the reasons of the groups by how many units they have."""
    return {len(group.units): group.reason for group in find_channels(model).groups}


def test_channels_that_meet_in_sums_are_one_group() -> None:
    net = Network(width={"x": 3})
    x = net.conv("x", 8, 3)
    for _ in range(2):
        x = net.node("Relu", net.node("Add", net.conv(net.conv(x, 5), 8), x))
    model = net.build(net.conv(x, 4), ["N", 3, 6, 6], ["N", 4, 6, 6])
    found = find_channels(model)
    assert [(len(g.units), g.reason is None) for g in found.groups] == [
        (8, True),
        (5, True),
        (5, True),
        (4, False),
    ]
    assert check_removal(model, images(2, 3, 6, 6)) == 3 + 2 + 2


def test_a_channel_flattened_to_several_positions_goes_with_all_of_them() -> None:
    net = Network(width={"x": 3})
    x = net.node("Flatten", net.node("Relu", net.conv("x", 6, 3)))
    model = net.build(net.gemm(x, 6 * 25, 4), ["N", 3, 5, 5], ["N", 4])
    (reader,) = [m for m in find_channels(model).members if m.role == "reads" and len(m.units) > 9]
    assert np.array_equal(reader.units, reader.units[::25].repeat(25))
    assert check_removal(model, images(2, 3, 5, 5)) == 2


@pytest.mark.parametrize("opset", [11, 13, 18])
def test_parts_of_a_split_get_their_new_sizes(opset: int) -> None:
    net = Network(opset=opset, width={"x": 3})
    x = net.conv("x", 8, 3)
    sizes = {"split": [3, 5]} if opset < 13 else {}
    extra = [] if opset < 13 else [net.constant(np.array([3, 5]))]
    first = net.node("Split", x, *extra, outputs=2, axis=1, **sizes)
    net.width[first], net.width[f"{first}_1"] = 3, 5
    joined = net.concat(net.node("Relu", f"{first}_1"), first)
    model = net.build(net.conv(joined, 4), ["N", 3, 6, 6], ["N", 4, 6, 6])
    assert check_removal(model, images(1, 3, 6, 6), 0.5) >= 3


def test_equal_parts_of_a_split_that_become_unequal_are_said() -> None:
    net = Network(opset=18, width={"x": 3})
    first = net.node("Split", net.conv("x", 9, 3), outputs=3, axis=1, num_outputs=3)
    parts = [first, f"{first}_1", f"{first}_2"]
    net.width.update(dict.fromkeys(parts, 3))
    sums = net.node("Relu", net.concat(*parts))
    model = net.build(net.conv(sums, 4), ["N", 3, 6, 6], ["N", 4, 6, 6])
    assert check_removal(model, images(1, 3, 6, 6), 0.4) >= 3


def test_a_shortcut_that_pads_channels_loses_those_that_its_sum_loses() -> None:
    net = Network(width={"x": 3})
    x = net.node("Relu", net.conv("x", 4, 3))
    amounts = net.constant(np.array([0, 2, 0, 0, 0, 2, 0, 0]))
    padded = net.node("Pad", x, amounts, net.constant(np.float32(0)))
    total = net.node("Add", net.conv(x, 8, 3), padded)
    model = net.build(net.conv(net.node("Relu", total), 4), ["N", 3, 6, 6], ["N", 4, 6, 6])
    for share in (0.25, 0.6, 0.9):
        assert check_removal(model, images(1, 3, 6, 6), share) >= 2


def test_a_transposed_convolution_reads_and_computes_channels() -> None:
    net = Network(width={"x": 3})
    x = net.conv("x", 6, 3)
    up = net.node("ConvTranspose", x, net.drawn(6, 5, 2, 2), net.drawn(5), strides=[2, 2])
    net.width[up] = 5
    model = net.build(net.conv(up, 4), ["N", 3, 4, 4], ["N", 4, 8, 8])
    assert check_removal(model, images(1, 3, 4, 4)) == 2 + 2


def test_a_weight_read_twice_stays_one_weight() -> None:
    net = Network(width={"x": 3})
    x = net.conv("x", 6, 3)
    shared, bias = net.drawn(6, 6, 3, 3, scale=0.2), net.drawn(6)
    for _ in range(2):
        x = net.node("Relu", net.node("Conv", x, shared, bias, pads=[1] * 4))
        net.width[x] = 6
    model = net.build(net.conv(x, 4), ["N", 3, 6, 6], ["N", 4, 6, 6])
    (group,) = find_channels(model).removable
    assert len(group.units) == 6
    assert check_removal(model, images(1, 3, 6, 6), 0.5) == 3


def test_vectors_that_were_merged_for_being_equal_part_again() -> None:
    net = Network(width={"x": 3})
    zeros = net.constant(np.zeros(6, np.float32))
    x = net.node("Conv", "x", net.drawn(6, 3, 1, 1), zeros)
    x = net.node("Conv", net.node("Relu", x), net.drawn(6, 6, 1, 1), zeros)
    net.width[x] = 6
    model = net.build(net.conv(x, 4), ["N", 3, 6, 6], ["N", 4, 6, 6])
    assert len(find_channels(model).removable) == 2
    assert check_removal(model, images(1, 3, 6, 6), 0.5) == 6


def test_what_leaves_the_graph_stays() -> None:
    net = Network(width={"x": 3})
    model = net.build(net.conv(net.conv("x", 5), 4), ["N", 3, 6, 6], ["N", 4, 6, 6])
    reasons = groups_of(model)
    assert reasons[5] is None
    assert reasons[4] == "'v1' is an output of the graph"


def test_groups_of_several_channels_keep_what_they_read_and_compute() -> None:
    net = Network(width={"x": 4})
    x = net.conv(net.conv("x", 6), 8, groups=2)
    model = net.build(net.conv(x, 4), ["N", 4, 6, 6], ["N", 4, 6, 6])
    found = find_channels(model)
    assert not found.removable
    assert "has 2 groups of several channels" in str(groups_of(model)[6])


@pytest.mark.parametrize(
    ("op_type", "settings_"),
    [("LRN", {"size": 3}), ("ReduceMax", {"axes": [1]}), ("Softmax", {"axis": 1})],
)
def test_what_mixes_channels_keeps_them(op_type: str, settings_: dict[str, object]) -> None:
    net = Network(width={"x": 3})
    y = net.node(op_type, net.conv("x", 5), **settings_)
    model = net.build(y, ["N", 3, 6, 6], ["N", None, 6, 6])
    (group,) = find_channels(model).groups
    assert group.reason is not None
    assert group.reason.startswith(op_type)


def test_a_sum_with_an_input_of_the_graph_keeps_its_channels() -> None:
    net = Network(width={"x": 3})
    total = net.node("Add", net.conv("x", 3), "x")
    net.width[total] = 3
    model = net.build(net.conv(total, 4), ["N", 3, 6, 6], ["N", 4, 6, 6])
    assert "takes 'x', which has no such channels" in str(groups_of(model)[3])
