"""Models whose sites compute with 8-bit numbers, next to what they are to compute."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
from onnx import numpy_helper

from zoo_compress.core import Encoded, Site
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import bytes_without, to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.runtime.session import open_session
from zoo_compress.techniques.activations import tensor_histograms
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.moments import input_moments


@dataclass(frozen=True)
class Integers:
    """A model in which a technique replaced every weight that it can.

    Attributes:
        packed: The model.
        dense: The original with `Encoded.dense`.
        sites: The sites by name.
        encoded: What the technique made of them.
        calibrations: What it was told.
        predicted_bytes: The size of the model.
    """

    packed: onnx.ModelProto
    dense: onnx.ModelProto
    sites: dict[str, Site]
    encoded: dict[str, Encoded]
    calibrations: dict[str, Calibration]
    predicted_bytes: int


def as_integers(model, technique, feeds, *repair) -> Integers:
    """Replace the weights; the ranges of activations are those of the feeds."""
    graph = normalize(ir.from_proto(onnx.ModelProto.FromString(model.SerializeToString())))
    dense, changed = to_compact_proto(graph), graph.clone()
    before = dense.SerializeToString()
    sites = {site.name: site for site in find_sites(graph).sites if technique.options(site)}
    moments = input_moments(graph, list(sites.values()), feeds, seed=0)
    histograms = tensor_histograms(graph, list(sites.values()), feeds)
    known = {
        name: Calibration(
            site=site,
            moments=moments[name],
            repair=frozenset(repair),
            activations=histograms,
        )
        for name, site in sites.items()
    }
    encoded, predicted, shared = {}, bytes_without(dense, set(sites)), {}
    for name, site in sites.items():
        option = technique.options(site)[0]
        weight = graph.graph.initializers[name].const_value.numpy()
        encoded[name] = technique.encode(weight, site, option, known[name])
        technique.rewrite(changed, site, encoded[name])
        predicted += option.stored_bytes
        shared |= option.shared
    assert to_compact_proto(graph).SerializeToString() == before
    for tensor in dense.graph.initializer:
        if tensor.name in encoded:
            tensor.CopyFrom(numpy_helper.from_array(encoded[tensor.name].dense, tensor.name))
    packed = to_compact_proto(changed)
    onnx.checker.check_model(packed)
    assert packed.graph.output == dense.graph.output
    assert packed.graph.input == dense.graph.input
    size = predicted + sum(shared.values())
    return Integers(packed, dense, sites, encoded, known, size)


def run(model: onnx.ModelProto, feed) -> list[np.ndarray]:
    return open_session(model.SerializeToString(), threads=1).run(None, feed)


def kernels(model: onnx.ModelProto, folder: Path) -> Counter[str]:
    """Return what ONNX Runtime makes of a model."""
    path = folder / "optimized.onnx"
    open_session(model.SerializeToString(), threads=1, optimized_path=path)
    return Counter(node.op_type for node in onnx.load(path).graph.node)
