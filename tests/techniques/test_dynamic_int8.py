"""`dynamic-int8`: integer products whose ranges are found as numbers come."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.techniques.integers import as_integers, kernels, run
from tests.techniques.rewritten import FRAMING, drawn, model_of, site_of, value
from zoo_compress.techniques.dynamic_int8 import DynamicInt8

FLOAT = TensorProto.FLOAT


def free(name, rank=2, kind=FLOAT):
    """Return a value whose axes are all dynamic."""
    return value(name, kind, [f"{name}{axis}" for axis in range(rank)])


TECHNIQUE = DynamicInt8({})


def product(operator="MatMul", *, bias=False, transposed=0, opset=17, shape=("N", 96)):
    weights = {"w": drawn(*((48, 96) if transposed else (96, 48)))}
    weights |= {"b": drawn(48, seed=2)} if bias else {}
    attributes = {"transB": 1} if transposed else {}
    node = helper.make_node(operator, ["x", *weights], ["y"], **attributes)
    return model_of(
        [node], [value("x", FLOAT, shape)], [free("y", len(shape))], weights, opset=opset
    )


def level(x) -> float:
    """Return the distance between two of the 256 levels of an input."""
    return (max(float(x.max()), 0) - min(float(x.min()), 0)) / 255


@pytest.mark.parametrize("opset", [11, 13, 17, 21])
@pytest.mark.parametrize(
    ("operator", "bias", "transposed"),
    [("MatMul", False, 0), ("Gemm", False, 0), ("Gemm", True, 0), ("Gemm", True, 1)],
)
def test_the_error_is_that_of_half_a_level_of_each_input(
    operator, bias, transposed, opset, tmp_path
):
    model = product(operator, bias=bias, transposed=transposed, opset=opset)
    feed = {"x": drawn(5, 96, seed=1)}
    found = as_integers(model, TECHNIQUE, [feed])
    (one,), (exact,) = run(found.packed, feed), run(found.dense, feed)
    dense = found.encoded["w"].dense
    reach = np.abs(dense if not transposed else dense.T).sum(axis=0) * level(feed["x"])
    # Half a level for rounding, half for the level that stands for 0 being rounded itself.
    assert (np.abs(one - exact) <= reach + 1e-4).all()
    ops = kernels(found.packed, tmp_path)
    assert ops["DynamicQuantizeMatMul"] == 1
    assert len(found.packed.SerializeToString()) == pytest.approx(
        found.predicted_bytes, abs=FRAMING
    )


def test_products_of_more_axes_keep_their_shape():
    feed = {"x": drawn(2, 7, 96)}
    found = as_integers(product(shape=["N", "T", 96]), TECHNIQUE, [feed])
    (one,), (other,) = run(found.packed, feed), run(found.dense, feed)
    assert one.shape == (2, 7, 48)
    assert np.linalg.norm(one - other) <= 0.02 * np.linalg.norm(other)


def test_products_of_one_tensor_find_its_range_once(tmp_path):
    weights = {name: drawn(64, 64, seed=i) for i, name in enumerate("qkv")}
    nodes = [helper.make_node("MatMul", ["x", name], [f"{name}.y"]) for name in weights]
    outputs = [value(f"{name}.y", FLOAT, ["N", 64]) for name in weights]
    model = model_of(nodes, [value("x", FLOAT, ["N", 64])], outputs, weights)
    found = as_integers(model, TECHNIQUE, [{"x": drawn(4, 64)}])
    ops = kernels(found.packed, tmp_path)
    assert (ops["DynamicQuantizeLinear"], ops["MatMulIntegerToFloat"]) == (1, 3)


@pytest.mark.parametrize(
    ("node", "weight", "reason"),
    [
        (helper.make_node("Conv", ["x", "w"], ["y"]), drawn(16, 8, 3, 3), "read by Conv"),
        (helper.make_node("MatMul", ["w", "x"], ["y"]), drawn(48, 96), "in a way"),
        (helper.make_node("Gemm", ["x", "w"], ["y"], alpha=0.5), drawn(96, 48), "in a way"),
        (helper.make_node("Gemm", ["x", "w"], ["y"], transA=1), drawn(96, 48), "in a way"),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), drawn(8, 8), "take no less"),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), drawn(3, 96, 48), "in a way"),
    ],
)
def test_what_no_integer_product_can_stand_in_for_is_declined(node, weight, reason):
    rank = weight.ndim
    model = model_of([node], [free("x", rank)], [free("y", rank)], {"w": weight})
    site = site_of(model)
    assert reason in str(TECHNIQUE.decline(site))
    assert TECHNIQUE.options(site) == []


def test_7_bits_are_a_setting():
    found = as_integers(product(), DynamicInt8({"reduce_range": True}), [{"x": drawn(5, 96)}])
    assert np.abs(found.encoded["w"].tensors["q"]).max() == 63


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValueError, match="bits"):
        DynamicInt8({"bits": 8})
