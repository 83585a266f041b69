"""`push` and `run --push`, as a user types them."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_server import WRITE_TOKEN, HubServer
from tests.pipeline.conftest import Case
from zoo_compress.cli.main import main
from zoo_compress.cli.run_push import present_and_push, run_before_push
from zoo_compress.core import ignore_progress
from zoo_compress.errors import HubError, SearchInterrupted
from zoo_compress.pipeline import PushSettings, RunResult


@pytest.fixture(autouse=True)
def hub(hub_in_use: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> HubServer:
    monkeypatch.setenv("HF_TOKEN", WRITE_TOKEN)
    monkeypatch.setenv("ZOO_COMPRESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return hub_in_use


def run_arguments(case: Case, *more: str) -> list[str]:
    recipe = str(case.model.with_name("quick.yaml"))
    asked = ["--budget", "0.3", "--data", str(case.data), "--recipe", recipe, "--trials", "1"]
    return ["run", str(case.model), *asked, "--out", "made", *more]


def test_a_push_lists_the_files_and_says_where_they_are(hub, made_run: Case, capsys) -> None:
    assert main(["push", str(made_run.out), "me/small"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == sorted(hub.repositories["me/small"].files())
    assert lines[-1].startswith("made a public repository and pushed 9 files, ")
    assert f"{hub.endpoint}/me/small/commit/" in lines[-1]
    assert main(["push", str(made_run.out), "me/small"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.endswith("unchanged") for line in lines[:-1])
    assert lines[-1] == f"nothing changed: {hub.endpoint}/me/small holds these files"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "would make the public repository me/small and commit 9 files"),
        (["--private"], "would make the private repository me/small and commit 9 files"),
        (["--branch", "b", "--tag", "v1"], "commit to branch 'b' and tag as v1 9 files"),
    ],
)
def test_a_rehearsal_says_what_would_be_done(hub, made_run, capsys, options, sentence) -> None:
    assert main(["push", str(made_run.out), "me/small", "--dry-run", *options]) == 0
    assert sentence in capsys.readouterr().out
    assert {request.method for request in hub.requests} == {"GET"}


def test_a_pull_request_is_named(hub, made_run: Case, capsys) -> None:
    hub.add("me/small", {})
    assert main(["push", str(made_run.out), "me/small", "--pr"]) == 0
    page = f"{hub.endpoint}/me/small/discussions/1"
    assert "opened a pull request with 9 files, " in capsys.readouterr().out
    assert main(["push", str(made_run.out), "me/small", "--pr"]) == 0
    assert f"nothing to do: an open pull request holds these files: {page}" in (
        capsys.readouterr().out
    )


def test_json_is_one_document(made_run: Case, capsys) -> None:
    assert main(["push", str(made_run.out), "me/small", "--private", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["private"] is True
    assert record["created"] is True
    assert record["changed"] == len(record["files"]) == 9
    assert {"path", "bytes", "sha256", "changed"} == set(record["files"][0])


def link(folder: Path) -> None:
    (folder / "config.json").rename(folder / "real.json")
    (folder / "config.json").symlink_to(folder / "real.json")


def edit_model(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"other")


def edit_record(folder: Path) -> None:
    edit_model(folder)
    report = json.loads((folder / "run.json").read_text())
    digest = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"
    report["files"]["model.onnx"] = {"bytes": 5, "sha256": digest}
    (folder / "run.json").write_text(json.dumps(report))


def forbid(folder: Path) -> None:
    report = json.loads((folder / "run.json").read_text())
    report["origin"]["licence"] = "cc-by-nd-4.0"
    (folder / "run.json").write_text(json.dumps(report))


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (link, 9, "is a link"),
        (edit_model, 9, "was changed since the run"),
        (edit_record, 11, "the model does not open"),
        (forbid, 18, "does not allow changed versions to be shared"),
    ],
)
def test_what_must_not_go_out_ends_in_one_line(hub, finished, capsys, spoil, code, words) -> None:
    spoil(finished.out)
    assert main(["push", str(finished.out), "me/small"]) == code
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert words in error
    assert hub.repositories == {}


def test_a_push_that_could_not_succeed_is_found_out_before_the_run(
    made_run: Case, capsys, monkeypatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    assert main(run_arguments(made_run, "--push", "me/small")) == 16
    assert "hf auth login" in capsys.readouterr().err
    assert not Path("made").exists()


def ended(case: Case) -> RunResult:
    """What a run returns that has just ended."""
    report = json.loads((case.out / "run.json").read_text("utf-8"))
    return RunResult(report=report, folder=case.out)


WANTED = PushSettings(repo_id="me/small", private=True)


def test_a_push_that_fails_after_the_run_hides_nothing_of_it(hub, made_run: Case, capsys) -> None:
    hub.faults.status(403, path="/commit/", times=None)
    with pytest.raises(HubError, match=r"`zoo-compress push \S+ me/small --private` goes on"):
        present_and_push(ended(made_run), WANTED, as_json=False)
    assert "times smaller" in capsys.readouterr().out
    hub.faults.clear()
    assert main(["push", str(made_run.out), "me/small", "--private"]) == 0


def test_a_run_that_is_stopped_says_that_nothing_was_pushed(made_run: Case, monkeypatch) -> None:
    def stopped(*arguments: object, **options: object) -> None:
        raise SearchInterrupted("stopped after 1 of 60 trials")

    monkeypatch.setattr("zoo_compress.pipeline.run", stopped)
    with pytest.raises(SearchInterrupted, match=r"nothing was pushed, `zoo-compress push made me"):
        run_before_push(
            made_run.settings(out=Path("made")), WANTED, began=0, progress=ignore_progress
        )


def test_a_resumed_run_says_how_to_push_it_where_that_was_asked_for(
    hub, made_run: Case, capsys
) -> None:
    recipe = str(made_run.model.with_name("quick.yaml"))
    asked = made_run.settings(out=Path("made run"), recipe=recipe, trials=1)
    run_before_push(asked, WANTED, began=0, progress=ignore_progress)
    assert main(["resume", "made run", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["source"] == str(made_run.model)
    command = "zoo-compress push 'made run' me/small --private"
    assert shown.err.splitlines()[-1].endswith(f"`{command}` does that")
    assert main(shlex.split(command)[1:]) == 0
    assert "run.json" in hub.repositories["me/small"].files()


def test_json_of_a_run_tells_of_its_push(hub, made_run: Case, capsys) -> None:
    hub.faults.status(403, path="/commit/", times=None)
    with pytest.raises(HubError):
        present_and_push(ended(made_run), WANTED, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["push"] is None
    assert document["compressed_bytes"] < document["original_bytes"]
    hub.faults.clear()
    present_and_push(ended(made_run), WANTED, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["push"]["repo_id"] == "me/small"
    assert document["compressed_bytes"] < document["original_bytes"]


@pytest.mark.parametrize(
    "options",
    [["--private"], ["--pr"], ["--tag", "v1"], ["--layout", "transformers-js"]],
)
def test_options_of_a_push_need_a_push(made_run: Case, capsys, options) -> None:
    assert main(run_arguments(made_run, *options)) == 2
    assert "needs --push OWNER/NAME" in capsys.readouterr().err
    assert not Path("made").exists()


def zoo_compress(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "zoo_compress.cli.main", *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_token_is_never_printed_or_stored(hub, made_run: Case, tmp_path: Path) -> None:
    """By the command as users start it, when all goes well and when it does not."""
    secret = "hf_SecretOfTheTest"
    hub.tokens[secret] = hub.tokens[WRITE_TOKEN]
    variables = hub.variables(secret) | {"HF_HOME": str(tmp_path / "hub-home"), "HF_DEBUG": "1"}
    ended = [zoo_compress(*run_arguments(made_run, "--push", "me/small"), **variables)]
    hub.faults.status(403, path="/commit/", times=None)
    ended.append(zoo_compress("push", "made", "me/other", **variables))
    assert [process.returncode for process in ended] == [0, 16]
    assert "made a public repository and pushed 9 files, " in ended[0].stdout
    assert any(request.token == secret for request in hub.requests)
    for process in ended:
        assert secret not in process.stdout + process.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tmp_path / "made" / "run.json" in files
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert all(
        secret.encode() not in data for data in hub.repositories["me/small"].files().values()
    )
