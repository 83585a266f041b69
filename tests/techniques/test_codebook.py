import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from tests.techniques.decoded import (
    assert_decodes_exactly,
    calibration_of,
    decoded,
    drawn,
    matrix_site,
)
from zoo_compress.core import Option
from zoo_compress.techniques.codebook import Codebook
from zoo_compress.techniques.codes import Codes

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float64": np.float64}
TENSOR, HALVES = {"granularity": "tensor"}, {"granularity": "channel-group", "groups": 2}
EVERYTHING = ("error-feedback", "scale-refit", "bias-correction")


def option(entries, kind=TENSOR) -> Option:
    return Option(technique="codebook", settings={"entries": entries} | kind, stored_bytes=0)


def encode(weight, site, entries, kind=TENSOR, calibration=None):
    return Codebook({}).encode(weight, site, option(entries, kind), calibration)


@pytest.fixture
def assert_decodes(load, optimized):
    def check(model, entries, kind=TENSOR):
        found = decoded(model, Codebook({}), {"entries": entries} | kind)
        assert_decodes_exactly(found, load, optimized)

    return check


@pytest.mark.parametrize(
    "weight", [np.zeros((9, 8)), np.full((9, 8), 0.1), np.eye(9, 8), drawn((72, 1))]
)
def test_weights_of_few_values_are_kept_to_float16(weight):
    weight = weight.astype(np.float32)
    dense = encode(weight, matrix_site(weight.shape), 2).dense
    np.testing.assert_allclose(dense, weight, rtol=2**-10, atol=2**-24 * np.abs(weight).max())


def test_by_default_seven_codebooks_are_offered_for_the_whole_tensor():
    offered = Codebook({}).options(matrix_site((640, 48)))
    assert [dict(o.settings) for o in offered] == [
        {"entries": entries, "granularity": "tensor"} for entries in (256, 128, 64, 32, 16, 8, 4)
    ]
    assert offered[0].label == "codebook entries=256 granularity=tensor"


def test_the_recipe_chooses_centres_and_granularity():
    recipe = {"entries": [20, 4], "granularity": ["tensor", "channel-group"], "groups": [2, 5, 7]}
    offered = Codebook(recipe).options(matrix_site((640, 48)))
    assert [(o.settings["entries"], o.settings.get("groups", 1)) for o in offered] == [
        (20, 5),
        (20, 2),
        (20, 1),
        (4, 5),
        (4, 2),
        (4, 1),
    ]


def test_channels_that_make_no_equal_groups_are_not_offered_and_refused():
    recipe = {"granularity": ["channel-group"], "groups": [7]}
    assert Codebook(recipe).options(matrix_site((640, 48))) == []
    with pytest.raises(ValueError, match="site 'w': 9 channels are not 2 equal groups"):
        encode(drawn((9, 8)), matrix_site((9, 8)), 4, HALVES)


def test_a_weight_too_small_to_gain_is_declined_with_its_size():
    assert Codebook({}).options(matrix_site((8, 8))) == []
    reason = Codebook({}).decline(matrix_site((8, 8)))
    assert reason == "256 bytes: a codebook and its decode nodes take no less"
    assert Codebook({}).decline(matrix_site((64, 64))) is None


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"entries": [1]}, r"entries.0\n  Input should be greater than or equal to 2"),
        ({"entries": [257]}, r"entries.0\n  Input should be less than or equal to 256"),
        ({"entries": []}, r"entries\n  Tuple should have at least 1 item"),
        (
            {"granularity": ["row"]},
            r"granularity.0\n  Input should be 'tensor' or 'channel-group'",
        ),
        ({"groups": [1]}, r"groups.0\n  Input should be greater than or equal to 2"),
        ({"bits": [4]}, r"bits\n  Extra inputs are not permitted"),
    ],
)
def test_settings_out_of_range_are_named(recipe, message):
    with pytest.raises(ValidationError, match=message):
        Codebook(recipe)


@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3)),
    axis=st.integers(0, 2),
    entries=st.sampled_from([2, 3, 16, 256]),
    data=st.data(),
)
@settings(max_examples=60)
def test_every_weight_has_the_nearest_centre_times_its_step(shape, axis, entries, data):
    whole = data.draw(arrays(np.int32, shape, elements=st.integers(-99, 99)))
    weight = whole.astype(np.float32) / 7
    encoded = encode(weight, matrix_site(shape, channel_axis=axis), entries)
    step = encoded.tensors["d"].astype(np.float32) * encoded.tensors["f"]
    levels = encoded.tensors["t"].astype(np.float32) * step[..., None]
    nearest = np.abs(levels - weight[..., None]).min(axis=-1)
    error = np.abs(encoded.dense - weight)
    np.testing.assert_allclose(error, nearest, rtol=0, atol=1e-5 * np.abs(weight).max())


def test_the_scale_of_a_weight_does_not_matter():
    weight = drawn((16, 40))
    one, other = (
        encode(weight * np.float32(factor), matrix_site((16, 40)), 8) for factor in (1, 2**-20)
    )
    np.testing.assert_array_equal(one.dense * np.float32(2**-20), other.dense)


@pytest.mark.parametrize("kind", ["standard_normal", "laplace"])
@pytest.mark.parametrize("bits", [3, 4, 5])
@pytest.mark.parametrize("repair", [None, EVERYTHING], ids=["plain", "repaired"])
def test_outputs_change_less_than_with_uniform_codes_of_as_many_bits(kind, bits, repair):
    site = matrix_site((48, 96), bias="b")
    settings = {"bits": bits, "granularity": "channel"}
    uniform = Option(technique="codes", settings=settings, stored_bytes=0)
    ratios = []
    for seed in range(4):
        weight = getattr(np.random.default_rng(seed), kind)(size=site.shape).astype(np.float32)
        judge = calibration_of(site, *(repair or ()), seed=seed)
        known = judge if repair else None
        codes = Codes({}).encode(weight, site, uniform, known)
        found = encode(weight, site, 1 << bits, calibration=known)
        errors = [judge.output_error(weight, one.dense) for one in (found, codes)]
        ratios.append(errors[0] / errors[1])
    assert np.mean(ratios) < 1


@pytest.mark.parametrize("kind", [TENSOR, HALVES], ids=["tensor", "groups"])
@pytest.mark.parametrize(
    ("shape", "axis", "groups"),
    [
        ((24, 40), 0, 1),
        ((40, 24), 1, 1),
        ((12, 8, 3, 3), 0, 1),
        ((12, 2, 3, 3), 0, 4),
        ((12, 4, 3, 3), 0, 3),
        ((12, 1, 5, 5), 0, 12),
    ],
)
def test_each_repair_leaves_no_more_error_of_the_outputs(shape, axis, groups, kind):
    site = matrix_site(shape, channel_axis=axis, groups=groups)
    weight, judge = drawn(shape), calibration_of(site)
    errors = []
    for repair in ((), ("error-feedback",), ("error-feedback", "scale-refit")):
        known = calibration_of(site, *repair)
        dense = encode(weight, site, 8, kind, known).dense
        errors.append(judge.output_error(weight, dense))
    assert errors == sorted(errors, reverse=True)
    if not (kind is HALVES and groups == 3):  # a part of the channels has one group and a half
        assert errors[0] > errors[1]


def test_channel_groups_are_encoded_as_weights_of_their_own():
    weight = drawn((24, 40)) * np.repeat([1, 1000], 12)[:, None].astype(np.float32)
    site, known = matrix_site((24, 40)), calibration_of(matrix_site((24, 40)), *EVERYTHING)
    both = encode(weight, site, 8, HALVES, known)
    for rows, half in ((slice(0, 12), 0), (slice(12, 24), 1)):
        smaller = matrix_site((12, 40))
        alone = encode(weight[rows], smaller, 8, TENSOR, calibration_of(smaller, *EVERYTHING))
        np.testing.assert_array_equal(both.dense[rows], alone.dense)
        assert both.tensors["f"].reshape(-1)[half] == alone.tensors["f"]


def test_some_channels_stand_for_all_unless_they_are_counted_off():
    assert Codebook({}).by_channel
    assert not Codebook({"granularity": ["tensor", "channel-group"]}).by_channel
