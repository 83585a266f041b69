from __future__ import annotations

import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from zoo_compress.errors import PublishGateError
from zoo_compress.runtime.fresh_process import run_in_fresh_process
from zoo_compress.runtime.session import open_session


@pytest.fixture
def model_path(conv_model, tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(conv_model, path)
    return path


def test_the_outputs_are_those_of_a_session_here(model_path, images):
    session = open_session(model_path)
    found = run_in_fresh_process(model_path, images).outputs
    for feed, outputs in zip(images, found, strict=True):
        np.testing.assert_allclose(outputs[0], session.run(None, feed)[0], rtol=1e-6)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
def test_what_opening_a_model_takes_goes_with_its_weights(tmp_path):
    found = []
    for width in (64, 2048):
        graph = onnx.parser.parse_graph(
            f"g (float[1,{width}] x) => (float[] y) {{ y = MatMul(x, w) }}"
        )
        weight = np.ones((width, width), np.float32)
        graph.initializer.append(onnx.numpy_helper.from_array(weight, "w"))
        sets = [helper.make_opsetid("", 18)]
        path = tmp_path / f"{width}.onnx"
        onnx.save(helper.make_model(graph, opset_imports=sets, ir_version=9), path)
        run = run_in_fresh_process(path, [{"x": np.ones((1, width), np.float32)}])
        found.append(run.opening_bytes)
    assert found[1] - found[0] > weight.nbytes


def test_input_names_need_not_be_file_names_and_text_travels(tmp_path):
    inputs = [("a/b", TensorProto.INT64), ("file", TensorProto.FLOAT), ("t", TensorProto.STRING)]
    outputs = [("n", TensorProto.INT64), ("m", TensorProto.FLOAT), ("u", TensorProto.STRING)]
    graph = helper.make_graph(
        [
            helper.make_node("Identity", [source], [target])
            for (source, _), (target, _) in zip(inputs, outputs, strict=True)
        ],
        "g",
        [helper.make_tensor_value_info(name, kind, ["N"]) for name, kind in inputs],
        [helper.make_tensor_value_info(name, kind, ["N"]) for name, kind in outputs],
    )
    path = tmp_path / "model.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path
    )
    feed = {
        "t": np.array(["one", "three"], dtype=object),
        "a/b": np.array([1, 2, 3]),
        "file": np.array([0.5], np.float32),
    }
    ((numbers, floats, words),) = run_in_fresh_process(path, [feed]).outputs
    assert numbers.tolist() == [1, 2, 3]
    assert floats.tolist() == [0.5]
    assert words.tolist() == ["one", "three"]


def test_the_users_folder_is_not_on_the_import_path(model_path, images, tmp_path, monkeypatch):
    tmp_path.joinpath("numpy.py").write_text("raise RuntimeError('the wrong numpy')")
    monkeypatch.chdir(tmp_path)
    assert len(run_in_fresh_process(model_path, images[:1]).outputs) == 1


def test_a_process_that_takes_too_long_is_stopped(model_path, images):
    with pytest.raises(PublishGateError, match=r"did not finish within 0\.01 s"):
        run_in_fresh_process(model_path, images, timeout=0.01)


def test_a_crash_is_reported_with_its_last_line(model_path, images, tmp_path, monkeypatch):
    tmp_path.joinpath("sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "print('first line', file=sys.stderr)\n"
        "print('stack smashing detected', file=sys.stderr, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGSEGV)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(PublishGateError, match=r"\(exit status -11\): stack smashing detected"):
        run_in_fresh_process(model_path, images[:1])


def test_a_process_that_is_killed_is_said_to_lack_memory(
    model_path, images, tmp_path, monkeypatch
):
    tmp_path.joinpath("sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "print('a warning', file=sys.stderr, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(
        PublishGateError, match=r"killed .* memory runs out.*'matmul-nbits'"
    ) as hit:
        run_in_fresh_process(model_path, images[:1])
    assert "a warning" not in str(hit.value)
