"""Options that break the model, and weights that an option keeps exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zoo_compress.core import Option
from zoo_compress.search.scan import BROKEN_FACTOR, Scan
from zoo_compress.techniques.codes import Codes


class Spoiling(Codes):
    """`codes` that spoil the weights at some widths: multiplied, or none of them finite."""

    def __init__(self, factors) -> None:
        super().__init__({})
        self._factors = factors

    def encode(self, weight, site, option, calibration=None):
        encoded = super().encode(weight, site, option, calibration)
        factor = np.float32(self._factors.get((site.name, option.settings["bits"]), 1))
        dense = encoded.dense * factor if np.isfinite(factor) else np.full_like(weight, factor)
        return replace(encoded, dense=dense)


class Exact:
    """Stores a weight as it is, in a file that is smaller by magic."""

    name = "exact"
    by_channel = True
    by_weights = True
    observes = False

    def options(self, site):
        return [Option(technique=self.name, settings={}, stored_bytes=site.stored_bytes - 1)]

    def encode(self, weight, site, option, calibration=None):
        return replace(Codes({}).encode(weight, site, BITS_8), option=option, dense=weight)


BITS_8 = Option(technique="codes", settings={"bits": 8, "granularity": "channel"}, stored_bytes=0)


def scanned(network):
    return Scan(encoder=network.encoder, **network.parts, indices=range(4)).run()


def spoiled(network, make_network, factors):
    """Scan the network with the options at (site, level) spoiled by a factor."""
    bits = {
        (network.space.sites[site].name, option_bits(network, site, level)): factor
        for (site, level), factor in factors.items()
    }
    return scanned(make_network({"codes": Spoiling(bits)}))


def option_bits(network, site, level):
    return network.space.options[site][level - 1].settings["bits"]


@pytest.fixture(scope="module")
def intact(network):
    return scanned(network)


# Of the seven levels of each site the scan measures 3, 5 and 7.
@pytest.mark.parametrize("factor", [np.nan, np.inf])
def test_an_option_that_gives_no_finite_output_is_worse_than_all_others(
    network, make_network, intact, factor
):
    found = spoiled(network, make_network, {(1, 7): factor})
    others = np.ones((2, 8), bool)
    others[1, 7] = False
    assert found.distortion[1, 7] == BROKEN_FACTOR * found.distortion[others].max()
    np.testing.assert_allclose(found.distortion[others], intact.distortion[others], rtol=1e-5)


def test_an_option_that_breaks_on_one_input_is_broken(make_network):
    feeds = [{"image": np.full((1, 8, 6, 6), scale, np.float32)} for scale in (1e-9, 100) * 2]
    # 3 bits are level 5; the scan has measured levels on both sides of it.
    found = scanned(make_network({"codes": Spoiling({("fc.w", 3): 1e37})}, feeds=feeds))
    others = np.delete(found.distortion[1], 5)
    assert found.distortion[1, 5] == BROKEN_FACTOR * max(others.max(), found.distortion[0].max())


@pytest.mark.parametrize("factor", [np.nan, np.inf])
def test_levels_that_take_after_broken_ones_are_broken_too(network, make_network, factor):
    found = spoiled(network, make_network, {(0, level): factor for level in (2, 3, 5, 7)})
    broken = BROKEN_FACTOR * found.distortion[1].max()
    np.testing.assert_array_equal(found.distortion[0, 1:], broken)


def test_a_model_that_every_option_breaks_still_has_finite_distortions(network, make_network):
    every = {(site, level): np.inf for site in range(2) for level in range(1, 8)}
    found = spoiled(network, make_network, every)
    np.testing.assert_array_equal(found.distortion[:, 1:], BROKEN_FACTOR)
    np.testing.assert_array_equal(found.distortion[:, 0], 0)


def test_finite_outputs_of_any_size_give_finite_distortions(network, make_network):
    found = spoiled(network, make_network, {(1, 7): 1e18, (1, 5): 1e37, (1, 2): 1e30})
    assert np.isfinite(found.distortion).all()


@pytest.mark.parametrize("bits", [[3, 2], range(2, 9)], ids=["measured", "not measured"])
def test_an_option_without_any_error_has_distortion_0(make_network, bits):
    found = scanned(make_network({"codes": Codes({"bits": bits}), "exact": Exact()}))
    np.testing.assert_array_equal(found.distortion[:, 1], 0)
    assert (found.distortion[:, 2:] > 0).all()
