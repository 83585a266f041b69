from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
import pytest
from onnx import helper

from zoo_compress.core import Site, Stage
from zoo_compress.graph.fragment import Fragment, insert_fragment
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import bytes_without, to_compact_proto
from zoo_compress.graph.simplify import simplify
from zoo_compress.graph.sites import find_sites
from zoo_compress.graph.stages import MOST_STAGES, SMALLEST_STAGE_BYTES, stage_count, staged
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.fresh_process import run_in_fresh_process
from zoo_compress.runtime.session import open_session

TEXT = "g (float[1,4] x) => (float[1,4] y) { a = MatMul(x, w) y = MatMul(a, v) }"
X = {"x": np.arange(4, dtype=np.float32)[None]}
WEIGHTS = "w", "v"


def counted(weight, number, count) -> Fragment:
    """Return a fragment that makes a weight of stored bytes, in one of several stages."""
    stage = Stage(number=number, count=count, source="x")
    fragment = Fragment(weight, f"zoo.{weight}", calls=True, stage=stage)
    row = fragment.store("c", (16,), np.uint8)
    matrix = fragment.add("Reshape", [row, fragment.constant(np.array([4, 4], np.int64))])
    number = fragment.add("Cast", [matrix], to=onnx.TensorProto.FLOAT)
    half = fragment.constant(np.array(0.5, np.float32))
    fragment.add("Mul", [fragment.add("Sub", [number, half]), half])
    fragment.finish()
    return fragment


def codes(weight):
    return np.arange(16, dtype=np.uint8) + (7 if weight == "v" else 0)


def rebuilt(weight):
    return ((codes(weight).astype(np.float32) - np.float32(0.5)) * np.float32(0.5)).reshape(4, 4)


@pytest.fixture
def in_stages(make_model, draw):
    """Return a function that stores both weights in stages, with the bytes that were promised."""

    def build(count=3) -> tuple[ir.Model, int]:
        model = ir.from_proto(make_model(TEXT, {name: draw(4, 4) for name in WEIGHTS}))
        promised, shared = bytes_without(to_compact_proto(model), WEIGHTS), dict[str, int]()
        for weight, number in zip(WEIGHTS, (0, count - 1), strict=True):
            fragment = counted(weight, number, count)
            insert_fragment(model, fragment, {"c": codes(weight)})
            promised += fragment.stored_bytes
            shared |= fragment.shared_bytes
        return model, promised + sum(shared.values())

    return build


def folding_passes(model: ir.Model, capfd) -> list[set[str]]:
    """Return the initializers that ONNX Runtime lets go of after each pass that folds."""
    options = ort.SessionOptions()
    options.log_severity_level, options.log_verbosity_level = 0, 1
    capfd.readouterr()
    ort.InferenceSession(to_compact_proto(model).SerializeToString(), options)
    log = capfd.readouterr().err
    passes = log.split("GraphTransformer ConstantFolding modified: 1")[1:]
    return [
        {
            line.split("'")[1]
            for line in one.split("GraphTransformer")[0].splitlines()
            if "'" in line
        }
        for one in passes
    ]


@pytest.mark.parametrize("count", [2, 3, MOST_STAGES])
def test_each_weight_is_decoded_in_the_pass_of_its_stage(count, in_stages, capfd):
    model, _ = in_stages(count)
    passes = folding_passes(model, capfd)
    assert len(passes) == count
    assert "zoo.w.c" in passes[0]
    assert "zoo.v.c" in passes[-1]


def test_what_comes_out_is_that_of_the_weights(in_stages, run):
    model, _ = in_stages()
    found = run(ir.from_proto(to_compact_proto(model)), X)[0]
    np.testing.assert_array_equal(found, X["x"] @ rebuilt("w") @ rebuilt("v"))


@pytest.mark.parametrize("count", [2, MOST_STAGES])
def test_nothing_of_it_is_left_in_a_session(count, in_stages, tmp_path):
    model, _ = in_stages(count)
    path = tmp_path / "optimized.onnx"
    open_session(to_compact_proto(model).SerializeToString(), optimized_path=path)
    left = onnx.load(path)
    assert [node.op_type for node in left.graph.node] == ["MatMul", "MatMul"]
    assert {tensor.name for tensor in left.graph.initializer} == set(WEIGHTS)


def test_a_runtime_that_folds_nothing_returns_the_same(in_stages):
    model, _ = in_stages()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(to_compact_proto(model).SerializeToString(), options)
    np.testing.assert_array_equal(session.run(None, X)[0], X["x"] @ rebuilt("w") @ rebuilt("v"))


@pytest.mark.parametrize("count", [2, 5])
def test_the_file_grows_by_what_the_fragments_promise(count, in_stages):
    model, promised = in_stages(count)
    proto = to_compact_proto(model)
    onnx.checker.check_model(proto, full_check=True)
    assert len([node for node in proto.graph.node if node.op_type == "If"]) == count - 1
    # Of a graph that grew, the length takes a byte more than before.
    assert promised <= proto.ByteSize() <= promised + 1


def test_a_file_that_was_read_again_takes_further_weights_behind_its_gates(make_model, draw, run):
    model = ir.from_proto(make_model(TEXT, {name: draw(4, 4) for name in WEIGHTS}))
    insert_fragment(model, counted("w", 0, 2), {"c": codes("w")})
    again = ir.from_proto(to_compact_proto(model))
    insert_fragment(again, counted("v", 1, 2), {"c": codes("v")})
    found = run(ir.from_proto(to_compact_proto(again)), X)[0]
    np.testing.assert_array_equal(found, X["x"] @ rebuilt("w") @ rebuilt("v"))
    assert len([node for node in again.graph if node.op_type == "If"]) == 1


@pytest.mark.parametrize(
    ("model_bytes", "count"),
    [
        (0, 1),
        (2 * SMALLEST_STAGE_BYTES - 1, 1),
        (2 * SMALLEST_STAGE_BYTES, 2),
        (5 * SMALLEST_STAGE_BYTES, 5),
        (10**12, MOST_STAGES),
    ],
)
def test_large_models_have_more_stages(model_bytes, count):
    assert stage_count(model_bytes) == count


def sites(*elements) -> list[Site]:
    return [
        Site(name=f"w{i}", shape=(n, 1), dtype="float32", channel_axis=0, readers=())
        for i, n in enumerate(elements)
    ]


def test_stages_hold_about_as_many_weights(make_model, draw):
    model = ir.from_proto(make_model(TEXT, {name: draw(4, 4) for name in WEIGHTS}))
    found = staged(model, sites(10, 90, 20, 40, 30), 2)
    numbers = [site.stage.number for site in found]
    assert numbers == [0, 0, 1, 1, 1]
    assert [site.name for site in found] == [f"w{i}" for i in range(5)]
    assert {(site.stage.count, site.stage.source) for site in found} == {(2, "x")}


def test_weights_have_no_stage_in_models_of_one_or_without_a_tensor_to_wait_for(make_model, draw):
    weights = {name: draw(4, 4) for name in WEIGHTS}
    model = ir.from_proto(make_model(TEXT, weights))
    assert all(site.stage is None for site in staged(model, sites(5), 1))
    # Initializers that are listed as inputs too may be constants.
    only = make_model("g (float[4,4] w) => (float[4,4] y) { y = MatMul(w, v) }", weights)
    assert all(site.stage is None for site in staged(ir.from_proto(only), sites(5), 2))
    none = make_model("g () => (float[4,4] y) { y = MatMul(w, v) }", weights)
    assert all(site.stage is None for site in staged(ir.from_proto(none), sites(5), 2))
    # A file that was compressed before and not simplified: it may have fewer gates.
    insert_fragment(model, counted("w", 0, 2), {"c": codes("w")})
    assert all(site.stage is None for site in staged(model, sites(5), 3))


def products(layers, width) -> onnx.ModelProto:
    rng = np.random.default_rng(0)
    weights = [
        onnx.numpy_helper.from_array(
            rng.standard_normal((width, width)).astype(np.float32) / 30, f"w{layer}"
        )
        for layer in range(layers)
    ]
    nodes = [
        helper.make_node("MatMul", [f"x{layer}", f"w{layer}"], [f"x{layer + 1}"])
        for layer in range(layers)
    ]
    x, y = (
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, width])
        for name in ("x0", f"x{layers}")
    )
    graph = helper.make_graph(nodes, "products", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_opening_a_large_file_takes_less_memory_in_stages(tmp_path):
    technique = load_plugin("techniques", "prefix-codes")({})
    taken, outputs = [], []
    feeds = [{"x0": np.ones((1, 700), np.float32)}]
    for count in (MOST_STAGES, 1):
        model = normalize(ir.from_proto(products(8, 700)))
        found = [replace(site, stage=None) for site in find_sites(model).sites]
        for site in staged(model, found, count):
            weight = model.graph.initializers[site.name].const_value.numpy()
            option = technique.options(site)[0]
            technique.rewrite(model, site, technique.encode(weight, site, option))
        path = tmp_path / f"{count}.onnx"
        onnx.save(to_compact_proto(model), path)
        ran = run_in_fresh_process(path, feeds)
        taken.append(ran.opening_bytes)
        outputs.append(ran.outputs[0][0])
    np.testing.assert_array_equal(*outputs)
    if None not in taken:
        assert taken[0] < 0.6 * taken[1]


@pytest.mark.parametrize("count", [2, MOST_STAGES])
def test_a_file_is_simplified_as_if_it_had_no_stages(count, in_stages, tmp_path):
    model, _ = in_stages(count)
    path = tmp_path / "model.onnx"
    onnx.save(to_compact_proto(model), path)
    simplified = simplify(path, stored_bytes=path.stat().st_size)
    assert isinstance(simplified, ir.Model), simplified
    assert [node.op_type for node in simplified.graph] == ["MatMul", "MatMul"]
