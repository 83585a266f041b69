"""Run the original on calibration inputs and count the numbers that sites take in and give out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx_ir as ir

from zoo_compress.core import Feed, Site
from zoo_compress.graph.ports import aliases
from zoo_compress.graph.proto import to_light_proto
from zoo_compress.numerics.histogram import Histogram, HistogramSums
from zoo_compress.runtime.activations import activations

# Numbers counted of one tensor in one sample; its least and largest are found among all.
MOST_EACH = 1 << 16


def _ignore(_: int) -> None:
    pass


def tensor_histograms(
    model: ir.Model,
    sites: Sequence[Site],
    feeds: Sequence[Feed],
    *,
    progress: Callable[[int], None] = _ignore,
) -> dict[str, Histogram]:
    """Return how often the tensors at the ports of sites hold which numbers, by tensor.

    Tensors that hold NaN, infinity or nothing at all are left out.

    Args:
        model: The original, normalized.
        sites: Its sites.
        feeds: The calibration inputs.
        progress: Told the number of samples done.
    """
    tensors = list(dict.fromkeys(t for s in sites for port in s.ports for t in aliases(port)))
    sums = {tensor: HistogramSums() for tensor in tensors}
    light, supplied = to_light_proto(model)
    runs = activations(light, tensors, feeds, supplied=supplied)
    for number, values in enumerate(runs if tensors else ()):
        for tensor in list(sums):
            try:
                sums[tensor].add(values[tensor], most=MOST_EACH)
            except ValueError:
                del sums[tensor]
        progress(number + 1)
    found = {tensor: total.histogram() for tensor, total in sums.items()}
    return {tensor: histogram for tensor, histogram in found.items() if histogram is not None}
