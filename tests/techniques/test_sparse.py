import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydantic import ValidationError

from tests.techniques.decoded import (
    GATHER,
    assert_decodes_exactly,
    calibration_of,
    decoded,
    drawn,
    matrix_site,
)
from zoo_compress.core import Option
from zoo_compress.numerics.prune import kept_count
from zoo_compress.techniques.sparse import Sparse

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float64": np.float64}
VALUES = {
    "float16": {"values": "float16"},
    "codes": {"values": "codes", "bits": 8},
    "few codes": {"values": "codes", "bits": 3},
    "codebook": {"values": "codebook", "entries": 16},
    "few centres": {"values": "codebook", "entries": 3},
}
EVERYTHING = ("error-feedback", "scale-refit", "bias-correction")
every_kind_of_values = pytest.mark.parametrize("values", VALUES)


def encode(weight, site, density, values, calibration=None):
    chosen = {"density": density} | VALUES[values]
    option = Option(technique="sparse", settings=chosen, stored_bytes=0)
    return Sparse({}).encode(weight, site, option, calibration)


@pytest.fixture
def assert_decodes(load, optimized):
    def check(model, density, values):
        found = decoded(model, Sparse({}), {"density": density} | VALUES[values])
        assert_decodes_exactly(found, load, optimized)

    return check


@every_kind_of_values
@pytest.mark.parametrize("density", [0.001, 0.15, 0.75, 0.999])
def test_every_density_decodes_exactly(density, values, make_model, assert_decodes):
    assert_decodes(make_model(GATHER, {"w": drawn((11, 13))}), density, values)


@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 3)),
    axis=st.integers(0, 2),
    density=st.floats(0.01, 0.99),
    data=st.data(),
)
@settings(max_examples=60)
def test_the_largest_weights_are_kept_to_float16(shape, axis, density, data):
    whole = data.draw(arrays(np.int32, shape, elements=st.integers(-99, 99)))
    weight = whole.astype(np.float32) / 7
    encoded = encode(weight, matrix_site(shape, channel_axis=axis), density, "float16")
    kept = kept_count(weight.size, density)
    smallest_kept = np.sort(np.abs(weight), axis=None)[weight.size - kept]
    surely = np.abs(weight) > smallest_kept
    np.testing.assert_allclose(encoded.dense[surely], weight[surely], rtol=2**-11)
    assert encoded.tensors["v"].shape == (kept,)
    assert not encoded.dense[np.abs(weight) < smallest_kept].any()


@pytest.mark.parametrize("values", ["codes", "codebook"])
@pytest.mark.parametrize("axis", [0, 1])
def test_values_are_rounded_with_a_step_for_each_channel(values, axis):
    factors = np.float32(2) ** -np.arange(16).reshape((16, 1) if axis == 0 else (1, 16))
    weight = drawn((16, 16)) * factors
    encoded = encode(weight, matrix_site((16, 16), channel_axis=axis), 0.999, values)
    error = np.square(encoded.dense - weight).sum(axis=1 - axis)
    assert encoded.tensors["d"].size == 16
    assert (error < 0.03 * np.square(weight).sum(axis=1 - axis)).all()


@pytest.mark.parametrize(("fine", "coarse"), [("codes", "few codes"), ("codebook", "few centres")])
def test_more_levels_and_more_weights_leave_less_error(fine, coarse):
    weight, site = drawn((48, 64)), matrix_site()
    errors = [
        np.square(encode(weight, site, density, values).dense - weight).sum()
        for density, values in ((0.75, fine), (0.5, fine), (0.25, fine), (0.25, coarse))
    ]
    assert errors == sorted(errors)
    assert len(set(errors)) == 4


@every_kind_of_values
@pytest.mark.parametrize(
    ("shape", "axis", "groups"),
    [((24, 40), 0, 1), ((40, 24), 1, 1), ((12, 8, 3, 3), 0, 1), ((12, 2, 3, 3), 0, 4)],
)
def test_knowing_the_inputs_and_each_repair_lower_the_error_of_the_outputs(
    shape, axis, groups, values
):
    site = matrix_site(shape, channel_axis=axis, groups=groups)
    weight, judge = drawn(shape), calibration_of(site)
    repairs = ((), EVERYTHING[:1], EVERYTHING[:2])
    known = [None, *(calibration_of(site, *repair) for repair in repairs)]
    dense = [encode(weight, site, 0.35, values, one).dense for one in known]
    errors = [judge.output_error(weight, one) for one in dense]
    assert errors[1:] == sorted(errors[1:], reverse=True)
    assert errors[1] > errors[2]
    if values != "few centres":  # other weights, of other values, may be harder to round
        assert errors[0] > errors[1]
    assert all(np.count_nonzero(one) <= kept_count(weight.size, 0.35) for one in dense)


def test_weights_that_read_larger_inputs_are_kept_first():
    site = matrix_site((8, 16))
    judge = calibration_of(site)
    power = np.diagonal(judge.moments.gram[0])
    kept = encode(np.ones((8, 16), np.float32), site, 0.5, "float16", judge).dense.any(axis=0)
    assert np.count_nonzero(kept) == 8
    assert power[kept].min() >= power[~kept].max()


def test_by_default_five_densities_are_offered_with_two_kinds_of_values():
    offered = [dict(option.settings) for option in Sparse({}).options(matrix_site((640, 48)))]
    densities = (0.75, 0.5, 0.35, 0.25, 0.15)
    expected = [{"density": d, "values": "codes", "bits": 8} for d in densities]
    expected += [{"density": d, "values": "codebook", "entries": 16} for d in densities]
    assert len(offered) == len(expected)
    assert all(settings in offered for settings in expected)


def test_the_recipe_chooses_densities_and_values():
    recipe = {"density": [0.1], "values": ["codebook", "float16"], "entries": [4, 30]}
    offered = Sparse(recipe).options(matrix_site((640, 48)))
    assert [option.label for option in offered] == [
        "sparse density=0.1 values=float16",
        "sparse density=0.1 values=codebook entries=30",
        "sparse density=0.1 values=codebook entries=4",
    ]


def test_a_weight_too_small_to_gain_is_declined_with_its_size():
    assert Sparse({}).options(matrix_site((8, 8))) == []
    reason = Sparse({}).decline(matrix_site((8, 8)))
    assert reason == "256 bytes: a mask, values and their decode nodes take no less"
    assert Sparse({}).decline(matrix_site((64, 64))) is None


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"density": [0]}, r"density.0\n  Input should be greater than 0"),
        ({"density": [1]}, r"density.0\n  Input should be less than 1"),
        ({"density": []}, r"density\n  Tuple should have at least 1 item"),
        ({"values": ["int8"]}, r"values.0\n  Input should be 'float16', 'codes' or 'codebook'"),
        ({"bits": [9]}, r"bits.0\n  Input should be 2, 3, 4, 5, 6, 7 or 8"),
        ({"entries": [1]}, r"entries.0\n  Input should be greater than or equal to 2"),
        ({"share": [0.5]}, r"share\n  Extra inputs are not permitted"),
    ],
)
def test_settings_out_of_range_are_named(recipe, message):
    with pytest.raises(ValidationError, match=message):
        Sparse(recipe)
