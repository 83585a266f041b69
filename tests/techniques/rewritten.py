"""Models in which a technique replaced the weights it can, next to the same with dense weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.core import Encoded, Option, Site
from zoo_compress.graph.fragment import initializer_bytes
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import bytes_without, to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.numerics.moments import MomentSums
from zoo_compress.runtime.session import open_session
from zoo_compress.techniques.calibration import Calibration

# Lengths of the graph and of tensors are stored in fewer bytes once they shrink.
FRAMING = 8


@dataclass(frozen=True)
class Rewritten:
    """A compressed model, the same model with `Encoded.dense`, and its predicted size."""

    packed: onnx.ModelProto
    dense: onnx.ModelProto
    encoded: dict[str, Encoded]
    predicted_bytes: int


def drawn(*shape, seed=0, dtype=np.float32) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def value(name, kind=TensorProto.FLOAT, shape=()):
    return helper.make_tensor_value_info(name, kind, shape)


def model_of(nodes, inputs, outputs, weights, *, opset=18) -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def sites_of(model) -> dict[str, Site]:
    return {site.name: site for site in find_sites(_normalized(model)).sites}


def site_of(model) -> Site:
    (site,) = sites_of(model).values()
    return site


def rewritten(model, technique, *, option: Option | None = None, **settings) -> Rewritten:
    """Replace every weight for which a technique has options.

    Args:
        model: The model.
        technique: The technique.
        option: For all weights; by default the first with these settings.
        settings: What options to take.
    """
    graph = _normalized(model)
    dense, changed = to_compact_proto(graph), graph.clone()
    before, sites = dense.SerializeToString(), find_sites(graph).sites
    encoded, predicted, shared = {}, bytes_without(dense, {site.name for site in sites}), {}
    for site in sites:
        fitting = [o for o in technique.options(site) if settings.items() <= o.settings.items()]
        chosen = option or next(iter(fitting), None)
        if chosen is None:
            predicted += initializer_bytes(site.name, site.shape, site.element_bytes)
            continue
        weight = graph.graph.initializers[site.name].const_value.numpy()
        encoded[site.name] = technique.encode(weight, site, chosen)
        technique.rewrite(changed, site, encoded[site.name])
        predicted += chosen.stored_bytes
        shared |= chosen.shared
    assert to_compact_proto(graph).SerializeToString() == before
    for tensor in dense.graph.initializer:
        if tensor.name in encoded:
            tensor.CopyFrom(numpy_helper.from_array(encoded[tensor.name].dense, tensor.name))
    packed = to_compact_proto(changed)
    assert packed.graph.output == dense.graph.output
    return Rewritten(packed, dense, encoded, predicted + sum(shared.values()))


def assert_predicted(found: Rewritten) -> None:
    """Check that the file takes the predicted bytes."""
    size = len(found.packed.SerializeToString())
    assert found.predicted_bytes - FRAMING <= size <= found.predicted_bytes


def assert_same_outputs(found: Rewritten, feeds, *, share: float = 0, of=None) -> None:
    """Check that the file computes what its dense weights stand for.

    Args:
        found: What to check.
        feeds: The inputs.
        share: How far outputs may be apart, as a share of `of`.
        of: By default the largest output, which says nothing where the terms of a sum cancel.
    """
    onnx.checker.check_model(found.packed)
    one, other = (
        open_session(model.SerializeToString(), threads=1).run(None, feeds)
        for model in (found.packed, found.dense)
    )
    for a, b in zip(one, other, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        allowed = share * (np.abs(b).max(initial=0) if of is None else of)
        assert (np.abs(a.astype(np.float64) - b.astype(np.float64)) <= allowed).all()


def correlated(site: Site, *repair, rows: int = 600) -> Calibration:
    """Return moments of correlated inputs, some of which have far more power than others."""
    rng = np.random.default_rng(3)
    count = site.elements // site.shape[site.channel_axis]
    sources = rng.standard_normal((1, rows, max(count // 4, 1)))
    mixed = sources @ rng.standard_normal((sources.shape[2], count))
    sums = MomentSums()
    sums.add((mixed + rng.standard_normal(mixed.shape)) * rng.exponential(1, count))
    return Calibration(site=site, moments=sums.moments(), repair=frozenset(repair))


def _normalized(model) -> ir.Model:
    return normalize(ir.from_proto(onnx.ModelProto.FromString(model.SerializeToString())))
