"""Codes in blocks along the inputs, in the layout of ONNX Runtime's MatMulNBits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from zoo_compress.core import FloatArray

Array = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

# Fractions of the largest magnitude at which the outermost level is tried. Of Gaussian and
# Laplacian weights in blocks of 32 or 128, twenty fractions leave at most 1.2 % less squared
# error at 4 bits than these seven. At 8 bits those below 1 pay only where importance differs
# between weights, by 2 to 7 % of the error of the outputs.
CLIP_FRACTIONS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)


@dataclass(frozen=True, kw_only=True)
class BlockCodes:
    """Codes with one step size for each block of a row: W = (codes - 2^(bits-1)) * scale.

    Attributes:
        codes: Shape (N, blocks, size), uint8; behind the K weights of a row, codes for 0.
        scale: Step sizes as they are stored, shape (N, blocks), float32 or float16.
        bits: Width of a code.
        length: Weights in a row, K.
    """

    codes: Bytes
    scale: FloatArray
    bits: int
    length: int

    @property
    def step(self) -> Array:
        """The step size of each weight, shape (N, K)."""
        wide = self.scale.astype(np.float32)
        return np.repeat(wide, self.codes.shape[2], axis=1)[:, : self.length]


def block_scales(
    W: FloatArray,
    *,
    bits: int,
    block_size: int,
    dtype: type[np.floating[Any]] = np.float32,
    importance: FloatArray | None = None,
) -> FloatArray:
    """Return for each block the step size with the least squared error of a few.

    These put the largest weight of the block, or less than that as `CLIP_FRACTIONS` say, on the
    outermost level of the side that has one more; or all of it on the outermost of the other
    side. The step is negative where the side with one more level is the positive one.

    Args:
        W: Weights in rows, shape (N, K), finite.
        bits: Width of a code, 4 or 8.
        block_size: Consecutive weights of a row with one step size; the last block may be
            shorter.
        dtype: In which the step sizes are stored; one too small for it becomes 0.
        importance: Weights of the squared errors, broadcastable to W, not negative; all errors
            count the same by default.

    Returns:
        Shape (N, blocks).

    Raises:
        ValueError: If bits is neither 4 nor 8.
    """
    half = _half(bits)
    blocks = _blocks(np.asarray(W, np.float32), block_size)
    shares = np.ones((1, 1, 1), np.float32)
    if importance is not None:
        shares = _blocks(np.broadcast_to(np.float32(importance), W.shape), block_size)
    place = np.abs(blocks).argmax(axis=2, keepdims=True)
    extreme = np.take_along_axis(blocks, place, axis=2)
    # In units of the largest, no square overflows or vanishes.
    unit = np.divide(blocks, extreme, out=np.zeros_like(blocks), where=extreme != 0)
    best = np.zeros_like(extreme)
    least = np.full_like(extreme, np.inf)
    for candidate in (1 / (half - 1), *(-share / half for share in CLIP_FRACTIONS)):
        levels = np.rint(unit / np.float32(candidate)).clip(-half, half - 1)
        squares = shares * np.square(levels * np.float32(candidate) - unit)
        error = np.sum(squares, axis=2, keepdims=True)
        best = np.where(error < least, np.float32(candidate), best)
        least = np.minimum(error, least)
    scale: FloatArray = (best * extreme)[:, :, 0].astype(dtype)
    return scale


def block_codes(W: FloatArray, scale: FloatArray, *, bits: int, block_size: int) -> BlockCodes:
    """Round weights to the levels that step sizes give.

    Between the outermost levels |W - decoded| is at most 0.5 + 2^-13 of the step. Weights of a
    block whose step is 0 become 0.

    Args:
        W: Weights in rows, shape (N, K), finite.
        scale: Step sizes, shape (N, blocks).
        bits: Width of a code, 4 or 8.
        block_size: Weights of a row with one step size.

    Raises:
        ValueError: If bits is neither 4 nor 8.
    """
    half = _half(bits)
    blocks = _blocks(np.asarray(W, np.float32), block_size)
    step = scale.astype(np.float32)[:, :, None]
    levels = np.divide(blocks, step, out=np.zeros_like(blocks), where=step != 0)
    codes = (np.rint(levels).clip(-half, half - 1) + half).astype(np.uint8)
    return BlockCodes(codes=codes, scale=scale, bits=bits, length=W.shape[1])


def decode_blocks(encoded: BlockCodes) -> Array:
    """Rebuild the weights, shape (N, K)."""
    half = np.float32(_half(encoded.bits))
    rows = encoded.codes.reshape(len(encoded.codes), -1)[:, : encoded.length]
    return (rows.astype(np.float32) - half) * encoded.step


def packed_blocks(codes: Bytes, bits: int) -> Bytes:
    """Pack codes, shape (N, blocks, size), to (N, blocks, size * bits / 8).

    As MatMulNBits reads them: along a block, the first code of a byte in its lowest bits.

    Raises:
        ValueError: If bits is neither 4 nor 8, or a code does not fit.
    """
    _half(bits)
    if codes.size and int(codes.max()) >= 1 << bits:
        raise ValueError(f"code {int(codes.max())} does not fit {bits} bits")
    return codes if bits == 8 else codes[:, :, ::2] | codes[:, :, 1::2] << np.uint8(4)


def unpacked_blocks(packed: Bytes, bits: int) -> Bytes:
    """Read codes back from what `packed_blocks` returns."""
    _half(bits)
    if bits == 8:
        return packed
    codes = np.stack([packed & 15, packed >> np.uint8(4)], axis=-1)
    return codes.reshape(*packed.shape[:2], 2 * packed.shape[2])


def block_count(length: int, block_size: int) -> int:
    """Return how many blocks a row of that many weights takes."""
    return -(-length // block_size)


def _half(bits: int) -> int:
    """Return the code that stands for 0."""
    if bits not in (4, 8):
        raise ValueError(f"bits must be 4 or 8, not {bits}")
    return 1 << (bits - 1)


def _blocks(rows: Array, block_size: int) -> Array:
    """Return rows cut into blocks, shape (N, blocks, size), zeros behind the last weight."""
    count = block_count(rows.shape[1], block_size)
    padded = np.zeros((len(rows), count * block_size), np.float32)
    padded[:, : rows.shape[1]] = rows
    return padded.reshape(len(rows), count, block_size)
