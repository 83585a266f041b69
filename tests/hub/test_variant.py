import pytest

from zoo_compress.errors import SourceError
from zoo_compress.hub.variant import choose_variant


def test_the_hubs_layout_comes_first():
    files = ["model.onnx", "onnx/model.onnx", "onnx/model_q4.onnx"]
    assert choose_variant("me/net", files) == "onnx/model.onnx"


def test_a_model_at_the_root_comes_before_other_names():
    assert choose_variant("me/net", ["a.onnx", "model.onnx"]) == "model.onnx"


def test_an_only_model_needs_no_name():
    assert choose_variant("me/net", ["weights/a.onnx", "a.bin"]) == "weights/a.onnx"


def test_several_models_are_listed_with_an_example():
    with pytest.raises(SourceError, match=r"2 models.*a\.onnx, b\.onnx.*'folder:a\.onnx'"):
        choose_variant("folder", ["b.onnx", "a.onnx"])


def test_a_long_list_is_cut():
    with pytest.raises(SourceError, match="and 12 more"):
        choose_variant("folder", [f"{number:02}.onnx" for number in range(20)])


def test_no_model_says_how_to_export_one():
    with pytest.raises(SourceError, match=r"'folder' holds no \.onnx file.*optimum-cli export"):
        choose_variant("folder", ["model.safetensors"])
