"""`spatial-split`: a kernel as a vertical one, followed by a horizontal one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from zoo_compress.core import Site
from zoo_compress.graph.chain import Link, attributes_of
from zoo_compress.numerics.low_rank import spatial_factors
from zoo_compress.techniques.low_rank import Array, LowRank, Shapes

OUTSIDE = {"kernel_shape": 1, "strides": 1, "dilations": 1, "pads": 0}
"""What each attribute says of the axis along which a kernel has one element."""


class SpatialSplit(LowRank):
    """Two convolutions for one: k x 1 to r channels, then 1 x k.

    Conv with a kernel of two axes, both longer than 1, becomes Conv, Conv. Each takes the
    strides, pads and dilations of its axis; auto_pad goes to both, as it works axis by axis and
    adds nothing where a kernel has one element and moves by one. The bias stays with the second.

    With calibration the factors follow the moments of the inputs (see `numerics.low_rank`), and
    the second is fitted to the outputs of the first. Declined are weights that several nodes or
    a body reads, grouped convolutions, kernels of other shapes, and ranks that save nothing.
    """

    name = "spatial-split"
    operators = ("Conv",)

    def mismatch(self, site: Site) -> str | None:
        """Return why a kernel cannot be split, or None."""
        kernel = site.shape[2:]
        if len(kernel) != 2:
            return f"kernel of {len(kernel)} axes, not two"
        if min(kernel) > 1:
            return None
        return f"kernel {kernel[0]}x{kernel[1]}: nothing to split"

    def shapes(self, site: Site, rank: int) -> Shapes:
        """Return (r, C, height, 1) and (O, r, 1, width)."""
        outputs, inputs, height, width = site.shape
        return (rank, inputs, height, 1), (outputs, rank, 1, width)

    def links(self, site: Site, definition: onnx.NodeProto) -> tuple[Link, ...]:
        """Return the nodes, each with the attributes of its axis."""
        attributes = {"kernel_shape": site.shape[2:]} | attributes_of(definition)
        return tuple(
            Link(
                op_type="Conv",
                attributes={name: _along(name, value, axis) for name, value in attributes.items()},
            )
            for axis in (0, 1)
        )

    def factorize(
        self, rows: Array, site: Site, rank: int, moments: Array | None
    ) -> tuple[Array, ...]:
        """Return both kernels."""
        return spatial_factors(rows.reshape(site.shape), rank, moments)

    def through(self, site: Site, inner: Sequence[Array]) -> Array:
        """Return the vertical kernel at each place under the horizontal one, (r width, K)."""
        (vertical,), width = inner, site.shape[3]
        placed: Array = np.einsum("rchk,xw->rxchw", vertical, np.eye(width, dtype=np.float32))
        return placed.reshape(len(vertical) * width, -1)


def _along(name: str, value: Any, axis: int) -> Any:
    """Return the part of an attribute of a kernel that belongs to one of its two axes."""
    if name not in OUTSIDE:
        return value
    # Pads are one number for the start of each axis, then one for each end.
    return [number if i % 2 == axis else OUTSIDE[name] for i, number in enumerate(value)]
