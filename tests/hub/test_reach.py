from __future__ import annotations

import pytest

from tests.hub_server import EXPIRED_TOKEN, WRITE_TOKEN
from zoo_compress.hub.reach import reach_hub


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch):
    """Return a function that sets the token that the client finds."""

    def put(value: str) -> str:
        monkeypatch.setenv("HF_TOKEN", value)
        return value

    return put


def test_a_hub_without_a_token_answers_a_stranger(hub_in_use):
    found = reach_hub()
    assert (found.state, found.token, found.account) == ("reachable", False, None)
    assert found.obstacle is None
    assert found.endpoint == hub_in_use.endpoint


def test_a_valid_token_is_told_by_the_name_of_its_account_alone(hub_in_use, token):
    value = token(WRITE_TOKEN)
    found = reach_hub()
    assert found.account == hub_in_use.tokens[WRITE_TOKEN].name
    assert value not in repr(found)


def test_an_expired_token_is_an_obstacle_at_a_hub_that_answers(hub_in_use, token):
    value = token(EXPIRED_TOKEN)
    found = reach_hub()
    assert (found.state, found.account) == ("reachable", None)
    assert "wants a valid token" in str(found.obstacle)
    assert value not in repr(found)


def test_a_sign_in_page_is_no_hub(hub_in_use):
    hub_in_use.faults.sign_in_page()
    found = reach_hub()
    assert found.state == "unreachable"
    assert "is not the Hub" in str(found.obstacle)


def test_a_hub_that_is_gone_is_unreachable(hub_in_use):
    hub_in_use.close()
    found = reach_hub()
    assert found.state == "unreachable"
    assert "cannot be reached" in str(found.obstacle)


def test_nothing_is_asked_in_offline_mode(hub_in_use, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert reach_hub().state == "offline"
    assert hub_in_use.requests == []
