"""Weights wherever a model may keep them: Constant nodes, bodies, several readers."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

SETTINGS = {"bits": 5, "granularity": "channel"}
FIRST, SECOND = (
    np.random.default_rng(i).standard_normal((16, 16)).astype("f") / 4 for i in (1, 2)
)
X = np.random.default_rng(3).standard_normal((3, 16)).astype(np.float32)
ROWS = [3, 16]
KEPT = ("initializer", "constant", "outer")


def value(name, shape=(), kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(array, name):
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))


def body(nodes, outputs, weights, *, inputs=(), kept="initializer"):
    """Return a body that keeps its weights itself, or reads those of the graph around it."""
    if kept == "constant":
        nodes = [*(constant(w, name) for name, w in weights.items()), *nodes]
    stored = weights if kept == "initializer" else {}
    tensors = [numpy_helper.from_array(w, name) for name, w in stored.items()]
    return helper.make_graph(nodes, "body", list(inputs), outputs, tensors)


def model_of(nodes, inputs, weights=None):
    tensors = [numpy_helper.from_array(w, name) for name, w in (weights or {}).items()]
    graph = helper.make_graph(nodes, "g", inputs, [value("y", ROWS)], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def if_model(kept, names=("w", "v")):
    branches = [
        body(
            [helper.make_node("MatMul", ["x", name], [f"out{i}"])],
            [value(f"out{i}", ROWS)],
            {name: weight},
            kept=kept,
        )
        for i, (name, weight) in enumerate(zip(names, (FIRST, SECOND), strict=True))
    ]
    node = helper.make_node("If", ["c"], ["y"], then_branch=branches[0], else_branch=branches[1])
    outer = dict(zip(names, (FIRST, SECOND), strict=True)) if kept == "outer" else {}
    return model_of([node], [value("c", kind=TensorProto.BOOL), value("x", ROWS)], outer)


def loop_model(kept, step):
    nodes = [helper.make_node("Identity", ["go_in"], ["go_out"]), *step]
    inputs = [value("i", kind=TensorProto.INT64), value("go_in", kind=TensorProto.BOOL)]
    outputs = [value("go_out", kind=TensorProto.BOOL), value("s_out", ROWS)]
    weights = {"w": FIRST} if kept else {}
    graph = body(nodes, outputs, weights, inputs=[*inputs, value("s_in", ROWS)], kept=kept)
    limits = [constant(np.array(3), "times"), constant(np.array(True), "go")]
    loop = helper.make_node("Loop", ["times", "go", "x"], ["y"], body=graph)
    return model_of([*limits, loop], [value("x", ROWS)], weights if kept == "outer" else {})


def plain_loop(kept):
    return loop_model(kept, [helper.make_node("MatMul", ["s_in", "w"], ["s_out"])])


def if_in_loop(kept):
    inner = if_model(kept).graph.node[0]
    inner.input[0], inner.output[0] = "go_in", "s_out"
    for attribute in inner.attribute:
        attribute.g.node[-1].input[0] = "s_in"
    return loop_model("", [inner])


def scan_model(kept):
    step = [
        helper.make_node("MatMul", ["s", "w"], ["m"]),
        helper.make_node("Add", ["m", "row"], ["next"]),
        helper.make_node("Identity", ["next"], ["seen"]),
    ]
    inputs, outputs = (
        [value("s", [16]), value("row", [16])],
        [value("next", [16]), value("seen", [16])],
    )
    graph = body(step, outputs, {"w": FIRST}, inputs=inputs, kept=kept)
    start = constant(np.zeros(16, np.float32), "start")
    scan = helper.make_node("Scan", ["start", "x"], ["last", "y"], body=graph, num_scan_inputs=1)
    return model_of([start, scan], [value("x", ROWS)], {"w": FIRST} if kept == "outer" else {})


@pytest.fixture
def assert_same(compress, optimized, load, run):
    """Check that both models compute the same, that nothing is left of decoding, and the sites."""

    def check(model, sites):
        compressed = compress(model, **SETTINGS)
        assert {site.name for site in compressed.found.sites} == sites
        assert optimized(compressed.packed) == optimized(compressed.dense)
        for name, weight in load(compressed).items():
            assert weight.tobytes() == compressed.encoded[name].dense.tobytes()
        for flag in (True, False):
            feeds = {"c": np.array(flag), "x": X}
            feeds = {v.name: feeds[v.name] for v in model.graph.input if v.name in feeds}
            packed, dense = (run(m, feeds) for m in (compressed.packed, compressed.dense))
            np.testing.assert_array_equal(packed[0], dense[0])
        return compressed

    return check


@pytest.mark.parametrize("kept", KEPT)
def test_weights_in_both_branches_of_an_if(kept, assert_same):
    assert_same(if_model(kept), {"w", "v"})


@pytest.mark.parametrize("kept", ["initializer", "constant"])
def test_branches_may_use_one_name_for_two_weights(kept, assert_same):
    assert_same(if_model(kept, names=("w", "w")), {"w", "w_1"})


@pytest.mark.parametrize("kept", ["initializer", "constant"])
def test_a_branch_may_use_the_weights_name_for_a_result(kept, assert_same):
    model = if_model(kept)
    branch = next(a.g for a in model.graph.node[0].attribute if a.name == "else_branch")
    branch.node.insert(0, helper.make_node("Neg", ["x"], ["w"]))
    branch.node[-1].input[0] = "w"
    assert_same(model, {"w_1", "v"})


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("make", [plain_loop, scan_model], ids=["loop", "scan"])
def test_a_weight_that_a_loop_reads(make, kept, assert_same):
    assert_same(make(kept), {"w"})


@pytest.mark.parametrize("kept", ["initializer", "constant"])
def test_weights_two_bodies_deep(kept, assert_same):
    assert_same(if_in_loop(kept), {"w", "v"})


def test_a_weight_in_a_constant_node(assert_same):
    nodes = [constant(FIRST, "w"), helper.make_node("MatMul", ["x", "w"], ["y"])]
    assert_same(model_of(nodes, [value("x", ROWS)]), {"w"})


def test_tied_weights_are_stored_once(assert_same):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Gemm", ["a", "w"], ["y"], transB=1),
    ]
    compressed = assert_same(model_of(nodes, [value("x", ROWS)], {"w": FIRST}), {"w"})
    scales = [t.name for t in compressed.packed.graph.initializer if t.name.endswith(".d")]
    assert scales == ["zoo.0.d"]


def test_a_weight_read_inside_and_outside_of_a_body(assert_same):
    model = if_model("outer")
    model.graph.node.insert(0, helper.make_node("Gemm", ["x", "w"], ["a"], transB=1))
    model.graph.node.append(helper.make_node("Add", ["a", "b"], ["y"]))
    model.graph.node[1].output[0] = "b"
    assert_same(model, {"w", "v"})


def test_a_weight_that_another_operator_reads_as_well(assert_same):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Transpose", ["w"], ["t"], perm=[1, 0]),
        helper.make_node("MatMul", ["a", "t"], ["y"]),
    ]
    assert_same(model_of(nodes, [value("x", ROWS)], {"w": FIRST}), {"w"})


def test_a_weight_that_an_old_ir_version_lists_as_an_input(assert_same):
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = model_of([node], [value("x", ROWS), value("w", [16, 16])], {"w": FIRST})
    model.ir_version = 3
    model.opset_import[0].version = 11
    compressed = assert_same(model, {"w"})
    assert [v.name for v in compressed.packed.graph.input] == ["x"]


def test_a_model_of_which_one_weight_was_compressed_before(assert_same, compress):
    first = helper.make_node("MatMul", ["x", "w"], ["a"])
    graph = model_of([first], [value("x", ROWS)], {"w": FIRST})
    graph.graph.output[0].name = "a"
    model = compress(graph, **SETTINGS).packed
    model.graph.node.append(helper.make_node("MatMul", ["a", "v"], ["y"]))
    model.graph.output[0].name = "y"
    model.graph.initializer.append(numpy_helper.from_array(SECOND, "v"))
    assert_same(model, {"v"})
