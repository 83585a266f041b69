import ml_dtypes
import numpy as np
import pytest

from tests.techniques.inputs import WEIGHTS, calibration, drawn, outputs, rows_of, site_of
from zoo_compress.numerics import moments
from zoo_compress.numerics.moments import InputMoments
from zoo_compress.techniques.calibration import Calibration

every_weight = pytest.mark.parametrize("kind", WEIGHTS)


def both(kind, *repair, bias=None):
    site = site_of(kind, bias=bias)
    rows = rows_of(site)
    return site, rows, calibration(site, rows, *repair)


def changed(weight, *, seed=5) -> np.ndarray:
    return weight + np.float32(0.1) * drawn(*weight.shape, seed=seed)


@pytest.mark.parametrize(
    ("flag", "repair"),
    [
        ("feedback", "error-feedback"),
        ("refit", "scale-refit"),
        ("fits_factors", "factor-refit"),
        ("corrects_bias", "bias-correction"),
    ],
)
def test_each_repair_is_allowed_by_its_name_alone(flag, repair):
    everything = {"error-feedback", "scale-refit", "factor-refit", "bias-correction"}
    site = site_of(bias="b")
    rows = rows_of(site)
    assert getattr(calibration(site, rows, repair), flag)
    assert not getattr(calibration(site, rows, *(everything - {repair})), flag)


def test_a_site_without_a_bias_has_none_to_correct():
    _, _, known = both("matrix", "bias-correction")
    assert not known.corrects_bias


@every_weight
def test_the_error_is_the_power_of_the_change_as_a_share_of_the_outputs(kind):
    site, rows, known = both(kind)
    weight = drawn(*site.shape)
    before, after = (outputs(site, w, rows) for w in (weight, changed(weight)))
    expected = np.square(after - before).sum() / np.square(before).sum()
    assert known.output_error(weight, changed(weight)) == pytest.approx(expected, rel=1e-4)


@every_weight
def test_what_the_bias_takes_back_is_no_error(kind):
    site, rows, known = both(kind, "bias-correction", bias="b")
    weight = drawn(*site.shape)
    before, after = (outputs(site, w, rows) for w in (weight, changed(weight)))
    change = after - before
    change -= change.mean(axis=1, keepdims=True)
    expected = np.square(change).sum() / np.square(before).sum()
    assert known.output_error(weight, changed(weight)) == pytest.approx(expected, rel=1e-4)


@every_weight
def test_the_mean_error_is_what_the_change_adds_to_the_mean_output(kind):
    site, rows, known = both(kind)
    weight = drawn(*site.shape)
    before, after = (outputs(site, w, rows) for w in (weight, changed(weight)))
    expected = (after - before).mean(axis=1).reshape(-1)
    found = known.mean_error(weight, changed(weight))
    assert found.shape == (site.shape[site.channel_axis],)
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(before).max())


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_weights_of_every_type_are_compared(dtype):
    site, _, known = both("kernel")
    weight, dense = (w.astype(dtype) for w in (drawn(*site.shape), changed(drawn(*site.shape))))
    wide = [w.astype(np.float32) for w in (weight, dense)]
    assert known.output_error(weight, dense) == pytest.approx(known.output_error(*wide))
    np.testing.assert_allclose(known.mean_error(weight, dense), known.mean_error(*wide))


@pytest.mark.parametrize("repair", [(), ("bias-correction",)])
def test_the_same_weights_have_no_error(repair):
    site, _, known = both("matrix", *repair, bias="b")
    assert known.output_error(drawn(*site.shape), drawn(*site.shape)) == 0
    assert not known.mean_error(drawn(*site.shape), drawn(*site.shape)).any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_have_an_infinite_error(value):
    site, _, known = both("matrix")
    dense = drawn(*site.shape)
    dense[3, 4] = value
    assert known.output_error(drawn(*site.shape), dense) == np.inf


def test_outputs_that_were_zero_and_are_no_longer_have_an_infinite_error():
    site, _, known = both("matrix")
    zeros = np.zeros(site.shape, np.float32)
    assert known.output_error(zeros, drawn(*site.shape)) == np.inf
    assert known.output_error(zeros, zeros) == 0


def test_changes_that_inputs_do_not_reach_are_no_error():
    site = site_of("matrix")
    rows = rows_of(site)
    rows[:, :, 7] = 0
    weight = drawn(*site.shape)
    dense = weight.copy()
    dense[:, 7] += 5
    assert calibration(site, rows).output_error(weight, dense) == 0


@every_weight
@pytest.mark.parametrize("corrected", [False, True])
def test_importance_is_the_power_of_the_input_of_each_weight(kind, corrected):
    site, rows, known = both(kind, *(["bias-correction"] if corrected else []), bias="b")
    found = known.importance
    assert (found.shape, found.dtype) == (site.shape, np.float32)
    assert float(found.mean()) == pytest.approx(1, rel=1e-5)
    power = rows.var(axis=1) if corrected else np.square(rows).mean(axis=1)
    expected = np.broadcast_to(power[:, None], known.rows(found).shape)
    ratio = known.rows(found) / expected
    np.testing.assert_allclose(ratio, ratio.flat[0], rtol=1e-4)


def test_inputs_that_are_always_zero_keep_a_little_importance():
    site = site_of("kernel")
    rows = rows_of(site)
    rows[:, :, 3] = 0
    found = calibration(site, rows).importance
    assert found.min() == np.float32(1e-6)
    np.testing.assert_array_equal(found.reshape(8, -1)[:, 3], np.float32(1e-6))


@pytest.mark.parametrize("repair", [(), ("bias-correction",)])
def test_weights_matter_alike_where_inputs_do_not_vary(repair):
    site = site_of("groups", bias="b")
    rows = np.full((3, 50, 12), 0.0 if repair == () else 2.5, np.float32)
    np.testing.assert_array_equal(calibration(site, rows, *repair).importance, 1)


@every_weight
def test_arrays_in_the_shape_of_the_weight_become_rows_and_come_back(kind):
    site, rows, known = both(kind)
    weight = drawn(*site.shape)
    found = known.rows(weight)
    assert found.shape[0] == site.groups
    assert found.shape[2] == rows.shape[2]
    np.testing.assert_array_equal(known.from_rows(found), weight, strict=True)


@pytest.mark.parametrize("corrected", [False, True])
def test_rounding_uses_what_the_error_is_measured_with(corrected):
    site = site_of(bias="b")
    mean, covariance = np.ones((1, 20), "f"), np.eye(20, dtype="f")[None]
    moments = InputMoments(mean=mean, covariance=covariance)
    repair = frozenset({"bias-correction"} if corrected else ())
    known = Calibration(site=site, moments=moments, repair=repair)
    assert known.weighting is (moments.covariance if corrected else moments.gram)
    assert known.factor is (moments.covariance_factor if corrected else moments.gram_factor)


@pytest.mark.parametrize("repair", ["error-feedback", "bias-correction"])
def test_what_feedback_needs_can_be_found_beforehand(repair, monkeypatch):
    found = []
    find = moments.feedback_factor
    monkeypatch.setattr(
        moments, "feedback_factor", lambda *a, **k: (found.append(a), find(*a, **k))[1]
    )
    site = site_of("matrix")
    known = calibration(site, rows_of(site), repair)
    known.prepare()
    assert len(found) == (repair == "error-feedback")
    if found:
        assert known.factor is known.factor
        assert len(found) == 1
