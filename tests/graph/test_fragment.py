import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, numpy_helper

from zoo_compress.graph.fragment import (
    Fragment,
    TensorPlan,
    framed,
    initializer_bytes,
    insert_fragment,
)
from zoo_compress.graph.proto import bytes_without, to_compact_proto

MATMUL = "g (float[1,4] x) => (float[1,8] y) { y = MatMul(x, w) }"
X = {"x": np.arange(4, dtype=np.float32)[None]}


def halves(weight="w", alias="zoo.0", *, role="c") -> Fragment:
    """Return the fragment that computes a weight as integers times a half."""
    fragment = Fragment(weight, alias)
    codes = fragment.store(role, (4, 8), np.int8)
    floats = fragment.add("Cast", [codes], to=TensorProto.FLOAT)
    half = fragment.share("half", np.array([0.5], np.float32))
    shape = fragment.keep("s", np.array([4, 8]))
    fragment.add("Reshape", [fragment.add("Mul", [floats, half]), shape])
    fragment.finish()
    return fragment


def codes(seed=0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9, 9, (4, 8)).astype(np.int8)


def growth(tensor: onnx.TensorProto) -> int:
    """Return how many bytes a graph grows by when it stores the tensor."""
    return onnx.GraphProto(initializer=[tensor]).ByteSize()


@given(length=st.integers(0, 300) | st.sampled_from([2**14 - 1, 2**14, 2**21 - 1, 2**21]))
def test_a_framed_field_is_as_long_as_protobuf_writes_it(length):
    assert framed(length) == onnx.TensorProto(raw_data=bytes(length)).ByteSize()


@given(
    name=st.text("wé/.", min_size=1, max_size=200),
    shape=st.lists(st.integers(1, 20), max_size=3),
    dtype=st.sampled_from([np.uint8, np.int64, np.float16, np.float32]),
)
@settings(deadline=None)
def test_a_planned_tensor_takes_the_bytes_that_it_promises(name, shape, dtype):
    array = np.zeros(shape, dtype)
    plan = TensorPlan(name, tuple(shape), array.dtype)
    assert plan.stored_bytes == growth(numpy_helper.from_array(array, name))
    assert initializer_bytes(name, tuple(shape), array.itemsize) == plan.stored_bytes


def test_names_start_with_the_alias_and_shared_ones_with_the_prefix_of_all_techniques():
    fragment = halves(alias="zoo.7")
    assert [tensor.name for tensor in fragment.tensors] == ["zoo.7.c", "zoo.7.s"]
    assert list(fragment.constants) == ["zoo.half"]
    assert [node.output[0] for node in fragment.nodes] == ["zoo.7.0", "zoo.7.1", "w"]


def test_a_fragment_takes_the_place_of_the_weight(make_model, run, draw):
    model = ir.from_proto(make_model(MATMUL, {"w": draw(4, 8)}))
    insert_fragment(model, halves(), {"c": codes()})
    np.testing.assert_array_equal(run(model, X)[0], X["x"] @ (codes() * np.float32(0.5)))
    assert [node.op_type for node in model.graph] == ["Cast", "Mul", "Reshape", "MatMul"]
    assert set(model.graph.initializers) == {"zoo.half", "zoo.0.c", "zoo.0.s"}


@pytest.mark.parametrize("name", ["w", "w" * 200], ids=["short", "long"])
def test_the_file_grows_by_what_the_fragment_promises(name, make_model, draw):
    model = ir.from_proto(make_model(MATMUL.replace("w", name), {name: draw(4, 8)}))
    before = bytes_without(to_compact_proto(model), [name])
    fragment = halves(name)
    insert_fragment(model, fragment, {"c": codes()})
    promised = before + fragment.stored_bytes + sum(fragment.shared_bytes.values())
    assert to_compact_proto(model).ByteSize() == promised


def test_fragments_store_a_shared_constant_once(make_model, run, draw):
    text = "g (float[1,4] x) => (float[1,8] y) { a = MatMul(x, w) b = MatMul(x, v) y = Add(a, b) }"
    model = ir.from_proto(make_model(text, {"w": draw(4, 8), "v": draw(4, 8)}))
    insert_fragment(model, halves("w", "zoo.0"), {"c": codes(0)})
    insert_fragment(model, halves("v", "zoo.1"), {"c": codes(1)})
    assert sum(name == "zoo.half" for name in model.graph.initializers) == 1
    expected = X["x"] @ ((codes(0) + codes(1)) * np.float32(0.5))
    np.testing.assert_array_equal(run(model, X)[0], expected)


def halved_by_table(weight="w", alias="zoo.0", *, calls=False) -> Fragment:
    """Return a fragment like `halves` whose half is half of a quarter more, both computed once."""

    def build_more(table: Fragment) -> None:
        table.add("Add", [table.share("half", np.array([0.5], np.float32))] * 2)

    def build_half(table: Fragment) -> None:
        more = table.compute("more", build_more)
        sizes = [table.add(name, [more]) for name in ("Abs", "Neg", "Sign", "Ceil", "Floor")]
        table.add("Div", [sizes[0], table.add("Sum", [sizes[2], sizes[3]])])

    fragment = Fragment(weight, alias, calls=calls)
    floats = fragment.add("Cast", [fragment.store("c", (4, 8), np.int8)], to=TensorProto.FLOAT)
    fragment.add("Mul", [floats, fragment.compute("quarters", build_half)])
    fragment.finish()
    return fragment


TWO = "g (float[1,4] x) => (float[1,8] y) { a = MatMul(x, w) b = MatMul(x, v) y = Add(a, b) }"


@pytest.mark.parametrize("calls", [False, True])
def test_what_nodes_compute_for_all_fragments_is_computed_once(calls, make_model, run, draw):
    model = ir.from_proto(make_model(TWO, {"w": draw(4, 8), "v": draw(4, 8)}))
    before = bytes_without(to_compact_proto(model), ["w", "v"])
    fragments = [halved_by_table(name, f"zoo.{name}", calls=calls) for name in ("w", "v")]
    shared = {}
    for seed, fragment in enumerate(fragments):
        insert_fragment(model, fragment, {"c": codes(seed)})
        shared |= fragment.shared_bytes
    expected = X["x"] @ ((codes(0) + codes(1)) * np.float32(0.5))
    np.testing.assert_array_equal(run(model, X)[0], expected)
    computed = [value.name for node in model.graph for value in node.outputs]
    assert computed.count("zoo.more") == computed.count("zoo.quarters") == 1
    promised = before + sum(fragment.stored_bytes for fragment in fragments)
    assert to_compact_proto(model).ByteSize() == promised + sum(shared.values())


def test_another_tensor_under_the_name_of_a_shared_constant_is_refused(make_model, draw):
    weights = {"w": draw(4, 8), "zoo.half": np.array([0.25], np.float32)}
    model = ir.from_proto(make_model(MATMUL, weights))
    with pytest.raises(ValueError, match=r"holds another tensor under the name 'zoo\.half'"):
        insert_fragment(model, halves(), {"c": codes()})


def test_every_reader_gets_the_rebuilt_weight(make_model, run, draw):
    text = """g (float[1,4] x) => (float[1,8] y, float[8,4] z) {
        y = MatMul(x, w)
        z = Transpose<perm=[1,0]>(w)
    }"""
    model = ir.from_proto(make_model(text, {"w": draw(4, 8)}))
    insert_fragment(model, halves(), {"c": codes()})
    np.testing.assert_array_equal(run(model, X)[1], codes().T * np.float32(0.5))
