"""Equalising leaves a model's function alone, and says what it leaves alone."""

import re

import ml_dtypes
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from tests.graph.conftest import outputs_of, parse
from zoo_compress.graph.equalise import equalise
from zoo_compress.graph.normalize import normalize

IMAGE = "g (float[1,4,9,9] x) => (float[] y) {{ {} }}"
ROWS = "g (float[N,16] x) => (float[] y) {{ {} }}"
TOKENS = "g (float[B,S,16] x) => (float[] y) {{ {} }}"


def uneven(*shape, axis=1, seed=0):
    """Draw weights whose input channels are powers of two apart."""
    generator = np.random.default_rng([seed, *shape])
    spread = np.exp2(generator.integers(-4, 5, shape[axis]))
    broad = spread.reshape([-1 if i == axis else 1 for i in range(len(shape))])
    return (generator.standard_normal(shape) * broad).astype(np.float32)


def arrays(model):
    values = {name: value.const_value for name, value in model.graph.initializers.items()}
    return {name: tensor.numpy().copy() for name, tensor in values.items()}


def equalised(proto):
    """Return a normalized model, the same equalised, and what that did."""
    before, after = (normalize(ir.from_proto(proto)) for _ in range(2))
    return before, after, equalise(after)


def feeds_of(model):
    """Draw inputs; dynamic axes get three elements."""
    generator = np.random.default_rng(3)
    shapes = {
        value.name: [length if isinstance(length, int) else 3 for length in value.shape]
        for value in model.graph.inputs
    }
    kinds = {value.name: value.dtype.numpy() for value in model.graph.inputs}
    return {
        name: generator.standard_normal(shape).astype(kinds[name])
        for name, shape in shapes.items()
    }


def assert_same_function(before, after, *, cancels=False):
    """Check outputs, to the last bit for 16-bit floats, whose scales are powers of two.

    Where a mean over all places is left of large numbers of both signs, float32 leaves 1e-5.
    """
    feeds = feeds_of(before)
    for one, other in zip(outputs_of(before, feeds), outputs_of(after, feeds), strict=True):
        bound = {"float16": 0, "float32": 1e-4 if cancels else 3e-6, "float64": 1e-14}[
            one.dtype.name
        ]
        change = np.linalg.norm((other - one).astype("f8"))
        assert change <= bound * np.linalg.norm(one.astype("f8"))
        assert np.abs(one).max() > 0


def used_in(body, weights):
    """Return the weights that the text of a graph names."""
    words = set(re.findall(r"\w+", body))
    return {name: weight for name, weight in weights.items() if name in words}


def changed(before, after):
    old, new = arrays(before), arrays(after)
    return {name for name in old if not np.array_equal(old[name], new[name])}


BETWEEN = {
    "nothing": "b = Identity(a)",
    "Relu": "b = Relu(a)",
    "LeakyRelu": "b = LeakyRelu<alpha: float = 0.3>(a)",
    "PRelu": "b = PRelu(a, slope)",
    "Clip at 0": "b = Clip(a, zero)",
    "MaxPool": "b = MaxPool<kernel_shape=[3,3], strides=[2,2]>(a)",
    "AveragePool": "b = AveragePool<kernel_shape=[2,2]>(a)",
    "GlobalAveragePool": "b = GlobalAveragePool(a)",
    "Abs, Neg": "c = Abs(a) b = Neg(c)",
    "Mul by a number": "b = Mul(a, half)",
    "Div by a number": "b = Div(a, half)",
    "Mul by a vector": "b = Mul(a, slope)",
    "Mul by a gate": "p = GlobalAveragePool(x) q = Conv(p, wq) s = Sigmoid(q) b = Mul(a, s)",
    "there and back": "c = Transpose<perm=[0,2,3,1]>(a) b = Transpose<perm=[0,3,1,2]>(c)",
    "Concat": "c = Neg(a) d = Concat<axis=1>(a, c) b = Slice(d, four, twelve, one)",
    "Concat along rows": "c = Neg(a) b = Concat<axis=2>(a, c)",
    "Pad": "b = Pad(a, pads)",
    "residual": "c = Conv<pads=[1,1,1,1]>(a, wr) r = Relu(c) b = Add(r, a)",
    "Max": "c = Conv<pads=[1,1,1,1]>(a, wr) b = Max(c, a)",
    "ReduceMean": "b = ReduceMean<keepdims=1>(a, space)",
    "ReduceMax": "c = ReduceMax<keepdims=0>(a, last) b = Unsqueeze(c, last)",
    "Squeeze": "c = GlobalAveragePool(a) d = Squeeze(c, space) b = Unsqueeze(d, space)",
    "Cast": "c = Cast<to=11>(a) d = Relu(c) b = Cast<to=1>(d)",
    "Split": "c, d = Split<axis=1>(a, halves) b = Concat<axis=1>(d, c)",
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
def test_channels_are_scaled_through_what_is_positively_homogeneous(between):
    padded = "b = Pad" in between
    weights = {
        "v": uneven(8, 4, 3, 3),
        "u": uneven(1, 8)[0],
        "w": uneven(6, 10 if padded else 8, 1, 1),
        "t": uneven(1, 6)[0],
        "wr": uneven(8, 8, 3, 3),
        "wq": uneven(8, 4, 1, 1),
        "slope": uneven(8, 1, 1),
        "zero": np.float32(0),
        "half": np.float32(0.3),
        "four": np.array([4], np.int64),
        "twelve": np.array([12], np.int64),
        "one": np.array([1], np.int64),
        "halves": np.array([4, 4], np.int64),
        "space": np.array([2, 3], np.int64),
        "last": np.array([-1], np.int64),
        "pads": np.array([0, 2, 1, 1, 0, 0, 1, 1], np.int64),
    }
    body = f"a = Conv(x, v, u) {between} y = Conv(b, w, t)"
    before, after, found = equalised(parse(IMAGE.format(body), used_in(body, weights)))
    assert "w" in found.scaled
    assert {"u", "v", "w"} <= changed(before, after)
    assert_same_function(before, after)


PRODUCTS = {
    "MatMul, Add": (ROWS, "m = MatMul(x, v) a = Add(m, u) b = Relu(a) y = MatMul(b, w)"),
    "Add first": (ROWS, "m = MatMul(x, v) a = Add(u, m) b = Relu(a) y = MatMul(b, w)"),
    "Gemm": (ROWS, "a = Gemm(x, v, u) b = Relu(a) y = Gemm<alpha: float = 0.5>(b, w)"),
    "Gemm beta": (ROWS, "a = Gemm<beta: float = 0.5>(x, v, u) b = Relu(a) y = MatMul(b, w)"),
    "tokens": (TOKENS, "m = MatMul(x, v) a = Add(m, u) b = Relu(a) y = MatMul(b, w)"),
    "two readers": (
        TOKENS,
        """m = MatMul(x, v) a = Add(m, u) b = Relu(a) c = MatMul(b, w) d = MatMul(b, z)
        y = Add(c, d)""",
    ),
    "layer normalization": (TOKENS, "b = LayerNormalization(x, g, u) y = MatMul(b, w)"),
    "its parts": (
        TOKENS,
        """m = ReduceMean<keepdims=1>(x, last) c = Sub(x, m) e = Abs(c) f = Mul(c, g)
        b = Add(f, u) y = MatMul(b, w)""",
    ),
    "attention": (
        TOKENS,
        """m = MatMul(x, v) a = Add(m, u) h = Reshape(a, split) t = Transpose<perm=[0,2,1,3]>(h)
        s = Transpose<perm=[0,1,3,2]>(t) q = MatMul(x, z) i = Reshape(q, split)
        r = Transpose<perm=[0,2,1,3]>(i) k = MatMul(r, r0) p = Softmax(k)
        o = MatMul(p, t) j = Transpose<perm=[0,2,1,3]>(o) b = Reshape(j, merge)
        y = MatMul(b, w)""",
    ),
}


@pytest.mark.parametrize(("signature", "body"), PRODUCTS.values(), ids=PRODUCTS)
def test_matrices_are_scaled_with_what_reads_them(signature, body):
    weights = {
        "v": uneven(16, 16, axis=0),
        "w": uneven(16, 12, axis=0, seed=2),
        "z": uneven(16, 16 if "q =" in body else 12, axis=0, seed=1),
        "u": uneven(1, 16)[0],
        "g": uneven(1, 16, seed=1)[0],
        "r0": uneven(4, 3),
        "last": np.array([-1], np.int64),
        "split": np.array([0, 0, 4, 4], np.int64),
        "merge": np.array([0, 0, 16], np.int64),
    }
    before, after, found = equalised(parse(signature.format(body), used_in(body, weights)))
    assert "w" in found.scaled
    assert {"u", "w"} <= changed(before, after)
    assert_same_function(before, after)


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_groups_of_a_convolution_read_and_make_their_own_channels(groups):
    text = IMAGE.format(
        f"a = Conv(x, v) b = Relu(a) c = Conv<group={groups}, strides=[2,1]>(b, w) y = Conv(c, z)"
    )
    weights = {
        "v": uneven(8, 4, 3, 3),
        "w": uneven(16, 8 // groups, 3, 3),
        "z": uneven(5, 16, 1, 1),
    }
    before, after, found = equalised(parse(text, weights))
    assert "z" in found.scaled
    assert "w" in changed(before, after)
    assert_same_function(before, after)


def test_transposed_kernels_are_scaled_too():
    text = IMAGE.format("a = Conv(x, v) b = ConvTranspose<strides=[2,2]>(a, w, u) y = Conv(b, z)")
    weights = {
        "v": uneven(8, 4, 3, 3),
        "w": uneven(8, 6, 2, 2, axis=0),
        "u": uneven(1, 6)[0],
        "z": uneven(5, 6, 1, 1),
    }
    before, after, found = equalised(parse(text, weights))
    assert set(found.scaled) == {"w", "z"}
    assert changed(before, after) == {"v", "w", "u", "z"}
    assert_same_function(before, after)


def test_a_map_is_flattened_with_its_channels():
    text = IMAGE.format("a = Conv(x, v) b = Relu(a) c = Flatten(b) y = Gemm(c, w)")
    weights = {"v": uneven(8, 4, 3, 3), "w": np.repeat(uneven(8, 5, axis=0), 49, axis=0)}
    before, after, found = equalised(parse(text, weights))
    assert found.scaled == ("w",)
    assert_same_function(before, after)


LAYERS = [
    "conv",
    "group",
    "depthwise",
    "relu",
    "leaky",
    "prelu",
    "max",
    "mean",
    "residual",
    "twice",
]


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(LAYERS), min_size=2, max_size=8),
    st.sampled_from([11, 13, 17, 18, 21]),
    st.integers(0, 1000),
    st.booleans(),
)
def test_any_chain_of_layers_computes_the_same(layers, opset, seed, flat):
    generator = np.random.default_rng(seed)
    weights, lines, data = {}, ["h0 = Conv<pads=[1,1,1,1]>(x, w0, b0)"], "h0"

    def draw(name, *shape):
        spread = np.exp2(generator.integers(-4, 5, shape[1:2] + (1,) * (len(shape) - 2)))
        weights[name] = (generator.standard_normal(shape) * spread).astype(np.float32)

    draw("w0", 8, 4, 3, 3)
    draw("b0", 8)
    for number, layer in enumerate(layers, start=1):
        out, w, b = f"h{number}", f"w{number}", f"b{number}"
        if layer in ("conv", "group", "depthwise"):
            groups = {"conv": 1, "group": 2, "depthwise": 8}[layer]
            pads = generator.integers(0, 3, 4).tolist()
            dilation = int(generator.integers(1, 3))
            pads = [max(pad, dilation) for pad in pads]
            draw(w, 8, 8 // groups, 3, 3)
            draw(b, 8)
            attributes = f"group={groups}, pads={pads}, dilations=[{dilation},{dilation}]"
            lines.append(f"{out} = Conv<{attributes}>({data}, {w}, {b})")
        elif layer == "prelu":
            draw(w, 8, 1, 1)
            lines.append(f"{out} = PRelu({data}, {w})")
        elif layer == "residual":
            draw(w, 8, 8, 1, 1)
            lines.append(f"r{number} = Conv({data}, {w}) {out} = Add({data}, r{number})")
        elif layer == "twice":
            draw(w, 8, 8, 1, 1)
            draw(f"v{number}", 8, 8, 1, 1)
            lines.append(f"r{number} = Conv({data}, {w}) s{number} = Conv({data}, v{number})")
            lines.append(f"{out} = Sub(r{number}, s{number})")
        else:
            operator = {
                "relu": "Relu",
                "leaky": "LeakyRelu",
                "max": "MaxPool<kernel_shape=[2,2], pads=[0,0,1,1]>",
                "mean": "AveragePool<kernel_shape=[3,3], pads=[1,1,1,1]>",
            }[layer]
            lines.append(f"{out} = {operator}({data})")
        data = out
    draw("wl", 10, 8, *(() if flat else (1, 1)))
    end = f"p = GlobalAveragePool({data}) f = Flatten(p) y = Gemm<transB=1>(f, wl)"
    lines.append(end if flat else f"y = Conv({data}, wl)")
    proto = parse(IMAGE.format(" ".join(lines)), weights, opset=opset, ir_version=7)
    before, after, found = equalised(proto)
    assert found.scaled
    assert_same_function(before, after, cancels=flat)
    assert len(changed(before, after)) > 1


@pytest.mark.parametrize("opset", [13, 21])
@pytest.mark.parametrize("dtype", ["float16", "double", "bfloat16"])
def test_other_float_types_are_scaled_too_those_of_16_bits_by_powers_of_two(dtype, opset):
    text = """g ({0}[N,16] x) => ({0}[] y) {{
        a = MatMul(x, v) c = Add(a, u) b = Relu(c) y = MatMul(b, w)
    }}"""
    kind = {"double": "float64", "bfloat16": ml_dtypes.bfloat16}.get(dtype, dtype)
    weights = {"v": uneven(16, 16), "u": uneven(1, 16)[0], "w": uneven(16, 12, axis=0)}
    typed = {name: weight.astype(kind) for name, weight in weights.items()}
    before, after, found = equalised(parse(text.format(dtype), typed, opset=opset))
    assert found.scaled == ("w",)
    old, new = arrays(before), arrays(after)
    digits = [{n: np.frexp(w.astype("f8"))[0] for n, w in side.items()} for side in (old, new)]
    for name in weights:
        assert new[name].dtype == old[name].dtype
        assert dtype == "double" or np.array_equal(digits[0][name], digits[1][name])
    # ONNX Runtime has no products of bfloat16 on a CPU.
    if dtype != "bfloat16":
        assert_same_function(before, after)


def test_weights_that_would_lose_digits_keep_their_scale():
    text = "g (float16[N,16] x) => (float16[] y) { a = MatMul(x, v) b = Relu(a) y = MatMul(b, w) }"
    weight, large = uneven(16, 12, axis=0).astype("f2"), uneven(16, 16).astype("f2")
    tiny = large.copy()
    tiny[0, :8] = np.float16(3 * 2.0**-24)
    moved = []
    for first in (large, tiny):
        before, after, _ = equalised(parse(text, {"v": first, "w": weight}))
        assert_same_function(before, after)
        moved.append((arrays(after)["w"] != weight).any(axis=1))
    assert moved[0][:8].any()
    assert not moved[1][:8].any()
    assert np.array_equal(moved[1][8:], moved[0][8:])
    assert moved[1].any()


def test_channels_of_float16_do_not_become_larger():
    text = "g ({0}[N,16] x) => ({0}[] y) {{ a = MatMul(x, v) b = Relu(a) y = MatMul(b, w) }}"
    weights = {"v": uneven(16, 16), "w": uneven(16, 12, axis=0)}
    larger = {}
    for name, kind in (("float", "f4"), ("float16", "f2")):
        proto = parse(text.format(name), {n: w.astype(kind) for n, w in weights.items()})
        before, after, found = equalised(proto)
        assert found.scaled == ("w",)
        larger[name] = bool((np.abs(arrays(after)["v"]) > np.abs(arrays(before)["v"])).any())
    assert larger == {"float": True, "float16": False}


DECLINED = {
    "Clip at 6": (
        "a = Conv(x, v) b = Clip(a, zero, six) y = Conv(b, w)",
        "Clip .*clips at a number",
    ),
    "Sigmoid": (
        "a = Conv(x, v) b = Sigmoid(a) y = Conv(b, w)",
        "Sigmoid .* is not positively homogeneous",
    ),
    "an output": ("y = Conv(x, v) z = Conv(y, w)", "output of the model"),
    "added input": (
        "a = Conv<pads=[1,1,1,1]>(x, v) b = Add(a, x) y = Conv(b, w)",
        "'x' is an input",
    ),
    "square": ("a = Conv(x, v) b = Mul(a, a) y = Conv(b, w)", "Mul"),
    "softmax": ("a = Conv(x, v) b = Softmax<axis=1>(a) y = Conv(b, w)", "Softmax"),
    "other reader": ("a = Conv(x, v) b = Tanh(a) c = Conv(a, w) y = Add(b, c)", "Tanh"),
    "tied weight": ("a = Conv(x, v) b = Conv(a, w) y = Conv(b, w)", "shares a weight"),
    "computed weight": ("a = Conv(x, v) u = Neg(w) y = Conv(a, u)", None),
    "scalar bias": ("a = Conv(x, v) b = Add(a, six) y = Conv(b, w)", "one number to several"),
    "shared bias": (
        "a = Conv(x, v, k) b = Conv(x, o, k) c = Conv(a, w) y = Add(c, b)",
        "shares a weight",
    ),
    "model input": ("y = Conv(x, w)", "an input of the model"),
    "reversed": ("a = Conv(x, v) b = Slice(a, m1, m9, one, m1) y = Conv(b, w)", "reverses"),
    "summed": (
        "a = Conv(x, v) b = ReduceSum(a, one) c = Expand(b, shape) y = Conv(c, w)",
        "Expand",
    ),
}


@pytest.mark.parametrize(("body", "reason"), DECLINED.values(), ids=DECLINED)
def test_what_cannot_be_scaled_stays_as_it_is_and_says_why(body, reason):
    weights = {
        "v": uneven(4, 4, 3, 3),
        "o": uneven(4, 4, 3, 3) + 1,
        "w": uneven(4, 4, 1, 1),
        "k": uneven(1, 4)[0],
        "zero": np.float32(0),
        "six": np.float32(6),
        "one": np.array([1], np.int64),
        "m1": np.array([-1], np.int64),
        "m9": np.array([-9], np.int64),
        "shape": np.array([1, 4, 7, 7], np.int64),
    }
    outputs = "float[] y, float[] z" if "z =" in body else "float[] y"
    text = f"g (float[1,4,9,9] x) => ({outputs}) {{ {body} }}"
    before, after, found = equalised(parse(text, used_in(body, weights)))
    assert found.scaled == ()
    assert changed(before, after) == set()
    if reason is not None:
        assert re.search(reason, found.declined["w"])


def test_a_bias_of_zeros_may_be_shared():
    body = "a = Conv(x, v, k) b = Conv(x, o, k) c = Conv(a, w) d = Conv(b, u) y = Add(c, d)"
    weights = {
        "v": uneven(8, 4, 3, 3),
        "o": uneven(8, 4, 3, 3) + 1,
        "k": np.zeros(8, np.float32),
        "w": uneven(6, 8, 1, 1),
        "u": uneven(6, 8, 1, 1) + 1,
    }
    before, after, found = equalised(parse(IMAGE.format(body), weights))
    assert "w" in found.scaled
    assert "k" not in changed(before, after)
    assert_same_function(before, after)


@pytest.mark.parametrize(("overridden", "shape"), [("v", "8,4,3,3"), ("w", "6,8,1,1")])
def test_weights_that_callers_may_override_stay(overridden, shape):
    text = f"""g (float[1,4,9,9] x, float[{shape}] {overridden}) => (float[] y) {{
        a = Conv(x, v) y = Conv(a, w)
    }}"""
    proto = parse(text, {"v": uneven(8, 4, 3, 3), "w": uneven(6, 8, 1, 1)})
    before, after, _ = equalised(proto)
    assert changed(before, after) == set()


def test_a_limit_that_callers_may_override_may_be_another_one():
    text = """g (float[1,4,9,9] x, float zero) => (float[] y) {
        a = Conv(x, v) b = Clip(a, zero) y = Conv(b, w)
    }"""
    weights = {"v": uneven(8, 4, 3, 3), "w": uneven(6, 8, 1, 1), "zero": np.float32(0)}
    before, after, found = equalised(parse(text, weights))
    assert changed(before, after) == set()
    assert "Clip" in found.declined["w"]


def test_what_a_body_of_an_if_reads_stays():
    output = helper.make_tensor_value_info("o", TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node("Neg", ["a"], ["o"])], "b", [], [output])
    text = """g (bool c, float[1,4,9,9] x) => (float[] y, float[] z) {
        a = Conv(x, v) y = Conv(a, w) z = Neg(x)
    }"""
    proto = parse(text, {"v": uneven(8, 4, 3, 3), "w": uneven(6, 8, 1, 1)})
    proto.graph.node[2].CopyFrom(
        helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch)
    )
    before, after, found = equalised(proto)
    assert changed(before, after) == set()
    assert "body of If" in found.declined["w"]


def test_an_operator_of_another_domain_is_none_that_is_known():
    proto = parse(
        IMAGE.format("a = Conv(x, v) b = Relu(a) y = Conv(b, w)"),
        {"v": uneven(8, 4, 3, 3), "w": uneven(6, 8, 1, 1)},
    )
    proto.graph.node[1].domain = "elsewhere"
    proto.opset_import.append(helper.make_opsetid("elsewhere", 1))
    model = normalize(ir.from_proto(proto))
    assert equalise(model).scaled == ()


def test_the_same_model_is_always_scaled_alike_and_the_first_one_shares_no_change():
    proto = parse(
        IMAGE.format("a = Conv(x, v) b = Relu(a) y = Conv(b, w)"),
        {"v": uneven(8, 4, 3, 3), "w": uneven(6, 8, 1, 1)},
    )
    model = normalize(ir.from_proto(proto))
    bytes_before = ir.to_proto(model).SerializeToString(deterministic=True)
    copies = [model.clone() for _ in range(2)]
    for copy in copies:
        equalise(copy)
    assert ir.to_proto(model).SerializeToString(deterministic=True) == bytes_before
    one, other = (ir.to_proto(copy).SerializeToString(deterministic=True) for copy in copies)
    assert one == other != bytes_before


def test_the_graph_keeps_its_nodes_and_names():
    proto = parse(
        IMAGE.format("a = Conv(x, v) b = Relu(a) y = Conv(b, w)"),
        {"v": uneven(8, 4, 3, 3), "w": uneven(6, 8, 1, 1)},
    )
    before, after, _ = equalised(proto)
    assert isinstance(ir.to_proto(after), onnx.ModelProto)
    one, other = ir.to_proto(before), ir.to_proto(after)
    for part in ("node", "input", "output"):
        assert list(getattr(one.graph, part)) == list(getattr(other.graph, part))
    assert one.ByteSize() == other.ByteSize()
