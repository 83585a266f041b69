from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.errors import InputError, SourceError
from zoo_compress.runtime.activations import activations
from zoo_compress.runtime.session import open_session

WEIGHTS = ["conv.w", "fc.w"]


def seen(model, tensors, feeds, **options) -> list[dict[str, np.ndarray]]:
    return list(activations(model, tensors, feeds, threads=1, **options))


def test_tensors_inside_have_the_values_that_they_have_as_outputs(conv_model, images):
    found = seen(conv_model, ["c", "f"], images)
    for name in ("c", "f"):
        conv_model.graph.output.append(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        )
    session = open_session(conv_model.SerializeToString(), threads=1)
    assert len(found) == len(images)
    for values, feed in zip(found, images, strict=True):
        assert values.keys() == {"c", "f"}
        for name, expected in zip("cf", session.run(["c", "f"], feed), strict=True):
            np.testing.assert_array_equal(values[name], expected, strict=True)


def test_what_a_node_computes_follows_from_the_sample(conv_model, images):
    for values in seen(conv_model, ["c", "r", "p"], images[:3]):
        np.testing.assert_array_equal(values["r"], np.maximum(values["c"], 0))
        mean = values["r"].mean(axis=(2, 3), keepdims=True)
        np.testing.assert_allclose(values["p"], mean, atol=1e-6)


def test_inputs_and_outputs_of_the_model_can_be_asked_for(conv_model, images):
    found = seen(conv_model, ["logits", "r", "image", "r", "image", "logits"], images)
    session = open_session(conv_model.SerializeToString(), threads=1)
    for values, feed in zip(found, images, strict=True):
        assert values.keys() == {"logits", "image", "r"}
        np.testing.assert_array_equal(values["image"], feed["image"])
        np.testing.assert_allclose(values["logits"], session.run(None, feed)[0], atol=1e-5)


def test_inputs_alone_are_the_samples(conv_model, images):
    found = seen(conv_model, ["image"], images)
    assert [list(values) for values in found] == [["image"]] * len(images)
    for values, feed in zip(found, images, strict=True):
        np.testing.assert_array_equal(values["image"], feed["image"])


def test_samples_are_run_as_they_are_asked_for(conv_model, images):
    images[1] = {"image": np.zeros((1, 4, 8, 8), np.float32)}
    runs = activations(conv_model, ["c"], images)
    assert next(runs)["c"].shape == (1, 16, 6, 6)
    with pytest.raises(InputError, match=r"sample 1 does not run: .* Got: 4 Expected: 3"):
        next(runs)


def test_no_samples_yield_nothing(conv_model):
    assert seen(conv_model, ["c"], []) == []


def test_the_model_stays_as_it_is(conv_model, images):
    before = conv_model.SerializeToString()
    seen(conv_model, ["c", "r"], images[:1])
    assert conv_model.SerializeToString() == before


def test_a_tensor_that_the_model_does_not_have_is_refused(conv_model, images):
    with pytest.raises(SourceError, match="nowhere"):
        seen(conv_model, ["nowhere"], images)


def test_float16_tensors_keep_their_type():
    weight = np.eye(4, dtype=np.float16)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w"], ["a"]),
            helper.make_node("Neg", ["a"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT16, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT16, ["N", 4])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    x = np.arange(8, dtype=np.float16).reshape(2, 4)
    (values,) = activations(model, ["a"], [{"x": x}])
    np.testing.assert_array_equal(values["a"], x, strict=True)
