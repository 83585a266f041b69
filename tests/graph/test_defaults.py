import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.graph.defaults import drop_defaults

X = np.random.default_rng(0).standard_normal((1, 4, 9, 8)).astype(np.float32)
ATTRIBUTES = {
    "auto_pad": "NOTSET",
    "dilations": [1, 1],
    "group": 1,
    "kernel_shape": [3, 3],
    "pads": [0, 0, 0, 0],
    "strides": [1, 1],
}


def convolution(operator="Conv", domain="", opset=18, **changed) -> onnx.ModelProto:
    attributes = {n: given for n, given in (ATTRIBUTES | changed).items() if given is not None}
    groups = attributes["group"]
    shape = (4, 4 // groups, 3, 3)
    weight = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    node = helper.make_node(operator, ["x", "w"], ["y"], domain=domain, **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(X.shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, "w")],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("other", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


def left(model: onnx.ModelProto) -> tuple[onnx.ModelProto, set[str]]:
    slim = ir.from_proto(onnx.ModelProto.FromString(model.SerializeToString()))
    drop_defaults(slim)
    found = ir.to_proto(slim)
    return found, {attribute.name for attribute in found.graph.node[0].attribute}


@pytest.mark.parametrize("opset", [11, 18, 22])
@pytest.mark.parametrize("operator", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"group": 2},
        {"pads": [0, 1, 0, 0]},
        {"strides": [1, 2]},
        {"dilations": [2, 1]},
        # With it, pads must not be there.
        {"auto_pad": "SAME_UPPER", "pads": None},
    ],
    ids=str,
)
def test_a_convolution_keeps_what_it_would_not_assume(changed, operator, opset, run):
    model = convolution(operator, opset=opset, **changed)
    slim, names = left(model)
    assert names == {"kernel_shape", *(name for name in changed if changed[name] is not None)}
    np.testing.assert_array_equal(run(slim, {"x": X}), run(model, {"x": X}))


def test_operators_of_other_domains_keep_everything():
    assert left(convolution(domain="other"))[1] == set(ATTRIBUTES)


def test_defaults_are_those_of_the_operator_set():
    """Softmax took axis 1 before operator set 13, then the last one."""
    for opset, axis in ((11, 1), (13, -1)):
        node = helper.make_node("Softmax", ["x"], ["y"], axis=axis)
        for version in (11, 13):
            model = convolution(opset=version)
            model.graph.node[0].CopyFrom(node)
            assert ("axis" in left(model)[1]) == (version != opset)


def test_nodes_of_bodies_are_not_left_out():
    inner = convolution()
    branches = {}
    for name in ("then_branch", "else_branch"):
        body = helper.make_graph(
            [helper.make_node("Conv", ["x", "w"], [name], **ATTRIBUTES)],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
        )
        branches[name] = body
    inner.graph.node[0].CopyFrom(helper.make_node("If", ["c"], ["y"], **branches))
    inner.graph.input.append(helper.make_tensor_value_info("c", TensorProto.BOOL, []))
    slim = ir.from_proto(inner)
    assert drop_defaults(slim) == 2 * 5
    bodies = [a.g for a in ir.to_proto(slim).graph.node[0].attribute]
    assert [[a.name for a in body.node[0].attribute] for body in bodies] == [["kernel_shape"]] * 2
