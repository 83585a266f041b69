"""Whether integer products overflow here, by the numbers that overflow first."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.runtime.overflow import products_overflow
from zoo_compress.runtime.session import open_session
from zoo_compress.techniques.int8_weights import LEVELS, REDUCED_LEVELS, Int8Settings


def product(weight: np.ndarray, kind: int) -> bytes:
    node = helper.make_node("MatMulInteger", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", kind, ["N", len(weight)])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, None)],
        [numpy_helper.from_array(weight, "w")],
    )
    imports = [helper.make_opsetid("", 13)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=imports, ir_version=8)
    return model.SerializeToString()


def is_right(levels: int, dtype: type[np.generic]) -> bool:
    """Return whether products of the largest numbers and others come out as they should."""
    bounds, rng = np.iinfo(dtype), np.random.default_rng(0)
    rows = rng.integers(bounds.min, bounds.max, (8, 256), endpoint=True).astype(dtype)
    rows[0], rows[1] = bounds.max, bounds.min
    weight = rng.integers(-levels, levels, (256, 32), endpoint=True).astype(np.int8)
    weight[:, 0], weight[:, 1] = levels, -levels
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    (found,) = open_session(product(weight, kind)).run(None, {"x": rows})
    return bool(np.array_equal(found, rows.astype(np.int32) @ weight.astype(np.int32)))


def test_products_of_8_bits_overflow_where_the_probe_says_so() -> None:
    assert is_right(LEVELS, np.uint8) != products_overflow()


def test_products_of_7_bits_and_of_signed_numbers_overflow_nowhere() -> None:
    assert is_right(REDUCED_LEVELS, np.uint8)
    assert is_right(LEVELS, np.int8)


@pytest.mark.parametrize("overflow", [False, True])
def test_weights_have_7_bits_where_products_overflow_or_the_recipe_says_so(
    overflow: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "zoo_compress.techniques.int8_weights.products_overflow"
    monkeypatch.setattr(name, lambda: overflow)
    assert Int8Settings().reduced() == overflow
    assert not Int8Settings().reduced(signed=True)
    for wanted in (False, True):
        assert Int8Settings(reduce_range=wanted).reduced() == wanted
        assert Int8Settings(reduce_range=wanted).reduced(signed=True) == wanted
