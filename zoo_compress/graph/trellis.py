"""ONNX nodes that follow the states of a trellis and return the levels on its path."""

from __future__ import annotations

import numpy as np
import onnx

from zoo_compress.graph.fragment import Fragment


def add_trellis_levels(fragment: Fragment, numbers: str, *, shape: tuple[int, int, int]) -> str:
    """Append nodes that turn whole numbers into levels; return the name of these, float32.

    The second grid is in use where the sum of the numbers 1, 3, 5, ... places before is odd. So
    the parities are moved on by one place, behind a 0, put in pairs and summed up over these.

    Args:
        fragment: Takes the nodes.
        numbers: Name of the whole numbers, int32.
        shape: Of the result; paths lie along the middle axis, and one of the others is 1 long.
    """
    _, length, behind = shape
    odd = length % 2
    # The longer of the other two lengths is left to be inferred: weights of as long paths share.
    ends = (-1, 1) if behind == 1 else (1, -1)
    side = f"{length}{'a' if behind == 1 else 'b'}"

    def lengths(role: str, *inner: int) -> str:
        return fragment.share(role + side, np.array([ends[0], *inner, ends[1]], np.int64))

    target = lengths("k", length)
    whole = fragment.add("Reshape", [numbers, target])
    two = fragment.constant(np.array(2, np.int32))
    parity = fragment.add("Mod", [whole, two])
    k = fragment.add("Cast", [whole], to=onnx.TensorProto.FLOAT)
    on = fragment.share(f"on{odd}", np.array([0, 1, 0, 0, odd - 1, 0], np.int64))
    moved = fragment.add("Pad", [parity, on])
    pairs = fragment.add("Reshape", [moved, lengths("p", (length + odd) // 2, 2)])
    total = fragment.add("CumSum", [pairs, fragment.constant(np.array(1, np.int64))])
    summed = fragment.add("Mod", [total, two])
    rows = fragment.add("Reshape", [summed, lengths("q", length + odd)])
    off = fragment.share(f"off{odd}", np.array([0, 0, 0, 0, -odd, 0], np.int64))
    grid = fragment.add("Cast", [fragment.add("Pad", [rows, off])], to=onnx.TensorProto.FLOAT)
    half = fragment.constant(np.array(0.5, np.float32))
    towards = fragment.add("Mul", [fragment.add("Sign", [k]), half])
    return fragment.add("Sub", [k, fragment.add("Mul", [grid, towards])])
