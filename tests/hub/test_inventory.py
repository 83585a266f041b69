import pytest

from zoo_compress.hub.inventory import take_stock


@pytest.mark.parametrize(
    ("files", "kind", "described"),
    [
        (["a.onnx", "b.onnx", "c.safetensors"], "onnx", "2 of ONNX, 1 of safetensors"),
        (["c.safetensors", "d.BIN"], "safetensors", "1 of safetensors, 1 of PyTorch pickles"),
        (["x.gguf", "tf_model.h5"], "other", "1 of GGUF, 1 of Keras"),
        (["README.md"], "other", "no file of a model format that is known here"),
    ],
)
def test_the_names_tell_what_there_is_to_start_from(files, kind, described):
    found = take_stock(files)
    assert (found.kind, found.described) == (kind, described)


def test_models_come_in_path_order():
    assert take_stock(["b.onnx", "onnx/a.onnx", "a.onnx"]).models == (
        "a.onnx",
        "b.onnx",
        "onnx/a.onnx",
    )
