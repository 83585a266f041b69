"""What is found out about a model before a server gets it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.errors import InputError
from zoo_compress.hub.resolve import describe
from zoo_compress.pipeline.package_trial import TrialRun, try_out

FLOAT = TensorProto.FLOAT


def tried(
    folder: Path,
    nodes: list[onnx.NodeProto],
    *,
    shape: list[int | str],
    output: list[int | str] | None,
    data: str | None = None,
) -> TrialRun:
    """Try out a model of input `x` and output `y`."""
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info("y", FLOAT, output)],
        [numpy_helper.from_array(np.ones((4, 2), np.float32), "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    path = folder / "net.onnx"
    onnx.save(made, path)
    return try_out(describe(str(path), folder, path), name="net", data=data)


PRODUCT = [helper.make_node("MatMul", ["x", "w"], ["y"])]


def test_samples_that_do_not_affect_each_other_may_share_a_batch(tmp_path: Path) -> None:
    found = tried(tmp_path, PRODUCT, shape=["n", 4], output=["n", 2])
    assert found.model.batched
    assert found.note is None
    assert found.example["x"].shape == (1, 4)


def test_a_fixed_first_axis_is_no_batch_axis(tmp_path: Path) -> None:
    assert not tried(tmp_path, PRODUCT, shape=[1, 4], output=[1, 2]).model.batched


OVER_THE_BATCH = [
    helper.make_node("ReduceMax", ["x"], ["m"], keepdims=1),
    helper.make_node("Div", ["x", "m"], ["y"]),
]
DYNAMIC_INT8 = [
    helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
    helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"]),
]


@pytest.mark.parametrize("nodes", [OVER_THE_BATCH, DYNAMIC_INT8])
def test_answers_that_depend_on_the_rest_of_the_batch_keep_requests_apart(
    nodes: list[onnx.NodeProto], tmp_path: Path
) -> None:
    found = tried(tmp_path, nodes, shape=["n", 4], output=["n", 4])
    assert not found.model.batched
    assert "depends on the others in its batch" in str(found.note)


def test_a_first_axis_that_does_not_count_samples_keeps_requests_apart(tmp_path: Path) -> None:
    nodes = [helper.make_node("Concat", ["x", "x"], ["y"], axis=0)]
    assert not tried(tmp_path, nodes, shape=["n", 4], output=["m", 4]).model.batched


def test_the_axes_of_an_output_are_seen_where_the_file_does_not_say(tmp_path: Path) -> None:
    nodes = [helper.make_node("Unsqueeze", ["x", "axes"], ["y"])]
    nodes.insert(0, helper.make_node("Constant", [], ["axes"], value_ints=[1]))
    found = tried(tmp_path, nodes, shape=[1, 4], output=None)
    assert found.model.outputs[0].shape == (None, None, None)


def test_a_model_that_does_not_run_says_how_to_go_on(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["s"], value_ints=[7, -1]),
        helper.make_node("Reshape", ["x", "s"], ["y"]),
    ]
    with pytest.raises(InputError, match="name inputs that it takes with --data"):
        tried(tmp_path, nodes, shape=[1, "n"], output=["a", "b"])
    np.savez(tmp_path / "data.npz", x=np.ones((3, 14), np.float32))
    found = tried(
        tmp_path, nodes, shape=[1, "n"], output=["a", "b"], data=str(tmp_path / "data.npz")
    )
    assert found.example["x"].shape == (1, 14)
