"""What `codes` makes of knowledge of the inputs: other codes and step sizes, the same format."""

import numpy as np
import onnx_ir as ir
import pytest
from onnx import numpy_helper

from tests.techniques.decoded import Decoded
from tests.techniques.inputs import WEIGHTS, calibration, codes, drawn, rows_of, site_of
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.graph.unpack import role
from zoo_compress.numerics.packing import planes, unpack
from zoo_compress.techniques.codes import Codes

FEEDBACK, REFIT = "error-feedback", "scale-refit"
GROUPS = {"matrix": 5, "transposed": 4, "kernel": 6, "groups": 4, "depthwise": 3}
every_weight = pytest.mark.parametrize("kind", WEIGHTS)
every_repair = pytest.mark.parametrize(
    "repair",
    [(), (FEEDBACK,), (FEEDBACK, REFIT), (FEEDBACK, REFIT, "bias-correction")],
    ids=["none", "feedback", "refit", "everything"],
)


def encode(kind, option, *repair, weight=None, known=True):
    """Return a weight in codes, what is known of its inputs, and the weight."""
    site = site_of(kind, bias="b")
    weight = drawn(*site.shape) if weight is None else weight
    knowledge = calibration(site, rows_of(site), *repair)
    encoded = Codes({}).encode(weight, site, option, knowledge if known else None)
    return encoded, knowledge, weight


@every_weight
@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
def test_weights_that_matter_change_less_whatever_is_repaired(kind, bits):
    plain, known, weight = encode(kind, codes(bits), known=False)
    found, _, _ = encode(kind, codes(bits))
    errors = [(known.importance * np.square(e.dense - weight)).sum() for e in (plain, found)]
    # Step sizes are kept with 11 binary digits.
    assert errors[1] <= errors[0] * 1.01


@every_weight
@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("more", [(), (REFIT,), (REFIT, "bias-correction")])
def test_with_feedback_outputs_change_less(kind, bits, more):
    plain, known, weight = encode(kind, codes(bits), FEEDBACK, *more, known=False)
    found, _, _ = encode(kind, codes(bits), FEEDBACK, *more)
    errors = [known.output_error(weight, e.dense) for e in (plain, found)]
    assert errors[1] < 0.9 * errors[0]


@every_weight
@pytest.mark.parametrize("bits", [2, 3, 4, 6])
def test_a_refit_of_step_sizes_never_makes_outputs_change_more(kind, bits):
    one, known, weight = encode(kind, codes(bits), FEEDBACK)
    other, _, _ = encode(kind, codes(bits), FEEDBACK, REFIT)
    errors = [known.output_error(weight, e.dense) for e in (one, other)]
    assert errors[1] <= errors[0]


def test_a_refit_of_step_sizes_makes_outputs_change_less_at_few_bits():
    one, known, weight = encode("groups", codes(2), FEEDBACK)
    other, _, _ = encode("groups", codes(2), FEEDBACK, REFIT)
    assert known.output_error(weight, other.dense) < known.output_error(weight, one.dense)


def test_step_sizes_follow_the_weights_that_matter():
    site = site_of("matrix")
    weight = drawn(*site.shape)
    weight[:, 3] *= 20
    rows = rows_of(site)
    rows[:, :, 3] = 0
    known = calibration(site, rows)
    found = Codes({}).encode(weight, site, codes(3), known)
    plain = Codes({}).encode(weight, site, codes(3))
    assert known.output_error(weight, found.dense) < 0.25 * known.output_error(weight, plain.dense)


@every_weight
@every_repair
@pytest.mark.parametrize("bits", [2, 5, 8])
def test_the_dense_weights_are_what_the_tensors_say(kind, repair, bits):
    found, _, weight = encode(kind, codes(bits), *repair)
    packed = {plane: found.tensors[role(plane)] for plane in planes(bits)}
    levels = unpack(packed, weight.size).reshape(weight.shape).astype(np.float32)
    step = found.tensors["d"].astype(np.float32) * found.tensors["f"]
    expected = (levels - found.tensors["z"]) * step
    np.testing.assert_array_equal(found.dense, expected, strict=True)
    assert found.tensors["d"].dtype == np.float16
    assert found.bias is None


@every_repair
@every_weight
def test_groups_within_a_channel_are_repaired_too(kind, repair):
    size = GROUPS[kind]
    option = codes(3, granularity="group", group_size=size)
    plain, known, weight = encode(kind, option, *repair, known=False)
    found, _, _ = encode(kind, option, *repair)
    errors = [known.output_error(weight, e.dense) for e in (plain, found)]
    assert errors[1] <= errors[0] * 1.001
    assert found.tensors["d"].shape == plain.tensors["d"].shape


def test_step_sizes_of_groups_are_not_fitted_to_outputs():
    option = codes(3, granularity="group", group_size=5)
    one, other = (encode("matrix", option, *r)[0] for r in ((FEEDBACK,), (FEEDBACK, REFIT)))
    np.testing.assert_array_equal(one.dense, other.dense)


@every_weight
def test_the_same_knowledge_gives_the_same_bytes(kind):
    one, other = (encode(kind, codes(4), FEEDBACK, REFIT)[0] for _ in range(2))
    assert one.dense.tobytes() == other.dense.tobytes()
    for name, tensor in one.tensors.items():
        assert tensor.tobytes() == other.tensors[name].tobytes()


@every_repair
def test_zeros_and_constants_are_kept(repair):
    weight = drawn(*WEIGHTS["matrix"][0])
    weight[4], weight[9] = 0, 0.3
    found, _, _ = encode("matrix", codes(8), *repair, weight=weight)
    assert not found.dense[4].any()
    np.testing.assert_allclose(found.dense[9], 0.3, rtol=2e-2)


@every_repair
def test_weights_that_are_all_zero_stay_zero(repair):
    found, _, _ = encode("kernel", codes(2), *repair, weight=np.zeros(WEIGHTS["kernel"][0], "f"))
    assert not found.dense.any()


@every_repair
def test_inputs_that_are_always_zero_leave_finite_weights(repair):
    site = site_of("groups", bias="b")
    known = calibration(site, np.zeros((3, 10, 12), np.float32), *repair)
    weight = drawn(*site.shape)
    found = Codes({}).encode(weight, site, codes(4), known)
    plain = Codes({}).encode(weight, site, codes(4))
    np.testing.assert_array_equal(found.dense, plain.dense)


@pytest.mark.parametrize("magnitude", [1e-40, 1e30])
def test_weights_of_any_magnitude_are_encoded(magnitude):
    shape = WEIGHTS["matrix"][0]
    weight = (drawn(*shape).astype(np.float64) * magnitude).astype(np.float32)
    found, _, _ = encode("matrix", codes(6), FEEDBACK, REFIT, weight=weight)
    before, after = (w.astype(np.float64) / magnitude for w in (weight, found.dense))
    assert np.linalg.norm(after - before) < 0.1 * np.linalg.norm(before)


@pytest.mark.parametrize("opset", [11, 21])
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("matrix", "g (T[2,20] x) => (T[] y) { y = Gemm<transB=1>(x, w) }"),
        ("transposed", "g (T[2,20] x) => (T[] y) { y = MatMul(x, w) }"),
        ("kernel", "g (T[1,5,6,6] x) => (T[] y) { y = Conv(x, w) }"),
        ("depthwise", "g (T[1,9,6,6] x) => (T[] y) { y = Conv<group=9>(x, w) }"),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_onnx_runtime_decodes_repaired_weights_exactly(
    kind, text, dtype, opset, make_model, load, optimized
):
    weight = drawn(*WEIGHTS[kind][0]).astype(dtype)
    proto = make_model(text, {"w": weight}, dtype=dtype, opset=opset, ir_version=10)
    graph = normalize(ir.from_proto(proto))
    (site,) = find_sites(graph).sites
    known = calibration(site, rows_of(site), FEEDBACK, REFIT)
    encoded = Codes({}).encode(weight, site, codes(3), known)
    dense = to_compact_proto(graph)
    dense.graph.initializer[0].CopyFrom(numpy_helper.from_array(encoded.dense, "w"))
    Codes({}).rewrite(graph, site, encoded)
    found = Decoded(to_compact_proto(graph), dense, {"w": encoded}, predicted_bytes=0)
    assert load(found)["w"].tobytes() == encoded.dense.tobytes()
    assert encoded.dense.dtype == weight.dtype
    assert optimized(found.packed) == optimized(found.dense)
