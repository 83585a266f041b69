import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_compress.numerics.low_rank import (
    DAMPING,
    low_rank,
    output_basis,
    refitted,
    spatial_factors,
    tucker_factors,
)

RNG = np.random.default_rng(0)


def moments(count, rows=500, seed=3):
    """Return E x x^T of inputs of very different power that hang together."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, count)) @ rng.standard_normal((count, count))
    x *= rng.exponential(1, count) ** 2
    return (x.T @ x / rows).astype(np.float32)


def damped(M):
    return M + DAMPING * np.trace(M) / len(M) * np.eye(len(M))


def output_error(W, other, M):
    change = W - other
    return float(np.trace(change @ M @ change.T))


def product(reduce, core, expand):
    return np.einsum("od,dis,ic->ocs", expand, core, reduce)


@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    rank=st.integers(1, 12),
    seed=st.integers(0, 9),
)
@settings(max_examples=60)
def test_without_moments_the_error_is_that_of_the_singular_values_left_out(shape, rank, seed):
    W = np.random.default_rng(seed).standard_normal(shape)
    rank = min(rank, *shape)
    A, B = low_rank(W, rank)
    assert (A.shape, B.shape) == ((shape[0], rank), (rank, shape[1]))
    left_out = np.linalg.svd(W, compute_uv=False)[rank:]
    np.testing.assert_allclose(np.linalg.norm(W - A @ B), np.linalg.norm(left_out), atol=1e-6)


@pytest.mark.parametrize("shape", [(20, 33), (33, 20), (24, 24)])
@pytest.mark.parametrize("rank", [1, 7, 20])
def test_with_moments_the_error_of_the_outputs_is_the_least_possible(shape, rank):
    W, M = RNG.standard_normal(shape), damped(moments(shape[1]))
    A, B = low_rank(W, rank, moments(shape[1]))
    left_out = np.linalg.svd(W @ np.linalg.cholesky(M), compute_uv=False)[rank:]
    least, power = float(np.sum(left_out**2)), output_error(W, 0, M)
    assert least - 1e-5 * power <= output_error(W, A @ B, M) <= least + 1e-5 * power


@pytest.mark.parametrize("M", [None, moments(15)], ids=["plain", "moments"])
@pytest.mark.parametrize("shape", [(9, 15), (40, 15), (15, 15)])
def test_full_rank_gives_the_weights_back(shape, M):
    W = RNG.standard_normal(shape)
    A, B = low_rank(W, min(shape), M)
    np.testing.assert_allclose(A @ B, W, atol=1e-10)


def test_components_have_the_same_norm_in_both_factors():
    A, B = low_rank(RNG.standard_normal((12, 18)), 5, moments(18))
    np.testing.assert_allclose(np.linalg.norm(A, axis=0), np.linalg.norm(B, axis=1))


@pytest.mark.parametrize("shape", [(6, 8), (8, 6)])
@pytest.mark.parametrize("M", [None, moments(8), np.zeros((8, 8), np.float32)])
def test_zero_weights_have_factors_whose_product_is_zero(shape, M):
    M = None if M is None else M[: shape[1], : shape[1]]
    A, B = low_rank(np.zeros(shape), 3, M)
    assert np.isfinite(A).all()
    np.testing.assert_array_equal(A @ B, 0)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
@pytest.mark.parametrize("shape", [(6, 8), (8, 6)])
def test_the_size_of_weights_and_inputs_does_not_matter(scale, shape):
    W, M = RNG.standard_normal(shape), moments(shape[1])
    A, B = low_rank(W, 3, M)
    C, D = low_rank(W * scale, 3, M * np.float32(scale))
    np.testing.assert_allclose(C @ D / scale, A @ B, atol=1e-4)


@pytest.mark.parametrize("rank", [0, 7])
def test_a_rank_that_no_matrix_of_that_shape_has_is_refused(rank):
    with pytest.raises(ValueError, match=f"rank must be 1 to 6, not {rank}"):
        low_rank(np.ones((6, 9)), rank)


@pytest.mark.parametrize("shape", [(6, 30), (30, 6)])
def test_a_basis_of_outputs_is_orthonormal_where_inputs_have_no_power(shape):
    M = np.zeros((shape[1], shape[1]), np.float32)
    M[0, 0] = 1
    basis = output_basis(RNG.standard_normal(shape), 5, M)
    np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-10)


def test_a_refit_is_the_least_squares_solution():
    W, B, M = RNG.standard_normal((5, 12)), RNG.standard_normal((4, 12)), moments(12)
    found = refitted(W, np.zeros((5, 4)), B, M)
    root = np.linalg.cholesky(damped(M))
    expected = np.linalg.lstsq((B @ root).T, (W @ root).T)[0].T
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@given(seed=st.integers(0, 99), inner=st.integers(1, 8))
@settings(max_examples=30)
def test_a_refit_never_makes_the_outputs_worse(seed, inner):
    rng = np.random.default_rng(seed)
    W, M = rng.standard_normal((6, 9)), moments(9, seed=seed)
    A, B = low_rank(W, min(inner, 6), M)
    B = np.round(B, 1)
    before, after = (output_error(W, H @ B, damped(M)) for H in (A, refitted(W, A, B, M)))
    assert after <= before * (1 + 1e-5)


def test_a_refit_to_inner_factors_of_zero_changes_nothing():
    A = RNG.standard_normal((6, 3))
    np.testing.assert_array_equal(refitted(np.ones((6, 9)), A, np.zeros((3, 9)), moments(9)), A)


def test_a_split_kernel_is_a_matrix_of_that_rank():
    W = RNG.standard_normal((8, 5, 3, 4))
    V, H = spatial_factors(W, 6)
    assert (V.shape, H.shape) == ((6, 5, 3, 1), (8, 6, 1, 4))
    found = np.einsum("rch,orw->ochw", V[..., 0], H[:, :, 0])
    values = np.linalg.svd(W.transpose(1, 2, 0, 3).reshape(15, 32), compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(W - found), np.linalg.norm(values[6:]))


@pytest.mark.parametrize("M", [None, moments(5 * 12)], ids=["plain", "moments"])
def test_a_kernel_split_at_full_rank_is_what_it_was(M):
    W = RNG.standard_normal((8, 5, 3, 4))
    V, H = spatial_factors(W, 15, M)
    found = np.einsum("rch,orw->ochw", V[..., 0], H[:, :, 0])
    np.testing.assert_allclose(found, W, atol=1e-10)


def test_moments_make_a_split_kernel_change_outputs_less():
    W, M = RNG.standard_normal((8, 5, 3, 4)), moments(60)
    errors = []
    for factors in (spatial_factors(W, 6), spatial_factors(W, 6, M)):
        found = np.einsum("rch,orw->ochw", factors[0][..., 0], factors[1][:, :, 0])
        errors.append(output_error(W.reshape(8, 60), found.reshape(8, 60), M))
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.parametrize("M", [None, moments(7 * 9)], ids=["plain", "moments"])
@pytest.mark.parametrize("ranks", [(7, 8), (3, 8), (7, 5), (2, 3), (1, 9)])
def test_a_tensor_of_those_ranks_is_found(ranks, M):
    r_in, r_out = ranks
    W = product(*(RNG.standard_normal(s) for s in ((r_in, 7), (r_out, r_in, 9), (10, r_out))))
    reduce, core, expand = tucker_factors(W, ranks, M)
    assert reduce.shape == (r_in, 7)
    assert core.shape == (r_out, r_in, 9)
    assert expand.shape == (10, r_out)
    np.testing.assert_allclose(product(reduce, core, expand), W, atol=1e-6 * np.abs(W).max())


def test_iteration_gets_below_the_truncated_decomposition():
    W = RNG.standard_normal((12, 10, 9))
    bases = [output_basis(W.swapaxes(0, axis).reshape(W.shape[axis], -1), 4) for axis in (0, 1)]
    projections = [basis @ basis.T for basis in bases]
    truncated = np.einsum("ocs,op,cd->pds", W, *projections)
    found = product(*tucker_factors(W, (4, 4)))
    assert np.linalg.norm(W - found) < np.linalg.norm(W - truncated)


def test_moments_make_a_core_kernel_change_outputs_less():
    W, M = RNG.standard_normal((12, 10, 9)), moments(90)
    found = [product(*tucker_factors(W, (4, 4), weighting)) for weighting in (None, M)]
    errors = [output_error(W.reshape(12, 90), f.reshape(12, 90), M) for f in found]
    assert errors[1] < 0.8 * errors[0]
