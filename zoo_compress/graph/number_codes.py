"""ONNX nodes that decode whole numbers from prefix codes, all at once, bit by bit."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnx

from zoo_compress.core import AnyArray
from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.trellis import share_lengths
from zoo_compress.graph.unpack import add_unpacked_bits, add_unpacked_codes, role
from zoo_compress.numerics.number_codes import LONGEST, number_codes
from zoo_compress.numerics.packing import pack, padded_length

FLOAT, INT32 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT32

CHOICE = "e"
"""Before the role of which code the numbers of each column have."""
CHOICE_BITS = 4


def packed_choice(choice: npt.NDArray[np.uint8]) -> dict[str, AnyArray]:
    """Return what `add_choice` stores for the codes of columns, shape (K,), by role."""
    return {CHOICE + role(plane): data for plane, data in pack(choice, CHOICE_BITS).items()}


def add_choice(fragment: Fragment, shape: tuple[int, int, int]) -> str:
    """Append nodes that unpack the code of each column; return its name, int32, (columns, 1).

    Padding is cut off where there is none too, so that all weights share these nodes.

    Args:
        fragment: Stores the codes.
        shape: Of the weight; columns lie along the middle axis.
    """
    length = shape[1]
    padded = padded_length(length, CHOICE_BITS)
    codes = add_unpacked_codes(fragment, bits=CHOICE_BITS, shape=(padded,), prefix=CHOICE)
    start = fragment.constant(np.array([0], np.int64))
    end = fragment.share(f"n{length}", np.array([length], np.int64))
    whole = fragment.add("Cast", [fragment.add("Slice", [codes, start, end])], to=INT32)
    upright = fragment.constant(np.array([-1, 1], np.int64))
    return fragment.add("Reshape", [whole, upright])


def packed_symbols(
    symbols: npt.NDArray[np.int64], choice: npt.NDArray[np.integer], *, room: int
) -> dict[str, AnyArray]:
    """Return what `add_symbols` stores, by role.

    Args:
        symbols: Shape (n,).
        choice: The code of each, shape (n,).
        room: For how many bits there is room.

    Raises:
        ValueError: If there are more.
    """
    bits = number_codes().encode(symbols, choice)
    if len(bits) > room:
        raise ValueError(f"{len(bits)} bits do not fit into {room}")
    padded = np.pad(bits, (0, room - len(bits)))
    return {role(plane): data for plane, data in pack(padded, 1).items()}


def add_symbols(fragment: Fragment, shape: tuple[int, int, int], choice: str, room: int) -> str:
    """Append nodes that decode symbols; return the name of these, float32, in `shape`.

    The file holds the first bits of all codes, then the second ones of those that have more than
    one, and so on, all in one row. At first r is the first bit of each. Then, for each length, e
    codes of the column are shorter. Where r >= e, a code is longer: these are counted on from
    where the last bits ended, and r becomes 2 r - e and the bit found there. For others that is
    at most r, whatever the bit, so that r becomes the larger of both. At last r is the symbol.

    ONNX Runtime holds the results of all nodes until a weight is decoded, so these are few, and
    of a byte where they can. It folds no node whose shape depends on data, such as Compress.

    Args:
        fragment: Stores the bits.
        shape: Of the symbols; columns lie along the middle axis.
        choice: Name of the code of each column, int32, shape (columns, 1).
        room: For how many bits there is room.
    """
    bits = add_unpacked_bits(fragment, room)
    flat = fragment.fixed("flat", np.array([-1], np.int64))
    target = share_lengths(fragment, "k", shape, shape[1])
    count = fragment.keep("n", np.array([math.prod(shape)], np.int64))
    first = fragment.add("Slice", [bits, fragment.constant(np.array([0], np.int64)), count])
    r = fragment.add("Cast", [fragment.add("Reshape", [first, target])], to=FLOAT)
    last = fragment.constant(np.array([-1], np.int32))
    used = fragment.add("Add", [fragment.add("Cast", [count], to=INT32), last])
    ends = fragment.add("Gather", [_add_ends(fragment), choice], axis=1)
    bound = fragment.constant(np.array(-0.5, np.float32))
    axis = fragment.constant(np.array(0, np.int64))
    at = fragment.constant(np.array(-1, np.int64))
    one = fragment.constant(np.array(1, np.int64))
    for _ in range(1, LONGEST):
        at = fragment.add("Add", [at, one])
        beyond = fragment.add("Sub", [r, fragment.add("Gather", [ends, at])])
        longer = fragment.add("Reshape", [fragment.add("Greater", [beyond, bound]), flat])
        total = fragment.add("CumSum", [fragment.add("Cast", [longer], to=INT32), axis])
        places = fragment.add("Add", [total, used])
        used = fragment.add("Gather", [places, last])
        found = fragment.add("Reshape", [fragment.add("GatherElements", [bits, places]), target])
        further = fragment.add("Sum", [r, beyond, fragment.add("Cast", [found], to=FLOAT)])
        r = fragment.add("Max", [r, further])
    return r


def _add_ends(fragment: Fragment) -> str:
    """Append a table of how many codes have at most 1, 2, ... bits, shape (lengths, codes)."""
    ends = np.cumsum(number_codes().counts, axis=1).T.astype(np.int16)
    return fragment.add("Cast", [fragment.fixed("ends", ends)], to=FLOAT)


def add_places(fragment: Fragment, symbols: str, shape: tuple[int, int, int]) -> str:
    """Append nodes that part pairs; return the name of the places of their numbers, int32.

    Args:
        fragment: Takes the nodes.
        symbols: Name of the symbols.
        shape: Of the numbers; those of a pair are beside each other where that is not 1 long.

    Returns:
        Name of the place of each number in `add_numbers`, all in one row.
    """
    rows_first, length, rows = shape[2] == 1, shape[1], max(shape[0], shape[2])
    flat = fragment.fixed("flat", np.array([-1], np.int64))
    places = fragment.add("Cast", [symbols], to=INT32)
    first = fragment.add("Mul", [places, fragment.constant(np.array(2, np.int32))])
    pairs = (-1, 1, length) if rows_first else (length, -1, 1)
    name = f"v{length}{'a' if rows_first else 'b'}"
    apart = fragment.add("Reshape", [first, fragment.share(name, np.array(pairs, np.int64))])
    within = np.arange(2, dtype=np.int32).reshape((2, 1) if rows_first else (2,))
    both = fragment.add("Add", [apart, fragment.constant(within)])
    if rows % 2 == 0:
        return fragment.add("Reshape", [both, flat])
    whole = fragment.add("Reshape", [both, share_lengths(fragment, "k", shape, length)])
    start, axis = (fragment.constant(np.array([at])) for at in (0, 0 if rows_first else 2))
    end = fragment.share(f"n{rows}", np.array([rows], np.int64))
    return fragment.add("Reshape", [fragment.add("Slice", [whole, start, end, axis]), flat])


def add_numbers(fragment: Fragment) -> str:
    """Append nodes that compute `NumberCodes.pairs`; return its name, float32, in one row.

    A table of them would take 17 kB. TopK sorts, and of equal sums takes the first one first.
    """
    codes = number_codes()
    width = len(codes.line)
    line = fragment.add("Cast", [fragment.fixed("line", codes.line)], to=FLOAT)
    squares = fragment.add("Mul", [line, line])
    column = fragment.add("Reshape", [squares, fragment.constant(np.array([width, 1], np.int64))])
    flat = fragment.fixed("flat", np.array([-1], np.int64))
    sums = fragment.add("Reshape", [fragment.add("Add", [column, squares]), flat])
    count = fragment.constant(np.array([width**2], np.int64))
    _, order = fragment.add_several("TopK", [sums, count], 2, largest=0)
    lengths = fragment.constant(np.array(width, np.int64))
    first = fragment.add("Div", [order, lengths])
    second = fragment.add("Sub", [order, fragment.add("Mul", [first, lengths])])
    upright = fragment.constant(np.array([width**2, 1], np.int64))
    parts = [fragment.add("Reshape", [part, upright]) for part in (first, second)]
    both = fragment.add("Reshape", [fragment.add("Concat", parts, axis=1), flat])
    return fragment.add("Gather", [line, both])
