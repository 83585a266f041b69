"""Models of one layer, with factors in the place of its weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from zoo_compress.core import Encoded, Site
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import bytes_without, to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.numerics.moments import InputMoments
from zoo_compress.runtime.session import open_session
from zoo_compress.techniques.calibration import Calibration

DATA, WEIGHT, BIAS = "data", "layer.weight", "layer.bias"


@dataclass(frozen=True)
class Factored:
    """A model that computes with factors, and the same model with their product."""

    packed: onnx.ModelProto
    dense: onnx.ModelProto
    encoded: Encoded
    predicted_bytes: int


def drawn(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def layer(op_type, weight, *, position=1, bias=None, rank=None, opset=18, **attributes):
    """Return a model of one node whose data, `rank` axes, have any lengths."""
    inputs = [DATA, WEIGHT] if position else [WEIGHT, DATA]
    tensors = [numpy_helper.from_array(weight, WEIGHT)]
    if bias is not None:
        inputs.append(BIAS)
        tensors.append(numpy_helper.from_array(bias, BIAS))
    node = helper.make_node(op_type, inputs, ["y"], name="/layer/node", **attributes)
    kind = helper.np_dtype_to_tensor_dtype(weight.dtype)
    ends = [
        helper.make_tensor_value_info(
            name, kind, [f"{name}{axis}" for axis in range(rank or weight.ndim)]
        )
        for name in (DATA, "y")
    ]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


@st.composite
def convolutions(draw):
    """Return the attributes of a convolution, and the lengths of its kernel."""
    pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel = draw(st.tuples(st.integers(2, 4), st.integers(2, 4)))
    auto_pad = draw(st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    attributes = {"strides": draw(pairs)}
    if auto_pad != "NOTSET":
        attributes["auto_pad"] = auto_pad
    elif draw(st.booleans()):
        attributes["pads"] = draw(st.tuples(*[st.integers(0, 3)] * 4))
    # ONNX Runtime does not run the original with both.
    if "SAME" not in auto_pad and draw(st.booleans()):
        attributes["dilations"] = draw(pairs)
    if draw(st.booleans()):
        attributes |= {"kernel_shape": kernel, "group": 1}
    return kernel, attributes


def site_of(model) -> Site:
    (site,) = find_sites(_normalized(model)).sites
    return site


def factored(model, technique, option=None, *, calibration=None) -> Factored:
    """Return what a technique makes of the only weight; by default with its first option."""
    before = model.SerializeToString()
    graph, site = _normalized(model), site_of(model)
    option = technique.options(site)[0] if option is None else option
    dense = to_compact_proto(graph)
    predicted = bytes_without(dense, {WEIGHT}) + option.stored_bytes
    (tensor,) = (t for t in dense.graph.initializer if t.name == WEIGHT)
    encoded = technique.encode(numpy_helper.to_array(tensor), site, option, calibration)
    tensor.CopyFrom(numpy_helper.from_array(encoded.dense, WEIGHT))
    copy = graph.clone()
    technique.rewrite(copy, site, encoded)
    assert model.SerializeToString() == before
    assert WEIGHT in graph.graph.initializers
    return Factored(to_compact_proto(copy), dense, encoded, predicted)


def assert_same_outputs(found: Factored, data: np.ndarray, *, share: float = 1e-4) -> None:
    """Check that the file computes what its dense weight stands for, to a share of the largest."""
    onnx.checker.check_model(found.packed, full_check=True)
    one, other = (
        open_session(model.SerializeToString(), threads=1).run(None, {DATA: data})[0]
        for model in (found.packed, found.dense)
    )
    assert (one.shape, one.dtype) == (other.shape, other.dtype)
    np.testing.assert_allclose(one, other, rtol=0, atol=share * np.abs(other).max(initial=0))


def calibration_of(site: Site, *, rows: int = 400) -> Calibration:
    """Return moments of inputs some of which have far more power than others."""
    rng = np.random.default_rng(7)
    count = site.elements // site.shape[site.channel_axis]
    mixed = rng.standard_normal((rows, count)) @ rng.standard_normal((count, count))
    x = mixed * rng.exponential(1, count) ** 2 + 0.5
    mean, covariance = x.mean(axis=0).astype("f"), np.cov(x.T, bias=True).astype("f")
    moments = InputMoments(mean=mean[None], covariance=covariance.reshape(1, count, count))
    return Calibration(site=site, moments=moments, repair=frozenset({"factor-refit"}))


def error_left(model, technique) -> float:
    """Return the error of the outputs with calibration, as a share of that without."""
    (weight,) = (numpy_helper.to_array(t) for t in model.graph.initializer if t.name == WEIGHT)
    known = calibration_of(site_of(model))
    plain, fitted = (
        known.output_error(weight, factored(model, technique, calibration=c).encoded.dense)
        for c in (None, known)
    )
    return fitted / plain


def assert_only_convolutions_left(technique, count: int, optimized) -> None:
    """Check that ONNX Runtime computes with convolutions and decodes no factor.

    Args:
        technique: The technique.
        count: How many convolutions take the place of one.
        optimized: Fixture that counts the nodes that ONNX Runtime keeps.
    """
    packed = factored(layer("Conv", drawn(24, 20, 3, 3), bias=drawn(24)), technique).packed
    assert len(packed.graph.node) > count
    left = optimized(packed)
    assert left["Conv"] == count
    assert not left.keys() & {"Cast", "Mul"}


def _normalized(model) -> ir.Model:
    return normalize(ir.from_proto(onnx.ModelProto.FromString(model.SerializeToString())))
