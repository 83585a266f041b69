"""`prefix-codes`: short codes for weights near 0 and longer ones for the rest, decoded at load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from pydantic import BaseModel, ConfigDict, Field, model_validator

from zoo_compress.core import AnyArray, Encoded, Option, Site
from zoo_compress.graph.bitmask import add_spread
from zoo_compress.graph.fragment import Fragment, insert_fragment
from zoo_compress.graph.lookup import add_lookup
from zoo_compress.graph.scaled import add_steps, finish_weight
from zoo_compress.graph.step_codes import steps_in_bytes
from zoo_compress.graph.unpack import add_unpacked_codes, role
from zoo_compress.numerics.magnitude import unit_weights
from zoo_compress.numerics.packing import pack
from zoo_compress.numerics.prefix_code import PrefixLevels, fit_prefix_levels
from zoo_compress.numerics.prune import keep_largest, kept_count
from zoo_compress.numerics.rows import to_rows
from zoo_compress.techniques.blocks import channel_blocks
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.levels import Leveled, leveled
from zoo_compress.techniques.sized import fragment_option, saving_options

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]

INT32 = onnx.TensorProto.INT32
LONG = "l"
"""Before the roles of what the file holds of the long codes."""

ATTEMPTS = 3
# By which share error feedback raises the number of long codes, times the number of short ones:
# with a short code of 2 bits by 3 % in the median over the weights of EfficientNet-Lite0.
SPREAD = 0.125
# More weights than there are long codes for, as a ratio: so many get a short one after all.
LARGEST_EXCESS = 1.02


class PrefixCode(BaseModel):
    """Lengths of codes.

    Attributes:
        short: Bits of the short codes, one of which says that a long one is meant.
        long: Bits of the long codes, that one included, at most 7 more.
        share: Share of the weights that may have a long code.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    short: Annotated[int, Field(ge=1, le=7)]
    long: Annotated[int, Field(ge=2, le=14)]
    share: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _check_lengths(self) -> PrefixCode:
        if not 1 <= self.long - self.short <= 7:
            raise ValueError(f"long {self.long} must be 1 to 7 bits more than short {self.short}")
        return self


DEFAULT_CODES = tuple(
    PrefixCode(short=short, long=long, share=share)
    for short, long, share in ((4, 8, 0.1), (3, 6, 0.15), (3, 6, 0.1), (2, 4, 0.25), (2, 4, 0.15))
)


class PrefixCodesSettings(BaseModel):
    """What a recipe may say about `prefix-codes`.

    Attributes:
        codes: Lengths to offer. A weight takes short + share * (long - short) bits on average.
            With error feedback, codes of 3 and 6 bits with a share of 0.15 left 1.39 to 1.46 times
            less error in the outputs of five large weights of EfficientNet-Lite0 than codebooks of
            as many bits, codes of 2 and 4 bits with a share of 0.25 1.22 to 1.39 times less.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    codes: tuple[PrefixCode, ...] = Field(default=DEFAULT_CODES, min_length=1)


class PrefixCodes:
    """Codes of two lengths for k-means centres, with one step for each output channel.

    Weights are many near 0 and few far from it, so that levels of one length waste bits. The file
    holds the short codes, the long codes of those weights whose short one is the escape, the
    levels, the steps (in large models a byte each), and about twenty-five nodes of standard
    operators; ONNX Runtime folds them into a constant when the session is created, so the model
    then runs at the speed of dense weights.
    """

    name = "prefix-codes"
    by_channel = True
    by_weights = True
    observes = False
    folded = True

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `PrefixCodesSettings`."""
        self._settings = PrefixCodesSettings.model_validate(dict(settings))

    def decline(self, site: Site) -> str | None:
        """Return the reason when no option saves a byte."""
        if self.options(site):
            return None
        return f"{site.stored_bytes} bytes: codes, levels and their decode nodes take no less"

    def options(self, site: Site) -> Sequence[Option]:
        """Return one option per pair of lengths and share, more bytes first."""
        wanted = [code.model_dump() for code in self._settings.codes]
        return saving_options(
            site, (fragment_option(self.name, s, _fragment(site, s)) for s in wanted)
        )

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Fit levels and steps, round to them, and keep long codes for as many as there may be."""
        code = PrefixCode.model_validate(dict(option.settings))
        unit, exponent = unit_weights(weight)
        count = kept_count(site.elements, code.share)
        levels, found = _fitted(unit, site, code, calibration, count)
        found = found.times_power_of_two(exponent)
        steps = found.steps.decoded
        codes = _within(found.codes, levels, steps, count)
        tensors = _stored(codes, levels, code, count)
        tensors |= {"d": found.steps.stored, "f": np.array(found.steps.factor)}
        dense = (levels.all[codes] * steps).astype(weight.dtype)
        return Encoded(option=option, tensors=tensors, dense=dense)

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put the decode subgraph in the place of the initializer."""
        insert_fragment(model, _fragment(site, encoded.option.settings), encoded.tensors)


def _fitted(
    weight: Floats, site: Site, code: PrefixCode, calibration: Calibration | None, count: int
) -> tuple[PrefixLevels, Leveled]:
    """Return levels, and a weight rounded to them with about `count` long codes or fewer.

    Error feedback spreads weights, by how much its inputs decide: levels are fitted for a smaller
    share until no more weights lie beyond the cut, and a few times at most.
    """
    rows = np.ascontiguousarray(to_rows(weight, channel_axis=site.channel_axis, groups=1)[0])
    share = code.share
    if calibration is not None and calibration.feedback:
        share *= 1 - SPREAD * 2.0**-code.short
    for _ in range(ATTEMPTS):
        levels, step = fit_prefix_levels(
            rows, short_bits=code.short, further_bits=code.long - code.short, share=share
        )
        found = leveled(
            weight,
            site,
            quantizer=levels.quantizer,
            step=step,
            calibration=calibration,
            steps_in_bytes=steps_in_bytes(site),
        )
        excess = np.count_nonzero(levels.is_long[found.codes]) / count
        if excess <= LARGEST_EXCESS:
            break
        share /= excess
    return levels, found


def _within(codes: Codes, levels: PrefixLevels, step: Floats, count: int) -> Codes:
    """Give the short level that is nearest to all but `count` of the weights with a long code.

    Those keep it that would be changed most.
    """
    long = levels.is_long[codes]
    if int(np.count_nonzero(long)) <= count:
        return codes
    places, flat = np.flatnonzero(long), codes.reshape(-1)
    far, nearest = flat[places], levels.nearest_short(flat[places])
    steps = np.broadcast_to(step, codes.shape).reshape(-1)[places]
    change = np.abs(levels.all[far] - levels.all[nearest]) * steps
    found = flat.copy()
    found[places] = np.where(keep_largest(change, count), far, nearest)
    return found.reshape(codes.shape)


def _stored(
    codes: Codes, levels: PrefixLevels, code: PrefixCode, count: int
) -> dict[str, AnyArray]:
    """Return what the file holds of codes and levels, by role."""
    long, escape = levels.is_long[codes], np.uint8((1 << code.short) - 1)
    numbers = levels.numbers[codes]
    short_codes = np.where(long, escape, numbers).reshape(-1)
    long_codes = np.zeros(count, np.uint8)
    long_codes[: np.count_nonzero(long)] = numbers[long]
    tensors: dict[str, AnyArray] = {
        role(plane): data for plane, data in pack(short_codes, code.short).items()
    }
    packed = pack(long_codes, code.long - code.short)
    tensors |= {LONG + role(plane): data for plane, data in packed.items()}
    # The escape stands for 0, to which the level of the long code is added.
    tensors["t"] = np.append(levels.short, np.float32(0)).astype(np.float16)
    tensors[f"{LONG}t"] = levels.long.astype(np.float16)
    return tensors


def _fragment(site: Site, settings: Mapping[str, Any]) -> Fragment:
    """Build the decode subgraph of a site; it depends on shapes only, not on weights."""
    code = PrefixCode.model_validate(dict(settings))
    entries, further = 1 << code.short, code.long - code.short
    count = kept_count(site.elements, code.share)
    fragment = Fragment.of(site)
    codes = add_unpacked_codes(fragment, bits=code.short, shape=(site.elements,), to=INT32)
    long_codes = add_unpacked_codes(fragment, bits=further, shape=(count,), prefix=LONG, to=INT32)
    near = add_lookup(fragment, codes, entries=entries)
    far = add_lookup(fragment, long_codes, entries=1 << further, role=f"{LONG}t")
    escape = fragment.fixed(f"escape{code.short}", np.array(entries - 1, np.int32))
    equal = fragment.add("Equal", [codes, escape])
    mask = fragment.add("Cast", [equal], to=INT32)
    units = fragment.add("Add", [near, add_spread(fragment, far, mask)])
    target = fragment.keep("x", np.array(site.shape, np.int64))
    shape = channel_blocks(site).scale_shape
    step = add_steps(fragment, shape, in_bytes=steps_in_bytes(site))
    weight = fragment.add("Mul", [fragment.add("Reshape", [units, target]), step])
    finish_weight(fragment, weight, site, shape=site.shape)
    return fragment
