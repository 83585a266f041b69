import numpy as np
import pytest

from zoo_compress.numerics.damping import CANDIDATES, FEWEST_COLUMNS, best_damping
from zoo_compress.numerics.feedback import DAMPING, feedback_factor, round_with_feedback
from zoo_compress.numerics.moments import MomentSums
from zoo_compress.numerics.scalar_quantizer import whole_numbers

LENGTH = FEWEST_COLUMNS


def rare(samples, *, seed=0) -> np.ndarray:
    """Return inputs that share sources, each of which few samples have, shape (samples, K)."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((LENGTH, LENGTH))
    sources = rng.standard_normal((samples, LENGTH)) * (rng.random((samples, LENGTH)) < 0.03)
    return (sources @ mixing).astype(np.float32)


def frequent(samples, *, seed=0) -> np.ndarray:
    """Return inputs of few sources that all samples have, and little else."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((LENGTH // 4, LENGTH))
    found = rng.standard_normal((samples, LENGTH // 4)) @ mixing
    return (found + 0.05 * rng.standard_normal(found.shape)).astype(np.float32)


def rectified(samples, *, seed=0) -> np.ndarray:
    """Return inputs as after a ReLU, from one that half of the samples have to one that few do."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((LENGTH, LENGTH)) / np.sqrt(LENGTH)
    mixed = rng.standard_normal((samples, LENGTH)) @ mixing
    return np.maximum(mixed - np.linspace(0, 3, LENGTH), 0).astype(np.float32)


def covariances(x) -> list[np.ndarray]:
    return [np.cov(half.T.astype(np.float64))[None] for half in (x[::2], x[1::2])]


def test_few_samples_are_trusted_less_than_many():
    few, many = covariances(rare(150)), covariances(frequent(20_000))
    assert best_damping(many, many) == DAMPING
    assert best_damping(few, few) >= 0.1


@pytest.mark.parametrize("draw", [rare, frequent])
def test_what_is_chosen_suits_unseen_inputs_nearly_as_well_as_any(draw):
    halves, unseen = covariances(draw(300)), np.cov(draw(20_000, seed=1).T.astype(np.float64))
    W = np.random.default_rng(2).standard_normal((1, 64, LENGTH)).astype(np.float32)

    def change(damping) -> float:
        factor = feedback_factor(sum(halves) / 2, damping=damping)
        rounded = round_with_feedback(
            W, factor, whole_numbers(-8, 7), scale=np.float32(0.5)
        ).rounded
        return float(np.einsum("gok,kl,gol->", rounded - W, unseen, rounded - W))

    found = change(best_damping(halves, halves))
    assert found <= 1.1 * min(map(change, CANDIDATES))


def test_inputs_of_few_columns_have_the_usual_damping():
    few = [half[:, :9, :9] for half in covariances(rare(20))]
    assert best_damping(few, few) == DAMPING


def test_inputs_that_are_always_zero_do_no_harm():
    zeros = [np.zeros((2, LENGTH, LENGTH))] * 2
    assert best_damping(zeros, zeros) == DAMPING


def test_moments_of_few_samples_carry_it():
    sums = MomentSums()
    for row in rectified(100):
        sums.add(row[None, None])
    found = sums.moments()
    assert found.damping > DAMPING
    factor = feedback_factor(found.covariance, damping=found.damping)
    np.testing.assert_array_equal(found.covariance_factor.upper, factor.upper)
