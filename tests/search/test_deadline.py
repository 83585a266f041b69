from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.search.deadline import Deadline, Turns


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


seconds = st.floats(0, 1e6)


@given(now=seconds, end=seconds, reserve=seconds, turn=seconds)
def test_without_slack_nothing_begins_that_would_leave_too_little_for_the_rest(
    now, end, reserve, turn
):
    deadline = Deadline(end=end, reserve=lambda: reserve, clock=FakeClock(now))
    assert deadline.left == end - now - reserve
    assert deadline.allows(turn) == (turn <= end - now - reserve)


@given(left=st.floats(-100, 100), turn=st.floats(0, 200), slack=st.floats(0, 50))
def test_a_turn_within_the_slack_begins_if_stopping_now_would_be_farther_from_the_end(
    left, turn, slack
):
    over = turn - left
    allowed = Deadline(end=left, slack=slack, clock=FakeClock()).allows(turn)
    if over <= 0:
        assert allowed
    elif over > slack:
        assert not allowed
    else:
        assert allowed == (over <= left)


@pytest.mark.parametrize(("now", "allowed"), [(88, True), (92, True), (95, False), (101, False)])
def test_a_turn_may_overrun_if_stopping_would_be_farther_off(now, allowed):
    # A turn of 10 seconds and 3 to spare: from 92 to 102 rather than stop at 92.
    assert Deadline(end=100, slack=3, clock=FakeClock(now)).allows(10) is allowed


def test_a_share_of_what_is_left_is_counted_from_now():
    clock = FakeClock(10)
    part = Deadline(end=100, slack=5, reserve=lambda: 30, clock=clock).share(0.5)
    assert part.left == 30
    clock.now = 25
    assert part.left == 15
    assert not part.allows(15.1)


def test_a_share_of_nothing_left_is_over():
    assert Deadline(end=0, clock=FakeClock(10)).share(0.5).left < 0


def test_without_a_deadline_there_is_always_time():
    turns = Turns(None)
    assert all(turns.another() for _ in range(3))


def test_the_last_few_turns_say_how_long_the_next_will_take():
    clock = FakeClock()
    turns = Turns(Deadline(end=100, clock=clock))
    for duration in (50, 4, 4, 4, 4, 4):
        assert turns.another()
        clock.now += duration
    # The turn of 50 seconds is the sixth last and no longer counts.
    assert turns.another()
    clock.now = 97
    assert not turns.another()


def test_before_any_turn_was_timed_the_deadline_says_how_long_it_takes():
    clock = FakeClock(95)
    assert Turns(Deadline(end=100, turn=4, clock=clock)).another()
    assert not Turns(Deadline(end=100, turn=6, clock=clock)).another()


def test_a_required_turn_begins_however_late_it_is():
    assert Turns(Deadline(end=0, clock=FakeClock(10))).another(required=True)
