"""From the folder of a run to the Hub and back."""

import importlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.hub_server import READ_TOKEN, WRITE_TOKEN, HubServer
from tests.pipeline.conftest import Case
from zoo_compress import errors
from zoo_compress.pipeline import (
    CertifySettings,
    PushResult,
    PushSettings,
    apply,
    certify_pair,
    check_push,
    push,
    push_after_run,
)


@pytest.fixture(autouse=True)
def hub(hub_in_use: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> HubServer:
    monkeypatch.setenv("HF_TOKEN", WRITE_TOKEN)
    monkeypatch.setenv("ZOO_COMPRESS_CACHE", str(tmp_path / "cache"))
    return hub_in_use


def to(repo_id: str = "me/small", **wishes: object) -> PushSettings:
    return PushSettings(repo_id=repo_id, **wishes)  # type: ignore[arg-type]


def edit_report(folder: Path, **changes: object) -> None:
    report = json.loads((folder / "run.json").read_text("utf-8"))
    (folder / "run.json").write_text(json.dumps(report | changes), "utf-8")


def with_origin(folder: Path, **changes: object) -> None:
    report = json.loads((folder / "run.json").read_text("utf-8"))
    edit_report(folder, origin=report["origin"] | changes)


def with_model(folder: Path, content: bytes) -> None:
    """Put another model into a run, and have the record agree with it."""
    from zoo_compress.pipeline.run_files import file_records

    (folder / "model.onnx").write_bytes(content)
    report = json.loads((folder / "run.json").read_text("utf-8"))
    edit_report(folder, files=report["files"] | file_records(folder, ["model.onnx"]))


# There


def test_a_run_is_pushed_with_all_that_makes_it_again(hub: HubServer, made_run: Case) -> None:
    done = push(made_run.out, to())
    files = hub.repositories["me/small"].files()
    assert set(files) == {
        "README.md",
        "card-frontier.png",
        "card-weights.png",
        "config.json",
        "model.onnx",
        "plan.json",
        "recipe.yaml",
        "run.json",
        "split.json",
    }
    assert files["model.onnx"] == (made_run.out / "model.onnx").read_bytes()
    assert [file.path for file in done.changed] == sorted(files)
    assert done.created
    assert not done.private
    assert done.notes == ()
    assert "% of its size" in hub.repositories["me/small"].head().title


def test_pushing_again_says_that_nothing_changed(hub: HubServer, made_run: Case) -> None:
    first = push(made_run.out, to())
    again = push(made_run.out, to())
    assert again.changed == ()
    assert again.commit == first.commit
    assert len(hub.repositories["me/small"].history()) == 2


def test_the_layout_for_the_browser_has_the_model_in_a_folder(
    hub: HubServer, made_run: Case
) -> None:
    push(made_run.out, to(layout="transformers-js", message="for the browser"))
    files = hub.repositories["me/small"].files()
    assert {"onnx/model_quantized.onnx", "config.json", "README.md"} <= set(files)
    assert "model.onnx" not in files
    assert hub.repositories["me/small"].head().title == "for the browser"
    done = push(made_run.out, to())
    assert ["which stay: onnx/model_quantized.onnx" in note for note in done.notes] == [True]


def test_a_rehearsal_lists_the_files_and_writes_nothing(hub: HubServer, made_run: Case) -> None:
    done = push(made_run.out, to(dry_run=True))
    assert {request.method for request in hub.requests} == {"GET"}
    assert all(file.changed and file.bytes > 0 for file in done.files)
    assert done.record()["dry_run"] is True
    assert done.commit is None


def test_a_card_that_was_added_to_is_pushed_as_it_is(hub: HubServer, finished: Case) -> None:
    with (finished.out / "README.md").open("a") as file:
        file.write("\nMade with care.\n")
    push(finished.out, to())
    assert hub.repositories["me/small"].files()["README.md"].endswith(b"Made with care.\n")


# And back


def test_the_pulled_model_is_certified_with_the_figures_of_the_run(made_run: Case) -> None:
    push(made_run.out, to(layout="transformers-js"))
    asked = CertifySettings(
        original=str(made_run.model), compressed=str(made_run.out), data=str(made_run.data)
    )
    before = certify_pair(asked)
    after = certify_pair(replace(asked, compressed="me/small"))
    assert after.certificates == before.certificates
    assert after.inputs == before.inputs < 120
    assert after.compressed_bytes == before.compressed_bytes
    assert ["its search saw them" in note for note in after.notes] == [True]


def test_the_pushed_plan_makes_the_same_bytes_again(made_run: Case, tmp_path: Path) -> None:
    commit = push(made_run.out, to(tag="v1")).commit
    for number, plan in enumerate(("me/small", f"me/small@{commit}:plan.json", "me/small@v1")):
        out = tmp_path / f"{number}.onnx"
        apply(str(made_run.model), plan=plan, data=str(made_run.data), out=out)
        assert out.read_bytes() == (made_run.out / "model.onnx").read_bytes()


def test_a_pushed_plan_asks_for_the_inputs_of_the_repair(made_run: Case, tmp_path: Path) -> None:
    push(made_run.out, to())
    with pytest.raises(errors.InputError, match=r"from 'data\.npz', which is not here.*--data"):
        apply(str(made_run.model), plan="me/small", out=tmp_path / "a.onnx")
    samples = np.random.default_rng(9).standard_normal((120, 3, 8, 8)).astype(np.float32)
    np.savez(tmp_path / "others.npz", x=samples)
    with pytest.raises(errors.PlanError, match="calibrated on other inputs"):
        apply(
            str(made_run.model),
            plan="me/small",
            data=str(tmp_path / "others.npz"),
            out=tmp_path / "a.onnx",
        )


def test_a_plan_that_the_repository_lacks_is_named(hub: HubServer, tmp_path: Path) -> None:
    hub.add("me/empty", {})
    with pytest.raises(errors.HubError, match=r"'me/empty' has no file 'plan\.json'"):
        apply("model.onnx", plan="me/empty", out=tmp_path / "a.onnx")
    with pytest.raises(errors.HubError, match="no revision 'v9'"):
        apply("model.onnx", plan="me/empty@v9", out=tmp_path / "a.onnx")


# The gate


@pytest.mark.parametrize("content", [b"no model at all", b""])
def test_a_file_that_does_not_open_is_not_pushed(hub, finished: Case, content: bytes) -> None:
    with_model(finished.out, content)
    with pytest.raises(errors.PublishGateError, match="does not open"):
        push(finished.out, to())
    assert hub.repositories == {}


def changed(model: Path, change: Callable[[np.ndarray], np.ndarray]) -> bytes:
    """Return the original with other weights in its last layer."""
    import onnx
    from onnx import numpy_helper

    proto = onnx.load(model)
    for tensor in proto.graph.initializer:
        if tensor.name == "head":
            tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), "head"))
    content: bytes = proto.SerializeToString()
    return content


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda weight: np.full_like(weight, np.nan), "NaN or infinite"),
        (lambda weight: -weight, "near chance"),
        (lambda weight: np.zeros_like(weight), "near chance"),
    ],
)
def test_a_model_that_answers_wrongly_is_not_pushed(hub, finished: Case, change, words) -> None:
    with_model(finished.out, changed(finished.model, change))
    with pytest.raises(errors.PublishGateError, match=words):
        push(finished.out, to())
    assert hub.repositories == {}


def moved(case: Case, **changes: str) -> None:
    """Have the run's settings name files that are not there any more."""
    path = case.out / "settings.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def test_without_the_original_the_outputs_only_have_to_be_finite(finished: Case) -> None:
    moved(finished, source="/somewhere/else.onnx")
    done = push(finished.out, to())
    assert ["the original, which is not at hand" in note for note in done.notes] == [True]
    with_model(finished.out, changed(finished.model, lambda weight: weight * np.nan))
    with pytest.raises(errors.PublishGateError, match="NaN"):
        push(finished.out, to())


def test_without_the_inputs_synthetic_ones_stand_in(finished: Case) -> None:
    moved(finished, data="/somewhere/else.npz")
    done = push(finished.out, to())
    assert ["checked on synthetic inputs" in note for note in done.notes] == [True]


def test_another_model_in_the_place_of_the_original_is_not_compared_with(
    finished: Case, tmp_path: Path
) -> None:
    (tmp_path / "other.onnx").write_bytes(changed(finished.model, np.zeros_like))
    moved(finished, source=str(tmp_path / "other.onnx"))
    done = push(finished.out, to())
    assert ["is another model now" in note for note in done.notes] == [True]


def test_what_is_no_finished_run_is_refused_before_the_hub_is_asked(hub, finished: Case) -> None:
    (finished.out / "run.json").unlink()
    with pytest.raises(errors.OutputError, match="was not finished"):
        push(finished.out, to())
    assert hub.requests == []


# Licences


NO_DERIVATIVES = {"licence": "cc-by-nc-nd-4.0"}
GATED = {"gated": True}


@pytest.mark.parametrize("origin", [NO_DERIVATIVES, GATED])
def test_what_may_not_be_shared_is_pushed_to_private_repositories_only(
    hub, finished: Case, origin
) -> None:
    with_origin(finished.out, **origin)
    with pytest.raises(errors.LicenceError, match="--private"):
        push(finished.out, to())
    assert hub.repositories == {}
    assert push(finished.out, to(private=True)).private
    assert hub.repositories["me/small"].private
    assert push(finished.out, to()).changed == ()


def test_a_pull_request_to_a_public_repository_is_public_too(hub, finished: Case) -> None:
    hub.add("someone/net", {})
    with_origin(finished.out, **NO_DERIVATIVES)
    with pytest.raises(errors.LicenceError):
        push(finished.out, to("someone/net", pr=True))


def test_a_licence_that_is_not_said_gets_a_note(finished: Case) -> None:
    with_origin(finished.out, licence=None)
    done = push(finished.out, to())
    assert ["does not say under which licence" in note for note in done.notes] == [True]


# Before and after a run


def test_a_run_that_could_be_pushed_passes_the_check(hub, made_run: Case) -> None:
    check_push(str(made_run.model), to())
    assert {request.method for request in hub.requests} == {"GET"}


def test_a_check_finds_what_a_push_would_fail_on(hub, made_run: Case, tmp_path, monkeypatch):
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-nd-4.0\n---\n")
    (tmp_path / "net.onnx").write_bytes(made_run.model.read_bytes())
    with pytest.raises(errors.LicenceError):
        check_push(str(tmp_path / "net.onnx"), to())
    check_push(str(tmp_path / "net.onnx"), to(private=True))
    monkeypatch.setenv("HF_TOKEN", READ_TOKEN)
    with pytest.raises(errors.HubError, match="may only read"):
        check_push(str(made_run.model), to())
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(errors.HubError, match="there is none"):
        check_push(str(made_run.model), to())


def test_a_gated_original_on_the_hub_is_found_out_before_the_run(hub, made_run: Case) -> None:
    hub.add("me/net", {"model.onnx": made_run.model.read_bytes()}, gated=True)
    with pytest.raises(errors.LicenceError, match="gated"):
        check_push("me/net", to())


def test_a_push_that_fails_after_a_run_says_how_to_go_on(hub, finished: Case) -> None:
    hub.faults.status(403, path="/commit/", times=None)
    wanted = to(
        private=True, branch="small", tag="v1", layout="transformers-js", message="it's done"
    )
    with pytest.raises(errors.HubError) as raised:
        push_after_run(finished.out, wanted)
    command = (
        f"zoo-compress push {finished.out} me/small --private --branch small --tag v1 "
        "--message 'it'\"'\"'s done' --layout transformers-js"
    )
    assert f"the run is kept, and `{command}` goes on" in str(raised.value)
    hub.faults.clear()
    result: PushResult = push_after_run(finished.out, wanted)
    assert result.changed


def test_a_push_that_is_stopped_after_a_run_says_how_to_go_on(finished: Case, monkeypatch) -> None:
    module = importlib.import_module("zoo_compress.pipeline.push")
    monkeypatch.setattr(module, "pass_gate_again", stopped)
    with pytest.raises(errors.SearchInterrupted, match=r"`zoo-compress push .*` goes on"):
        push_after_run(finished.out, to())


def stopped(*arguments: object) -> None:
    raise KeyboardInterrupt
