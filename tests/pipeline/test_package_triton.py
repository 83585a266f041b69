"""Model repositories for Triton, read back with its own messages."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.deploy.triton_messages import parsed
from tests.pipeline.conftest import Case, classifier
from zoo_compress.errors import SourceError
from zoo_compress.files import file_digest
from zoo_compress.hub.companions import root_of
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline import PackageResult, PackageSettings, package
from zoo_compress.pipeline.pair_inputs import searched_names


def packaged(source: Path | str, out: Path, **asked: object) -> PackageResult:
    settings = PackageSettings(source=str(source), target="triton", out=out, **asked)  # type: ignore[arg-type]
    return package(settings)


@pytest.fixture(scope="module")
def repository(made_run: Case, tmp_path_factory: pytest.TempPathFactory) -> PackageResult:
    """The repository of a run, with its original."""
    out = tmp_path_factory.mktemp("triton") / "models"
    return packaged(made_run.out, out, name="net", with_original=True)


def test_each_model_has_a_version_and_a_configuration_that_triton_reads(
    made_run: Case, repository: PackageResult
) -> None:
    out = repository.settings.out
    for name, source in (("net", made_run.out / "model.onnx"), ("net_original", made_run.model)):
        assert file_digest(out / name / "1" / "model.onnx") == file_digest(source)
        config = parsed((out / name / "config.pbtxt").read_text("utf-8"))
        assert config.name == name
        assert [t.name for t in config.input] == ["x"]
        assert list(config.input[0].dims) == [3, 8, 8]
        assert [t.name for t in config.output] == ["logits"]
        assert config.max_batch_size > 1


def test_the_ensemble_refers_to_what_is_there(repository: PackageResult) -> None:
    out = repository.settings.out
    ensemble = parsed((out / "net_shadow" / "config.pbtxt").read_text("utf-8"))
    assert (out / "net_shadow" / "1").is_dir()
    made = {tensor.name: list(tensor.dims) for tensor in ensemble.output}
    for step in ensemble.ensemble_scheduling.step:
        config = parsed((out / step.model_name / "config.pbtxt").read_text("utf-8"))
        assert set(step.input_map) == {tensor.name for tensor in config.input}
        assert {step.output_map[t.name]: list(t.dims) for t in config.output}.items() <= (
            made.items()
        )


def test_a_repository_is_a_model_source(repository: PackageResult, tmp_path: Path) -> None:
    out = repository.settings.out
    found = resolve(str(out), cache=tmp_path)
    assert found.model_path == out / "net" / "1" / "model.onnx"
    assert found.task == "classification"
    assert found.licence == "mit"
    assert searched_names(root_of(found.model_path))
    other = resolve(f"{out}:net_original/1/model.onnx", cache=tmp_path)
    assert other.model_path == out / "net_original" / "1" / "model.onnx"


@pytest.mark.parametrize("file", ["", ":net/1/model.onnx"])
def test_a_changed_model_is_refused(repository: PackageResult, file: str, tmp_path: Path) -> None:
    copy = shutil.copytree(repository.settings.out, tmp_path / "copy")
    with (copy / "net" / "config.pbtxt").open("a") as config:
        config.write("# tuned\n")
    resolve(f"{copy}{file}", cache=tmp_path)
    with (copy / "net" / "1" / "model.onnx").open("ab") as model:
        model.write(b" ")
    with pytest.raises(SourceError, match="was changed since it was packaged"):
        resolve(f"{copy}{file}", cache=tmp_path)


def test_external_data_lies_beside_the_model(tmp_path: Path) -> None:
    onnx.save(
        classifier(),
        tmp_path / "net.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    out = tmp_path / "models"
    packaged(tmp_path / "net.onnx", out, device="gpu", instances=2)
    session = onnxruntime.InferenceSession(
        out / "net" / "1" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    assert session.run(None, {"x": np.zeros((2, 3, 8, 8), np.float32)})[0].shape == (2, 32)
    group = parsed((out / "net" / "config.pbtxt").read_text("utf-8")).instance_group[0]
    assert group.count == 2


def test_an_original_that_is_not_known_is_one_line(tmp_path: Path) -> None:
    onnx.save(classifier(), tmp_path / "net.onnx")
    with pytest.raises(SourceError, match="does not say what it was made from"):
        packaged(tmp_path / "net.onnx", tmp_path / "models", with_original=True)


def test_an_original_that_is_another_model_now_is_refused(finished: Case, tmp_path: Path) -> None:
    moved = finished.model.read_bytes()
    changed = classifier()
    changed.doc_string = "another"
    onnx.save(changed, finished.model)
    try:
        with pytest.raises(SourceError, match="is not the model that"):
            packaged(finished.out, tmp_path / "models", with_original=True)
    finally:
        finished.model.write_bytes(moved)
    assert not (tmp_path / "models").exists()
