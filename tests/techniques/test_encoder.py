from dataclasses import replace

import ml_dtypes
import numpy as np
import onnx_ir as ir
import pytest

from tests.techniques.inputs import (
    CountedCodes,
    calibration,
    codes,
    drawn,
    outputs,
    rows_of,
    site_of,
)
from zoo_compress.core import Option, Plan, Site
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.numerics.histogram import HistogramSums
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.runtime.side_by_side import side_by_side
from zoo_compress.techniques import encoder as module
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.codes import Codes
from zoo_compress.techniques.encoder import Encoder
from zoo_compress.techniques.moments import input_moments
from zoo_compress.techniques.sampled import ELEMENTS

SITES = [
    Site(name=name, shape=(32, 48), dtype="float32", channel_axis=1, readers=()) for name in "abc"
]
WEIGHTS = {
    site.name: np.random.default_rng(i).standard_normal(site.shape).astype(np.float32)
    for i, site in enumerate(SITES)
}
TWO, FOUR, SIX = codes(2), codes(4), codes(6)


@pytest.fixture
def counted():
    return CountedCodes({})


def encoder(technique, **options) -> Encoder:
    return Encoder(sites=SITES, weights=WEIGHTS, techniques={"codes": technique}, **options)


def test_a_weight_is_encoded_as_its_technique_does(counted):
    found = encoder(counted).encode("b", FOUR)
    expected = Codes({}).encode(WEIGHTS["b"], SITES[1], FOUR)
    np.testing.assert_array_equal(found.dense, expected.dense)
    assert found.option is FOUR


def test_asking_again_returns_what_was_encoded_before(counted):
    cached = encoder(counted)
    first = cached.encode("a", FOUR)
    seconds = cached.seconds
    reordered = {"granularity": "channel", "bits": 4}
    again = Option(technique="codes", settings=reordered, stored_bytes=99)
    assert cached.encode("a", again) is first
    assert cached.seconds == seconds > 0
    assert cached.encode("a", SIX) is not first
    assert counted.asked == [("a", 4), ("a", 6)]


def test_several_weights_are_encoded_as_one_after_the_other(counted):
    wanted = [(site, option) for site in "abc" for option in (TWO, SIX)]
    together, alone = encoder(counted).encode_all(wanted), encoder(Codes({}))
    for found, choice in zip(together, wanted, strict=True):
        np.testing.assert_array_equal(found.dense, alone.encode(*choice).dense)
        assert found.option is choice[1]


def test_the_largest_comes_first_and_results_come_as_they_are_wanted(counted, monkeypatch):
    monkeypatch.setattr("zoo_compress.runtime.side_by_side.default_threads", lambda: 1)
    sites = [
        replace(site, shape=(rows, 48)) for site, rows in zip(SITES, (8, 32, 16), strict=True)
    ]
    weights = {site.name: WEIGHTS[site.name][: site.shape[0]] for site in sites}
    mixed = Encoder(sites=sites, weights=weights, techniques={"codes": counted})
    found = mixed.encode_all([(site, FOUR) for site in "abc"])
    assert counted.asked == [("b", 4), ("c", 4), ("a", 4)]
    assert [one.dense.shape[0] for one in found] == [8, 32, 16]


def test_what_is_wanted_twice_is_encoded_once(counted):
    cached = encoder(counted)
    cached.encode("a", FOUR)
    first, _, second = cached.encode_all([("a", FOUR), ("b", FOUR), ("a", FOUR)])
    assert first is second is cached.encode("a", FOUR)
    assert counted.asked == [("a", 4), ("b", 4)]


def test_ahead_is_encoded_what_stays_in_a_quarter_of_the_cache(counted):
    size = WEIGHTS["a"].nbytes
    cached = encoder(counted, cache_bytes=9 * size)
    cached.encode_ahead([(site, FOUR) for site in "abc"])
    assert sorted(counted.asked) == [("a", 4), ("b", 4)]
    encoder(counted, cache_bytes=size).encode_ahead([("c", SIX)])
    assert ("c", 6) not in counted.asked


def test_large_weights_are_encoded_one_at_a_time_and_the_others_side_by_side(counted, monkeypatch):
    small = Site(name="small", shape=(32, 16), dtype="float32", channel_axis=1, readers=())
    weights = {**WEIGHTS, "small": WEIGHTS["a"][:, :16]}
    beside = []

    def noted(work, jobs, **options):
        beside.extend(name for name, _ in jobs)
        return side_by_side(work, jobs, **options)

    monkeypatch.setattr(module, "LARGEST_BESIDE_OTHERS", WEIGHTS["a"].nbytes - 1)
    monkeypatch.setattr(module, "side_by_side", noted)
    mixed = Encoder(sites=[*SITES, small], weights=weights, techniques={"codes": counted})
    found = mixed.encode_all([(site, FOUR) for site in ("a", "small", "b")])
    assert [one.dense.shape for one in found] == [(32, 48), (32, 16), (32, 48)]
    assert beside == ["small"]


def test_the_least_used_goes_first_when_the_memory_bound_is_reached(counted):
    one = encoder(counted).encode("a", FOUR)
    size = one.dense.nbytes + sum(tensor.nbytes for tensor in one.tensors.values())
    counted.asked.clear()
    bounded = encoder(counted, cache_bytes=2 * size)
    for name in "abacab":
        bounded.encode(name, FOUR)
    assert [name for name, _ in counted.asked] == ["a", "b", "c", "b"]


def test_what_was_let_go_is_encoded_again_to_the_same_bits(counted):
    cached = encoder(counted)
    first = cached.encode("a", FOUR)
    cached.forget()
    again = cached.encode("a", FOUR)
    assert again is not first
    assert [name for name, _ in counted.asked] == ["a", "a"]
    np.testing.assert_array_equal(again.dense, first.dense)
    assert again.tensors.keys() == first.tensors.keys()
    for role, tensor in first.tensors.items():
        np.testing.assert_array_equal(again.tensors[role], tensor)


def test_a_bound_below_one_weight_still_returns_it(counted):
    tight = encoder(counted, cache_bytes=1)
    assert tight.encode("a", FOUR) is tight.encode("a", FOUR)
    tight.encode("b", FOUR)
    tight.encode("a", FOUR)
    assert [name for name, _ in counted.asked] == ["a", "b", "a"]


def test_of_a_plan_larger_than_the_bound_only_what_changes_is_encoded_again(counted):
    tight = encoder(counted, cache_bytes=1)
    first = tight.dense(Plan(choices=dict.fromkeys("abc", FOUR)))
    counted.asked.clear()
    second = tight.dense(Plan(choices={"a": FOUR, "b": SIX, "c": FOUR}))
    assert counted.asked == [("b", 6)]
    assert second["a"] is first["a"]
    # Writing the plan asks for its weights one by one.
    for name, option in (("a", FOUR), ("b", SIX), ("c", FOUR)):
        tight.encode(name, option)
    assert counted.asked == [("b", 6)]
    tight.dense(Plan(choices={"a": TWO}))
    tight.encode("c", FOUR)
    assert counted.asked == [("b", 6), ("a", 2), ("c", 4)]


def test_the_weights_of_a_plan_are_those_of_its_sites(counted):
    dense = encoder(counted).dense(Plan(choices={"c": SIX, "a": FOUR}))
    assert list(dense) == ["c", "a"]
    for name, site, option in (("a", SITES[0], FOUR), ("c", SITES[2], SIX)):
        expected = Codes({}).encode(WEIGHTS[name], site, option).dense
        np.testing.assert_array_equal(dense[name], expected)


def test_a_plan_without_choices_has_no_weights(counted):
    assert encoder(counted).dense(Plan()) == {}


def site_encoder(site, weights, *, known=None, technique=None) -> Encoder:
    """Return an encoder of one site."""
    return Encoder(
        sites=[site],
        weights=weights,
        techniques={"codes": technique or Codes({})},
        calibrations={} if known is None else {site.name: known},
    )


@pytest.mark.parametrize("kind", ["matrix", "transposed", "kernel", "groups", "depthwise"])
def test_a_corrected_bias_takes_back_what_the_encoding_does_to_mean_outputs(kind):
    site = site_of(kind, bias="b")
    rows, weight = rows_of(site), drawn(*site.shape)
    bias = drawn(site.shape[site.channel_axis], seed=2)
    known = calibration(site, rows, "bias-correction")
    found = site_encoder(site, {"w": weight, "b": bias}, known=known).encode("w", TWO)
    before = outputs(site, weight, rows).mean(axis=1).ravel() + bias
    after = outputs(site, found.dense, rows).mean(axis=1).ravel() + found.bias
    uncorrected = outputs(site, found.dense, rows).mean(axis=1).ravel() + bias
    np.testing.assert_allclose(after, before, atol=1e-4 * np.abs(before).max())
    assert np.abs(uncorrected - before).max() > 0.02 * np.abs(before).max()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
@pytest.mark.parametrize("shape", [(24,), (1, 24), (1, 1, 24)])
def test_a_corrected_bias_has_the_type_and_shape_of_the_original(dtype, shape):
    site = site_of("matrix", bias="b", dtype=np.dtype(dtype).name)
    known = calibration(site, rows_of(site), "bias-correction")
    weights = {"w": drawn(*site.shape).astype(dtype), "b": drawn(*shape).astype(dtype)}
    found = site_encoder(site, weights, known=known).encode("w", TWO)
    assert (found.bias.shape, found.bias.dtype) == (shape, np.dtype(dtype))
    assert not np.array_equal(found.bias, weights["b"])


def test_a_bias_stays_where_it_is_not_to_be_corrected_or_nothing_is_known():
    site = site_of("matrix", bias="b")
    weights = {"w": drawn(*site.shape), "b": drawn(24)}
    known = calibration(site, rows_of(site), "error-feedback", "scale-refit")
    assert site_encoder(site, weights, known=known).encode("w", TWO).bias is None
    assert site_encoder(site, weights).encode("w", TWO).bias is None
    free = site_of("matrix")
    corrected = calibration(free, rows_of(free), "bias-correction")
    assert site_encoder(free, weights, known=corrected).encode("w", TWO).bias is None


class Broken(Codes):
    """Codes whose decoded weights are not numbers."""

    def encode(self, weight, site, option, calibration=None):
        found = super().encode(weight, site, option, calibration)
        return replace(found, dense=np.full_like(found.dense, np.nan))


def test_a_bias_that_would_not_be_finite_stays():
    site = site_of("matrix", bias="b")
    known = calibration(site, rows_of(site), "bias-correction")
    weights = {"w": drawn(*site.shape), "b": drawn(24)}
    broken = site_encoder(site, weights, known=known, technique=Broken({}))
    assert broken.encode("w", TWO).bias is None
    assert broken.error("w", TWO) == np.inf


def test_the_memory_bound_counts_biases(counted):
    site = site_of("matrix", bias="b")
    known = calibration(site, rows_of(site), "bias-correction")
    weights = {"w": drawn(*site.shape), "b": drawn(24)}
    one = site_encoder(site, weights, known=known).encode("w", FOUR)
    size = one.dense.nbytes + sum(tensor.nbytes for tensor in one.tensors.values())
    for extra, asked in ((one.bias.nbytes, 2), (0, 3)):
        counted.asked.clear()
        bounded = Encoder(
            sites=[site],
            weights=weights,
            techniques={"codes": counted},
            calibrations={"w": known},
            cache_bytes=2 * (size + extra),
        )
        # The same bytes, by the name of another technique.
        for option in (FOUR, replace(FOUR, settings={**FOUR.settings, "bits": 4, "n": 1}), FOUR):
            bounded.encode("w", option)
        assert len(counted.asked) == asked


def test_a_technique_is_given_what_is_known_of_its_site_alone():
    known = calibration(SITES[1], rows_of(SITES[1]), "error-feedback")
    found = encoder(Codes({}), calibrations={"b": known})
    for site in SITES:
        knowledge = known if site.name == "b" else None
        expected = Codes({}).encode(WEIGHTS[site.name], site, TWO, knowledge)
        np.testing.assert_array_equal(found.encode(site.name, TWO).dense, expected.dense)


def test_the_weights_of_a_plan_come_with_the_biases_that_it_changes():
    sites = [replace(site_of("matrix", bias=f"{name}.bias"), name=name) for name in "abc"]
    weights = {site.name: drawn(*site.shape, seed=i) for i, site in enumerate(sites)}
    weights |= {site.bias: drawn(24, seed=i) for i, site in enumerate(sites)}
    rows = rows_of(sites[0])
    found = Encoder(
        sites=sites,
        weights=weights,
        techniques={"codes": Codes({})},
        calibrations={
            "a": calibration(sites[0], rows, "bias-correction"),
            "b": calibration(sites[1], rows, "error-feedback"),
        },
    )
    dense = found.dense(Plan(choices={"b": FOUR, "a": TWO, "c": FOUR}))
    assert dense.keys() == {"a", "b", "c", "a.bias"}
    assert dense["a.bias"] is found.encode("a", TWO).bias
    assert found.dense(Plan(choices={"c": FOUR})).keys() == {"c"}


@pytest.mark.parametrize("informed", [False, True])
def test_more_bits_have_a_smaller_error(informed):
    site = site_of("kernel")
    known = calibration(site, rows_of(site), "error-feedback") if informed else None
    found = site_encoder(site, {"w": drawn(*site.shape)}, known=known)
    errors = [found.error("w", codes(bits)) for bits in range(2, 9)]
    assert errors == sorted(errors, reverse=True)
    assert 0 < errors[-1] < errors[0] < 1


def test_errors_of_all_options_encode_some_and_lie_between_for_the_others(counted):
    found = encoder(counted)
    options = [codes(bits) for bits in range(8, 1, -1)]
    errors = found.errors("a", options)
    assert sorted(bits for _, bits in counted.asked) == [2, 5, 8]
    assert errors == sorted(errors)
    exact = encoder(CountedCodes({}))
    for option, error in zip(options, errors, strict=True):
        assert found.error("a", option) == error
        assert error == pytest.approx(exact.error("a", option), rel=0.5)
    # The encodings of a small weight are kept for the search.
    found.encode("a", codes(5))
    assert len(counted.asked) == 3


def test_errors_found_ahead_for_several_weights_are_those_found_one_by_one(counted):
    options = [codes(bits) for bits in range(2, 9)]
    alone, ahead = encoder(Codes({})), encoder(counted)
    ahead.compare_ahead(dict.fromkeys("ab", options))
    known = list(counted.asked)
    assert known
    for name in "ab":
        assert ahead.errors(name, options) == alone.errors(name, options)
    assert counted.asked == known


def test_errors_that_are_assumed_fall_with_bytes_and_give_way_to_known_ones(counted):
    found = encoder(counted)
    known = found.error("a", FOUR)
    options = [replace(codes(bits), stored_bytes=100 * bits) for bits in (8, 4, 2)]
    errors = found.assumed_errors("a", options)
    assert errors[0] < errors[2]
    assert errors[1] == known
    assert len(counted.asked) == 1


def test_errors_that_are_assumed_are_those_of_another_weight_where_that_is_known(counted):
    found = encoder(counted)
    options = [replace(codes(bits), stored_bytes=100 * bits) for bits in (8, 4, 2)]
    known = found.errors("a", options)
    asked = len(counted.asked)
    assert found.assumed_errors("b", options) == pytest.approx(known)
    assert found.error("b", options[0]) == pytest.approx(known[0])
    assert len(counted.asked) == asked


def test_an_error_is_a_share_of_the_outputs_where_inputs_are_known_else_of_the_weights():
    site = site_of("groups")
    rows, weight = rows_of(site), drawn(*site.shape)
    known = calibration(site, rows)
    informed, plain = (site_encoder(site, {"w": weight}, known=k) for k in (known, None))
    y, q = (outputs(site, w, rows) for w in (weight, informed.encode("w", TWO).dense))
    expected = np.square(q - y).sum() / np.square(y).sum()
    assert informed.error("w", TWO) == pytest.approx(expected, rel=1e-4)
    change = plain.encode("w", TWO).dense - weight
    expected = np.square(change).sum() / np.square(weight).sum()
    assert plain.error("w", TWO) == pytest.approx(expected, rel=1e-5)


def test_an_error_is_computed_once_and_its_time_counted(counted):
    found = encoder(counted)
    first, seconds = found.error("a", FOUR), found.seconds
    assert seconds > 0
    assert found.error("a", FOUR) == first
    assert found.seconds == seconds
    assert counted.asked == [("a", 4)]


class Sizes(Codes):
    """Codes that note how many weights they were asked to encode."""

    def __init__(self, *, by_channel) -> None:
        super().__init__({})
        self.by_channel = by_channel
        self.seen: list[int] = []

    def encode(self, weight, site, option, calibration=None):
        assert weight.shape == site.shape
        self.seen.append(weight.size)
        return super().encode(weight, site, option, calibration)


@pytest.mark.parametrize("informed", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_some_channels_tell_the_error_where_channels_are_encoded_alone(axis, informed):
    shape = (600, 1024) if axis == 0 else (1024, 600)
    site = Site(name="w", shape=shape, dtype="float32", channel_axis=axis, readers=())
    known = calibration(site, rows_of(site, count=64)) if informed else None
    errors = []
    for technique, size in ((Sizes(by_channel=True), ELEMENTS), (Sizes(by_channel=False), 614400)):
        found = site_encoder(site, {"w": drawn(*shape)}, known=known, technique=technique)
        errors.append(found.error("w", FOUR))
        assert technique.seen == [size]
    assert errors[0] == pytest.approx(errors[1], rel=0.05)


@pytest.mark.parametrize("observes", [False, True])
@pytest.mark.parametrize("repair", [(), ("bias-correction",)])
def test_a_calibration_for_ranges_alone_is_for_those_that_ask(observes, repair):
    told = []

    class Noting(Codes):
        def encode(self, weight, site, option, calibration=None):
            told.append(calibration)
            return super().encode(weight, site, option, calibration)

    site, technique = site_of("matrix"), Noting({})
    technique.observes = observes
    sums = HistogramSums()
    sums.add(np.ones(4, np.float32), most=4)
    known = replace(
        calibration(site, rows_of(site)),
        repair=frozenset(repair),
        activations={"x": sums.histogram()},
    )
    found = site_encoder(site, {"w": drawn(*site.shape)}, known=known, technique=technique)
    found.encode("w", FOUR)
    assert told == [known if observes or repair else None]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_error_that_is_not_finite_is_infinite(value):
    class Spoiled(Codes):
        def encode(self, weight, site, option, calibration=None):
            found = super().encode(weight, site, option, calibration)
            return replace(found, dense=np.full_like(weight, value))

    site = site_of("matrix")
    weights = {"w": drawn(*site.shape)}
    assert site_encoder(site, weights, technique=Spoiled({})).error("w", FOUR) == np.inf


def test_zero_weights_that_stay_zero_have_no_error():
    site = site_of("matrix")
    zeros = {"w": np.zeros(site.shape, np.float32)}
    assert site_encoder(site, zeros).error("w", FOUR) == 0
    known = calibration(site, rows_of(site))
    assert site_encoder(site, zeros, known=known).error("w", FOUR) == 0


LAYERS = {
    "Conv": (
        "g (T[1,3,6,6] x) => (T[] y) { y = Conv<pads=[1,1,1,1]>(x, w, b) }",
        {"w": (8, 3, 3, 3), "b": (8,)},
        (1, 3, 6, 6),
    ),
    "depthwise Conv": (
        "g (T[1,12,6,6] x) => (T[] y) { y = Conv<group=12,strides=[2,1]>(x, w, b) }",
        {"w": (12, 1, 3, 3), "b": (12,)},
        (1, 12, 6, 6),
    ),
    "Gemm": ("g (T[3,16] x) => (T[] y) { y = Gemm(x, w, b) }", {"w": (16, 8), "b": (8,)}, (3, 16)),
    "Gemm transB": (
        "g (T[3,16] x) => (T[] y) { y = Gemm<transB=1>(x, w, b) }",
        {"w": (8, 16), "b": (1, 8)},
        (3, 16),
    ),
    "MatMul and Add": (
        "g (T[2,5,16] x) => (T[] y) { a = MatMul(x, w) y = Add(b, a) }",
        {"w": (16, 8), "b": (8,)},
        (2, 5, 16),
    ),
}


@pytest.mark.parametrize("opset", [11, 21])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float16", 2e-3)])
@pytest.mark.parametrize("layer", LAYERS)
def test_a_model_with_corrected_biases_has_the_mean_outputs_of_the_original(
    layer, dtype, tolerance, opset, make_model
):
    text, shapes, sample = LAYERS[layer]
    weights = {name: drawn(*shape, seed=3).astype(dtype) for name, shape in shapes.items()}
    feeds = [{"x": (drawn(*sample, seed=i) + 1).astype(dtype)} for i in range(8)]
    model = normalize(
        ir.from_proto(make_model(text, weights, dtype=dtype, opset=opset, ir_version=10))
    )
    (site,) = find_sites(model).sites
    moments = input_moments(model, [site], feeds, seed=0)["w"]
    known = Calibration(site=site, moments=moments, repair=frozenset({"bias-correction"}))
    dense = site_encoder(site, weights, known=known).dense(Plan(choices={"w": TWO}))
    assert dense.keys() == {"w", "b"}

    evaluator = CpuEvaluator(to_compact_proto(model), feeds, replaceable=["w", "b"])
    before, after, uncorrected = (
        mean_outputs(evaluator.outputs(replaced, range(len(feeds))), shapes["b"][-1])
        for replaced in ({}, dense, {"w": dense["w"]})
    )
    largest = np.abs(before).max()
    np.testing.assert_allclose(after, before, atol=tolerance * largest)
    assert np.abs(uncorrected - before).max() > 0.02 * largest


def mean_outputs(samples, channels) -> np.ndarray:
    """Return the mean of each channel over samples and places."""
    y = np.concatenate([output for (output,) in samples]).astype(np.float64)
    axis = y.shape.index(channels, 1)
    return y.mean(axis=tuple(other for other in range(y.ndim) if other != axis))
