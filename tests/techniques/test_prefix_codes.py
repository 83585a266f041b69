import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.techniques.decoded import (
    assert_decodes_exactly,
    calibration_of,
    decoded,
    drawn,
    matrix_site,
)
from zoo_compress.core import Option
from zoo_compress.graph.function import FEWEST_MODEL_BYTES
from zoo_compress.numerics.prune import kept_count
from zoo_compress.techniques.codebook import Codebook
from zoo_compress.techniques.prefix_codes import PrefixCodes

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float64": np.float64}
CODES = {
    "2 and 4 bits": {"short": 2, "long": 4, "share": 0.25},
    "3 and 6 bits": {"short": 3, "long": 6, "share": 0.1},
    "1 and 8 bits": {"short": 1, "long": 8, "share": 0.5},
    "7 and 14 bits": {"short": 7, "long": 14, "share": 0.01},
}
every_code = pytest.mark.parametrize("code", CODES)


def encode(weight, site, settings, calibration=None):
    option = Option(technique="prefix-codes", settings=settings, stored_bytes=0)
    return PrefixCodes({}).encode(weight, site, option, calibration)


@pytest.fixture
def assert_decodes(load, optimized):
    def check(model, code):
        assert_decodes_exactly(decoded(model, PrefixCodes({}), CODES[code]), load, optimized)

    return check


@pytest.mark.parametrize("code", ["2 and 4 bits", "3 and 6 bits"])
def test_steps_of_large_models_take_half_of_the_bytes_and_leave_hardly_more_error(code):
    weight, errors, sizes = drawn((64, 200)), [], []
    for model_bytes in (0, FEWEST_MODEL_BYTES):
        site = matrix_site((64, 200), model_bytes=model_bytes)
        found = encode(weight, site, CODES[code])
        errors.append(float(np.square(found.dense - weight).sum()))
        sizes.append(found.tensors["d"].nbytes)
    assert sizes == [128, 64]
    assert errors[1] < 1.01 * errors[0]


@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    axis=st.integers(0, 1),
    share=st.floats(0.02, 0.9),
    repaired=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60)
def test_no_more_weights_have_long_codes_than_the_file_holds(shape, axis, share, repaired, seed):
    weight, site = drawn(shape, seed=seed), matrix_site(shape, channel_axis=axis)
    known = calibration_of(site, "error-feedback") if repaired else None
    found = encode(weight, site, {"short": 2, "long": 4, "share": share}, known)
    codes = found.tensors["c2"].reshape(-1, 1) >> np.arange(0, 8, 2, dtype=np.uint8) & 3
    assert np.count_nonzero(codes.reshape(-1)[: weight.size] == 3) <= kept_count(
        weight.size, share
    )
    assert np.isfinite(found.dense).all()


@pytest.mark.parametrize("repair", [(), ("error-feedback",)])
def test_outputs_change_less_than_with_codebooks_of_as_many_bits(repair):
    site = matrix_site((96, 128), channel_axis=0)
    weight, known = drawn(site.shape), calibration_of(site, *repair)
    fixed = []
    for entries in (8, 16):
        chosen = {"entries": entries, "granularity": "tensor"}
        option = Option(technique="codebook", settings=chosen, stored_bytes=0)
        dense = Codebook({}).encode(weight, site, option, known).dense
        fixed.append(known.output_error(weight, dense))
    mixed = encode(weight, site, {"short": 3, "long": 6, "share": 0.15}, known)
    interpolated = np.exp(np.interp(3.45, [3, 4], np.log(fixed)))
    assert known.output_error(weight, mixed.dense) < interpolated / 1.1


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"codes": [{"short": 3, "long": 3, "share": 0.1}]}, "1 to 7 bits more"),
        ({"codes": [{"short": 3, "long": 11, "share": 0.1}]}, "1 to 7 bits more"),
        ({"codes": [{"short": 0, "long": 3, "share": 0.1}]}, "greater than or equal to 1"),
        ({"codes": [{"short": 3, "long": 6, "share": 1.0}]}, "less than 1"),
        ({"codes": []}, "at least 1 item"),
        ({"bits": [3]}, "not permitted"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_allowed(settings, word):
    with pytest.raises(ValidationError, match=word):
        PrefixCodes(settings)


def test_tiny_weights_are_declined_with_their_size():
    reason = PrefixCodes({}).decline(matrix_site((8, 8)))
    assert reason == "256 bytes: codes, levels and their decode nodes take no less"
