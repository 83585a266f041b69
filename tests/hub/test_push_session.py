"""What is found out before anything is pushed."""

import pytest

from tests.hub_server import EXPIRED_TOKEN, READ_TOKEN, STRANGER_TOKEN, WRITE_TOKEN
from zoo_compress.errors import HubError
from zoo_compress.hub.publication import Target
from zoo_compress.hub.push_session import open_session
from zoo_compress.hub.retry import RetryPolicy

ONCE = RetryPolicy(attempts=1)


def opened(hub, repo_id="me/net", token=WRITE_TOKEN, **wishes):
    return open_session(Target(repo_id=repo_id, **wishes), api=hub.api(token))


def refusal(hub, *arguments, **wishes) -> str:
    with pytest.raises(HubError) as raised:
        opened(hub, *arguments, **wishes)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_nothing_is_written_to_find_out(hub):
    hub.add("me/net", {"config.json": b"{}"})
    session = opened(hub)
    assert session.public
    assert set(session.remote.files) == {".gitattributes", "config.json"}
    assert {request.method for request in hub.requests} == {"GET"}


@pytest.mark.parametrize("name", ["net", "me/net/x", "me/ne t", "me/-net", "me/a--b", "me/", ""])
def test_a_name_that_no_repository_can_have_is_refused_at_once(hub, name):
    assert f"'{name}'" in refusal(hub, name)
    assert hub.requests == []


def test_without_a_token_it_says_how_to_log_in(hub):
    message = refusal(hub, token=None)
    assert "there is none" in message
    assert "hf auth login" in message


def test_an_expired_token_is_called_so(hub):
    message = refusal(hub, token=EXPIRED_TOKEN)
    assert "may have expired" in message
    assert "HTTP 401" in message


def test_a_token_that_may_only_read_is_found_out_before_anything_is_sent(hub):
    assert "token of 'me' may only read" in refusal(hub, token=READ_TOKEN)


def test_what_belongs_to_others_can_only_be_proposed(hub):
    hub.add("me/net", {})
    assert "may not write to what belongs to 'me'" in refusal(hub, token=STRANGER_TOKEN)
    assert opened(hub, token=STRANGER_TOKEN, propose=True).account.name == "stranger"


def test_organisations_of_the_user_can_be_written_to(hub):
    assert not opened(hub, "ours/net").remote.exists


def test_a_role_that_only_reads_in_an_organisation_is_not_enough(hub, monkeypatch):
    api = hub.api(WRITE_TOKEN)
    answer = {**api.whoami(), "orgs": [{"name": "ours", "roleInOrg": "read"}]}
    monkeypatch.setattr(api, "whoami", lambda: answer)
    with pytest.raises(HubError, match="role 'read' in 'ours'"):
        open_session(Target(repo_id="ours/net"), api=api)


def test_a_public_repository_does_not_become_private(hub):
    hub.add("me/net", {})
    assert "is public already" in refusal(hub, private=True)
    hub.add("me/net", {}, private=True)
    assert not opened(hub, private=True).public


def test_a_missing_repository_is_public_unless_it_is_made_private(hub):
    assert opened(hub).public
    assert not opened(hub, private=True).public


def test_a_pull_request_needs_a_repository(hub):
    assert "no such repository to open a pull request in" in refusal(hub, propose=True)


@pytest.mark.parametrize(("wish", "option"), [("branch", "--branch"), ("tag", "--tag")])
def test_wishes_that_a_pull_request_cannot_fulfil_are_refused_at_once(hub, wish, option):
    assert option in refusal(hub, propose=True, **{wish: "v1"})
    assert hub.requests == []


BAD_NAMES = (
    *("a b", "refs/pr/3", "-x", "a..b", "a/", "/a", "a//b", ".a", "a.lock", "a~1", ""),
    "0" * 40,
)


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("wish", ["branch", "tag"])
def test_names_that_git_does_not_take_are_refused_at_once(hub, wish, name):
    assert f"--{wish} '{name}' is no name" in refusal(hub, **{wish: name})
    assert hub.requests == []


@pytest.mark.parametrize("name", ["v1", "feature/small-int8", "größe", "1.0.0+a"])
def test_usual_names_are_taken(hub, name):
    assert opened(hub, branch=name, tag=name).target.branch == name


def test_a_page_of_a_captive_portal_is_not_taken_for_the_hub(hub):
    hub.faults.sign_in_page()
    assert "what answered is not the Hub" in refusal(hub)


def test_a_hub_that_hides_behind_a_refused_connection_is_named_as_unreachable(hub):
    api = hub.api(WRITE_TOKEN)
    api.endpoint = "http://127.0.0.1:9"
    with pytest.raises(HubError, match="cannot be reached"):
        open_session(Target(repo_id="me/net"), api=api, policy=ONCE)


def test_offline_mode_is_named(hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refusal(hub)
