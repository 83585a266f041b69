"""Encode weights on demand and keep the results within a memory bound."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from zoo_compress.core import AnyArray, Encoded, Option, Plan, Site
from zoo_compress.techniques.base import Technique

CACHE_BYTES = 2 << 30


class Encoder:
    """Computes every (site, option) once while it fits the cache; the least used goes first.

    Attributes:
        seconds: Time spent encoding so far.
    """

    def __init__(
        self,
        *,
        sites: Iterable[Site],
        weights: Mapping[str, AnyArray],
        techniques: Mapping[str, Technique],
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Take the sites, their original weights by name, and the techniques by name."""
        self._sites = {site.name: site for site in sites}
        self._weights = weights
        self._techniques = techniques
        self._cache_bytes = cache_bytes
        self._held_bytes = 0
        self._cache: OrderedDict[tuple[str, str], Encoded] = OrderedDict()
        self.seconds = 0.0

    def encode(self, site: str, option: Option) -> Encoded:
        """Return the weight of a site in compressed form."""
        key = (site, f"{option.technique} {json.dumps(option.settings, sort_keys=True)}")
        found = self._cache.get(key)
        if found is None:
            start = time.perf_counter()
            technique = self._techniques[option.technique]
            found = technique.encode(self._weights[site], self._sites[site], option)
            self.seconds += time.perf_counter() - start
            self._cache[key] = found
            self._held_bytes += _bytes(found)
            self._evict()
        self._cache.move_to_end(key)
        return found

    def dense(self, plan: Plan) -> dict[str, AnyArray]:
        """Return the weights that a plan rebuilds, by site."""
        return {site: self.encode(site, option).dense for site, option in plan.choices.items()}

    def _evict(self) -> None:
        while self._held_bytes > self._cache_bytes and len(self._cache) > 1:
            _, oldest = self._cache.popitem(last=False)
            self._held_bytes -= _bytes(oldest)


def _bytes(encoded: Encoded) -> int:
    return encoded.dense.nbytes + sum(tensor.nbytes for tensor in encoded.tensors.values())
