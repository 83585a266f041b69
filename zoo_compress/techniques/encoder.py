"""Encode weights on demand and keep the results within a memory bound."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TypeVar

import numpy as np

from zoo_compress.core import AnyArray, Encoded, Option, Plan, Site
from zoo_compress.numerics.one_thread import one_thread
from zoo_compress.numerics.relative_error import relative_error
from zoo_compress.runtime.side_by_side import side_by_side
from zoo_compress.techniques.base import Technique
from zoo_compress.techniques.biases import to_half
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.encoding_cache import EncodingCache, Key
from zoo_compress.techniques.families import Family, families
from zoo_compress.techniques.sampled import sampled
from zoo_compress.techniques.typical_errors import TypicalErrors, option_key

CACHE_BYTES = 1 << 30
# Two threads took three times the time of one for the weights of EfficientNet-Lite0, whose rows
# have up to 1280 weights, on two cores with other work.
LONGEST_ROW_ALONE = 2048
# Larger weights are encoded one after the other: each takes several times its bytes for a moment.
LARGEST_BESIDE_OTHERS = 1 << 26
# Of the cache, what may be encoded before it is needed.
AHEAD_SHARE = 0.25

Result = TypeVar("Result")


class Encoder:
    """Computes every (site, option) once while it fits the cache, see `EncodingCache`.

    Attributes:
        sites: The sites by name, in the order of the model.
        halved: Biases that the file holds as float16, rounded here as they are there.
        seconds: Time spent encoding so far.
    """

    def __init__(
        self,
        *,
        sites: Iterable[Site],
        weights: Mapping[str, AnyArray],
        techniques: Mapping[str, Technique],
        calibrations: Mapping[str, Calibration] | None = None,
        halved: Collection[str] = (),
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """Take what there is to encode, and how.

        Args:
            sites: The sites.
            weights: Their original weights by name, and their biases by theirs.
            techniques: The techniques by name.
            calibrations: What is known of the inputs of sites, by site; nothing of the others.
            halved: Biases that the file holds as float16.
            cache_bytes: The most that the cache may hold.
        """
        self.sites = {site.name: site for site in sites}
        self._weights = weights
        self._techniques = techniques
        self._calibrations = calibrations or {}
        self.halved = frozenset(halved)
        self._cache = EncodingCache(cache_bytes)
        self._errors: dict[Key, float] = {}
        self._powers: dict[tuple[str, tuple[int, ...]], float] = {}
        self._typical = TypicalErrors()
        self.seconds = 0.0

    def technique(self, option: Option) -> Technique:
        """Return the technique of an option."""
        return self._techniques[option.technique]

    def encode(self, site: str, option: Option) -> Encoded:
        """Return the weight of a site in compressed form, and the bias that goes with it."""
        return self.encode_all([(site, option)])[0]

    def encode_all(self, wanted: Sequence[tuple[str, Option]]) -> list[Encoded]:
        """Return several weights in compressed form; those not known are encoded side by side."""
        choices = {_key(*choice): choice for choice in wanted}
        known = {key: self._cache.get(key) for key in choices}
        found = {key: encoded for key, encoded in known.items() if encoded is not None}
        missing = {key: choice for key, choice in choices.items() if key not in found}
        found |= zip(missing, self._timed(self._encoded, list(missing.values())), strict=True)
        for key in choices:
            self._cache.keep(key, found[key])
        if missing:
            self._cache.make_room(found.values())
        return [found[_key(*choice)] for choice in wanted]

    def encode_ahead(self, wanted: Sequence[tuple[str, Option]]) -> None:
        """Encode side by side what is wanted next: as much of it as surely stays in the cache."""
        sizes = np.cumsum([self._weights[name].nbytes for name, _ in wanted])
        count = int(np.searchsorted(sizes, AHEAD_SHARE * self._cache.most_bytes, side="right"))
        self.encode_all(wanted[:count])

    def forget(self) -> None:
        """Let go of what is cached; it is encoded again if it is asked for."""
        self._cache.clear()

    def dense(self, plan: Plan) -> dict[str, AnyArray]:
        """Return the weights that a plan rebuilds and the biases that it changes, by name."""
        found: dict[str, AnyArray] = {}
        choices = list(plan.choices.items())
        encodings = self.encode_all(choices)
        self._cache.keep_plan(encodings)
        for (name, _), encoded in zip(choices, encodings, strict=True):
            bias = self.sites[name].bias
            found[name] = encoded.dense
            if bias is not None and encoded.bias is not None:
                found[bias] = encoded.bias
        return found

    def error(self, site: str, option: Option) -> float:
        """Return how far an option is from the original, to compare the options of one site.

        The squared error of the outputs as a share of their power where the inputs are known,
        else of the weights. Where a technique works channel by channel, some of them tell.
        Infinity if it is not finite.
        """
        self._compare([(site, option)])
        return self._errors[_key(site, option)]

    def compare_ahead(self, wanted: Mapping[str, Sequence[Option]]) -> None:
        """Find side by side what `errors` needs to know of the options of several sites."""
        self._compare(
            [(site, o) for site, own in wanted.items() for o in _told_by(own, families(own))]
        )

    def errors(self, site: str, options: Sequence[Option]) -> list[float]:
        """Return the error of each of a site's options; `error` then returns the same.

        Along a family of options, such as numbers of bits, the logarithm of the error is about a
        straight line over that number: some options of each are encoded, the others lie between.
        """
        found_families = families(options)
        self._compare([(site, option) for option in _told_by(options, found_families)])
        for family in found_families:
            known = [self.error(site, options[index]) for index in family.anchors]
            for index, error in zip(family.others, family.between(known), strict=True):
                self._keep_error(site, options[index], error)
        found = [self.error(site, option) for option in options]
        self._typical.add(self.sites[site].elements, options, found)
        return found

    def assumed_errors(self, site: str, options: Sequence[Option]) -> list[float]:
        """Return what is typical where an error is not known; `error` then returns the same."""
        elements = self.sites[site].elements
        for option in options:
            self._keep_error(site, option, self._typical.error(elements, option))
        return [self.error(site, option) for option in options]

    def _compare(self, wanted: Sequence[tuple[str, Option]]) -> None:
        """Find the errors of options that are not known, side by side."""
        missing = {_key(*choice): choice for choice in wanted}
        missing = {key: job for key, job in missing.items() if key not in self._errors}
        found = self._timed(self._error, list(missing.values()))
        for key, (error, encoded) in zip(missing, found, strict=True):
            self._errors[key] = error
            if encoded is not None:
                self._cache.keep(key, encoded)
        self._cache.make_room()

    def _encoded(self, name: str, option: Option) -> Encoded:
        site, technique = self.sites[name], self._techniques[option.technique]
        weight, calibration = self._weights[name], self._known(site, technique)
        found = technique.encode(weight, site, option, calibration)
        return replace(found, bias=self._bias(site, found.dense))

    def _bias(self, site: Site, dense: AnyArray) -> AnyArray | None:
        """Return what takes the place of a bias: corrected, then rounded as the file does."""
        if site.bias is None:
            return None
        original, known = self._weights[site.bias], self._calibrations.get(site.name)
        bias = original
        if known is not None and known.corrects_bias:
            shift = known.mean_error(self._weights[site.name], dense)
            if np.isfinite(shift).all():
                bias = (bias - shift.reshape(bias.shape)).astype(bias.dtype)
        if site.bias in self.halved:
            bias = to_half(bias).astype(bias.dtype)
        return None if bias is original else bias

    def _keep_error(self, site: str, option: Option, error: float) -> None:
        self._errors.setdefault(_key(site, option), error)

    def _timed(
        self, work: Callable[[str, Option], Result], jobs: Sequence[tuple[str, Option]]
    ) -> list[Result]:
        """Do work on sites and options, on as many cores as there are, and count its time."""
        if not jobs:
            return []
        began = time.perf_counter()
        try:
            others = [job for job in jobs if not self._is_large(job[0])]
            alone = iter([self._alone(work, *job) for job in jobs if self._is_large(job[0])])
            with one_thread():
                sizes = [self._weights[name].nbytes for name, _ in others]
                beside = iter(side_by_side(work, others, sizes=sizes))
            return [next(alone if self._is_large(name) else beside) for name, _ in jobs]
        finally:
            self.seconds += time.perf_counter() - began

    def _alone(self, work: Callable[[str, Option], Result], name: str, option: Option) -> Result:
        """Do work on one weight: with all cores for products if it is large and has long rows.

        A weight is rounded column by column, with small products in between. What it is encoded
        beside does not decide, so that it always gets the same bits.
        """
        many = self._is_large(name) and self.sites[name].row_length > LONGEST_ROW_ALONE
        with nullcontext() if many else one_thread():
            return work(name, option)

    def _is_large(self, name: str) -> bool:
        return self._weights[name].nbytes > LARGEST_BESIDE_OTHERS

    def _error(self, name: str, option: Option) -> tuple[float, Encoded | None]:
        """Return the error of an option, and the encoding if that took the whole weight."""
        site, technique = self.sites[name], self._techniques[option.technique]
        whole = weight = self._weights[name]
        known = self._known(site, technique)
        if technique.by_channel:
            weight, site, known = sampled(weight, site, known)
        # Of a small weight all channels tell, and the search may want the whole encoding.
        kept = None
        if weight is whole:
            encoded = kept = self._cache.get(_key(name, option)) or self._encoded(name, option)
        else:
            encoded = technique.encode(weight, site, option, known)
        # Options are compared by the same measure, whatever their techniques are told.
        known = known or self._calibrations.get(name)
        if known is None:
            return relative_error(weight, encoded.dense), kept
        power = self._power(site, weight, known)
        return known.output_error(weight, encoded.dense, power=power) + encoded.rounding, kept

    def _power(self, site: Site, weight: AnyArray, known: Calibration) -> float:
        """Return the power of the outputs of a weight, or of the channels that stand for it."""
        key = site.name, weight.shape
        if key not in self._powers:
            self._powers[key] = known.output_power(weight)
        return self._powers[key]

    def _known(self, site: Site, technique: Technique) -> Calibration | None:
        """Return what a technique is told of a site's inputs.

        A calibration without a repair, made for the ranges of activations, is for those alone that
        ask for them: nothing else is to be fitted to the inputs.
        """
        known = self._calibrations.get(site.name)
        for_ranges = known is not None and not known.repair and bool(known.activations)
        return None if for_ranges and not technique.observes else known


def _told_by(options: Sequence[Option], divided: Sequence[Family]) -> list[Option]:
    """Return the options whose errors tell those of the others of their families."""
    return [options[index] for family in divided for index in family.anchors]


def _key(site: str, option: Option) -> Key:
    return site, option_key(option)
