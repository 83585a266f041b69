import pytest

from zoo_compress.errors import SourceError
from zoo_compress.hub.variant import choose_variant


def test_the_hubs_layout_comes_first():
    files = ["model.onnx", "onnx/model.onnx", "onnx/model_q4.onnx"]
    assert choose_variant("me/net", dict.fromkeys(files)) == "onnx/model.onnx"


def test_a_model_at_the_root_comes_before_other_names():
    assert choose_variant("me/net", {"a.onnx": 1, "model.onnx": 1}) == "model.onnx"


def test_an_only_model_needs_no_name():
    assert choose_variant("me/net", {"weights/a.onnx": 1, "a.bin": 1}) == "weights/a.onnx"


def test_several_models_are_listed_with_an_example():
    with pytest.raises(SourceError, match=r"2 models.*a\.onnx \(1\.50 MB\), b\.onnx;.*'folder:a"):
        choose_variant("folder", {"b.onnx": None, "a.onnx": 1_500_000})


def test_a_long_list_is_cut():
    with pytest.raises(SourceError, match="and 12 more"):
        choose_variant("folder", {f"{number:02}.onnx": 1 for number in range(20)})


def test_no_model_says_how_to_export_one():
    found = r"found: 1 of safetensors"
    with pytest.raises(SourceError, match=rf"'folder' holds no \.onnx.*{found}.*an export needs"):
        choose_variant("folder", {"model.safetensors": 1, "README.md": 1})


def test_parts_in_full_precision_are_listed_before_others():
    names = [f"onnx/{part}_model{kind}.onnx" for part in "de" for kind in ("_fp16", "_q4", "")]
    with pytest.raises(
        SourceError, match=r"onnx/d_model\.onnx, onnx/e_model\.onnx, onnx/d_model_fp16"
    ):
        choose_variant("me/net", dict.fromkeys(names))
