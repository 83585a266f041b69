"""ONNX nodes that rebuild several short lists of codes of 4 bits from one tensor."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx

from zoo_compress.core import AnyArray
from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.unpack import add_unpacked_codes, role
from zoo_compress.numerics.packing import pack, padded_length

BITS = 4


def packed_nibbles(prefix: str, parts: Sequence[npt.NDArray[np.uint8]]) -> dict[str, AnyArray]:
    """Return what `add_nibbles` stores of lists of codes, by role.

    Args:
        prefix: Before the role.
        parts: The codes, each list of shape (n,).
    """
    packed = pack(np.concatenate(parts), BITS)
    return {prefix + role(plane): data for plane, data in packed.items()}


def add_nibbles(fragment: Fragment, prefix: str, count: int, lengths: Sequence[str]) -> list[str]:
    """Append nodes that unpack lists of codes; return their names, int32, each in one row.

    Args:
        fragment: Stores the codes.
        prefix: Before their role.
        count: How many codes there are in all.
        lengths: Names of the lengths of the lists, int64, shape (1,).
    """
    shape = (padded_length(count, BITS),)
    whole = add_unpacked_codes(
        fragment, bits=BITS, shape=shape, prefix=prefix, to=onnx.TensorProto.INT32
    )
    start, found = fragment.constant(np.array([0], np.int64)), []
    for length in lengths:
        end = fragment.add("Add", [start, length])
        found.append(fragment.add("Slice", [whole, start, end]))
        start = end
    return found
