"""Uniform grids: round weights to equally spaced levels, one step size per block."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray, FloatArray

# Fractions of the largest magnitude at which the least-squares refits start, by bits. They
# bracket the squared-error-optimal clipping of Gaussian and Laplacian weights, which the
# refits then reach within a few per cent: fewer levels pay for clipping more.
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
# A refit may put the outermost level beyond the largest weight, by less than a factor of two.
LARGEST_WEIGHT = float(np.finfo(np.float32).max) / 2
# Steps are stored as float16 fractions of the largest, so one this small becomes 0 anyway.
SMALLEST_STEP = 2.0**-60


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
    positive side. Between the outermost levels |W - decoded| is at most 0.5 + 2^-13 of the
    stored step. Steps are stored as float16 fractions of the largest one: each is off by up to
    2^-11 of itself or 2^-25 of the largest, so a block of weights 2^-25 times as large as the
    largest ones becomes 0. Weights that are all below 2^-118 lose further digits, as their
    steps are subnormal.

    Args:
        W: Weights, any shape, finite, magnitudes at most half of the largest float32.
        bits: Width of a code, 2 to 8.
        axes: Axes over which one step size is shared.

    Raises:
        ValueError: If bits is outside 2..8 or a weight is out of range.
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be 2 to 8, not {bits}")
    weights, exponent = _normalized(W)
    half = float(1 << (bits - 1))
    zeros = (half, half - 0.5) if bits < HALFWAY_ZERO_BELOW_BITS else (half,)
    candidates = [_fit(weights, bits=bits, axes=axes, zero=zero) for zero in zeros]
    best = candidates[0]
    if len(candidates) > 1:
        errors = [_squared_error(weights, candidate) for candidate in candidates]
        best = candidates[int(np.argmin(errors))]
    return replace(best, factor=np.ldexp(best.factor, exponent))


def decode_uniform(encoded: UniformCodes) -> npt.NDArray[np.float32]:
    """Rebuild the weights with the float32 operations that the ONNX subgraph performs."""
    centred = encoded.codes.astype(np.float32) - encoded.zero
    return centred * (encoded.scale.astype(np.float32) * encoded.factor)


def _normalized(W: AnyArray) -> tuple[FloatArray, int]:
    """Return weights of magnitude below 1 and the exponent of the power of two taken out.

    So that no square of a weight overflows or vanishes in float32.
    """
    with np.errstate(over="ignore"):
        weights = np.asarray(W, np.float32, order="C")
    if not np.isfinite(weights).all():
        raise ValueError("weights must be finite float32 numbers")
    largest = np.abs(weights).max(initial=0)
    if largest > LARGEST_WEIGHT:
        raise ValueError(f"weights must be at most {LARGEST_WEIGHT:.3g}, not {largest:.3g}")
    exponent = int(np.frexp(largest)[1])
    return np.ldexp(weights, -exponent), exponent


def _squared_error(W: FloatArray, encoded: UniformCodes) -> float:
    return float(np.sum(np.square(decode_uniform(encoded) - W, dtype=np.float64)))


def _fit(W: FloatArray, *, bits: int, axes: tuple[int, ...], zero: float) -> UniformCodes:
    """Choose the step sizes for one position of zero.

    The first two put the largest weight on the outermost level of its side, and on that of the
    side with fewer levels; the others clip.
    """
    extreme = np.where(-W.min(axis=axes, keepdims=True) >= W.max(axis=axes, keepdims=True), 1, -1)
    largest = np.abs(W).max(axis=axes, keepdims=True)
    unclipped = (extreme * largest / zero).astype(np.float32)
    symmetric = (largest / ((1 << bits) - 1 - zero)).astype(np.float32)
    clipped = [np.float32(fraction) * unclipped for fraction in CLIP_FRACTIONS[bits]]
    refitted = [_refit(W, step, bits=bits, axes=axes, zero=zero) for step in clipped]
    best_step = unclipped
    best_error = _block_error(W, best_step, bits=bits, axes=axes, zero=zero)
    for step in (symmetric, *refitted):
        error = _block_error(W, step, bits=bits, axes=axes, zero=zero)
        better = error < best_error
        best_step = np.where(better, step, best_step)
        best_error = np.where(better, error, best_error)
    return _round(W, best_step, bits=bits, zero=zero)


def _codes(W: FloatArray, step: FloatArray, *, bits: int, zero: float) -> FloatArray:
    """Return the nearest level of each weight as a float array of whole numbers."""
    inverse = np.divide(1, step, out=np.zeros_like(step), where=np.abs(step) > SMALLEST_STEP)
    codes: FloatArray = np.rint(W * inverse + np.float32(zero))
    codes.clip(0, (1 << bits) - 1, out=codes)
    return codes


def _refit(
    W: FloatArray, step: FloatArray, *, bits: int, axes: tuple[int, ...], zero: float
) -> FloatArray:
    """Return the least-squares step for the codes that `step` gives, several times over."""
    for _ in range(REFITS):
        centred = _codes(W, step, bits=bits, zero=zero) - np.float32(zero)
        power = np.sum(centred * centred, axis=axes, keepdims=True)
        match = np.sum(centred * W, axis=axes, keepdims=True)
        step = np.divide(match, power, out=np.zeros_like(match), where=power > 0)
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
