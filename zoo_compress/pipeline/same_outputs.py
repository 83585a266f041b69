"""Whether a graph that was rewritten computes what the original does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from zoo_compress.core import Feed
from zoo_compress.graph.proto import to_light_proto
from zoo_compress.runtime.evaluator import CpuEvaluator, Outputs

# Fusing a batch norm into a convolution changes float32 outputs by about 1e-6 of their norm;
# a wrong rewrite changes them by far more than this.
SAME_OUTPUTS = 1e-4


def change_or_reason(
    original: Sequence[Outputs], model: ir.Model | str, feeds: Sequence[Feed], *, rewrite: str
) -> float | str:
    """Return the largest change of an output, or why that is too much.

    Args:
        original: What the original returns for `feeds`.
        model: The rewritten graph, or why there is none.
        feeds: Samples for both.
        rewrite: What was done to it, as `simplifying`.
    """
    if isinstance(model, str):
        return model
    try:
        light, supplied = to_light_proto(model)
        evaluator = CpuEvaluator(light, feeds, replaceable=(), supplied=supplied)
    except Exception as error:  # Whatever fails here, the original does not: it has just run.
        return f"after {rewrite} the model does not run: {error}"
    worst = largest_change(original, evaluator.reference)
    return worst if worst <= SAME_OUTPUTS else f"{rewrite} changes the outputs by {worst:.2g}"


def largest_change(before: Sequence[Outputs], after: Sequence[Outputs]) -> float:
    """Return the largest relative L2 change of an output over samples."""
    return max(map(_relative_change, before, after), default=0.0)


def _relative_change(before: Outputs, after: Outputs) -> float:
    """Return the largest relative L2 change of an output; infinity if a discrete one changes."""
    changes = [0.0]
    for one, other in zip(before, after, strict=True):
        if one.shape != other.shape or one.dtype != other.dtype:
            return float("inf")
        if one.dtype.kind != "f":
            changes.append(0.0 if np.array_equal(one, other) else float("inf"))
            continue
        norm = float(np.linalg.norm(one.astype(np.float64)))
        change = float(np.linalg.norm(one.astype(np.float64) - other.astype(np.float64)))
        changes.append(change / norm if norm else change)
    return max(changes)
