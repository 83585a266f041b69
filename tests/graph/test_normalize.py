import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.graph.normalize import normalize

X = np.arange(6, dtype=np.float32).reshape(2, 3)
MATMUL = "g (float[2,3] x) => (float[] y) { y = MatMul(x, w) }"


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(array, name):
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array, "t"))


def normalized(model: onnx.ModelProto) -> ir.Model:
    # A copy, because renaming a tensor changes the message that it was read from.
    return normalize(ir.from_proto(onnx.ModelProto.FromString(model.SerializeToString())))


def initializers(model: ir.Model) -> dict[str, np.ndarray]:
    return {name: v.const_value.numpy() for name, v in model.graph.initializers.items()}


def branch(name, weight, *, kept, result="b") -> onnx.GraphProto:
    nodes = [helper.make_node("MatMul", ["x", name], [result])]
    if kept == "constant":
        nodes.insert(0, constant(weight, name))
    stored = [numpy_helper.from_array(weight, name)] if kept == "initializer" else []
    return helper.make_graph(nodes, "branch", [], [value(result, [2, 3])], stored)


def if_model(one: onnx.GraphProto, other: onnx.GraphProto) -> onnx.ModelProto:
    node = helper.make_node("If", ["c"], ["y"], then_branch=one, else_branch=other)
    inputs = [value("c", [], TensorProto.BOOL), value("x", [2, 3])]
    graph = helper.make_graph([node], "g", inputs, [value("y", [2, 3])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in ir.traversal.RecursiveGraphIterator(model.graph)]


@pytest.mark.parametrize("attribute", ["value", "value_floats", "value_float", "value_ints"])
def test_constant_nodes_become_initializers(attribute, make_model, run):
    values = {
        "value": numpy_helper.from_array(np.array([2, 3, 4], np.float32)),
        "value_floats": [2.0, 3.0, 4.0],
        "value_float": 2.0,
        "value_ints": [2, 3, 4],
    }
    model = make_model("g (float[2,3] x) => (float[] y) { f = Cast<to=1>(w) y = Add(x, f) }")
    node = helper.make_node("Constant", [], ["w"], **{attribute: values[attribute]})
    model.graph.node.insert(0, node)
    found = normalized(model)
    assert operators(found) == ["Cast", "Add"]
    assert list(initializers(found)) == ["w"]
    np.testing.assert_array_equal(run(found, {"x": X})[0], run(model, {"x": X})[0])


@pytest.mark.parametrize("kept", ["initializer", "constant"])
@pytest.mark.parametrize("names", [("v", "w"), ("w", "w")], ids=["two names", "one name"])
def test_weights_of_bodies_move_to_the_main_graph_under_unique_names(kept, names, run, draw):
    weights = [draw(3, 3), draw(3, 3)]
    pairs = zip(names, weights, strict=True)
    model = if_model(*(branch(name, weight, kept=kept) for name, weight in pairs))
    found = normalized(model)
    assert operators(found) == ["If", "MatMul", "MatMul"]
    assert len(initializers(found)) == 2
    onnx.checker.check_model(ir.to_proto(found))
    for flag in (True, False):
        feeds = {"c": np.array(flag), "x": X}
        np.testing.assert_array_equal(run(found, feeds)[0], run(model, feeds)[0])


@pytest.mark.parametrize("kept", ["initializer", "constant"])
def test_a_name_that_another_body_gives_to_a_result_is_not_taken_twice(kept, run, draw):
    one = branch("w", draw(3, 3), kept=kept)
    other = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["w"]), helper.make_node("Abs", ["w"], ["w_1"])],
        "other",
        [],
        [value("w_1", [2, 3])],
    )
    model = if_model(one, other)
    found = normalized(model)
    assert list(initializers(found)) == ["w_2"]
    onnx.checker.check_model(ir.to_proto(found))
    for flag in (True, False):
        feeds = {"c": np.array(flag), "x": X}
        np.testing.assert_array_equal(run(found, feeds)[0], run(model, feeds)[0])


def test_a_constant_that_is_an_output_stays_and_is_not_announced(run, draw, capfd):
    stored = numpy_helper.from_array(draw(2, 3), "b")
    one = helper.make_graph([constant(draw(2, 3), "a")], "one", [], [value("a", [2, 3])])
    other = helper.make_graph([], "other", [], [value("b", [2, 3])], [stored])
    model = if_model(one, other)
    found = normalized(model)
    assert initializers(found) == {}
    for flag in (True, False):
        feeds = {"c": np.array(flag), "x": X}
        np.testing.assert_array_equal(run(found, feeds)[0], run(model, feeds)[0])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("ir_version", "inputs"), [(3, ["x"]), (4, ["x", "w"])])
def test_weights_stop_being_inputs_only_where_the_old_ir_version_asked_for_it(
    ir_version, inputs, make_model, draw
):
    text = "g (float[2,3] x, float[3,4] w) => (float[] y) { y = MatMul(x, w) }"
    model = make_model(text, {"w": draw(3, 4)}, opset=11, ir_version=ir_version)
    found = normalized(model)
    assert [v.name for v in found.graph.inputs] == inputs
    assert list(initializers(found)) == ["w"]
    assert found.ir_version == 4


def test_functions_are_inlined(make_model, run, draw):
    opset = helper.make_opsetid("", 18)
    weight = draw(3, 4)
    nodes = [constant(weight, "w"), helper.make_node("MatMul", ["a", "w"], ["b"])]
    function = helper.make_function("local", "Layer", ["a"], ["b"], nodes, [opset])
    model = make_model("g (float[2,3] x) => (float[] y) { y = local.Layer(x) }")
    model.opset_import.append(helper.make_opsetid("local", 1))
    model.functions.append(function)
    found = normalized(model)
    assert operators(found) == ["MatMul"]
    np.testing.assert_array_equal(run(found, {"x": X})[0], run(model, {"x": X})[0])


def test_what_nothing_reads_goes(make_model, draw):
    text = "g (float[2,3] x) => (float[] y) { y = MatMul(x, w) z = MatMul(x, v) }"
    found = normalized(make_model(text, {"w": draw(3, 4), "v": draw(3, 4), "u": draw(3, 4)}))
    assert operators(found) == ["MatMul"]
    assert list(initializers(found)) == ["w"]


@pytest.mark.parametrize(("rows", "kept"), [(32, 1), (33, 2)])
def test_copies_of_a_tensor_of_up_to_1024_elements_are_stored_once(rows, kept, make_model, draw):
    text = """g (float[2,R] x) => (float[] y) {
        a = MatMul(x, w)
        b = MatMul(x, v)
        y = Add(a, b)
    }""".replace("R", str(rows))
    weight = draw(rows, 32)
    assert len(initializers(normalized(make_model(text, {"w": weight, "v": weight})))) == kept


def test_documentation_and_metadata_of_nodes_and_graphs_go(make_model, draw):
    model = make_model(MATMUL, {"w": draw(3, 4)})
    model.graph.doc_string = model.graph.node[0].doc_string = "exported from somewhere"
    model.graph.node[0].metadata_props.add(key="scope", value="layer")
    proto = ir.to_proto(normalized(model))
    assert not proto.graph.doc_string
    assert not proto.graph.node[0].doc_string
    assert not proto.graph.node[0].metadata_props


def test_normalizing_again_changes_nothing(draw):
    model = if_model(*(branch("w", draw(3, 3), kept="constant") for _ in range(2)))
    once = normalized(model)
    before = ir.to_proto(once).SerializeToString(deterministic=True)
    assert ir.to_proto(normalize(once)).SerializeToString(deterministic=True) == before
