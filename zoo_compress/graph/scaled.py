"""ONNX nodes that multiply decoded numbers with step sizes and make a weight of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from zoo_compress.core import Site
from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.sites import FLOATS
from zoo_compress.graph.step_codes import add_coded_steps

KINDS = {name: int(kind) for kind, name in FLOATS.items()}
"""Numpy name of an element type -> its number in ONNX."""


def add_steps(
    fragment: Fragment,
    shape: Sequence[int],
    *,
    factor: Sequence[int] = (),
    in_bytes: bool = False,
) -> str:
    """Append nodes that compute step sizes in float32; return the output's name.

    Args:
        fragment: Stores what `StoredSteps` does: shares as `d`, the largest step as `f`.
        shape: Shape of `d`.
        factor: Shape of `f`.
        in_bytes: Whether `d` are codes; float16 numbers if not.
    """
    if in_bytes:
        shares = add_coded_steps(fragment, "d", shape)
    else:
        stored = fragment.store("d", shape, np.float16)
        shares = fragment.add("Cast", [stored], to=onnx.TensorProto.FLOAT)
    return fragment.add("Mul", [shares, fragment.store("f", factor, np.float32)])


def finish_weight(fragment: Fragment, weight: str, site: Site, *, shape: Sequence[int]) -> None:
    """Give float32 numbers the shape, the element type and the name of a weight.

    Args:
        fragment: The last node appended must be the one that computes `weight`.
        weight: Name of the numbers.
        site: Where the weight is.
        shape: Shape that they have now.
    """
    if tuple(shape) != site.shape:
        target = fragment.keep("w", np.array(site.shape, np.int64))
        weight = fragment.add("Reshape", [weight, target])
    if site.dtype != "float32":
        fragment.add("Cast", [weight], to=KINDS[site.dtype])
    fragment.finish()
