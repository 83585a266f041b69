"""ONNX nodes that look step sizes up in the table that all weights share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from zoo_compress.graph.fragment import Fragment
from zoo_compress.numerics.step_codes import step_table


def add_coded_steps(fragment: Fragment, role: str, shape: Sequence[int]) -> str:
    """Append nodes that turn codes of steps into shares of the largest; return their name.

    Args:
        fragment: Stores the codes, bytes.
        role: What they are stored under.
        shape: Their shape.
    """
    stored = fragment.store(role, shape, np.uint8)
    codes = fragment.add("Cast", [stored], to=onnx.TensorProto.INT32)
    table = fragment.add(
        "Cast", [fragment.share("steps", step_table())], to=onnx.TensorProto.FLOAT
    )
    return fragment.add("Gather", [table, codes])
