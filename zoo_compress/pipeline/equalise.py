"""Equalise a prepared model, where that leaves its outputs what they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import onnx_ir as ir

from zoo_compress.core import Feed
from zoo_compress.errors import InputError, OriginalModelError, SourceError
from zoo_compress.graph.equalise import Equalised, equalise
from zoo_compress.graph.proto import to_light_proto
from zoo_compress.pipeline.prepare import Prepared
from zoo_compress.pipeline.same_outputs import largest_change
from zoo_compress.runtime.evaluator import CpuEvaluator, Outputs

# Weights are rounded by 2^-24 of themselves once more, which 50 layers add up to about 1e-6 of the
# outputs; a wrong rewrite, or activations that overflow, change them by far more than this.
SAME_OUTPUTS = 1e-5


def equalised(prepared: Prepared, feeds: Sequence[Feed]) -> Prepared:
    """Equalise a copy of a model; the model as it is, with a note, where that changes outputs.

    Args:
        prepared: The model.
        feeds: Samples to compare the outputs on.
    """
    model = prepared.model.clone()
    found = equalise(model)
    if not found.scaled:
        return _left(prepared, f"no channel can be scaled: {_main_reason(found)}")
    before = _outputs(prepared, prepared.model, feeds)
    try:
        after = _outputs(prepared, model, feeds)
    except (SourceError, InputError, OriginalModelError) as error:
        return _left(prepared, f"the equalised model does not run: {error}")
    change = largest_change(before, after)
    if change > SAME_OUTPUTS:
        return _left(prepared, f"it changes the outputs by {change:.2g}")
    return replace(prepared, model=model, equalised=True)


def equalised_as(prepared: Prepared, *, wanted: bool) -> Prepared:
    """Equalise a model if a plan says so, without running it."""
    if not wanted:
        return prepared
    model = prepared.model.clone()
    equalise(model)
    return replace(prepared, model=model, equalised=True)


def _left(prepared: Prepared, reason: str) -> Prepared:
    return replace(prepared, notes=(*prepared.notes, f"not equalised: {reason}"))


def _main_reason(found: Equalised) -> str:
    counts = Counter(found.declined.values()).most_common(1)
    return counts[0][0] if counts else "the scales of its weights are even already"


def _outputs(prepared: Prepared, model: ir.Model, feeds: Sequence[Feed]) -> Sequence[Outputs]:
    names = [site.name for site in prepared.found.sites]
    light, supplied = to_light_proto(model)
    return CpuEvaluator(light, feeds, replaceable=names, supplied=supplied).reference
