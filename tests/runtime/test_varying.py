from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.runtime.skeleton import detach_initializers

WEIGHTS = ["conv.w", "fc.w"]


@pytest.fixture
def whole(conv_model, images):
    return CpuEvaluator(conv_model, images, replaceable=WEIGHTS)


@pytest.fixture
def halved(conv_model):
    stored = {t.name: numpy_helper.to_array(t) for t in conv_model.graph.initializer}
    return {name: stored[name] / 2 for name in WEIGHTS}


@pytest.mark.parametrize("changed", [[], ["fc.w"], ["conv.w"], WEIGHTS])
def test_candidates_return_what_a_session_of_their_own_returns(whole, halved, changed):
    weights = {name: halved[name] for name in changed}
    found = whole.varying(WEIGHTS).outputs(weights, [4, 1])
    for one, other in zip(found, whole.outputs(weights, [4, 1]), strict=True):
        np.testing.assert_allclose(one[0], other[0], rtol=1e-4, atol=1e-5)


def test_one_session_serves_them_all(whole, halved):
    varying, one = whole.varying(["fc.w"]), {"fc.w": halved["fc.w"]}
    first = varying.outputs(one, [0])
    opened = whole.seconds["session"]
    varying.outputs({"fc.w": 2 * halved["fc.w"]}, [0])
    np.testing.assert_array_equal(varying.outputs(one, [0])[0][0], first[0][0])
    assert whole.seconds["session"] == opened


def test_other_weights_get_a_session_of_their_own(whole, halved):
    found = whole.varying(["fc.w"]).outputs({"conv.w": halved["conv.w"]}, [2])
    expected = whole.outputs({"conv.w": halved["conv.w"]}, [2])
    np.testing.assert_array_equal(found[0][0], expected[0][0])


def test_a_weight_of_another_shape_is_refused(whole):
    wrong = {"fc.w": np.zeros((2, 2), np.float32)}
    with pytest.raises(ValueError, match=r"weight 'fc.w': float32 \(2, 2\) cannot replace"):
        whole.varying(["fc.w"]).outputs(wrong, [0])


def test_supplied_arrays_stay_constants_of_the_session(conv_model, images, halved):
    skeleton, arrays = detach_initializers(conv_model, ["conv.w"])
    light = CpuEvaluator(
        onnx.ModelProto.FromString(skeleton), images, replaceable=WEIGHTS, supplied=arrays
    )
    weights = {"fc.w": halved["fc.w"]}
    found, expected = light.varying(["fc.w"]).outputs(weights, [3]), light.outputs(weights, [3])
    np.testing.assert_allclose(found[0][0], expected[0][0], rtol=1e-4, atol=1e-5)
