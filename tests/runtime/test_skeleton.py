from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from zoo_compress.runtime.skeleton import detach_initializers


def test_the_skeleton_holds_no_payload_and_keeps_everything_else(conv_model):
    conv_model.producer_name = "maker"
    conv_model.metadata_props.add(key="k", value="v")
    skeleton, _ = detach_initializers(conv_model, ["conv.w", "fc.w"])
    restored = onnx.load_model_from_string(skeleton)
    for tensor, original in zip(
        restored.graph.initializer, conv_model.graph.initializer, strict=True
    ):
        assert list(tensor.dims) == list(original.dims)
        assert tensor.HasField("raw_data") == (tensor.name == "fc.b")
        tensor.CopyFrom(original)
    assert restored == conv_model


def test_the_caller_keeps_its_model_unchanged(conv_model):
    before = conv_model.SerializeToString()
    detach_initializers(conv_model, ["conv.w"])
    assert conv_model.SerializeToString() == before


def test_the_arrays_are_those_of_the_model(conv_model):
    _, arrays = detach_initializers(conv_model, ["fc.b"])
    assert list(arrays) == ["fc.b"]
    expected = numpy_helper.to_array(conv_model.graph.initializer[2])
    np.testing.assert_array_equal(arrays["fc.b"], expected)


def test_a_name_that_is_no_initializer_is_refused(conv_model):
    with pytest.raises(ValueError, match="'logits' is not an initializer of the main graph"):
        detach_initializers(conv_model, ["logits"])
