import onnx_ir as ir
import pytest
from onnx import helper

from zoo_compress.graph.operators import other_operators


def model_of(*nodes, functions=()) -> ir.Model:
    graph = helper.make_graph(list(nodes), "g", [], [])
    imports = [helper.make_opsetid(domain, 1) for domain in ("com.microsoft", "mine")]
    return ir.from_proto(
        helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 18), *imports], functions=functions
        )
    )


@pytest.mark.parametrize("domain", ["", "ai.onnx.ml"])
def test_the_standard_is_not_named(domain):
    assert other_operators(model_of(helper.make_node("Op", ["x"], ["y"], domain=domain))) == []


def test_others_are_named_once_and_in_order_also_in_bodies():
    first, second = (
        helper.make_node("Gelu", ["x"], [name], domain="com.microsoft") for name in "yw"
    )
    body = helper.make_graph(
        [helper.make_node("Attention", [], ["z"], domain="mine")], "b", [], []
    )
    branch = helper.make_node("If", ["c"], ["v"], then_branch=body, else_branch=body)
    found = other_operators(model_of(first, second, branch))
    assert found == ["com.microsoft.Gelu", "mine.Attention"]


def test_functions_of_the_model_itself_are_not_named():
    node = helper.make_node("Twice", ["x"], ["y"], domain="mine")
    inner = helper.make_node("Add", ["a", "a"], ["b"])
    function = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [inner], [helper.make_opsetid("", 18)]
    )
    assert other_operators(model_of(node, functions=[function])) == []
