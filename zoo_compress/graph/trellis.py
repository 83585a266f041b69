"""ONNX nodes that follow the states of a trellis and return the levels on its path."""

from __future__ import annotations

import numpy as np
import onnx

from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.rice_codes import Symbols, add_numbers
from zoo_compress.numerics.pair_shape import PairShape
from zoo_compress.numerics.rice_codes import line

INT32, UINT8 = onnx.TensorProto.INT32, onnx.TensorProto.UINT8


def add_trellis_levels(fragment: Fragment, symbols: Symbols, shape: PairShape) -> str:
    """Append nodes that turn symbols into levels; return the name of these, float32, in one row.

    The second grid is in use where the sum of the numbers 1, 3, 5, ... columns before is odd.
    GatherElements takes a tenth of the time that Gather takes to look numbers up one by one.

    Args:
        fragment: Takes the nodes.
        symbols: Of the pairs.
        shape: How they lie.
    """
    levels = fragment.compute("l", _add_levels)
    parities = fragment.compute("p", _add_parities)
    table_length = fragment.constant(np.array([2 * len(line()) ** 2], np.int32))
    others = fragment.add("Add", [symbols.twice, table_length])
    axis = 0 if shape.rows_first else 1
    places = fragment.add("Concat", [symbols.twice, others], axis=axis)
    flat = fragment.constant(np.array([-1], np.int64))
    if not shape.rows_first:
        places = fragment.add("Reshape", [places, flat])
    odd = fragment.add("GatherElements", [parities, places])
    grid = _add_grid(fragment, odd, symbols.columns, shape)
    second = fragment.add("Cast", [fragment.add("Reshape", [grid, flat])], to=INT32)
    return fragment.add("GatherElements", [levels, fragment.add("Add", [places, second])])


def _add_levels(fragment: Fragment) -> None:
    """Append levels of symbols on both grids side by side, float32, in one row.

    Those of the first numbers of pairs come first.
    """
    numbers = add_numbers(fragment)
    half = fragment.constant(np.array(0.5, np.float32))
    towards = fragment.add("Mul", [fragment.add("Sign", [numbers]), half])
    second = fragment.add("Sub", [numbers, towards])
    behind = fragment.constant(np.array([2, -1, 1], np.int64))
    grids = [fragment.add("Reshape", [grid, behind]) for grid in (numbers, second)]
    flat = fragment.constant(np.array([-1], np.int64))
    fragment.add("Reshape", [fragment.add("Concat", grids, axis=2), flat])


def _add_parities(fragment: Fragment) -> None:
    """Append whether the numbers that levels stand for are odd, uint8, in the order of these."""
    levels = fragment.compute("l", _add_levels)
    two, half = (fragment.constant(np.array(value, np.float32)) for value in (2, 0.5))
    sizes = fragment.add("Ceil", [fragment.add("Abs", [levels])])
    floor = fragment.add("Floor", [fragment.add("Mul", [sizes, half])])
    odd = fragment.add("Sub", [sizes, fragment.add("Mul", [floor, two])])
    fragment.add("Cast", [odd], to=UINT8)


def _add_grid(fragment: Fragment, odd: str, columns: str, shape: PairShape) -> str:
    """Append nodes that tell where the second grid is in use: 1, and else 0, uint8, in a matrix.

    The parities are moved on by one column, behind a 0, put in pairs and summed up over these.

    Args:
        fragment: Takes the nodes.
        odd: Name of the parities of numbers, uint8, in one row.
        columns: Name of how many columns there are, int64, shape (1,).
        shape: How the pairs lie.
    """
    zero, one, two, rest = (fragment.constant(np.array([v], np.int64)) for v in (0, 1, 2, -1))
    axis = 1 if shape.rows_first else 0
    along = one if shape.rows_first else zero
    matrix = fragment.add("Reshape", [odd, _add_lengths(fragment, rest, [columns], shape)])
    first = fragment.add("Slice", [matrix, zero, one, along])
    nothing = fragment.add("BitwiseAnd", [first, fragment.constant(np.array([0], np.uint8))])
    pairs = fragment.add("Div", [fragment.add("Add", [columns, one]), two])
    even = fragment.add("Mul", [pairs, two])
    others = fragment.add("Slice", [matrix, zero, fragment.add("Sub", [even, one]), along])
    moved = fragment.add("Concat", [nothing, others], axis=axis)
    by_two = fragment.add("Reshape", [moved, _add_lengths(fragment, rest, [pairs, two], shape)])
    numbers = fragment.add("Cast", [by_two], to=INT32)
    total = fragment.add("CumSum", [numbers, fragment.constant(np.array(axis, np.int64))])
    last_bit = fragment.add(
        "BitwiseAnd",
        [fragment.add("Cast", [total], to=UINT8), fragment.constant(np.array([1], np.uint8))],
    )
    back = fragment.add("Reshape", [last_bit, _add_lengths(fragment, rest, [even], shape)])
    return fragment.add("Slice", [back, zero, columns, along])


def _add_lengths(fragment: Fragment, rows: str, inner: list[str], shape: PairShape) -> str:
    """Append a node that makes lengths of an array of those of rows and columns."""
    lengths = [rows, *inner] if shape.rows_first else [*inner, rows]
    return fragment.add("Concat", lengths, axis=0)


def add_whole_rows(fragment: Fragment, levels: str, symbols: Symbols, shape: PairShape) -> str:
    """Append nodes that leave out the row that makes odd ones even; return what is left.

    Args:
        fragment: Takes the nodes.
        levels: Name of numbers in one row.
        symbols: Of the pairs.
        shape: How they lie.
    """
    zero, one, rest = (fragment.constant(np.array([value], np.int64)) for value in (0, 1, -1))
    lengths = _add_lengths(fragment, rest, [symbols.columns], shape)
    matrix = fragment.add("Reshape", [levels, lengths])
    end = fragment.share(f"o{shape.rows}", np.array([shape.rows], np.int64))
    return fragment.add("Slice", [matrix, zero, end, zero if shape.rows_first else one])
