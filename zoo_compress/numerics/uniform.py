"""Uniform grids: round weights to equally spaced levels, one step size per block."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray, FloatArray

# Fractions of the largest magnitude at which the least-squares refits start, by bits. They
# bracket the squared-error-optimal clipping of Gaussian and Laplacian weights, which the
# refits then reach within 1 %: fewer levels pay for clipping more.
CLIP_FRACTIONS = {
    2: (0.6, 0.35),
    3: (0.75, 0.5),
    4: (0.85, 0.65),
    5: (0.95, 0.75),
    6: (0.95, 0.85),
    7: (0.98,),
    8: (0.98,),
}
REFITS = 4
# From 6 bits on, moving zero between two levels changes the error by less than 1 %.
HALFWAY_ZERO_BELOW_BITS = 6


@dataclass(frozen=True, kw_only=True)
class UniformCodes:
    """Codes on a uniform grid: W = (codes - zero) * (scale * factor).

    Attributes:
        codes: Shape of the blocked weights, uint8.
        zero: The code that stands for 0; half-integer when 0 lies between two levels.
        scale: Step sizes relative to the largest, float16, broadcastable to `codes`.
        factor: The largest step size.
    """

    codes: npt.NDArray[np.uint8]
    zero: np.float32
    scale: npt.NDArray[np.float16]
    factor: np.float32


def quantize_uniform(W: AnyArray, *, bits: int, axes: tuple[int, ...]) -> UniformCodes:
    """Round weights to 2^bits levels with the step size that minimises the squared error.

    Below 6 bits two grids are tried, one with a level at 0 and one with 0 midway between two
    levels, and the better one is kept. A step may be negative: then the extra level is on the
    positive side. Within the unclipped range |W - decoded| is at most half a step (plus float16
    rounding of the step, relative 2^-11).

    Args:
        W: Weights, any shape, finite.
        bits: Width of a code, 2 to 8.
        axes: Axes over which one step size is shared.

    Raises:
        ValueError: If bits is outside 2..8 or W is not finite.
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be 2 to 8, not {bits}")
    weights = np.asarray(W, np.float32)
    if not np.isfinite(weights).all():
        raise ValueError("weights must be finite")
    half = float(1 << (bits - 1))
    zeros = (half, half - 0.5) if bits < HALFWAY_ZERO_BELOW_BITS else (half,)
    candidates = [_fit(weights, bits=bits, axes=axes, zero=zero) for zero in zeros]
    if len(candidates) == 1:
        return candidates[0]
    errors = [np.sum(np.square(decode_uniform(c) - weights, dtype=np.float64)) for c in candidates]
    return candidates[int(np.argmin(errors))]


def decode_uniform(encoded: UniformCodes) -> npt.NDArray[np.float32]:
    """Rebuild the weights with the float32 operations that the ONNX subgraph performs."""
    centred = encoded.codes.astype(np.float32) - encoded.zero
    return centred * (encoded.scale.astype(np.float32) * encoded.factor)


def _fit(W: FloatArray, *, bits: int, axes: tuple[int, ...], zero: float) -> UniformCodes:
    """Choose the step sizes for one position of zero."""
    extreme = np.where(-W.min(axis=axes, keepdims=True) >= W.max(axis=axes, keepdims=True), 1, -1)
    largest = np.abs(W).max(axis=axes, keepdims=True)
    best_step = np.where(largest > 0, extreme * largest / zero, 0).astype(np.float32)
    best_error = _block_error(W, best_step, bits=bits, axes=axes, zero=zero)
    unclipped = best_step
    for fraction in CLIP_FRACTIONS[bits]:
        step = np.float32(fraction) * unclipped
        for _ in range(REFITS):
            step = _refit(W, step, bits=bits, axes=axes, zero=zero)
        error = _block_error(W, step, bits=bits, axes=axes, zero=zero)
        better = error < best_error
        best_step = np.where(better, step, best_step)
        best_error = np.where(better, error, best_error)
    return _round(W, best_step, bits=bits, zero=zero)


def _codes(W: FloatArray, step: FloatArray, *, bits: int, zero: float) -> FloatArray:
    """Return the nearest level of each weight as a float array of whole numbers."""
    inverse = np.divide(1, step, out=np.zeros_like(step), where=step != 0)
    codes: FloatArray = np.rint(W * inverse + np.float32(zero))
    codes.clip(0, (1 << bits) - 1, out=codes)
    return codes


def _refit(
    W: FloatArray, step: FloatArray, *, bits: int, axes: tuple[int, ...], zero: float
) -> FloatArray:
    """Return the least-squares step for the codes that `step` gives."""
    centred = _codes(W, step, bits=bits, zero=zero) - np.float32(zero)
    power = np.sum(centred * centred, axis=axes, keepdims=True)
    match = np.sum(centred * W, axis=axes, keepdims=True)
    step = np.zeros_like(match)
    np.divide(match, power, out=step, where=power > 0)
    return step


def _block_error(
    W: FloatArray, step: FloatArray, *, bits: int, axes: tuple[int, ...], zero: float
) -> FloatArray:
    decoded = (_codes(W, step, bits=bits, zero=zero) - np.float32(zero)) * step
    error: FloatArray = np.sum(np.square(decoded - W), axis=axes, keepdims=True)
    return error


def _round(W: FloatArray, step: FloatArray, *, bits: int, zero: float) -> UniformCodes:
    """Store the steps as float16 multiples of the largest and round the weights to them."""
    largest = np.abs(step).max(initial=0)
    factor = np.float32(largest if largest > 0 else 1)
    scale = (step / factor).astype(np.float16)
    stored = scale.astype(np.float32) * factor
    codes = _codes(W, stored, bits=bits, zero=zero).astype(np.uint8)
    return UniformCodes(codes=codes, zero=np.float32(zero), scale=scale, factor=factor)
