from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.activation_grid import activation_grid, grid_between
from zoo_compress.numerics.histogram import HistogramSums

METHODS = ["min-max", "percentile", "mse", "mean-power", "entropy"]


def histogram_of(values):
    sums = HistogramSums()
    sums.add(np.asarray(values, np.float32), most=1 << 20)
    return sums.histogram()


@given(st.floats(-1e4, 0, width=32), st.floats(0, 1e4, width=32))
def test_between_the_bounds_no_number_is_further_from_a_level_than_its_step(low, high):
    grid = grid_between(low, high)
    values = np.linspace(low, high, 101)
    # Half a step for rounding, half for the level that stands for 0 being rounded itself.
    assert np.abs(grid.rounded(values) - values).max() <= 1.001 * grid.scale
    assert grid.rounded(np.zeros(1))[0] == 0
    assert 0 <= grid.zero <= 255


@given(st.floats(-1e4, 0, width=32), st.floats(0, 1e4, width=32))
def test_symmetric_levels_are_within_half_a_step(low, high):
    grid = grid_between(low, high, symmetric=True)
    values = np.linspace(low, high, 101)
    assert np.abs(grid.rounded(values) - values).max() <= 0.501 * grid.scale
    assert (grid.zero, grid.least) == (0, -128)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("values", [[0.0, 0.0], [3.0], [-2.0, -1.0], [1e-30, 2e-30]])
def test_degenerate_tensors_get_a_step_above_0(method, values):
    for symmetric in (False, True):
        grid = activation_grid(histogram_of(values), method, symmetric=symmetric)
        assert grid.scale > 0
        assert np.isfinite(grid.rounded(np.array(values))).all()


def test_min_max_reaches_both_ends():
    grid = activation_grid(histogram_of([-1.0, 0.5, 3.0]), "min-max")
    assert grid.rounded(np.array([-10.0]))[0] == pytest.approx(-1, abs=float(grid.scale))
    assert grid.rounded(np.array([10.0]))[0] == pytest.approx(3, abs=float(grid.scale))


@pytest.mark.parametrize("method", ["percentile", "entropy"])
def test_a_lone_outlier_is_cut_off(method):
    values = np.random.default_rng(0).standard_normal(100_000)
    values[0] = 1000
    grid = activation_grid(histogram_of(values), method)
    assert grid.rounded(np.array([1e4]))[0] < 500


def test_numbers_behind_a_relu_use_the_unsigned_levels_from_0():
    values = np.maximum(np.random.default_rng(0).standard_normal(100_000), 0)
    for method in METHODS:
        grid = activation_grid(histogram_of(values), method)
        assert grid.zero == 0
        assert 2 < grid.rounded(np.array([1e4]))[0] <= values.max() + grid.scale, method


@pytest.mark.parametrize("symmetric", [False, True])
def test_mse_leaves_no_more_error_than_other_methods(symmetric):
    rng = np.random.default_rng(0)
    for values in (rng.laplace(size=50_000), np.maximum(rng.standard_normal(50_000) ** 3, 0)):
        histogram = histogram_of(values)
        errors = {
            method: activation_grid(histogram, method, symmetric=symmetric).squared_error(
                histogram
            )
            for method in METHODS
        }
        assert errors["mse"] <= 1.01 * min(errors.values())


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_higher_power_of_errors_cuts_off_less(symmetric):
    histogram = histogram_of(np.random.default_rng(0).laplace(size=50_000))
    grids = {m: activation_grid(histogram, m, symmetric=symmetric) for m in METHODS}
    errors = {method: grid.mean_error(histogram, power=2.4) for method, grid in grids.items()}
    assert errors["mean-power"] <= 1.01 * min(errors.values())
    assert grids["mse"].scale < grids["mean-power"].scale <= grids["min-max"].scale


def test_the_error_of_a_histogram_is_that_of_its_numbers():
    values = np.random.default_rng(0).standard_normal(100_000)
    histogram = histogram_of(values)
    grid = activation_grid(histogram, "min-max")
    error = np.square(grid.rounded(values) - values).mean()
    assert grid.squared_error(histogram) == pytest.approx(error, rel=0.05)
    cubes = (np.abs(grid.rounded(values) - values) ** 3).mean()
    assert grid.mean_error(histogram, power=3) == pytest.approx(cubes, rel=0.05)
