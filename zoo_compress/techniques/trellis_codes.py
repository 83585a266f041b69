"""`trellis-codes`: codes of many lengths for levels on the path of a trellis, decoded at load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import onnx_ir as ir
from pydantic import BaseModel, ConfigDict, Field

from zoo_compress.core import AnyArray, Encoded, Option, Site
from zoo_compress.graph.fragment import Fragment, insert_fragment
from zoo_compress.graph.function import FEWEST_MODEL_BYTES
from zoo_compress.graph.nibbles import add_nibbles, packed_nibbles
from zoo_compress.graph.rice_codes import (
    OPSET,
    add_lengths,
    add_symbols,
    packed_symbols,
)
from zoo_compress.graph.row_steps import add_of_outputs, add_row_steps
from zoo_compress.graph.scaled import finish_weight
from zoo_compress.graph.trellis import add_trellis_levels, add_whole_rows
from zoo_compress.numerics.magnitude import unit_weights
from zoo_compress.numerics.row_steps import ZERO
from zoo_compress.numerics.trellis import trellis_levels
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.sized import fragment_option, saving_options
from zoo_compress.techniques.trellis_fit import TrellisFit
from zoo_compress.techniques.trellis_layout import TrellisLayout

NIBBLES = "e"
"""Before the role of the steps of rows and the codes of columns."""

Bits = Annotated[float, Field(ge=1.5, le=5)]

# With 11 of these, outputs of EfficientNet-Lite0 at an eighth of its size changed by 4 % more, and
# with 27 by 2 % more: a search then tries more of what is alike.
DEFAULT_BITS = (
    *(5.0, 4.75, 4.5, 4.25, 4.0, 3.75, 3.5, 3.35, 3.2, 3.05),
    *(2.9, 2.75, 2.6, 2.4, 2.2, 2.0, 1.75),
)


class TrellisCodesSettings(BaseModel):
    """What a recipe may say about `trellis-codes`.

    Attributes:
        bits: Bits that a weight takes on average, to offer.
        smallest_model_bytes: Bytes of all tensors of a model from which on to offer any: the
            function that decodes them takes 7 kB.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: tuple[Bits, ...] = Field(default=DEFAULT_BITS, min_length=1)
    smallest_model_bytes: Annotated[int, Field(ge=0)] = FEWEST_MODEL_BYTES


class TrellisCodes:
    """Multiples of half a step of each output channel, on the path of a trellis, in Rice codes.

    Each number names every other level only, and the numbers before it say which of them: that
    leaves less error than numbers of as many bits that name all. Those of two outputs share a
    code, which is the shorter, the nearer to 0 both are; each input has the one of sixteen that
    suits its numbers. The file holds the codes and the steps; a function of some 120 standard
    operators decodes all weights. ONNX Runtime folds it into constants when the session is
    created, so the model then runs at the speed of dense weights.
    """

    name = "trellis-codes"
    by_channel = True
    by_weights = True
    observes = False
    folded = True
    operator_set = OPSET

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `TrellisCodesSettings`."""
        self._settings = TrellisCodesSettings.model_validate(dict(settings))

    @property
    def smallest_model_bytes(self) -> int:
        """Bytes of a model from which on it has options."""
        return self._settings.smallest_model_bytes

    def decline(self, site: Site) -> str | None:
        """Return why weights of a small or an old model, or of scattered rows, are not coded so.

        Or where that saves nothing.
        """
        if site.opset < OPSET:
            return f"decoding takes operator set {OPSET}, the model uses {site.opset}"
        if site.model_bytes < self.smallest_model_bytes:
            return f"a model of {site.model_bytes} bytes: the function that decodes takes too many"
        if not TrellisLayout(site, DEFAULT_BITS[0]).in_one_piece:
            return "the weights of an output lie on both sides of the axis of outputs"
        if self.options(site):
            return None
        return f"{site.stored_bytes} bytes: codes, steps and their decode nodes take no less"

    def options(self, site: Site) -> Sequence[Option]:
        """Return one option per number of bits, more bytes first."""
        if site.opset < OPSET or site.model_bytes < self.smallest_model_bytes:
            return []
        layouts = (TrellisLayout(site, bits) for bits in self._settings.bits)
        return saving_options(
            site,
            (
                fragment_option(self.name, {"bits": layout.bits}, _fragment(layout))
                for layout in layouts
                if layout.fits
            ),
        )

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Find the finest steps whose codes fit, and the path of the least error with them.

        Raises:
            ValueError: If not even zeros fit.
        """
        layout = TrellisLayout(site, float(option.settings["bits"]))
        if not layout.fits:
            raise ValueError(f"{site.elements} weights have no codes of {layout.bits:g} bits")
        unit, exponent = unit_weights(weight)
        found, shape = TrellisFit(unit, layout, calibration).best(), layout.pair_shape
        tensors = packed_symbols(
            found.symbols,
            found.choice,
            shape,
            room=layout.room,
            quotient_room=layout.quotient_room,
        )
        steps = found.steps.times_power_of_two(exponent)
        spacing = np.array([steps.spacing], np.uint8)
        rows = shape.padded(steps.codes.reshape(-1), ZERO)
        tensors |= packed_nibbles(NIBBLES, [spacing, rows, found.choice])
        tensors["f"] = np.array(steps.factor)
        dense = layout.from_rows(trellis_levels(found.numbers) * steps.decoded[:, :, None])
        return Encoded(option=option, tensors=tensors, dense=dense.astype(weight.dtype))

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put the call of the decode function in the place of the initializer."""
        layout = TrellisLayout(site, float(encoded.option.settings["bits"]))
        insert_fragment(model, _fragment(layout), encoded.tensors)


def _fragment(layout: TrellisLayout) -> Fragment:
    """Build the decode subgraph of a site; it depends on shapes only, not on weights."""
    site, shape = layout.site, layout.pair_shape
    fragment = Fragment(site.name, site.alias, calls=True, stage=site.stage)
    lengths = add_lengths(fragment, shape)
    one = fragment.constant(np.array([1], np.int64))
    count = 1 + 2 * shape.pair_rows + shape.code_columns
    spacing, rows, codes = add_nibbles(
        fragment, NIBBLES, count, (one, lengths.numbers, lengths.coded)
    )
    symbols = add_symbols(
        fragment, codes, lengths, shape, room=layout.room, quotient_room=layout.quotient_room
    )
    levels = add_trellis_levels(fragment, symbols, shape)
    if shape.rows % 2:
        levels = add_whole_rows(fragment, levels, symbols, shape)
    target = fragment.keep("w", np.array(site.shape, np.int64))
    shaped = fragment.add("Reshape", [levels, target])
    steps = fragment.add(
        "Mul", [add_row_steps(fragment, spacing, rows), fragment.store("f", (), np.float32)]
    )
    weight = fragment.add("Mul", [shaped, add_of_outputs(fragment, steps, site)])
    finish_weight(fragment, weight, site, shape=site.shape)
    return fragment
