import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.techniques.factored import drawn
from zoo_compress.core import Site
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.runtime.session import open_session
from zoo_compress.techniques.factors import Factor, fits

STORAGES = ["float32", "float16", "codes"]
# Largest error as a share of the largest value of a component.
BOUNDS = {"float32": 0, "float16": 2.0**-11, "codes": 0.51 / 127}


def factor(storage, *, shape=(6, 40), axis=0, transposed=False, dtype="float32") -> Factor:
    return Factor(
        name="zoo.0.a",
        shape=shape,
        transposed=transposed,
        component_axis=axis,
        dtype=dtype,
        storage=storage,
    )


def uneven(shape=(6, 40), axis=0) -> np.ndarray:
    """Return values whose components differ by orders of magnitude."""
    lengths = [n if a == axis else 1 for a, n in enumerate(shape)]
    return drawn(*shape) * np.logspace(-2, 1, shape[axis], dtype=np.float32).reshape(lengths)


def reader_of(one: Factor, values) -> onnx.ModelProto:
    """Return a model whose output is the factor."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(one.dtype))
    graph = helper.make_graph(
        [helper.make_node("Add", [one.name, "x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", kind, [1])],
        [helper.make_tensor_value_info("y", kind, list(one.shape))],
        [numpy_helper.from_array(values, one.name)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=9)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(("shape", "axis"), [((6, 40), 0), ((6, 40), 1), ((4, 5, 3, 3), 0)])
def test_the_runtime_decodes_a_factor_bit_for_bit_in_the_predicted_bytes(
    storage, dtype, shape, axis
):
    one = factor(storage, shape=shape, axis=axis, dtype=dtype)
    tensors = one.encode(uneven(shape, axis))
    decoded = one.decode(tensors)
    model = ir.from_proto(reader_of(one, decoded))
    empty = to_compact_proto(model)
    del empty.graph.initializer[:]
    one.compress(model, tensors)
    packed = to_compact_proto(model)
    added = packed.ByteSize() - empty.ByteSize()
    assert one.stored_bytes <= added <= one.stored_bytes + 4
    zero = np.zeros(1, np.dtype(dtype))
    (found,) = open_session(packed.SerializeToString(), threads=1).run(None, {"x": zero})
    assert (found.shape, found.dtype) == (shape, np.dtype(dtype))
    np.testing.assert_array_equal(found, decoded)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("axis", [0, 1])
def test_each_component_is_rounded_on_its_own(storage, axis):
    values, one = uneven(axis=axis), factor(storage, axis=axis)
    error = np.abs(one.values(one.encode(values)) - values)
    largest = np.abs(values).max(axis=1 - axis, keepdims=True)
    allowed = np.abs(values) if storage == "float16" else largest
    subnormal = 2.0**-24 * np.abs(values).max()
    assert (error <= BOUNDS[storage] * allowed + subnormal).all()


@pytest.mark.parametrize("storage", STORAGES)
def test_a_transposed_factor_lies_the_other_way_round(storage):
    values = uneven()
    one = factor(storage, shape=(40, 6), axis=1, transposed=True)
    straight = factor(storage)
    tensors = one.encode(values)
    np.testing.assert_array_equal(one.decode(tensors).T, one.values(tensors))
    np.testing.assert_array_equal(one.values(tensors), straight.values(straight.encode(values)))
    assert tensors[next(iter(tensors))].flags.c_contiguous


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("storage", STORAGES)
def test_the_size_of_values_does_not_matter(storage, scale):
    values = drawn(6, 40).astype(np.float64) * scale
    one = factor(storage)
    np.testing.assert_allclose(one.values(one.encode(values)), values, atol=0.02 * scale, rtol=0)


def test_fewer_bits_take_fewer_bytes():
    sizes = [factor(storage, shape=(64, 64)).stored_bytes for storage in STORAGES]
    assert sizes == sorted(sizes, reverse=True)
    assert factor("codes", dtype="float16").stored_bytes > factor("codes").stored_bytes


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float64", STORAGES), ("float32", STORAGES), ("float16", STORAGES[1:])],
)
def test_a_storage_fits_weights_that_are_no_narrower(dtype, expected):
    site = Site(name="w", shape=(8, 8), dtype=dtype, channel_axis=0, readers=())
    assert [storage for storage in STORAGES if fits(storage, site)] == expected


def test_brain_floats_are_decoded_from_other_floats():
    one = factor("float16", dtype="bfloat16")
    decoded = one.decode(one.encode(uneven()))
    assert helper.np_dtype_to_tensor_dtype(decoded.dtype) == TensorProto.BFLOAT16
