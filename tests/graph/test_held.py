from __future__ import annotations

import gc
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest

from zoo_compress.graph.held import MappedTensor, Payloads, hold_values
from zoo_compress.graph.load import load_model

MATMUL = "g (float[2,3] x) => (float[2,4] y) { h = MatMul(x, w) y = Add(h, b) }"


@pytest.fixture
def weights(draw):
    return {"w": draw(3, 4), "b": draw(4)}


@pytest.fixture
def outside(make_model, weights, tmp_path: Path) -> Path:
    """A model with its weights beside it."""
    path = tmp_path / "model.onnx"
    options = {"save_as_external_data": True, "location": "w.bin", "size_threshold": 0}
    onnx.save(make_model(MATMUL, weights), path, **options)
    return path


def tensors(model: ir.Model) -> dict[str, ir.TensorProtocol]:
    found = {name: value.const_value for name, value in model.graph.initializers.items()}
    return {name: tensor for name, tensor in found.items() if tensor is not None}


def test_values_of_a_message_become_arrays_that_readers_share(make_model, weights):
    model = ir.from_proto(make_model(MATMUL, weights))
    hold_values(model)
    for name, tensor in tensors(model).items():
        np.testing.assert_array_equal(tensor.numpy(), weights[name], strict=True)
        assert tensor.numpy() is tensor.numpy()


def test_small_models_are_read_from_their_files_once(outside, weights):
    model = load_model(outside)
    hold_values(model)
    (outside.parent / "w.bin").unlink()
    for name, array in Payloads(tensors(model)).items():
        np.testing.assert_array_equal(array, weights[name], strict=True)


def test_large_weights_of_large_models_stay_in_their_file(outside, weights, monkeypatch):
    monkeypatch.setattr("zoo_compress.graph.held.LARGE_BYTES", 1)
    monkeypatch.setattr("zoo_compress.graph.held.SMALLEST_APART_BYTES", weights["w"].nbytes)
    model = load_model(outside)
    hold_values(model)
    found = tensors(model)
    assert isinstance(found["w"], MappedTensor)
    assert isinstance(found["b"], ir.Tensor)
    for name, array in weights.items():
        np.testing.assert_array_equal(found[name].numpy(), array, strict=True)
        assert found[name].tobytes() == array.tobytes()


def test_a_file_is_mapped_as_long_as_an_array_of_it_is_in_use(outside, monkeypatch):
    monkeypatch.setattr("zoo_compress.graph.held.LARGE_BYTES", 1)
    monkeypatch.setattr("zoo_compress.graph.held.SMALLEST_APART_BYTES", 1)
    model = load_model(outside)
    hold_values(model)
    found = tensors(model)
    name = str(outside.parent / "w.bin")

    def mapped() -> int:
        gc.collect()
        return Path("/proc/self/maps").read_text().count(name)

    assert mapped() == 0
    one, other = found["w"].numpy(), found["b"].numpy()
    assert mapped() == 1
    del one
    assert mapped() == 1
    del other
    assert mapped() == 0


def test_sixteen_bit_floats_are_mapped_as_what_they_are(make_model, draw, tmp_path, monkeypatch):
    monkeypatch.setattr("zoo_compress.graph.held.LARGE_BYTES", 1)
    monkeypatch.setattr("zoo_compress.graph.held.SMALLEST_APART_BYTES", 1)
    text = "g (bfloat16[2,3] x) => (bfloat16[2,4] y) { y = MatMul(x, w) }"
    weight = draw(3, 4).astype(ml_dtypes.bfloat16)
    path = tmp_path / "model.onnx"
    options = {"save_as_external_data": True, "location": "w.bin", "size_threshold": 0}
    onnx.save(make_model(text, {"w": weight}), path, **options)
    model = load_model(path)
    hold_values(model)
    np.testing.assert_array_equal(tensors(model)["w"].numpy(), weight, strict=True)
