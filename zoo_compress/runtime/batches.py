"""Run samples together where a model gives each the same as alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from zoo_compress.core import AnyArray, Feed

if TYPE_CHECKING:
    import onnx

Indices = tuple[int, ...]


def takes_batches(model: onnx.ModelProto) -> bool:
    """Tell whether the first axis of all inputs and outputs may have any length.

    Inputs that are initializers too have a default value and are not counted.
    """
    stored = {tensor.name for tensor in model.graph.initializer}
    values = [value for value in model.graph.input if value.name not in stored]
    return all(map(_first_axis_is_free, [*values, *model.graph.output]))


def grouped(feeds: Sequence[Feed], indices: Sequence[int], *, largest: int) -> list[Indices]:
    """Return the samples in groups of equal shapes, in order of their first members.

    Args:
        feeds: The samples.
        indices: Which of them to group.
        largest: The most samples of a group.
    """
    groups: dict[tuple[object, ...], list[int]] = {}
    for index in indices:
        shapes = tuple((name, array.shape) for name, array in sorted(feeds[index].items()))
        groups.setdefault(shapes, []).append(index)
    return [
        tuple(members[start : start + largest])
        for members in groups.values()
        for start in range(0, len(members), largest)
    ]


def stacked(samples: Sequence[Mapping[str, AnyArray]]) -> dict[str, AnyArray]:
    """Return samples of equal shapes as one, joined along their first axes."""
    return {name: np.concatenate([sample[name] for sample in samples]) for name in samples[0]}


def _first_axis_is_free(value: onnx.ValueInfoProto) -> bool:
    kind = value.type
    if not kind.HasField("tensor_type") or not kind.tensor_type.HasField("shape"):
        return False
    axes = kind.tensor_type.shape.dim
    return bool(axes) and not axes[0].HasField("dim_value")
