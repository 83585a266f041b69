import ml_dtypes
import numpy as np
import pytest

from tests.techniques.inputs import WEIGHTS, calibration, drawn, outputs, rows_of, site_of
from zoo_compress.core import Site
from zoo_compress.numerics.feedback import FeedbackFactor
from zoo_compress.numerics.scalar_quantizer import nearest_level, whole_numbers
from zoo_compress.techniques.repair import LARGEST_RATIO, better, fitted_ratios, rounded

every_weight = pytest.mark.parametrize("kind", WEIGHTS)


three_bits = whole_numbers(-4, 3)
without_zero = nearest_level(np.arange(-9.5, 10))


def steps(site, weight) -> np.ndarray:
    """Return one step size for each output, broadcastable to the weight; every other negative."""
    axes = tuple(axis for axis in range(weight.ndim) if axis != site.channel_axis)
    found = np.abs(weight).max(axis=axes, keepdims=True) / 4
    signs = 1 - 2 * (np.arange(found.size, dtype=np.float32) % 2)
    return found * signs.reshape(found.shape)


def known_of(kind, *repair, **options):
    site = site_of(kind, **options)
    return site, calibration(site, rows_of(site), *repair)


@every_weight
@pytest.mark.parametrize("repair", [None, (), ("scale-refit", "bias-correction")])
def test_without_feedback_each_weight_has_its_nearest_level(kind, repair):
    site, known = known_of(kind, *(repair or ()), bias="b")
    weight = drawn(*site.shape)
    scale = steps(site, weight)
    known = None if repair is None else known
    found = rounded(weight, known, scale=scale, quantizer=three_bits)
    assert (found.shape, found.dtype) == (weight.shape, np.float32)
    np.testing.assert_allclose(found, three_bits(weight / scale) * scale, rtol=1e-6)


@every_weight
@pytest.mark.parametrize("corrected", [False, True])
def test_feedback_makes_the_outputs_change_less(kind, corrected):
    repair = ("error-feedback", *(["bias-correction"] if corrected else []))
    site, known = known_of(kind, *repair, bias="b")
    weight = drawn(*site.shape)
    scale = steps(site, weight)
    plain = rounded(weight, None, scale=scale, quantizer=three_bits)
    found = rounded(weight, known, scale=scale, quantizer=three_bits)
    assert known.output_error(weight, found) < 0.9 * known.output_error(weight, plain)
    levels = np.rint(found / scale)
    np.testing.assert_allclose(found, levels * scale, rtol=1e-6)
    assert levels.min() >= -4
    assert levels.max() <= 3


# With these weights and inputs, feedback changes the outputs 1.03 to 2.5 times as much.
@pytest.mark.parametrize("seed", [3, 5, 12, 32, 35, 45, 47, 51])
def test_nearest_levels_are_kept_where_feedback_makes_the_outputs_change_more(seed):
    site = Site(name="w", shape=(2, 8), dtype="float32", channel_axis=0, readers=())
    rng = np.random.default_rng(seed)
    independent = rng.standard_normal((1, 200, 8))
    mixing = np.eye(8) + 0.3 * rng.standard_normal((8, 8))
    rows = (independent @ mixing).astype(np.float32)
    weight = drawn(*site.shape, seed=seed)
    found, plain = (
        rounded(weight, known, scale=np.abs(steps(site, weight)), quantizer=three_bits)
        for known in (calibration(site, rows, "error-feedback"), None)
    )
    known = calibration(site, rows, "error-feedback")
    errors = [known.channel_errors(weight, dense) for dense in (found, plain)]
    assert (errors[0] <= errors[1]).all()
    # In one of the two channels, at least, feedback alone would do worse.
    same = (found == plain).all(axis=1)
    assert same.any()
    assert (errors[0] < errors[1])[~same].all()


def long_rows(monkeypatch):
    """Return weights of 40 outputs with 128 inputs that are much alike, and what these are.

    The last thing returned takes up how many outputs are compared, time after time.
    """
    site = Site(name="w", shape=(40, 128), dtype="float32", channel_axis=0, readers=())
    rng = np.random.default_rng(0)
    common = rng.standard_normal((1, 500, 1))
    inputs = (common + 0.1 * rng.standard_normal((1, 500, 128))).astype(np.float32)
    compared = []
    errors = FeedbackFactor.errors
    monkeypatch.setattr(
        FeedbackFactor, "errors", lambda f, c: (compared.append(c.shape[1]), errors(f, c))[1]
    )
    return drawn(*site.shape), calibration(site, inputs, "error-feedback"), compared


def test_of_long_rows_all_are_compared_if_feedback_makes_one_of_a_few_worse(monkeypatch):
    weight, known, compared = long_rows(monkeypatch)
    # Two levels leave little to make up with: feedback triples the errors of one output.
    ones, levels = np.ones((40, 1), np.float32), nearest_level(np.array([-1, 1]))
    found = rounded(weight, known, scale=ones, quantizer=levels)
    assert compared == [14, 40]
    plain = rounded(weight, None, scale=ones, quantizer=levels)
    assert (found == plain).all(axis=1).any()
    damped = [known.factor.errors(known.rows(dense - weight))[0] for dense in (found, plain)]
    assert (damped[0] <= damped[1] * (1 + 1e-5)).all()
    assert (damped[0] < 0.9 * damped[1]).mean() > 0.7


def test_of_long_rows_few_are_compared_if_feedback_makes_those_better(monkeypatch):
    weight, known, compared = long_rows(monkeypatch)
    scale = np.full((40, 1), np.abs(weight).max() / 10, np.float32)
    found = rounded(weight, known, scale=scale, quantizer=whole_numbers(-15, 15))
    assert compared == [14]
    plain = rounded(weight, None, scale=scale, quantizer=whole_numbers(-15, 15))
    assert known.output_error(weight, found) < 0.7 * known.output_error(weight, plain)


@every_weight
@pytest.mark.parametrize("repair", [(), ("error-feedback",)])
def test_masked_weights_are_zero_and_the_others_are_not(kind, repair):
    site, known = known_of(kind, *repair)
    weight, mask = drawn(*site.shape), drawn(*site.shape, seed=3) > 0
    found = rounded(weight, known, scale=np.float32(0.2), quantizer=without_zero, mask=mask)
    np.testing.assert_array_equal(found != 0, mask)


@every_weight
@pytest.mark.parametrize("repair", [(), ("error-feedback",)])
def test_a_scale_of_zero_gives_zeros(kind, repair):
    site, known = known_of(kind, *repair)
    weight = drawn(*site.shape)
    scale = steps(site, weight)
    scale.flat[1] = 0
    found = rounded(weight, known, scale=scale, quantizer=without_zero)
    zero = np.broadcast_to(scale == 0, site.shape)
    np.testing.assert_array_equal(found == 0, zero)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_weights_of_every_type_are_rounded_in_float32(dtype):
    site, known = known_of("kernel", "error-feedback")
    weight = drawn(*site.shape).astype(dtype)
    scale = np.float16(0.25)
    found = rounded(weight, known, scale=scale, quantizer=three_bits)
    expected = rounded(weight.astype(np.float32), known, scale=scale, quantizer=three_bits)
    np.testing.assert_array_equal(found, expected, strict=True)
    assert found.dtype == np.float32


@pytest.mark.parametrize("repair", [(), ("error-feedback",)])
def test_weights_of_subnormal_scales_are_rounded(repair):
    site, known = known_of("matrix", *repair)
    weight = drawn(*site.shape) * np.float32(1e-38)
    found = rounded(weight, known, scale=np.float32(1e-39), quantizer=whole_numbers(-99, 99))
    assert np.isfinite(found).all()


def test_the_encoding_that_changes_the_outputs_less_is_the_better_one():
    site, known = known_of("matrix")
    weight = drawn(*site.shape)
    near, far = (weight + np.float32(change) for change in (0.01, 0.1))
    assert better(weight, near, far, known) is near
    assert better(weight, far, near, known) is near
    assert better(weight, near, np.full_like(near, np.nan), known) is near
    assert better(weight, np.full_like(near, np.nan), near, known) is near


def test_of_two_encodings_as_good_the_first_stays():
    site, known = known_of("matrix")
    weight = drawn(*site.shape)
    one, other = weight + 1, weight + 1
    assert better(weight, one, other, known) is one


@every_weight
@pytest.mark.parametrize("corrected", [False, True])
def test_ratios_are_the_least_squares_fit_to_the_outputs(kind, corrected):
    site = site_of(kind, bias="b")
    rows = rows_of(site)
    known = calibration(site, rows, *(["bias-correction"] if corrected else []))
    weight = drawn(*site.shape)
    dense = (1.2 * weight + 0.05 * drawn(*site.shape, seed=9)).astype(np.float32)
    y, q = (outputs(site, w, rows) for w in (weight, dense))
    if corrected:
        y, q = y - y.mean(axis=1, keepdims=True), q - q.mean(axis=1, keepdims=True)
    expected = ((y * q).sum(axis=1) / np.square(q).sum(axis=1)).reshape(-1)
    found = fitted_ratios(weight, dense, known)
    assert (found.shape, found.dtype) == ((site.shape[site.channel_axis],), np.float32)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_ratios_stay_within_a_factor_of_two():
    site, known = known_of("matrix")
    weight = drawn(*site.shape)
    assert (fitted_ratios(weight, weight / 5, known) == LARGEST_RATIO).all()
    assert (fitted_ratios(weight, weight * 5, known) == 1 / LARGEST_RATIO).all()
    assert (fitted_ratios(weight, -weight, known) == 1 / LARGEST_RATIO).all()


def test_the_ratio_of_zeros_is_one():
    site, known = known_of("transposed")
    weight = drawn(*site.shape)
    dense = weight / np.float32(1.5)
    dense[:, 4] = 0
    found = fitted_ratios(weight, dense, known)
    assert found[4] == 1
    np.testing.assert_allclose(np.delete(found, 4), 1.5, rtol=1e-5)


def test_ratios_are_one_where_inputs_are_always_zero():
    site = site_of("matrix")
    known = calibration(site, np.zeros((1, 10, 20), np.float32))
    assert (fitted_ratios(drawn(*site.shape), drawn(*site.shape, seed=1), known) == 1).all()
