import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest
from onnx import numpy_helper

from zoo_compress.graph.initializers import add_initializer, replace_initializer

TEXT = "g (float[2] x) => (float[] y) { y = Add(x, b) }"
TYPES = [np.float32, np.float16, ml_dtypes.bfloat16, np.float64, np.uint8, np.int64, bool]


@pytest.fixture
def model(make_model):
    return ir.from_proto(make_model(TEXT, {"b": np.array([1, 2], np.float32)}))


def stored(model) -> dict[str, np.ndarray]:
    """Return the initializers that the serialized model holds."""
    return {t.name: numpy_helper.to_array(t) for t in ir.to_proto(model).graph.initializer}


@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0, 4)])
@pytest.mark.parametrize("dtype", TYPES)
def test_an_added_initializer_is_stored_with_its_type_and_shape(dtype, shape, model):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    value = add_initializer(model.graph, "added", array)
    assert model.graph.initializers["added"] is value
    assert (value.name, value.dtype) == ("added", value.const_value.dtype)
    assert tuple(value.shape.numpy()) == shape
    found = stored(model)
    assert list(found) == ["b", "added"]
    np.testing.assert_array_equal(found["added"], array, strict=True)


def test_nodes_can_read_an_added_initializer(model, run):
    value = add_initializer(model.graph, "added", np.array([5, 7], np.float32))
    model.graph[0].replace_input_with(1, value)
    assert run(model, {"x": np.zeros(2, np.float32)})[0].tolist() == [5, 7]


def test_a_replaced_initializer_has_its_new_values_where_it_is_read(model, run):
    replace_initializer(model.graph, "b", np.array([5, 7], np.float32))
    np.testing.assert_array_equal(stored(model)["b"], np.array([5, 7], np.float32), strict=True)
    assert run(model, {"x": np.zeros(2, np.float32)})[0].tolist() == [5, 7]


def test_a_copy_of_a_model_keeps_the_old_values(model):
    copy = model.clone()
    replace_initializer(model.graph, "b", np.array([5, 7], np.float32))
    assert stored(copy)["b"].tolist() == [1, 2]


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_16_bit_values_can_be_replaced(dtype, model):
    add_initializer(model.graph, "half", np.zeros(3, dtype))
    replace_initializer(model.graph, "half", np.array([1, 2, 3], dtype))
    np.testing.assert_array_equal(stored(model)["half"], np.array([1, 2, 3], dtype), strict=True)


def test_a_name_that_no_initializer_has_is_refused(model):
    with pytest.raises(KeyError, match="nothing"):
        replace_initializer(model.graph, "nothing", np.zeros(2, np.float32))
