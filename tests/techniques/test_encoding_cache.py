"""What stays of the encodings that may be needed again, and what goes."""

from __future__ import annotations

import numpy as np
import pytest

from zoo_compress.core import Encoded, Option
from zoo_compress.techniques.encoding_cache import EncodingCache, Key

WORDS = 10
"""Weights of each encoding, 4 bytes each."""


@pytest.fixture
def cache() -> EncodingCache:
    """Return a cache for two encodings."""
    return EncodingCache(2 * 4 * WORDS)


def key(name: str) -> Key:
    return name, "codes"


def put(cache: EncodingCache, names: str) -> list[Encoded]:
    """Put encodings in together."""
    option = Option(technique="codes", settings={}, stored_bytes=1)
    dense = np.zeros(WORDS, np.float32)
    found = [Encoded(option=option, tensors={}, dense=dense) for _ in names]
    for name, encoded in zip(names, found, strict=True):
        cache.keep(key(name), encoded)
    return found


def held(cache: EncodingCache) -> str:
    return "".join(name for name in "abcdef" if cache.get(key(name)) is not None)


def test_the_least_used_goes_first(cache: EncodingCache) -> None:
    put(cache, "ab")
    put(cache, "a")
    put(cache, "c")
    cache.make_room()
    assert held(cache) == "ac"


def test_those_used_last_stay_however_large_they_are_together(cache: EncodingCache) -> None:
    put(cache, "a")
    cache.make_room(put(cache, "bcdef"))
    assert held(cache) == "bcdef"
    cache.make_room()
    assert held(cache) == "ef"


def test_a_plan_stays_until_another_takes_its_place(cache: EncodingCache) -> None:
    cache.keep_plan(put(cache, "abcd"))
    for name in "abcd":
        put(cache, name)
        cache.make_room()
    assert held(cache) == "abcd"
    cache.keep_plan(put(cache, "e"))
    assert held(cache) == "de"


def test_one_encoding_stays_although_it_is_too_large() -> None:
    tight = EncodingCache(1)
    put(tight, "ab")
    tight.make_room()
    assert held(tight) == "b"


def test_nothing_is_left_once_it_is_cleared(cache: EncodingCache) -> None:
    cache.keep_plan(put(cache, "abc"))
    cache.clear()
    assert held(cache) == ""
    put(cache, "abc")
    cache.make_room()
    assert held(cache) == "bc"
