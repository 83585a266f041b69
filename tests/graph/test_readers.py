import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import bytes_without, to_compact_proto
from zoo_compress.graph.readers import (
    definitions,
    domain_bytes,
    replace_readers,
    substituted_bytes,
)
from zoo_compress.graph.sites import find_sites

WEIGHT = np.arange(128, dtype=np.float32).reshape(16, 8)
LONG = "a_name_of_a_node_that_is_not_written_any_more"


def model_of(*nodes, outputs=("y",)) -> ir.Model:
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 8 if name != "x" else 16])
        for name in ("x", *outputs)
    ]
    tensors = [numpy_helper.from_array(WEIGHT, "w")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    opsets = [helper.make_opsetid("", 18)]
    return normalize(ir.from_proto(helper.make_model(graph, opset_imports=opsets, ir_version=9)))


def twice(site) -> Fragment:
    """Return nodes that multiply with a stored tensor and add the product to itself."""
    fragment = Fragment(site.name, site.alias)
    half, one = fragment.store("h", site.shape, np.float32), fragment.keep("k", np.ones(1, "f"))
    for node in definitions(site):
        scaled = fragment.add("Mul", [half, one])
        product = fragment.add("MatMul", [node.input[0], scaled])
        fragment.add("Add", [product, product])
        fragment.nodes[-1].output[0] = node.output[0]
    return fragment


def replaced(model) -> tuple[onnx.ModelProto, int]:
    """Return the model with the nodes of `twice`, and the bytes that were predicted."""
    (site,) = find_sites(model).sites
    fragment = twice(site)
    predicted = bytes_without(to_compact_proto(model), {"w"})
    predicted += substituted_bytes(fragment, definitions(site))
    replace_readers(model, fragment, {"h": WEIGHT / 2})
    return to_compact_proto(model), predicted


def outputs(proto, x):
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(proto).run(None, {"x": x})


def test_a_reader_gives_way_to_nodes_with_its_output():
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name=LONG)
    proto, predicted = replaced(model_of(node))
    assert [n.op_type for n in proto.graph.node] == ["Mul", "MatMul", "Add"]
    assert [t.name for t in proto.graph.initializer] == ["zoo.0.h", "zoo.0.k"]
    assert [value.name for value in proto.graph.output] == ["y"]
    assert proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value == 8
    assert predicted - 4 <= proto.ByteSize() <= predicted
    x = np.random.default_rng(0).standard_normal((3, 16)).astype(np.float32)
    np.testing.assert_allclose(outputs(proto, x)[0], x @ WEIGHT, rtol=1e-5)


@pytest.mark.parametrize("order", [("y", "z"), ("z", "y")])
def test_every_reader_gives_way_and_outputs_keep_their_order(order):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"]),
        helper.make_node("Neg", ["x"], ["n"]),
        helper.make_node("MatMul", ["n", "w"], ["z"]),
    ]
    proto, predicted = replaced(model_of(*nodes, outputs=order))
    onnx.checker.check_model(proto, full_check=True)
    assert [value.name for value in proto.graph.output] == list(order)
    assert predicted - 4 <= proto.ByteSize() <= predicted
    x = np.ones((1, 16), np.float32)
    found = dict(zip(order, outputs(proto, x), strict=True))
    np.testing.assert_array_equal(found["z"], -found["y"])


def test_what_follows_reads_the_new_nodes():
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    proto, _ = replaced(model_of(*nodes))
    onnx.checker.check_model(proto, full_check=True)
    assert [n.op_type for n in proto.graph.node] == ["Mul", "MatMul", "Add", "Relu", "Add"]
    x = -np.ones((1, 16), np.float32)
    np.testing.assert_allclose(outputs(proto, x)[0], x @ WEIGHT)


def test_a_domain_takes_its_bytes_in_the_model():
    model = onnx.ModelProto()
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    assert domain_bytes("com.microsoft") == model.ByteSize()
