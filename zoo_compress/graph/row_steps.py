"""ONNX nodes that look step sizes of rows up in the table that all weights share."""

from __future__ import annotations

import onnx

from zoo_compress.graph.fragment import Fragment
from zoo_compress.numerics.row_steps import step_table


def add_row_steps(fragment: Fragment, spacing: str, codes: str) -> str:
    """Append nodes that turn codes of steps into shares of the largest; return their name.

    Args:
        fragment: Takes the nodes.
        spacing: Name of which table they are in, int32, shape (1,).
        codes: Name of the codes, int32, in one row.
    """
    tables = fragment.constant(step_table())
    own = fragment.add("Gather", [tables, spacing])
    steps = fragment.add("Gather", [own, codes], axis=1)
    return fragment.add("Cast", [steps], to=onnx.TensorProto.FLOAT)
