"""ONNX nodes that follow the states of a trellis and return the levels on its path."""

from __future__ import annotations

import numpy as np
import onnx

from zoo_compress.graph.fragment import Fragment

FAR = 1 << 31
"""Behind every last place."""


def add_trellis_levels(fragment: Fragment, numbers: str, *, shape: tuple[int, int, int]) -> str:
    """Append nodes that turn whole numbers into levels; return the name of these, float32.

    The second grid is in use where the sum of the numbers 1, 3, 5, ... places before is odd. So
    the parities are moved on by one place, behind a 0, put in pairs and summed up over these.

    Args:
        fragment: Takes the nodes.
        numbers: Name of the whole numbers, float32.
        shape: Of the result; paths lie along the middle axis, and one of the others is 1 long.
    """
    _, length, behind = shape
    odd = length % 2
    # The longer of the other two lengths is left to be inferred: weights of as long paths share.
    ends = (-1, 1) if behind == 1 else (1, -1)
    side = f"{length}{'a' if behind == 1 else 'b'}"

    def lengths(role: str, *inner: int) -> str:
        return fragment.share(role + side, np.array([ends[0], *inner, ends[1]], np.int64))

    axis = fragment.constant(np.array([1], np.int64))
    start = fragment.constant(np.array([0], np.int64))
    target = lengths("k", length)
    k = fragment.add("Reshape", [numbers, target])
    parity = _add_parity(fragment, k)
    first = fragment.add("Slice", [parity, start, axis, axis])
    last = fragment.share(f"l{odd}", np.array([-1 + odd * FAR], np.int64))
    others = fragment.add("Slice", [parity, start, last, axis])
    moved = fragment.add("Concat", [fragment.add("Sub", [first, first]), others], axis=1)
    pairs = fragment.add("Reshape", [moved, lengths("p", (length + odd) // 2, 2)])
    whole = fragment.add("Cast", [pairs], to=onnx.TensorProto.INT32)
    total = fragment.add("CumSum", [whole, fragment.constant(np.array(1, np.int64))])
    grid = _add_parity(fragment, fragment.add("Cast", [total], to=onnx.TensorProto.FLOAT))
    rows = fragment.add("Reshape", [grid, lengths("q", length + odd)])
    kept = fragment.add(
        "Slice", [rows, start, fragment.share(f"n{length}", np.array([length])), axis]
    )
    half = fragment.constant(np.array(0.5, np.float32))
    towards = fragment.add("Mul", [fragment.add("Sign", [k]), half])
    return fragment.add("Sub", [k, fragment.add("Mul", [kept, towards])])


def _add_parity(fragment: Fragment, numbers: str) -> str:
    """Append nodes that compute whole numbers modulo 2, all in float32.

    Mod takes ten times as long.
    """
    two, half = (fragment.constant(np.array(value, np.float32)) for value in (2, 0.5))
    floor = fragment.add("Floor", [fragment.add("Mul", [numbers, half])])
    return fragment.add("Sub", [numbers, fragment.add("Mul", [floor, two])])
