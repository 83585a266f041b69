"""Uniform grids: round weights to equally spaced levels, one step size per block."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, replace

import numpy as np
import numpy.typing as npt

from zoo_compress.core import AnyArray, FloatArray
from zoo_compress.numerics.magnitude import unit_weights

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

    @property
    def step(self) -> npt.NDArray[np.float32]:
        """The step sizes as they are decoded."""
        return self.scale.astype(np.float32) * self.factor


def quantize_uniform(
    W: AnyArray, *, bits: int, axes: tuple[int, ...], importance: FloatArray | None = None
) -> UniformCodes:
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
        importance: Weights of the squared errors, broadcastable to W, not negative, at most
            about 1e6; all errors count the same by default.

    Raises:
        ValueError: If bits is outside 2..8 or a weight is out of range.
    """
    if not 2 <= bits <= 8:
        raise ValueError(f"bits must be 2 to 8, not {bits}")
    weights, exponent = unit_weights(W)
    half = float(1 << (bits - 1))
    zeros = (half, half - 0.5) if bits < HALFWAY_ZERO_BELOW_BITS else (half,)
    shares = np.ones((1,) * weights.ndim, np.float32) if importance is None else importance
    rows, counts = _blocks(weights, axes), _blocks(np.broadcast_to(shares, W.shape), axes)
    shape = tuple(1 if axis in axes else length for axis, length in enumerate(W.shape))
    candidates = []
    for zero in zeros:
        steps = _Fit(rows, counts, bits=bits, zero=zero).steps().reshape(shape)
        candidates.append(_on_grid(weights, steps, bits=bits, zero=zero))
    best = candidates[0]
    if len(candidates) > 1:
        errors = [_squared_error(weights, shares, candidate) for candidate in candidates]
        best = candidates[int(np.argmin(errors))]
    return replace(best, factor=np.ldexp(best.factor, exponent))


def decode_uniform(encoded: UniformCodes) -> npt.NDArray[np.float32]:
    """Rebuild the weights with the float32 operations that the ONNX subgraph performs."""
    centred = encoded.codes.astype(np.float32) - encoded.zero
    return centred * encoded.step


def stored_scale(step: FloatArray) -> tuple[npt.NDArray[np.float16], np.float32]:
    """Return step sizes as float16 multiples of the largest, and that one."""
    largest = np.abs(step).max(initial=0)
    factor = np.float32(largest if largest > 0 else 1)
    return (step / factor).astype(np.float16), factor


def _squared_error(W: FloatArray, importance: FloatArray, encoded: UniformCodes) -> float:
    squares = importance * np.square(decode_uniform(encoded) - W)
    return float(np.sum(squares, dtype=np.float64))


@dataclass(frozen=True)
class _Fit:
    """Chooses the step sizes for one position of zero.

    Attributes:
        W: Weights, a block to a row.
        importance: Of their squared errors, in this shape or a row for all.
        bits: Width of a code.
        zero: The code of 0.
    """

    W: FloatArray
    importance: FloatArray
    _: KW_ONLY
    bits: int
    zero: float

    def steps(self) -> FloatArray:
        """Return the best steps found, shape (blocks,).

        The first two put the largest weight on the outermost level of its side, and on that of
        the side with fewer levels; the others clip.
        """
        least, largest = self.W.min(axis=1, initial=0), self.W.max(axis=1, initial=0)
        extreme, size = np.where(-least >= largest, 1, -1), np.maximum(-least, largest)
        unclipped = (extreme * size / self.zero).astype(np.float32)
        symmetric = (size / ((1 << self.bits) - 1 - self.zero)).astype(np.float32)
        clipped = [np.float32(fraction) * unclipped for fraction in CLIP_FRACTIONS[self.bits]]
        best_step: FloatArray = unclipped
        best_error = self._sums(unclipped)[2]
        for step in (symmetric, *map(self._refit, clipped)):
            error = self._sums(step)[2]
            better = error < best_error
            best_step = np.where(better, step, best_step)
            best_error = np.where(better, error, best_error)
        return best_step

    def _refit(self, step: FloatArray) -> FloatArray:
        """Return the least-squares step for the codes that `step` gives, several times over."""
        for _ in range(REFITS):
            power, match, _ = self._sums(step)
            step = np.divide(match, power, out=np.zeros_like(match), where=power > 0)
        return step

    def _sums(self, step: FloatArray) -> FloatArray:
        """Return what `sum_on_grid` finds, shape (3, blocks)."""
        # Imported late: it takes long.
        from zoo_compress.numerics.compiled.uniform import sum_on_grid

        inverse, found = _inverse(step), np.empty((3, len(step)), np.float32)
        zero, last = np.float32(self.zero), np.float32((1 << self.bits) - 1)
        sum_on_grid(self.W, self.importance, step, inverse, zero, last, *found)
        return found


def _on_grid(W: FloatArray, step: FloatArray, *, bits: int, zero: float) -> UniformCodes:
    """Store the steps as float16 multiples of the largest and round the weights to them."""
    scale, factor = stored_scale(step)
    inverse = _inverse(scale.astype(np.float32) * factor)
    codes = np.rint(W * inverse + np.float32(zero)).clip(0, (1 << bits) - 1).astype(np.uint8)
    return UniformCodes(codes=codes, zero=np.float32(zero), scale=scale, factor=factor)


def _inverse(step: FloatArray) -> FloatArray:
    """Return 1 / steps, and 0 for those that become 0."""
    return np.divide(1, step, out=np.zeros_like(step), where=np.abs(step) > SMALLEST_STEP)


def _blocks(array: FloatArray, axes: tuple[int, ...]) -> FloatArray:
    """Return an array with a block, which spans some axes, to a row."""
    moved = np.moveaxis(array, axes, range(-len(axes), 0)) if axes else array[..., None]
    length = math.prod(moved.shape[moved.ndim - max(len(axes), 1) :])
    return np.ascontiguousarray(moved, np.float32).reshape(-1, length)
