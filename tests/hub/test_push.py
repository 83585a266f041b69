"""One commit or none, whatever goes wrong on the way; with the real client."""

from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.hub_server import STRANGER_TOKEN, WRITE_TOKEN, File
from zoo_compress.errors import HubError
from zoo_compress.hub.contents import Content
from zoo_compress.hub.publication import Pushed, Target
from zoo_compress.hub.push_session import open_session
from zoo_compress.hub.retry import RetryPolicy

CARD = b"---\nlicense: mit\n---\n# Net\n"
MODEL = bytes(range(256)) * 1000
FILES = {"README.md": CARD, "config.json": b"{}", "model.onnx": MODEL}


@pytest.fixture(autouse=True)
def _lfs(without_xet, waits) -> None:
    """Large files go by LFS here, and nobody waits; `test_push_large.py` has Xet."""


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def push(hub, slept) -> Callable[..., Pushed]:
    """Pushes to me/net unless another name is given."""
    policy = RetryPolicy(attempts=3, seconds=1000, sleep=slept.append)

    def pushed(files=FILES, *, repo_id="me/net", token=WRITE_TOKEN, dry_run=False, **wishes):
        contents = [Content.of(path, source) for path, source in files.items()]
        target = Target(repo_id=repo_id, **wishes)
        session = open_session(target, api=hub.api(token), policy=policy)
        return session.push(contents, message="Add the model", dry_run=dry_run)

    return pushed


def sent(pushed: Pushed) -> set[str]:
    return {content.path for content in pushed.sent}


def written(hub, method="POST") -> list[str]:
    """What was asked to be changed; checking a card changes nothing."""
    return [path for path in hub.asked(method) if "validate-yaml" not in path]


def refusal(push, *arguments, **wishes) -> str:
    with pytest.raises(HubError) as raised:
        push(*arguments, **wishes)
    message = str(raised.value)
    assert message.startswith("'me/net'")
    assert "\n" not in message
    return message


# What a push does


def test_a_missing_repository_is_made_and_filled_with_one_commit(hub, push):
    done = push()
    repository = hub.repositories["me/net"]
    assert repository.files() == FILES
    assert [commit.title for commit in repository.history()] == ["Add the model", "initial commit"]
    assert done.created
    assert sent(done) == set(FILES)
    assert done.commit == repository.head().sha
    assert done.url.endswith(f"/me/net/commit/{done.commit}")


def test_pushing_again_commits_and_sends_nothing(hub, push):
    first = push()
    hub.requests.clear()
    again = push()
    assert sent(again) == set()
    assert again.commit == first.commit
    assert not again.created
    assert written(hub) == written(hub, "PUT") == []
    assert len(hub.repositories["me/net"].history()) == 2


def test_only_what_changed_is_sent(hub, push):
    push()
    hub.requests.clear()
    done = push(FILES | {"config.json": b'{"a": 1}'})
    assert sent(done) == {"config.json"}
    assert written(hub, "PUT") == []
    assert hub.repositories["me/net"].files()["config.json"] == b'{"a": 1}'


def test_files_of_others_in_the_repository_stay(hub, push):
    hub.add("me/net", {"notes.txt": b"mine", "config.json": b"old"})
    push()
    assert hub.repositories["me/net"].files() == FILES | {"notes.txt": b"mine"}


def test_a_private_repository_is_made_private(hub, push):
    push(private=True)
    assert hub.repositories["me/net"].private


def test_a_branch_is_made_where_it_is_missing_and_main_stays(hub, push):
    before = hub.add("me/net", {"config.json": b"old"})
    done = push(branch="small")
    repository = hub.repositories["me/net"]
    assert repository.files("small") == FILES
    assert repository.head().sha == before.sha
    assert done.commit == repository.head("small").sha
    assert push(branch="small").commit == done.commit


def test_a_branch_of_a_repository_that_is_missing_too(hub, push):
    push(branch="small")
    assert hub.repositories["me/net"].files("small") == FILES
    assert hub.repositories["me/net"].files("main") == {}


def test_a_tag_names_the_commit_and_pushing_again_leaves_it(hub, push):
    done = push(tag="v1")
    assert hub.repositories["me/net"].tags == {"v1": done.commit}
    hub.add("me/net", {"notes.txt": b"mine"})
    push(tag="v1")
    assert hub.repositories["me/net"].tags == {"v1": done.commit}


def test_a_tag_is_given_later_without_a_commit(hub, push):
    first = push()
    assert push(tag="v1").commit == first.commit
    assert hub.repositories["me/net"].tags == {"v1": first.commit}


def test_a_tag_with_other_files_is_refused_before_anything_is_sent(hub, push):
    push({"config.json": b"old"}, tag="v1")
    hub.requests.clear()
    assert "has a tag 'v1' already" in refusal(push, tag="v1")
    assert written(hub) == []


def test_a_pull_request_changes_no_branch_and_is_opened_once(hub, push):
    hub.add("me/net", {"config.json": b"old"})
    done = push(propose=True)
    repository = hub.repositories["me/net"]
    assert repository.files() == {"config.json": b"old"}
    assert repository.files("refs/pr/1") == FILES
    assert done.pull_request == f"{hub.endpoint}/me/net/discussions/1"
    again = push(propose=True)
    assert again.pull_request == done.pull_request
    assert sent(again) == set()
    push(FILES | {"config.json": b"newer"}, propose=True)
    assert set(repository.pull_requests) == {"refs/pr/1", "refs/pr/2"}


def test_a_stranger_may_propose(hub, push):
    hub.add("me/net", {"config.json": b"old"})
    small = {name: data for name, data in FILES.items() if name != "model.onnx"}
    assert push(small, token=STRANGER_TOKEN, propose=True).pull_request
    assert hub.repositories["me/net"].files("refs/pr/1") == small


def test_a_rehearsal_says_what_would_be_done_and_writes_nothing(hub, push):
    done = push(dry_run=True)
    assert done.created
    assert sent(done) == set(FILES)
    assert done.commit is None
    hub.add("me/net", {"config.json": b"{}"})
    assert sent(push(dry_run=True)) == {"README.md", "model.onnx"}
    push()
    assert sent(push(dry_run=True)) == set()
    hub.requests.clear()
    push(FILES | {"config.json": b"new"}, dry_run=True, tag="v1", branch="b")
    assert {request.method for request in hub.requests} == {"GET"}


def test_a_file_on_disk_is_sent_like_bytes(hub, push, tmp_path: Path):
    (tmp_path / "model.onnx").write_bytes(MODEL)
    push({"model.onnx": tmp_path / "model.onnx"})
    assert hub.repositories["me/net"].files() == {"model.onnx": MODEL}


def test_warnings_about_the_card_become_notes(hub, push):
    done = push(FILES | {"README.md": b"no front matter"})
    assert ["empty or missing yaml metadata" in note for note in done.notes] == [True]


# What goes wrong


def test_a_commit_whose_answer_is_lost_is_not_made_twice(hub, push):
    hub.faults.lose_answer(path="/commit/")
    done = push()
    assert hub.repositories["me/net"].files() == FILES
    assert len(hub.repositories["me/net"].history()) == 2
    assert done.commit == hub.repositories["me/net"].head().sha
    assert sent(done) == set(FILES)


def test_a_pull_request_whose_answer_is_lost_is_not_opened_twice(hub, push):
    hub.add("me/net", {})
    hub.faults.lose_answer(path="/commit/")
    assert push(propose=True).pull_request
    assert set(hub.repositories["me/net"].pull_requests) == {"refs/pr/1"}


@pytest.mark.parametrize("path", ["/repos/create", "/branch/", "/tag/"])
def test_other_lost_answers_do_no_harm(hub, push, path):
    hub.faults.lose_answer(path=path)
    push(branch="small", tag="v1")
    assert hub.repositories["me/net"].files("small") == FILES
    assert list(hub.repositories["me/net"].tags) == ["v1"]


STEPS = (
    "/whoami-v2",
    "/repos/create",
    "/refs",
    "/tree/",
    "/preupload/",
    "/objects/batch",
    "/uploads/",
    "/objects/verify",
    "/validate-yaml",
    "/commit/",
)


@pytest.mark.parametrize("path", STEPS)
@pytest.mark.parametrize("status", [500, 503, 429])
def test_trouble_that_passes_is_waited_for(hub, push, path, status):
    hub.faults.status(status, path=path)
    push()
    assert hub.repositories["me/net"].files() == FILES
    assert len(hub.repositories["me/net"].history()) == 2


# The bytes have arrived when this fails, and the next attempt finds them.
@pytest.mark.parametrize("path", [path for path in STEPS if path != "/objects/verify"])
def test_trouble_that_stays_ends_in_one_line_and_another_push_completes(hub, push, path):
    fault = hub.faults.status(500, path=path, times=None)
    assert "HTTP 500" in refusal(push)
    assert hub.repositories.get("me/net") is None or hub.repositories["me/net"].files() == {}
    hub.faults.pending.remove(fault)
    push()
    assert hub.repositories["me/net"].files() == FILES


def test_a_limit_is_waited_out_as_long_as_the_hub_asks(hub, push, slept):
    hub.faults.status(429, path="/commit/", headers={"Retry-After": "7"})
    push()
    assert slept == [7]


@pytest.mark.parametrize(
    ("status", "path", "words"),
    [
        (401, "/commit/", "may have expired"),
        (401, "/preupload/", "may have expired"),
        (402, "/repos/create", "pay for more space"),
        (403, "/commit/", "does not let this token write"),
        (403, "/repos/create", "does not let this token write"),
        (403, "/uploads/", "does not let this token write"),
        (404, "/commit/", "knows no such repository"),
        (413, "/commit/", "does not take files of this size"),
        (413, "/uploads/", "does not take files of this size"),
        (409, "/commit/", "is busy with another change"),
        (412, "/commit/", "another commit than the one that was looked at"),
    ],
)
def test_a_refusal_ends_in_one_line_and_changes_nothing(hub, push, status, path, words):
    fault = hub.faults.status(status, path=path, times=None)
    message = refusal(push)
    assert words in message
    assert f"HTTP {status}" in message
    assert hub.repositories.get("me/net") is None or hub.repositories["me/net"].files() == {}
    hub.faults.pending.remove(fault)
    push()
    assert hub.repositories["me/net"].files() == FILES


@pytest.mark.parametrize("status", [409, 412])
def test_a_conflict_is_looked_at_again_once(hub, push, status):
    hub.faults.status(status, path="/commit/")
    push()
    assert hub.repositories["me/net"].files() == FILES


def between(hub, monkeypatch, change: Callable[[], object]) -> None:
    """Have something done after the look at the repository and before the first commit."""
    commit = HfApi.create_commit
    changes = [change]

    def create_commit(self, *arguments, **options):
        if changes:
            changes.pop()()
        return commit(self, *arguments, **options)

    monkeypatch.setattr(HfApi, "create_commit", create_commit)


def test_changes_of_others_to_other_files_are_kept(hub, push, monkeypatch):
    hub.add("me/net", {"config.json": b"old"})
    between(hub, monkeypatch, lambda: hub.add("me/net", {"notes.txt": b"theirs"}))
    push()
    assert hub.repositories["me/net"].files() == FILES | {"notes.txt": b"theirs"}
    assert len(hub.asked("POST", "/commit/")) == 2


def test_changes_of_others_to_the_same_files_are_not_overwritten(hub, push, monkeypatch):
    hub.add("me/net", {"config.json": b"old"})
    between(hub, monkeypatch, lambda: hub.add("me/net", {"config.json": b"theirs"}))
    assert "someone else changed config.json" in refusal(push)
    assert hub.repositories["me/net"].files() == {"config.json": b"theirs"}


def test_someone_who_pushed_the_same_meanwhile_is_no_trouble(hub, push, monkeypatch):
    hub.add("me/net", {})
    theirs = {path: File(data, lfs=path == "model.onnx") for path, data in FILES.items()}
    between(hub, monkeypatch, lambda: hub.add("me/net", theirs))
    done = push()
    assert done.commit == hub.repositories["me/net"].head().sha
    assert len(hub.repositories["me/net"].history()) == 3


def test_an_upload_that_is_cut_off_goes_on(hub, push):
    hub.faults.cut_upload(after=1000, path="/uploads/")
    push()
    assert hub.repositories["me/net"].files() == FILES


def test_an_upload_that_is_always_cut_off_leaves_the_repository_as_it_was(hub, push):
    fault = hub.faults.cut_upload(after=1000, path="/uploads/", times=None)
    assert "cannot be reached" in refusal(push)
    assert hub.repositories["me/net"].files() == {}
    hub.faults.pending.remove(fault)
    push()
    assert hub.repositories["me/net"].files() == FILES


def test_a_second_push_does_not_send_what_has_arrived(hub, push):
    fault = hub.faults.status(403, path="/commit/", times=None)
    refusal(push)
    hub.faults.pending.remove(fault)
    hub.requests.clear()
    push()
    assert written(hub, "PUT") == []


BLIND = ("/uploads/", "/objects/verify")
"""Where the client looks at nothing but the status."""


@pytest.mark.parametrize("path", [path for path in STEPS if path not in BLIND])
def test_a_sign_in_page_in_the_place_of_an_answer_is_recognised(hub, push, path):
    hub.faults.sign_in_page(path=path)
    assert "what answered is not the Hub" in refusal(push)
    assert hub.repositories.get("me/net") is None or hub.repositories["me/net"].files() == {}


def test_a_sign_in_page_that_swallows_a_file_leads_to_no_commit(hub, push):
    hub.faults.sign_in_page(path="/uploads/")
    assert "does not find a file that was sent" in refusal(push)
    assert hub.repositories["me/net"].files() == {}


def test_files_that_the_repository_ignores_are_named_and_nothing_is_committed(hub, push):
    hub.add("me/net", {".gitignore": b"*.onnx\n"})
    assert "its .gitignore keeps out model.onnx" in refusal(push)
    assert hub.repositories["me/net"].files() == {".gitignore": b"*.onnx\n"}


def test_a_card_that_the_hub_does_not_take_is_refused_before_the_commit(hub, push):
    message = refusal(push, FILES | {"README.md": b"---\nmodel-index: [{a: 1}]\n---\n"})
    assert 'Invalid metadata in README.md. - "model-index[0]" must have' in message
    assert hub.repositories["me/net"].files() == {}


def test_a_name_that_hides_a_private_repository_of_others_is_called_taken(hub, push):
    hub.add("ours/net", {}, private=True)
    hub.faults.status(404, path="/api/models/ours/net", times=None, code="RepoNotFound")
    with pytest.raises(HubError, match="the name is taken"):
        push(repo_id="ours/net")


def test_a_tag_that_is_refused_says_that_the_files_are_there(hub, push):
    hub.faults.status(403, path="/tag/", times=None)
    assert "the files are there, as commit" in refusal(push, tag="v1")
    assert hub.repositories["me/net"].files() == FILES
    hub.faults.clear()
    push(tag="v1")
    assert list(hub.repositories["me/net"].tags) == ["v1"]
