from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.search.agreement import SHARE_PER_ROOT_DISTANCE, distance_at_disagreement

# A step of the grid on which the answer is sought, with no trials: a factor 256 in 400 steps.
GRID = math.log(256) / 399

trials = st.lists(
    st.tuples(st.floats(1e-6, 1e6), st.integers(0, 50).map(lambda k: k / 50)), max_size=30
)


def law(distances, *, per_root) -> list[tuple[float, float]]:
    """Return trials of a model where the share goes by the root of the distance."""
    return [(float(d), min(per_root * math.sqrt(d), 1.0)) for d in distances]


@given(share=st.floats(0.001, 0.5), scale=st.floats(1e-6, 1e6))
def test_without_trials_the_usual_relation_decides(share, scale):
    usual = scale * (share / SHARE_PER_ROOT_DISTANCE) ** 2
    found = distance_at_disagreement(share, [], scale=scale)
    assert math.log(found / usual) == pytest.approx(0, abs=2 * GRID)


@given(found=trials, share=st.floats(0.001, 0.999), scale=st.floats(1e-3, 1e3))
def test_whatever_the_trials_say_the_distance_is_positive_and_finite(found, share, scale):
    assert 0 < distance_at_disagreement(share, found, scale=scale) < math.inf


@pytest.mark.parametrize("per_root", [0.02, 0.2, 2.0])
def test_more_disagreement_allows_more_distance(per_root):
    found = law(np.geomspace(1e-4, 1e2, 40), per_root=per_root)
    allowed = [distance_at_disagreement(s, found, scale=1.0) for s in np.geomspace(0.01, 0.5, 12)]
    assert (np.diff(allowed) >= 0).all()
    assert allowed[-1] > 10 * allowed[0]


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_the_usual_relation_fades_as_trials_come_in(factor):
    """Of models that are `factor` times as sensitive, the true distance is found in time."""
    per_root = SHARE_PER_ROOT_DISTANCE * factor
    true = (0.05 / per_root) ** 2
    errors = []
    for count in (0, 4, 16, 64):
        found = law(true * np.geomspace(1 / 30, 30, count), per_root=per_root)
        errors.append(abs(math.log(distance_at_disagreement(0.05, found, scale=1.0) / true)))
    assert errors[0] == pytest.approx(abs(2 * math.log(factor)), abs=2 * GRID)
    assert errors[-1] < 0.3
    assert errors[-1] < errors[1] < errors[0] + 2 * GRID


def test_shares_that_go_up_and_down_by_chance_are_levelled():
    """Inputs are counted one by one: the share goes in steps, and not always upwards."""
    rng = np.random.default_rng(0)
    distances = np.geomspace(1e-3, 10, 200)
    shares = rng.binomial(50, np.minimum(0.2 * np.sqrt(distances), 1)) / 50
    found = distance_at_disagreement(
        0.1, list(zip(distances.tolist(), shares.tolist(), strict=True)), scale=1.0
    )
    assert found == pytest.approx(0.25, rel=0.35)


def test_where_even_the_closest_trials_disagree_too_often_the_answer_is_closer_still():
    for distances in ([1e-1, 1.0], [1e-3, 1e-2, 0.1, 1.0]):
        found = [(distance, 1.0) for distance in distances] * 20
        assert distance_at_disagreement(0.05, found, scale=1.0) < 0.9 * distances[0]


def test_where_all_trials_agree_the_distance_allowed_is_at_least_theirs():
    found = [(d, 0.0) for d in (0.1, 1.0, 10.0)] * 20
    assert distance_at_disagreement(0.05, found, scale=1.0) >= 10 * (1 - 1e-9)


@given(factor=st.floats(1e-6, 1e6))
def test_the_unit_of_the_distance_does_not_matter(factor):
    found = law(np.geomspace(1e-3, 1e1, 12), per_root=0.3)
    scaled = [(factor * distance, share) for distance, share in found]
    expected = factor * distance_at_disagreement(0.05, found, scale=1.0)
    assert distance_at_disagreement(0.05, scaled, scale=factor) == pytest.approx(
        expected, rel=4 * GRID
    )
