"""`tucker`: a convolution between fewer channels."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod

import numpy as np
import onnx

from zoo_compress.core import Site
from zoo_compress.graph.chain import Link, attributes_of
from zoo_compress.numerics.low_rank import tucker_factors
from zoo_compress.techniques.low_rank import Array, LowRank, Shapes


class Tucker(LowRank):
    """Three convolutions for one: reduce channels, the core kernel, expand channels.

    Conv with a kernel of more than one element becomes Conv, Conv, Conv; the first and the last
    have one element. The core takes all attributes, as zeros stay zeros when channels are
    reduced; the bias stays with the last. The rank is the larger one of the two numbers of
    reduced channels, the other is in proportion to the channels of the weight.

    With calibration the factors follow the moments of the inputs (see `numerics.low_rank`), and
    the last is fitted to the outputs of the core. Declined are weights that several nodes or a
    body reads, grouped convolutions, kernels of one element, and ranks that save nothing.
    """

    name = "tucker"
    operators = ("Conv",)

    def mismatch(self, site: Site) -> str | None:
        """Return why a kernel is left to `svd`, or None."""
        kernel = site.shape[2:]
        if prod(kernel) > 1:
            return None
        return f"kernel {'x'.join(map(str, kernel))}: one element, a matrix"

    def shapes(self, site: Site, rank: int) -> Shapes:
        """Return (r_in, C, 1, 1), (r_out, r_in, height, width) and (O, r_out, 1, 1)."""
        outputs, inputs, *kernel = site.shape
        before, after = _ranks(site, rank)
        ones = [1] * len(kernel)
        return (before, inputs, *ones), (after, before, *kernel), (outputs, after, *ones)

    def links(self, site: Site, definition: onnx.NodeProto) -> tuple[Link, ...]:
        """Return the nodes."""
        core = {"kernel_shape": site.shape[2:]} | attributes_of(definition)
        point = Link(op_type="Conv", attributes={"kernel_shape": [1] * len(site.shape[2:])})
        return point, Link(op_type="Conv", attributes=core), point

    def factorize(
        self, rows: Array, site: Site, rank: int, moments: Array | None
    ) -> tuple[Array, ...]:
        """Return the three kernels."""
        kernels = rows.reshape(*site.shape[:2], -1)
        factors = tucker_factors(kernels, _ranks(site, rank), moments)
        shapes = self.shapes(site, rank)
        return tuple(f.reshape(shape) for f, shape in zip(factors, shapes, strict=True))

    def through(self, site: Site, inner: Sequence[Array]) -> Array:
        """Return the core with the first factor multiplied in, (r_out, K)."""
        reduce, core = (factor.reshape(*factor.shape[:2], -1) for factor in inner)
        kernels: Array = np.einsum("dis,ic->dcs", core, reduce[:, :, 0], optimize=True)
        return kernels.reshape(len(core), -1)


def _ranks(site: Site, rank: int) -> tuple[int, int]:
    """Return the reduced channels before and after the core.

    A core of S elements can tell apart no more channels than S times those on its other side.
    """
    outputs, inputs, *kernel = site.shape
    wanted = tuple(ceil(rank * n / max(outputs, inputs)) for n in (inputs, outputs))
    most = prod(kernel) * min(wanted)
    return min(wanted[0], most), min(wanted[1], most)
