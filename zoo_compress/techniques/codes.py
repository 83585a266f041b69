"""`codes`: weights as packed k-bit codes on a uniform grid, decoded at load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import onnx_ir as ir
from pydantic import BaseModel, ConfigDict, Field

from zoo_compress.core import AnyArray, Encoded, Option, Site
from zoo_compress.graph.fragment import Fragment, insert_fragment
from zoo_compress.graph.scaled import add_steps, finish_weight
from zoo_compress.graph.unpack import add_unpacked_codes, role
from zoo_compress.numerics.magnitude import unit_weights
from zoo_compress.numerics.packing import pack
from zoo_compress.numerics.scalar_quantizer import nearest_level
from zoo_compress.numerics.uniform import (
    UniformCodes,
    decode_uniform,
    quantize_uniform,
    stored_scale,
)
from zoo_compress.techniques.blocks import Blocks, channel_blocks, group_blocks
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.repair import better, fitted_ratios, rounded
from zoo_compress.techniques.sized import fragment_option, no_saving, saving_options

Bits = Literal[2, 3, 4, 5, 6, 7, 8]
GroupSize = Annotated[int, Field(ge=2)]


class CodesSettings(BaseModel):
    """What a recipe may say about `codes`.

    Attributes:
        bits: Code widths to offer.
        granularity: What shares one step size: an output `channel`, or a `group` of
            consecutive weights within a channel.
        group_size: Weights in a group, at least 2.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: tuple[Bits, ...] = Field(default=(8, 7, 6, 5, 4, 3, 2), min_length=1)
    granularity: tuple[Literal["channel", "group"], ...] = Field(
        default=("channel",), min_length=1
    )
    group_size: tuple[GroupSize, ...] = Field(default=(64,), min_length=1)


class Codes:
    """Uniform k-bit codes with one float16 step size per output channel or group.

    The file holds the packed codes, the step sizes and about ten nodes of standard operators
    that compute (code - zero) * (scale * factor); ONNX Runtime folds them into a constant when
    the session is created, so the model then runs at the speed of dense weights.
    """

    name = "codes"
    by_channel = True
    by_weights = True
    observes = False
    folded = True

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `CodesSettings`."""
        self._settings = CodesSettings.model_validate(dict(settings))

    def decline(self, site: Site) -> str | None:
        """Return the reason when no option saves a byte (tensors of a few hundred bytes)."""
        return no_saving(site, self.options(site), "packed codes and their decode nodes")

    def options(self, site: Site) -> Sequence[Option]:
        """Return one option per width and granularity, more bytes first.

        In small weights, where the nodes outweigh the codes, a width of several planes (3, 5, 6
        or 7 bits) can take more bytes than a larger one.
        """
        wanted = self._combinations(site)
        return saving_options(
            site, (fragment_option(self.name, s, _fragment(site, s)) for s in wanted)
        )

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Round, pack and decode again with the operations of the ONNX subgraph."""
        bits, blocks = int(option.settings["bits"]), _blocks(site, option.settings)
        unit, exponent = unit_weights(weight)
        importance = None if calibration is None else calibration.importance.reshape(blocks.shape)
        grid = quantize_uniform(
            unit.reshape(blocks.shape),
            bits=bits,
            axes=blocks.shared_axes,
            importance=importance,
        )
        if calibration is not None:
            by_channel = option.settings["granularity"] == "channel"
            grid = _repaired(unit, grid, calibration, bits=bits, by_channel=by_channel)
        grid = replace(grid, factor=np.ldexp(grid.factor, exponent))
        packed = pack(grid.codes.reshape(-1), bits)
        tensors: dict[str, AnyArray] = {role(plane): data for plane, data in packed.items()}
        tensors |= {"z": np.array(grid.zero), "d": grid.scale, "f": np.array(grid.factor)}
        dense = decode_uniform(grid).reshape(site.shape).astype(weight.dtype)
        return Encoded(option=option, tensors=tensors, dense=dense)

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put the decode subgraph in the place of the initializer."""
        insert_fragment(model, _fragment(site, encoded.option.settings), encoded.tensors)

    def _combinations(self, site: Site) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for bits in self._settings.bits:
            if "channel" in self._settings.granularity:
                found.append({"bits": bits, "granularity": "channel"})
            if "group" in self._settings.granularity:
                found += [
                    {"bits": bits, "granularity": "group", "group_size": size}
                    for size in self._settings.group_size
                    if group_blocks(site, size) is not None
                ]
        return found


def _repaired(
    weight: AnyArray, grid: UniformCodes, calibration: Calibration, *, bits: int, by_channel: bool
) -> UniformCodes:
    """Round again with feedback, and once more with step sizes fitted to the outputs."""
    found = _rounded_again(weight, grid, calibration, bits=bits)
    if not (calibration.refit and by_channel):
        return found
    dense = decode_uniform(found).reshape(weight.shape)
    ratios = fitted_ratios(weight, dense, calibration).reshape(grid.scale.shape)
    scale, factor = stored_scale(grid.step * ratios)
    refitted = replace(grid, scale=scale, factor=factor)
    refitted = _rounded_again(weight, refitted, calibration, bits=bits)
    other = decode_uniform(refitted).reshape(weight.shape)
    return refitted if better(weight, dense, other, calibration) is other else found


def _rounded_again(
    weight: AnyArray, grid: UniformCodes, calibration: Calibration, *, bits: int
) -> UniformCodes:
    """Round a weight to the levels of a grid, with feedback where that is allowed."""
    quantizer = nearest_level(np.arange(1 << bits, dtype=np.float32) - grid.zero)
    step = np.broadcast_to(grid.step, grid.codes.shape).reshape(weight.shape)
    dense = rounded(weight, calibration, scale=step, quantizer=quantizer)
    levels = np.divide(dense, step, out=np.zeros_like(dense), where=step != 0)
    codes = np.rint(levels + grid.zero).clip(0, (1 << bits) - 1).astype(np.uint8)
    return replace(grid, codes=codes.reshape(grid.codes.shape))


def _blocks(site: Site, settings: Mapping[str, Any]) -> Blocks:
    if settings["granularity"] == "channel":
        return channel_blocks(site)
    blocks = group_blocks(site, int(settings["group_size"]))
    if blocks is None:
        raise ValueError(f"site '{site.name}' has no groups of {settings['group_size']} weights")
    return blocks


def _fragment(site: Site, settings: Mapping[str, Any]) -> Fragment:
    """Build the decode subgraph of a site; it depends on shapes only, not on weights."""
    blocks = _blocks(site, settings)
    fragment = Fragment.of(site)
    codes = add_unpacked_codes(fragment, bits=int(settings["bits"]), shape=blocks.shape)
    zero = fragment.store("z", (), np.float32)
    step = add_steps(fragment, blocks.scale_shape)
    weight = fragment.add("Mul", [fragment.add("Sub", [codes, zero]), step])
    finish_weight(fragment, weight, site, shape=blocks.shape)
    return fragment
