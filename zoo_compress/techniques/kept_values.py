"""How the weights that pruning keeps are stored: as numbers, as codes, or with a codebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnx

from zoo_compress.core import AnyArray, Site
from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.lookup import add_lookup
from zoo_compress.graph.scaled import add_steps
from zoo_compress.graph.unpack import add_unpacked_codes, role
from zoo_compress.numerics.codebook import code_bits, fit_codebook
from zoo_compress.numerics.packing import pack
from zoo_compress.numerics.rows import to_rows
from zoo_compress.numerics.scalar_quantizer import ScalarQuantizer, nearest_level
from zoo_compress.numerics.uniform import quantize_uniform
from zoo_compress.techniques.blocks import channel_blocks
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.levels import Leveled, leveled
from zoo_compress.techniques.repair import rounded

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """A weight of which some elements are to be kept.

    Attributes:
        weight: The original, magnitudes at most 1.
        site: Where it is.
        mask: True for the elements to keep, in the shape of the weight.
        calibration: What is known of the inputs.
    """

    weight: Floats
    site: Site
    mask: Mask
    calibration: Calibration | None


@dataclass(frozen=True, kw_only=True)
class StoredValues:
    """The elements that were kept.

    Attributes:
        tensors: What the file holds of them, by role; the steps are in units of `f`.
        units: The elements divided by their steps in the shape of the weight, with zeros.
    """

    tensors: Mapping[str, AnyArray]
    units: Floats


class KeptValues(Protocol):
    """A way to store the elements that were kept."""

    def add_nodes(self, fragment: Fragment, site: Site, count: int) -> tuple[str, str]:
        """Append nodes that decode them.

        Returns:
            Names of the elements in units of their steps, shape (count,), and of the steps,
            broadcastable to the weight; both float32.
        """
        ...

    def encode(self, pruned: Pruned) -> StoredValues:
        """Return what to store."""
        ...


class HalfValues:
    """Float16 numbers, in units of a power of two."""

    def add_nodes(self, fragment: Fragment, site: Site, count: int) -> tuple[str, str]:
        """Append a cast."""
        stored = fragment.store("v", (count,), np.float16)
        values = fragment.add("Cast", [stored], to=onnx.TensorProto.FLOAT)
        return values, fragment.store("f", (), np.float32)

    def encode(self, pruned: Pruned) -> StoredValues:
        """Round to float16."""
        units = rounded(
            pruned.weight,
            pruned.calibration,
            scale=np.ones(1, np.float32),
            quantizer=_float16(),
            mask=pruned.mask,
        )
        stored = units[pruned.mask].astype(np.float16)
        return StoredValues(tensors={"v": stored, "f": np.array(np.float32(1))}, units=units)


@dataclass(frozen=True)
class CodedValues:
    """Uniform codes of `bits` bits, with one step size for each output channel."""

    bits: int

    def add_nodes(self, fragment: Fragment, site: Site, count: int) -> tuple[str, str]:
        """Append nodes that unpack codes and take the position of 0 from them."""
        codes = add_unpacked_codes(fragment, bits=self.bits, shape=(count,))
        values = fragment.add("Sub", [codes, fragment.store("z", (), np.float32)])
        return values, add_steps(fragment, channel_blocks(site).scale_shape)

    def encode(self, pruned: Pruned) -> StoredValues:
        """Find step sizes for the elements kept, and round these."""
        calibration, mask = pruned.calibration, pruned.mask.astype(np.float32)
        grid = quantize_uniform(
            np.where(pruned.mask, pruned.weight, np.float32(0)),
            bits=self.bits,
            axes=channel_blocks(pruned.site).shared_axes,
            importance=mask if calibration is None else mask * calibration.importance,
        )
        levels = np.arange(1 << self.bits, dtype=np.float32) - grid.zero
        stored = _stored(pruned, nearest_level(levels), grid.step.reshape(-1), bits=self.bits)
        tensors = {**stored.tensors, "z": np.array(grid.zero)}
        return StoredValues(tensors=tensors, units=stored.units)


@dataclass(frozen=True)
class LookedUpValues:
    """Codes of `entries` k-means centres, with one step size for each output channel."""

    entries: int

    def add_nodes(self, fragment: Fragment, site: Site, count: int) -> tuple[str, str]:
        """Append nodes that unpack codes and look up their centres."""
        bits = code_bits(self.entries)
        codes = add_unpacked_codes(fragment, bits=bits, shape=(count,), to=onnx.TensorProto.INT32)
        values = add_lookup(fragment, codes, entries=self.entries)
        return values, add_steps(fragment, channel_blocks(site).scale_shape)

    def encode(self, pruned: Pruned) -> StoredValues:
        """Fit a codebook to the elements kept, and round these."""
        weight, importance = (
            to_rows(array, channel_axis=pruned.site.channel_axis, groups=1)[0]
            for array in (pruned.weight, pruned.mask.astype(np.float32))
        )
        centres, step = fit_codebook(weight, entries=self.entries, importance=importance)
        table = centres.astype(np.float16)
        stored = _stored(pruned, nearest_level(table), step, bits=code_bits(self.entries))
        return StoredValues(tensors={**stored.tensors, "t": table}, units=stored.units)


def _stored(
    pruned: Pruned, quantizer: ScalarQuantizer, step: Floats, *, bits: int
) -> StoredValues:
    """Round the elements kept to levels; return their codes and their steps."""
    found: Leveled = leveled(
        pruned.weight,
        pruned.site,
        quantizer=quantizer,
        step=step,
        calibration=pruned.calibration,
        mask=pruned.mask,
    )
    packed = pack(found.codes[pruned.mask], bits)
    tensors: dict[str, AnyArray] = {role(plane): data for plane, data in packed.items()}
    tensors |= {"d": found.steps.stored, "f": np.array(found.steps.factor)}
    return StoredValues(tensors=tensors, units=found.units)


@lru_cache(maxsize=1)
def _float16() -> ScalarQuantizer:
    """Return what rounds to float16 numbers."""
    bits = np.arange(1 << 16, dtype=np.uint16)
    numbers = bits.view(np.float16)
    return nearest_level(np.unique(numbers[np.isfinite(numbers)]).astype(np.float32))
