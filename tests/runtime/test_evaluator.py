from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.errors import InputError, OriginalModelError
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.runtime.session import open_session


@pytest.fixture
def evaluator(conv_model, images):
    return CpuEvaluator(conv_model, images, replaceable=["conv.w", "fc.w"])


def replace_initializer(model: onnx.ModelProto, name: str, array: np.ndarray) -> None:
    for tensor in model.graph.initializer:
        if tensor.name == name:
            tensor.CopyFrom(numpy_helper.from_array(array, name))


def weight(model: onnx.ModelProto, name: str) -> np.ndarray:
    return next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == name)


def test_the_reference_is_what_a_plain_session_returns(conv_model, images, evaluator):
    plain = open_session(conv_model.SerializeToString())
    assert evaluator.output_names == ("logits",)
    for feed, outputs in zip(images, evaluator.reference, strict=True):
        np.testing.assert_array_equal(outputs[0], plain.run(None, feed)[0])


def test_a_smaller_model_is_compared_with_the_outputs_of_the_original(conv_model, images):
    original = [(np.full((1, 10), index, np.float32),) for index in range(len(images))]
    evaluator = CpuEvaluator(conv_model, images, replaceable=["fc.w"], reference=original)
    assert [outputs[0][0, 0] for outputs in evaluator.reference] == [*range(len(images))]
    assert not np.array_equal(evaluator.outputs({}, [1])[0][0], original[1][0])
    assert evaluator.seconds["forward"] > 0


def test_replaced_weights_give_the_bits_of_a_model_that_stores_them(conv_model, images, evaluator):
    halved = weight(conv_model, "fc.w") / 2
    found = evaluator.outputs({"fc.w": halved}, [4, 1])
    replace_initializer(conv_model, "fc.w", halved)
    plain = open_session(conv_model.SerializeToString())
    for index, outputs in zip([4, 1], found, strict=True):
        np.testing.assert_array_equal(outputs[0], plain.run(None, images[index])[0])


def test_a_candidate_leaves_no_trace_in_the_next_one(conv_model, evaluator):
    evaluator.outputs({"fc.w": np.zeros((16, 10), np.float32)}, [0])
    np.testing.assert_array_equal(evaluator.outputs({}, [0])[0][0], evaluator.reference[0][0])


def test_the_callers_model_stays_as_it_is(conv_model, images):
    before = conv_model.SerializeToString()
    CpuEvaluator(conv_model, images, replaceable=["fc.w"]).outputs({}, [0])
    assert conv_model.SerializeToString() == before


def test_time_is_accounted_for_sessions_and_forwards(evaluator):
    before = dict(evaluator.seconds)
    evaluator.outputs({}, [0])
    assert set(before) == {"session", "forward"}
    assert all(evaluator.seconds[part] > before[part] > 0 for part in before)


def test_nan_outputs_of_a_candidate_are_returned(conv_model, evaluator):
    broken = np.full((16, 10), np.nan, np.float32)
    assert np.isnan(evaluator.outputs({"fc.w": broken}, [0])[0][0]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_non_finite_original_is_refused_with_output_and_sample(conv_model, images, bad):
    images[3]["image"][:] = bad
    with pytest.raises(
        OriginalModelError, match=r"output 'logits' .* NaN or infinite for sample 3"
    ):
        CpuEvaluator(conv_model, images, replaceable=["fc.w"])


def test_a_sample_that_does_not_fit_is_named_and_nothing_goes_to_stderr(conv_model, images, capfd):
    images[2] = {"image": np.zeros((1, 4, 8, 8), np.float32)}
    with pytest.raises(InputError, match=r"sample 2 does not run: .*image.* Got: 4 Expected: 3"):
        CpuEvaluator(conv_model, images, replaceable=["fc.w"])
    assert capfd.readouterr().err == ""


def test_a_node_that_fails_while_running_is_reported_in_one_line(images, capfd):
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["image", "shape"], ["y"])],
        "g",
        [
            helper.make_tensor_value_info("image", TensorProto.FLOAT, None),
            helper.make_tensor_value_info("shape", TensorProto.INT64, ["R"]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    feed = {**images[0], "shape": np.array([7])}
    with pytest.raises(InputError, match=r"sample 0 does not run: .*Reshape") as raised:
        CpuEvaluator(model, [feed], replaceable=[])
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().err == ""


def test_an_input_of_another_type_is_an_input_error(conv_model):
    with pytest.raises(InputError, match=r"sample 0 .*double"):
        CpuEvaluator(conv_model, [{"image": np.zeros((1, 3, 8, 8))}], replaceable=[])


def test_a_missing_input_is_an_input_error(conv_model):
    with pytest.raises(InputError, match=r"Required inputs \(\['image'\]\)"):
        CpuEvaluator(conv_model, [{}], replaceable=[])


def test_a_weight_that_is_not_replaceable_is_refused(evaluator):
    with pytest.raises(ValueError, match=r"weight 'fc\.b' is not among the replaceable"):
        evaluator.outputs({"fc.b": np.zeros(10, np.float32)}, [0])


@pytest.mark.parametrize("array", [np.zeros((16, 9), np.float32), np.zeros((16, 10), np.float16)])
def test_a_weight_of_another_shape_or_type_is_refused(evaluator, array):
    with pytest.raises(ValueError, match=r"weight 'fc\.w': .* cannot replace float32 \(16, 10\)"):
        evaluator.outputs({"fc.w": array}, [0])


def test_bfloat16_weights_can_be_replaced(lookup_model):
    evaluator = CpuEvaluator(lookup_model, [{"ids": np.array([1])}], replaceable=["table"])
    table = numpy_helper.to_array(lookup_model.graph.initializer[0])
    assert evaluator.reference[0][0].tolist() == [[3, 4, 5]]
    assert evaluator.outputs({"table": table * 2}, [0])[0][0].tolist() == [[6, 8, 10]]


def test_an_output_that_is_no_tensor_is_refused():
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    graph = helper.make_graph(
        [helper.make_node("SequenceConstruct", ["x"], ["s"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [sequence],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    with pytest.raises(OriginalModelError, match="output 's' is a list, not a tensor"):
        CpuEvaluator(model, [{"x": np.zeros(1, np.float32)}], replaceable=[])
