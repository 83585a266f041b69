import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.techniques.decoded import calibration_of, drawn, matrix_site
from zoo_compress.core import Option
from zoo_compress.graph.rice_codes import QUOTIENTS, REMAINDERS
from zoo_compress.techniques.codebook import Codebook
from zoo_compress.techniques.prefix_codes import PrefixCodes
from zoo_compress.techniques.trellis_codes import DEFAULT_BITS, TrellisCodes
from zoo_compress.techniques.trellis_fit import ENOUGH, TrellisFit
from zoo_compress.techniques.trellis_layout import TrellisLayout

ANY_MODEL = {"smallest_model_bytes": 0}


def encoded(technique, weight, site, known, **chosen):
    option = Option(technique=technique.name, settings=chosen, stored_bytes=0)
    return technique({}).encode(weight, site, option, known).dense


def error(technique, weight, site, known, **chosen):
    return known.output_error(weight, encoded(technique, weight, site, known, **chosen))


@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 40)),
    axis=st.integers(0, 1),
    bits=st.floats(1.5, 5),
    repaired=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_numbers_take_no_more_bits_than_the_file_holds(shape, axis, bits, repaired, seed):
    weight, site = drawn(shape, seed=seed), matrix_site(shape, channel_axis=axis)
    layout = TrellisLayout(site, bits)
    known = calibration_of(site, "error-feedback") if repaired else None
    option = Option(technique="trellis-codes", settings={"bits": bits}, stored_bytes=0)
    if not layout.fits:
        with pytest.raises(ValueError, match="have no codes of"):
            TrellisCodes({}).encode(weight, site, option, known)
        return
    found = TrellisCodes({}).encode(weight, site, option, known)
    assert np.isfinite(found.dense).all()
    stored = sum(found.tensors[role].nbytes for role in (QUOTIENTS, REMAINDERS))
    assert 8 * stored <= bits * site.elements


@pytest.mark.parametrize("repair", [(), ("error-feedback",)])
@pytest.mark.parametrize("bits", DEFAULT_BITS)
def test_of_large_weights_nearly_all_bits_are_used(bits, repair):
    site = matrix_site((96, 128))
    layout, known = TrellisLayout(site, bits), calibration_of(site, *repair)
    found = TrellisFit(drawn(site.shape) / 5, layout, known).best()
    assert ENOUGH - 0.02 <= found.bits / (8 * layout.room) <= 1


PREFIX_CODES = [(4, 8, 0.1), (3, 6, 0.15), (2, 4, 0.25), (2, 4, 0.15)]


@pytest.mark.parametrize(("short", "long", "share"), PREFIX_CODES)
def test_weights_and_outputs_change_less_than_with_prefix_codes_of_as_many_bits(
    short, long, share
):
    site, bits = matrix_site((96, 128)), short + share * (long - short)
    weight, known = drawn(site.shape), calibration_of(site, "error-feedback")
    chosen = {"short": short, "long": long, "share": share}
    one = encoded(TrellisCodes, weight, site, None, bits=bits)
    other = encoded(PrefixCodes, weight, site, None, **chosen)
    assert np.square(one - weight).sum() < 0.96 * np.square(other - weight).sum()
    repaired = error(TrellisCodes, weight, site, known, bits=bits)
    assert repaired < 0.75 * error(PrefixCodes, weight, site, known, **chosen)


def test_outputs_change_less_than_with_codebooks_where_channels_are_unlike():
    site = matrix_site((96, 128), channel_axis=1)
    weight = drawn(site.shape) * np.geomspace(1, 8, 128, dtype=np.float32)
    known = calibration_of(site, "error-feedback")
    other = error(Codebook, weight, site, known, entries=16, granularity="tensor")
    assert error(TrellisCodes, weight, site, known, bits=4.0) < 0.6 * other


def test_error_feedback_lowers_the_error_of_the_outputs():
    site = matrix_site((48, 96))
    weight = drawn(site.shape)
    plain, repaired = (
        error(TrellisCodes, weight, site, calibration_of(site, *repair), bits=2.6)
        for repair in ((), ("error-feedback",))
    )
    assert repaired < 0.8 * plain


@pytest.mark.parametrize("axis", [0, 1])
def test_an_outlier_keeps_its_size(axis):
    site, weight = matrix_site((256, 320), channel_axis=axis), drawn((256, 320)) / 100
    weight[3, 5] = 0.3
    option = Option(technique="trellis-codes", settings={"bits": 2.9}, stored_bytes=0)
    for known in (None, calibration_of(site, "error-feedback")):
        found = TrellisCodes({}).encode(weight, site, option, known)
        assert found.dense[3, 5] == pytest.approx(0.3, abs=0.01)


def test_more_bits_take_more_bytes_and_leave_less_error():
    site = matrix_site((64, 96))
    weight, known = drawn(site.shape), calibration_of(site, "error-feedback")
    offered = TrellisCodes(ANY_MODEL).options(site)
    assert [option.settings["bits"] for option in offered] == list(DEFAULT_BITS)
    sizes = [option.stored_bytes for option in offered]
    assert sizes == sorted(set(sizes), reverse=True)
    errors = [error(TrellisCodes, weight, site, known, **option.settings) for option in offered]
    assert errors == sorted(errors)


def test_weights_on_both_sides_of_their_axis_are_declined():
    site = matrix_site((8, 16, 3, 3), channel_axis=1)
    assert TrellisCodes(ANY_MODEL).options(site) == []
    reason = TrellisCodes(ANY_MODEL).decline(site)
    assert reason == "the weights of an output lie on both sides of the axis of outputs"


def test_small_models_are_declined_with_their_size():
    site = matrix_site((640, 480), model_bytes=1_228_800)
    assert TrellisCodes({}).options(site) == []
    reason = TrellisCodes({}).decline(site)
    assert reason == "a model of 1228800 bytes: the function that decodes takes too many"
    assert TrellisCodes({}).options(matrix_site((640, 480), model_bytes=1 << 24))


def test_models_in_an_early_operator_set_are_declined_with_it():
    site = matrix_site((640, 480), opset=17, model_bytes=1 << 24)
    assert TrellisCodes({}).options(site) == []
    reason = TrellisCodes({}).decline(site)
    assert reason == "decoding takes operator set 18, the model uses 17"


def test_numbers_far_from_normal_keep_to_the_room_for_quotients():
    site, rng = matrix_site((64, 2)), np.random.default_rng(0)
    # Half of the weights of a column are far out, so that no code suits all.
    weight = rng.standard_normal((64, 2)).astype(np.float32)
    weight[::2] *= 40
    layout = TrellisLayout(site, 5.0)
    found = TrellisFit(weight / 200, layout, None).best()
    quotients = (found.symbols >> found.choice).sum() + found.symbols.size
    assert quotients <= 8 * layout.quotient_room


def test_tiny_weights_are_declined_with_their_size():
    reason = TrellisCodes(ANY_MODEL).decline(matrix_site((4, 8)))
    assert reason == "128 bytes: codes, steps and their decode nodes take no less"


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"bits": [1.4]}, "greater than or equal to 1.5"),
        ({"bits": [5.5]}, "less than or equal to 5"),
        ({"bits": []}, "at least 1 item"),
        ({"entries": [4]}, "not permitted"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_allowed(recipe, message):
    with pytest.raises(ValidationError, match=message):
        TrellisCodes(recipe)
