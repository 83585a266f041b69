import json

import numpy as np
import pytest

from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.errors import ExternalDataError, SampleError, SourceError
from zoo_compress.hub.export.convert import PACKAGES
from zoo_compress.hub.resolve import resolve


@pytest.fixture
def folder(tmp_path, make_model):
    """A folder in the Hub's layout."""
    root = tmp_path / "net"
    (root / "onnx").mkdir(parents=True)
    (root / "onnx" / "model.onnx").write_bytes(make_model("model.onnx_data"))
    (root / "onnx" / "model.onnx_data").write_bytes(bytes(48))
    (root / "onnx" / "model_fp16.onnx").write_bytes(make_model())
    config = {"architectures": ["NetForImageClassification"]}
    (root / "config.json").write_text(json.dumps(config))
    (root / "preprocessor_config.json").write_text("{}")
    (root / "README.md").write_text("---\nlicense: mit\n---\n")
    return root


@pytest.fixture
def safetensors_folder(tmp_path):
    """Make a folder of one tensor in safetensors with the configuration asked for."""
    if not all(map(is_installed, PACKAGES)):
        pytest.skip("needs the packages of the export extra")
    from safetensors.numpy import save_file

    def make(config):
        root = tmp_path / "weights"
        root.mkdir()
        save_file({"a": np.zeros(3, np.float32)}, root / "model.safetensors")
        (root / "config.json").write_text(json.dumps(config))
        return root

    return make


def test_a_file_without_companions_is_resolved(tmp_path, make_model):
    path = tmp_path / "m.onnx"
    path.write_bytes(make_model())
    artifact = resolve(str(path), cache=tmp_path / "cache")
    assert artifact.source == str(path)
    assert artifact.model_path == path
    assert artifact.data_files == artifact.companions == ()
    assert (artifact.repo_id, artifact.revision, artifact.licence, artifact.task) == (None,) * 4
    assert artifact.stored_bytes == path.stat().st_size


@pytest.mark.parametrize("form", ["{}", "{}/onnx/model.onnx", "{}:onnx/model.onnx"])
def test_a_folder_in_the_hubs_layout_is_read_with_all_it_says(form, folder, tmp_path):
    artifact = resolve(form.format(folder), cache=tmp_path)
    assert artifact.model_path == folder / "onnx" / "model.onnx"
    assert artifact.data_files == (folder / "onnx" / "model.onnx_data",)
    assert artifact.companions == (folder / "config.json", folder / "preprocessor_config.json")
    assert artifact.licence == "mit"
    assert artifact.task == "classification"


def test_another_model_of_the_folder_can_be_named(folder, tmp_path):
    artifact = resolve(f"{folder}:onnx/model_fp16.onnx", cache=tmp_path)
    assert artifact.model_path.name == "model_fp16.onnx"


def test_several_models_without_a_preferred_one_are_listed(tmp_path, make_model):
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).write_bytes(make_model())
    with pytest.raises(SourceError, match=r"a\.onnx \(137 B\), b\.onnx.*; name one"):
        resolve(str(tmp_path), cache=tmp_path)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"holds no \.onnx file"):
        resolve(str(tmp_path), cache=tmp_path)


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("pytorch_model.bin", r"a pickle \('pytorch_model\.bin'\)"),
        ("model.safetensors", r"1 of safetensors.* without the config\.json"),
        ("net.gguf", r"1 of GGUF.*optimum-cli"),
    ],
)
def test_weights_that_cannot_be_exported_are_named(file, problem, tmp_path):
    (tmp_path / file).touch()
    with pytest.raises(SourceError, match=rf"'{tmp_path}' holds no \.onnx file .*{problem}"):
        resolve(str(tmp_path), cache=tmp_path)


def test_safetensors_of_no_known_architecture_are_named(tmp_path, safetensors_folder):
    root = safetensors_folder({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]})
    with pytest.raises(SourceError, match=r"'GPT2LMHeadModel' of model type 'gpt2' is not expor"):
        resolve(str(root), cache=tmp_path)


def test_an_onnx_file_is_taken_where_there_are_safetensors_too(
    tmp_path, safetensors_folder, make_model
):
    root = safetensors_folder({"model_type": "bert", "architectures": ["BertModel"]})
    (root / "model.onnx").write_bytes(make_model())
    artifact = resolve(str(root), cache=tmp_path)
    assert artifact.model_path == root / "model.onnx"
    assert not artifact.exported


def test_an_unknown_file_in_a_folder_is_named(folder, tmp_path):
    with pytest.raises(SourceError, match=r"holds no file 'onnx/x\.onnx'"):
        resolve(f"{folder}:onnx/x.onnx", cache=tmp_path)


@pytest.mark.parametrize("file", ["../m.onnx", "/m.onnx", "onnx/../../m.onnx"])
def test_a_file_outside_the_folder_is_refused(file, folder, tmp_path, make_model):
    (tmp_path / "m.onnx").write_bytes(make_model())
    with pytest.raises(SourceError, match="must lie inside the folder"):
        resolve(f"{folder}:{file}", cache=tmp_path)


@pytest.mark.parametrize(
    "source",
    [
        "absent.onnx",
        "owner/absent.onnx",
        "./owner/name",
        "/absent/name",
        "~/name",
        "absent:a.onnx",
    ],
)
def test_what_looks_like_a_path_is_never_looked_up_on_the_hub(source, tmp_path):
    with pytest.raises(SourceError, match="no such file or folder") as caught:
        resolve(source, cache=tmp_path)
    assert f"'{source}'" in str(caught.value)


@pytest.mark.parametrize("source", ["", "resnet18", "a/b/c", "a/b@", "a b/c", "x" * 5000, "a\0b"])
def test_a_source_of_no_known_form_lists_the_forms(source, tmp_path):
    with pytest.raises(SourceError, match=r"sample:NAME.*FOLDER.*OWNER/NAME"):
        resolve(source, cache=tmp_path)


def test_an_unknown_sample_is_named(tmp_path):
    with pytest.raises(SampleError, match="no sample 'gone'"):
        resolve("sample:gone", cache=tmp_path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "weights.safetensors").write_text("not weights")
    with pytest.raises(SourceError, match=r"weights\.safetensors: is not an ONNX model"):
        resolve(str(tmp_path / "weights.safetensors"), cache=tmp_path)


def test_missing_external_data_is_found_at_once(folder, tmp_path):
    (folder / "onnx" / "model.onnx_data").unlink()
    with pytest.raises(ExternalDataError, match=r"'W'.*'model\.onnx_data' is missing"):
        resolve(str(folder), cache=tmp_path)
