"""`svd`: a matrix as the product of a wide and a tall one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Literal

import onnx
from pydantic import Field

from zoo_compress.core import Site
from zoo_compress.graph.chain import Link, attributes_of
from zoo_compress.numerics.low_rank import low_rank
from zoo_compress.techniques.low_rank import Array, LowRank, LowRankSettings, Shapes

Kind = Literal["matrix", "point", "spatial"]

OTHER_TRANSPOSED = {0: "transB", 1: "transA"}
"""Position of the weight in Gemm -> the attribute that transposes the other matrix."""


class SvdSettings(LowRankSettings):
    """What a recipe may say about `svd`.

    Attributes:
        kinds: Weights of MatMul and Gemm (`matrix`), of Conv with kernels of one element
            (`point`), and with longer ones (`spatial`).
    """

    kinds: tuple[Kind, ...] = Field(default=("matrix", "point"), min_length=1)


class Svd(LowRank):
    """Two nodes of rank r for one: the truncated singular value decomposition.

    - MatMul with a weight of two axes, on either side, becomes MatMul, MatMul.
    - Gemm becomes MatMul, Gemm: alpha, beta, the bias and whether the weight is transposed stay
      with the Gemm. Where the other matrix is transposed, the first node is a Gemm without bias
      that does so.
    - Conv becomes Conv, Conv: the kernel to r channels, then one of one element. Strides, pads,
      dilations and auto_pad go to the first, so that the second has no more places to compute
      than there are outputs.

    With calibration the outputs' error decides, not the weights' (see `numerics.low_rank`).
    Declined are weights that several nodes or a body reads, grouped convolutions, kinds that the
    recipe does not name, weights of more than two axes of MatMul, and ranks that save nothing.
    """

    name = "svd"
    operators = ("MatMul", "Gemm", "Conv")

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `SvdSettings`."""
        self._settings: SvdSettings = SvdSettings.model_validate(dict(settings))

    def mismatch(self, site: Site) -> str | None:
        """Return why a weight is none that the recipe means, or None."""
        kernel, wanted = site.shape[2:], self._settings.kinds
        if site.readers[0].op_type != "Conv":
            if kernel:
                return f"has {len(site.shape)} axes, not two"
            return None if "matrix" in wanted else "a matrix, which the recipe leaves out"
        shown = "x".join(map(str, kernel))
        if all(length == 1 for length in kernel):
            return None if "point" in wanted else f"kernel {shown}: one element"
        return None if "spatial" in wanted else f"kernel {shown}: more than one element"

    def shapes(self, site: Site, rank: int) -> Shapes:
        """Return (r, K) and (O, r), for Conv with the axes of the kernels."""
        outputs, kernel = site.shape[site.channel_axis], site.shape[2:]
        inputs = site.elements // (outputs * prod(kernel))
        return (rank, inputs, *kernel), (outputs, rank, *(1 for _ in kernel))

    def links(self, site: Site, definition: onnx.NodeProto) -> tuple[Link, ...]:
        """Return the nodes; matrices lie as the operator reads them."""
        if definition.op_type == "Conv":
            return _convolutions(site, definition)
        position = site.readers[0].input_index
        transposed = site.channel_axis == 1
        attributes = attributes_of(definition)
        other = {OTHER_TRANSPOSED[position]: attributes.pop(OTHER_TRANSPOSED[position], 0)}
        return (
            Link(
                op_type="Gemm" if any(other.values()) else "MatMul",
                position=position,
                transposed=position == 1,
                attributes=other if any(other.values()) else {},
            ),
            Link(
                op_type=definition.op_type,
                position=position,
                transposed=transposed,
                attributes=attributes,
            ),
        )

    def factorize(
        self, rows: Array, site: Site, rank: int, moments: Array | None
    ) -> tuple[Array, ...]:
        """Return both factors."""
        outer, inner = low_rank(rows, rank, moments)
        first, second = self.shapes(site, rank)
        return inner.reshape(first), outer.reshape(second)

    def through(self, site: Site, inner: Sequence[Array]) -> Array:
        """Return the first factor as a matrix."""
        return inner[0].reshape(len(inner[0]), -1)


def _convolutions(site: Site, definition: onnx.NodeProto) -> tuple[Link, ...]:
    kernel = site.shape[2:]
    moved = {"kernel_shape": kernel} | attributes_of(definition)
    if prod(kernel) == 1:
        # With one element there is nothing between which to put distance.
        moved.pop("dilations", None)
    kept = {"kernel_shape": [1 for _ in kernel]}
    return Link(op_type="Conv", attributes=moved), Link(op_type="Conv", attributes=kept)
