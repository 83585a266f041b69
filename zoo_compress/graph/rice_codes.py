"""ONNX nodes that decode pairs of whole numbers from Rice codes, all at once.

ONNX Runtime holds the results of all nodes until the last weight is decoded, so those of a pair
are few, and of a byte where they can. It folds no node whose shape depends on data, as NonZero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from zoo_compress.core import AnyArray
from zoo_compress.graph.fragment import Fragment
from zoo_compress.numerics.pair_shape import PairShape
from zoo_compress.numerics.rice_codes import (
    CODES,
    FEWEST_QUOTIENT_BYTES,
    WORD,
    line,
    packed_quotients,
    packed_remainders,
)

FLOAT, INT32 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT32
FAR = 1 << 31
"""Behind every last place."""

OPSET = 18
"""The first operator set with all that this takes: BitwiseOr came with it."""

QUOTIENTS, REMAINDERS = "q", "r"


def packed_symbols(
    coded: AnyArray, codes: AnyArray, shape: PairShape, *, room: int, quotient_room: int
) -> dict[str, AnyArray]:
    """Return what `add_symbols` stores, by role.

    Quotients lie at the end, byte after byte backwards: in front of them there is room for
    remainders too.

    Args:
        coded: Symbols by column that has a code, see `PairShape.merged_rows`.
        codes: Of the columns.
        shape: How they lie.
        room: Bytes for all.
        quotient_room: Bytes, of those, in which the quotients have to lie.

    Raises:
        ValueError: If they do not fit.
    """
    quotients = packed_quotients(
        shape.in_order(coded), shape.in_order(np.broadcast_to(codes, coded.shape))
    )
    remainders = packed_remainders(coded, codes)
    free = room - len(remainders) - max(len(quotients), FEWEST_QUOTIENT_BYTES)
    if free < 0 or len(quotients) > quotient_room:
        raise ValueError(
            f"{len(remainders)} and {len(quotients)} bytes do not fit into {room}, of which "
            f"{quotient_room} may be quotients"
        )
    between = np.zeros(room - len(remainders) - len(quotients), np.uint8)
    stored = np.concatenate([remainders, between, quotients[::-1]])
    return {
        REMAINDERS: stored[: room - quotient_room],
        QUOTIENTS: stored[room - quotient_room :],
    }


@dataclass(frozen=True)
class Lengths:
    """Names of how many there are, int64, shape (1,).

    Attributes:
        numbers: Rows of numbers, made even.
        merged: Rows of symbols that are coded as one.
        coded: Columns with codes of their own.
    """

    numbers: str
    merged: str
    coded: str


def add_lengths(fragment: Fragment, shape: PairShape) -> Lengths:
    """Declare the lengths of a weight; those that are alike are shared.

    Each has a name of its own, also where two are as long: the nodes are those of one function.
    """
    lengths = {"n": 2 * shape.pair_rows, "m": shape.merged, "k": shape.code_columns}
    names = (
        fragment.share(f"{role}{length}", np.array([length], np.int64))
        for role, length in lengths.items()
    )
    return Lengths(*names)


@dataclass(frozen=True)
class Symbols:
    """Names of what is computed.

    Attributes:
        places: Symbols, int32, shape (pair_rows, columns, 1) or (1, columns, pair_rows).
        columns: How many columns there are, int64, shape (1,).
    """

    places: str
    columns: str


def add_symbols(
    fragment: Fragment,
    codes: str,
    lengths: Lengths,
    shape: PairShape,
    *,
    room: int,
    quotient_room: int,
) -> Symbols:
    """Append nodes that decode symbols.

    Args:
        fragment: Stores what `packed_symbols` does.
        codes: Name of the codes of the columns, int32, in one row.
        lengths: See `add_lengths`.
        shape: How the symbols lie.
        room: Bytes for all.
        quotient_room: Bytes, of those, in which the quotients have to lie.
    """
    ahead = fragment.store(REMAINDERS, (room - quotient_room,), np.uint8)
    end = fragment.store(QUOTIENTS, (quotient_room,), np.uint8)
    upright = fragment.constant(np.array([-1, 1], np.int64))
    codes = fragment.add("Reshape", [codes, upright])
    stored = fragment.add("Concat", [ahead, end], axis=0)
    remainders = _add_remainders(fragment, stored, codes, lengths, shape)
    outline = fragment.add("Shape", [remainders])
    quotients = _unsigned(fragment, _add_quotients(fragment, end, outline))
    high = fragment.add("BitShift", [quotients, _unsigned(fragment, codes)], direction="LEFT")
    both = fragment.add("BitwiseOr", [high, remainders])
    places = fragment.add("Cast", [both], to=INT32)
    columns = fragment.add("Div", [lengths.coded, lengths.merged])
    if shape.rows_first:
        one_by_one = fragment.add(
            "Concat", [_whole(fragment, -1), columns, _whole(fragment, 1)], axis=0
        )
        places = fragment.add("Reshape", [places, one_by_one])
    return Symbols(places, columns)


def _whole(fragment: Fragment, value: int) -> str:
    return fragment.constant(np.array([value], np.int64))


def _add_remainders(
    fragment: Fragment, stored: str, codes: str, lengths: Lengths, shape: PairShape
) -> str:
    """Append nodes that find the remainders of symbols; return their name, uint32.

    Those of a row of symbols lie one after the other, and each row begins with a word. So in each
    row that of a column begins as many words later, behind as many bits. It may go on in the next
    word: both are looked up together.
    """
    zero = fragment.constant(np.array(0, np.int64))
    word = fragment.constant(np.array(WORD, np.int32))
    before = fragment.add("CumSum", [codes, zero], exclusive=1)
    first = fragment.add("Div", [before, word])
    skipped = fragment.add("Sub", [before, fragment.add("Mul", [first, word])])
    row_words = fragment.add("Div", [fragment.add("ReduceSum", [codes], keepdims=0), word])
    together = fragment.add("Mul", [lengths.merged, _whole(fragment, 2)])
    one, rows = _whole(fragment, 1), fragment.add("Div", [lengths.numbers, together])
    along = fragment.add(
        "Concat", (rows, one, one) if shape.rows_first else (one, one, rows), axis=0
    )
    axis = fragment.constant(np.array(0 if shape.rows_first else 2, np.int64))
    each = fragment.add("Expand", [row_words, along])
    places = fragment.add("Add", [fragment.add("CumSum", [each, axis], exclusive=1), first])
    found = fragment.add("Gather", [_add_words(fragment, stored), places])
    found = fragment.add("BitShift", [found, _unsigned(fragment, skipped)], direction="RIGHT")
    masks = fragment.constant((np.exp2(np.arange(CODES)) - 1).astype(np.uint32))
    return fragment.add("BitwiseAnd", [found, fragment.add("Gather", [masks, codes])])


def _add_words(fragment: Fragment, stored: str) -> str:
    """Append nodes that put the next word above each word of bytes; return their name, uint32."""
    halves = fragment.add("Reshape", [stored, fragment.constant(np.array([-1, 2], np.int64))])
    low, high = (
        _unsigned(fragment, fragment.add("Gather", [halves, column], axis=1))
        for column in (fragment.constant(np.array(place, np.int64)) for place in (0, 1))
    )
    by_byte = fragment.constant(np.array(WORD // 2, np.uint32))
    high = fragment.add("BitShift", [high, by_byte], direction="LEFT")
    words = fragment.add("BitwiseOr", [low, high])
    by_word = fragment.constant(np.array(WORD, np.uint32))
    second = fragment.add("BitShift", [words, by_word], direction="LEFT")
    second = fragment.add("Slice", [second, _whole(fragment, 1), _whole(fragment, FAR)])
    first = fragment.add("Slice", [words, _whole(fragment, 0), _whole(fragment, -1)])
    return fragment.add("BitwiseOr", [first, second])


def _unsigned(fragment: Fragment, name: str) -> str:
    return fragment.add("Cast", [name], to=onnx.TensorProto.UINT32)


def _add_quotients(fragment: Fragment, end: str, outline: str) -> str:
    """Append nodes that count the bits that are 1 in front of each 0; return their name, uint8.

    Each bit is added to what belongs to the number of 0 in front of it. What follows those of the
    last symbol adds to places that are cut off.
    """
    flat = fragment.fixed("flat", np.array([-1], np.int64))
    backwards = [_whole(fragment, value) for value in (-1, -FAR, 0, -1)]
    turned = fragment.add("Slice", [end, *backwards])
    upright = fragment.add("Reshape", [turned, fragment.constant(np.array([-1, 1], np.int64))])
    lefts = fragment.fixed("cut1", np.arange(7, -1, -1, dtype=np.uint8))
    high = fragment.add("BitShift", [upright, lefts], direction="LEFT")
    by_seven = fragment.fixed("by7", np.array([7], np.uint8))
    single = fragment.add("BitShift", [high, by_seven], direction="RIGHT")
    bits = fragment.add("Reshape", [single, flat])
    zero = fragment.constant(np.array(0, np.uint8))
    ends = fragment.add("Cast", [fragment.add("Equal", [bits, zero])], to=INT32)
    axis = fragment.constant(np.array(0, np.int64))
    numbers = fragment.add("CumSum", [ends, axis], exclusive=1)
    empty = onnx.numpy_helper.from_array(np.zeros(1, np.uint8))
    room = fragment.add("ConstantOfShape", [fragment.add("Shape", [bits])], value=empty)
    counted = fragment.add("ScatterElements", [room, numbers, bits], reduction="add")
    count = fragment.add("ReduceProd", [outline])
    kept = fragment.add("Slice", [counted, _whole(fragment, 0), count])
    return fragment.add("Reshape", [kept, outline])


def add_numbers(fragment: Fragment, shape: PairShape) -> str:
    """Append nodes that compute what symbols stand for; return its name, float32.

    A table in the file would take 17 kB. TopK sorts, and of equal sums takes the first one first.

    Returns:
        Name of the numbers of pairs, shape (2, symbols), or (symbols, 2) where columns come first.
    """
    numbers = line()
    width = len(numbers)
    lines = fragment.add("Cast", [fragment.constant(numbers)], to=FLOAT)
    squares = fragment.add("Mul", [lines, lines])
    column = fragment.add("Reshape", [squares, fragment.constant(np.array([width, 1], np.int64))])
    flat = fragment.fixed("flat", np.array([-1], np.int64))
    sums = fragment.add("Reshape", [fragment.add("Add", [column, squares]), flat])
    _, order = fragment.add_several("TopK", [sums, _whole(fragment, width**2)], 2, largest=0)
    lengths = fragment.constant(np.array(width, np.int64))
    first = fragment.add("Div", [order, lengths])
    second = fragment.add("Sub", [order, fragment.add("Mul", [first, lengths])])
    target = fragment.constant(np.array((1, -1) if shape.rows_first else (-1, 1), np.int64))
    parts = [fragment.add("Reshape", [part, target]) for part in (first, second)]
    both = fragment.add("Concat", parts, axis=0 if shape.rows_first else 1)
    return fragment.add("Gather", [lines, both])
