"""Weights as int8 around 0 with one step size per output channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from zoo_compress.core import AnyArray, Site
from zoo_compress.numerics.scalar_quantizer import whole_numbers
from zoo_compress.numerics.symmetric import symmetric_steps
from zoo_compress.runtime.overflow import products_overflow
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.repair import rounded

LEVELS, REDUCED_LEVELS = 127, 63
"""Levels on each side of 0, of 8 bits and of 7."""


class Int8Settings(BaseModel):
    """What a recipe may say about techniques that multiply 8-bit numbers.

    Attributes:
        reduce_range: Whether weights have 7 bits. CPUs with AVX2 or AVX-512 but without VNNI add
            up pairs of products in 16 bits, which overflow with 8. None for 7 bits where this
            machine's do.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reduce_range: bool | None = None

    def reduced(self, *, signed: bool = False) -> bool:
        """Return whether weights have 7 bits.

        Args:
            signed: Whether activations are int8: products of two of these do not overflow.
        """
        if self.reduce_range is not None:
            return self.reduce_range
        return not signed and products_overflow()


@dataclass(frozen=True, kw_only=True, eq=False)
class Int8Codes:
    """A weight as codes * step.

    Attributes:
        codes: In the shape of the weight.
        step: Positive step sizes that broadcast to it.
    """

    codes: npt.NDArray[np.int8]
    step: npt.NDArray[np.float32]

    @property
    def dense(self) -> npt.NDArray[np.float32]:
        """The weight that they stand for."""
        return self.codes.astype(np.float32) * self.step


def int8_codes(
    weight: AnyArray, site: Site, calibration: Calibration | None, *, reduce_range: bool
) -> Int8Codes:
    """Choose step sizes by the error that inputs feel, then round, with feedback if allowed."""
    levels = REDUCED_LEVELS if reduce_range else LEVELS
    importance = None if calibration is None else _rows(calibration.importance, site)
    shape = [1] * weight.ndim
    shape[site.channel_axis] = -1
    step = symmetric_steps(_rows(weight, site), levels=levels, importance=importance)
    step = step.reshape(shape)

    quantizer = whole_numbers(-levels, levels)
    found = rounded(weight, calibration, scale=step, quantizer=quantizer)
    return Int8Codes(codes=np.rint(found / step).clip(-levels, levels).astype(np.int8), step=step)


def _rows(array: AnyArray, site: Site) -> AnyArray:
    """Return a row for each output channel, in their order."""
    moved = np.moveaxis(array, site.channel_axis, 0)
    return moved.reshape(array.shape[site.channel_axis], -1)
