import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.core import Certificate
from zoo_compress.errors import InputError, LimitError
from zoo_compress.pipeline.limits import (
    disagreement_limit,
    distance_limit,
    fewest_for_disagreement,
    fewest_for_distance,
    fewest_for_mean,
    require_enough,
    require_limits,
)
from zoo_compress.stats.betting import betting_upper
from zoo_compress.stats.bounds import clopper_pearson_upper
from zoo_compress.stats.certificates import (
    certify_bounded_mean,
    certify_disagreement,
    certify_quantile,
)
from zoo_compress.stats.distances import Distance, output_distance

LOGITS = [[np.array([[0.0, 1.0, float(i)]], np.float32)] for i in range(4)]


def distance(name: str) -> Distance:
    return output_distance(name, LOGITS)


def disagreement(differing: int, n: int) -> Certificate:
    return certify_disagreement(differing, n, confidence=0.95, scope="")


def test_a_limit_of_2_percent_at_95_percent_confidence_takes_149_inputs() -> None:
    assert fewest_for_disagreement(0.02, 0.95) == 149


@given(limit=st.floats(0.005, 0.9), confidence=st.floats(0.5, 0.999))
def test_the_fewest_inputs_meet_a_disagreement_limit_and_one_less_does_not(
    limit: float, confidence: float
) -> None:
    n = fewest_for_disagreement(limit, confidence)
    assert clopper_pearson_upper(0, n, confidence) <= limit * (1 + 1e-9)
    assert n == 1 or clopper_pearson_upper(0, n - 1, confidence) > limit * (1 - 1e-9)


@given(limit=st.floats(0.005, 0.9), confidence=st.floats(0.5, 0.999))
def test_the_fewest_inputs_meet_a_limit_on_the_mean_and_one_less_does_not(
    limit: float, confidence: float
) -> None:
    n = fewest_for_mean(limit, confidence)
    assert n >= fewest_for_disagreement(limit, confidence)
    assert betting_upper(np.zeros(n), confidence=confidence) <= limit
    assert n == 1 or betting_upper(np.zeros(n - 1), confidence=confidence) > limit


@pytest.mark.parametrize(
    ("name", "fewest"),
    [("squared-l2", 29), ("kl", 29), ("cosine", 167), ("total-variation", 167)],
)
def test_a_quantile_takes_29_inputs_and_a_mean_as_many_as_the_bet(name: str, fewest: int) -> None:
    assert fewest_for_distance(distance(name), 0.02, 0.95) == fewest


def test_a_distance_of_pairs_has_no_exact_bound_to_limit() -> None:
    with pytest.raises(InputError, match=r"relational .* asymptotic interval only"):
        fewest_for_distance(distance("relational"), 0.02, 0.95)


def test_a_limit_that_a_bounded_distance_always_meets_is_refused() -> None:
    with pytest.raises(InputError, match=r"--max-distance 1: .* never above 1"):
        fewest_for_distance(distance("cosine"), 1.0, 0.95)


def test_too_few_inputs_are_refused_with_the_numbers() -> None:
    numbers = {"needed": 149, "available": 148, "confidence": 0.95}
    message = r"0\.02 at 95 % confidence takes at least 149 inputs, .* there are 148$"
    with pytest.raises(InputError, match=message):
        require_enough("--max-disagreement", 0.02, **numbers)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"there are 148 besides 50 that set the scale"):
        require_enough("--max-distance", 0.02, apart=50, **numbers)  # type: ignore[arg-type]
    require_enough(
        "--max-disagreement", 0.02, needed=149, available=149, confidence=0.95, apart=50
    )


def test_a_limit_is_met_by_a_bound_that_equals_it() -> None:
    found = disagreement(0, 149)
    assert disagreement_limit(found.bound, found).met
    assert not disagreement_limit(found.bound * (1 - 1e-9), found).met


def test_a_missed_limit_names_bound_limit_count_and_the_inputs_needed() -> None:
    limits = [
        disagreement_limit(0.02, disagreement(9, 450)),
        disagreement_limit(0.5, disagreement(9, 450)),
    ]
    with pytest.raises(LimitError) as caught:
        require_limits(limits)
    assert str(caught.value) == (
        "--max-disagreement 0.02 is not certified: with 95 % confidence the top answers differ on "
        "at most 3.47 % of inputs (9 of 450 did); 149 inputs would be enough if none differed"
    )


def test_met_limits_pass() -> None:
    require_limits([])
    require_limits([disagreement_limit(0.5, disagreement(9, 450))])


def test_several_missed_limits_are_all_named() -> None:
    missed = disagreement_limit(0.01, disagreement(9, 450))
    with pytest.raises(LimitError, match=r"0\.01 is not certified.*; --max-disagreement 0\.01"):
        require_limits([missed, missed])


def test_squared_l2_is_limited_as_a_share_of_the_variance() -> None:
    squared = distance("squared-l2")
    found = certify_quantile(np.full(40, 3.0), confidence=0.95, scope="")
    limit = distance_limit(2.0, found, squared)
    assert limit.bound == 3.0 / squared.scale
    assert limit.claim == (
        f"the squared output distance is at most {3.0 / squared.scale:.3g} of the output variance "
        "for 90 % of inputs (40 measured)"
    )
    assert limit.needed == 29


def test_a_bounded_distance_is_limited_by_its_mean() -> None:
    found = certify_bounded_mean(np.zeros(40), confidence=0.95, scope="", noun="cosine")
    limit = distance_limit(0.5, found, distance("cosine"))
    assert limit.bound == found.bound
    assert limit.claim.startswith("the mean cosine distance (1 - cos) / 2 is at most 0.0")
    assert "variance" not in limit.claim
