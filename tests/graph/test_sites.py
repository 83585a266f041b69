import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.core import Declined, Reader
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.sites import find_sites

MATMUL = "g (float[N,16] x) => (float[] y) { y = MatMul(x, w) }"
CHANNELS = {
    "conv": ("g (float[1,8,9,9] x) => (float[] y) { y = Conv(x, w) }", (6, 8, 3, 3), 0),
    "conv transposed": (
        "g (float[1,6,9,9] x) => (float[] y) { y = ConvTranspose(x, w) }",
        (6, 8, 3, 3),
        1,
    ),
    "gemm": ("g (float[2,16] x) => (float[] y) { y = Gemm(x, w) }", (16, 8), 1),
    "gemm transB": ("g (float[2,16] x) => (float[] y) { y = Gemm<transB=1>(x, w) }", (8, 16), 0),
    "gemm first": ("g (float[16,2] x) => (float[] y) { y = Gemm(w, x) }", (8, 16), 0),
    "gemm transA": ("g (float[16,2] x) => (float[] y) { y = Gemm<transA=1>(w, x) }", (16, 8), 1),
    "matmul": (MATMUL, (16, 8), 1),
    "matmul first": ("g (float[16,2] x) => (float[] y) { y = MatMul(w, x) }", (8, 16), 0),
    "matmul stack": ("g (float[4,2,16] x) => (float[] y) { y = MatMul(x, w) }", (4, 16, 8), 2),
    "matmul stack first": (
        "g (float[4,16,2] x) => (float[] y) { y = MatMul(w, x) }",
        (4, 8, 16),
        1,
    ),
    "gather": ("g (int64[2] x) => (float[] y) { y = Gather(w, x) }", (16, 8), 0),
    "gather columns": ("g (int64[2] x) => (float[] y) { y = Gather<axis=-1>(w, x) }", (16, 8), 1),
}


@pytest.fixture
def find(make_model):
    """Return a function that finds the sites of a graph in textual syntax."""

    def found(text, weights, **options):
        return find_sites(normalize(ir.from_proto(make_model(text, weights, **options))))

    return found


@pytest.mark.parametrize("case", CHANNELS)
def test_the_axis_of_output_channels_follows_from_the_reader(case, find, draw):
    text, shape, axis = CHANNELS[case]
    (site,) = find(text, {"w": draw(*shape)}).sites
    assert (site.name, site.shape, site.dtype, site.channel_axis) == ("w", shape, "float32", axis)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_every_float_type_makes_a_site(dtype, find, draw):
    kind = {"float64": "double"}.get(dtype, dtype)
    weight = draw(16, 8).astype(getattr(ml_dtypes, dtype, dtype))
    text = f"g (int64[2] x) => ({kind}[] y) {{ y = Gather(w, x) }}"
    (site,) = find(text, {"w": weight}).sites
    assert (site.dtype, site.stored_bytes) == (dtype, weight.nbytes)


def test_tied_weights_are_one_site_with_all_its_readers(find, draw):
    text = """g (float[N,16] x) => (float[] y, float[] z) {
        a = MatMul(x, w)
        y = Gemm<transB=1>(a, w)
        z = Transpose(w)
    }"""
    found = find(text, {"w": draw(16, 8)})
    (site,) = found.sites
    assert site.readers == tuple(
        Reader(node=op, op_type=op, input_index=index)
        for op, index in (("MatMul", 1), ("Gemm", 1), ("Transpose", 0))
    )
    assert found.declined == ()


def test_sites_come_in_the_order_of_the_nodes_with_an_alias_each(find, draw):
    text = """g (float[N,16] x) => (float[] y) {
        a = MatMul(x, late)
        b = MatMul(a, early)
        y = MatMul(b, tied)
    }"""
    found = find(text, {name: draw(16, 16) for name in ("tied", "early", "late")})
    assert [(site.name, site.alias) for site in found.sites] == [
        ("late", "zoo.0"),
        ("early", "zoo.1"),
        ("tied", "zoo.2"),
    ]


def test_aliases_keep_clear_of_names_that_the_model_has(make_model, draw):
    model = make_model(MATMUL, {"w": draw(16, 8)})
    model.graph.node.append(helper.make_node("Neg", ["y"], ["zoo.0.3"]))
    model.graph.node.append(helper.make_node("Neg", ["zoo.0.3"], ["zoo.2.0"]))
    model.graph.output[0].name = "zoo.2.0"
    (site,) = find_sites(ir.from_proto(model)).sites
    assert site.alias == "zoo.1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{ y = Add(x, w) }", "read by Add, not by Conv, ConvTranspose, Gemm, MatMul, Gather"),
        ("{ t = Transpose(w) y = MatMul(x, t) }", "read by Transpose, not by Conv"),
        ("{ y = Gemm(x, x, w) }", "read by Gemm, not by Conv"),
    ],
)
def test_weights_of_other_operators_are_declined(text, reason, find, draw):
    found = find(f"g (float[16,16] x) => (float[] y) {text}", {"w": draw(16, 16)})
    assert found.sites == ()
    assert [d.name for d in found.declined] == ["w"]
    assert found.declined[0].reason.startswith(reason)


def test_a_vector_is_declined(find, draw):
    found = find("g (int64[2] x) => (float[] y) { y = Gather(w, x) }", {"w": draw(64)})
    reason = "has one axis: a vector, not a matrix or kernel"
    assert found.declined == (Declined(name="w", shape=(64,), stored_bytes=256, reason=reason),)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64"])
def test_whole_numbers_are_declined(dtype, find):
    text = f"g (int64[2] x) => ({dtype}[] y) {{ y = Gather(w, x) }}"
    found = find(text, {"w": np.ones((16, 8), dtype)})
    assert found.sites == ()
    assert found.declined[0].reason == f"element type {dtype.upper()} is not a float type"


def test_constants_below_64_elements_and_texts_are_left_out(find, draw):
    text = """g (float[N,9] x, int64[2] i) => (float[] y, string[] t) {
        y = MatMul(x, w)
        t = Gather(s, i)
    }"""
    found = find(text, {"w": draw(9, 7), "s": np.full((64, 2), "label", object)})
    assert (found.sites, found.declined) == ((), ())


def test_an_initializer_that_callers_may_override_is_declined(find, draw):
    text = "g (float[N,16] x, float[16,8] w) => (float[] y) { y = MatMul(x, w) }"
    found = find(text, {"w": draw(16, 8)}, ir_version=4)
    assert found.sites == ()
    reason = "is listed as a graph input: callers may override it"
    assert [d.reason for d in found.declined] == [reason]


@pytest.mark.parametrize("kept", ["initializer", "constant"])
def test_a_weight_that_is_an_output_of_the_graph_is_declined(kept, make_model, draw):
    text = "g (float[N,16] x) => (float[] y, float[16,8] w) { y = MatMul(x, w) }"
    weight = numpy_helper.from_array(draw(16, 8), "w")
    model = make_model(text)
    if kept == "initializer":
        model.graph.initializer.append(weight)
    else:
        model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], value=weight))
    found = find_sites(normalize(ir.from_proto(model)))
    assert found.sites == ()
    assert [(d.name, d.reason) for d in found.declined] == [
        ("w", "is also an output of the graph")
    ]


def test_a_weight_that_is_an_output_of_a_branch_is_declined(make_model, draw):
    output = helper.make_tensor_value_info("v", TensorProto.FLOAT, [16, 8])
    stored = [numpy_helper.from_array(draw(16, 8), "v")]
    branch = helper.make_graph([], "b", [], [output], stored)
    model = make_model("g (bool c, float[N,16] x) => (float[] y) { y = MatMul(x, w) }")
    node = helper.make_node("If", ["c"], ["w"], then_branch=branch, else_branch=branch)
    model.graph.node.insert(0, node)
    found = find_sites(normalize(ir.from_proto(model)))
    assert found.sites == ()
    assert {d.reason for d in found.declined} == {"is also an output of the graph"}


@pytest.mark.parametrize(
    ("dtype", "value", "limit"),
    [
        ("float32", np.nan, "1.7e+38"),
        ("float32", np.inf, "1.7e+38"),
        ("float32", -3e38, "1.7e+38"),
        ("float16", 40_000, "3.28e+04"),
        ("float64", 1e200, "1.7e+38"),
    ],
)
def test_weights_that_no_grid_can_hold_are_declined(dtype, value, limit, find, draw):
    weight = draw(16, 8).astype(dtype)
    weight[3, 4] = value
    kind = {"float64": "double", "float32": "float"}.get(dtype, dtype)
    found = find(f"g (int64[2] x) => ({kind}[] y) {{ y = Gather(w, x) }}", {"w": weight})
    assert found.sites == ()
    assert found.declined[0].reason == f"holds NaN, infinity or magnitudes above {limit}"


@pytest.mark.parametrize("opset", [7, 10])
def test_weights_of_a_model_whose_operators_cannot_decode_are_declined(opset, find, draw):
    found = find(MATMUL, {"w": draw(16, 8)}, opset=opset)
    assert found.sites == ()
    expected = f"decoding needs operator set 11 or later, the model uses {opset}"
    assert [d.reason for d in found.declined] == [expected]


def test_a_reader_is_known_as_onnx_serializes_it(find, draw):
    text = "g (float[N,16] x) => (float[] y) { y = Gemm<alpha: float = 0.5>(x, w) }"
    ((reader,),) = (site.readers for site in find(text, {"w": draw(16, 8)}).sites)
    node = onnx.NodeProto.FromString(reader.definition)
    assert (node.op_type, list(node.input), list(node.output)) == ("Gemm", ["x", "w"], ["y"])
    assert [(a.name, a.f) for a in node.attribute] == [("alpha", 0.5)]


def test_a_reader_in_a_body_is_not_known_more_closely(make_model, draw):
    output = helper.make_tensor_value_info("v", TensorProto.FLOAT, None)
    product = helper.make_node("MatMul", ["x", "w"], ["v"])
    branch = helper.make_graph([product], "b", [], [output])
    model = make_model("g (bool c, float[N,16] x) => (float[] y) { y = Neg(x) }", {})
    model.graph.initializer.append(numpy_helper.from_array(draw(16, 8), "w"))
    model.graph.node[0].CopyFrom(
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    )
    (site,) = find_sites(normalize(ir.from_proto(model))).sites
    assert {reader.definition for reader in site.readers} == {b""}
