import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_compress.numerics.compiled.levels import LANES
from zoo_compress.numerics.feedback import DAMPING, feedback_factor, round_with_feedback
from zoo_compress.numerics.scalar_quantizer import (
    ScalarQuantizer,
    nearest_level,
    whole_numbers,
)

# More columns than fit a block, and no whole number of blocks.
LONG = 150
SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 80))


def normal(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def correlated(groups, length, *, rows=None, seed=1) -> np.ndarray:
    """Return E x x^T of inputs of which few sources make up most, shape (G, K, K)."""
    rng = np.random.default_rng(seed)
    rows, sources = rows or 4 * length, max(length // 4, 1)
    mixed = rng.standard_normal((groups, rows, sources)) @ rng.standard_normal((sources, length))
    x = mixed + 0.3 * rng.standard_normal(mixed.shape)
    return x.swapaxes(1, 2) @ x / rows


def curve(function) -> ScalarQuantizer:
    """Return levels that follow a function closely, in the place of rounding."""
    places = np.linspace(-20, 20, 1 << 20, dtype=np.float32)
    return ScalarQuantizer(function(places), (places[1:] + places[:-1]) / 2)


four_bits, tanh = whole_numbers(-8, 7), curve(np.tanh)


def output_error(W, rounded, gram) -> float:
    change = (rounded - W).astype(np.float64)
    return float(((change @ gram) * change).sum())


def one_column_after_the_other(W, gram, nearest, scale) -> np.ndarray:
    """Round one matrix as the paper says, in float64, without blocks or a factor.

    After each column the others move to where the outputs change least, which takes the inverse
    of what is left of the damped Gram matrix.
    """
    damped = gram + DAMPING * np.diagonal(gram).mean() * np.eye(len(gram))
    left, rounded = np.float64(W), np.empty(W.shape)
    order = np.argsort(-np.diagonal(gram), kind="stable")
    for position, column in enumerate(order):
        rest = order[position:]
        inverse = np.linalg.inv(damped[np.ix_(rest, rest)])
        rounded[:, column] = nearest(left[:, column] / scale) * scale
        error = (left[:, column] - rounded[:, column]) / inverse[0, 0]
        left[:, rest] -= error[:, None] * inverse[0]
    return rounded


# A smooth map in the place of rounding: there a last digit cannot change which level is nearest.
@pytest.mark.parametrize("function", [np.tanh, lambda units: 0.9 * units], ids=["tanh", "linear"])
@pytest.mark.parametrize(
    ("rows", "length"), [(6, 1), (6, 2), (6, 64), (6, 65), (6, LONG), (LANES + 7, LONG)]
)
def test_blocks_and_the_factor_change_nothing_of_the_method(rows, length, function):
    W, gram, levels = normal(rows, length), correlated(1, length), curve(function)
    found = round_with_feedback(
        W[None], feedback_factor(gram), levels, scale=np.float32(0.5)
    ).rounded[0]
    expected = one_column_after_the_other(W, gram[0], function, 0.5)
    np.testing.assert_allclose(found, expected, atol=3e-4)


@pytest.mark.parametrize("length", [1, 65, LONG])
def test_errors_are_those_of_the_outputs_with_the_damped_matrix(length):
    W, gram = normal(2, 5, length), correlated(2, length)
    factor = feedback_factor(gram, damping=0.1)
    found = round_with_feedback(W, factor, four_bits, scale=np.float32(0.3))
    mean = np.diagonal(gram, axis1=1, axis2=2).mean(axis=1)[:, None, None]
    damped = gram / mean + 0.1 * np.eye(length)
    change = found.rounded - np.float64(W)
    expected = np.einsum("gok,gkl,gol->go", change, damped, change)
    np.testing.assert_allclose(found.errors, expected, rtol=2e-3)
    np.testing.assert_allclose(factor.errors(change), expected, rtol=2e-3)


def test_levels_are_those_of_the_method():
    W, gram = normal(6, LONG), correlated(1, LONG)
    factor = feedback_factor(gram)
    found = round_with_feedback(W[None], factor, four_bits, scale=np.float32(0.3)).rounded[0]
    expected = one_column_after_the_other(W, gram[0], four_bits, 0.3)
    # Where a weight lies midway between two levels, float32 may decide for the other one.
    assert np.mean(np.abs(found - expected) < 0.1) > 0.95
    np.testing.assert_allclose(
        output_error(W, found, gram[0]), output_error(W, expected, gram[0]), rtol=0.05
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rows", [40, 4 * LONG], ids=["fewer inputs than columns", "many"])
def test_outputs_of_correlated_inputs_change_far_less_than_by_nearest_rounding(rows, seed):
    W, gram = normal(2, 8, LONG, seed=seed), correlated(2, LONG, rows=rows, seed=seed)
    # A negative scale puts the extra level on the positive side.
    scale = np.abs(W).max(axis=2, keepdims=True) / 7 * np.float32([[1], [-1]] * 4)
    found = round_with_feedback(W, feedback_factor(gram), four_bits, scale=scale).rounded
    nearest = four_bits(W / scale) * scale
    assert output_error(W, found, gram) < 0.5 * output_error(W, nearest, gram)


@given(shape=SHAPES, seed=st.integers(0, 99))
@settings(max_examples=40)
def test_each_result_is_a_level_times_its_scale(shape, seed):
    W, gram = normal(*shape, seed=seed), correlated(shape[0], shape[2], seed=seed)
    scale = np.random.default_rng(seed).uniform(0.1, 1, shape).astype(np.float32)
    found = round_with_feedback(W, feedback_factor(gram), four_bits, scale=scale).rounded
    levels = np.rint(found / scale)
    np.testing.assert_array_equal(found, levels.astype(np.float32) * scale, strict=True)
    assert levels.min() >= -8
    assert levels.max() <= 7


@given(shape=SHAPES, seed=st.integers(0, 99))
@settings(max_examples=40)
def test_one_scale_for_a_row_is_that_of_all_its_weights(shape, seed):
    W, factor = normal(*shape, seed=seed), feedback_factor(correlated(shape[0], shape[2]))
    scale = np.random.default_rng(seed).uniform(0.1, 1, (*shape[:2], 1)).astype(np.float32)
    each = np.broadcast_to(scale, shape)
    one, other = (round_with_feedback(W, factor, four_bits, scale=s) for s in (scale, each))
    np.testing.assert_array_equal(one.rounded, other.rounded)
    np.testing.assert_array_equal(one.errors, other.errors)


@given(shape=SHAPES, seed=st.integers(0, 99))
@settings(max_examples=40)
def test_masked_weights_and_scales_of_zero_give_zeros(shape, seed):
    rng = np.random.default_rng(seed)
    W, mask = normal(*shape, seed=seed), rng.random(shape) < 0.5
    scale = (rng.random((*shape[:2], 1)) < 0.7).astype(np.float32)
    gram = correlated(shape[0], shape[2], seed=seed)
    odd = nearest_level(np.arange(-15, 17, 2))
    found = round_with_feedback(W, feedback_factor(gram), odd, scale=scale, mask=mask).rounded
    np.testing.assert_array_equal(found != 0, mask & (scale != 0))


def test_columns_that_are_left_make_up_for_those_masked_out():
    W, gram = normal(1, 8, LONG), correlated(1, LONG)
    mask = np.random.default_rng(2).random(W.shape) < 0.5
    found = round_with_feedback(
        W, feedback_factor(gram), curve(np.asarray), scale=np.float32(1), mask=mask
    ).rounded
    np.testing.assert_array_equal(found[~mask], 0)
    assert output_error(W, found, gram) < 0.7 * output_error(W, W * mask, gram)


@pytest.mark.parametrize("length", [7, LONG])
def test_rows_and_groups_are_rounded_on_their_own(length):
    W, gram = normal(3, 5, length), correlated(3, length)
    scale = np.random.default_rng(0).uniform(0.2, 0.5, (3, 5, 1)).astype(np.float32)
    whole = round_with_feedback(W, feedback_factor(gram), tanh, scale=scale).rounded
    for group, row in np.ndindex(3, 5):
        one = (slice(group, group + 1), slice(row, row + 1))
        found = round_with_feedback(
            W[one], feedback_factor(gram[one[:1]]), tanh, scale=scale[one]
        ).rounded
        # CPUs add up in different orders, which came to 2e-5; a wrong row is off by half a scale.
        np.testing.assert_allclose(found, whole[one], atol=1e-4)


def test_the_order_in_which_columns_come_does_not_matter():
    W, gram = normal(1, 6, LONG), correlated(1, LONG)
    moved = np.random.default_rng(3).permutation(LONG)
    found = round_with_feedback(W, feedback_factor(gram), tanh, scale=np.float32(1)).rounded
    other = round_with_feedback(
        W[:, :, moved],
        feedback_factor(gram[:, moved][:, :, moved]),
        tanh,
        scale=np.float32(1),
    ).rounded
    np.testing.assert_allclose(other, found[:, :, moved], atol=1e-4)


def test_columns_of_most_power_come_first_in_each_group():
    gram = np.stack([np.diag([1.0, 9.0, 4.0]), np.diag([5.0, 0.0, 5.0])])
    assert feedback_factor(gram).order.tolist() == [[1, 2, 0], [0, 2, 1]]


@pytest.mark.parametrize("gram", [np.eye(70), np.diag(np.arange(70.0)), np.zeros((70, 70))])
def test_without_correlation_each_weight_gets_its_nearest_level(gram):
    W = normal(2, 3, 70)
    factor = feedback_factor(np.stack([gram, gram]))
    found = round_with_feedback(W, factor, four_bits, scale=np.float32(0.25)).rounded
    np.testing.assert_array_equal(found, four_bits(W * 4) / 4)


@pytest.mark.parametrize("power", [2.0**-100, 2.0**100])
def test_the_scale_of_the_inputs_does_not_matter(power):
    W, gram = normal(1, 4, LONG), correlated(1, LONG)
    one, other = (
        round_with_feedback(W, feedback_factor(g), four_bits, scale=np.float32(0.3)).rounded
        for g in (gram, gram * power)
    )
    np.testing.assert_array_equal(one, other)


def test_inputs_that_are_always_zero_do_no_harm():
    W, gram = normal(1, 4, 80), correlated(1, 80)
    gram[:, ::3], gram[:, :, ::3] = 0, 0
    found = round_with_feedback(W, feedback_factor(gram), four_bits, scale=np.float32(0.3)).rounded
    nearest = four_bits(W / np.float32(0.3)) * np.float32(0.3)
    np.testing.assert_array_equal(found[:, :, ::3], nearest[:, :, ::3])
    assert output_error(W, found, gram) < output_error(W, nearest, gram)


def test_the_arguments_stay_as_they_are():
    W, gram = normal(1, 4, LONG), correlated(1, LONG)
    copies = W.copy(), gram.copy()
    round_with_feedback(W, feedback_factor(gram), four_bits, scale=np.float32(0.3))
    np.testing.assert_array_equal(W, copies[0])
    np.testing.assert_array_equal(gram, copies[1])
