"""ONNX nodes that put values where the bits of a mask are set, and zeros elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx

from zoo_compress.core import AnyArray
from zoo_compress.graph.fragment import Fragment
from zoo_compress.numerics.packing import pack, packed_length, padded_length, planes

(BIT,) = planes(1)


def packed_mask(mask: AnyArray) -> dict[str, AnyArray]:
    """Return what `add_scattered` stores of a mask, by role.

    Args:
        mask: True where a value goes, any shape; values are numbered in C order.
    """
    return {"b": pack(mask.reshape(-1).astype(np.uint8), 1)[BIT]}


def add_scattered(fragment: Fragment, values: str, *, shape: Sequence[int]) -> str:
    """Append nodes that spread values over a mask of that shape; return the output's name.

    The mask is stored as `b`, one bit for each element, in bytes in one row; shifts left by
    7, 6, ..., 0, one below the other, and right by 7 unpack it. The number of bits set up to an
    element, if its own is set, and else 0, is its index into the values behind a leading zero.

    Args:
        fragment: Stores the mask.
        values: Name of the values, float32, shape (v,), one for each bit that is set.
        shape: Shape of the mask.
    """
    mask = _add_bits(fragment, math.prod(shape))
    target = fragment.keep("x", np.array(shape, np.int64))
    return fragment.add("Reshape", [add_spread(fragment, values, mask), target])


def add_spread(fragment: Fragment, values: str, mask: str) -> str:
    """Append nodes that put values, in order, where a mask is 1; return the output's name.

    Args:
        fragment: Takes the nodes.
        values: Name of the values, float32, shape (v,).
        mask: Name of the mask, int32, shape (n,), v of its elements 1 and the others 0.

    Returns:
        Name of the values and zeros, float32, shape (n,).
    """
    axis = fragment.fixed("axis", np.array(0, np.int64))
    numbers = fragment.add("CumSum", [mask, axis])
    indices = fragment.add("Mul", [numbers, mask])
    zero = fragment.fixed("zero", np.zeros(1, np.float32))
    table = fragment.add("Concat", [zero, values], axis=0)
    return fragment.add("GatherElements", [table, indices])


def _add_bits(fragment: Fragment, count: int) -> str:
    """Append nodes that unpack `count` bits to int32, shape (count,); return the output's name."""
    stored = fragment.store("b", (packed_length(count, BIT, 1),), np.uint8)
    cut_above = fragment.fixed("cut1", np.arange(7, -1, -1, dtype=np.uint8)[:, None])
    high = fragment.add("BitShift", [stored, cut_above], direction="LEFT")
    by_seven = fragment.fixed("by7", np.array([7], np.uint8))
    bits = fragment.add("BitShift", [high, by_seven], direction="RIGHT")
    flat = fragment.add("Reshape", [bits, fragment.fixed("flat", np.array([-1], np.int64))])
    if padded_length(count, 1) != count:
        start = fragment.fixed("start", np.array([0], np.int64))
        end = fragment.keep("e", np.array([count], np.int64))
        flat = fragment.add("Slice", [flat, start, end])
    return fragment.add("Cast", [flat], to=onnx.TensorProto.INT32)
