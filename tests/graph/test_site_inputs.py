"""What the weight of a site is multiplied with, and its bias; each model has one weight, `w`."""

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.core import Site
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.site_inputs import SiteInput, site_inputs
from zoo_compress.graph.sites import find_sites
from zoo_compress.numerics.unfold import Window

ROWS = "g (float[N,16] x) => (float[] y) {{ {} }}"
SQUARE = "g (float[16,16] x) => (float[] y) {{ {} }}"
IMAGE = "g (float[1,8,9,9] x) => (float[] y) {{ {} }}"


def normalized(proto) -> ir.Model:
    return normalize(ir.from_proto(proto))


def site_of(model: ir.Model) -> Site:
    return next(site for site in find_sites(model).sites if site.name == "w")


@pytest.fixture
def inputs_of(make_model):
    """Return a function that tells what the weight of a graph is multiplied with."""

    def found(text, weights, **options):
        model = normalized(make_model(text, weights, **options))
        return site_inputs(model, site_of(model))

    return found


@pytest.fixture
def bias_of(make_model):
    """Return a function that tells the bias of the weight of a graph."""

    def found(text, weights, **options):
        return site_of(normalized(make_model(text, weights, **options))).bias

    return found


def window(kernel, groups=1, *, strides=None, dilations=None, begin=None, end=None, same=None):
    rank = len(kernel)
    return Window(
        kernel=kernel,
        strides=strides or (1,) * rank,
        dilations=dilations or (1,) * rank,
        begin=begin or (0,) * rank,
        end=end or (0,) * rank,
        groups=groups,
        same=same,
    )


@pytest.mark.parametrize("opset", [11, 13, 18, 21])
@pytest.mark.parametrize(
    ("text", "shape", "axis"),
    [
        (ROWS.format("y = MatMul(x, w)"), (16, 8), -1),
        ("g (float[B,S,16] x) => (float[] y) { y = MatMul(x, w) }", (16, 8), -1),
        ("g (float[B,16,S] x) => (float[] y) { y = MatMul(w, x) }", (8, 16), -2),
        (ROWS.format("y = Gemm(x, w)"), (16, 8), -1),
        (ROWS.format("y = Gemm<transB=1>(x, w)"), (8, 16), -1),
    ],
)
def test_a_matrix_sums_over_an_axis_of_the_other(text, shape, axis, opset, inputs_of, draw):
    found = inputs_of(text, {"w": draw(*shape)}, opset=opset)
    assert found == (SiteInput(tensor="x", axis=axis),)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("", window((3, 5))),
        (
            "<strides=[2,1], dilations=[1,3], pads=[1,2,3,4]>",
            window((3, 5), strides=(2, 1), dilations=(1, 3), begin=(1, 2), end=(3, 4)),
        ),
        ('<auto_pad="VALID">', window((3, 5))),
        ('<auto_pad="SAME_UPPER", strides=[2,2]>', window((3, 5), strides=(2, 2), same="upper")),
        ('<auto_pad="SAME_LOWER">', window((3, 5), same="lower")),
        ('<auto_pad="NOTSET", pads=[1,2,1,2]>', window((3, 5), begin=(1, 2), end=(1, 2))),
    ],
)
def test_a_kernel_moves_as_its_node_says(attributes, expected, inputs_of, draw):
    text = IMAGE.format(f"y = Conv{attributes}(x, w)")
    found = inputs_of(text, {"w": draw(6, 8, 3, 5)})
    assert found == (SiteInput(tensor="x", window=expected),)


@pytest.mark.parametrize(("groups", "shape"), [(1, (6, 8, 3)), (4, (12, 2, 3)), (8, (16, 1, 7))])
def test_channels_are_grouped_as_the_convolution_says(groups, shape, make_model, draw):
    text = f"g (float[1,8,20] x) => (float[] y) {{ y = Conv<group={groups}>(x, w) }}"
    # Weights of fewer than 64 elements are no sites.
    model = normalized(make_model(text, {"w": draw(*shape)}))
    site = site_of(model)
    assert site.groups == groups
    (found,) = site_inputs(model, site)
    assert found.window == window(shape[2:], groups)


def test_a_transposed_convolution_has_one_group_of_rows(make_model, draw):
    text = "g (float[1,8,9] x) => (float[] y) { y = ConvTranspose<group=2>(x, w) }"
    assert site_of(normalized(make_model(text, {"w": draw(8, 4, 3)}))).groups == 1


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (SQUARE.format("y = Gemm<transA=1>(x, w)"), (16, 8)),
        (SQUARE.format("y = Gemm(w, x)"), (8, 16)),
        (SQUARE.format("y = MatMul(x, w)"), (4, 16, 8)),
        ("g (int64[2] x) => (float[] y) { y = Gather(w, x) }", (16, 8)),
        (IMAGE.format("y = ConvTranspose(x, w)"), (8, 6, 3, 3)),
        (SQUARE.format("y = MatMul(c, w)"), (16, 8)),
    ],
    ids=["Gemm transA", "Gemm first", "stack", "Gather", "ConvTranspose", "constant"],
)
def test_inputs_of_other_readers_are_out_of_reach(text, shape, inputs_of, draw):
    weights = {"w": draw(*shape)} | ({"c": draw(5, 16)} if "(c, w)" in text else {})
    assert inputs_of(text, weights) == ()


def test_a_tied_weight_has_an_input_for_each_reader(inputs_of, draw):
    text = ROWS.format("a = MatMul(x, w) b = Relu(a) y = MatMul(b, w)")
    found = inputs_of(text, {"w": draw(16, 16)})
    assert found == (SiteInput(tensor="x"), SiteInput(tensor="b"))


@pytest.mark.parametrize(
    "body",
    [
        "a = MatMul(x, w) y = Gemm<transB=1>(a, w)",
        "a = MatMul(x, w) t = Transpose(w) y = Add(a, t)",
        "a = MatMul(x, w) y = MatMul(w, a)",
    ],
    ids=["other axis", "other operator", "other side"],
)
def test_a_reader_that_uses_the_weight_otherwise_makes_inputs_useless(body, inputs_of, draw):
    assert inputs_of(SQUARE.format(body), {"w": draw(16, 16)}) == ()


def test_readers_with_other_groups_use_the_weight_otherwise(inputs_of, draw):
    text = """g (float[1,4,8,8] x, float[1,8,8,8] z) => (float[] y, float[] v) {
        y = Conv(x, w)
        v = Conv<group=2>(z, w)
    }"""
    assert inputs_of(text, {"w": draw(8, 4, 3, 3)}) == ()


def test_a_reader_of_another_domain_is_none_of_the_operators(make_model, draw):
    text = "g (float[N,16] x) => (float[] y, float[] z) { y = MatMul(x, w) z = MatMul(x, w) }"
    proto = make_model(text, {"w": draw(16, 16)})
    proto.graph.node[1].domain = "elsewhere"
    proto.opset_import.append(helper.make_opsetid("elsewhere", 1))
    model = normalized(proto)
    assert site_inputs(model, site_of(model)) == ()


def test_an_empty_weight_has_no_inputs(make_model):
    model = normalized(make_model(ROWS.format("y = MatMul(x, w)"), {"w": np.ones((16, 0), "f")}))
    site = Site(name="w", shape=(16, 0), dtype="float32", channel_axis=1, readers=())
    assert site_inputs(model, site) == ()


@pytest.mark.parametrize("read_outside", [False, True])
def test_values_in_the_body_of_an_if_are_out_of_reach(read_outside, make_model, draw):
    output = helper.make_tensor_value_info("v", TensorProto.FLOAT, None)
    product = helper.make_node("MatMul", ["x", "w"], ["v"])
    branch = helper.make_graph([product], "b", [], [output])
    text = "g (bool c, float[N,16] x) => (float[] y, float[] z) { y = Neg(x) z = MatMul(x, w) }"
    proto = make_model(text, {"w": draw(16, 8)})
    if not read_outside:
        proto.graph.node[1].CopyFrom(helper.make_node("Neg", ["x"], ["z"]))
    proto.graph.node[0].CopyFrom(
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    )
    model = normalized(proto)
    assert site_inputs(model, site_of(model)) == ()


@pytest.mark.parametrize("opset", [11, 13, 21])
@pytest.mark.parametrize(
    ("text", "shape", "bias"),
    [
        (IMAGE.format("y = Conv(x, w, b)"), (6, 8, 3, 3), (6,)),
        (IMAGE.format("y = Conv<group=8>(x, w, b)"), (8, 1, 3, 3), (8,)),
        (ROWS.format("y = Gemm(x, w, b)"), (16, 8), (8,)),
        (ROWS.format("y = Gemm(x, w, b)"), (16, 8), (1, 8)),
        (ROWS.format("y = Gemm<transB=1>(x, w, b)"), (8, 16), (8,)),
        (SQUARE.format("y = Gemm<transA=1>(x, w, b)"), (16, 8), (8,)),
        (ROWS.format("a = MatMul(x, w) y = Add(a, b)"), (16, 8), (8,)),
        (ROWS.format("a = MatMul(x, w) y = Add(b, a)"), (16, 8), (8,)),
        (ROWS.format("a = MatMul(x, w) y = Add(a, b)"), (16, 8), (1, 1, 8)),
    ],
)
def test_the_vector_that_is_added_to_the_outputs_is_the_bias(
    text, shape, bias, opset, bias_of, draw
):
    assert bias_of(text, {"w": draw(*shape), "b": draw(*bias)}, opset=opset) == "b"


@pytest.mark.parametrize(
    ("text", "shape", "others"),
    [
        (IMAGE.format("y = Conv(x, w)"), (6, 8, 3, 3), {}),
        (IMAGE.format("y = ConvTranspose(x, w, b)"), (8, 6, 3, 3), {"b": (6,)}),
        (ROWS.format("y = Gemm<alpha: float = 0.5>(x, w, b)"), (16, 8), {"b": (8,)}),
        (ROWS.format("y = Gemm<beta: float = 2.0>(x, w, b)"), (16, 8), {"b": (8,)}),
        (SQUARE.format("y = Gemm(x, w, b)"), (16, 16), {"b": (16, 1)}),
        (SQUARE.format("y = Gemm(x, w, b)"), (16, 8), {"b": (16, 8)}),
        (ROWS.replace("16", "64").format("y = Gemm(x, w, b)"), (64, 1), {"b": ()}),
        (ROWS.format("y = Gemm(x, w, b)"), (16, 8), {"b": (1,)}),
        (SQUARE.format("y = Gemm(w, x, b)"), (8, 16), {"b": (16,)}),
        (SQUARE.format("a = MatMul(w, x) y = Add(a, b)"), (16, 16), {"b": (16,)}),
        (ROWS.format("a = MatMul(x, w) y = Add(a, b)"), (16, 8), {"b": (1,)}),
        (SQUARE.format("a = MatMul(x, w) y = Add(a, b)"), (16, 8), {"b": (16, 8)}),
        (ROWS.format("a = MatMul(x, w) y = Add(a, b)"), (16, 8), {"b": (8, 1)}),
        (ROWS.format("a = MatMul(x, w) y = Mul(a, b)"), (16, 8), {"b": (8,)}),
        (ROWS.format("a = MatMul(x, w) y = Add(a, x)"), (16, 16), {}),
        (ROWS.format("a = MatMul(x, w) y = Add(a, a)"), (16, 16), {}),
        (ROWS.format("a = MatMul(x, w) c = Add(a, b) y = Mul(a, c)"), (16, 8), {"b": (8,)}),
        (ROWS.format("a = MatMul(x, w) c = Add(a, b) y = Mul(c, b)"), (16, 8), {"b": (8,)}),
        (ROWS.format("c = MatMul(x, w) e = Add(c, b) y = MatMul(e, w)"), (16, 16), {"b": (16,)}),
    ],
    ids=[
        "none",
        "ConvTranspose",
        "alpha",
        "beta",
        "column",
        "matrix",
        "scalar",
        "one number",
        "weight first in Gemm",
        "weight first in MatMul",
        "Add of one number",
        "Add of a matrix",
        "Add of a column",
        "Mul",
        "Add of an input",
        "Add of the product",
        "product read twice",
        "bias read twice",
        "weight read twice",
    ],
)
def test_where_no_vector_is_added_to_the_outputs_alone_there_is_no_bias(
    text, shape, others, bias_of, draw
):
    weights = {"w": draw(*shape)} | {name: draw(*s) for name, s in others.items()}
    assert bias_of(text, weights) is None


def test_identical_biases_of_two_layers_are_one_tensor_and_no_bias(bias_of, draw):
    text = ROWS.format("a = MatMul(x, w) c = Add(a, b) e = MatMul(c, v) y = Add(e, d)")
    weights = {"w": draw(16, 16), "v": draw(16, 16), "b": draw(16)}
    assert bias_of(text, weights | {"d": weights["b"]}) is None
    assert bias_of(text, weights | {"d": draw(16)}) == "b"


def test_a_product_that_is_an_output_itself_has_no_bias(bias_of, draw):
    text = "g (float[N,16] x) => (float[] a, float[] y) { a = MatMul(x, w) y = Add(a, b) }"
    assert bias_of(text, {"w": draw(16, 8), "b": draw(8)}) is None


def test_a_bias_that_is_an_output_stays(bias_of, draw):
    text = "g (float[N,16] x) => (float[] y, float[8] b) { y = Gemm(x, w, b) }"
    assert bias_of(text, {"w": draw(16, 8), "b": draw(8)}) is None


def test_a_bias_that_callers_may_override_stays(bias_of, draw):
    text = "g (float[N,16] x, float[8] b) => (float[] y) { y = Gemm(x, w, b) }"
    assert bias_of(text, {"w": draw(16, 8), "b": draw(8)}, ir_version=4) is None


def test_a_bias_that_is_computed_stays(bias_of, draw):
    text = "g (float[N,16] x, float[8] z) => (float[] y) { b = Neg(z) y = Gemm(x, w, b) }"
    assert bias_of(text, {"w": draw(16, 8)}) is None


@pytest.mark.parametrize("dtype", ["float16", "double"])
def test_a_bias_of_any_float_type_is_found(dtype, bias_of, draw):
    kind = {"double": "float64"}.get(dtype, dtype)
    text = f"g ({dtype}[N,16] x) => ({dtype}[] y) {{ y = Gemm(x, w, b) }}"
    assert bias_of(text, {"w": draw(16, 8).astype(kind), "b": draw(8).astype(kind)}) == "b"


def test_a_bias_in_a_constant_node_is_found(make_model, draw):
    proto = make_model(ROWS.format("y = Gemm(x, w, b)"), {"w": draw(16, 8)})
    value = numpy_helper.from_array(draw(8), "b")
    proto.graph.node.insert(0, helper.make_node("Constant", [], ["b"], value=value))
    assert site_of(normalized(proto)).bias == "b"
