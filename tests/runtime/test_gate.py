from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.errors import PublishGateError
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.runtime.gate import publish_gate, reopening_gate


class Written:
    """A compressed model on disk, and what a search knows about it."""

    def __init__(self, model: onnx.ModelProto, feeds, folder, change) -> None:
        weights = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        evaluator = CpuEvaluator(model, feeds, replaceable=["fc.w"])
        compressed = change(weights["fc.w"])
        self.feeds = feeds
        self.original = evaluator.reference
        self.searched = evaluator.outputs({"fc.w": compressed}, range(len(feeds)))
        for tensor in model.graph.initializer:
            if tensor.name == "fc.w":
                tensor.CopyFrom(numpy_helper.from_array(compressed, "fc.w"))
        self.path = folder / "model.onnx"
        onnx.save(model, self.path)
        self.bytes = self.path.stat().st_size

    def pass_gate(self, **changes):
        known = {
            "feeds": self.feeds,
            "searched": self.searched,
            "original": self.original,
            "predicted_bytes": self.bytes,
        }
        return publish_gate(self.path, **(known | changes))


@pytest.fixture
def written(conv_model, images, tmp_path):
    return Written(conv_model, images, tmp_path, lambda w: np.round(w * 8) / np.float32(8))


def test_a_good_model_passes_and_the_report_says_how_well(written):
    report = written.pass_gate()
    assert report.opening_bytes is None or report.opening_bytes > 0
    assert report.stored_bytes == written.bytes
    assert report.relative_difference <= 1e-6
    assert 0 < report.relative_distance < 0.05


def test_the_report_states_the_distance_as_a_share_of_the_variance(written):
    original = np.concatenate([outputs[0] for outputs in written.original])
    searched = np.concatenate([outputs[0] for outputs in written.searched])
    spread = np.square(original - original.mean(axis=0)).sum()
    expected = np.square(searched - original).sum() / spread
    assert written.pass_gate().relative_distance == pytest.approx(expected, rel=1e-4)


def test_a_size_off_by_one_percent_passes(written):
    written.pass_gate(predicted_bytes=round(written.bytes * 1.0095))


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_a_wrong_size_fails_with_both_sizes(written, factor):
    predicted = round(written.bytes * factor)
    message = rf"takes {written.bytes} bytes, predicted were {predicted} \(allowed: within 1 %\)"
    with pytest.raises(PublishGateError, match=message):
        written.pass_gate(predicted_bytes=predicted)


def test_external_data_counts_in_the_size(written):
    beside = written.path.with_name("model.onnx.data")
    beside.write_bytes(bytes(500))
    report = written.pass_gate(data_files=[beside], predicted_bytes=written.bytes + 500)
    assert report.stored_bytes == written.bytes + 500


def test_other_outputs_than_the_searched_fail_with_the_difference(written):
    scaled = [(outputs[0] / np.float32(1.01),) for outputs in written.searched]
    with pytest.raises(PublishGateError, match=r"searched one by 0\.01 .* \(allowed: 0\.001\)"):
        written.pass_gate(searched=scaled)


def test_a_looser_tolerance_lets_them_pass(written):
    scaled = [(outputs[0] / np.float32(1.01),) for outputs in written.searched]
    assert written.pass_gate(searched=scaled, tolerance=0.02).relative_difference > 1e-3


def test_an_output_of_another_shape_fails(written):
    shorter = [(outputs[0][:, :9],) for outputs in written.searched]
    with pytest.raises(PublishGateError, match=r"has shape \(1, 10\), in the search it had"):
        written.pass_gate(searched=shorter)


def test_a_model_that_is_near_chance_fails(conv_model, images, tmp_path):
    rng = np.random.default_rng(9)
    written = Written(conv_model, images, tmp_path, rng.permutation)
    with pytest.raises(PublishGateError, match=r"near chance: .* variance \(allowed: below 1\)"):
        written.pass_gate()


def test_a_model_that_ignores_its_input_is_near_chance(conv_model, images, tmp_path):
    written = Written(conv_model, images, tmp_path, np.zeros_like)
    with pytest.raises(PublishGateError, match="output 0 is near chance"):
        written.pass_gate()


def test_one_sample_is_too_few_to_speak_of_chance(written):
    report = written.pass_gate(
        feeds=written.feeds[:1], searched=written.searched[:1], original=written.original[:1]
    )
    assert report.relative_distance is None


def test_nan_outputs_fail_with_the_sample(conv_model, images, tmp_path):
    written = Written(conv_model, images, tmp_path, lambda w: np.full_like(w, np.nan))
    with pytest.raises(PublishGateError, match="output 0 is NaN or infinite for sample 0"):
        written.pass_gate()


def test_a_file_that_was_not_written_fails(written):
    written.path.unlink()
    with pytest.raises(PublishGateError, match=r"model\.onnx' was not written"):
        written.pass_gate()


def test_an_unreadable_file_fails_with_the_reason(written):
    written.path.write_bytes(b"\xff" * written.bytes)
    with pytest.raises(PublishGateError, match=r"failed in a fresh process .*Protobuf parsing"):
        written.pass_gate()


def test_a_model_of_another_input_shape_fails(written):
    wide = [{"image": np.zeros((1, 3, 8), np.float32)}] * len(written.feeds)
    with pytest.raises(PublishGateError, match=r"failed in a fresh process .*Invalid rank"):
        written.pass_gate(feeds=wide)


def test_unequal_numbers_of_samples_are_a_mistake_of_the_caller(written):
    with pytest.raises(ValueError, match="12 feeds, 11 searched and 12 original"):
        written.pass_gate(searched=written.searched[:-1])


def test_sequences_of_different_lengths_are_compared_by_their_features(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "T", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, "T", 4])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path = tmp_path / "sequence.onnx"
    onnx.save(model, path)
    rng = np.random.default_rng(0)
    sequences = [rng.standard_normal((1, t, 4)).astype(np.float32) for t in (3, 7, 5)]
    report = publish_gate(
        path,
        feeds=[{"x": s} for s in sequences],
        searched=[(s,) for s in sequences],
        original=[(s + np.float32(0.1),) for s in sequences],
        predicted_bytes=path.stat().st_size,
    )
    rows = np.concatenate([s[0] for s in sequences]).astype(np.float64)
    expected = 0.01 * rows.size / np.square(rows - rows.mean(axis=0)).sum()
    assert report.relative_difference == 0
    assert report.relative_distance == pytest.approx(expected, rel=1e-4)


def test_a_file_that_is_opened_again_has_the_distance_of_the_first_time(written):
    again = reopening_gate(written.path, feeds=written.feeds, original=written.original)
    assert again == pytest.approx(written.pass_gate().relative_distance, rel=1e-6)
    assert reopening_gate(written.path, feeds=written.feeds, original=None) is None


def test_a_file_that_is_opened_again_must_answer_in_the_originals_shapes(written):
    wrong = [(outputs[0][:, :-1],) for outputs in written.original]
    with pytest.raises(PublishGateError, match="the original has"):
        reopening_gate(written.path, feeds=written.feeds, original=wrong)


def test_a_file_that_is_opened_again_must_not_be_near_chance(written):
    others = [(-outputs[0],) for outputs in written.original]
    with pytest.raises(PublishGateError, match="near chance"):
        reopening_gate(written.path, feeds=written.feeds, original=others)
