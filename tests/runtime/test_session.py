from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from zoo_compress.errors import SourceError
from zoo_compress.runtime.session import LONGEST_REASON, open_session, short_reason
from zoo_compress.runtime.skeleton import detach_initializers


def surviving_ops(path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


def test_supplied_weights_give_the_same_bits_as_stored_ones(conv_model, images):
    skeleton, weights = detach_initializers(conv_model, ["conv.w", "fc.w", "fc.b"])
    plain = open_session(conv_model.SerializeToString())
    supplied = open_session(skeleton, initializers=weights)
    for feed in images:
        np.testing.assert_array_equal(supplied.run(None, feed)[0], plain.run(None, feed)[0])


def test_supplied_weights_are_optimised_like_stored_ones(conv_model, tmp_path):
    skeleton, weights = detach_initializers(conv_model, ["conv.w", "fc.w", "fc.b"])
    open_session(conv_model.SerializeToString(), optimized_path=tmp_path / "plain.onnx")
    open_session(skeleton, initializers=weights, optimized_path=tmp_path / "supplied.onnx")
    assert surviving_ops(tmp_path / "supplied.onnx") == surviving_ops(tmp_path / "plain.onnx")


def test_threads_that_do_not_spin_give_the_same_bits(conv_model, images):
    model, entry = conv_model.SerializeToString(), "session.intra_op.allow_spinning"
    plain, quiet = open_session(model), open_session(model, spinning=False)
    assert quiet.get_session_options().get_session_config_entry(entry) == "0"
    for feed in images:
        np.testing.assert_array_equal(quiet.run(None, feed)[0], plain.run(None, feed)[0])


def test_no_decode_node_survives_when_the_codes_are_stored(matmul_model, tmp_path):
    open_session(matmul_model.SerializeToString(), optimized_path=tmp_path / "optimised.onnx")
    assert surviving_ops(tmp_path / "optimised.onnx") == ["MatMul"]


def test_no_decode_node_survives_when_the_codes_are_supplied(matmul_model, tmp_path):
    skeleton, weights = detach_initializers(matmul_model, ["codes", "scales"])
    path = tmp_path / "optimised.onnx"
    session = open_session(skeleton, initializers=weights, optimized_path=path)
    x = np.random.default_rng(0).standard_normal((1, 64)).astype(np.float32)
    plain = open_session(matmul_model.SerializeToString())
    assert surviving_ops(path) == ["MatMul"]
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], plain.run(None, {"x": x})[0])


def test_a_placeholder_needs_no_location(conv_model, images):
    skeleton, weights = detach_initializers(conv_model, ["fc.w"])
    bare = onnx.load_model_from_string(skeleton)
    for tensor in bare.graph.initializer:
        del tensor.external_data[:]
    session = open_session(bare.SerializeToString(), initializers=weights)
    expected = open_session(conv_model.SerializeToString()).run(None, images[0])[0]
    np.testing.assert_array_equal(session.run(None, images[0])[0], expected)


def test_supplied_bfloat16_weights_are_read_as_such(lookup_model):
    skeleton, weights = detach_initializers(lookup_model, ["table"])
    assert weights["table"].dtype == ml_dtypes.bfloat16
    session = open_session(skeleton, initializers=weights)
    rows = session.run(None, {"ids": np.array([2, 19])})[0]
    np.testing.assert_array_equal(rows, [[6, 7, 8], [57, 58, 59]])


def test_a_transposed_view_is_supplied_in_its_own_order(conv_model, images):
    skeleton, weights = detach_initializers(conv_model, ["fc.w"])
    view = np.asfortranarray(weights["fc.w"])
    session = open_session(skeleton, initializers={"fc.w": view})
    expected = open_session(conv_model.SerializeToString()).run(None, images[0])[0]
    np.testing.assert_array_equal(session.run(None, images[0])[0], expected)


def test_a_weight_that_nobody_supplies_is_an_error(conv_model):
    skeleton, _ = detach_initializers(conv_model, ["fc.w"])
    with pytest.raises(SourceError, match="the model does not open"):
        open_session(skeleton)


def test_a_supplied_weight_of_another_shape_is_an_error(conv_model):
    skeleton, weights = detach_initializers(conv_model, ["fc.w"])
    with pytest.raises(SourceError, match="dimensions do not match"):
        open_session(skeleton, initializers={"fc.w": weights["fc.w"][:, :5]})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"absent\.onnx' is not a file"):
        open_session(tmp_path / "absent.onnx")


def test_a_file_that_is_not_onnx_is_named_in_one_line(tmp_path):
    path = tmp_path / "text.onnx"
    path.write_text("not a model")
    with pytest.raises(
        SourceError, match=r"text\.onnx' does not open: Protobuf parsing failed"
    ) as raised:
        open_session(path)
    assert "\n" not in str(raised.value)
    assert raised.value.__cause__ is not None


def test_an_unknown_operator_is_named(conv_model, capfd):
    conv_model.graph.node[0].op_type = "Convolve"
    with pytest.raises(SourceError, match="No Op registered for Convolve"):
        open_session(conv_model.SerializeToString())
    assert capfd.readouterr().err == ""


def test_opening_and_running_writes_nothing_to_stderr(conv_model, images, capfd):
    unused = numpy_helper.from_array(np.ones(3, np.float32), "unused")
    conv_model.graph.initializer.append(unused)
    open_session(conv_model.SerializeToString(), threads=1).run(None, images[0])
    assert capfd.readouterr().err == ""


def test_a_reason_loses_the_code_and_the_source_position():
    message = (
        "[ONNXRuntimeError] : 1 : FAIL : /src/core/graph/model.cc:256 "
        "ort::Model::Model(int&&, const Options&) Unsupported\n IR version"
    )
    assert short_reason(message) == "Unsupported IR version"


def test_a_long_reason_is_cut():
    assert len(short_reason(RuntimeError("word " * 200))) == LONGEST_REASON
