import numpy as np
import pytest

from zoo_compress.stats.distances import DISTANCES, output_distance
from zoo_compress.stats.distances.pooled import pooled


def tokens(seed: int, n: int = 6):
    """Return n samples of 3 to 8 tokens with 5 features."""
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal((1, 3 + i, 5)).astype(np.float32),) for i in range(n)]


MEANS = {
    "mean": lambda output: output.mean(axis=1, dtype=np.float64),
    "cls": lambda output: output[:, 0],
    "max": lambda output: output.max(axis=1),
    "last": lambda output: output[:, -1],
}


@pytest.mark.parametrize("pooling", MEANS)
@pytest.mark.parametrize("name", DISTANCES)
def test_the_distance_is_that_of_the_pooled_vectors(name, pooling):
    reference, outputs = tokens(0), tokens(1)
    found = output_distance(name, reference, pooling=pooling)
    means = [[(MEANS[pooling](one),) for (one,) in side] for side in (reference, outputs)]
    plain = output_distance(name, means[0])
    indices = range(len(outputs))
    assert found(outputs, indices) == pytest.approx(plain(means[1], indices))
    assert found.estimate(outputs, indices) == pytest.approx(plain.estimate(means[1], indices))
    assert found.scale == pytest.approx(plain.scale)
    assert found.relative(0.3) == pytest.approx(plain.relative(0.3))
    assert (found.name, found.degree, found.bounded) == (name, plain.degree, plain.bounded)
    assert found.noun == f"{plain.noun} of {pooling}-pooled token vectors"


def test_one_sample_is_compared_like_many():
    reference, outputs = tokens(0), tokens(1)
    found = output_distance("cosine", reference, pooling="mean")
    values = found(outputs, range(6))
    singles = [found.between(a, b) for a, b in zip(reference, outputs, strict=True)]
    assert singles == pytest.approx(list(values))
    with pytest.raises(ValueError, match="compares no vectors"):
        found.vectors(reference[0], outputs[0])
    pairs = output_distance("relational", reference, pooling="cls")
    first, second = pairs.vectors(reference[0], outputs[0])
    assert first == pytest.approx(reference[0][0][0, 0])
    assert second == pytest.approx(outputs[0][0][0, 0])


def test_only_outputs_with_a_vector_for_each_token_are_pooled():
    sample = [np.ones((1, 4)), np.ones((1, 2, 3, 3)), np.ones((1, 0, 4)), np.ones((1, 3, 2), int)]
    assert [output.shape for output in pooled(sample, "mean")] == [o.shape for o in sample]


def test_an_output_that_is_nan_is_still_infinitely_far_away():
    reference, outputs = tokens(0), tokens(1)
    outputs[2][0][0, 1, 0] = np.nan
    found = output_distance("cosine", reference, pooling="mean")(outputs, range(6))
    assert np.isinf(found).tolist() == [False, False, True, False, False, False]
