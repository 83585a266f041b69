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
    remainders = packed_remainders(coded, codes, rows_first=shape.rows_first)
    free = room - len(remainders) - len(quotients)
    if free < 0 or len(quotients) > quotient_room:
        raise ValueError(
            f"{len(remainders)} and {len(quotients)} bytes do not fit into {room}, of which "
            f"{quotient_room} may be quotients"
        )
    stored = np.concatenate([remainders, np.zeros(free, np.uint8), quotients[::-1]])
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
        twice: Two times the symbols, int32, in one row, or of shape (columns, pair_rows) where
            columns come first.
        columns: How many columns there are, int64, shape (1,).
    """

    twice: str
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
    stored = fragment.add("Concat", [ahead, end], axis=0)
    together = fragment.add("Mul", [lengths.merged, _whole(fragment, 2)])
    rows = fragment.add("Div", [lengths.numbers, together])
    remainders = _add_remainders(fragment, stored, codes, rows, lengths.coded, shape)
    outline = fragment.add("Shape", [remainders])
    quotients = _unsigned(fragment, _add_quotients(fragment, end, outline))
    one = fragment.constant(np.array([1], np.int32))
    by = _along_columns(fragment, fragment.add("Add", [codes, one]), shape)
    high = fragment.add("BitShift", [quotients, _unsigned(fragment, by)], direction="LEFT")
    both = fragment.add("BitwiseOr", [high, remainders])
    twice = fragment.add("Cast", [both], to=INT32)
    if shape.rows_first:
        twice = fragment.add("Reshape", [twice, _whole(fragment, -1)])
    return Symbols(twice, fragment.add("Div", [lengths.coded, lengths.merged]))


def _whole(fragment: Fragment, value: int) -> str:
    return fragment.constant(np.array([value], np.int64))


def _unsigned(fragment: Fragment, name: str) -> str:
    return fragment.add("Cast", [name], to=onnx.TensorProto.UINT32)


def _along_columns(fragment: Fragment, name: str, shape: PairShape) -> str:
    """Append a node that lays numbers of columns along them.

    No last axis is 1 long: ONNX Runtime then shifts numbers one by one, in fifty times the time.
    """
    if shape.rows_first:
        return name
    upright = fragment.constant(np.array([-1, 1], np.int64))
    return fragment.add("Reshape", [name, upright])


def _add_remainders(
    fragment: Fragment, stored: str, codes: str, rows: str, columns: str, shape: PairShape
) -> str:
    """Append nodes that find two times the remainders of symbols; return their name, uint32.

    Each row of symbols has words of its own, in which the remainders of the columns lie one after
    the other. So that of a column begins in the same word of each row, behind as many bits. It may
    go on in the next word: both are looked up together.

    Args:
        fragment: Takes the nodes.
        stored: Name of all bytes.
        codes: Name of the codes of the columns, int32, in one row.
        rows: Name of how many rows of symbols there are, int64, shape (1,).
        columns: Name of how many columns of them, int64, shape (1,).
        shape: How they lie.
    """
    zero = fragment.constant(np.array(0, np.int64))
    word = fragment.constant(np.array([WORD], np.int32))
    before = fragment.add("CumSum", [codes, zero], exclusive=1)
    own = fragment.add("Div", [before, word])
    skipped = fragment.add("Sub", [before, fragment.add("Mul", [own, word])])
    width = fragment.add("Div", [fragment.add("ReduceSum", [codes], keepdims=1), word])
    # Behind the last word begin only remainders of no bits.
    last = fragment.add("Sub", [width, fragment.constant(np.array([1], np.int32))])
    first = fragment.add("Min", [own, last])
    width = fragment.add("Cast", [width], to=onnx.TensorProto.INT64)
    words = _add_words(fragment, stored, _whole(fragment, 1) if shape.rows_first else rows)
    count = fragment.add("Mul", [rows, width])
    used = fragment.add("Slice", [words, _whole(fragment, 0), count])
    sizes, lengths = (
        fragment.add("Concat", [rows, other] if shape.rows_first else [other, rows], axis=0)
        for other in (width, columns)
    )
    of_rows = fragment.add("Reshape", [used, sizes])
    places = fragment.add("Expand", [_along_columns(fragment, first, shape), lengths])
    found = fragment.add("GatherElements", [of_rows, places], axis=1 if shape.rows_first else 0)
    by = _along_columns(fragment, _unsigned(fragment, skipped), shape)
    found = fragment.add("BitShift", [found, by], direction="RIGHT")
    masks = fragment.constant((2 * (np.exp2(np.arange(CODES)) - 1)).astype(np.uint32))
    own_masks = _along_columns(fragment, fragment.add("Gather", [masks, codes]), shape)
    return fragment.add("BitwiseAnd", [found, own_masks])


def _add_words(fragment: Fragment, stored: str, further: str) -> str:
    """Append nodes that put a later word above each word of bytes, and move both up by one bit.

    No remainder reaches the last bit, which is lost.

    Args:
        fragment: Takes the nodes.
        stored: Name of the bytes.
        further: Name of how many words later the other one comes, int64, shape (1,).

    Returns:
        Name of the double words, uint32, in one row.
    """
    halves = fragment.add("Reshape", [stored, fragment.constant(np.array([-1, 2], np.int64))])
    low, high = (
        _unsigned(fragment, fragment.add("Gather", [halves, column], axis=1))
        for column in (fragment.constant(np.array(place, np.int64)) for place in (0, 1))
    )
    by_byte = fragment.constant(np.array(WORD // 2, np.uint32))
    words = fragment.add(
        "BitwiseOr", [low, fragment.add("BitShift", [high, by_byte], direction="LEFT")]
    )
    later = fragment.add("Slice", [words, further, _whole(fragment, FAR)])
    beyond = fragment.add(
        "ConstantOfShape",
        [further],
        value=onnx.numpy_helper.from_array(np.zeros(1, np.uint32)),
    )
    others = fragment.add("Concat", [later, beyond], axis=0)
    by_word = fragment.constant(np.array(WORD, np.uint32))
    above = fragment.add("BitShift", [others, by_word], direction="LEFT")
    both = fragment.add("BitwiseOr", [words, above])
    by_one = fragment.constant(np.array(1, np.uint32))
    return fragment.add("BitShift", [both, by_one], direction="LEFT")


def _add_quotients(fragment: Fragment, end: str, outline: str) -> str:
    """Append nodes that count the bits that are 1 in front of each 0; return their name, uint8.

    Each bit is added to what belongs to the number of 0 in front of it. What follows those of the
    last symbol adds to places that are cut off.
    """
    backwards = [_whole(fragment, value) for value in (-1, -FAR, 0, -1)]
    turned = fragment.add("Slice", [end, *backwards])
    each = fragment.add(
        "Gather", [fragment.compute("b", _add_byte_bits), _to_int32(fragment, turned)]
    )
    bits = fragment.add("Reshape", [each, _whole(fragment, -1)])
    # Equal took no bytes before ONNX Runtime 1.22.
    one = fragment.constant(np.array(1, np.uint8))
    ends = _to_int32(fragment, fragment.add("BitwiseXor", [bits, one]))
    axis = fragment.constant(np.array(0, np.int64))
    numbers = fragment.add("CumSum", [ends, axis], exclusive=1)
    empty = onnx.numpy_helper.from_array(np.zeros(1, np.uint8))
    room = fragment.add("ConstantOfShape", [fragment.add("Shape", [bits])], value=empty)
    counted = fragment.add("ScatterElements", [room, numbers, bits], reduction="add")
    count = fragment.add("ReduceProd", [outline])
    kept = fragment.add("Slice", [counted, _whole(fragment, 0), count])
    return fragment.add("Reshape", [kept, outline])


def _to_int32(fragment: Fragment, name: str) -> str:
    return fragment.add("Cast", [name], to=INT32)


def _add_byte_bits(fragment: Fragment) -> None:
    """Append a table of the bits of each byte, the lowest first, uint8, shape (256, 8)."""
    one = onnx.numpy_helper.from_array(np.ones(1, np.int32))
    lengths = fragment.constant(np.array([256, 1], np.int64))
    axis = fragment.constant(np.array(0, np.int64))
    ones = fragment.add("ConstantOfShape", [lengths], value=one)
    counted = fragment.add("CumSum", [ones, axis], exclusive=1)
    numbers = fragment.add("Cast", [counted], to=onnx.TensorProto.UINT8)
    places = fragment.constant(np.arange(8, dtype=np.uint8))
    moved = fragment.add("BitShift", [numbers, places], direction="RIGHT")
    one_bit = fragment.constant(np.array([1], np.uint8))
    fragment.add("BitwiseAnd", [moved, one_bit])


def add_numbers(fragment: Fragment) -> str:
    """Append nodes that compute what symbols stand for; return its name, float32, (2, symbols).

    A table in the file would take 17 kB. TopK sorts, and of equal sums takes the first one first.
    """
    numbers = line()
    width = len(numbers)
    lines = fragment.add("Cast", [fragment.constant(numbers)], to=FLOAT)
    squares = fragment.add("Mul", [lines, lines])
    column = fragment.add("Reshape", [squares, fragment.constant(np.array([-1, 1], np.int64))])
    sums = fragment.add("Reshape", [fragment.add("Add", [column, squares]), _whole(fragment, -1)])
    _, order = fragment.add_several("TopK", [sums, _whole(fragment, width**2)], 2, largest=0)
    lengths = _whole(fragment, width)
    first = fragment.add("Div", [order, lengths])
    second = fragment.add("Sub", [order, fragment.add("Mul", [first, lengths])])
    beside = fragment.constant(np.array([1, -1], np.int64))
    parts = [fragment.add("Reshape", [part, beside]) for part in (first, second)]
    return fragment.add("Gather", [lines, fragment.add("Concat", parts, axis=0)])
