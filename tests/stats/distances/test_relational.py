from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.stats.distances.relational import (
    Relational,
    pooled_vector,
    relational_kernel,
)
from zoo_compress.stats.u_statistics import kernel_matrix, pair_mean_and_variance


def draw(shape, n: int = 8, seed: int = 0) -> list[tuple[np.ndarray, ...]]:
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal(shape),) for _ in range(n)]


def brute_force(reference, outputs) -> np.ndarray:
    f, g = (np.array([out.ravel() for (out,) in samples]) for samples in (reference, outputs))
    return kernel_matrix(list(range(len(f))), lambda i, j: float((f[i] @ f[j] - g[i] @ g[j]) ** 2))


@given(seed=st.integers(0, 2**16), n=st.integers(3, 9))
def test_the_kernel_is_the_squared_change_of_the_inner_product(seed, n):
    reference, outputs = draw((1, 4), n, seed), draw((1, 4), n, seed + 1)
    distance = Relational(reference)
    expected = brute_force(reference, outputs)
    found = distance.kernel(outputs, range(n))
    np.testing.assert_allclose(found - np.diag(np.diag(found)), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        distance(outputs, range(n)), expected.sum(axis=1) / (n - 1), rtol=1e-9
    )


@given(seed=st.integers(0, 2**16), n=st.integers(3, 9))
def test_its_variance_is_that_of_a_jackknife_by_brute_force(seed, n):
    reference, outputs = draw((1, 4), n, seed), draw((1, 4), n, seed + 1)
    kernel = brute_force(reference, outputs)
    left_out = []
    for i in range(n):
        rest = np.delete(np.delete(kernel, i, 0), i, 1)
        left_out.append(rest.sum() / ((n - 1) * (n - 2)))
    mean, variance = Relational(reference).estimate(outputs, range(n))
    assert mean == pytest.approx(kernel.sum() / (n * (n - 1)))
    assert variance == pytest.approx((n - 1) / n * np.square(left_out - np.mean(left_out)).sum())


@given(seed=st.integers(0, 2**16))
def test_a_rotation_changes_no_relation(seed):
    reference = draw((1, 4), seed=seed)
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((4, 4)))
    values = Relational(reference)([(out @ rotation,) for (out,) in reference], range(8))
    np.testing.assert_allclose(values, np.zeros(8), atol=1e-24)


def test_forgetting_all_relations_costs_the_scale():
    reference = draw((1, 4))
    distance = Relational(reference)
    nothing = [(np.zeros((1, 4)),)] * 8
    assert distance.relative(distance.estimate(nothing, range(8))[0]) == pytest.approx(1.0)


def test_orthogonal_references_make_every_change_infinite_in_relation():
    distance = Relational([(row[None],) for row in np.eye(3)])
    assert distance.scale == 0.0
    assert distance.relative(0.0) == 0.0
    assert distance.relative(0.1) == math.inf


def test_a_change_doubled_counts_four_times():
    reference = draw((1, 40), n=30)
    rng = np.random.default_rng(1)
    changes = 1e-4 * rng.standard_normal((30, 1, 40))
    distance = Relational(reference)
    once, twice = (
        distance([(out + k * c,) for (out,), c in zip(reference, changes, strict=True)], range(30))
        for k in (1, 2)
    )
    np.testing.assert_allclose(twice / once, np.full(30, 4.0), rtol=1e-2)


def test_a_sequence_is_pooled_over_its_positions():
    sequence = np.arange(12.0).reshape(1, 4, 3)
    np.testing.assert_array_equal(pooled_vector((sequence,)), sequence[0].mean(axis=0))


def test_a_map_is_pooled_over_its_area():
    maps = np.arange(24.0).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(pooled_vector((maps,)), maps[0].mean(axis=(1, 2)))


def test_outputs_stand_end_to_end_and_integers_are_left_out():
    sample = (np.array([[1.0, 2.0]]), np.array([[7]]), np.array([[3.0]]))
    np.testing.assert_array_equal(pooled_vector(sample), [1, 2, 3])


@pytest.mark.parametrize("broken", [np.full((1, 4), np.nan), np.zeros((1, 5))])
def test_one_unusable_sample_makes_every_mean_over_pairs_infinite(broken):
    reference = draw((1, 4))
    distance = Relational(reference)
    outputs = [*reference[:7], (broken,)]
    kernel = distance.kernel(outputs, range(8))
    assert np.isinf(kernel[7, :7]).all()
    assert not kernel[:7, :7].any()
    assert np.isinf(distance(outputs, range(8))).all()
    assert distance.estimate(outputs, range(8)) == (math.inf, math.inf)


def test_vectors_kept_from_a_stream_give_the_same_estimate():
    reference, outputs = draw((1, 3, 4)), draw((1, 3, 4), seed=1)
    f, g = (np.array([pooled_vector(s) for s in samples]) for samples in (reference, outputs))
    expected = Relational(reference).estimate(outputs, range(8))
    assert pair_mean_and_variance(relational_kernel(f, g)) == expected


def test_one_sample_alone_has_no_value():
    reference = draw((1, 4))
    distance = Relational(reference)
    with pytest.raises(ValueError, match="pairs of samples, not for one"):
        distance.between(reference[0], reference[0])
    with pytest.raises(ValueError, match="needs two samples"):
        distance(reference[:1], [0])
    with pytest.raises(ValueError, match="needs two samples"):
        Relational(reference[:1])


def test_vectors_of_different_lengths_have_no_inner_product():
    with pytest.raises(ValueError, match="the samples' have 3 to 4 features"):
        Relational([*draw((1, 3), n=2), *draw((1, 4), n=1)])
