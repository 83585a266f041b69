"""A model in which a technique replaced weights, next to the same with dense weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import onnx
import onnx_ir as ir
from onnx import numpy_helper

from zoo_compress.core import Encoded, Feed, Repair, Site
from zoo_compress.graph.fragment import initializer_bytes
from zoo_compress.graph.proto import bytes_without, to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.graph.stages import staged
from zoo_compress.techniques.activations import tensor_histograms
from zoo_compress.techniques.base import Technique
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.moments import input_moments

EVERY_REPAIR: frozenset[Repair] = frozenset(get_args(Repair))


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """A compressed model and what it is to be compared with.

    Attributes:
        original: The model before.
        packed: The compressed model.
        dense: The model before, with `Encoded.dense` in the place of its weights.
        encoded: What was encoded, by site.
        predicted_bytes: What the compressed model should take.
    """

    original: onnx.ModelProto
    packed: onnx.ModelProto
    dense: onnx.ModelProto
    encoded: dict[str, Encoded]
    predicted_bytes: int


def calibrations(graph: ir.Model, feeds: Sequence[Feed]) -> dict[str, Calibration]:
    """Return what inputs say of the sites that they reach, with every repair allowed."""
    sites = find_sites(graph).sites
    moments = input_moments(graph, sites, feeds, seed=0) if feeds else {}
    histograms = tensor_histograms(graph, sites, feeds) if feeds else {}
    return {
        site.name: Calibration(
            site=site,
            moments=moments[site.name],
            repair=EVERY_REPAIR,
            activations=histograms,
        )
        for site in sites
        if site.name in moments
    }


def _in_stages(graph: ir.Model, count: int) -> list[Site]:
    """Return the sites of a model; a single one is decoded in the second stage."""
    return [
        site
        if site.stage is None
        else replace(site, stage=replace(site.stage, number=(site.stage.number + 1) % count))
        for site in staged(graph, find_sites(graph).sites, count)
    ]


def rewritten_copy(
    graph: ir.Model,
    technique: Technique,
    number: int,
    known: Mapping[str, Calibration] | None = None,
    *,
    stages: int = 1,
) -> Rewritten:
    """Replace every weight for which a technique has options, in a copy.

    Args:
        graph: The model, normalized.
        technique: The technique.
        number: Which of the options of each site; -1 for the last.
        known: What is known of the inputs of sites, to repair their encodings with.
        stages: In how many passes weights are decoded, as those of large models are.
    """
    original, dense, changed = to_compact_proto(graph), to_compact_proto(graph), graph.clone()
    sites = _in_stages(graph, stages)
    predicted, shared = bytes_without(original, {site.name for site in sites}), dict[str, int]()
    encoded: dict[str, Encoded] = {}
    for site in sites:
        options = technique.options(site)
        if not options:
            predicted += initializer_bytes(site.name, site.shape, site.element_bytes)
            continue
        tensor = graph.graph.initializers[site.name].const_value
        assert tensor is not None
        calibration = (known or {}).get(site.name)
        encoded[site.name] = technique.encode(tensor.numpy(), site, options[number], calibration)
        technique.rewrite(changed, site, encoded[site.name])
        predicted += options[number].stored_bytes
        shared |= options[number].shared
    for stored in dense.graph.initializer:
        if stored.name in encoded:
            array = encoded[stored.name].dense
            stored.CopyFrom(numpy_helper.from_array(array, stored.name))
    return Rewritten(
        original=original,
        packed=to_compact_proto(changed),
        dense=dense,
        encoded=encoded,
        predicted_bytes=predicted + sum(shared.values()),
    )
