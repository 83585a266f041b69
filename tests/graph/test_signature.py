import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from zoo_compress.core import TensorSpec
from zoo_compress.errors import SourceError
from zoo_compress.graph.signature import signature


def model_of(inputs, outputs, initializers=()) -> ir.Model:
    nodes = [helper.make_node("Identity", [inputs[0].name], [out.name]) for out in outputs]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializers)
    return ir.from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]))


def tensor(name, dtype=TensorProto.FLOAT, shape=(1,)):
    return helper.make_tensor_value_info(name, dtype, shape)


def test_inputs_and_outputs_come_in_file_order_with_dynamic_lengths():
    found = signature(
        model_of(
            [tensor("ids", TensorProto.INT64, ["batch", None]), tensor("x", shape=[1, 3, 2, 2])],
            [tensor("y", TensorProto.FLOAT16, ["batch", 5]), tensor("z", TensorProto.BOOL, [])],
        )
    )
    assert found.inputs == (
        TensorSpec(name="ids", shape=("batch", None), dtype="int64"),
        TensorSpec(name="x", shape=(1, 3, 2, 2), dtype="float32"),
    )
    assert found.outputs == (
        TensorSpec(name="y", shape=("batch", 5), dtype="float16"),
        TensorSpec(name="z", shape=(), dtype="bool"),
    )


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (TensorProto.BFLOAT16, "bfloat16"),
        (TensorProto.UINT8, "uint8"),
        (TensorProto.DOUBLE, "float64"),
        (TensorProto.STRING, "object"),
    ],
)
def test_element_types_have_numpy_names(code, name):
    assert signature(model_of([tensor("x", code)], [tensor("y", code)])).inputs[0].dtype == name


def test_an_initializer_listed_as_an_input_is_no_input():
    weight = helper.make_tensor("W", TensorProto.FLOAT, [1], [2.0])
    found = signature(model_of([tensor("x"), tensor("W")], [tensor("y")], [weight]))
    assert [spec.name for spec in found.inputs] == ["x"]


def test_an_output_of_unknown_rank_has_the_empty_shape():
    found = signature(model_of([tensor("x")], [tensor("y", shape=None)]))
    assert found.outputs == (TensorSpec(name="y", shape=(), dtype="float32"),)


def test_a_negative_length_is_a_dynamic_one():
    found = signature(model_of([tensor("x", shape=[-1, 3, "N"])], [tensor("y", shape=[-1])]))
    assert found.inputs[0].shape == (None, 3, "N")
    assert found.outputs[0].shape == (None,)


def test_an_input_of_unknown_rank_is_refused_by_name():
    with pytest.raises(SourceError, match="input 'x' has no stated shape"):
        signature(model_of([tensor("x", shape=None)], [tensor("y")]))


FLOAT = helper.make_tensor_type_proto(TensorProto.FLOAT, [1])
OTHER_TYPES = {
    "a sequence": helper.make_sequence_type_proto(FLOAT),
    "an optional value": helper.make_optional_type_proto(FLOAT),
    "a sparse tensor": helper.make_sparse_tensor_type_proto(TensorProto.FLOAT, [1]),
}


@pytest.mark.parametrize("kind", OTHER_TYPES)
def test_an_input_that_is_no_tensor_is_refused_by_name(kind):
    value = helper.make_value_info("odd", OTHER_TYPES[kind])
    with pytest.raises(SourceError, match=f"input 'odd' is {kind}, expected a tensor"):
        signature(model_of([tensor("x"), value], [tensor("y")]))


def test_an_output_that_is_no_tensor_is_refused_by_name():
    value = helper.make_value_info("odd", OTHER_TYPES["a sequence"])
    with pytest.raises(SourceError, match="output 'odd' is a sequence"):
        signature(model_of([tensor("x")], [value]))
