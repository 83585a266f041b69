"""ONNX nodes that follow the states of a trellis and return the levels on its path."""

from __future__ import annotations

import numpy as np
import onnx

from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.rice_codes import Symbols
from zoo_compress.numerics.pair_shape import PairShape

INT32, UINT8 = onnx.TensorProto.INT32, onnx.TensorProto.UINT8


def add_trellis_levels(
    fragment: Fragment, numbers: str, symbols: Symbols, shape: PairShape
) -> str:
    """Append nodes that turn symbols into levels; return the name of these, float32.

    The second grid is in use where the sum of the numbers 1, 3, 5, ... columns before is odd.

    Args:
        fragment: Takes the nodes.
        numbers: Name of the numbers of pairs, see `add_numbers`.
        symbols: Of the pairs.
        shape: How they lie.

    Returns:
        Name of levels of shape (2, pair_rows, columns, 1), or (1, columns, pair_rows, 2) where
        columns come first.
    """
    axis = 1 if shape.rows_first else 0
    second, parity = _add_tables(fragment, numbers)
    odd, *levels = (
        fragment.add("Gather", [table, symbols.places], axis=axis)
        for table in (parity, second, numbers)
    )
    return fragment.add("Where", [_add_grid(fragment, odd, symbols.columns, shape), *levels])


def _add_tables(fragment: Fragment, numbers: str) -> tuple[str, str]:
    """Append levels of numbers on the second grid, float32, and whether they are odd, uint8."""
    two, half = (fragment.constant(np.array(value, np.float32)) for value in (2, 0.5))
    towards = fragment.add("Mul", [fragment.add("Sign", [numbers]), half])
    second = fragment.add("Sub", [numbers, towards])
    floor = fragment.add("Floor", [fragment.add("Mul", [numbers, half])])
    odd = fragment.add("Sub", [numbers, fragment.add("Mul", [floor, two])])
    return second, fragment.add("Cast", [odd], to=UINT8)


def _add_grid(fragment: Fragment, odd: str, columns: str, shape: PairShape) -> str:
    """Append nodes that tell where the second grid is in use, in the shape of `odd`.

    The parities are moved on by one column, behind a 0, put in pairs and summed up over these. Mod
    takes ten times as long as a shift, and sums wrap around.

    Args:
        fragment: Takes the nodes.
        odd: Name of the parities of numbers, uint8.
        columns: Name of how many columns there are, int64, shape (1,).
        shape: How the pairs lie.
    """
    zero, one, two = (fragment.constant(np.array([value], np.int64)) for value in range(3))
    along = fragment.constant(np.array([2 if shape.rows_first else 1], np.int64))
    first = fragment.add("Slice", [odd, zero, one, along])
    nothing = fragment.add("Equal", [first, fragment.constant(np.array(2, np.uint8))])
    pairs = fragment.add("Div", [fragment.add("Add", [columns, one]), two])
    even = fragment.add("Mul", [pairs, two])
    others = fragment.add("Slice", [odd, zero, fragment.add("Sub", [even, one]), along])
    moved = fragment.add(
        "Concat",
        [fragment.add("Cast", [nothing], to=UINT8), others],
        axis=2 if shape.rows_first else 1,
    )
    rest = fragment.constant(np.array([-1], np.int64))
    ends = (rest, one) if shape.rows_first else (one, rest)
    by_two = fragment.add("Concat", [ends[0], pairs, two, ends[1]], axis=0)
    whole = fragment.add("Cast", [fragment.add("Reshape", [moved, by_two])], to=INT32)
    total = fragment.add("CumSum", [whole, fragment.constant(np.array(1, np.int64))])
    last_bit = fragment.add(
        "BitShift",
        [fragment.add("Cast", [total], to=UINT8), fragment.constant(np.array(7, np.uint8))],
        direction="LEFT",
    )
    full = (two, rest, even, one) if shape.rows_first else (one, even, rest, two)
    back = fragment.add("Reshape", [last_bit, fragment.add("Concat", full, axis=0)])
    kept = fragment.add("Slice", [back, zero, columns, along])
    return fragment.add("Cast", [kept], to=onnx.TensorProto.BOOL)


def add_whole_rows(fragment: Fragment, weight: str, symbols: Symbols, shape: PairShape) -> str:
    """Append nodes that leave out the row that makes odd ones even; return what is left.

    Args:
        fragment: Takes the nodes.
        weight: Name of numbers in the shape of levels.
        symbols: Of the pairs.
        shape: How they lie.
    """
    zero, one = (fragment.constant(np.array([value], np.int64)) for value in (0, 1))
    all_rows = fragment.constant(np.array([-1], np.int64))
    lengths = (all_rows, symbols.columns) if shape.rows_first else (symbols.columns, all_rows)
    matrix = fragment.add("Reshape", [weight, fragment.add("Concat", lengths, axis=0)])
    end = fragment.share(f"o{shape.rows}", np.array([shape.rows], np.int64))
    return fragment.add("Slice", [matrix, zero, end, zero if shape.rows_first else one])
