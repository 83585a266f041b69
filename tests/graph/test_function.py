import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import helper

from zoo_compress.core import Site
from zoo_compress.graph.fragment import Fragment, insert_fragment
from zoo_compress.graph.function import FEWEST_MODEL_BYTES, FEWEST_NODES, to_function
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import bytes_without, to_compact_proto

TEXT = "g (float[1,4] x) => (float[1,4] y) { a = MatMul(x, w) y = MatMul(a, v) }"
X = {"x": np.arange(4, dtype=np.float32)[None]}


def steps(weight, alias, *, nodes=FEWEST_NODES, axis=0) -> Fragment:
    """Return a fragment that adds a constant to a stored weight, node after node."""
    fragment = Fragment(weight, alias, calls=True)
    value = fragment.store("v", (4, 4), np.float32)
    one = fragment.share("one", np.ones(1, np.float32))
    for _ in range(nodes - 2):
        value = fragment.add("Add", [value, one])
    value = fragment.add("Concat", [value], axis=axis)
    fragment.add("Identity", [value])
    fragment.finish()
    return fragment


def inserted(make_model, draw, *fragments, **options) -> tuple[ir.Model, int]:
    """Return a model with fragments for its weights, and the bytes that it was to take."""
    weights = {"w": draw(4, 4), "v": draw(4, 4)}
    model = ir.from_proto(make_model(TEXT, weights, **options))
    before = to_compact_proto(model)
    promised = bytes_without(before, [fragment.weight for fragment in fragments])
    shared = dict[str, int]()
    for fragment in fragments:
        insert_fragment(model, fragment, {"v": weights[fragment.weight]})
        promised += fragment.stored_bytes
        shared |= fragment.shared_bytes
    return model, promised + sum(shared.values())


def test_weights_that_are_decoded_alike_call_one_function(make_model, run, draw):
    model, _ = inserted(make_model, draw, steps("w", "zoo.0"), steps("v", "zoo.1"))
    proto = to_compact_proto(model)
    (function,) = proto.functions
    operators = {(node.domain, node.op_type) for node in proto.graph.node}
    assert operators == {("zoo", function.name), ("", "MatMul")}
    onnx.checker.check_model(proto)
    stored = (model.graph.initializers[f"zoo.{i}.v"].const_value.numpy() for i in range(2))
    w, v = (array + np.float32(FEWEST_NODES - 2) for array in stored)
    expected = X["x"] @ w @ v
    np.testing.assert_allclose(run(model, X)[0], expected, rtol=1e-5)


def test_a_function_is_defined_once_however_many_weights_call_it(make_model, draw, monkeypatch):
    made, real = [], ir.serde.deserialize_function

    def deserialize(proto):
        made.append(proto.name)
        return real(proto)

    monkeypatch.setattr(ir.serde, "deserialize_function", deserialize)
    model, _ = inserted(make_model, draw, steps("w", "zoo.0"), steps("v", "zoo.1"))
    assert made == [function.name for function in model.functions.values()]


def test_weights_that_are_decoded_otherwise_call_another_function(make_model, draw):
    model, promised = inserted(make_model, draw, steps("w", "zoo.0"), steps("v", "zoo.1", axis=1))
    proto = to_compact_proto(model)
    assert len({function.name for function in proto.functions}) == 2
    assert proto.ByteSize() == promised


@pytest.mark.parametrize("name", ["w", "v"])
@pytest.mark.parametrize("opset", [13, 18, 21])
def test_the_file_grows_by_the_call_and_once_by_the_function(name, opset, make_model, draw):
    both = [steps("w", "zoo.0"), steps("v", "zoo.1")]
    for fragments in (both, [steps(name, "zoo.0")]):
        model, promised = inserted(make_model, draw, *fragments, opset=opset)
        assert to_compact_proto(model).ByteSize() == promised


def test_few_nodes_stay_in_the_graph(make_model, draw):
    model, promised = inserted(make_model, draw, steps("w", "zoo.0", nodes=FEWEST_NODES - 1))
    proto = to_compact_proto(model)
    assert not proto.functions
    assert [opset.domain for opset in proto.opset_import] == [""]
    assert proto.ByteSize() == promised


def test_a_file_of_an_older_format_becomes_one_that_may_hold_functions(make_model, draw):
    for version, expected in ((4, 8), (9, 9)):
        model, _ = inserted(make_model, draw, steps("w", "zoo.0"), opset=11, ir_version=version)
        assert model.ir_version == expected


def test_a_file_with_functions_can_be_compressed_again(make_model, run, draw):
    first, _ = inserted(make_model, draw, steps("w", "zoo.0"))
    again = normalize(ir.from_proto(to_compact_proto(first)))
    assert not again.functions
    np.testing.assert_array_equal(run(again, X)[0], run(first, X)[0])
    insert_fragment(again, steps("v", "zoo.9"), {"v": draw(4, 4)})
    (function,) = again.functions.values()
    assert [node.domain for node in again.graph].count(function.domain) == 1


def test_nodes_are_named_by_what_they_compute():
    one, other = (
        to_function(
            [helper.make_node("Neg", [f"{name}{i}"], [f"{name}{i + 1}"]) for i in range(30)]
        )
        for name in ("a", "longer")
    )
    assert one.name == other.name
    assert (one.inputs, other.inputs) == (("a0",), ("longer0",))
    assert one.proto(18).output == ["ae"]


def test_only_large_models_have_functions():
    small, large = (
        Site(
            name="w",
            shape=(4, 4),
            dtype="float32",
            channel_axis=0,
            readers=(),
            model_bytes=FEWEST_MODEL_BYTES + more,
        )
        for more in (-1, 0)
    )
    assert not Fragment.of(small).calls
    assert Fragment.of(large).calls
