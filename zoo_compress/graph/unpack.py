"""ONNX nodes that rebuild k-bit codes: standard shifts that ONNX Runtime folds at load."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx

from zoo_compress.graph.fragment import Fragment
from zoo_compress.numerics.packing import Plane, packed_length, padded_length, planes

FLOAT = onnx.TensorProto.FLOAT


def role(plane: Plane) -> str:
    """Return the suffix of the tensor that stores a plane."""
    return f"c{plane.width}"


def add_unpacked_codes(
    fragment: Fragment, *, bits: int, shape: Sequence[int], prefix: str = "", to: int = FLOAT
) -> str:
    """Append nodes that unpack codes in `shape`; return the output's name.

    Every plane is stored as bytes in one row. Left shifts by (8-w, 8-2w, ...), one below the
    other, cut off what lies above each field, a right shift by 8-w what lies below, and a last
    left shift puts it at the plane's offset; the planes are cast and summed. BitShift came with
    operator set 11, masking (BitwiseAnd) only with 18. Whole-byte codes need the cast alone.

    Args:
        fragment: Stores the planes, see `role`.
        bits: Width of a code, 1 to 8.
        shape: Shape of the codes.
        prefix: Before the roles of what is stored, where a fragment unpacks codes twice.
        to: Element type of the codes in ONNX, float32 or int32.
    """
    count = math.prod(shape)
    exact = padded_length(count, bits) == count
    target, parts = None, []
    if len(shape) > 1:
        target = fragment.keep(f"{prefix}s", np.array(shape, np.int64))
    shape_of_part = target if exact else None
    if shape_of_part is None:
        shape_of_part = fragment.fixed("flat", np.array([-1], np.int64))
    for plane in planes(bits):
        length = packed_length(count, plane, bits)
        stored = fragment.store(prefix + role(plane), (length,), np.uint8)
        fields = _add_fields(fragment, stored, plane)
        part = fragment.add("Reshape", [fields, shape_of_part])
        parts.append(fragment.add("Cast", [part], to=to))
    codes = _add_sum(fragment, parts) if to == FLOAT else _add_total(fragment, parts)
    if exact:
        return codes
    trimmed = _add_trimmed(fragment, codes, f"{prefix}n", count)
    return trimmed if target is None else fragment.add("Reshape", [trimmed, target])


def _add_sum(fragment: Fragment, parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else fragment.add("Sum", parts)


def _add_total(fragment: Fragment, parts: Sequence[str]) -> str:
    """Append nodes that add whole numbers up: Sum takes none."""
    total = parts[0]
    for part in parts[1:]:
        total = fragment.add("Add", [total, part])
    return total


def _add_fields(fragment: Fragment, stored: str, plane: Plane) -> str:
    if plane.width == 8:
        return stored
    width = plane.width
    lefts = 8 - width - width * np.arange(plane.codes_per_byte, dtype=np.uint8)
    cut_above = fragment.fixed(f"cut{width}", lefts[:, None])
    high = fragment.add("BitShift", [stored, cut_above], direction="LEFT")
    fields = fragment.add("BitShift", [high, _shift(fragment, 8 - width)], direction="RIGHT")
    if plane.offset == 0:
        return fields
    return fragment.add("BitShift", [fields, _shift(fragment, plane.offset)], direction="LEFT")


def _shift(fragment: Fragment, places: int) -> str:
    return fragment.fixed(f"by{places}", np.array([places], np.uint8))


def _add_trimmed(fragment: Fragment, codes: str, end_role: str, count: int) -> str:
    """Drop the padding behind the last code."""
    start = fragment.fixed("start", np.array([0], np.int64))
    end = fragment.keep(end_role, np.array([count], np.int64))
    return fragment.add("Slice", [codes, start, end])
