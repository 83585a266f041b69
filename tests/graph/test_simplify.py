import numpy as np
import onnx
import pytest

from zoo_compress.graph.simplify import LARGEST_BYTES, simplify

X = np.arange(6, dtype=np.float32).reshape(2, 3)
MATMUL = "g (float[2,3] x) => (float[2,4] y) { y = MatMul(x, w) }"


@pytest.fixture
def simplified(tmp_path):
    """Return a function that saves a model and simplifies the file."""

    def result(model: onnx.ModelProto, **options):
        path = tmp_path / "model.onnx"
        onnx.save(model, path, **options)
        return simplify(path, stored_bytes=path.stat().st_size)

    return result


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def test_constants_are_folded_and_idle_nodes_removed(make_model, simplified, run, draw):
    text = """g (float[2,3] x) => (float[2,4] y) {
        h = Identity(x)
        t = Transpose<perm=[1,0]>(w)
        y = MatMul(h, t)
    }"""
    model = make_model(text, {"w": draw(4, 3)})
    found = simplified(model)
    assert operators(found) == ["MatMul"]
    np.testing.assert_allclose(run(found, {"x": X})[0], run(model, {"x": X})[0], rtol=1e-6)


def test_the_file_itself_is_not_changed(make_model, tmp_path, draw):
    path = tmp_path / "model.onnx"
    onnx.save(make_model(MATMUL, {"w": draw(3, 4)}), path)
    before = path.read_bytes()
    simplify(path, stored_bytes=len(before))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


def test_external_data_is_read(make_model, simplified, run, draw):
    model = make_model(MATMUL, {"w": draw(3, 4)})
    expected = run(model, {"x": X})[0]
    found = simplified(model, save_as_external_data=True, location="w.bin", size_threshold=0)
    np.testing.assert_array_equal(run(found, {"x": X})[0], expected)


def test_a_model_beyond_the_limit_of_protobuf_is_left_alone(tmp_path):
    reason = simplify(tmp_path / "absent.onnx", stored_bytes=LARGEST_BYTES)
    assert reason == "2147483648 bytes are above the 2 GB that onnxslim can take"


def test_a_changed_interface_is_a_reason_to_keep_the_original(make_model, simplified, draw):
    text = "g (float[2,3] x, float[2,3] unused) => (float[2,4] y) { y = MatMul(x, w) }"
    reason = simplified(make_model(text, {"w": draw(3, 4)}))
    assert reason == (
        "onnxslim changed the inputs and outputs from (['x', 'unused'], ['y']) to (['x'], ['y'])"
    )


def test_a_weight_that_an_old_ir_version_lists_as_an_input_is_no_changed_interface(
    make_model, simplified, draw
):
    text = "g (float[2,3] x, float[3,4] w) => (float[2,4] y) { y = MatMul(x, w) }"
    found = simplified(make_model(text, {"w": draw(3, 4)}, opset=11, ir_version=3))
    assert operators(found) == ["MatMul"]


def test_what_onnxslim_fails_on_is_the_reason_and_is_not_printed(
    make_model, simplified, draw, capfd
):
    model = make_model(MATMUL, {"w": draw(3, 4)})
    model.graph.output[0].type.Clear()
    reason = simplified(model)
    assert reason.startswith("onnxslim failed: Graph input and output tensors must include dtype")
    assert "\n" not in reason
    assert capfd.readouterr() == ("", "")
