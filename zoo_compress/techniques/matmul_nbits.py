"""`matmul-nbits`: matrices as 4-bit or 8-bit codes that MatMulNBits multiplies with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from pydantic import BaseModel, ConfigDict, Field

from zoo_compress.core import AnyArray, Encoded, Option, Reader, Site
from zoo_compress.graph.chain import attributes_of
from zoo_compress.graph.fragment import Fragment, initializer_bytes
from zoo_compress.graph.readers import (
    definitions,
    domain_bytes,
    replace_readers,
    substituted_bytes,
)
from zoo_compress.numerics.nbits import (
    block_codes,
    block_count,
    block_scales,
    decode_blocks,
    packed_blocks,
)
from zoo_compress.numerics.rows import from_rows, to_rows
from zoo_compress.numerics.scalar_quantizer import ScalarQuantizer, whole_numbers
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.repair import rounded
from zoo_compress.techniques.sized import no_saving

Array = npt.NDArray[np.float32]
Bits = Literal[4, 8]
BlockSize = Literal[32, 64, 128]

DOMAIN = "com.microsoft"
FLOATS: dict[str, type[np.floating[Any]]] = {"float32": np.float32, "float16": np.float16}
# Level 4 would let the runtime round the activations to 8 bits (measured: errors of 0.4 to 0.8 %
# of the largest output), level 0 leaves that to the runtime.
FLOAT32_ACTIVATIONS = 1


class MatMulNBitsSettings(BaseModel):
    """What a recipe may say about `matmul-nbits`.

    Attributes:
        bits: Code widths to offer, 4 alone by default. The CPU kernel for float activations is
            slow at 8 bits: a float32 or float16 weight of 1024 x 1024 took 16 to 23 times as long
            as in a dense product for one row and 3 to 4 times for 64, at 4 bits 0.7 to 1.3 times
            (ONNX Runtime 1.32, one thread).
        block_size: Consecutive weights of an output that share one step size.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bits: tuple[Bits, ...] = Field(default=(4,), min_length=1)
    block_size: tuple[BlockSize, ...] = Field(default=(32, 128), min_length=1)


class MatMulNBits:
    """Codes around 0 with one step size per block, which ONNX Runtime has a kernel for.

    - MatMul with a weight of two axes on its right becomes ONNX Runtime's com.microsoft
      MatMulNBits.
    - Gemm becomes the same, and an Add of its third input if it has one. Its weight may be
      transposed.

    Step sizes have the type of the weights. Activations stay in float, which the node demands of
    the runtime; sums are in another order than in a dense product. `Encoded.dense` is the decoded
    weight, for float16 rounded to it, which the runtime need not do.

    Declined are weights of other types than float32 and float16, of other operators, on the left,
    of more than two axes, and in the body of an If, Loop or Scan; Gemm that transposes its first
    matrix or scales anything; weights that readers take in different orientations; and weights so
    small that nothing is saved.
    """

    name = "matmul-nbits"
    by_channel = True
    by_weights = True
    observes = False
    folded = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `MatMulNBitsSettings`."""
        self._settings = MatMulNBitsSettings.model_validate(dict(settings))

    def decline(self, site: Site) -> str | None:
        """Return the reason where no such node can take the place, or nothing is saved."""
        stored = "packed codes and their nodes"
        return _unreachable(site) or no_saving(site, self.options(site), stored)

    def options(self, site: Site) -> Sequence[Option]:
        """Return one option per width and block size, more bytes first.

        Rows are padded to whole blocks. A block size is left out where that takes as many bytes
        as a smaller one, which has less error.
        """
        if _unreachable(site) is not None:
            return []
        found = [option for bits in set(self._settings.bits) for option in self._of(site, bits)]
        return sorted(found, key=lambda option: -option.stored_bytes)

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Choose step sizes by the error that inputs feel, then round, with feedback if allowed.

        Of correlated random inputs, weighting the errors by the power of the inputs left 9 to 39 %
        less error of the outputs at 4 bits, 2 to 32 % less at 8 bits.
        """
        bits, size = int(option.settings["bits"]), int(option.settings["block_size"])
        rows = _rows(weight, site)
        importance = None if calibration is None else _rows(calibration.importance, site)
        scale = block_scales(
            rows, bits=bits, block_size=size, dtype=FLOATS[site.dtype], importance=importance
        )
        found = block_codes(rows, scale, bits=bits, block_size=size)
        if calibration is not None and calibration.feedback:
            step = from_rows(found.step[None], site.shape, channel_axis=site.channel_axis)
            again = rounded(weight, calibration, scale=step, quantizer=_levels(bits))
            found = block_codes(_rows(again, site), scale, bits=bits, block_size=size)
        dense = from_rows(
            decode_blocks(found)[None], site.shape, channel_axis=site.channel_axis
        ).astype(weight.dtype)
        tensors = {"q": packed_blocks(found.codes, bits), "d": scale}
        return Encoded(option=option, tensors=tensors, dense=dense)

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put MatMulNBits in the place of the nodes that read the weight."""
        replace_readers(model, _fragment(site, encoded.option.settings), encoded.tensors)
        model.opset_imports.setdefault(DOMAIN, 1)

    def _of(self, site: Site, bits: int) -> Iterator[Option]:
        """Yield the options of one width, each with fewer bytes than the one before."""
        smallest = initializer_bytes(site.name, site.shape, site.element_bytes)
        for size in sorted(self._settings.block_size):
            option = self._sized(site, {"bits": bits, "block_size": size})
            if option.stored_bytes < smallest:
                yield option
                smallest = option.stored_bytes

    def _sized(self, site: Site, settings: Mapping[str, Any]) -> Option:
        return Option(
            technique=self.name,
            settings=settings,
            stored_bytes=substituted_bytes(_fragment(site, settings), definitions(site)),
            shared={DOMAIN: domain_bytes(DOMAIN)},
        )


def _unreachable(site: Site) -> str | None:
    """Return why MatMulNBits cannot take the place of every reader, or None."""
    if site.dtype not in FLOATS:
        return f"{site.dtype} weights: MatMulNBits takes float32 and float16"
    reason = next(filter(None, (_mismatch(reader, site) for reader in site.readers)), None)
    if reason is not None:
        return reason
    axes = {_output_axis(node) for node in definitions(site)}
    return "read both as it is and transposed" if len(axes) > 1 else None


def _mismatch(reader: Reader, site: Site) -> str | None:
    if reader.op_type not in ("MatMul", "Gemm"):
        return f"read by {reader.op_type}, not by MatMul or Gemm"
    if reader.input_index != 1:
        return f"input {reader.input_index} of {reader.op_type}, not the matrix on the right"
    if not reader.definition:
        return "read in the body of an If, Loop or Scan"
    if len(site.shape) != 2:
        return f"has {len(site.shape)} axes, not two"
    return _gemm_mismatch(onnx.NodeProto.FromString(reader.definition))


def _gemm_mismatch(node: onnx.NodeProto) -> str | None:
    """Return what a Gemm does beyond multiplying and adding, or None."""
    attributes = attributes_of(node)
    if attributes.get("transA", 0):
        return "its Gemm transposes the first matrix"
    scales = {name: attributes.get(name, 1.0) for name in ("alpha", "beta")}
    if not _added(node):
        scales.pop("beta")
    scaled = [f"{name} {value:g}" for name, value in scales.items() if value != 1]
    return f"its Gemm has {' and '.join(scaled)}" if scaled else None


def _output_axis(node: onnx.NodeProto) -> int:
    return 0 if attributes_of(node).get("transB", 0) else 1


def _added(node: onnx.NodeProto) -> str:
    """Return what a Gemm adds to the product; empty if nothing."""
    return node.input[2] if len(node.input) > 2 else ""


def _rows(array: AnyArray, site: Site) -> Array:
    """Return an array in the shape of the weight as rows, one for each output, in float32."""
    rows = to_rows(np.asarray(array, np.float32), channel_axis=site.channel_axis, groups=1)
    return rows.reshape(rows.shape[1:])


def _levels(bits: int) -> ScalarQuantizer:
    half = 1 << (bits - 1)
    return whole_numbers(-half, half - 1)


def _fragment(site: Site, settings: Mapping[str, Any]) -> Fragment:
    """Build the nodes for every reader; they depend on shapes only, not on weights."""
    bits, size = int(settings["bits"]), int(settings["block_size"])
    outputs = site.shape[site.channel_axis]
    inputs = site.elements // outputs
    blocks = block_count(inputs, size)
    fragment = Fragment(site.name, site.alias)
    codes = fragment.store("q", (outputs, blocks, size * bits // 8), np.uint8)
    scale = fragment.store("d", (outputs, blocks), FLOATS[site.dtype])
    for node in definitions(site):
        product = fragment.add(
            "MatMulNBits",
            [node.input[0], codes, scale],
            domain=DOMAIN,
            K=inputs,
            N=outputs,
            bits=bits,
            block_size=size,
            accuracy_level=FLOAT32_ACTIVATIONS,
        )
        if _added(node):
            fragment.add("Add", [product, _added(node)])
        fragment.nodes[-1].output[0] = node.output[0]
    return fragment
