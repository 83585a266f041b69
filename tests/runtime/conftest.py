from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


def _model(nodes, weights, *, inputs, outputs) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in inputs],
        [helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.fixture
def conv_model() -> onnx.ModelProto:
    """A classifier of 3 x 8 x 8 images into 10 classes; weights `conv.w`, `fc.w`, `fc.b`."""
    rng = np.random.default_rng(1)
    weights = {
        "conv.w": rng.standard_normal((16, 3, 3, 3)).astype(np.float32),
        "fc.w": rng.standard_normal((16, 10)).astype(np.float32),
        "fc.b": rng.standard_normal(10).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "conv.w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "fc.w", "fc.b"], ["logits"]),
    ]
    return _model(
        nodes,
        weights,
        inputs=[("image", TensorProto.FLOAT, ["N", 3, 8, 8])],
        outputs=[("logits", TensorProto.FLOAT, ["N", 10])],
    )


@pytest.fixture
def matmul_model() -> onnx.ModelProto:
    """A matrix product whose weight is decoded at load: Cast(codes) * scales."""
    rng = np.random.default_rng(2)
    weights = {
        "codes": rng.integers(-127, 128, (64, 12)).astype(np.int8),
        "scales": rng.uniform(0.01, 0.02, (1, 12)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["codes"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["levels", "scales"], ["weight"]),
        helper.make_node("MatMul", ["x", "weight"], ["y"]),
    ]
    return _model(
        nodes,
        weights,
        inputs=[("x", TensorProto.FLOAT, ["N", 64])],
        outputs=[("y", TensorProto.FLOAT, ["N", 12])],
    )


@pytest.fixture
def lookup_model() -> onnx.ModelProto:
    """A bfloat16 table `table` read by row numbers `ids`."""
    table = np.arange(60, dtype=np.float32).reshape(20, 3)
    model = _model(
        [
            helper.make_node("Gather", ["table", "ids"], ["rows"]),
            helper.make_node("Cast", ["rows"], ["y"], to=TensorProto.FLOAT),
        ],
        {},
        inputs=[("ids", TensorProto.INT64, ["N"])],
        outputs=[("y", TensorProto.FLOAT, ["N", 3])],
    )
    bits = helper.make_tensor("table", TensorProto.BFLOAT16, table.shape, table.ravel())
    model.graph.initializer.append(bits)
    return model


@pytest.fixture
def images() -> list[dict[str, np.ndarray]]:
    """Twelve samples for `conv_model`."""
    rng = np.random.default_rng(3)
    return [{"image": rng.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(12)]
