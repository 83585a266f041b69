"""`embedding-rows`: tables as integer rows, of which only those looked up are decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import onnx
import onnx_ir as ir
from pydantic import BaseModel, ConfigDict, Field

from zoo_compress.core import AnyArray, Encoded, Option, Site
from zoo_compress.graph.chain import attributes_of
from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.readers import definitions, replace_readers, substituted_bytes
from zoo_compress.graph.scaled import KINDS
from zoo_compress.numerics.nbits import block_codes, block_scales, decode_blocks
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.sized import no_saving, saving_options

# The code of 4 bits that stands for the number 0.
ZERO = 8
Bits = Literal[4, 8]


class EmbeddingRowsSettings(BaseModel):
    """What a recipe may say about `embedding-rows`.

    Attributes:
        bits: Code widths to offer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: tuple[Bits, ...] = Field(default=(8,), min_length=1)


class EmbeddingRows:
    """Tables that Gather reads, as codes with one float32 step size for each row.

    Codes and step sizes are gathered, and only the gathered rows are multiplied, in float32; the
    product is cast to the type of the table. So the table stays in codes in the memory of a
    running session, where decoding at load would fill it with floats. At 8 bits a Gather becomes
    Gather, Cast, Gather, Mul; at 4 bits two codes share a byte, the first half of a row in the low
    bits, and three BitShift, a Concat and a Sub take them apart.

    Declined are tables that something other than Gather along axis 0 reads, tables read in the
    body of an If, Loop or Scan, and those where nothing is saved. 4 bits are not offered where
    the last axis is odd.
    """

    name = "embedding-rows"
    by_channel = True
    by_weights = True
    observes = False
    folded = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `EmbeddingRowsSettings`."""
        self._settings = EmbeddingRowsSettings.model_validate(dict(settings))

    def decline(self, site: Site) -> str | None:
        """Return the reason where the table is read in another way, or nothing is saved."""
        reason = _unreachable(site)
        if reason is None and not self._widths(site):
            return f"rows of {site.shape[-1]} weights: two codes of 4 bits share a byte"
        return reason or no_saving(site, self.options(site), "integer rows and their nodes")

    def options(self, site: Site) -> Sequence[Option]:
        """Return one option per width, more bytes first."""
        if _unreachable(site) is not None:
            return []
        return saving_options(site, (self._sized(site, bits) for bits in self._widths(site)))

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Round each row with the step size of the least squared error; inputs are indices."""
        bits, rows = int(option.settings["bits"]), weight.reshape(len(weight), -1)
        length = rows.shape[1]
        wide = rows.astype(np.float32)
        scale = block_scales(wide, bits=bits, block_size=length)
        found = block_codes(wide, scale, bits=bits, block_size=length)
        dense = decode_blocks(found).reshape(weight.shape).astype(weight.dtype)
        tensors: dict[str, AnyArray] = {
            "q": _stored(found.codes.reshape(weight.shape), bits),
            "d": scale.reshape(_scale_shape(weight.shape)),
        }
        return Encoded(option=option, tensors=tensors, dense=dense)

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put the integer rows in the place of the table, and nodes in that of each Gather."""
        bits = int(encoded.option.settings["bits"])
        replace_readers(model, _fragment(site, bits), encoded.tensors)

    def _widths(self, site: Site) -> list[int]:
        return [bits for bits in self._settings.bits if bits == 8 or site.shape[-1] % 2 == 0]

    def _sized(self, site: Site, bits: int) -> Option:
        stored = substituted_bytes(_fragment(site, bits), definitions(site))
        return Option(technique=self.name, settings={"bits": bits}, stored_bytes=stored)


def _unreachable(site: Site) -> str | None:
    """Return why some reader cannot take integer rows, or None."""
    others = sorted({reader.op_type for reader in site.readers} - {"Gather"})
    if others:
        return f"read by {', '.join(others)}, which takes no integer rows"
    if not all(reader.definition for reader in site.readers):
        return "read in the body of an If, Loop or Scan"
    axes = {attributes_of(node).get("axis", 0) for node in definitions(site)}
    wrong = sorted(axis for axis in axes if axis % len(site.shape))
    return f"gathered along axis {wrong[0]}, not along rows" if wrong else None


def _scale_shape(shape: Sequence[int]) -> tuple[int, ...]:
    return (shape[0], *(1 for _ in shape[1:]))


def _stored(codes: AnyArray, bits: int) -> AnyArray:
    """Return codes around 0 as signed bytes, those of 4 bits as pairs."""
    if bits == 8:
        return (codes.astype(np.int16) - 128).astype(np.int8)
    low, high = np.split(codes, 2, axis=-1)
    pairs: AnyArray = low | (high << 4)
    return pairs


def _fragment(site: Site, bits: int) -> Fragment:
    """Build the nodes for every reader; they depend on shapes only, not on weights."""
    fragment = Fragment(site.name, site.alias)
    halves: tuple[str, ...] = ()
    if bits == 8:
        table = fragment.store("q", site.shape, np.int8)
    else:
        table = fragment.store("q", (*site.shape[:-1], site.shape[-1] // 2), np.uint8)
        shift = fragment.keep("s", np.array([4], np.uint8))
        halves = shift, fragment.keep("z", np.array([ZERO], np.float32))
    scale = fragment.store("d", _scale_shape(site.shape), np.float32)
    for node in definitions(site):
        codes = fragment.add("Gather", [table, node.input[1]])
        numbers = _add_numbers(fragment, codes, halves)
        steps = fragment.add("Gather", [scale, node.input[1]])
        rows = fragment.add("Mul", [numbers, steps])
        if site.dtype != "float32":
            fragment.add("Cast", [rows], to=KINDS[site.dtype])
        fragment.nodes[-1].output[0] = node.output[0]
    return fragment


def _add_numbers(fragment: Fragment, codes: str, halves: tuple[str, ...]) -> str:
    """Append nodes that make float32 numbers around 0 of gathered codes; return their name.

    Args:
        fragment: Where to append.
        codes: Signed bytes, or pairs of codes.
        halves: For pairs, the names of the shift between two codes and of the code for 0.
    """
    if not halves:
        return fragment.add("Cast", [codes], to=onnx.TensorProto.FLOAT)
    shift, zero = halves
    # Masking the low code (BitwiseAnd) came only with operator set 18.
    left = fragment.add("BitShift", [codes, shift], direction="LEFT")
    low = fragment.add("BitShift", [left, shift], direction="RIGHT")
    high = fragment.add("BitShift", [codes, shift], direction="RIGHT")
    both = fragment.add("Concat", [low, high], axis=-1)
    numbers = fragment.add("Cast", [both], to=onnx.TensorProto.FLOAT)
    return fragment.add("Sub", [numbers, zero])
