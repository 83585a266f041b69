from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.token_models import token_model
from zoo_compress.errors import InputError, OriginalModelError, SourceError
from zoo_compress.runtime import bindings
from zoo_compress.runtime import bound as bound_module
from zoo_compress.runtime.bound import BoundEvaluator
from zoo_compress.runtime.device import CPU, Device
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.runtime.session import open_session, runtime_errors

WEIGHTS = ("conv.w", "fc.w", "fc.b")


@pytest.fixture(params=[CPU, pytest.param(Device("cuda"), marks=pytest.mark.gpu)], ids=str)
def device(request) -> Device:
    return request.param


@pytest.fixture(params=[False, True], ids=["swapped", "recorded"])
def recording(request) -> bool:
    return request.param


@pytest.fixture
def bound(conv_model, images, device, recording):
    return BoundEvaluator(
        conv_model, images, replaceable=WEIGHTS, device=device, recording=recording
    )


@pytest.fixture
def changed(conv_model) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    stored = {t.name: numpy_helper.to_array(t) for t in conv_model.graph.initializer}
    noise = {n: rng.standard_normal(a.shape).astype(np.float32) for n, a in stored.items()}
    return {name: stored[name] + 0.1 * noise[name] for name in ("conv.w", "fc.b")}


def assert_same(found, expected):
    for sample, other in zip(found, expected, strict=True):
        for one, two in zip(sample, other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)
            assert one.shape == two.shape


def test_reference_and_candidates_are_those_of_sessions_that_are_built_anew(
    conv_model, images, bound, changed
):
    plain = CpuEvaluator(conv_model, images, replaceable=WEIGHTS)
    assert_same(bound.reference, plain.reference)
    assert_same(bound.outputs(changed, [4, 1]), plain.outputs(changed, [4, 1]))
    assert bound.output_names == plain.output_names


def test_a_candidate_leaves_no_trace_in_the_next_one(bound, changed):
    bound.outputs(changed, range(6))
    assert_same(bound.outputs({}, range(6)), bound.reference[:6])


def test_differences_are_those_of_the_outputs(bound, changed):
    order = [5, 0, 3]
    found = bound.differences(changed, order)
    outputs = [sample[0] for sample in bound.outputs(changed, order)]
    references = [bound.reference[index][0] for index in order]
    pairs = list(zip(outputs, references, strict=True))
    squares = [np.square(one.astype(float) - two).sum() for one, two in pairs]
    np.testing.assert_allclose(found.squares[:, 0], squares, rtol=1e-5)
    assert found.answers_differ.tolist() == [one.argmax() != two.argmax() for one, two in pairs]


def test_outputs_that_are_not_numbers_are_infinitely_far_and_change_the_answer(bound):
    found = bound.differences({"fc.w": np.full((16, 10), np.nan, np.float32)}, [0, 1])
    assert np.isinf(found.squares).all()
    assert found.answers_differ.all()


def test_a_weight_is_uploaded_once(bound, changed):
    before = bound.store.uploads
    for _ in range(3):
        bound.differences(changed, range(6))
    assert bound.store.uploads == before + len(changed)


def test_forwards_are_recorded_if_that_is_asked_for(bound, recording):
    assert bound.recording is recording


def test_only_weights_that_differ_from_those_before_are_copied(
    conv_model, images, device, changed, monkeypatch
):
    bound = BoundEvaluator(conv_model, images, replaceable=WEIGHTS, device=device, recording=True)
    bound.outputs({}, range(6))
    copied = []
    copy = bindings._copy
    monkeypatch.setattr(bindings, "_copy", lambda *pair: copied.append(copy(*pair)))
    for weights, copies in ((changed, 2), (changed, 0), ({}, 2), ({}, 0)):
        copied.clear()
        bound.outputs(weights, range(6))
        assert len(copied) == copies


def test_a_forward_is_recorded_at_the_second_time_and_under_a_number_of_its_own(
    conv_model, images, device, monkeypatch
):
    numbers = []
    options = bindings._options
    monkeypatch.setattr(bindings, "_options", lambda n: (numbers.append(n), options(n))[1])
    bound = BoundEvaluator(conv_model, images, replaceable=WEIGHTS, device=device, recording=True)
    numbers.clear()
    for indices in ([0, 1, 2], [3, 4], [0, 1, 2], [3, 4], [0, 1, 2]):
        bound.outputs({}, indices)
    ordinary, one, other = bindings.NOT_RECORDED, numbers[2], numbers[3]
    assert numbers == [ordinary, ordinary, one, other, one]
    assert int(other) > int(one) > 0


def test_forwards_that_come_out_otherwise_when_replayed_are_not_recorded(
    conv_model, images, device, changed, monkeypatch
):
    run, first = bindings.RecordedForwards.run, {}

    def stale(self, number, inputs):
        found = run(self, number, inputs)
        shares = first.setdefault(number, [value.numpy().copy() for value in found])
        return [bindings.upload(array, device) for array in shares]

    monkeypatch.setattr(bindings.RecordedForwards, "run", stale)
    bound = BoundEvaluator(conv_model, images, replaceable=WEIGHTS, device=device, recording=True)
    assert not bound.recording
    plain = CpuEvaluator(conv_model, images, replaceable=WEIGHTS)
    assert_same(bound.outputs(changed, range(6)), plain.outputs(changed, range(6)))


def test_a_model_that_does_not_open_for_recording_is_run_without(
    conv_model, images, device, changed, monkeypatch
):
    def opened(*arguments, recording=False, **others):
        if recording:
            raise SourceError("not all nodes have been partitioned to the device")
        return open_session(*arguments, **others)

    monkeypatch.setattr(bound_module, "open_session", opened)
    bound = BoundEvaluator(conv_model, images, replaceable=WEIGHTS, device=device, recording=True)
    assert not bound.recording
    plain = CpuEvaluator(conv_model, images, replaceable=WEIGHTS)
    assert_same(bound.outputs(changed, range(6)), plain.outputs(changed, range(6)))


def test_weights_that_cannot_be_copied_within_a_device_are_not_recorded():
    assert bindings.can_record({"a": np.zeros(2, np.float16), "b": np.zeros(2, np.int8)})
    assert not bindings.can_record({"a": np.zeros(2, ml_dtypes.bfloat16)})


def test_nothing_is_recorded_any_more_once_memory_runs_out(conv_model, images, device, changed):
    class Scarce(BoundEvaluator):
        scarce = False

        def _run(self, batch):
            if self.scarce and self.recording:
                raise RuntimeError("CUDA error: out of memory")
            return super()._run(batch)

    bound = Scarce(conv_model, images, replaceable=WEIGHTS, device=device, recording=True)
    expected, batch = bound.outputs(changed, range(6)), bound.batch
    bound.scarce = True
    assert_same(bound.outputs(changed, range(6)), expected)
    assert not bound.recording
    assert bound.batch == batch


def test_what_was_used_least_recently_leaves_the_device_first(conv_model, images, device):
    weight = numpy_helper.to_array(conv_model.graph.initializer[1])
    room = 2 * weight.nbytes
    bound = BoundEvaluator(
        conv_model, images, replaceable=WEIGHTS, device=device, cache_bytes=room
    )
    first, second, third = (weight * factor for factor in (1, 2, 3))
    for array in (first, second, first, third):
        bound.outputs({"fc.w": array}, [0])
        assert bound.store.held_bytes <= room
    assert bound.store.uploads == 3
    bound.outputs({"fc.w": first}, [0])
    assert bound.store.uploads == 3
    bound.outputs({"fc.w": second}, [0])
    assert bound.store.uploads == 4


def test_samples_of_equal_shapes_run_together(bound, images):
    assert bound.batch > 1
    assert [len(batch.indices) for batch in bound._batched(tuple(range(6)))] == [6]


def test_samples_of_several_shapes_run_in_groups_and_come_back_in_order(device, recording):
    model = sequence_model()
    feeds = [{"x": np.full((1, length, 4), length, np.float32)} for length in (3, 5, 3, 2, 5)]
    bound = BoundEvaluator(model, feeds, replaceable=["w"], device=device, recording=recording)
    plain = CpuEvaluator(model, feeds, replaceable=["w"])
    weight = {"w": np.full((4, 2), 0.5, np.float32)}
    assert_same(bound.outputs(weight, range(5)), plain.outputs(weight, range(5)))
    for _ in range(3):
        found = bound.differences(weight, [4, 3, 2, 1, 0])
    assert found.squares.shape == (5, 1)
    assert found.squares[0] == pytest.approx(found.squares[3])


def test_a_model_whose_samples_act_on_each_other_runs_them_alone(device):
    model = sequence_model(over_the_batch=True)
    feeds = [{"x": np.full((1, 3, 4), value, np.float32)} for value in range(4)]
    bound = BoundEvaluator(model, feeds, replaceable=["w"], device=device)
    assert bound.batch == 1
    assert_same(bound.reference, CpuEvaluator(model, feeds, replaceable=["w"]).reference)


def test_a_batch_that_does_not_fit_is_halved_until_it_does(conv_model, images, device, changed):
    class Scarce(BoundEvaluator):
        room = 64

        def _run(self, batch):
            if len(batch.indices) > self.room:
                raise RuntimeError("BFCArena: Failed to allocate memory for requested buffer")
            return super()._run(batch)

    bound = Scarce(conv_model, images, replaceable=WEIGHTS, device=device)
    expected = bound.outputs(changed, range(6))
    bound.room = 2
    assert_same(bound.outputs(changed, range(6)), expected)
    assert bound.batch == 2
    bound.room = 0
    with pytest.raises(InputError, match=r"does not run on .*Failed to allocate"):
        bound.outputs(changed, range(6))


def test_another_graph_runs_in_a_session_of_its_own(conv_model, images, bound):
    model = conv_model.SerializeToString()
    assert_same(bound.outputs_of(model, {}, [2]), [bound.reference[2]])


def test_references_from_elsewhere_are_what_outputs_are_compared_with(
    conv_model, images, device, recording
):
    given = [(np.full((1, 10), index, np.float32),) for index in range(len(images))]
    bound = BoundEvaluator(
        conv_model,
        images,
        replaceable=WEIGHTS,
        device=device,
        reference=given,
        recording=recording,
    )
    (output,) = bound.outputs({}, [2])[0]
    found = bound.differences({}, [2])
    assert found.squares[0, 0] == pytest.approx(np.square(output.astype(float) - 2).sum())


def test_an_original_that_is_not_finite_is_refused(conv_model, images, device):
    images[1]["image"][:] = np.inf
    with pytest.raises(OriginalModelError, match="sample 1"):
        BoundEvaluator(conv_model, images, replaceable=WEIGHTS, device=device)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"nothing": np.zeros(1, np.float32)}, "'nothing' is not among the replaceable"),
        ({"fc.b": np.zeros(3, np.float32)}, r"'fc.b': float32 \(3,\) cannot replace"),
    ],
)
def test_a_replacement_that_fits_nothing_is_refused(bound, weights, said):
    with pytest.raises(ValueError, match=said):
        bound.outputs(weights, [0])


def test_the_callers_model_stays_as_it_is(conv_model, images, device):
    before = conv_model.SerializeToString()
    BoundEvaluator(conv_model, images, replaceable=WEIGHTS, device=device)
    assert conv_model.SerializeToString() == before


def test_the_errors_of_onnx_runtime_and_torch_are_caught():
    import onnxruntime
    import torch

    assert issubclass(torch.OutOfMemoryError, runtime_errors(onnxruntime))


def sequence_model(*, over_the_batch: bool = False) -> onnx.ModelProto:
    """Return x (N, T, 4) @ w (4, 2); with `over_the_batch`, minus the mean over N."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p" if over_the_batch else "y"])]
    weights = [numpy_helper.from_array(np.arange(8, dtype=np.float32).reshape(4, 2), "w")]
    if over_the_batch:
        nodes += [
            helper.make_node("ReduceMean", ["p", "axes"], ["m"], keepdims=1),
            helper.make_node("Sub", ["p", "m"], ["y"]),
        ]
        weights.append(numpy_helper.from_array(np.array([0], np.int64), "axes"))
    graph = helper.make_graph(
        nodes,
        "sequence",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "T", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "T", 2])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_padded_samples_are_trimmed_and_left_to_a_comparison_one_by_one(tmp_path, device):
    model = onnx.load(token_model(tmp_path / "a.onnx", length=8))
    lengths = (5, 8, 3, 8)
    feeds = [
        {
            "input_ids": np.arange(8)[None] + length,
            "attention_mask": (np.arange(8) < length).astype(np.int64)[None],
        }
        for length in lengths
    ]
    bound = BoundEvaluator(model, feeds, replaceable=["dense"], device=device)
    assert [sample[0].shape[1] for sample in bound.reference] == [*lengths]
    assert_same(bound.reference, CpuEvaluator(model, feeds, replaceable=["dense"]).reference)
    assert bound.differences({}, [0, 1]) is None
    assert bound.differences({}, [1, 3]).squares == pytest.approx(0, abs=1e-6)
