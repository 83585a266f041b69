import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.graph.chain import Link, added_bytes, attributes_of, chain_nodes, insert_chain
from zoo_compress.graph.proto import to_compact_proto

ONES = np.ones((4, 4), np.float32)


def gemm(**attributes) -> onnx.NodeProto:
    return helper.make_node("Gemm", ["x", "w", "b"], ["y"], name="/a/long/name", **attributes)


def model_of(node) -> onnx.ModelProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in "xy"]
    tensors = [numpy_helper.from_array(ONES, "w"), numpy_helper.from_array(ONES[0], "b")]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_each_node_takes_what_the_one_before_it_yields():
    links = [Link(op_type="MatMul"), Link(op_type="MatMul"), Link(op_type="Gemm")]
    nodes = chain_nodes(gemm(), links, ["p", "q", "r"], alias="zoo.7")
    assert [list(node.input) for node in nodes] == [
        ["x", "p"],
        ["zoo.7.0", "q"],
        ["zoo.7.1", "r", "b"],
    ]
    assert [list(node.output) for node in nodes] == [["zoo.7.0"], ["zoo.7.1"], ["y"]]


def test_factors_on_the_left_have_the_data_on_their_right():
    node = helper.make_node("MatMul", ["w", "x"], ["y"])
    links = [Link(op_type="MatMul", position=0)] * 2
    first, last = chain_nodes(node, links, ["p", "q"], alias="zoo.7")
    assert list(first.input) == ["p", "x"]
    assert list(last.input) == ["q", "zoo.7.0"]


def test_a_chain_has_the_attributes_of_its_links_and_no_others():
    definition = gemm(alpha=0.5, transB=1)
    attributes = attributes_of(definition)
    assert attributes == {"alpha": 0.5, "transB": 1}
    links = [Link(op_type="MatMul"), Link(op_type="Gemm", attributes={"alpha": 0.25})]
    first, last = chain_nodes(definition, links, ["p", "q"], alias="zoo.7")
    assert attributes_of(first) == {}
    assert attributes_of(last) == {"alpha": 0.25}
    assert attributes_of(definition) == attributes


@pytest.mark.parametrize("name", ["/a/long/name", ""])
def test_the_bytes_that_a_chain_adds_are_those_of_the_file(name):
    definition = gemm(alpha=0.5)
    definition.ClearField("name")
    if name:
        definition.name = name
    links = [Link(op_type="MatMul"), Link(op_type="Gemm", attributes={"alpha": 0.5})]
    nodes = chain_nodes(definition, links, ["zoo.0.a", "zoo.0.b"], alias="zoo.0")
    model = ir.from_proto(model_of(definition))
    before = _node_bytes(to_compact_proto(model))
    insert_chain(model, "w", nodes, {"zoo.0.a": ONES, "zoo.0.b": 2 * ONES})
    found = to_compact_proto(model)
    assert _node_bytes(found) - before == added_bytes(definition, nodes)
    assert {t.name for t in found.graph.initializer} == {"zoo.0.a", "zoo.0.b", "b"}
    onnx.checker.check_model(found, full_check=True)


def test_a_node_that_lost_its_name_before_is_counted_without_it():
    definition = gemm()
    links = [Link(op_type="MatMul"), Link(op_type="Gemm")]
    nodes = chain_nodes(definition, links, ["p", "q"], alias="zoo.7")
    named = added_bytes(definition, nodes)
    definition.input[2] = "zoo.5"
    shorter = chain_nodes(definition, links, ["p", "q"], alias="zoo.7")
    assert added_bytes(definition, shorter) == named + len("/a/long/name") + 2


def _node_bytes(model) -> int:
    alone = onnx.GraphProto(node=model.graph.node)
    return int(alone.ByteSize())
