import numpy as np
import pytest

from zoo_compress.numerics.kmeans import BINS
from zoo_compress.numerics.scalar_quantizer import nearest_level, whole_numbers
from zoo_compress.numerics.scaled_rows import ScaledRows


def normal(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


STEPS = np.float32([0.5, -2, 0, 1])


@pytest.mark.parametrize("weighted", [False, True])
def test_bins_hold_what_the_weights_in_range_count(weighted):
    W = normal(4, 500)
    importance = np.abs(normal(4, 500, seed=1)) if weighted else None
    found, count = ScaledRows(W, importance).histogram(STEPS, -1.5, 1.0)
    units = np.divide(W, STEPS[:, None], out=np.zeros_like(W), where=STEPS[:, None] != 0)
    inside = (units >= -1.5) & (units <= 1)
    shares = np.square(STEPS / 2)[:, None] * (
        np.ones_like(W) if importance is None else importance
    )
    assert count == np.count_nonzero(inside)
    assert found.weight.sum() == pytest.approx(shares[inside].sum(), rel=1e-5)
    assert found.moment.sum() == pytest.approx((shares * units)[inside].sum(), rel=1e-4)
    places = found.low + found.width * np.arange(BINS)
    used = found.weight > 0
    assert (found.means >= places[used] - 1e-6).all()
    assert (found.means <= places[used] + found.width + 1e-6).all()


def test_a_share_of_the_weights_lies_below_the_quantile():
    rows, step = ScaledRows(normal(8, 2000)), np.ones(8, np.float32)
    cut = rows.quantile(step, 0.9)
    assert np.mean(np.abs(rows.W) > cut) == pytest.approx(0.1, abs=0.002)


def test_weights_of_one_magnitude_stay_on_one_side_of_a_quantile():
    W = np.float32([[1, -1, 1, -1, 3, -3]])
    rows, step = ScaledRows(W), np.ones(1, np.float32)
    assert 1 <= rows.quantile(step, 0.5) < 3
    assert rows.quantile(step, 0.9) == 3
    assert ScaledRows(np.zeros((1, 4), np.float32)).quantile(step, 0.5) == 0


@pytest.mark.parametrize("weighted", [False, True])
def test_errors_are_those_of_the_levels_times_the_steps(weighted):
    W = normal(4, 300)
    importance = np.abs(normal(4, 300, seed=1)) if weighted else np.ones_like(W)
    rows = ScaledRows(W, importance if weighted else None)
    levels = whole_numbers(-3, 2)
    units = np.divide(W, STEPS[:, None], out=np.zeros_like(W), where=STEPS[:, None] != 0)
    expected = (importance * np.square(levels(units) * STEPS[:, None] - W)).sum(axis=1)
    usable = STEPS != 0
    np.testing.assert_allclose(rows.errors(STEPS, levels)[usable], expected[usable], rtol=1e-4)


def test_a_refitted_step_has_the_least_error_for_the_levels_of_its_row():
    rows, levels = ScaledRows(normal(3, 400)), nearest_level([-1.0, 0.2, 1.5])
    step = np.float32([0.8, 1, 1.2])
    found = rows.refitted(step, levels)
    chosen = levels(rows.W / step[:, None])
    for row in range(3):
        expected = (chosen[row] @ rows.W[row]) / (chosen[row] @ chosen[row])
        assert found[row] == pytest.approx(expected, rel=1e-4)
