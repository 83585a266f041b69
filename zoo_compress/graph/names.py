"""The names of a graph's values, which share one space over all its bodies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import onnx_ir as ir


def value_names(model: ir.Model) -> Counter[str]:
    """Return how many values of the main graph and of all bodies have each name."""
    return Counter(value.name for value in set(_values(model)) if value.name)


def _values(model: ir.Model) -> Iterator[ir.Value]:
    for graph in model.graphs():
        yield from graph.inputs
        yield from graph.initializers.values()
        for node in graph:
            yield from node.outputs
