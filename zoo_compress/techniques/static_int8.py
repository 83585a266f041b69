"""`static-int8`: products of 8-bit weights and 8-bit activations, ranges known beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import onnx
import onnx_ir as ir
from pydantic import Field

from zoo_compress.core import AnyArray, Encoded, Option, Site
from zoo_compress.graph.chain import added_bytes
from zoo_compress.graph.fragment import Fragment, insert_fragment
from zoo_compress.graph.ports import aliases
from zoo_compress.graph.quantized import (
    move_bias,
    quantize_tensor,
    quantized_bytes,
    rounded_name,
)
from zoo_compress.graph.readers import definitions
from zoo_compress.numerics.activation_grid import ActivationGrid, RangeMethod, activation_grid
from zoo_compress.numerics.histogram import Histogram
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.int8_weights import Int8Settings, int8_codes
from zoo_compress.techniques.sized import fragment_option, no_saving, saving_options

Codes = Literal["uint8", "int8"]

FIRST_OPSET = 13
"""The first operator set whose DequantizeLinear takes one step size a channel."""


class StaticInt8Settings(Int8Settings):
    """What a recipe may say about `static-int8`.

    Attributes:
        ranges: How to choose the ranges of activations, see `numerics.activation_grid`.
        activations: `uint8`, 256 levels from the lower to the upper bound, is what the kernels for
            CPUs want; `int8`, symmetric around 0, what those for GPUs do.
    """

    ranges: tuple[RangeMethod, ...] = Field(default=("mean-power",), min_length=1)
    activations: Codes = "uint8"


class StaticInt8:
    """QuantizeLinear and DequantizeLinear around the tensors of a layer, and on its weight.

    Weights of Conv, Gemm and MatMul become int8 with one step size per output channel, and a
    DequantizeLinear in front of their readers. What a reader takes in, and what a Conv gives out
    behind a Relu or a Clip from 0, goes through QuantizeLinear and DequantizeLinear, one pair for
    all sites at that tensor. A runtime with integer kernels takes these nodes together: ONNX
    Runtime computes with QLinearConv, one after the other where sites follow each other, adds with
    QLinearAdd between them, and multiplies matrices with MatMulIntegerToFloat. Biases stay floats;
    the runtime rounds those of integer convolutions to 32 bits.

    Everything that reads a tensor around a Conv reads it rounded, so that residual additions need
    no floats either; what others than a MatMul or Gemm read of its inputs stays as it is. The bias
    of a Gemm becomes an Add: ONNX Runtime 1.32 leaves a Gemm with a float bias to floats.

    Declined are weights of other types than float32, operator sets before 13, weights with a
    reader of another kind or in the body of an If, Loop or Scan (see `graph.ports`), and those
    where nothing is saved.
    """

    name = "static-int8"
    by_channel = True
    by_weights = False
    observes = True
    folded = False
    operator_set = FIRST_OPSET

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `StaticInt8Settings`."""
        self._settings = StaticInt8Settings.model_validate(dict(settings))

    def decline(self, site: Site) -> str | None:
        """Return the reason where no integer kernel can take the place, or nothing is saved."""
        stored = "int8 weights and their nodes"
        return _unreachable(site) or no_saving(site, self.options(site), stored)

    def options(self, site: Site) -> Sequence[Option]:
        """Return one option per method of choosing ranges; all take the same bytes."""
        if _unreachable(site) is not None:
            return []
        return saving_options(site, self._sized(site))

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Round the weight, with feedback if allowed, and choose the levels of activations.

        Raises:
            ValueError: If the activations are not known.
        """
        if calibration is None:
            raise ValueError(f"site '{site.name}': the ranges of its activations are not known")
        found = int8_codes(
            weight, site, calibration, reduce_range=bool(option.settings["reduce_range"])
        )
        tensors: dict[str, AnyArray] = {
            "q": found.codes,
            "d": found.step.reshape(-1),
            "z": np.zeros(found.step.size, np.int8),
        }
        for alias, grid in _grids(site, option, calibration):
            tensors[f"{alias}.s"] = np.array(grid.scale)
            kind = np.int8 if option.settings["activations"] == "int8" else np.uint8
            tensors[f"{alias}.z"] = np.array(grid.zero, kind)
        return Encoded(
            option=option,
            tensors=tensors,
            dense=found.dense,
            rounding=_rounding(site, option, calibration),
        )

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put the int8 weight in the place of the initializer, and round the tensors around it."""
        graph = model.graph
        uses = list(graph.initializers[site.name].uses())
        insert_fragment(model, _fragment(site), encoded.tensors)
        for port, (node, _) in zip(site.ports, uses, strict=True):
            for tensor, alias in aliases(port).items():
                scale, zero = (encoded.tensors[f"{alias}.{role}"] for role in "sz")
                chained = None if port.target is not None else {node}
                quantize_tensor(graph, tensor, alias, scale, zero, readers=chained)
            if node.op_type == "Gemm" and len(node.inputs) > 2:
                move_bias(graph, node, f"{site.alias}.p")

    def _sized(self, site: Site) -> Iterator[Option]:
        wanted = self._settings
        around = {alias: quantized_bytes(alias, t) for t, alias in _tensors(site).items()}
        changed = _changed_bytes(site)
        for method in wanted.ranges:
            settings = {
                "ranges": method,
                "activations": wanted.activations,
                "reduce_range": wanted.reduced(signed=wanted.activations == "int8"),
            }
            option = fragment_option(self.name, settings, _fragment(site))
            yield Option(
                technique=self.name,
                settings=settings,
                stored_bytes=option.stored_bytes + changed,
                shared=dict(option.shared) | around,
            )


def _unreachable(site: Site) -> str | None:
    """Return why no integer kernel can take the place of every reader, or None."""
    if site.dtype != "float32":
        return f"{site.dtype} weights: integer kernels stand in for float32"
    if not site.ports:
        operators = ", ".join(sorted({reader.op_type for reader in site.readers}))
        return f"read by {operators or 'no node'} in a way that no integer kernel can stand in for"
    if site.opset < FIRST_OPSET:
        return (
            f"step sizes per channel need operator set {FIRST_OPSET}, the model uses {site.opset}"
        )
    return None


def _changed_bytes(site: Site) -> int:
    """Return by how many bytes the readers themselves become larger."""
    total = 0
    for port, node in zip(site.ports, definitions(site), strict=True):
        changed, nodes = onnx.NodeProto(), list[onnx.NodeProto]()
        changed.CopyFrom(node)
        changed.ClearField("name")
        if changed.input[0] == port.source:
            changed.input[0] = rounded_name(port.source_alias)
        if node.op_type == "Gemm" and len(node.input) > 2:
            product = f"{site.alias}.p"
            nodes.append(onnx.helper.make_node("Add", [product, node.input[2]], node.output))
            del changed.input[2:]
            changed.output[0] = product
        total += added_bytes(node, [changed, *nodes])
    return total


def _tensors(site: Site) -> dict[str, str]:
    """Return the tensors to round, with their aliases."""
    return {tensor: alias for port in site.ports for tensor, alias in aliases(port).items()}


def _grids(
    site: Site, option: Option, calibration: Calibration
) -> Iterator[tuple[str, ActivationGrid]]:
    for tensor, alias in _tensors(site).items():
        yield alias, _grid(_histogram(site, calibration, tensor), option)


def _histogram(site: Site, calibration: Calibration, tensor: str) -> Histogram:
    found = calibration.activations.get(tensor)
    if found is None:
        raise ValueError(f"site '{site.name}': the numbers in tensor '{tensor}' are not known")
    return found


def _grid(histogram: Histogram, option: Option) -> ActivationGrid:
    symmetric = option.settings["activations"] == "int8"
    return activation_grid(histogram, option.settings["ranges"], symmetric=symmetric)


def _rounding(site: Site, option: Option, calibration: Calibration) -> float:
    """Return the mean over tensors of their squared error as a share of their power.

    A linear layer passes such a share on as it is where errors and inputs are spread alike.
    """
    shares = []
    for tensor in _tensors(site):
        histogram = _histogram(site, calibration, tensor)
        error = _grid(histogram, option).squared_error(histogram)
        shares.append(error / histogram.power if histogram.power > 0 else 0.0)
    return float(np.sum(shares))


def _fragment(site: Site) -> Fragment:
    """Build the node that stands for the weight; it depends on shapes only."""
    fragment = Fragment(site.name, site.alias)
    channels = site.shape[site.channel_axis]
    stored = [
        fragment.store("q", site.shape, np.int8),
        fragment.store("d", (channels,), np.float32),
        fragment.store("z", (channels,), np.int8),
    ]
    fragment.add("DequantizeLinear", stored, axis=site.channel_axis)
    fragment.finish()
    return fragment
