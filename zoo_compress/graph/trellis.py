"""ONNX nodes that follow the states of a trellis and return the levels on its path."""

from __future__ import annotations

import numpy as np
import onnx

from zoo_compress.graph.fragment import Fragment

INT32, UINT8 = onnx.TensorProto.INT32, onnx.TensorProto.UINT8
FAR = 1 << 31
"""Behind every last place."""


def add_trellis_levels(
    fragment: Fragment, numbers: str, places: str, *, shape: tuple[int, int, int]
) -> str:
    """Append nodes that turn whole numbers into levels; return the name of these, float32.

    The second grid is in use where the sum of the numbers 1, 3, 5, ... places before is odd. So
    the parities are moved on by one place, behind a 0, put in pairs and summed up over these.

    Args:
        fragment: Takes the nodes.
        numbers: Name of a table of whole numbers, float32, in one row.
        places: Name of the places of the numbers in this table, int32, in one row.
        shape: Of the result; paths lie along the middle axis, and one of the others is 1 long.
    """
    second, parity = _add_tables(fragment, numbers)
    odd = fragment.add("GatherElements", [parity, places])
    second_grid = _add_grid(fragment, odd, shape)
    levels = [fragment.add("GatherElements", [table, places]) for table in (second, numbers)]
    chosen = fragment.add("Where", [second_grid, *levels])
    return fragment.add("Reshape", [chosen, share_lengths(fragment, "k", shape, shape[1])])


def _add_tables(fragment: Fragment, numbers: str) -> tuple[str, str]:
    """Append levels of numbers on the second grid, float32, and whether they are odd, uint8."""
    two, half = (fragment.constant(np.array(value, np.float32)) for value in (2, 0.5))
    towards = fragment.add("Mul", [fragment.add("Sign", [numbers]), half])
    second = fragment.add("Sub", [numbers, towards])
    floor = fragment.add("Floor", [fragment.add("Mul", [numbers, half])])
    odd = fragment.add("Sub", [numbers, fragment.add("Mul", [floor, two])])
    return second, fragment.add("Cast", [odd], to=UINT8)


def _add_grid(fragment: Fragment, odd: str, shape: tuple[int, int, int]) -> str:
    """Append nodes that tell where the second grid is in use, in one row.

    Mod takes ten times as long as a shift, and sums wrap around.
    """
    length = shape[1]
    rest = length % 2
    axis = fragment.constant(np.array([1], np.int64))
    start = fragment.constant(np.array([0], np.int64))
    parity = fragment.add("Reshape", [odd, share_lengths(fragment, "k", shape, length)])
    column = fragment.add("Slice", [parity, start, axis, axis])
    zero = fragment.add("Equal", [column, fragment.constant(np.array(2, np.uint8))])
    last = fragment.share(f"l{rest}", np.array([-1 + rest * FAR], np.int64))
    others = fragment.add("Slice", [parity, start, last, axis])
    moved = fragment.add("Concat", [fragment.add("Cast", [zero], to=UINT8), others], axis=1)
    by_two = share_lengths(fragment, "p", shape, (length + rest) // 2, 2)
    whole = fragment.add("Cast", [fragment.add("Reshape", [moved, by_two])], to=INT32)
    total = fragment.add("CumSum", [whole, fragment.constant(np.array(1, np.int64))])
    last_bit = fragment.add(
        "BitShift",
        [fragment.add("Cast", [total], to=UINT8), fragment.constant(np.array(7, np.uint8))],
        direction="LEFT",
    )
    rows = fragment.add("Reshape", [last_bit, share_lengths(fragment, "q", shape, length + rest)])
    kept = fragment.add(
        "Slice", [rows, start, fragment.share(f"n{length}", np.array([length])), axis]
    )
    flat = fragment.fixed("flat", np.array([-1], np.int64))
    return fragment.add("Cast", [fragment.add("Reshape", [kept, flat])], to=onnx.TensorProto.BOOL)


def share_lengths(fragment: Fragment, role: str, shape: tuple[int, int, int], *inner: int) -> str:
    """Declare a shape like that of paths, but with other inner lengths; return its name.

    The longer of the other two lengths is left to be inferred: weights of as long paths share it.
    """
    _, length, behind = shape
    ends = (-1, 1) if behind == 1 else (1, -1)
    name = f"{role}{length}{'a' if behind == 1 else 'b'}"
    return fragment.share(name, np.array([ends[0], *inner, ends[1]], np.int64))
