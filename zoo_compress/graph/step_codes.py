"""ONNX nodes that look step sizes up in the table that all weights share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from zoo_compress.core import Site
from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.function import FEWEST_MODEL_BYTES
from zoo_compress.numerics.step_codes import step_table


def steps_in_bytes(site: Site) -> bool:
    """Return whether prefix codes of a weight have steps in a byte: in a large model.

    There the table pays, and the operators that look steps up are part of a function. Codebooks
    make use of the digits of a step: with 64 centres, bytes left a third more error.
    """
    return site.model_bytes >= FEWEST_MODEL_BYTES


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
        "Cast", [fragment.fixed("steps", step_table())], to=onnx.TensorProto.FLOAT
    )
    return fragment.add("Gather", [table, codes])
