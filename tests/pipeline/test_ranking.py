"""Which weights have their options compared, and what becomes of those of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.techniques.inputs import CountedCodes
from zoo_compress.core import Option, Site
from zoo_compress.pipeline.ranking import FEWEST_TELLING, ranking_order, thinned
from zoo_compress.pipeline.space import SizedSpace
from zoo_compress.search.space import SearchSpace
from zoo_compress.techniques.base import Technique
from zoo_compress.techniques.codebook import Codebook
from zoo_compress.techniques.codes import Codes
from zoo_compress.techniques.encoder import Encoder
from zoo_compress.techniques.static_int8 import StaticInt8
from zoo_compress.techniques.svd import Svd

MANY = 100


def sites(count: int) -> list[Site]:
    """Return sites, those in the middle the largest, all with names in the order of their size."""
    lengths = [32 + 8 * size for size in range(count)]
    found = [
        Site(name=f"{length:04d}", shape=(length, 32), dtype="float32", channel_axis=1, readers=())
        for length in lengths
    ]
    return found[::2] + found[1::2][::-1]


def space(found: Sequence[Site], *techniques: Technique) -> SearchSpace:
    options = [[o for technique in techniques for o in technique.options(s)] for s in found]
    return SearchSpace(
        sites=tuple(found),
        options=tuple(tuple(sorted(own, key=lambda o: -o.stored_bytes)) for own in options),
        dense_bytes=tuple(site.stored_bytes for site in found),
        fixed_bytes=0,
    )


def named(*techniques: Technique) -> dict[str, Technique]:
    return {technique.name: technique for technique in techniques}


def test_a_few_weights_of_all_sizes_are_ranked_the_larger_ones_first() -> None:
    found = space(sites(MANY), Codes({}))
    order, count = ranking_order(found, named(Codes({})))
    assert sorted(order) == list(range(MANY))
    assert count == 2 * MANY**0.5
    chosen = [found.sites[index].elements for index in order[:count]]
    assert chosen == sorted(chosen, reverse=True)
    elements = [site.elements for site in found.sites]
    assert (max(chosen), min(chosen)) == (max(elements), min(elements))
    assert max(-np.diff(chosen)) <= 2 * (max(elements) - min(elements)) / (count - 1)


def test_all_of_a_few_weights_are_ranked() -> None:
    assert ranking_order(space(sites(FEWEST_TELLING), Codes({})), named(Codes({})))[1] == 12
    assert ranking_order(space(sites(1), Codes({})), named(Codes({}))) == ([0], 1)


@pytest.mark.parametrize("technique", [Svd({}), StaticInt8({})])
def test_weights_that_tell_nothing_of_each_other_are_all_ranked(technique: Technique) -> None:
    found = sites(MANY)
    of_codes = space(found, Codes({}))
    option = Option(technique=technique.name, settings={"one": 1}, stored_bytes=10)
    half = tuple(
        (*options, option) if number % 2 else options
        for number, options in enumerate(of_codes.options)
    )
    mixed = replace(of_codes, options=half)
    order, count = ranking_order(mixed, named(Codes({}), technique))
    assert set(range(1, MANY, 2)) <= set(order[:count])
    assert count < MANY


def test_the_first_weight_with_an_option_that_others_lack_is_ranked() -> None:
    found, rare = sites(MANY), Option(technique="codebook", settings={}, stored_bytes=5)
    of_codes = space(found, Codes({}))
    order, usual = ranking_order(of_codes, named(Codes({})))
    late = order[-3:]
    options = tuple(
        (*own, rare) if index in late else own for index, own in enumerate(of_codes.options)
    )
    mixed = replace(of_codes, options=options)
    order, count = ranking_order(mixed, named(Codes({}), Codebook({})))
    assert count == usual + 1
    largest = max(late, key=lambda index: found[index].elements)
    assert largest in order[:count]


def sized(found: SearchSpace, technique: Technique) -> SizedSpace:
    return SizedSpace(
        space=found, offered=found, techniques=named(technique), declined=(), ranked=0
    )


def test_options_of_all_weights_are_thinned_but_only_some_weights_are_encoded() -> None:
    settings = {"bits": [6, 4, 3, 2], "granularity": ["channel", "group"], "group_size": [16]}
    counted = CountedCodes(settings)
    found, rng = space(sites(30), counted), np.random.default_rng(0)
    weights = {
        site.name: rng.standard_normal(site.shape).astype(np.float32) for site in found.sites
    }

    def encoder() -> Encoder:
        return Encoder(sites=found.sites, weights=weights, techniques=named(counted))

    few = thinned(sized(found, counted), encoder())
    assert few.ranked == len({name for name, _ in counted.asked}) == FEWEST_TELLING
    assert few.offered is found
    every = thinned(sized(found, counted), encoder(), most=len(found.sites))
    assert every.ranked == len({name for name, _ in counted.asked}) == len(found.sites)
    assert few.space.options == every.space.options
    assert sum(map(len, few.space.options)) < sum(map(len, found.options))
    # What a run that was cut short goes on with.
    again = thinned(sized(found, counted), encoder(), most=few.ranked)
    assert again.space.options == few.space.options
