"""Bundles of runs and of models, for targets without a server."""

import json
import shutil
from pathlib import Path

import onnx
import pytest

from tests.hub_server import WRITE_TOKEN, HubServer
from tests.pipeline.conftest import Case, classifier
from zoo_compress.errors import OutputError, SourceError
from zoo_compress.files import file_digest
from zoo_compress.graph.load import model_digest
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline import PackageResult, PackageSettings, PushSettings, package, push


def packaged(source: Path | str, out: Path, target: str = "plain", **asked: object):
    return package(PackageSettings(source=str(source), target=target, out=out, **asked))  # type: ignore[arg-type]


def refusal(source: Path | str, out: Path, **asked: object) -> str:
    with pytest.raises((OutputError, SourceError)) as raised:
        packaged(source, out, **asked)
    assert "\n" not in str(raised.value)
    assert not out.exists()
    return str(raised.value)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def plain(made_run: Case, tmp_path_factory: pytest.TempPathFactory) -> PackageResult:
    """A plain bundle of a run."""
    return packaged(made_run.out, tmp_path_factory.mktemp("bundles") / "plain")


def test_a_plain_bundle_holds_the_run_in_one_folder(made_run: Case, plain: PackageResult) -> None:
    out = plain.settings.out
    assert {"model.onnx", "README.md", "plan.json", "run.json", "config.json"} <= files(out)
    assert files(out) == {*plain.manifest.files, "zoo-compress.json"}
    assert file_digest(out / "model.onnx") == file_digest(made_run.out / "model.onnx")
    assert "trials.sqlite" not in files(out)


def test_the_manifest_says_what_the_model_was_made_from(
    made_run: Case, plain: PackageResult
) -> None:
    manifest = plain.manifest
    assert manifest.source == made_run.out.name
    assert manifest.licence == "mit"
    assert manifest.original is not None
    assert manifest.original.source == made_run.model.name
    assert manifest.original.sha256 == model_digest(made_run.model)
    assert manifest.plan_sha256 == file_digest(plain.settings.out / "plan.json")


def test_no_folder_of_the_machine_is_named_in_a_bundle(
    made_run: Case, plain: PackageResult
) -> None:
    for name in files(plain.settings.out):
        if name.endswith((".json", ".md", ".yaml")):
            text = (plain.settings.out / name).read_text("utf-8")
            assert str(made_run.out.parent) not in text, name


def test_a_run_named_by_its_file_is_packaged_as_the_run(
    made_run: Case, plain: PackageResult, tmp_path: Path
) -> None:
    made = packaged(made_run.out / "model.onnx", tmp_path / "made")
    assert made.manifest == plain.manifest


@pytest.mark.parametrize(
    "change", [{"revision": 7, "model_sha256": []}, {"distance": float("nan")}, {"files": 3}]
)
def test_a_strange_record_beside_a_model_does_no_harm(
    plain: PackageResult, change: dict[str, object], tmp_path: Path
) -> None:
    copy = shutil.copytree(plain.settings.out, tmp_path / "copy")
    (copy / "zoo-compress.json").unlink()
    report = json.loads((copy / "run.json").read_text("utf-8"))
    (copy / "run.json").write_text(json.dumps(report | change))
    made = packaged(copy, tmp_path / "made")
    assert "model.onnx" in made.manifest.files
    assert made.manifest.original is None or made.manifest.original.revision is None


def test_a_bundle_is_a_model_source_with_all_that_belongs_to_it(
    plain: PackageResult, tmp_path: Path
) -> None:
    artifact = resolve(str(plain.settings.out), cache=tmp_path)
    assert artifact.model_path == plain.settings.out / "model.onnx"
    assert artifact.licence == "mit"
    assert artifact.task == "classification"


@pytest.mark.parametrize("name", ["model.onnx", "config.json"])
def test_a_bundle_whose_model_was_changed_is_no_source(
    plain: PackageResult, name: str, tmp_path: Path
) -> None:
    copy = shutil.copytree(plain.settings.out, tmp_path / "copy")
    with (copy / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(SourceError, match=rf"{name}' was changed since it was packaged"):
        resolve(str(copy), cache=tmp_path)


def test_transformers_js_finds_the_model_by_its_name(made_run: Case, tmp_path: Path) -> None:
    made = packaged(made_run.out, tmp_path / "web", "transformers-js")
    assert made.manifest.model == "onnx/model_quantized.onnx"
    assert {"config.json", "README.md", "onnx/model_quantized.onnx"} <= files(tmp_path / "web")
    assert 'dtype: "q8"' in made.next[0]
    assert "onnx/model_quantized.onnx" in (tmp_path / "web" / "README.md").read_text("utf-8")
    report = json.loads((tmp_path / "web" / "run.json").read_text("utf-8"))
    assert report["model_path"] == "onnx/model_quantized.onnx"
    assert set(report["files"]) == files(tmp_path / "web") - {"run.json", "zoo-compress.json"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("net.onnx", "onnx/model.onnx"), ("model_fp16.onnx", "onnx/model_fp16.onnx")],
)
def test_a_model_of_unknown_making_keeps_a_name_that_transformers_js_knows(
    name: str, expected: str, tmp_path: Path
) -> None:
    onnx.save(classifier(), tmp_path / name)
    made = packaged(tmp_path / name, tmp_path / "web", "transformers-js")
    assert made.manifest.model == expected
    assert made.manifest.original is None
    assert any("config.json" in note for note in made.notes)


def test_a_bundle_can_be_packaged_for_another_target(plain: PackageResult, tmp_path: Path) -> None:
    made = packaged(plain.settings.out, tmp_path / "web", "transformers-js")
    assert made.manifest.original == plain.manifest.original
    assert made.manifest.name == plain.manifest.name
    assert made.manifest.model == "onnx/model_quantized.onnx"
    assert {"plan.json", "run.json", "README.md"} <= files(tmp_path / "web")


def test_a_pushed_run_is_packaged_from_the_hub_with_what_is_known_of_it(
    hub_in_use: HubServer, made_run: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", WRITE_TOKEN)
    monkeypatch.setenv("ZOO_COMPRESS_CACHE", str(tmp_path / "cache"))
    commit = push(made_run.out, PushSettings(repo_id="me/small", layout="transformers-js")).commit
    made = packaged("me/small", tmp_path / "web", "transformers-js")
    assert made.manifest.name == "small"
    assert made.manifest.source == f"me/small@{commit}:onnx/model_quantized.onnx"
    assert made.manifest.revision == commit
    assert made.manifest.model == "onnx/model_quantized.onnx"
    assert made.manifest.original is not None
    assert made.manifest.original.sha256 == model_digest(made_run.model)
    assert {"run.json", "split.json", "README.md"} <= files(tmp_path / "web")


def test_a_folder_is_packaged_with_its_card_and_external_data(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    onnx.save(
        classifier(),
        tmp_path / "net" / "model.onnx",
        save_as_external_data=True,
        location="model.onnx.data",
        size_threshold=0,
    )
    (tmp_path / "net" / "README.md").write_text("---\nlicense: mit\n---\n# Net\n")
    made = packaged(tmp_path / "net", tmp_path / "made")
    assert set(made.manifest.files) == {"model.onnx", "model.onnx.data", "README.md"}
    assert made.manifest.name == "net"
    found = resolve(str(tmp_path / "made"), cache=tmp_path)
    assert model_digest(found.model_path) == model_digest(tmp_path / "net" / "model.onnx")


def test_a_readme_that_is_no_card_stays_behind(tmp_path: Path) -> None:
    onnx.save(classifier(), tmp_path / "net.onnx")
    (tmp_path / "README.md").write_text("# My project\n")
    made = packaged(tmp_path / "net.onnx", tmp_path / "made")
    assert set(made.manifest.files) == {"net.onnx"}


def test_links_beside_a_model_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "net").mkdir()
    onnx.save(classifier(), tmp_path / "net" / "model.onnx")
    (tmp_path / "net" / "config.json").symlink_to(tmp_path / "secret")
    made = packaged(tmp_path / "net", tmp_path / "made")
    assert set(made.manifest.files) == {"model.onnx"}
    assert "config.json" in made.notes[0]


def test_a_link_in_the_folder_of_a_run_is_refused(finished: Case, tmp_path: Path) -> None:
    (finished.out / "config.json").rename(tmp_path / "elsewhere")
    (finished.out / "config.json").symlink_to(tmp_path / "elsewhere")
    assert "config.json' is a link" in refusal(finished.out, tmp_path / "made")


def test_a_run_whose_files_were_changed_is_refused(finished: Case, tmp_path: Path) -> None:
    with (finished.out / "plan.json").open("a") as file:
        file.write(" ")
    assert "plan.json' was changed since the run" in refusal(finished.out, tmp_path / "made")


@pytest.mark.parametrize("form", ["{}", "{}/model.onnx"])
def test_a_model_that_failed_the_gate_is_refused(
    finished: Case, form: str, tmp_path: Path
) -> None:
    (finished.out / "rejected").mkdir()
    shutil.copy(finished.out / "model.onnx", finished.out / "rejected")
    source = form.format(finished.out / "rejected")
    assert "failed the publish gate" in refusal(source, tmp_path / "made")


def test_a_model_that_does_not_open_is_refused(tmp_path: Path) -> None:
    broken = classifier()
    broken.graph.node[0].op_type = "NoSuchOperator"
    onnx.save(broken, tmp_path / "net.onnx")
    assert "does not open" in refusal(tmp_path / "net.onnx", tmp_path / "made")


def test_a_name_that_is_no_name_is_refused(made_run: Case, tmp_path: Path) -> None:
    assert "name 'a/b'" in refusal(made_run.out, tmp_path / "made", name="a/b")


def test_a_taken_place_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    with pytest.raises(OutputError, match="holds files but no bundle"):
        packaged("no-such-model.onnx", tmp_path)
