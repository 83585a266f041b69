import numpy as np
import onnx
import pytest
from huggingface_hub import HfApi
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.hub.pull import pull
from zoo_compress.hub.pulled import Pulled
from zoo_compress.hub.retry import RetryPolicy

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4)


def model_bytes(location: str | None = None) -> bytes:
    """Return a small model, its weight in the file `location` if one is named."""
    weight = numpy_helper.from_array(WEIGHT, "W")
    if location is not None:
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "W"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [weight],
    )
    opsets = [helper.make_opsetid("", 18)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    return model.SerializeToString()


@pytest.fixture
def make_model():
    return model_bytes


@pytest.fixture
def api(hub) -> HfApi:
    """The client without a token."""
    return hub.api()


@pytest.fixture
def slept() -> list[float]:
    """The waits of `policy`, which are noted instead of waited for."""
    return []


@pytest.fixture
def policy(slept) -> RetryPolicy:
    return RetryPolicy(attempts=4, seconds=100, longest_wait=3, sleep=slept.append)


@pytest.fixture
def pulling(api, policy, tmp_path):
    """Pull `me/net` into a cache of this test, without waiting between attempts."""

    def pulled(**options) -> Pulled:
        return pull("me/net", **{"cache": tmp_path, "api": api, "policy": policy} | options)

    return pulled
