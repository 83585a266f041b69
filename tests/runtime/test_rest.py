from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.token_models import token_model
from zoo_compress.runtime import rest
from zoo_compress.runtime.cuts import Cuts, common_shape, element_type
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.runtime.rest import RestEvaluator
from zoo_compress.runtime.skeleton import detach_initializers

SHAPES = {"a.w": (4, 3, 3, 3), "b.codes": (4, 4, 3, 3), "c.w": (4, 5), "c.b": (5,)}
PARTS = ["a.w", "b.codes", "c.w", "c.b"]
NODES = 8
"""Of the model; the first two are its constant and its first convolution."""


def model_of(*, early_output: bool = False) -> onnx.ModelProto:
    """Return a residual network: a.w; then b.codes times b.scale, around it a sum; then c.w.

    The sum is in a branch that reads what comes before the branch. Without a name of its own, the
    product of b stands before all else, as the fold of a constant does.
    """
    rng = np.random.default_rng(4)
    weights = {name: rng.standard_normal(shape) for name, shape in SHAPES.items()}
    weights["b.scale"] = np.array(0.5)
    arrays = [
        numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()
    ]
    arrays.append(numpy_helper.from_array(np.array(True), "yes"))
    bodies = {
        branch: helper.make_graph(
            [helper.make_node(kind, ["v", "r"], [branch])],
            branch,
            [],
            [helper.make_tensor_value_info(branch, TensorProto.FLOAT, ["N", 4, "H", "W"])],
        )
        for branch, kind in (("then_branch", "Add"), ("else_branch", "Sub"))
    }
    nodes = [
        helper.make_node("Mul", ["b.codes", "b.scale"], ["b.w"]),
        helper.make_node("Conv", ["x", "a.w"], ["u"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["u"], ["r"]),
        helper.make_node("Conv", ["r", "b.w"], ["v"], pads=[1, 1, 1, 1]),
        helper.make_node("If", ["yes"], ["s"], **bodies),
        helper.make_node("GlobalAveragePool", ["s"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "c.w", "c.b"], ["y"]),
    ]
    names = ["y", "u"] if early_output else ["y"]
    shapes = {"y": ["N", 5], "u": ["N", 4, "H", "W"]}
    graph = helper.make_graph(
        nodes,
        "residual",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in names],
        arrays,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.fixture
def model() -> onnx.ModelProto:
    return model_of()


@pytest.fixture
def feeds() -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(5)
    sides = (8, 8, 6, 8)
    return [{"x": rng.standard_normal((1, 3, n, n)).astype(np.float32)} for n in sides]


@pytest.fixture
def whole(model, feeds):
    return CpuEvaluator(model, feeds, replaceable=PARTS)


@pytest.fixture
def halved(model):
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    return {name: stored[name] / 2 for name in PARTS}


def run(model: onnx.ModelProto, names, feed) -> list[np.ndarray]:
    with_names = onnx.ModelProto()
    with_names.CopyFrom(model)
    known = {value.name for value in model.graph.output}
    with_names.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in known)
    return onnxruntime.InferenceSession(with_names.SerializeToString()).run(list(names), feed)


@pytest.mark.parametrize("place", range(NODES + 1))
def test_the_part_behind_any_place_returns_what_the_model_does(model, feeds, place):
    cuts = Cuts(model)
    live = sorted(cuts.live(place) or ())
    if place == NODES:
        assert cuts.live(place) is None
        return
    values = {name: feeds[0].get(name) for name in live if name in feeds[0]}
    inside = [name for name in live if name not in values]
    values |= dict(zip(inside, run(model, inside, feeds[0]), strict=True)) if inside else {}
    crossing = {n: (element_type(a), common_shape([a])) for n, a in values.items()}
    part = cuts.behind(place, crossing)
    onnx.checker.check_model(part)
    taken = {value.name for value in part.graph.input}
    assert taken == set(live)
    (found,) = run(part, ["y"], values)
    (expected,) = run(model, ["y"], feeds[0])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    # What is constant stays with its reader, and no other node from before the place.
    kept = {node.output[0] for node in part.graph.node}
    behind = {node.output[0] for node in model.graph.node[place:]}
    assert kept == behind | ({"b.w"} if "v" in behind else set())


def test_what_a_branch_reads_leads_across_too(model):
    assert Cuts(model).live(4) == {"v", "r"}
    assert Cuts(model).live(5) == {"s"}


@pytest.mark.parametrize(
    ("names", "place"),
    [(["a.w"], 1), (["b.codes"], 3), (["b.scale", "c.w"], 3), (["c.b"], 7), (["none"], NODES)],
)
def test_a_weight_is_read_where_it_meets_the_sample(model, names, place):
    assert Cuts(model).first_reader(names) == place


def test_a_model_is_not_cut_behind_one_of_its_outputs():
    cuts = Cuts(model_of(early_output=True))
    assert cuts.live(1) == {"x"}
    assert cuts.live(2) is None


def test_lengths_that_differ_are_left_open():
    assert common_shape([np.zeros((1, 3)), np.zeros((1, 4))]) == [1, None]
    assert common_shape([np.zeros(()), np.zeros(())]) == []
    with pytest.raises(ValueError, match="several ranks"):
        common_shape([np.zeros(2), np.zeros((2, 2))])


@pytest.mark.parametrize("names", [["a.w"], ["b.codes"], ["c.w"], ["c.b", "c.w"], PARTS])
def test_candidates_return_what_the_whole_model_returns(whole, halved, names):
    weights = {name: halved[name] for name in names}
    starting = whole.starts([0, 2, 3]).starting_at(names)
    for evaluator in (starting, starting.varying(names)):
        found = evaluator.outputs(weights, [3, 2])
        for one, other in zip(found, whole.outputs(weights, [3, 2]), strict=True):
            np.testing.assert_allclose(one[0], other[0], rtol=1e-5, atol=1e-6)


def test_nodes_before_the_weight_are_not_run(whole):
    first, last = (whole.starts([0, 1]).starting_at([name]) for name in ("a.w", "c.w"))
    assert isinstance(last, RestEvaluator)
    (node,) = last.detached.message().graph.node
    assert node.op_type == "Gemm"
    assert [*last.feeds[1]] == ["f"]
    assert first is whole


def test_other_weights_and_other_samples_are_left_to_the_whole_model(whole, halved):
    starting = whole.starts([0, 1]).starting_at(["c.w"])
    assert isinstance(starting, RestEvaluator)
    for weights, indices in (({"a.w": halved["a.w"]}, [1]), ({"c.w": halved["c.w"]}, [2])):
        expected = whole.outputs(weights, indices)
        for evaluator in (starting, starting.varying(["c.w"])):
            found = evaluator.outputs(weights, indices)
            np.testing.assert_allclose(found[0][0], expected[0][0], rtol=1e-5, atol=1e-6)


def test_a_weight_of_another_shape_is_refused(whole):
    wrong = {"c.w": np.zeros((2, 2), np.float32)}
    with pytest.raises(ValueError, match=r"weight 'c.w': float32 \(2, 2\) cannot replace"):
        whole.starts([0]).starting_at(["c.w"]).outputs(wrong, [0])


def test_the_samples_run_up_to_the_cuts_once(whole, monkeypatch):
    runs = []
    look = rest.activations
    monkeypatch.setattr(rest, "activations", lambda *a, **k: (runs.append(a), look(*a, **k))[1])
    starts = whole.starts([0, 1])
    for name in PARTS:
        starts.starting_at([name])
    assert len(runs) == 1


def test_what_does_not_fit_is_not_kept(whole, monkeypatch):
    # What leads to c.w takes 16 bytes a sample, what leads to b.codes 1024.
    monkeypatch.setattr(rest, "MOST_BYTES", 200)
    assert isinstance(whole.starts([0, 1]).starting_at(["c.w"]), RestEvaluator)
    assert whole.starts([0, 1]).starting_at(["b.codes"]) is whole
    monkeypatch.setattr(rest, "MOST_BYTES", 8)
    assert whole.starts([0, 2]).starting_at(["c.w"]) is whole


def test_an_output_of_the_front_keeps_the_model_whole(feeds):
    model = model_of(early_output=True)
    whole = CpuEvaluator(model, feeds, replaceable=PARTS)
    assert whole.starts([0, 1]).starting_at(["c.w"]) is whole


def test_a_sequence_that_leads_across_keeps_the_model_whole():
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("SplitToSequence", ["r"], ["s"], axis=1),
        helper.make_node("SequenceAt", ["s", "at"], ["e"]),
        helper.make_node("MatMul", ["e", "w"], ["m"]),
        helper.make_node("MatMul", ["e", "v"], ["n"]),
        helper.make_node("SequenceAt", ["s", "at"], ["again"]),
        helper.make_node("Sum", ["m", "n", "again"], ["y"]),
    ]
    arrays = {name: np.ones((1, 2), np.float32) for name in ("w", "v")}
    graph = helper.make_graph(
        nodes,
        "sequence",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(a, n) for n, a in (arrays | {"at": np.array(1)}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    feed = {"x": np.array([[1, 2, 3]], np.float32)}
    whole = CpuEvaluator(model, [feed], replaceable=["w", "v"])
    assert Cuts(model).live(Cuts(model).first_reader(["v"])) == {"e", "m", "s"}
    assert whole.starts([0]).starting_at(["v"]) is whole
    np.testing.assert_array_equal(whole.outputs({"w": 2 * arrays["w"]}, [0])[0][0], [[8, 8]])


def test_padded_samples_keep_the_model_whole(tmp_path):
    model = onnx.load(token_model(tmp_path / "a.onnx", length=8))
    feeds = [
        {
            "input_ids": np.arange(8)[None] + length,
            "attention_mask": (np.arange(8) < length).astype(np.int64)[None],
        }
        for length in (5, 8)
    ]
    whole = CpuEvaluator(model, feeds, replaceable=["dense"])
    assert whole.starts([0, 1]).starting_at(["dense"]) is whole
    assert isinstance(whole.starts([1]).starting_at(["dense"]), RestEvaluator)


class Counted(Mapping[str, np.ndarray]):
    """Arrays that count how often they are read."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = arrays
        self.read: list[str] = []

    def __getitem__(self, name: str) -> np.ndarray:
        self.read.append(name)
        return self.arrays[name]

    def __iter__(self):
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


def test_weights_of_the_front_are_not_read_from_files_again(model, feeds, halved):
    skeleton, arrays = detach_initializers(model, ["a.w", "c.w"])
    supplied = Counted(arrays)
    light = onnx.ModelProto.FromString(skeleton)
    whole = CpuEvaluator(light, feeds, replaceable=PARTS, supplied=supplied)
    expected = whole.outputs({"c.w": halved["c.w"]}, [1])
    starting = whole.starts([0, 1]).starting_at(["c.w"])
    supplied.read.clear()
    found = starting.outputs({"c.w": halved["c.w"]}, [1])
    assert "a.w" not in supplied.read
    np.testing.assert_allclose(found[0][0], expected[0][0], rtol=1e-5, atol=1e-6)
