"""Which operators a model needs beyond those of the ONNX standard."""

from __future__ import annotations

import onnx_ir as ir

STANDARD = ("", "ai.onnx", "ai.onnx.ml")


def other_operators(model: ir.Model) -> list[str]:
    """Return operators of other domains as `domain.operator`, sorted, without own functions."""
    functions = {identifier[:2] for identifier in model.functions}
    found = {
        (node.domain, node.op_type)
        for graph in model.graphs()
        for node in graph
        if node.domain not in STANDARD
    }
    return sorted(f"{domain}.{name}" for domain, name in found - functions)
