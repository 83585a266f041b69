import pytest

from tests.hub.export.tiny import save, tiny_model
from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.hub.export.convert import PACKAGES
from zoo_compress.pipeline import RunSettings, run

pytestmark = pytest.mark.skipif(
    not all(map(is_installed, PACKAGES)), reason="needs the packages of the export extra"
)


def test_a_folder_of_safetensors_is_exported_and_compressed(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_COMPRESS_CACHE", str(tmp_path / "cache"))
    root = save(tiny_model("ResNetForImageClassification"), tmp_path / "net")
    (root / "README.md").write_text("---\nlicense: mit\n---\n")
    settings = RunSettings(
        source=str(root), budget="0.5", data="synthetic", trials=2, out=tmp_path / "run"
    )
    report = run(settings).report
    (model,) = (tmp_path / "cache" / "exported").glob("*/model.onnx")
    assert report["original_bytes"] == model.stat().st_size
    assert report["size_ratio"] <= 0.5
    assert report["task"] == "classification"
    assert report["companions"] == ["config.json", "preprocessor_config.json"]
    (told,) = [note for note in report["notes"] if "exported from safetensors" in note]
    assert "ResNetForImageClassification" in told
    card = (tmp_path / "run" / "README.md").read_text("utf-8")
    assert "The original was exported from safetensors" in card
    assert "zoo-compress apply original/net --plan" in card
    assert str(tmp_path) not in card
