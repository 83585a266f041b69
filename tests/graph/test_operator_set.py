from collections import Counter

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper, version_converter

from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.operator_set import operator_set, raise_operator_set

X = np.random.default_rng(1).standard_normal((2, 4, 6)).astype(np.float32)
# Each of these takes its axes or sizes in another way from operator set 13 on, or means another
# thing with the same ones.
ATTRIBUTES = """g (float[N,4,L] x) => (float[N,M] y, float[N,4,L] z) {
    left, right = Split<axis=1, split=[1,3]>(x)
    one = Squeeze<axes=[1]>(left)
    total = ReduceSum<axes=[1], keepdims=0>(right)
    s = Add(one, total)
    t = Unsqueeze<axes=[1]>(s)
    y = Squeeze<axes=[1]>(t)
    z = Softmax<axis=1>(x)
}"""
PRODUCT = "g (float[N,64] x) => (float[N,512] y) { y = MatMul(x, w) }"


@pytest.fixture
def graph_of(make_model):
    """Return a function that makes a normalized graph."""
    return lambda text, weights=None, **options: normalize(
        ir.from_proto(make_model(text, weights, **options))
    )


def operators(model: ir.Model) -> Counter[str]:
    return Counter(node.op_type for node in model.graph)


@pytest.mark.parametrize("domain", ["", "ai.onnx"])
def test_the_standard_operators_go_by_two_names(domain, graph_of):
    model = graph_of(PRODUCT, {"w": np.zeros((64, 512), np.float32)}, opset=11)
    model.opset_imports.clear()
    assert operator_set(model) == 0
    model.opset_imports.update({"com.microsoft": 1, domain: 12})
    assert operator_set(model) == 12


@pytest.mark.parametrize("opset", [11, 12])
@pytest.mark.parametrize("wanted", [13, 18, 21])
def test_a_raised_model_computes_the_same(opset, wanted, graph_of, run):
    model = graph_of(ATTRIBUTES, opset=opset, ir_version=6)
    before = ir.to_proto(model).SerializeToString()
    raised = raise_operator_set(model, wanted)
    assert operator_set(raised) == wanted
    assert raised.ir_version >= 7
    for one, other in zip(run(raised, {"x": X}), run(model, {"x": X}), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert ir.to_proto(model).SerializeToString() == before


@pytest.mark.parametrize("opset", [7, 9, 10])
def test_operator_sets_before_there_was_a_bitshift_are_raised_too(opset, graph_of, run):
    text = """g (float[N,4,6] x) => (float[N,4,3] y) {
        c = Clip<min=-0.5, max=0.5>(x)
        y = Slice<axes=[2], starts=[0], ends=[3]>(c)
    }"""
    if opset == 10:
        text = text.replace("Slice<axes=[2], starts=[0], ends=[3]>(c)", "Slice(c, a, b, i)")
    bounds = {"a": np.array([0]), "b": np.array([3]), "i": np.array([2])}
    model = graph_of(text, bounds if opset == 10 else None, opset=opset, ir_version=4)
    (raised,) = run(raise_operator_set(model, 11), {"x": X})
    np.testing.assert_array_equal(raised, np.clip(X, -0.5, 0.5)[:, :, :3])


def test_inputs_outputs_and_metadata_stay_as_they_are(graph_of):
    model = graph_of(ATTRIBUTES, opset=11)
    model.metadata_props["characters"] = "abc"
    before, after = ir.to_proto(model), ir.to_proto(raise_operator_set(model, 13))
    assert list(after.graph.input) == list(before.graph.input)
    assert list(after.graph.output) == list(before.graph.output)
    assert list(after.metadata_props) == list(before.metadata_props)
    assert after.graph.name == before.graph.name


def test_nodes_of_other_domains_stay(graph_of, run):
    text = "g (float[N,4,L] x) => (float[N,4,L] y) { h = com.microsoft.Gelu(x) y = Softmax(h) }"
    model = graph_of(text, opset=11)
    model.opset_imports["com.microsoft"] = 1
    raised = raise_operator_set(model, 13)
    assert raised.opset_imports == {"": 13, "com.microsoft": 1}
    assert raised.graph[0].domain == "com.microsoft"
    (one,), (other,) = run(raised, {"x": X}), run(model, {"x": X})
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_nodes_in_bodies_are_raised(run):
    def body(value: float) -> onnx.GraphProto:
        added = numpy_helper.from_array(np.float32(value), "same.name")
        nodes = [
            helper.make_node("Constant", [], ["added"], value=added),
            helper.make_node("Add", ["x", "added"], ["moved"]),
            helper.make_node("ReduceSum", ["moved"], ["total"], axes=[2], keepdims=0),
        ]
        output = helper.make_tensor_value_info("total", TensorProto.FLOAT, None)
        return helper.make_graph(nodes, "body", [], [output])

    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], then_branch=body(1), else_branch=body(2))],
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4, "L"]),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
    )
    opsets = [helper.make_opsetid("", 11)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=6)
    raised = raise_operator_set(normalize(ir.from_proto(proto)), 13)
    for choice in (True, False):
        feed = {"x": X, "c": np.array(choice)}
        np.testing.assert_allclose(run(raised, feed)[0], run(proto, feed)[0], rtol=1e-6)


def test_large_weights_stay_outside_the_converter_and_are_shared(graph_of, run, draw, monkeypatch):
    lengths = []

    def watched(proto: onnx.ModelProto, version: int) -> onnx.ModelProto:
        lengths.append(proto.ByteSize())
        return convert(proto, version)

    convert = version_converter.convert_version
    monkeypatch.setattr(version_converter, "convert_version", watched)
    model = graph_of(PRODUCT, {"w": draw(64, 512)}, opset=11)
    raised = raise_operator_set(model, 13)
    assert lengths[0] < 1000
    weight = raised.graph.initializers["w"].const_value
    assert weight is model.graph.initializers["w"].const_value
    assert [value.name for value in raised.graph.inputs] == ["x"]
    feed = {"x": draw(3, 64)}
    np.testing.assert_array_equal(run(raised, feed)[0], run(model, feed)[0])


def test_a_weight_that_callers_may_override_stays_an_input(graph_of, run, draw):
    text = "g (float[N,64] x, float[64,512] w) => (float[N,512] y) { y = MatMul(x, w) }"
    model = graph_of(text, {"w": draw(64, 512)}, opset=11)
    raised = raise_operator_set(model, 13)
    assert [value.name for value in raised.graph.inputs] == ["x", "w"]
    feed = {"x": draw(3, 64)}
    for feeds in (feed, feed | {"w": draw(64, 512)}):
        np.testing.assert_array_equal(run(raised, feeds)[0], run(model, feeds)[0])


def test_simple_nodes_are_not_multiplied(graph_of, draw):
    text = "g (float[N,64] x) => (float[N,512] y) { h = MatMul(x, w) y = Softmax(h) }"
    model = graph_of(text, {"w": draw(64, 512)}, opset=11)
    assert operators(raise_operator_set(model, 13)) == operators(model)


def test_what_the_converter_cannot_do_is_the_reason(graph_of, draw):
    model = graph_of(PRODUCT, {"w": draw(64, 512)}, opset=11)
    reason = raise_operator_set(model, 999)
    assert reason.startswith("onnx's converter failed: ")
    assert "invalid version" in reason
    assert "/" not in reason
    assert "\n" not in reason


def test_a_changed_interface_is_a_reason_too(graph_of, draw, monkeypatch):
    other = helper.make_model(helper.make_graph([], "g", [], []))
    monkeypatch.setattr(version_converter, "convert_version", lambda *arguments: other)
    reason = raise_operator_set(graph_of(PRODUCT, {"w": draw(64, 8)}, opset=11), 13)
    assert reason == (
        "onnx's converter changed the inputs and outputs from (['x'], ['y']) to ([], [])"
    )
