from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from zoo_compress.runtime.skeleton import detach_initializers, weights_as_inputs


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


def test_weights_that_become_inputs_keep_name_type_and_shape(conv_model):
    serialised, arrays = weights_as_inputs(conv_model, ["conv.w", "fc.b"])
    opened = onnx.load_model_from_string(serialised)
    onnx.checker.check_model(opened)
    assert [value.name for value in opened.graph.input] == ["image", "conv.w", "fc.b"]
    shapes = [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in opened.graph.input[1:]]
    assert shapes == [list(arrays["conv.w"].shape), list(arrays["fc.b"].shape)]
    assert [tensor.name for tensor in opened.graph.initializer] == ["fc.w"]


def test_a_weight_that_is_an_input_with_a_default_value_is_no_input_twice(conv_model):
    names = [tensor.name for tensor in conv_model.graph.initializer]
    for tensor in conv_model.graph.initializer:
        conv_model.graph.input.append(
            onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        )
    opened = onnx.load_model_from_string(weights_as_inputs(conv_model, names)[0])
    assert [value.name for value in opened.graph.input] == ["image", *names]
