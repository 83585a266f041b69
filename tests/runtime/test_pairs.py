from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.errors import InputError, OriginalModelError, SourceError
from zoo_compress.runtime import pairs
from zoo_compress.runtime.pairs import ModelPair
from zoo_compress.runtime.session import open_session

FLOAT, HALF, DOUBLE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE


def scaled_sums(
    folder: Path,
    *,
    scale: float = 2.0,
    inputs: tuple[str, ...] = ("a", "b"),
    outputs: tuple[str, ...] = ("sum", "scaled"),
    kind: int = FLOAT,
    length: int | str = "n",
) -> Path:
    """Write a model that returns a + b and `scale` (a + b), each (1, length)."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["a", "b"], ["sum"]),
            helper.make_node("Mul", ["sum", "s"], ["scaled"]),
        ],
        "sums",
        [helper.make_tensor_value_info(name, kind, [1, length]) for name in inputs],
        [helper.make_tensor_value_info(name, kind, [1, length]) for name in outputs],
        [numpy_helper.from_array(np.array(scale, dtype), "s")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path = folder / f"{len(list(folder.iterdir()))}.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def feed() -> dict[str, np.ndarray]:
    return {"a": np.array([[1, 2, 3]], np.float32), "b": np.array([[10, 20, 30]], np.float32)}


def test_outputs_and_inputs_go_by_name_in_the_originals_order(tmp_path, feed):
    original = scaled_sums(tmp_path)
    other = scaled_sums(tmp_path, scale=5.0, inputs=("b", "a"), outputs=("scaled", "sum"))
    pair = ModelPair(original, other)
    assert pair.output_names == ("sum", "scaled")
    first, second = pair.both(feed, sample="one")
    np.testing.assert_array_equal(first[1], [[22, 44, 66]])
    np.testing.assert_array_equal(second[0], first[0])
    np.testing.assert_array_equal(second[1], [[55, 110, 165]])


def test_threads_of_one_model_that_wait_leave_the_cores_to_the_other(tmp_path, monkeypatch):
    opened = []

    def opening(*model, **options):
        opened.append(open_session(*model, **options))
        return opened[-1]

    monkeypatch.setattr(pairs, "open_session", opening)
    ModelPair(scaled_sums(tmp_path), scaled_sums(tmp_path))
    entry = "session.intra_op.allow_spinning"
    options = [session.get_session_options() for session in opened]
    assert [option.get_session_config_entry(entry) for option in options] == ["0", "0"]


@pytest.mark.parametrize(("original", "other"), [(FLOAT, HALF), (HALF, FLOAT), (DOUBLE, FLOAT)])
def test_another_floating_point_type_is_converted_on_the_way_in(tmp_path, feed, original, other):
    pair = ModelPair(scaled_sums(tmp_path, kind=original), scaled_sums(tmp_path, kind=other))
    dtype = helper.tensor_dtype_to_np_dtype(original)
    first, second = pair.both({k: v.astype(dtype) for k, v in feed.items()}, sample="one")
    assert first[0].dtype == dtype
    assert second[0].dtype == helper.tensor_dtype_to_np_dtype(other)
    np.testing.assert_array_equal(first[1], second[1])


def test_values_beyond_half_precision_become_infinite_without_a_warning(tmp_path, feed):
    pair = ModelPair(scaled_sums(tmp_path), scaled_sums(tmp_path, kind=HALF))
    feed["a"][0, 1] = 1e6
    first, second = pair.both(feed, sample="one")
    assert np.isfinite(first[0]).all()
    assert np.isinf(second[0][0, 1])


def test_names_that_differ_are_reported_on_both_sides(tmp_path):
    model = scaled_sums(tmp_path)
    fewer = scaled_sums(tmp_path, outputs=("sum",))
    with pytest.raises(SourceError, match=r"only the original has output 'scaled'$"):
        ModelPair(model, fewer)
    with pytest.raises(SourceError, match=r"only the compressed model has output 'scaled'$"):
        ModelPair(fewer, model)
    renamed = onnx.load(model)
    renamed.graph.input[0].name = renamed.graph.node[0].input[0] = "left"
    onnx.save(renamed, fewer)
    both = r"only the original has input 'a'; only the compressed model has input 'left'"
    with pytest.raises(SourceError, match=both):
        ModelPair(model, fewer)


def test_types_that_cannot_stand_for_each_other_are_named(tmp_path):
    pair = scaled_sums(tmp_path), scaled_sums(tmp_path, kind=TensorProto.INT64)
    with pytest.raises(SourceError, match=r"'a' is tensor\(float\) in .*, now tensor\(int64\)"):
        ModelPair(*pair)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"gone\.onnx"):
        ModelPair(scaled_sums(tmp_path), tmp_path / "gone.onnx")


def test_an_original_that_overflows_names_output_and_sample(tmp_path, feed):
    pair = ModelPair(scaled_sums(tmp_path, scale=3e38), scaled_sums(tmp_path))
    with pytest.raises(OriginalModelError, match=r"'scaled' of the original .* sample 'one'"):
        pair.original(feed, sample="one")


def test_a_compressed_model_that_overflows_is_returned_as_it_is(tmp_path, feed):
    pair = ModelPair(scaled_sums(tmp_path), scaled_sums(tmp_path, scale=3e38))
    assert np.isinf(pair.both(feed, sample="one")[1][1]).all()


def test_a_sample_that_the_compressed_model_does_not_take_is_named(tmp_path, feed):
    pair = ModelPair(scaled_sums(tmp_path), scaled_sums(tmp_path, length=2))
    with pytest.raises(InputError, match=r"sample 'one' does not run in the compressed model: "):
        pair.both(feed, sample="one")


def test_a_sample_that_the_original_does_not_take_is_named(tmp_path, feed):
    pair = ModelPair(scaled_sums(tmp_path), scaled_sums(tmp_path))
    del feed["b"]
    with pytest.raises(InputError, match=r"sample 'one' does not run: "):
        pair.original(feed, sample="one")
