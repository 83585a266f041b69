"""ONNX nodes that decode a prefix code of many lengths, all symbols at once, bit by bit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx

from zoo_compress.core import AnyArray
from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.unpack import add_unpacked_codes, role
from zoo_compress.numerics.canonical_code import FIRST_BITS
from zoo_compress.numerics.packing import pack
from zoo_compress.numerics.whole_numbers import WholeNumberCode

REST = "r"
"""Before the role of what the file holds of the bits behind the first two of each code."""


def packed_numbers(
    code: WholeNumberCode, numbers: npt.NDArray[np.integer], rest: int
) -> dict[str, AnyArray]:
    """Return what `add_numbers` stores, by role.

    Args:
        code: Of the numbers.
        numbers: Shape (n,).
        rest: For how many bits behind the first two of each code there is room.

    Raises:
        ValueError: If there are more.
    """
    first, bits = code.code.encode(code.symbols(numbers))
    if len(bits) > rest:
        raise ValueError(f"{len(bits)} further bits do not fit into {rest}")
    padded = np.pad(bits, (0, rest - len(bits)))
    tensors: dict[str, AnyArray] = {
        role(plane): data for plane, data in pack(first, FIRST_BITS).items()
    }
    return tensors | {REST + role(plane): data for plane, data in pack(padded, 1).items()}


def add_numbers(
    fragment: Fragment, code: WholeNumberCode, *, name: str, count: int, rest: int
) -> str:
    """Append nodes that decode whole numbers; return the name of these, float32, shape (count,).

    The first two bits of every code are a number r. Behind them the file holds one bit of each
    longer code, then one more of each that is longer still, and so on, all in one row. So for
    each length the nodes find which codes are longer (r - e > -1/2), count these on from where
    the last bits ended, and add the bits found there: r + max(r - e, 0) + bit. At last r is the
    place of the numbers in a table.

    Args:
        fragment: Stores the bits.
        code: Of the numbers.
        name: Of the code: what fragments share of it is called by it.
        count: Number of numbers.
        rest: For how many bits behind the first two of each code there is room.
    """
    symbols = -(-count // code.together)
    r = add_unpacked_codes(fragment, bits=FIRST_BITS, shape=(symbols,))
    bits = add_unpacked_codes(fragment, bits=1, shape=(rest,), prefix=REST)
    ended = code.code.ended.astype(np.float32)
    r = _add_symbols(fragment, r, bits, fragment.share(f"e{name}", ended), len(ended))
    numbers = _add_lookup(fragment, code, r, name)
    if symbols * code.together == count:
        return numbers
    start = fragment.share("start", np.array([0], np.int64))
    return fragment.add("Slice", [numbers, start, fragment.keep("m", np.array([count]))])


def _add_symbols(fragment: Fragment, r: str, bits: str, ended: str, lengths: int) -> str:
    """Append nodes that go on from the first two bits by one more for each of some lengths."""
    zero = fragment.constant(np.zeros(1, np.float32))
    table = fragment.add("Concat", [zero, bits], axis=0)
    axis = fragment.constant(np.array(0, np.int64))
    bound = fragment.constant(np.array(-0.5, np.float32))
    last = fragment.constant(np.array(-1, np.int64))
    used = None
    for place in range(lengths):
        shorter = fragment.add("Gather", [ended, fragment.constant(np.array(place, np.int64))])
        beyond = fragment.add("Sub", [r, shorter])
        longer = fragment.add("Greater", [beyond, bound])
        mask = fragment.add("Cast", [longer], to=onnx.TensorProto.INT32)
        numbers = fragment.add("CumSum", [mask, axis])
        if used is not None:
            numbers = fragment.add("Add", [numbers, used])
        used = fragment.add("Gather", [numbers, last])
        bit = fragment.add("GatherElements", [table, fragment.add("Mul", [numbers, mask])])
        r = fragment.add("Sum", [r, fragment.add("Relu", [beyond]), bit])
    return r


def _add_lookup(fragment: Fragment, code: WholeNumberCode, symbols: str, name: str) -> str:
    """Append nodes that replace symbols by their numbers, one after the other."""
    flat = fragment.share("flat", np.array([-1], np.int64))
    stored = fragment.share(f"k{name}", code.numbers.reshape(-1))
    table = fragment.add("Cast", [stored], to=onnx.TensorProto.FLOAT)
    rows = fragment.add("Reshape", [symbols, fragment.constant(np.array([-1, 1], np.int64))])
    together = fragment.constant(np.array(code.together, np.float32))
    within = fragment.constant(np.arange(code.together, dtype=np.float32))
    places = fragment.add("Add", [fragment.add("Mul", [rows, together]), within])
    indices = fragment.add("Cast", [places], to=onnx.TensorProto.INT32)
    return fragment.add("GatherElements", [table, fragment.add("Reshape", [indices, flat])])
