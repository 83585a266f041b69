from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from zoo_compress.core import Option, Plan, Site
from zoo_compress.techniques.codes import Codes
from zoo_compress.techniques.encoder import Encoder

SITES = [
    Site(name=name, shape=(32, 48), dtype="float32", channel_axis=1, readers=()) for name in "abc"
]
WEIGHTS = {
    site.name: np.random.default_rng(i).standard_normal(site.shape).astype(np.float32)
    for i, site in enumerate(SITES)
}
FOUR, SIX = (
    Option(technique="codes", settings={"bits": bits, "granularity": "channel"}, stored_bytes=0)
    for bits in (4, 6)
)


class CountedCodes(Codes):
    """Codes that note what they were asked to encode."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self.asked: list[tuple[str, int]] = []

    def encode(self, weight, site, option):
        self.asked.append((site.name, option.settings["bits"]))
        return super().encode(weight, site, option)


@pytest.fixture
def codes():
    return CountedCodes({})


def encoder(codes, **options) -> Encoder:
    return Encoder(sites=SITES, weights=WEIGHTS, techniques={"codes": codes}, **options)


def test_a_weight_is_encoded_as_its_technique_does(codes):
    found = encoder(codes).encode("b", FOUR)
    expected = Codes({}).encode(WEIGHTS["b"], SITES[1], FOUR)
    np.testing.assert_array_equal(found.dense, expected.dense)
    assert found.option is FOUR


def test_asking_again_returns_what_was_encoded_before(codes):
    cached = encoder(codes)
    first = cached.encode("a", FOUR)
    seconds = cached.seconds
    reordered = {"granularity": "channel", "bits": 4}
    again = Option(technique="codes", settings=reordered, stored_bytes=99)
    assert cached.encode("a", again) is first
    assert cached.seconds == seconds > 0
    assert cached.encode("a", SIX) is not first
    assert codes.asked == [("a", 4), ("a", 6)]


def test_the_least_used_goes_first_when_the_memory_bound_is_reached(codes):
    one = encoder(codes).encode("a", FOUR)
    size = one.dense.nbytes + sum(tensor.nbytes for tensor in one.tensors.values())
    codes.asked.clear()
    bounded = encoder(codes, cache_bytes=2 * size)
    for name in "abacab":
        bounded.encode(name, FOUR)
    assert [name for name, _ in codes.asked] == ["a", "b", "c", "b"]


def test_a_bound_below_one_weight_still_returns_it(codes):
    tight = encoder(codes, cache_bytes=1)
    assert tight.encode("a", FOUR) is tight.encode("a", FOUR)
    tight.encode("b", FOUR)
    tight.encode("a", FOUR)
    assert [name for name, _ in codes.asked] == ["a", "b", "a"]


def test_the_weights_of_a_plan_are_those_of_its_sites(codes):
    dense = encoder(codes).dense(Plan(choices={"c": SIX, "a": FOUR}))
    assert list(dense) == ["c", "a"]
    for name, site, option in (("a", SITES[0], FOUR), ("c", SITES[2], SIX)):
        expected = Codes({}).encode(WEIGHTS[name], site, option).dense
        np.testing.assert_array_equal(dense[name], expected)


def test_a_plan_without_choices_has_no_weights(codes):
    assert encoder(codes).dense(Plan()) == {}
