"""The built-in techniques keep the promises of all techniques, and the suite notices a breach."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx_ir as ir
import pytest

from zoo_compress.graph.initializers import add_initializer
from zoo_compress.techniques.codes import Codes
from zoo_compress.techniques.spatial_split import SpatialSplit
from zoo_compress.techniques.svd import Svd
from zoo_compress.techniques.tucker import Tucker
from zoo_compress.testing import TechniqueConformance
from zoo_compress.testing.layers import LAYERS
from zoo_compress.testing.networks import NETWORKS
from zoo_compress.testing.technique import ROUNDING

SUITE = TechniqueConformance()
FACTORS = {"ranks": [0.75, 0.25], "storage": ["float32", "float16", "codes"]}
every_layer = pytest.mark.parametrize("layer", LAYERS)


class TestCodes(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        return Codes({})


class TestGroupedCodes(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        return Codes({"bits": [8, 5, 2], "granularity": ["group"], "group_size": [16, 24]})


class TestSvd(TechniqueConformance):
    exact = False

    @pytest.fixture
    def technique(self):
        return Svd(FACTORS)


class TestSvdOfLongerKernels(TechniqueConformance):
    exact = False

    @pytest.fixture
    def technique(self):
        return Svd(FACTORS | {"kinds": ["spatial"]})


class TestSpatialSplit(TechniqueConformance):
    exact = False

    @pytest.fixture
    def technique(self):
        return SpatialSplit(FACTORS)


class TestTucker(TechniqueConformance):
    exact = False

    @pytest.fixture
    def technique(self):
        return Tucker(FACTORS)


class Inexact(Codes):
    """Says that the weights are what they were."""

    def encode(self, weight, site, option, calibration=None):
        return replace(super().encode(weight, site, option, calibration), dense=weight)


class Optimistic(Codes):
    def options(self, site):
        found = super().options(site)
        return [replace(option, stored_bytes=option.stored_bytes * 9 // 10) for option in found]


class Unsorted(Codes):
    def options(self, site):
        return super().options(site)[::-1]


class Random(Codes):
    def encode(self, weight, site, option, calibration=None):
        noise = np.random.default_rng().standard_normal(weight.shape).astype(np.float32)
        return super().encode(weight + noise, site, option)


class Silent(Codes):
    def decline(self, site):
        return None


class Useless(Codes):
    def options(self, site):
        return []


@every_layer
def test_weights_that_the_runtime_does_not_decode_to_are_noticed(layer, tmp_path):
    with pytest.raises(AssertionError, match="codes bits=8"):
        SUITE.test_onnx_runtime_decodes_the_dense_weights_bit_for_bit(Inexact({}), layer, tmp_path)


@pytest.mark.parametrize(("error", "exact"), [(1e-7, True), (1e-6, False), (1e-4, False)])
def test_rounding_is_allowed_to_techniques_that_compute_with_factors(error, exact, tmp_path):
    class Rounding(Codes):
        def encode(self, weight, site, option, calibration=None):
            found = super().encode(weight, site, option, calibration)
            return replace(found, dense=found.dense * np.float32(1 + error))

    class Suite(TechniqueConformance):
        pass

    Suite.exact = exact
    check = Suite().test_onnx_runtime_decodes_the_dense_weights_bit_for_bit
    if not exact and error < ROUNDING:
        check(Rounding({}), "matrix product", tmp_path)
    else:
        with pytest.raises(AssertionError, match="codes bits=8"):
            check(Rounding({}), "matrix product", tmp_path)


@every_layer
def test_weights_that_do_not_tell_what_the_file_returns_are_noticed(layer, tmp_path):
    check = SUITE.test_a_candidate_returns_what_its_file_returns
    check(Codes({}), layer, tmp_path)
    with pytest.raises(AssertionError, match="codes bits=8"):
        check(Inexact({}), layer, tmp_path)


@every_layer
def test_bytes_that_the_file_does_not_keep_to_are_noticed(layer, tmp_path):
    with pytest.raises(AssertionError):
        SUITE.test_the_file_takes_the_bytes_that_the_option_promises(
            Optimistic({}), layer, tmp_path
        )


@every_layer
def test_options_in_another_order_are_noticed(layer):
    with pytest.raises(AssertionError):
        SUITE.test_options_go_from_mild_to_aggressive_and_save_bytes(Unsorted({}), layer)


@every_layer
def test_an_encoding_that_chance_decides_is_noticed(layer):
    with pytest.raises(AssertionError):
        SUITE.test_the_same_weight_gives_the_same_bytes(Random({}), layer)


@pytest.mark.parametrize("layer", ["lookup, float16", "kernel of one filter"])
def test_weights_that_only_some_layers_decode_to_are_noticed(layer, tmp_path):
    check = SUITE.test_weights_of_any_length_value_type_and_operator_set_are_decoded
    check(Codes({}), layer, tmp_path)
    with pytest.raises(AssertionError):
        check(Inexact({}), layer, tmp_path)


class Fixing(Codes):
    """Writes a length into the output that was dynamic."""

    def rewrite(self, model, site, encoded):
        super().rewrite(model, site, encoded)
        output = model.graph.outputs[0]
        output.shape = ir.Shape([7, *output.shape[1:]])


class Renaming(Codes):
    def rewrite(self, model, site, encoded):
        super().rewrite(model, site, encoded)
        model.graph.outputs[0].name = "other"


class Hoarding(Codes):
    """Leaves the weight in the file."""

    def rewrite(self, model, site, encoded):
        super().rewrite(model, site, encoded)
        add_initializer(model.graph, "kept", encoded.dense)


@pytest.mark.parametrize(
    ("breach", "noticed"),
    [
        (Fixing, "At index 0 diff"),
        (Renaming, "At index 0 diff"),
        (Hoarding, "comparison failed"),
    ],
)
@pytest.mark.parametrize("network", ["a Gemm with a bias", "a matrix read twice"])
def test_another_interface_and_bytes_kept_are_noticed(breach, noticed, network):
    check = SUITE.test_a_model_keeps_its_interface_and_computes_with_the_dense_weights
    check(Codes({}), network, 0, False)
    with pytest.raises(AssertionError, match=noticed):
        check(breach({}), network, 0, False)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_model_that_computes_with_other_weights_is_noticed(network):
    check = SUITE.test_a_model_keeps_its_interface_and_computes_with_the_dense_weights
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(Inexact({}), network, -1, False)


class Lingering(Svd):
    """Says that what it adds is folded."""

    folded = True


def test_nodes_that_stages_leave_and_other_weights_are_noticed(tmp_path):
    check = SUITE.test_weights_that_are_decoded_in_stages_are_the_same_and_leave_no_node
    check(Codes({}), "a matrix read twice", tmp_path)
    with pytest.raises(AssertionError, match="Gemm"):
        check(Lingering(FACTORS), "a Gemm with a bias", tmp_path)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(Inexact({}), "a matrix read twice", tmp_path)


class Wasting(Codes):
    """Clears the weight that it is given."""

    def encode(self, weight, site, option, calibration=None):
        found = super().encode(weight, site, option, calibration)
        weight.setflags(write=True)
        weight[...] = 0
        return found


def test_a_weight_that_is_changed_in_place_is_noticed():
    with pytest.raises((AssertionError, ValueError)):
        SUITE.test_neither_the_model_nor_a_weight_is_changed(Wasting({}), "a Gemm with a bias")


def test_a_reader_that_is_passed_over_in_silence_is_noticed():
    class Choosy(Codes):
        def options(self, site):
            return [] if len(site.readers) > 1 else super().options(site)

        def decline(self, site):
            return None

    check = SUITE.test_a_weight_of_a_model_has_options_or_is_declined_with_a_reason
    with pytest.raises(AssertionError):
        check(Choosy({}), "a kernel read twice")


def test_a_site_that_is_passed_over_in_silence_is_noticed():
    with pytest.raises(AssertionError):
        SUITE.test_a_site_has_options_or_is_declined_with_a_reason(Silent({}), "small matrix")


def test_a_technique_that_never_applies_is_noticed():
    with pytest.raises(AssertionError):
        SUITE.test_some_layer_has_options(Useless({}))


@pytest.mark.parametrize(("technique", "folded"), [(Codes, False), (Svd, True)])
def test_a_wrong_word_on_folding_is_noticed(technique, folded, tmp_path):
    class Mistaken(technique):
        pass

    Mistaken.folded = folded
    with pytest.raises(AssertionError):
        SUITE.test_it_says_whether_the_runtime_folds_what_it_adds(
            Mistaken({}), "matrix product", tmp_path
        )
