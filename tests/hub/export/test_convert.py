import json

import numpy as np
import pytest
import torch

from tests.hub.export.tiny import ARCHITECTURES, save, tiny_model
from zoo_compress.errors import OutputError, SourceError
from zoo_compress.hub.export import convert, trace
from zoo_compress.hub.export.convert import export_model
from zoo_compress.runtime.session import open_session

IMAGES = "ResNetForImageClassification"
TEXTS = "BertForSequenceClassification"


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Export a tiny model once; return it and the path of the file."""
    cache = tmp_path_factory.mktemp("cache")
    made = {}

    def export(architecture):
        if architecture not in made:
            model = tiny_model(architecture)
            root = save(model, tmp_path_factory.mktemp("model"))
            made[architecture] = (model, export_model(root, cache=cache).model_path)
        return made[architecture]

    return export


def sample(value, *, batch, length):
    """Return random numbers for an input of a session."""
    generator = np.random.default_rng(5)
    shape = tuple(
        {"batch_size": batch, "sequence_length": length}.get(axis, axis) for axis in value.shape
    )
    if value.type == "tensor(float)":
        return generator.standard_normal(shape, dtype=np.float32)
    if value.name == "attention_mask":
        return np.tri(*shape, k=length // 2, dtype=np.int64)
    return generator.integers(0, 2 if value.name == "token_type_ids" else 100, shape)


def require_equal_outputs(model, path, *, batch, length):
    session = open_session(path)
    feed = {
        value.name: sample(value, batch=batch, length=length) for value in session.get_inputs()
    }
    with torch.no_grad():
        result = model(**{name: torch.from_numpy(array) for name, array in feed.items()})
    for value, found in zip(session.get_outputs(), session.run(None, feed), strict=True):
        expected = result[value.name].numpy()
        assert found.shape == expected.shape
        assert len(found) == batch
        assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
        assert np.ptp(expected, axis=0).max() > 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize(("architecture", "length"), [(IMAGES, 0), (TEXTS, 23)])
def test_the_file_computes_what_torch_does_at_sizes_it_was_not_exported_with(
    architecture, length, exported
):
    require_equal_outputs(*exported(architecture), batch=5, length=length)


@pytest.mark.architectures
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_architectures_that_are_known_to_work(architecture, exported):
    waveform = "Wav" in architecture or "Hubert" in architecture
    length = 12_345 if waveform else 23
    require_equal_outputs(*exported(architecture), batch=4, length=length)


def test_images_have_a_batch_of_any_size(exported):
    session = open_session(exported(IMAGES)[1])
    found = [(each.name, each.shape) for each in (*session.get_inputs(), *session.get_outputs())]
    assert found == [("pixel_values", ["batch_size", 3, 32, 32]), ("logits", ["batch_size", 2])]


def test_texts_have_any_number_and_length(exported):
    session = open_session(exported(TEXTS)[1])
    axes = ["batch_size", "sequence_length"]
    assert [(each.name, each.shape) for each in session.get_inputs()] == [
        ("input_ids", axes),
        ("attention_mask", axes),
        ("token_type_ids", axes),
    ]
    assert [each.name for each in session.get_outputs()] == ["logits"]


def test_a_model_is_exported_once_and_the_same_weights_give_the_same_bytes(
    resnet, exported, tmp_path
):
    seen = []
    first = export_model(resnet, cache=tmp_path, progress=seen.append)
    assert [(each.stage, each.done) for each in seen] == [("export", 0), ("export", 1)]
    assert first.model_path.read_bytes() == exported(IMAGES)[1].read_bytes()
    written = first.model_path.stat().st_mtime_ns
    seen.clear()
    assert export_model(resnet, cache=tmp_path, progress=seen.append) == first
    assert first.model_path.stat().st_mtime_ns == written
    assert seen == []
    record = json.loads((first.model_path.parent / "export.json").read_text("utf-8"))
    assert record["largest_relative_difference"] <= record["tolerance"] == 1e-4
    assert f"{IMAGES} in float32, by torch {torch.__version__.partition('+')[0]}" in first.note


def test_a_difference_to_torch_is_an_error_and_leaves_nothing(resnet, tmp_path, monkeypatch):
    monkeypatch.setattr(trace, "TOLERANCE", 0.0)
    problem = r"the exported model's 'logits' differs from torch's by \d.*e-\d+, .* \(at most 0\)"
    with pytest.raises(SourceError, match=problem):
        export_model(resnet, cache=tmp_path)
    assert list((tmp_path / "exported").iterdir()) == []


def test_images_of_no_known_size_end_in_one_line(tmp_path):
    root = save(tiny_model("ViTForImageClassification"), tmp_path / "vit")
    config = json.loads((root / "config.json").read_text("utf-8"))
    del config["image_size"], config["patch_size"]
    (root / "config.json").write_text(json.dumps(config | {"image_size": 0, "patch_size": 8}))
    with pytest.raises(SourceError, match=r"vit': ") as caught:
        export_model(root, cache=tmp_path)
    assert "\n" not in str(caught.value)


def test_what_is_not_installed_is_named_with_the_command_that_helps(resnet, tmp_path, monkeypatch):
    monkeypatch.setattr(convert, "is_installed", lambda package: package != "onnxscript")
    problem = r"safetensors; to export them, install onnxscript; run: pip install .*\[export\]"
    with pytest.raises(SourceError, match=problem):
        export_model(resnet, cache=tmp_path)


def test_a_cache_that_is_a_file_is_an_error(resnet, tmp_path):
    (tmp_path / "exported").write_text("a file")
    with pytest.raises(OutputError, match="cannot be prepared"):
        export_model(resnet, cache=tmp_path)
