"""Pack k-bit codes into bytes, and read them back.

A code of k bits is split into planes of 4, 2 and 1 bits, the binary digits of k: 7 bits are a
4-bit, a 2-bit and a 1-bit plane. Each plane packs a whole number of codes into a byte, so no
bit is lost for any k and standard ONNX shifts can unpack it. The lowest bits of all bytes come
first, then those next to them: ONNX Runtime shifts long rows by one number ten times as fast as
short ones by several.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CODES_PER_BLOCK = 8
"""Codes are padded to a multiple of this, the most that one byte holds in a 1-bit plane."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Plane:
    """Bits `offset` to `offset + width - 1` of every code."""

    width: int
    offset: int

    @property
    def codes_per_byte(self) -> int:
        """How many codes one byte of this plane holds."""
        return 8 // self.width


def planes(bits: int) -> tuple[Plane, ...]:
    """Return the planes that hold codes of `bits` bits, low bits first.

    Args:
        bits: Width of a code, 1 to 8.

    Raises:
        ValueError: If bits is outside 1..8.
    """
    if not 1 <= bits <= 8:
        raise ValueError(f"bits must be 1 to 8, not {bits}")
    found: list[Plane] = []
    offset = 0
    for width in (8, 4, 2, 1):
        if bits & width:
            found.append(Plane(width=width, offset=offset))
            offset += width
    return tuple(found)


def padded_length(count: int, bits: int) -> int:
    """Return how many codes are stored for `count` codes; 8-bit codes need no padding."""
    return count if bits == 8 else -(-count // CODES_PER_BLOCK) * CODES_PER_BLOCK


def packed_length(count: int, plane: Plane, bits: int) -> int:
    """Return how many bytes a packed plane has."""
    return padded_length(count, bits) // plane.codes_per_byte


def pack(codes: Bytes, bits: int) -> dict[Plane, Bytes]:
    """Pack codes into planes, the first ones in the lowest bits of all bytes.

    Args:
        codes: Shape (n,), every value below 2^bits.
        bits: Width of a code, 1 to 8.

    Returns:
        `packed_length` bytes for each plane.

    Raises:
        ValueError: If a code needs more than `bits` bits.
    """
    if codes.size and int(codes.max()) >= 1 << bits:
        raise ValueError(f"code {int(codes.max())} does not fit {bits} bits")
    padded = np.zeros(padded_length(codes.size, bits), np.uint8)
    padded[: codes.size] = codes
    packed: dict[Plane, Bytes] = {}
    for plane in planes(bits):
        field = (padded >> np.uint8(plane.offset)) & np.uint8((1 << plane.width) - 1)
        rows = field.reshape(plane.codes_per_byte, -1)
        shifts = np.arange(plane.codes_per_byte, dtype=np.uint8)[:, None] * np.uint8(plane.width)
        packed[plane] = np.bitwise_or.reduce(rows << shifts, axis=0)
    return packed


def unpack(packed: Mapping[Plane, Bytes], count: int) -> Bytes:
    """Read `count` codes back from their planes."""
    total = np.zeros(count, np.uint8)
    for plane, data in packed.items():
        shifts = np.arange(plane.codes_per_byte, dtype=np.uint8)[:, None] * np.uint8(plane.width)
        field = (data >> shifts) & ((1 << plane.width) - 1)
        total |= (field.reshape(-1)[:count] << plane.offset).astype(np.uint8)
    return total
