import pytest

from tests.hub_server import HubServer
from zoo_compress.errors import HubError, PlanError
from zoo_compress.hub.plan_source import resolve_plan


@pytest.mark.parametrize(
    "plan", ["plan.json", "runs/plan.json", "./me/net", "~/me/net", "/me/net", "a/b/c", "a b/c"]
)
def test_what_looks_like_a_path_is_never_looked_up(hub_in_use: HubServer, plan, tmp_path):
    assert str(resolve_plan(plan, cache=tmp_path)) in (plan, plan.removeprefix("./"))
    assert hub_in_use.requests == []


def test_what_exists_is_a_path(hub_in_use: HubServer, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "me").mkdir()
    (tmp_path / "me" / "net").write_text("{}")
    assert resolve_plan("me/net", cache=tmp_path / "cache").read_text() == "{}"
    assert hub_in_use.requests == []


def test_a_plan_comes_from_the_revision_that_is_named(hub_in_use: HubServer, tmp_path):
    old = hub_in_use.add("me/net", {"plan.json": b"1", "other/plan.json": b"3"})
    hub_in_use.add("me/net", {"plan.json": b"2"})
    for plan, content in (
        ("me/net", "2"),
        ("me/net@main", "2"),
        (f"me/net@{old.sha}", "1"),
        (f"me/net@{old.sha}:plan.json", "1"),
        ("me/net:other/plan.json", "3"),
    ):
        assert resolve_plan(plan, cache=tmp_path).read_text() == content


def test_a_plan_is_there_without_the_hub_once_it_was_fetched(hub_in_use: HubServer, tmp_path):
    commit = hub_in_use.add("me/net", {"plan.json": b"1"})
    resolve_plan("me/net", cache=tmp_path)
    hub_in_use.requests.clear()
    assert resolve_plan(f"me/net@{commit.sha}", cache=tmp_path).read_text() == "1"
    assert hub_in_use.requests == []


def test_names_that_lead_out_of_the_repository_are_refused(hub_in_use: HubServer, tmp_path):
    with pytest.raises(PlanError, match="must lie inside the repository"):
        resolve_plan("me/net:../plan.json", cache=tmp_path)
    assert hub_in_use.requests == []


def test_a_file_that_the_repository_lacks_is_named(hub_in_use: HubServer, tmp_path):
    hub_in_use.add("me/net", {})
    with pytest.raises(HubError, match=r"'me/net' has no file 'plan\.json'"):
        resolve_plan("me/net", cache=tmp_path)
