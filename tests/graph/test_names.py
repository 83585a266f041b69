import onnx_ir as ir
from onnx import TensorProto, helper

from zoo_compress.graph.names import value_names


def test_names_are_counted_over_all_bodies_and_each_value_once(make_model, draw):
    text = "g (bool c, float[2] x, float[2] w) => (float[2] y) { a = Add(x, w) y = Neg(a) }"
    model = make_model(text, {"w": draw(2)})
    output = helper.make_tensor_value_info("a", TensorProto.FLOAT, [2])
    body = helper.make_graph([helper.make_node("Neg", ["x"], ["a"])], "b", [], [output])
    node = helper.make_node("If", ["c"], ["z"], then_branch=body, else_branch=body)
    model.graph.node.append(node)
    assert value_names(ir.from_proto(model)) == {"c": 1, "x": 1, "w": 1, "y": 1, "z": 1, "a": 3}
