"""Whether this machine's integer products overflow, as those of CPUs without VNNI do."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from zoo_compress.runtime.session import open_session

LARGEST_INPUT, LARGEST_WEIGHT, PRODUCTS = 255, 127, 64


@lru_cache(maxsize=1)
def products_overflow() -> bool:
    """Tell whether sums of products of uint8 and int8 come out wrong on the CPU.

    With AVX2 or AVX-512 but without VNNI, ONNX Runtime adds up pairs of products in 16 bits. Where
    all numbers are the largest, half of the sum is then missing.

    Raises:
        RuntimeFlavourError: If ONNX Runtime is not installed, or two flavours of it are.
    """
    numbers = np.full((1, PRODUCTS), LARGEST_INPUT, np.uint8)
    (found,) = open_session(_product()).run(None, {"x": numbers})
    return bool((found != LARGEST_INPUT * LARGEST_WEIGHT * PRODUCTS).any())


def _product() -> bytes:
    """Return a model that multiplies rows of uint8 with the largest int8."""
    from onnx import TensorProto, helper, numpy_helper

    weight = np.full((PRODUCTS, 16), LARGEST_WEIGHT, np.int8)
    node = helper.make_node("MatMulInteger", ["x", "w"], ["y"])
    graph = helper.make_graph(
        [node],
        "probe",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, PRODUCTS])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [1, 16])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    found: bytes = model.SerializeToString()
    return found
