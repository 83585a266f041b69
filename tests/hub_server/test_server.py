"""The server against the real client: what the other tests of the Hub rely on."""

import os
import subprocess
import sys

import httpx2
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import (
    BadRequestError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import hf_raise_for_status

from tests.hub_server import EXPIRED_TOKEN, READ_TOKEN, STRANGER_TOKEN, WRITE_TOKEN

BIG = bytes(range(256)) * 2000


@pytest.fixture
def api(hub) -> HfApi:
    """The client with a token that may write."""
    return hub.api(WRITE_TOKEN)


def push(api, repo_id="me/net", files=None, **options):
    files = {"model.onnx": BIG, "config.json": b"{}"} if files is None else files
    adds = [CommitOperationAdd(path, data) for path, data in files.items()]
    return api.create_commit(repo_id, adds, commit_message="push", **options)


def downloaded(api, repo_id, name, folder, **options) -> bytes:
    with open(api.hf_hub_download(repo_id, name, local_dir=folder, **options), "rb") as file:
        return file.read()


def test_a_file_comes_back_from_the_commit_that_it_was_put_in(hub, tmp_path):
    first = hub.add("me/net", {"model.onnx": BIG, "README.md": b"one"})
    hub.add("me/net", {"README.md": b"two"})
    api = hub.api()
    assert downloaded(api, "me/net", "model.onnx", tmp_path) == BIG
    assert downloaded(api, "me/net", "README.md", tmp_path) == b"two"
    old = downloaded(api, "me/net", "README.md", tmp_path / "old", revision=first.sha)
    assert old == b"one"


def test_no_token_reaches_the_host_of_large_files(hub, tmp_path):
    hub.add("me/net", {"model.onnx": BIG})
    downloaded(hub.api(WRITE_TOKEN), "me/net", "model.onnx", tmp_path)
    tokens = {request.host: request.token for request in hub.requests}
    assert tokens == {"hub": WRITE_TOKEN, "cdn": None}


def test_a_large_file_comes_by_xet_where_the_hub_offers_it(hub, tmp_path):
    hub.xet_downloads = True
    hub.add("me/net", {"model.onnx": BIG})
    assert downloaded(hub.api(), "me/net", "model.onnx", tmp_path) == BIG
    assert hub.asked(path="xet-read-token")
    assert hub.fetched == []


def test_info_and_tree_say_sizes_and_hashes(hub):
    commit = hub.add("me/net", {"onnx/model.onnx": BIG, "config.json": b"{}"}, gated=True)
    info = hub.api().model_info("me/net", files_metadata=True)
    assert (info.sha, info.gated) == (commit.sha, "manual")
    found = {s.rfilename: (s.size, s.lfs and s.lfs.sha256, s.blob_id) for s in info.siblings}
    hub.page_length = 2
    entries = hub.api().list_repo_tree("me/net", recursive=True)
    files = [entry for entry in entries if hasattr(entry, "size")]
    assert found == {f.path: (f.size, f.lfs and f.lfs.sha256, f.blob_id) for f in files}
    assert found["config.json"] == (2, None, "9e26dfeeb6e641a33dae4961196235bdb965b21b")


def test_paths_info_tells_files_and_folders(hub):
    hub.add("me/net", {"onnx/model.onnx": BIG})
    found = hub.api().get_paths_info("me/net", ["onnx/model.onnx", "onnx", "gone"])
    assert [entry.path for entry in found] == ["onnx/model.onnx", "onnx"]


def test_a_push_by_xet_is_one_commit_with_all_files(hub, api):
    api.create_repo("me/net")
    done = push(api)
    assert hub.asked(path="xet-write-token")
    assert hub.repositories["me/net"].head().sha == done.oid
    assert hub.repositories["me/net"].files() == {"model.onnx": BIG, "config.json": b"{}"}


@pytest.mark.parametrize("part_bytes", [None, 100_000])
def test_a_push_by_lfs_arrives_whole_or_in_parts(part_bytes, hub, api, without_xet):
    hub.part_bytes = part_bytes
    api.create_repo("me/net")
    push(api)
    assert hub.repositories["me/net"].files()["model.onnx"] == BIG
    assert len(hub.asked("PUT")) == (1 if part_bytes is None else 6)


def test_what_is_there_already_makes_no_commit(hub, api):
    hub.add("me/net", {"model.onnx": BIG, "config.json": b"{}"})
    before = hub.repositories["me/net"].head().sha
    assert push(api).oid == before
    assert not hub.asked("POST", "/commit/")


def test_a_commit_on_an_old_parent_is_refused(hub, api):
    old = hub.add("me/net").sha
    hub.add("me/net", {"a.txt": b"a"})
    with pytest.raises(HfHubHTTPError, match="412"):
        push(api, parent_commit=old)
    assert set(hub.repositories["me/net"].files()) == {"a.txt"}


def test_a_commit_with_one_bad_line_changes_nothing(hub, api):
    hub.add("me/net")
    operations = [CommitOperationAdd("a.txt", b"a"), CommitOperationDelete("gone.txt")]
    with pytest.raises(RemoteEntryNotFoundError):
        api.create_commit("me/net", operations, commit_message="both")
    assert hub.repositories["me/net"].files() == {}


def test_a_pull_request_leaves_the_branch_alone(hub, api, tmp_path):
    hub.add("me/net")
    done = push(api, create_pr=True)
    assert (done.pr_revision, done.pr_url) == ("refs/pr/1", f"{hub.endpoint}/me/net/discussions/1")
    assert hub.repositories["me/net"].files() == {}
    config = downloaded(api, "me/net", "config.json", tmp_path, revision="refs/pr/1")
    assert config == b"{}"
    push(api, files={"more.txt": b"more"}, revision="refs/pr/1")
    assert "more.txt" in hub.repositories["me/net"].files("refs/pr/1")


def test_branches_and_tags_are_listed_and_kept_apart(hub, api):
    first = hub.add("me/net").sha
    api.create_branch("me/net", branch="dev/new")
    api.create_tag("me/net", tag="v1")
    push(api, revision="dev/new")
    refs = api.list_repo_refs("me/net", include_pull_requests=True)
    assert [tag.target_commit for tag in refs.tags] == [first]
    assert {branch.name: branch.target_commit == first for branch in refs.branches} == {
        "main": True,
        "dev/new": False,
    }
    titles = [commit.title for commit in api.list_repo_commits("me/net", revision="dev/new")]
    assert titles == ["push", "add files", "initial commit"]


def test_a_repository_is_made_once(hub, api):
    api.create_repo("me/net", private=True)
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo("me/net")
    assert api.create_repo("me/net", exist_ok=True).repo_id == "me/net"
    assert hub.repositories["me/net"].private
    api.create_repo("ours/net")
    api.delete_repo("me/net")
    assert list(hub.repositories) == ["ours/net"]


def test_a_card_with_broken_metadata_is_refused(hub, api):
    hub.add("me/net")
    with pytest.raises(ValueError, match="Invalid metadata"):
        push(api, files={"README.md": b"---\nmodel-index: [{}]\n---\n"})
    push(api, files={"README.md": b"---\nlicense: mit\n---\n"})


def test_tokens_say_who_asks(hub):
    assert hub.api(WRITE_TOKEN).whoami()["name"] == "me"
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        hub.api(EXPIRED_TOKEN).whoami()


def test_a_token_to_read_cannot_write(hub):
    hub.add("me/net")
    with pytest.raises(HfHubHTTPError, match=r"403 Forbidden.*write role"):
        push(hub.api(READ_TOKEN))
    with pytest.raises(HfHubHTTPError, match=r"403 Forbidden.*write role"):
        hub.api(READ_TOKEN).create_repo("me/other")


def test_a_private_repository_is_hidden_from_others(hub):
    hub.add("me/net", private=True)
    assert hub.api(READ_TOKEN).model_info("me/net").private
    for token in (False, STRANGER_TOKEN):
        with pytest.raises(RepositoryNotFoundError):
            hub.api(token).model_info("me/net")


def test_a_gated_repository_shows_its_info_but_no_file(hub, tmp_path):
    hub.add("me/net", {"config.json": b"{}"}, gated=True)
    for token in (False, STRANGER_TOKEN):
        hub.api(token).model_info("me/net")
        with pytest.raises(GatedRepoError):
            downloaded(hub.api(token), "me/net", "config.json", tmp_path)
    hub.repositories["me/net"].admitted.add("stranger")
    assert downloaded(hub.api(STRANGER_TOKEN), "me/net", "config.json", tmp_path) == b"{}"


def test_what_is_missing_is_named(hub, tmp_path):
    hub.add("me/net")
    with pytest.raises(RevisionNotFoundError):
        hub.api().model_info("me/net", revision="v9")
    with pytest.raises(RemoteEntryNotFoundError):
        downloaded(hub.api(), "me/net", "gone.txt", tmp_path)
    with pytest.raises(RepositoryNotFoundError):
        hub.api().model_info("me/gone")


def test_a_status_counts_down(hub):
    hub.add("me/net")
    hub.faults.status(500, path="/api/models/", times=2)
    for _ in range(2):
        with pytest.raises(HfHubHTTPError, match="500"):
            hub.api().model_info("me/net")
    assert hub.api().model_info("me/net").id == "me/net"


def test_the_client_waits_as_long_as_it_is_told(hub, waits, tmp_path):
    hub.add("me/net", {"model.onnx": BIG})
    hub.faults.status(429, method="GET", path="/blobs/", headers={"Retry-After": "7"})
    assert downloaded(hub.api(), "me/net", "model.onnx", tmp_path) == BIG
    assert waits == [8]


def test_a_cut_download_is_resumed_where_it_ended(hub, waits, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    hub.add("me/net", {"model.onnx": BIG})
    hub.faults.cut(after=100_000, path="/blobs/")
    assert downloaded(hub.api(), "me/net", "model.onnx", tmp_path) == BIG
    ranges = [request.headers.get("range") for request in hub.requests if request.host == "cdn"]
    assert ranges == [None, "bytes=100000-"]


def test_a_corrupted_file_has_the_size_of_the_right_one(hub, tmp_path):
    hub.add("me/net", {"model.onnx": BIG})
    hub.faults.corrupt(path="/blobs/")
    got = downloaded(hub.api(), "me/net", "model.onnx", tmp_path)
    assert (len(got), got == BIG) == (len(BIG), False)


def test_a_cut_upload_fails_or_is_sent_again(hub, api, without_xet, waits):
    hub.add("me/net")
    hub.faults.cut_upload(after=1000, path="/uploads/")
    push(api)
    assert hub.repositories["me/net"].files()["model.onnx"] == BIG
    assert len(waits) == 1


def test_a_lost_answer_leaves_what_was_done(hub, api):
    hub.add("me/net")
    hub.faults.lose_answer(path="/commit/")
    with pytest.raises(httpx2.RemoteProtocolError):
        push(api)
    assert "config.json" in hub.repositories["me/net"].files()


def test_a_sign_in_page_takes_the_place_of_every_answer(hub):
    hub.faults.sign_in_page()
    with pytest.raises(ValueError, match="Expecting value"):
        hub.api().model_info("me/net")


def test_bytes_that_were_not_announced_are_refused(hub):
    answer = httpx2.put(f"{hub.cdn}/uploads/{'0' * 64}", content=b"other")
    with pytest.raises(BadRequestError, match="not those that were announced"):
        hf_raise_for_status(answer)


def test_another_process_uses_it_by_its_variables(hub):
    hub.xet_downloads = True
    hub.add("me/net", {"model.onnx": BIG})
    script = (
        "import sys; from huggingface_hub import HfApi, CommitOperationAdd as Add; a = HfApi();"
        "p = a.hf_hub_download('me/net', 'model.onnx', local_dir=sys.argv[1]);"
        "a.create_commit('me/net', [Add('b.onnx', p)], commit_message='copy')"
    )
    environment = {**os.environ, **hub.variables()}
    folder = os.environ["HF_HOME"] + "/copy"
    subprocess.run([sys.executable, "-c", script, folder], env=environment, check=True)
    assert hub.repositories["me/net"].files()["b.onnx"] == BIG
