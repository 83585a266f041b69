"""What every technique promises, whichever it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from zoo_compress.core import AnyArray, Encoded, Feed, Option, Plan, Site
from zoo_compress.graph.fragment import initializer_bytes
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import bytes_without, to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.graph.write import write_model
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.runtime.session import open_session
from zoo_compress.techniques.activations import tensor_histograms
from zoo_compress.techniques.base import Technique, needed_operator_set
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.candidates import Candidates
from zoo_compress.techniques.encoder import Encoder
from zoo_compress.techniques.moments import input_moments
from zoo_compress.testing.layers import LAYERS, SMALL_LAYERS, VARIANTS, WEIGHT, Layer
from zoo_compress.testing.networks import NETWORKS
from zoo_compress.testing.rewritten import Rewritten, calibrations, rewritten_copy

ROUNDING = 1e-5
"""What float32 may change in a product of factors, as a share of the largest weight."""

HALF_ROUNDING = 2e-3
"""The same for float16."""

SUMS = 1e-4
"""What float32 may change in a sum of products with them, as a share of the largest output."""

ACTIVATIONS = 0.1
"""What 8-bit or float16 activations may change in an output, as a share of the largest."""

every_layer = pytest.mark.parametrize("layer", LAYERS)


@pytest.mark.filterwarnings("error")
class TechniqueConformance:
    """Tests that a technique must pass for its plans to be what a search takes them for.

    Subclass it under a name that pytest collects, and supply the fixture `technique`. A kind of
    layer for which the technique has no option is passed over, as long as it says why.

    Attributes:
        exact: Whether ONNX Runtime rebuilds `Encoded.dense` bit for bit. A technique whose file
            computes with factors sets it to False: rounding may then change each weight by
            `ROUNDING` of the largest.
    """

    exact: ClassVar[bool] = True

    @pytest.fixture
    def technique(self) -> Technique:
        """Return a technique, with the settings that the tests are to try."""
        raise NotImplementedError("supply the fixture technique")

    def test_some_layer_has_options(self, technique: Technique) -> None:
        """Check that the other tests try anything at all."""
        assert any(technique.options(_site(make())) for make in LAYERS.values())

    @every_layer
    def test_options_go_from_mild_to_aggressive_and_save_bytes(
        self, technique: Technique, layer: str
    ) -> None:
        """Check their order, their names, and that they are plain JSON values."""
        site = _site(LAYERS[layer]())
        options = technique.options(site)
        sizes = [option.stored_bytes for option in options]
        assert sizes == sorted(sizes, reverse=True)
        dense = initializer_bytes(site.name, site.shape, site.element_bytes)
        assert all(0 < size < dense for size in sizes)
        for option in options:
            assert option.technique == technique.name
            settings = dict(option.settings)
            assert json.loads(json.dumps(settings)) == settings

    @every_layer
    def test_onnx_runtime_decodes_the_dense_weights_bit_for_bit(
        self, technique: Technique, layer: str, tmp_path: Path
    ) -> None:
        """Check the written file in a stock ONNX Runtime against `Encoded.dense`.

        Where outputs tell more than weights, the test of candidates takes its place.
        """
        one = LAYERS[layer]()
        if not technique.by_weights:
            return
        for option in technique.options(_site(one)):
            encoded, path, _ = _written(technique, one, option, tmp_path)
            (output,) = open_session(path, threads=1).run(None, one.feed)
            self._compare(one.shown(output), encoded.dense, option)

    @every_layer
    def test_a_candidate_returns_what_its_file_returns(
        self, technique: Technique, layer: str, tmp_path: Path
    ) -> None:
        """Check `by_weights`: what a search measures, against the written file."""
        one = LAYERS[layer]()
        options = technique.options(_site(one))
        if not options:
            return
        candidates = _candidates(technique, one)
        for option in options:
            _, path, _ = _written(technique, one, option, tmp_path)
            (expected,) = open_session(path, threads=1).run(None, one.drawn_feed)
            ((found,),) = candidates.outputs(Plan(choices={WEIGHT: option}), [0])
            share = 0 if self.exact or not technique.by_weights else ROUNDING
            allowed = share * np.abs(expected).max()
            np.testing.assert_allclose(found, expected, rtol=0, atol=allowed, err_msg=option.label)

    @every_layer
    def test_it_says_whether_the_runtime_folds_what_it_adds(
        self, technique: Technique, layer: str, tmp_path: Path
    ) -> None:
        """Check `folded` against the operators that are left once a session is created."""
        one = LAYERS[layer]()
        original = _optimized_operators(one.model.SerializeToString(), tmp_path)
        for option in technique.options(_site(one)):
            _, path, _ = _written(technique, one, option, tmp_path)
            left = _optimized_operators(path.read_bytes(), tmp_path)
            assert (left == original) == technique.folded, option.label

    @every_layer
    def test_the_file_takes_the_bytes_that_the_option_promises(
        self, technique: Technique, layer: str, tmp_path: Path
    ) -> None:
        """Check the size of the written file against the prediction, to 1 %."""
        one = LAYERS[layer]()
        for option in technique.options(_site(one)):
            _, path, predicted = _written(technique, one, option, tmp_path)
            assert path.stat().st_size == pytest.approx(predicted, rel=0.01), option.label

    @every_layer
    def test_the_same_weight_gives_the_same_bytes(self, technique: Technique, layer: str) -> None:
        """Check that a plan reproduces its file."""
        one = LAYERS[layer]()
        site = _site(one)
        for option in technique.options(site):
            known = _calibration(technique, one)
            first, second = (technique.encode(one.weight, site, option, known) for _ in range(2))
            assert _digests(first) == _digests(second), option.label

    @pytest.mark.parametrize("layer", VARIANTS)
    def test_weights_of_any_length_value_type_and_operator_set_are_decoded(
        self, technique: Technique, layer: str, tmp_path: Path
    ) -> None:
        """Check what ONNX Runtime decodes, and the bytes, for two options of each of them.

        In an operator set before the one that a technique needs there may be none.
        """
        one = VARIANTS[layer]()
        site = _site(one)
        options = technique.options(site)
        assert bool(options) == (technique.decline(site) is None)
        assert not options or site.opset >= needed_operator_set(
            [technique], model_bytes=site.model_bytes
        )
        if not technique.by_weights:
            return
        for option in _ends(options):
            encoded, path, predicted = _written(technique, one, option, tmp_path)
            shown = one.shown(open_session(path, threads=1).run(None, one.feed)[0])
            assert (shown.dtype, encoded.dense.shape) == (one.weight.dtype, one.weight.shape)
            self._compare(shown, encoded.dense, option)
            assert path.stat().st_size == pytest.approx(predicted, rel=0.01), option.label

    @pytest.mark.parametrize(("number", "repaired"), [(0, False), (-1, False), (-1, True)])
    @pytest.mark.parametrize("network", NETWORKS)
    def test_a_model_keeps_its_interface_and_computes_with_the_dense_weights(
        self, technique: Technique, network: str, number: int, repaired: bool
    ) -> None:
        """Check a model in which all weights are replaced, whatever its nodes do.

        Names, order, types and dynamic lengths of its inputs and outputs; its bytes, a tied
        weight stored once; and its outputs, against the model with `Encoded.dense` in it.
        """
        known = _network_calibrations(network) if repaired or technique.observes else {}
        found = rewritten_copy(_network_graph(network), technique, number, known)
        assert list(found.packed.graph.input) == list(found.original.graph.input)
        assert list(found.packed.graph.output) == list(found.original.graph.output)
        size = found.packed.ByteSize()
        assert size == pytest.approx(found.predicted_bytes, rel=0.01)
        self._compare_outputs(technique, found, NETWORKS[network].feeds())

    @pytest.mark.parametrize("network", NETWORKS)
    def test_weights_that_are_decoded_in_stages_are_the_same_and_leave_no_node(
        self, technique: Technique, network: str, tmp_path: Path
    ) -> None:
        """Check what large models do to save memory, against the model with dense weights."""
        if not technique.folded:
            return
        found = rewritten_copy(_network_graph(network), technique, -1, stages=3)
        packed, dense = (
            _optimized_operators(model.SerializeToString(), tmp_path)
            for model in (found.packed, found.dense)
        )
        assert packed == dense
        assert found.packed.ByteSize() == pytest.approx(found.predicted_bytes, rel=0.01)
        self._compare_outputs(technique, found, NETWORKS[network].feeds())

    @pytest.mark.parametrize("network", NETWORKS)
    def test_neither_the_model_nor_a_weight_is_changed(
        self, technique: Technique, network: str
    ) -> None:
        """Check that encoding leaves the weight, and rewriting a copy leaves the original."""
        graph = _network_graph(network)
        before = to_compact_proto(graph).SerializeToString()
        known = _network_calibrations(network) if technique.observes else {}
        rewritten_copy(graph, technique, 0, known)
        assert to_compact_proto(graph).SerializeToString() == before

    @pytest.mark.parametrize("network", NETWORKS)
    def test_a_weight_of_a_model_has_options_or_is_declined_with_a_reason(
        self, technique: Technique, network: str
    ) -> None:
        """Check that `decline` and `options` agree for each kind of reader."""
        for site in find_sites(_network_graph(network)).sites:
            reason = technique.decline(site)
            assert (reason is None) == bool(technique.options(site))
            assert reason is None or reason.strip()

    @pytest.mark.parametrize("layer", [*LAYERS, *SMALL_LAYERS])
    def test_a_site_has_options_or_is_declined_with_a_reason(
        self, technique: Technique, layer: str
    ) -> None:
        """Check that `decline` and `options` agree, also on weights too small to gain."""
        site = _site((LAYERS | SMALL_LAYERS)[layer]())
        reason = technique.decline(site)
        assert (reason is None) == bool(technique.options(site))
        assert reason is None or reason.strip()

    def _compare_outputs(
        self, technique: Technique, found: Rewritten, feeds: Sequence[Feed]
    ) -> None:
        """Check what the packed model returns against the one with dense weights."""
        packed, dense = (
            open_session(model.SerializeToString(), threads=1)
            for model in (found.packed, found.dense)
        )
        share = 0 if technique.folded and self.exact else SUMS
        share = share if technique.by_weights else ACTIVATIONS
        for feed in feeds:
            for one, other in zip(packed.run(None, feed), dense.run(None, feed), strict=True):
                assert (one.shape, one.dtype) == (other.shape, other.dtype)
                allowed = share * np.abs(other).max(initial=0)
                np.testing.assert_allclose(one, other, rtol=0, atol=allowed)

    def _compare(self, shown: AnyArray, dense: AnyArray, option: Option) -> None:
        """Check weights that a runtime decoded against `Encoded.dense`."""
        if self.exact:
            np.testing.assert_array_equal(shown, dense, option.label)
            return
        share = HALF_ROUNDING if dense.dtype == np.float16 else ROUNDING
        allowed = share * np.abs(dense).max()
        np.testing.assert_allclose(shown, dense, rtol=0, atol=allowed, err_msg=option.label)


def _optimized_operators(model: bytes, folder: Path) -> list[str]:
    """Return the operators that ONNX Runtime keeps."""
    path = folder / "optimized.onnx"
    open_session(model, threads=1, optimized_path=path)
    return sorted(node.op_type for node in onnx.load(path).graph.node)


def _network_graph(network: str) -> ir.Model:
    return normalize(ir.from_proto(NETWORKS[network].model()))


@cache
def _network_calibrations(network: str) -> Mapping[str, Calibration]:
    """Return what the inputs of a network say of its sites: the same for every technique."""
    return calibrations(_network_graph(network), NETWORKS[network].feeds())


def _graph(layer: Layer) -> ir.Model:
    return normalize(ir.from_proto(onnx.ModelProto.FromString(layer.model.SerializeToString())))


def _candidates(technique: Technique, layer: Layer) -> Candidates:
    """Return what runs plans of one layer, on inputs drawn at random."""
    graph, known = _graph(layer), _calibration(technique, layer)
    return Candidates(
        model=graph,
        encoder=Encoder(
            sites=[_site(layer)],
            weights={WEIGHT: layer.weight},
            techniques={technique.name: technique},
            calibrations={} if known is None else {WEIGHT: known},
        ),
        evaluator=CpuEvaluator(
            to_compact_proto(graph), [layer.drawn_feed], replaceable=[WEIGHT], threads=1
        ),
    )


def _calibration(technique: Technique, layer: Layer) -> Calibration | None:
    """Return what drawn inputs tell of the layer, without a repair, to a technique that asks."""
    if not technique.observes:
        return None
    graph, sites, feeds = _graph(layer), [_site(layer)], [layer.drawn_feed]
    return Calibration(
        site=sites[0],
        moments=input_moments(graph, sites, feeds, seed=0)[WEIGHT],
        repair=frozenset(),
        activations=tensor_histograms(graph, sites, feeds),
    )


def _site(layer: Layer) -> Site:
    (site,) = find_sites(_graph(layer)).sites
    return site


def _written(
    technique: Technique, layer: Layer, option: Option, folder: Path
) -> tuple[Encoded, Path, int]:
    """Write the compressed model; return what is in it, the file, and its predicted bytes."""
    graph = _graph(layer)
    (site,) = find_sites(graph).sites
    fixed = bytes_without(to_compact_proto(graph), {WEIGHT})
    encoded = technique.encode(layer.weight, site, option, _calibration(technique, layer))
    technique.rewrite(graph, site, encoded)
    (path,) = write_model(graph, folder / "model.onnx")
    return encoded, path, fixed + option.stored_bytes + sum(option.shared.values())


def _ends(options: Sequence[Option]) -> list[Option]:
    """Return the mildest and the most aggressive option."""
    return [*options[:1], *options[1:][-1:]]


def _digests(encoded: Encoded) -> list[tuple[str, tuple[int, ...], str]]:
    """Name, shape and SHA-256 of every array: short to print where two encodings differ."""
    arrays: dict[str, AnyArray] = {**encoded.tensors, "": encoded.dense}
    return [
        (role, array.shape, sha256(array.tobytes()).hexdigest())
        for role, array in sorted(arrays.items())
    ]
