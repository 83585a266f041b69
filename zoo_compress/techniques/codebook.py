"""`codebook`: weights as packed codes of shared k-means centres, decoded at load."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import onnx
import onnx_ir as ir
from pydantic import BaseModel, ConfigDict, Field

from zoo_compress.core import AnyArray, Encoded, Option, Site
from zoo_compress.graph.fragment import Fragment, insert_fragment
from zoo_compress.graph.lookup import add_lookup
from zoo_compress.graph.scaled import add_steps, finish_weight
from zoo_compress.graph.unpack import add_unpacked_codes, role
from zoo_compress.numerics.codebook import code_bits, fit_codebook
from zoo_compress.numerics.magnitude import unit_weights
from zoo_compress.numerics.packing import pack
from zoo_compress.numerics.rows import to_rows
from zoo_compress.numerics.scalar_quantizer import nearest_level
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.channel_parts import channel_parts
from zoo_compress.techniques.levels import Leveled, leveled
from zoo_compress.techniques.sized import fragment_option, no_saving, saving_options

Entries = Annotated[int, Field(ge=2, le=256)]
Groups = Annotated[int, Field(ge=2, le=256)]


class CodebookSettings(BaseModel):
    """What a recipe may say about `codebook`.

    Attributes:
        entries: Numbers of centres to offer.
        granularity: What shares one codebook: the whole `tensor`, or a `channel-group`, one of
            `groups` equal parts of consecutive output channels.
        groups: Numbers of parts to offer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    entries: tuple[Entries, ...] = Field(default=(256, 128, 64, 32, 16, 8, 4), min_length=1)
    granularity: tuple[Literal["tensor", "channel-group"], ...] = Field(
        default=("tensor",), min_length=1
    )
    groups: tuple[Groups, ...] = Field(default=(4,), min_length=1)


class Codebook:
    """Codes of k-means centres, with one float16 step size for each output channel.

    The file holds the packed codes, the centres, the step sizes and a dozen nodes of standard
    operators that compute centres[code] * (scale * factor); ONNX Runtime folds them into a
    constant when the session is created, so the model then runs at the speed of dense weights.
    """

    name = "codebook"
    by_weights = True
    observes = False
    folded = True

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `CodebookSettings`."""
        self._settings = CodebookSettings.model_validate(dict(settings))
        # Channel groups are counted off, so that some channels have other neighbours than all.
        self.by_channel = "channel-group" not in self._settings.granularity

    def decline(self, site: Site) -> str | None:
        """Return the reason when no option saves a byte."""
        return no_saving(site, self.options(site), "a codebook and its decode nodes")

    def options(self, site: Site) -> Sequence[Option]:
        """Return one option per number of centres and granularity, more bytes first."""
        wanted = self._combinations(site)
        return saving_options(
            site, (fragment_option(self.name, s, _fragment(site, s)) for s in wanted)
        )

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Fit the centres and the steps, round to them, and pack the codes."""
        entries, axis = int(option.settings["entries"]), site.channel_axis
        layout = _layout(site, option.settings)
        encoded = [
            _encoded(np.asarray(weight)[part.index], part.site, entries, part.calibration)
            for part in channel_parts(site, _group_count(option.settings), calibration)
        ]
        codes = np.concatenate([one.codes for one in encoded], axis=axis)
        packed = pack(codes.reshape(-1), code_bits(entries))
        tensors: dict[str, AnyArray] = {role(plane): data for plane, data in packed.items()}
        tensors["t"] = np.concatenate([one.levels for one in encoded]).astype(np.float16)
        tensors["d"] = np.concatenate([one.steps.stored for one in encoded], axis=axis)
        tensors["d"] = tensors["d"].reshape(layout.scale_shape)
        tensors["f"] = np.array([one.steps.factor for one in encoded]).reshape(layout.factor_shape)
        dense = np.concatenate([one.dense for one in encoded], axis=axis)
        return Encoded(option=option, tensors=tensors, dense=dense.astype(weight.dtype))

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put the decode subgraph in the place of the initializer."""
        insert_fragment(model, _fragment(site, encoded.option.settings), encoded.tensors)

    def _combinations(self, site: Site) -> Iterator[dict[str, Any]]:
        channels = site.shape[site.channel_axis]
        for entries in self._settings.entries:
            if "tensor" in self._settings.granularity:
                yield {"entries": entries, "granularity": "tensor"}
            if "channel-group" in self._settings.granularity:
                for groups in self._settings.groups:
                    if channels % groups == 0:
                        settings = {"entries": entries, "granularity": "channel-group"}
                        yield settings | {"groups": groups}


def _encoded(
    weight: AnyArray, site: Site, entries: int, calibration: Calibration | None
) -> Leveled:
    """Fit a codebook to a weight and round the weight to it."""
    unit, exponent = unit_weights(weight)
    rows = to_rows(unit, channel_axis=site.channel_axis, groups=1)[0]
    centres, step = fit_codebook(np.ascontiguousarray(rows), entries=entries)
    quantizer = nearest_level(centres.astype(np.float16))
    found = leveled(unit, site, quantizer=quantizer, step=step, calibration=calibration)
    return found.times_power_of_two(exponent)


@dataclass(frozen=True)
class _Layout:
    """Shapes in the decode subgraph: the channel axis is cut in groups if there are several."""

    shape: tuple[int, ...]
    scale_shape: tuple[int, ...]
    factor_shape: tuple[int, ...]


def _group_count(settings: Mapping[str, Any]) -> int:
    return int(settings["groups"]) if settings["granularity"] == "channel-group" else 1


def _layout(site: Site, settings: Mapping[str, Any]) -> _Layout:
    groups, axis = _group_count(settings), site.channel_axis
    before, channels, after = site.shape[:axis], site.shape[axis], site.shape[axis + 1 :]
    if channels % groups:
        raise ValueError(f"site '{site.name}': {channels} channels are not {groups} equal groups")
    ones_before, ones_after = (1,) * len(before), (1,) * len(after)
    if groups == 1:
        return _Layout(site.shape, (*ones_before, channels, *ones_after), ())
    each = channels // groups
    return _Layout(
        (*before, groups, each, *after),
        (*ones_before, groups, each, *ones_after),
        (groups, 1, *ones_after),
    )


def _fragment(site: Site, settings: Mapping[str, Any]) -> Fragment:
    """Build the decode subgraph of a site; it depends on shapes only, not on weights."""
    layout, groups, entries = _layout(site, settings), _group_count(settings), settings["entries"]
    fragment = Fragment.of(site)
    bits, count = code_bits(entries), math.prod(layout.shape)
    codes = add_unpacked_codes(fragment, bits=bits, shape=(count,), to=onnx.TensorProto.INT32)
    target = fragment.keep("s", np.array(layout.shape, np.int64))
    if groups > 1:
        first = np.arange(groups, dtype=np.int32) * np.int32(entries)
        upright = fragment.keep("o", first.reshape(layout.factor_shape))
        moved = fragment.add("Add", [fragment.add("Reshape", [codes, target]), upright])
        codes = fragment.add("Reshape", [moved, fragment.fixed("flat", np.array([-1], np.int64))])
    looked_up = add_lookup(fragment, codes, entries=groups * entries)
    units = fragment.add("Reshape", [looked_up, target])
    step = add_steps(fragment, layout.scale_shape, factor=layout.factor_shape)
    weight = fragment.add("Mul", [units, step])
    finish_weight(fragment, weight, site, shape=layout.shape)
    return fragment
