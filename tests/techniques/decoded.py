"""Models whose weights a technique stored, next to the same models with the dense weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

from zoo_compress.core import Encoded, Option, Site
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import bytes_without, to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.graph.write import write_model
from zoo_compress.numerics.moments import MomentSums
from zoo_compress.techniques.calibration import Calibration

# Lengths of the graph and of tensors are stored in fewer bytes once they shrink.
FRAMING = 8
GATHER = "g (int64[N] x) => (T[] y) { y = Gather(w, x) }"
# Weights of each operator; the number of weights of some is no multiple of eight.
OPERATORS = {
    "conv": ("g (T[1,5,6,6] x) => (T[] y) { y = Conv(x, w) }", (8, 5, 3, 3)),
    "conv 1-d": ("g (T[1,5,9] x) => (T[] y) { y = Conv(x, w) }", (6, 5, 3)),
    "conv in groups": ("g (T[1,8,6,6] x) => (T[] y) { y = Conv<group=4>(x, w) }", (12, 2, 3, 3)),
    "depthwise conv": ("g (T[1,10,6,6] x) => (T[] y) { y = Conv<group=10>(x, w) }", (10, 1, 3, 3)),
    "conv transposed": ("g (T[1,5,6,6] x) => (T[] y) { y = ConvTranspose(x, w) }", (5, 6, 3, 3)),
    "gemm": ("g (T[2,13] x) => (T[] y) { y = Gemm(x, w) }", (13, 14)),
    "gemm transB": ("g (T[2,13] x) => (T[] y) { y = Gemm<transB=1>(x, w) }", (14, 13)),
    "gemm weight first": ("g (T[13,2] x) => (T[] y) { y = Gemm(w, x) }", (14, 13)),
    "matmul": ("g (T[2,13] x) => (T[] y) { y = MatMul(x, w) }", (13, 14)),
    "matmul weight first": ("g (T[13,2] x) => (T[] y) { y = MatMul(w, x) }", (14, 13)),
    "matmul of a stack": ("g (T[3,2,5] x) => (T[] y) { y = MatMul(x, w) }", (3, 5, 14)),
    "gather": (GATHER, (14, 13)),
    "gather columns": ("g (int64[2] x) => (T[] y) { y = Gather<axis=1>(w, x) }", (13, 14)),
}


@dataclass(frozen=True)
class Decoded:
    """A model that decodes its weights, and the same model with the weights numpy rebuilt."""

    packed: onnx.ModelProto
    dense: onnx.ModelProto
    encoded: dict[str, Encoded]
    predicted_bytes: int

    def written_bytes(self, path) -> int:
        """Return the size of the compressed model as a file."""
        (written,) = write_model(ir.from_proto(self.packed), path)
        return written.stat().st_size


def drawn(shape, dtype=np.float32, *, seed=7) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def decoded(model: onnx.ModelProto, technique, settings) -> Decoded:
    """Store every weight of a model with a technique, whether that saves bytes or not."""
    graph = normalize(ir.from_proto(onnx.ModelProto.FromString(model.SerializeToString())))
    sites, encoded = find_sites(graph).sites, {}
    dense = to_compact_proto(graph)
    predicted, shared = bytes_without(dense, {site.name for site in sites}), {}
    for site in sites:
        option = _option(technique, site, settings)
        weight = graph.graph.initializers[site.name].const_value.numpy()
        encoded[site.name] = technique.encode(weight, site, option)
        technique.rewrite(graph, site, encoded[site.name])
        predicted += option.stored_bytes
        shared |= option.shared
    for tensor in dense.graph.initializer:
        if tensor.name in encoded:
            tensor.CopyFrom(numpy_helper.from_array(encoded[tensor.name].dense, tensor.name))
    return Decoded(to_compact_proto(graph), dense, encoded, predicted + sum(shared.values()))


def _option(technique, site, settings) -> Option:
    """Return the option with these settings; one of unknown size where it saves nothing."""
    unknown = Option(technique=technique.name, settings=settings, stored_bytes=0)
    return next((o for o in technique.options(site) if o.settings == settings), unknown)


def assert_decodes_exactly(found: Decoded, load, optimized) -> None:
    """Check that ONNX Runtime rebuilds `w` bit for bit and leaves no node that does so.

    Args:
        found: What to check.
        load: Fixture that returns the weights as ONNX Runtime rebuilds them.
        optimized: Fixture that counts the nodes that it keeps.
    """
    dense, weight = found.encoded["w"].dense, load(found)["w"]
    assert (weight.dtype, weight.shape) == (dense.dtype, dense.shape)
    assert weight.tobytes() == dense.tobytes()
    assert optimized(found.packed) == optimized(found.dense)


def assert_same_in_any_order(encode, site: Site) -> None:
    """Check that the order of a weight in memory makes no difference to any byte."""
    weight = drawn(site.shape, site.dtype)
    one, other = encode(weight), encode(weight.copy("F"))
    assert one.dense.dtype == site.dtype
    assert one.dense.tobytes() == other.dense.tobytes()
    assert one.tensors.keys() == other.tensors.keys()
    for role, tensor in one.tensors.items():
        assert tensor.tobytes() == other.tensors[role].tobytes()


def matrix_site(shape=(48, 64), *, dtype="float32", channel_axis=0, **known) -> Site:
    return Site(name="w", shape=shape, dtype=dtype, channel_axis=channel_axis, readers=(), **known)


def calibration_of(site: Site, *repair, rows: int = 600, seed: int = 3) -> Calibration:
    """Return moments of correlated inputs, none of them negative, some far larger than others."""
    rng = np.random.default_rng(seed)
    count = site.elements // site.shape[site.channel_axis]
    sources = rng.standard_normal((site.groups, rows, max(count // 4, 1)))
    mixed = sources @ rng.standard_normal((sources.shape[2], count))
    noisy = mixed + rng.standard_normal(mixed.shape)
    sums = MomentSums()
    sums.add(np.maximum(noisy * rng.exponential(1, count), 0))
    return Calibration(site=site, moments=sums.moments(), repair=frozenset(repair))
