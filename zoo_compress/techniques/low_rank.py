"""What the techniques have in common that compute with factors of a weight."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir
from pydantic import BaseModel, ConfigDict, Field

from zoo_compress.core import AnyArray, Encoded, Option, Site
from zoo_compress.graph.chain import Link, added_bytes, chain_nodes, insert_chain
from zoo_compress.numerics.low_rank import refitted
from zoo_compress.numerics.rows import from_rows, to_rows
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.factors import Factor, Storage, fits
from zoo_compress.techniques.repair import better
from zoo_compress.techniques.sized import saving_options

Array = npt.NDArray[np.floating[Any]]
Shapes = tuple[tuple[int, ...], ...]

LETTERS = "abc"
"""Names of the factors, in the order in which the nodes multiply with them."""

Share = Annotated[float, Field(gt=0, le=1, strict=True)]
Rank = Annotated[int, Field(ge=1, strict=True)]


class LowRankSettings(BaseModel):
    """What a recipe may say about `svd`, `spatial-split` and `tucker`.

    Attributes:
        ranks: Shares of the largest rank at which the factors have fewer weights than the
            original, above 0 and at most 1 (`1.0`); or ranks, integers of at least 1.
        storage: How factors are stored. Floats are no wider than those of the model. Codes alone
            by default: of random weights, a rank leaves 8 % of the error or more, and codes add
            less than a thousandth to it, in half the bytes of float16.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ranks: tuple[Rank | Share, ...] = Field(default=(0.75, 0.5, 0.375, 0.25, 0.125), min_length=1)
    storage: tuple[Storage, ...] = Field(default=("codes",), min_length=1)


class LowRank(ABC):
    """A weight as a product of factors, computed with one node for each.

    As matrices, the weight is the last factor, shape (O, q), times what the others make together,
    shape (q, K). The last node is the original with its outputs and bias. `Encoded.dense` is the
    product of the factors as they are decoded; the file rounds differently, in the last digits.
    """

    name: str
    _settings: LowRankSettings
    by_channel = False
    by_weights = True
    observes = False
    folded = False
    operators: tuple[str, ...]

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `LowRankSettings`."""
        self._settings = LowRankSettings.model_validate(dict(settings))

    @abstractmethod
    def mismatch(self, site: Site) -> str | None:
        """Return why a weight of one of `operators` has the wrong shape, or None."""

    @abstractmethod
    def shapes(self, site: Site, rank: int) -> Shapes:
        """Return the shapes of the factors: outputs first, then inputs, then the kernel's axes."""

    @abstractmethod
    def links(self, site: Site, definition: onnx.NodeProto) -> tuple[Link, ...]:
        """Return the nodes that take the place of the one that reads the weight."""

    @abstractmethod
    def factorize(
        self, rows: Array, site: Site, rank: int, moments: Array | None
    ) -> tuple[Array, ...]:
        """Return the factors of a weight in rows, shape (O, K), for inputs of these moments."""

    @abstractmethod
    def through(self, site: Site, inner: Sequence[Array]) -> Array:
        """Return what all factors but the last make of the inputs, shape (q, K)."""

    def decline(self, site: Site) -> str | None:
        """Return the reason where there is no node to replace, or nothing to gain."""
        reason = self._unreachable(site) or self.mismatch(site)
        if reason is not None or self.options(site):
            return reason
        if not any(fits(storage, site) for storage in self._settings.storage):
            return f"{site.dtype} weights: {', '.join(self._settings.storage)} is wider"
        largest, smallest = self._largest_rank(site), min(self._ranks(site))
        if smallest > largest:
            return f"rank {smallest} saves nothing (largest useful rank {largest})"
        return f"{site.stored_bytes} bytes: factors of rank {smallest} take no less"

    def options(self, site: Site) -> Sequence[Option]:
        """Return one option per rank and storage that saves weights and bytes, more bytes first.

        From the largest useful rank on, the factors have as many weights as the original: coding
        the original in the same way then takes no more bytes, less time, and has less error.
        """
        if self._unreachable(site) or self.mismatch(site):
            return []
        largest = self._largest_rank(site)
        sized = [
            self._sized(site, {"rank": rank, "storage": storage})
            for rank in self._ranks(site)
            for storage in self._settings.storage
            if rank <= largest and fits(storage, site)
        ]
        return saving_options(site, sized)

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Decompose the weight, by its outputs if that changes them less.

        Every factor is stored before the last is fitted to those before it, so that it makes up
        for part of their rounding.
        """
        plain = self._encoded(weight, site, option, None)
        if calibration is None or not calibration.fits_factors:
            return plain
        aware = self._encoded(weight, site, option, calibration.weighting[0])
        best = better(weight, plain.dense, aware.dense, calibration)
        return aware if best is aware.dense else plain

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put the chain in the place of the node that reads the weight."""
        ((node, _),) = model.graph.initializers[site.name].uses()
        definition = ir.to_proto(node)
        factors, nodes = self._chain(site, definition, encoded.option.settings)
        decoded = {factor.name: factor.decode(encoded.tensors) for factor in factors}
        insert_chain(model, site.name, nodes, decoded)
        for factor in factors:
            factor.compress(model, encoded.tensors)

    def _unreachable(self, site: Site) -> str | None:
        """Return why there is no single node of a known operator to replace, or None."""
        if len(site.readers) != 1:
            return f"{len(site.readers)} nodes read it, factors take the place of one"
        (reader,) = site.readers
        if reader.op_type not in self.operators:
            return f"read by {reader.op_type}, not by {' or '.join(self.operators)}"
        if not reader.definition:
            return "read in the body of an If, Loop or Scan"
        return f"convolution of {site.groups} groups" if site.groups != 1 else None

    def _ranks(self, site: Site) -> list[int]:
        largest = self._largest_rank(site)
        wanted = self._settings.ranks
        ranks = [r if isinstance(r, int) else max(round(r * largest), 1) for r in wanted]
        return sorted(set(ranks), reverse=True)

    def _largest_rank(self, site: Site) -> int:
        """Return the largest rank whose factors have fewer weights than the original."""

        def weights(rank: int) -> int:
            return sum(math.prod(shape) for shape in self.shapes(site, rank))

        return bisect_left(range(1, site.elements + 1), site.elements, key=weights)

    def _sized(self, site: Site, settings: Mapping[str, Any]) -> Option:
        definition = onnx.NodeProto.FromString(site.readers[0].definition)
        factors, nodes = self._chain(site, definition, settings)
        stored = sum(factor.stored_bytes for factor in factors) + added_bytes(definition, nodes)
        return Option(technique=self.name, settings=settings, stored_bytes=stored)

    def _chain(
        self, site: Site, definition: onnx.NodeProto, settings: Mapping[str, Any]
    ) -> tuple[list[Factor], list[onnx.NodeProto]]:
        """Return how each factor is stored, and the nodes that multiply with them, in order."""
        links = self.links(site, definition)
        shapes = self.shapes(site, int(settings["rank"]))
        last = len(links) - 1
        factors = [
            Factor(
                name=f"{site.alias}.{LETTERS[number]}",
                shape=shape[::-1] if link.transposed else shape,
                transposed=link.transposed,
                # The components of the last factor are its inputs, those of the others outputs.
                component_axis=int((number == last) != link.transposed),
                dtype=site.dtype,
                storage=settings["storage"],
            )
            for number, (shape, link) in enumerate(zip(shapes, links, strict=True))
        ]
        names = [factor.name for factor in factors]
        return factors, chain_nodes(definition, links, names, alias=site.alias)

    def _encoded(
        self, weight: AnyArray, site: Site, option: Option, moments: Array | None
    ) -> Encoded:
        original = np.asarray(weight, np.float32)
        rows = to_rows(original, channel_axis=site.channel_axis, groups=1)[0]
        definition = onnx.NodeProto.FromString(site.readers[0].definition)
        factors, _ = self._chain(site, definition, option.settings)
        *inner, outer = self.factorize(rows, site, int(option.settings["rank"]), moments)
        tensors: dict[str, AnyArray] = {}
        for factor, values in zip(factors[:-1], inner, strict=True):
            tensors |= factor.encode(values)
        through = self.through(site, [factor.values(tensors) for factor in factors[:-1]])
        fitted = refitted(rows, outer.reshape(len(rows), -1), through, moments)
        tensors |= factors[-1].encode(fitted.reshape(outer.shape))
        product = factors[-1].values(tensors).reshape(len(rows), -1) @ through
        dense = from_rows(product[None], site.shape, channel_axis=site.channel_axis)
        return Encoded(option=option, tensors=tensors, dense=dense.astype(weight.dtype))
