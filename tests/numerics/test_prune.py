import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from zoo_compress.numerics.prune import keep_largest, kept_count

# Few different whole numbers: many ties.
SCORES = arrays(np.float32, array_shapes(max_side=8), elements=st.integers(0, 5).map(float))


@given(scores=SCORES, data=st.data())
def test_as_many_as_asked_are_kept_and_none_left_out_is_larger(scores, data):
    count = data.draw(st.integers(0, scores.size))
    mask = keep_largest(scores, count)
    assert mask.shape == scores.shape
    assert np.count_nonzero(mask) == count
    assert scores[~mask].max(initial=-1) <= scores[mask].min(initial=9)


@given(scores=SCORES, data=st.data())
def test_of_equal_scores_the_first_are_kept(scores, data):
    mask = keep_largest(scores, data.draw(st.integers(1, scores.size)))
    tied = mask[scores == scores[mask].min()]
    assert (np.diff(tied.astype(int)) <= 0).all()


@given(elements=st.integers(0, 10**6), density=st.floats(1e-3, 0.999))
def test_the_share_kept_is_rounded_up(elements, density):
    assert density * elements <= kept_count(elements, density) < density * elements + 1


@pytest.mark.parametrize("density", [-0.5, 0, 1, 1.5, np.nan])
def test_other_shares_are_refused(density):
    with pytest.raises(ValueError, match="density must be above 0 and below 1, not"):
        kept_count(64, density)
