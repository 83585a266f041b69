"""Attention heads, as exporters write them: removed whole, or left with a reason."""

import numpy as np
import pytest
from onnx import helper

from tests.graph.channels.networks import Network, check_removal, prepared
from zoo_compress.graph.channels.find import find_channels

HEADS, SIZE, WIDTH, INNER = 4, 8, 32, 96


def split_heads(net: Network, x: str, how: str) -> str:
    """Reshape (batch, tokens, heads * size) to (batch, tokens, heads, size)."""
    if how == "constant":
        target = net.constant(np.array([0, -1, HEADS, SIZE]))
    else:
        lengths = net.node("Shape", x)
        axes = [net.constant(np.array([i])) for i in (0, 1)]
        batch, tokens = (net.node("Gather", lengths, axis) for axis in axes)
        pieces = [net.constant(np.array([n])) for n in (HEADS, SIZE)]
        target = net.node("Concat", batch, tokens, *pieces, axis=0)
    return net.node("Reshape", x, target)


def attention(net: Network, x: str, how: str = "constant") -> str:
    q, k, v = (split_heads(net, net.linear(x, HEADS * SIZE), how) for _ in range(3))
    q, v = (net.node("Transpose", part, perm=[0, 2, 1, 3]) for part in (q, v))
    scores = net.node("MatMul", q, net.node("Transpose", k, perm=[0, 2, 3, 1]))
    scaled = net.node("Div", scores, net.constant(np.array(np.sqrt(SIZE), net.dtype)))
    mask = net.constant(np.triu(np.full((5, 5), -9, net.dtype), 1)[None, None])
    weights = net.node("Softmax", net.node("Add", scaled, mask), axis=3)
    mixed = net.node("Transpose", net.node("MatMul", weights, v), perm=[0, 2, 1, 3])
    joined = net.node("Reshape", mixed, net.constant(np.array([0, -1, HEADS * SIZE])))
    net.width[joined] = HEADS * SIZE
    return net.linear(joined, WIDTH)


def encoder(how: str = "constant", **settings: object) -> Network:
    """Add a layer of attention and a feed-forward layer, with residual sums and norms."""
    net = Network(**settings)
    net.width["x"] = WIDTH
    total = net.node("Add", attention(net, "x", how), "x")
    net.width[total] = WIDTH
    wide = net.node("Tanh", net.linear(total, INNER))
    net.width[wide] = INNER
    net.linear(wide, WIDTH)
    return net


def built(net: Network):
    return net.build(net.nodes[-1].output[0], ["N", 5, WIDTH], ["N", 5, WIDTH])


def tokens(dtype: str = "float32") -> dict[str, np.ndarray]:
    drawn = np.random.default_rng(0).standard_normal((2, 5, WIDTH))
    return {"x": drawn.astype(dtype)}


@pytest.mark.parametrize("how", ["constant", "computed"])
@pytest.mark.parametrize("opset", [11, 13, 17, 21])
def test_heads_are_removed_whole_and_the_inner_layer_by_channels(how: str, opset: int) -> None:
    model = built(encoder(how, opset=opset))
    kinds = [(g.kind, len(g.units)) for g in find_channels(model).removable]
    assert kinds == [("heads", HEADS), ("channels", INNER)]
    assert check_removal(model, tokens(), 0.5) == 2 + INNER // 2


def test_half_precision_heads_are_removed_too() -> None:
    assert (
        check_removal(built(encoder(dtype="float16")), tokens("float16"), 0.75)
        == 3 + INNER * 3 // 4
    )


def test_a_head_is_its_columns_of_all_four_weights() -> None:
    channels = find_channels(built(encoder()))
    (heads,) = [group for group in channels.removable if group.kind == "heads"]
    of_head = [
        (member.role, int((member.units == heads.units[0]).sum()))
        for member in channels.members
        if (member.units == heads.units[0]).any()
    ]
    assert of_head.count(("produces", SIZE)) == 3
    assert of_head.count(("follows", SIZE)) == 3
    assert of_head.count(("reads", SIZE)) == 1
    whole = 3 * SIZE * (WIDTH + 1) + SIZE * WIDTH
    assert channels.bytes[heads.units].tolist() == [4 * whole] * HEADS


def test_a_number_of_channels_that_is_computed_keeps_heads() -> None:
    net = Network(width={"x": WIDTH})
    x = net.linear("x", HEADS * SIZE)
    sizes = net.node("Gather", net.node("Shape", x), net.constant(np.array([2])))
    flat = net.node("Reshape", x, net.node("Concat", net.constant(np.array([-1])), sizes, axis=0))
    net.width[flat] = HEADS * SIZE
    model = net.build(net.linear(flat, 4), ["N", 5, WIDTH], [None, 4])
    (group, _) = find_channels(model).groups
    assert "takes the number of channels" in str(group.reason)


@pytest.mark.parametrize("opset", [17, 21])
def test_a_norm_over_channels_keeps_those_of_the_residual_stream(opset: int) -> None:
    net = Network(opset=opset, width={"x": WIDTH})
    total = net.node("Add", net.linear("x", 8), net.constant(np.zeros(8, np.float32)))
    y = net.node("LayerNormalization", total, net.drawn(8), net.drawn(8))
    model = net.build(y, ["N", 5, WIDTH], ["N", 5, 8])
    (group,) = find_channels(model).groups
    assert "normalizes over channels" in str(group.reason)


def test_what_a_body_reads_keeps_its_channels(make_model, draw) -> None:
    model = make_model(
        """
        g (float[N,4] x, bool c) => (float[N,3] y) {
            h = MatMul(x, a)
            z = If(c) <
                then_branch = t () => (float[N,6] u) { u = Relu(h) },
                else_branch = e () => (float[N,6] w) { w = Neg(h) }
            >
            y = MatMul(z, b)
        }
        """,
        {"a": draw(4, 6), "b": draw(6, 3)},
    )
    found = find_channels(prepared(model))
    assert not found.removable
    assert "body of an If, Loop or Scan" in str(found.groups[0].reason)


def test_a_table_that_is_also_looked_up_keeps_its_columns(make_model, draw) -> None:
    model = make_model(
        """
        g (float[N,4] x, int64[M] i) => (float[N,3] y, float[M,6] rows) {
            h = MatMul(x, table)
            k = Relu(h)
            y = MatMul(k, b)
            rows = Gather(table, i)
        }
        """,
        {"table": draw(4, 6), "b": draw(6, 3)},
    )
    found = find_channels(prepared(model))
    assert not found.removable
    assert found.groups[0].reason == "'table' is read in another way as well"


def test_a_weight_that_callers_may_override_has_no_channels(make_model, draw) -> None:
    model = make_model(
        "g (float[N,4] x) => (float[N,3] y) { h = MatMul(x, a) y = MatMul(h, b) }",
        {"a": draw(4, 6), "b": draw(6, 3)},
    )
    model.graph.input.append(helper.make_tensor_value_info("b", 1, [6, 3]))
    found = find_channels(prepared(model))
    assert not found.removable
