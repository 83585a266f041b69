"""Biases in half precision, for weights that are compressed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx_ir as ir

from zoo_compress.core import AnyArray, Site
from zoo_compress.graph.fragment import Fragment, initializer_bytes, insert_fragment
from zoo_compress.graph.scaled import KINDS

ROLE = "y"
HALF = np.dtype(np.float16)
LARGEST = float(np.finfo(HALF).max)
# What float16 changes in a number of its normal range, as a share of it.
PRECISION = 2.0**-11


def halved_biases(sites: Iterable[Site], weights: Mapping[str, AnyArray]) -> dict[str, int]:
    """Return which biases are stored as float16, and the bytes that each then takes.

    Those that are wider, that take fewer bytes so, the Cast that widens them at load included,
    and that float16 holds: rounding changes no number by more than 2^-11 of the largest
    magnitude. Vectors with numbers beyond 65504, and vectors below 2^-14 throughout, stay.

    Args:
        sites: Sites, with or without a bias.
        weights: Their biases by name.
    """
    found: dict[str, int] = {}
    for site in sites:
        if site.bias is not None and _holds(bias := weights[site.bias]):
            halved = _fragment(site, bias.shape).stored_bytes
            if halved < bias_bytes(site, bias):
                found[site.bias] = halved
    return found


def bias_bytes(site: Site, bias: AnyArray) -> int:
    """Return the bytes that the bias of a site takes in the file as it is."""
    return initializer_bytes(str(site.bias), bias.shape, bias.itemsize)


def to_half(bias: AnyArray) -> AnyArray:
    """Return the nearest float16; numbers beyond 65504 become that."""
    return np.clip(bias, -LARGEST, LARGEST).astype(HALF)


def store_halved(model: ir.Model, site: Site, bias: AnyArray) -> None:
    """Put a float16 vector and the Cast that widens it in the place of a site's bias."""
    insert_fragment(model, _fragment(site, bias.shape), {ROLE: to_half(bias)})


def _holds(bias: AnyArray) -> bool:
    """Tell whether float16 is narrower than a vector and holds its numbers."""
    wide = bias.astype(np.float64)
    if bias.itemsize <= HALF.itemsize or not np.isfinite(wide).all():
        return False
    change = np.abs(to_half(wide).astype(np.float64) - wide).max(initial=0)
    return bool(change <= PRECISION * np.abs(wide).max(initial=0))


def _fragment(site: Site, shape: tuple[int, ...]) -> Fragment:
    fragment = Fragment(str(site.bias), site.alias)
    fragment.add("Cast", [fragment.store(ROLE, shape, np.float16)], to=KINDS[site.dtype])
    fragment.finish()
    return fragment
