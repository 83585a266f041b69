import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.graph.proto import bytes_without, stored_without, to_compact_proto

MATMUL = "g (float[1,4] x) => (float[1,8] y) { h = MatMul(x, w) y = Neg(h) }"


@pytest.fixture
def model(make_model, draw):
    return make_model(MATMUL, {"w": draw(4, 8)})


def compact(model: onnx.ModelProto) -> onnx.ModelProto:
    return to_compact_proto(ir.from_proto(model))


def test_types_of_intermediate_values_go_also_in_bodies():
    names = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xhby"}
    condition = helper.make_tensor_value_info("c", TensorProto.BOOL, [])

    def body(nodes):
        return helper.make_graph(nodes, "body", [], [names["b"]], value_info=[names["h"]])

    def choice(branch, output):
        return helper.make_node("If", ["c"], [output], then_branch=branch, else_branch=branch)

    inner = body([helper.make_node("Neg", ["x"], ["h"]), helper.make_node("Neg", ["h"], ["b"])])
    nodes = [choice(body([choice(inner, "b")]), "y")]
    ends = [condition, names["x"]], [names["y"]]
    graph = helper.make_graph(nodes, "g", *ends, value_info=[names["h"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    assert str(model).count("value_info {") == 7
    assert str(compact(model)).count("value_info {") == 0


def test_only_nodes_of_decode_subgraphs_lose_their_names(model):
    model.graph.node[0].name, model.graph.node[1].name = "first", "second"
    model.graph.node[0].input[1] = model.graph.initializer[0].name = "zoo.0.c"
    assert [node.name for node in compact(model).graph.node] == ["", "second"]


def test_initializers_lose_their_documentation(model):
    model.graph.initializer[0].doc_string = "what it is for"
    model.graph.initializer[0].metadata_props.add(key="from", value="a checkpoint")
    tensor = compact(model).graph.initializer[0]
    assert not tensor.doc_string
    assert not tensor.metadata_props


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [(TensorProto.FLOAT16, np.float16), (TensorProto.BFLOAT16, ml_dtypes.bfloat16)],
)
def test_sixteen_bit_floats_in_a_list_of_integers_become_raw_bytes(kind, dtype, model, draw):
    weight = draw(4, 8).astype(dtype)
    stored = helper.make_tensor("w", kind, weight.shape, weight.astype(np.float32).ravel())
    assert stored.int32_data
    model.graph.initializer[0].CopyFrom(stored)
    tensor = compact(model).graph.initializer[0]
    assert (tensor.name, len(tensor.raw_data)) == ("w", 64)
    np.testing.assert_array_equal(numpy_helper.to_array(tensor), weight)


def test_the_bytes_without_a_weight_are_those_of_the_message_without_it(model, draw):
    more = numpy_helper.from_array(draw(50, 50), "more")
    model.graph.initializer.append(more)
    size = model.ByteSize()
    del model.graph.initializer[1]
    without = model.ByteSize()
    model.graph.initializer.append(more)
    # The length of the graph itself takes a byte more while the weight is in it.
    assert without <= bytes_without(model, ["more"]) <= without + 2
    assert bytes_without(model, []) == bytes_without(model, ["unknown"]) == size


@pytest.mark.parametrize("rows", [1, 30, 5000, 100_000])
def test_bytes_without_a_weight_take_no_message_that_holds_it(rows, model, draw):
    model.graph.initializer.append(numpy_helper.from_array(draw(rows, 8), "more"))
    whole = to_compact_proto(ir.from_proto(model))
    for names in (["more"], ["w", "more"], []):
        assert stored_without(ir.from_proto(model), names) == bytes_without(whole, names)
