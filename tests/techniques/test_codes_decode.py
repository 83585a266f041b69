"""What ONNX Runtime loads: bit for bit the numpy reference, and no trace of the decoding."""

import ml_dtypes
import numpy as np
import pytest

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float64": np.float64}
# 64 to 72 weights, so that every remainder of a division by eight occurs.
SHAPES = [(8, 8), (5, 13), (6, 11), (1, 67), (4, 17), (3, 23), (7, 10), (1, 71), (8, 9)]
MATMUL = "g (T[N,{rows}] x) => (T[] y) {{ y = MatMul(x, w) }}"
GATHER = "g (int64[N] x) => (T[] y) { y = Gather(w, x) }"
OPERATORS = {
    "conv": ("g (T[1,5,6,6] x) => (T[] y) { y = Conv(x, w) }", (7, 5, 3, 3)),
    "conv 1-d": ("g (T[1,5,9] x) => (T[] y) { y = Conv(x, w) }", (7, 5, 3)),
    "conv in groups": ("g (T[1,8,6,6] x) => (T[] y) { y = Conv<group=4>(x, w) }", (12, 2, 3, 3)),
    "depthwise conv": ("g (T[1,9,6,6] x) => (T[] y) { y = Conv<group=9>(x, w) }", (9, 1, 3, 3)),
    "conv transposed": ("g (T[1,5,6,6] x) => (T[] y) { y = ConvTranspose(x, w) }", (5, 7, 3, 3)),
    "gemm": ("g (T[2,13] x) => (T[] y) { y = Gemm(x, w) }", (13, 15)),
    "gemm transB": ("g (T[2,13] x) => (T[] y) { y = Gemm<transB=1>(x, w) }", (15, 13)),
    "gemm weight first": ("g (T[13,2] x) => (T[] y) { y = Gemm(w, x) }", (15, 13)),
    "matmul": ("g (T[2,13] x) => (T[] y) { y = MatMul(x, w) }", (13, 15)),
    "matmul weight first": ("g (T[13,2] x) => (T[] y) { y = MatMul(w, x) }", (15, 13)),
    "matmul of a stack": ("g (T[3,2,5] x) => (T[] y) { y = MatMul(x, w) }", (3, 5, 15)),
    "gather": (GATHER, (15, 13)),
    "gather columns": ("g (int64[2] x) => (T[] y) { y = Gather<axis=1>(w, x) }", (15, 13)),
}


def draw(shape, dtype=np.float32) -> np.ndarray:
    return np.random.default_rng(7).standard_normal(shape).astype(dtype)


@pytest.fixture
def assert_decodes(compress, load, optimized):
    def check(model, **settings):
        compressed = compress(model, **settings)
        weights = load(compressed)
        assert list(weights) == ["w"]
        dense = compressed.encoded["w"].dense
        assert (weights["w"].dtype, weights["w"].shape) == (dense.dtype, dense.shape)
        assert weights["w"].tobytes() == dense.tobytes()
        assert optimized(compressed.packed) == optimized(compressed.dense)

    return check


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_width_decodes_exactly_whatever_the_number_of_weights(
    bits, shape, make_model, assert_decodes
):
    model = make_model(MATMUL.format(rows=shape[0]), {"w": draw(shape)})
    assert_decodes(model, bits=bits, granularity="channel")


@pytest.mark.parametrize("bits", [3, 4, 7, 8])
@pytest.mark.parametrize("operator", OPERATORS)
def test_weights_of_every_operator_decode_exactly(bits, operator, make_model, assert_decodes):
    text, shape = OPERATORS[operator]
    model = make_model(text, {"w": draw(shape)})
    assert_decodes(model, bits=bits, granularity="channel")


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize(
    ("operator", "size"), [("conv", 9), ("gemm", 1), ("matmul of a stack", 5), ("gather", 1)]
)
def test_groups_within_a_channel_decode_exactly(bits, operator, size, make_model, assert_decodes):
    text, shape = OPERATORS[operator]
    model = make_model(text, {"w": draw(shape)})
    assert_decodes(model, bits=bits, granularity="group", group_size=size)


@pytest.mark.parametrize("opset", [11, 13, 18, 21])
@pytest.mark.parametrize("operator", OPERATORS)
def test_every_operator_set_from_11_on_decodes_exactly(
    opset, operator, make_model, assert_decodes
):
    text, shape = OPERATORS[operator]
    model = make_model(text, {"w": draw(shape)}, opset=opset, ir_version=10)
    assert_decodes(model, bits=5, granularity="channel")


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_float_type_decodes_exactly(bits, dtype, make_model, assert_decodes):
    model = make_model(GATHER, {"w": draw((11, 13), DTYPES[dtype])}, dtype=dtype)
    assert_decodes(model, bits=bits, granularity="channel")


@pytest.mark.parametrize("opset", [11, 21])
@pytest.mark.parametrize(
    ("dtype", "operator"),
    [("float16", name) for name in ("conv", "conv transposed", "gemm transB", "matmul")]
    + [("float64", name) for name in ("gemm transB", "matmul", "matmul weight first")],
)
def test_float_types_decode_exactly_where_the_cpu_computes_in_them(
    operator, dtype, opset, make_model, assert_decodes
):
    text, shape = OPERATORS[operator]
    weight = draw(shape, DTYPES[dtype])
    model = make_model(text, {"w": weight}, dtype=dtype, opset=opset, ir_version=10)
    assert_decodes(model, bits=6, granularity="channel")


@pytest.mark.parametrize("magnitude", [1e-42, 1e-30, 1e30])
def test_weights_of_any_magnitude_decode_exactly(magnitude, make_model, assert_decodes):
    weight = (draw((13, 15), np.float64) * magnitude).astype(np.float32)
    model = make_model(MATMUL.format(rows=13), {"w": weight})
    assert_decodes(model, bits=5, granularity="channel")


def test_fusions_with_what_follows_still_happen(make_model, compress, optimized, run):
    text = """g (T[1,5,6,6] x) => (T[] y) {
        c = Conv(x, w)
        n = BatchNormalization(c, scale, bias, mean, var)
        r = Relu(n)
        f = Flatten(r)
        m = MatMul(f, v)
        y = Add(m, b)
    }"""
    weights = {"w": draw((7, 5, 3, 3)), "v": draw((112, 9)), "b": draw((9,))}
    statistics = dict.fromkeys(("scale", "bias", "mean", "var"), np.abs(draw((7,))))
    compressed = compress(make_model(text, weights | statistics), bits=4, granularity="channel")
    kept = optimized(compressed.packed)
    assert kept == optimized(compressed.dense)
    assert not {"BatchNormalization", "Relu", "MatMul", "Add"} & kept.keys()
    feeds = {"x": draw((1, 5, 6, 6))}
    np.testing.assert_array_equal(
        run(compressed.packed, feeds)[0], run(compressed.dense, feeds)[0]
    )
