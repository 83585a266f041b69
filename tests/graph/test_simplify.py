import numpy as np
import onnx
import onnx_ir as ir
import pytest

from zoo_compress.graph.held import hold_values
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.graph.simplify import simplify

X = np.arange(6, dtype=np.float32).reshape(2, 3)
MATMUL = "g (float[2,3] x) => (float[2,4] y) { y = MatMul(x, w) }"


@pytest.fixture
def simplified(tmp_path):
    """Return a function that saves a model and simplifies the file."""

    def result(model: onnx.ModelProto, large: int = 1 << 30, **options):
        path = tmp_path / "model.onnx"
        onnx.save(model, path, **options)
        found = simplify(path, stored_bytes=path.stat().st_size, large=large)
        if isinstance(found, str):
            return found
        hold_values(found)
        return to_compact_proto(found)

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


LARGE = """g (float[2,3] x) => (float[2,4] y) {
    h = Identity(x)
    t = Transpose<perm=[1,0]>(small)
    wide = MatMul(h, w)
    back = MatMul(wide, v)
    y = MatMul(back, t)
}"""


@pytest.mark.parametrize("options", [{}, {"save_as_external_data": True, "size_threshold": 0}])
def test_a_large_model_is_simplified_around_its_large_weights(
    options, make_model, simplified, run, draw
):
    weights = {"small": draw(4, 5), "w": draw(3, 1 << 17), "v": draw(1 << 17, 5)}
    model = make_model(LARGE, weights)
    expected = run(model, {"x": X})[0]
    found = simplified(model, large=1, **options)
    assert operators(found) == ["MatMul"] * 3
    assert [value.name for value in found.graph.input] == ["x"]
    np.testing.assert_array_equal(run(found, {"x": X})[0], expected)


def test_weights_whose_values_a_large_model_computes_with_stay_as_they_are(
    make_model, simplified, run, draw
):
    text = """g (float[2,3] x) => (float[2,131072] y) {
        t = Transpose<perm=[1,0]>(w)
        y = MatMul(x, t)
    }"""
    model = make_model(text, {"w": draw(1 << 17, 3)})
    expected = run(model, {"x": X})[0]
    assert operators(simplified(model)) == ["MatMul"]
    found = simplified(model, large=1)
    assert operators(found) == ["Transpose", "MatMul"]
    np.testing.assert_array_equal(run(found, {"x": X})[0], expected)


def test_constants_too_many_to_compare_by_pairs_are_left_to_normalizing(
    make_model, simplified, draw, monkeypatch
):
    text = """g (float[2,3] x) => (float[2,3] y) { h = Add(x, a) i = Mul(h, b) y = Add(i, c) }"""
    values = draw(3)
    model = make_model(text, {"a": values, "b": draw(3), "c": values})
    assert len(simplified(model).graph.initializer) == 2
    monkeypatch.setattr("zoo_compress.graph.simplify.MOST_TIED", 2)
    found = simplified(model)
    assert len(found.graph.initializer) == 3
    assert len(normalize(ir.from_proto(found)).graph.initializers) == 2


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
