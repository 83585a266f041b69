"""Run the original on the calibration inputs and keep the moments of every site's inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from zoo_compress.core import AnyArray, Feed, Site
from zoo_compress.graph.proto import to_light_proto
from zoo_compress.graph.site_inputs import SiteInput, site_inputs
from zoo_compress.numerics.moments import InputMoments, MomentSums
from zoo_compress.numerics.one_thread import one_thread
from zoo_compress.numerics.unfold import places, unfold
from zoo_compress.runtime.activations import activations
from zoo_compress.runtime.side_by_side import side_by_side

# Rows of inputs taken for one site, over all samples: so many for each input that an output has,
# between these bounds. A convolution has far more places. With 8 instead of 32, the distance of
# EfficientNet-Lite0 with 8 centres for each weight was 7 % larger on unseen photographs.
ROWS_EACH = 32
FEWEST_ROWS, MOST_ROWS = 1024, 16_384
# All moments together may take as much while they are added up, in two halves of float32, and
# afterwards with what error feedback makes of them: those of a BERT-base take 1.1 GB.
MOST_BYTES = 3 << 29

Rows = npt.NDArray[np.floating[Any]]
Entries = tuple[SiteInput, ...]
Values = Mapping[str, AnyArray]


def _ignore(_: int) -> None:
    pass


def input_moments(
    model: ir.Model,
    sites: Sequence[Site],
    feeds: Sequence[Feed],
    *,
    seed: int,
    progress: Callable[[int], None] = _ignore,
) -> dict[str, InputMoments]:
    """Return the moments of the inputs of sites, by site.

    Left out are sites whose inputs are out of reach (see `site_inputs`) or not finite, and those
    with the longest rows of inputs where all moments together would take more than `MOST_BYTES`,
    see `unaffordable`. Sites that read the same tensor in the same way share one object.

    Args:
        model: The original, normalized.
        sites: Its sites.
        feeds: The calibration inputs.
        seed: Decides which places of a convolution are looked at.
        progress: Told the number of samples done.
    """
    wanted = {site.name: site_inputs(model, site) for site in sites}
    readers = _readers(sites, wanted)
    rows = {entries: _rows_wanted(site, len(feeds)) for entries, site in readers.items()}
    sums = {entries: MomentSums() for entries in _affordable(readers)}
    tensors = [entry.tensor for entries in sums for entry in entries]
    light, supplied = to_light_proto(model)
    runs = activations(light, tensors, feeds, supplied=supplied)
    order, sizes = list(sums), [readers[entries].row_length for entries in sums]

    def add(entries: Entries, number: int, values: Values) -> None:
        sums[entries].add(_rows_of(values, entries, rows[entries], [seed, number]))

    def end(entries: Entries) -> InputMoments | None:
        # Let go of one by one: sums take twice as much as what becomes of them.
        return sums.pop(entries).moments()

    with one_thread():
        for number, values in enumerate(runs if order else ()):
            side_by_side(add, [(entries, number, values) for entries in order], sizes=sizes)
            progress(number + 1)
        ended = side_by_side(end, [(entries,) for entries in order], sizes=sizes)
    found = dict(zip(order, ended, strict=True))
    moments = {name: found.get(entries) for name, entries in wanted.items()}
    return {name: value for name, value in moments.items() if value is not None}


def unaffordable(model: ir.Model, sites: Sequence[Site]) -> list[str]:
    """Return the sites whose inputs are within reach, but whose moments take too much memory."""
    wanted = {site.name: site_inputs(model, site) for site in sites}
    affordable = {*_affordable(_readers(sites, wanted))}
    return [name for name, entries in wanted.items() if entries and entries not in affordable]


def _readers(sites: Sequence[Site], wanted: Mapping[str, Entries]) -> dict[Entries, Site]:
    """Return a site for each way of reading inputs; others with it have rows of that length."""
    return {wanted[site.name]: site for site in sites if wanted[site.name]}


def _affordable(readers: Mapping[Entries, Site]) -> list[Entries]:
    """Return the inputs whose moments fit in memory together, those with short rows first."""
    sizes = {entries: 8 * s.groups * s.row_length**2 for entries, s in readers.items()}
    total, found = 0, list[Entries]()
    for entries in sorted(sizes, key=lambda entries: sizes[entries]):
        total += sizes[entries]
        if total <= MOST_BYTES:
            found.append(entries)
    return found


def _rows_wanted(site: Site, samples: int) -> int:
    """Return how many rows to take of each sample."""
    rows = min(max(ROWS_EACH * site.row_length, FEWEST_ROWS), MOST_ROWS)
    return -(-rows // max(samples, 1))


def _rows_of(values: Values, entries: Entries, most: int, seed: Sequence[int]) -> Rows:
    """Return up to `most` rows of inputs that one sample gives each reader of a weight."""
    parts = [
        _rows(values[entry.tensor], entry, most, np.random.default_rng(seed)) for entry in entries
    ]
    return np.concatenate(parts, axis=1)


def _rows(values: AnyArray, entry: SiteInput, most: int, rng: np.random.Generator) -> Rows:
    """Return up to `most` rows of inputs, shape (G, P, K)."""
    x = np.asarray(values, np.float32)
    if x.ndim == 1:
        return x[None, None]
    if entry.window is None:
        rows = np.moveaxis(x, entry.axis, -1).reshape(-1, x.shape[entry.axis])
        return rows[_chosen(len(rows), most, rng)][None]
    window = entry.window.fitted(x.shape)
    count = len(x) * int(np.prod(places(x.shape, window)))
    return unfold(x, window, _chosen(count, most, rng))


def _chosen(count: int, most: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    if count <= most:
        return np.arange(count)
    return np.sort(rng.choice(count, most, replace=False))
