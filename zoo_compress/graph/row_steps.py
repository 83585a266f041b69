"""ONNX nodes that look step sizes of rows up in the table that all weights share."""

from __future__ import annotations

import numpy as np
import onnx

from zoo_compress.core import Site
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


def add_of_outputs(fragment: Fragment, values: str, site: Site) -> str:
    """Append nodes that lay values of rows along the outputs of a weight; return their name.

    Args:
        fragment: Takes the nodes.
        values: Name of them, one for each row and maybe one more that makes them even.
        site: Where the weight is.
    """
    axis, dimensions = site.channel_axis, len(site.shape)
    along = [-1 if place == axis else 1 for place in range(dimensions)]
    lengths = fragment.share(f"u{axis}{dimensions}", np.array(along, np.int64))
    flat = fragment.constant(np.array([-1], np.int64))
    values = fragment.add("Reshape", [values, flat])
    if site.shape[axis] % 2:
        start, end = (fragment.constant(np.array([place], np.int64)) for place in (0, -1))
        values = fragment.add("Slice", [values, start, end])
    return fragment.add("Reshape", [values, lengths])
