"""What ONNX Runtime makes of codebooks, sparse weights, prefix codes and trellis codes."""

import ml_dtypes
import numpy as np
import pytest

from tests.techniques.decoded import (
    FRAMING,
    GATHER,
    OPERATORS,
    assert_decodes_exactly,
    assert_same_in_any_order,
    calibration_of,
    decoded,
    drawn,
    matrix_site,
)
from zoo_compress.core import Option
from zoo_compress.graph import fragment
from zoo_compress.graph.fragment import OLDEST_OPSET
from zoo_compress.techniques.codebook import Codebook
from zoo_compress.techniques.prefix_codes import PrefixCodes
from zoo_compress.techniques.sparse import Sparse
from zoo_compress.techniques.trellis_codes import TrellisCodes

DTYPES = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float64": np.float64}
EVERYTHING = ("error-feedback", "scale-refit", "bias-correction")
# What is tried of each technique: as in a recipe, and as in the option that comes of it.
CASES = {
    f"codebook {entries}": (
        Codebook,
        {"entries": [entries]},
        {"entries": entries, "granularity": "tensor"},
    )
    for entries in (2, 5, 16, 128, 256)
}
HALVES = {"granularity": "channel-group", "groups": 2}
CASES["codebook 16 in groups"] = (
    Codebook,
    {"entries": [16], "granularity": ["channel-group"], "groups": [2]},
    {"entries": 16} | HALVES,
)
CASES |= {
    f"sparse {density:g} {values} {number}": (
        Sparse,
        {"density": [density], "values": [values]} | ({key: [number]} if key else {}),
        {"density": density, "values": values} | ({key: number} if key else {}),
    )
    for values, key, number, density in (
        ("float16", None, "", 0.35),
        ("codes", "bits", 8, 0.5),
        ("codes", "bits", 3, 0.15),
        ("codebook", "entries", 16, 0.5),
        ("codebook", "entries", 3, 0.25),
    )
}
CASES |= {
    f"prefix codes {short} {long}": (
        PrefixCodes,
        {"codes": [{"short": short, "long": long, "share": share}]},
        {"short": short, "long": long, "share": share},
    )
    for short, long, share in ((2, 4, 0.25), (3, 6, 0.1), (1, 8, 0.5), (7, 14, 0.01))
}
ANY_MODEL = {"smallest_model_bytes": 0}
CASES |= {
    f"trellis codes {bits}": (TrellisCodes, {"bits": [bits]} | ANY_MODEL, {"bits": bits})
    for bits in (5.0, 3.2, 2.4, 1.75)
}
every_case = pytest.mark.parametrize("case", CASES)
# Layouts of weights and the bits of codes meet in shapes only: each layout with a case of each way
# to store, and each case with some layouts.
SOME_OPERATORS = ("conv in groups", "gemm", "gather")
SOME_CASES = {
    name: CASES[name]
    for name in (
        "codebook 5",
        "codebook 16 in groups",
        "sparse 0.5 codes 8",
        "sparse 0.25 codebook 3",
        "prefix codes 3 6",
        "trellis codes 2.4",
    )
}
LAYOUTS = [
    (operator, case)
    for operator in OPERATORS
    for case in (CASES if operator in SOME_OPERATORS else SOME_CASES)
]


def skip_where_declined(case, opset):
    """Skip a technique that has no options for sites of models in an operator set."""
    technique, recipe, _ = CASES[case]
    if opset < getattr(technique, "operator_set", OLDEST_OPSET):
        site = matrix_site((240, 320), opset=opset, model_bytes=1 << 24)
        assert technique(recipe).options(site) == []
        pytest.skip(technique(recipe).decline(site))


@pytest.fixture
def assert_decodes(load, optimized):
    def check(model, case):
        technique, recipe, option = CASES[case]
        assert_decodes_exactly(decoded(model, technique(recipe), option), load, optimized)

    return check


@pytest.mark.parametrize(("operator", "case"), LAYOUTS)
def test_weights_of_every_operator_decode_exactly_and_leave_no_node(
    operator, case, make_model, assert_decodes
):
    text, shape = OPERATORS[operator]
    if operator == "conv transposed" and CASES[case][0] is TrellisCodes:
        pytest.skip("declined: the weights of an output lie on both sides of its axis")
    assert_decodes(make_model(text, {"w": drawn(shape)}), case)


@every_case
@pytest.mark.parametrize(
    ("operator", "opset"),
    [
        ("conv", 11),
        ("conv", 21),
        ("gemm transB", 13),
        ("gemm transB", 18),
        ("gather columns", 11),
        ("gather columns", 21),
    ],
)
def test_every_operator_set_from_11_on_decodes_exactly(
    operator, opset, case, make_model, assert_decodes
):
    skip_where_declined(case, opset)
    text, shape = OPERATORS[operator]
    model = make_model(text, {"w": drawn(shape)}, opset=opset, ir_version=10)
    assert_decodes(model, case)


@every_case
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_float_type_decodes_exactly(dtype, case, make_model, assert_decodes):
    model = make_model(GATHER, {"w": drawn((12, 13), DTYPES[dtype])}, dtype=dtype)
    assert_decodes(model, case)


@every_case
@pytest.mark.parametrize("magnitude", [1e-42, 1e-30, 1e30, 5e37])
def test_weights_of_any_magnitude_decode_exactly(magnitude, case, make_model, assert_decodes):
    weight = (drawn((13, 16), np.float64).clip(-3, 3) * magnitude).astype(np.float32)
    text = "g (T[N,13] x) => (T[] y) { y = MatMul(x, w) }"
    assert_decodes(make_model(text, {"w": weight}), case)


@every_case
@pytest.mark.parametrize(
    "weight",
    [np.zeros((10, 8)), np.full((10, 8), 0.1), np.eye(10, 8), drawn((72, 1)), drawn((1, 72))],
    ids=["zeros", "constant", "zero rows", "one weight to a channel", "one channel"],
)
def test_weights_of_odd_kinds_decode_exactly(weight, case, make_model, assert_decodes):
    if len(weight) == 1 and "groups" in CASES[case][2]:
        pytest.skip("one channel makes no two groups")
    if weight.shape[1] == 1 and CASES[case][0] is TrellisCodes:
        assert TrellisCodes(CASES[case][1]).options(matrix_site(weight.shape)) == []
        pytest.skip("declined: so few columns fill no words")
    assert_decodes(make_model(GATHER, {"w": weight.astype(np.float32)}), case)


@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][0] is PrefixCodes])
@pytest.mark.parametrize(
    "weight",
    [drawn((12, 13)), np.zeros((10, 8)), np.eye(10, 8), 1e-42 * drawn((10, 8)), 1e30 * np.eye(8)],
    ids=["normal", "zeros", "zero rows", "small", "large"],
)
def test_prefix_codes_in_large_models_decode_exactly(
    weight, case, make_model, assert_decodes, monkeypatch
):
    # What makes a model large is a number of bytes only; real ones take seconds a case.
    monkeypatch.setattr("zoo_compress.graph.step_codes.FEWEST_MODEL_BYTES", 0)
    assert_decodes(make_model(GATHER, {"w": weight.astype(np.float32)}), case)


@every_case
@pytest.mark.parametrize("name", ["w", "/a/long/name" * 12])
@pytest.mark.parametrize(("dtype", "shape"), [("float32", (50, 61)), ("float16", (8, 30, 3, 5))])
def test_the_file_takes_the_predicted_bytes(case, dtype, shape, name, make_model, tmp_path):
    technique, recipe, option = CASES[case]
    model = make_model(GATHER, {"w": drawn(shape, DTYPES.get(dtype, np.float32))}, dtype=dtype)
    model.graph.initializer[0].name = model.graph.node[0].input[0] = name
    found = decoded(model, technique(recipe), option)
    written = found.written_bytes(tmp_path / "model.onnx")
    assert found.predicted_bytes - FRAMING <= written <= found.predicted_bytes


@every_case
@pytest.mark.parametrize("opset", [11, 18])
def test_functions_of_large_models_decode_exactly_and_take_the_predicted_bytes(
    case, opset, make_model, load, optimized, monkeypatch, tmp_path
):
    skip_where_declined(case, opset)
    monkeypatch.setattr(fragment, "FEWEST_MODEL_BYTES", 0)
    technique, recipe, option = CASES[case]
    text = "g (T[2,40] x) => (T[] y) { a = MatMul(x, w) y = MatMul(a, v) }"
    weights = {"w": drawn((40, 50)), "v": drawn((50, 40))}
    model = make_model(text, weights, opset=opset)
    found = decoded(model, technique(recipe), option)
    assert {node.domain for node in found.packed.graph.node} == {"", "zoo"}
    assert_decodes_exactly(found, load, optimized)
    written = found.written_bytes(tmp_path / "model.onnx")
    assert found.predicted_bytes - FRAMING <= written <= found.predicted_bytes


@every_case
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_same_weight_gives_the_same_bytes(dtype, case):
    technique, recipe, settings = CASES[case]
    site = matrix_site((24, 40), dtype=dtype)
    option = Option(technique=technique.name, settings=settings, stored_bytes=0)
    known = calibration_of(site, *EVERYTHING)
    encoder = technique(recipe)
    assert_same_in_any_order(lambda weight: encoder.encode(weight, site, option, known), site)


@pytest.mark.parametrize("technique", [Codebook, Sparse, PrefixCodes, TrellisCodes])
def test_weights_that_are_not_finite_are_refused(technique):
    site, weight = matrix_site((40, 64), model_bytes=1 << 30), drawn((40, 64))
    weight[3, 5] = np.nan
    option = technique({}).options(site)[0]
    with pytest.raises(ValueError, match="weights must be finite"):
        technique({}).encode(weight, site, option)
