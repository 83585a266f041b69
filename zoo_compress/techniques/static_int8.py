"""`static-int8`: products of 8-bit weights and 8-bit activations, ranges known beforehand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import onnx_ir as ir
from pydantic import BaseModel, ConfigDict, Field

from zoo_compress.core import AnyArray, Encoded, Option, Site
from zoo_compress.graph.fragment import Fragment, insert_fragment
from zoo_compress.graph.ports import aliases
from zoo_compress.graph.quantized import quantize_tensor, quantized_bytes
from zoo_compress.numerics.activation_grid import ActivationGrid, RangeMethod, activation_grid
from zoo_compress.numerics.histogram import Histogram
from zoo_compress.numerics.symmetric import symmetric_steps
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.repair import Nearest, rounded
from zoo_compress.techniques.sized import fragment_option, saving_options

Codes = Literal["uint8", "int8"]

FIRST_OPSET = 13
"""The first operator set whose DequantizeLinear takes one step size a channel."""


class StaticInt8Settings(BaseModel):
    """What a recipe may say about `static-int8`.

    Attributes:
        ranges: How to choose the ranges of activations, see `numerics.activation_grid`.
        activations: `uint8`, 256 levels from the lower to the upper bound, is what the kernels for
            CPUs want; `int8`, symmetric around 0, what those for GPUs do.
        reduce_range: Weights of 7 bits. CPUs with AVX2 or AVX-512 but without VNNI add up pairs of
            products in 16 bits, which overflow with 8.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ranges: tuple[RangeMethod, ...] = Field(default=("mse",), min_length=1)
    activations: Codes = "uint8"
    reduce_range: bool = False


class StaticInt8:
    """QuantizeLinear and DequantizeLinear around the tensors of a layer, and on its weight.

    Weights of Conv, Gemm and MatMul become int8 with one step size per output channel, and a
    DequantizeLinear in front of their readers. What a reader takes in, and what a Conv gives out
    behind a Relu or a Clip from 0, goes through QuantizeLinear and DequantizeLinear, one pair for
    all sites at that tensor. A runtime with integer kernels takes these nodes together: ONNX
    Runtime computes with QLinearConv, one after the other where sites follow each other, adds with
    QLinearAdd between them, and multiplies matrices with MatMulIntegerToFloat. Biases stay floats;
    the runtime rounds those of integer convolutions to 32 bits.

    Everything that reads a rounded tensor reads it rounded, so that residual additions need no
    floats either.

    Declined are weights of other types than float32, operator sets before 13, weights with a
    reader of another kind or in the body of an If, Loop or Scan (see `graph.ports`), and those
    where nothing is saved.
    """

    name = "static-int8"
    by_channel = True
    by_weights = False
    observes = True
    folded = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `StaticInt8Settings`."""
        self._settings = StaticInt8Settings.model_validate(dict(settings))

    def decline(self, site: Site) -> str | None:
        """Return the reason where no integer kernel can take the place, or nothing is saved."""
        reason = _unreachable(site)
        if reason is not None or self.options(site):
            return reason
        return f"{site.stored_bytes} bytes: int8 weights and their nodes take no less"

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
        levels = 63 if option.settings["reduce_range"] else 127
        step = _steps(weight, site, calibration, levels)
        found = rounded(weight, calibration, scale=step, nearest=_nearest(levels))
        codes = np.rint(found / step).clip(-levels, levels).astype(np.int8)
        tensors: dict[str, AnyArray] = {
            "q": codes,
            "d": step.reshape(-1),
            "z": np.zeros(step.size, np.int8),
        }
        for alias, grid in _grids(site, option, calibration):
            tensors[f"{alias}.s"] = np.array(grid.scale)
            kind = np.int8 if option.settings["activations"] == "int8" else np.uint8
            tensors[f"{alias}.z"] = np.array(grid.zero, kind)
        return Encoded(
            option=option,
            tensors=tensors,
            dense=codes.astype(np.float32) * step,
            rounding=_rounding(site, option, calibration),
        )

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put the int8 weight in the place of the initializer, and round the tensors around it."""
        insert_fragment(model, _fragment(site), encoded.tensors)
        for tensor, alias in _tensors(site).items():
            scale, zero = (encoded.tensors[f"{alias}.{role}"] for role in "sz")
            quantize_tensor(model.graph, tensor, alias, scale, zero)

    def _sized(self, site: Site) -> Iterator[Option]:
        wanted = self._settings
        around = {alias: quantized_bytes(alias, t) for t, alias in _tensors(site).items()}
        for method in wanted.ranges:
            settings = {
                "ranges": method,
                "activations": wanted.activations,
                "reduce_range": wanted.reduce_range,
            }
            option = fragment_option(self.name, settings, _fragment(site))
            yield Option(
                technique=self.name,
                settings=settings,
                stored_bytes=option.stored_bytes,
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


def _tensors(site: Site) -> dict[str, str]:
    """Return the tensors to round, with their aliases."""
    return {tensor: alias for port in site.ports for tensor, alias in aliases(port).items()}


def _steps(weight: AnyArray, site: Site, calibration: Calibration, levels: int) -> AnyArray:
    """Return step sizes that broadcast to the weight."""
    shape = [1] * weight.ndim
    shape[site.channel_axis] = -1
    rows = _flat(weight, site)
    steps = symmetric_steps(rows, levels=levels, importance=_flat(calibration.importance, site))
    return steps.reshape(shape)


def _flat(array: AnyArray, site: Site) -> AnyArray:
    """Return a row for each output channel, in their order."""
    return np.moveaxis(array, site.channel_axis, 0).reshape(array.shape[site.channel_axis], -1)


def _nearest(levels: int) -> Nearest:
    return lambda units: np.rint(units).clip(-levels, levels)


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
