"""Moments of the inputs of sites, against rows that numpy takes from the same inputs."""

import numpy as np
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.sites import find_sites
from zoo_compress.numerics.moments import shrinkage
from zoo_compress.techniques.moments import input_moments

MATMUL = "g (float[N,16] x) => (float[] y) { y = MatMul(x, w) }"


def drawn(*shape, seed=0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * 2 + 0.5).astype(np.float32)


def samples(count, *shape, name="x", dtype=np.float32) -> list[dict[str, np.ndarray]]:
    return [{name: drawn(*shape, seed=i).astype(dtype)} for i in range(count)]


def moments_of(proto, feeds, *, seed=0, **options):
    model = normalize(ir.from_proto(proto))
    return input_moments(model, find_sites(model).sites, feeds, seed=seed, **options)


def stacked(feeds) -> np.ndarray:
    return np.concatenate([feed["x"] for feed in feeds])


def patches(images, kernel, *, groups=1) -> np.ndarray:
    """Return what a kernel that moves by one is multiplied with, shape (G, P, K)."""
    windows = np.lib.stride_tricks.sliding_window_view(images, kernel, axis=(2, 3))
    rows = np.moveaxis(windows, 1, 3)
    per_place = rows.reshape(-1, groups, images.shape[1] // groups * kernel[0] * kernel[1])
    return per_place.swapaxes(0, 1)


def covariances(rows) -> np.ndarray:
    return np.stack([np.atleast_2d(np.cov(x.T, bias=True)) for x in rows])


def assert_moments(found, rows, *, samples, tolerance=1e-4):
    """Compare with the mean and covariance of rows, shape (G, P, K), shrunk as documented.

    As many rows, one after the other, are of one sample.
    """
    rows = rows.astype(np.float64)
    number = np.repeat(np.arange(samples), rows.shape[1] // samples)
    of_first = np.flatnonzero(number == 0)
    number[of_first[1::2]] = 1
    halves = [covariances(rows[:, number % 2 == half]) for half in (0, 1)]
    share = shrinkage(*halves)[:, None, None]
    expected = covariances(rows) * (1 - share * (1 - np.eye(rows.shape[2])))
    largest = float(np.abs(rows).max())
    np.testing.assert_allclose(found.mean, rows.mean(axis=1), rtol=0, atol=tolerance * largest)
    np.testing.assert_allclose(found.covariance, expected, rtol=0, atol=tolerance * largest**2)


@pytest.mark.parametrize(
    ("text", "weight", "sample", "rows"),
    [
        (MATMUL, (16, 8), (3, 16), lambda x: x),
        (
            "g (float[B,S,16] x) => (float[] y) { y = MatMul(x, w) }",
            (16, 8),
            (2, 5, 16),
            lambda x: x.reshape(-1, 16),
        ),
        ("g (float[16] x) => (float[] y) { y = MatMul(x, w) }", (16, 8), (16,), None),
        (
            "g (float[B,16,S] x) => (float[] y) { y = MatMul(w, x) }",
            (8, 16),
            (2, 16, 5),
            lambda x: x.swapaxes(1, 2).reshape(-1, 16),
        ),
        ("g (float[N,16] x) => (float[] y) { y = Gemm(x, w) }", (16, 8), (3, 16), lambda x: x),
        (
            "g (float[N,16] x) => (float[] y) { y = Gemm<transB=1>(x, w) }",
            (8, 16),
            (3, 16),
            lambda x: x,
        ),
    ],
    ids=["MatMul", "batch axes", "vectors", "weight first", "Gemm", "Gemm transB"],
)
def test_rows_of_a_matrix_are_what_is_summed_over(text, weight, sample, rows, make_model):
    feeds = samples(6, *sample)
    found = moments_of(make_model(text, {"w": drawn(*weight)}), feeds)["w"]
    x = stacked(feeds).reshape(-1, 16) if rows is None else rows(stacked(feeds))
    assert_moments(found, x[None], samples=6)


def test_a_vector_that_a_weight_is_multiplied_with_from_the_left_is_a_row(make_model):
    text = "g (float[16] x) => (float[] y) { y = MatMul(w, x) }"
    feeds = samples(6, 16)
    found = moments_of(make_model(text, {"w": drawn(8, 16)}), feeds)["w"]
    assert_moments(found, stacked(feeds).reshape(1, -1, 16), samples=6)


def test_rows_of_a_kernel_are_the_places_where_it_lies(make_model):
    text = "g (float[1,4,9,8] x) => (float[] y) { y = Conv<pads=[1,0,2,1]>(x, w) }"
    feeds = samples(5, 1, 4, 9, 8)
    found = moments_of(make_model(text, {"w": drawn(6, 4, 3, 2)}), feeds)["w"]
    padded = np.pad(stacked(feeds), [(0, 0), (0, 0), (1, 2), (0, 1)])
    assert_moments(found, patches(padded, (3, 2)), samples=5)


@pytest.mark.parametrize(("padding", "before"), [("SAME_UPPER", 0), ("SAME_LOWER", 1)])
def test_automatic_padding_is_part_of_the_places(padding, before, make_model):
    text = f'g (float[1,4,9,9] x) => (float[] y) {{ y = Conv<auto_pad="{padding}">(x, w) }}'
    feeds = samples(5, 1, 4, 9, 9)
    found = moments_of(make_model(text, {"w": drawn(6, 4, 2, 3)}), feeds)["w"]
    padded = np.pad(stacked(feeds), [(0, 0), (0, 0), (before, 1 - before), (1, 1)])
    assert_moments(found, patches(padded, (2, 3)), samples=5)


@pytest.mark.parametrize("groups", [2, 6])
def test_each_group_of_a_convolution_has_moments_of_its_own(groups, make_model):
    text = f"g (float[1,6,8,8] x) => (float[] y) {{ y = Conv<group={groups}>(x, w) }}"
    feeds = [
        {"x": f["x"] * np.arange(1, 7, dtype="f")[:, None, None]} for f in samples(4, 1, 6, 8, 8)
    ]
    found = moments_of(make_model(text, {"w": drawn(12, 6 // groups, 3, 3)}), feeds)["w"]
    assert found.mean.shape == (groups, 6 // groups * 9)
    assert_moments(found, patches(stacked(feeds), (3, 3), groups=groups), samples=4)


def test_inputs_of_later_layers_are_those_of_the_original(make_model):
    text = """g (float[N,16] x) => (float[] y) {
        a = Gemm(x, w, b)
        r = Relu(a)
        y = MatMul(r, v)
    }"""
    weights = {"w": drawn(16, 12), "v": drawn(12, 8, seed=1), "b": drawn(12)}
    feeds = samples(6, 3, 16)
    found = moments_of(make_model(text, weights), feeds)
    assert found.keys() == {"w", "v"}
    hidden = np.maximum(stacked(feeds) @ weights["w"] + weights["b"], 0)
    assert_moments(found["v"], hidden[None], samples=6)


def test_a_tied_weight_sees_the_inputs_of_all_its_readers(make_model):
    text = """g (float[N,16] x) => (float[] y) {
        a = MatMul(x, w)
        r = Relu(a)
        y = MatMul(r, w)
    }"""
    weight, feeds = drawn(16, 16), samples(8, 3, 16)
    found = moments_of(make_model(text, {"w": weight}), feeds)["w"]
    each = [part for x in (f["x"] for f in feeds) for part in (x, np.maximum(x @ weight, 0))]
    assert_moments(found, np.concatenate(each)[None], samples=8)


def test_sites_that_read_one_tensor_in_the_same_way_share_its_moments(make_model):
    text = """g (float[N,16] x) => (float[] y, float[] z, float[] u) {
        y = MatMul(x, w)
        z = MatMul(x, v)
        r = Relu(x)
        u = MatMul(r, t)
    }"""
    weights = {name: drawn(16, 8, seed=i) for i, name in enumerate("wvt")}
    found = moments_of(make_model(text, weights), samples(4, 3, 16))
    assert found["w"] is found["v"]
    assert found["t"] is not found["w"]


@pytest.mark.parametrize(
    ("text", "weight", "sample"),
    [
        (
            "g (float[4,16] x, int64[2] i) => (float[] y) { y = Gather(w, i) }",
            (16, 8),
            {"x": drawn(4, 16), "i": np.array([1, 2])},
        ),
        ("g (float[16,3] x) => (float[] y) { y = Gemm<transA=1>(x, w) }", (16, 8), None),
        ("g (float[16,3] x) => (float[] y) { y = Gemm(w, x) }", (8, 16), None),
    ],
    ids=["Gather", "Gemm transA", "Gemm first"],
)
def test_inputs_out_of_reach_leave_no_moments(text, weight, sample, make_model):
    feeds = samples(2, 16, 3) if sample is None else [sample]
    assert moments_of(make_model(text, {"w": drawn(*weight)}), feeds) == {}


@pytest.mark.parametrize(
    ("room", "left"), [(8 * (16**2 + 24**2), {"w", "v", "t"}), (8 * 16**2, {"w", "t"}), (8, set())]
)
def test_the_longest_rows_are_left_out_where_memory_is_short(room, left, make_model, monkeypatch):
    monkeypatch.setattr("zoo_compress.techniques.moments.MOST_BYTES", room)
    text = """g (float[N,16] x) => (float[] y, float[] z) {
        a = MatMul(x, w)
        y = MatMul(a, v)
        z = MatMul(x, t)
    }"""
    weights = {"w": drawn(16, 24), "v": drawn(24, 8), "t": drawn(16, 5)}
    assert moments_of(make_model(text, weights), samples(6, 3, 16)).keys() == left


def test_a_weight_in_the_body_of_an_if_is_left_out_and_others_are_not(make_model):
    proto = make_model(
        "g (bool c, float[N,16] x) => (float[] y, float[] z) { y = Neg(x) z = MatMul(x, v) }",
        {"w": drawn(16, 8), "v": drawn(16, 8, seed=1)},
    )
    output = helper.make_tensor_value_info("o", TensorProto.FLOAT, None)
    branch = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["o"])], "b", [], [output])
    proto.graph.node[0].CopyFrom(
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    )
    feeds = [feed | {"c": np.array(True)} for feed in samples(4, 3, 16)]
    assert moments_of(proto, feeds).keys() == {"v"}


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_site_whose_inputs_are_not_finite_is_left_out(value, make_model):
    text = """g (float[N,16] x, float[N,16] z) => (float[] y, float[] u) {
        y = MatMul(x, w)
        u = MatMul(z, v)
    }"""
    weights = {"w": drawn(16, 8), "v": drawn(16, 8, seed=1)}
    feeds = [{"x": drawn(3, 16, seed=i), "z": drawn(3, 16, seed=i)} for i in range(4)]
    feeds[2]["x"][1, 5] = value
    assert moments_of(make_model(text, weights), feeds).keys() == {"v"}


def test_samples_without_a_row_count_for_nothing(make_model):
    feeds = samples(3, 4, 16)
    model = make_model(MATMUL, {"w": drawn(16, 8)})
    found = moments_of(model, [*feeds, {"x": np.empty((0, 16), np.float32)}])["w"]
    np.testing.assert_array_equal(found.mean, moments_of(model, feeds)["w"].mean)


def test_images_without_a_place_count_for_nothing(make_model):
    text = "g (float[N,4,9,9] x) => (float[] y) { y = Conv(x, w) }"
    feeds = [*samples(3, 1, 4, 9, 9), {"x": np.empty((0, 4, 9, 9), np.float32)}]
    found = moments_of(make_model(text, {"w": drawn(6, 4, 3, 3)}), feeds)["w"]
    assert_moments(found, patches(stacked(feeds), (3, 3)), samples=3)


@pytest.mark.parametrize("opset", [11, 13, 21])
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_inputs_of_other_float_types_are_added_up_in_float32(dtype, opset, make_model):
    text = "g (T[N,16] x) => (T[] y) { y = MatMul(x, w) }"
    weight, feeds = drawn(16, 8).astype(dtype), samples(5, 40, 16, dtype=dtype)
    model = make_model(text, {"w": weight}, dtype=dtype, opset=opset, ir_version=10)
    found = moments_of(model, feeds)["w"]
    assert found.covariance.dtype == np.float32
    assert_moments(found, stacked(feeds)[None], samples=5)


# 9 samples of 64 x 64 images have 34,596 places, of which 1,026 are looked at.
IMAGES = "g (float[1,2,64,64] x) => (float[] y) { y = Conv(x, w) }"


def test_a_seed_decides_which_places_are_looked_at(make_model):
    model, feeds = make_model(IMAGES, {"w": drawn(8, 2, 3, 3)}), samples(9, 1, 2, 64, 64)
    one, again, other = (moments_of(model, feeds, seed=seed)["w"] for seed in (0, 0, 1))
    assert one.mean.tobytes() == again.mean.tobytes()
    assert one.covariance.tobytes() == again.covariance.tobytes()
    assert not np.array_equal(one.mean, other.mean)


def test_the_places_looked_at_stand_for_all(make_model):
    model, feeds = make_model(IMAGES, {"w": drawn(8, 2, 3, 3)}), samples(9, 1, 2, 64, 64)
    scaled = [{"x": feed["x"] * (i + 1)} for i, feed in enumerate(feeds)]
    found, rows = moments_of(model, scaled)["w"], patches(stacked(scaled), (3, 3))
    # Four standard errors of a mean of 1,026 rows of standard deviation 11.
    np.testing.assert_allclose(found.mean, rows.mean(axis=1), atol=4 * 11 / 1026**0.5)
    power = np.square(rows).mean(axis=1)
    np.testing.assert_allclose(np.diagonal(found.gram, axis1=1, axis2=2), power, rtol=0.3)


def test_other_places_are_looked_at_in_each_sample(make_model):
    model = make_model(IMAGES, {"w": drawn(8, 2, 3, 3)})
    feeds = samples(1, 1, 2, 64, 64) * 60
    found, rows = moments_of(model, feeds)["w"], patches(feeds[0]["x"], (3, 3))
    # Of the same 18 places in each, the mean would be off by 0.5, their standard error.
    np.testing.assert_allclose(found.mean, rows.mean(axis=1), atol=4 * 2 / 1080**0.5)


def test_other_sites_do_not_change_which_places_are_looked_at(make_model):
    alone = make_model(IMAGES, {"w": drawn(8, 2, 3, 3)})
    text = """g (float[1,2,64,64] x) => (float[] y, float[] z) {
        z = Conv(x, v)
        y = Conv(x, w)
    }"""
    beside = make_model(text, {"w": drawn(8, 2, 3, 3), "v": drawn(8, 2, 5, 5, seed=1)})
    feeds = samples(9, 1, 2, 64, 64)
    one, other = (moments_of(model, feeds)["w"] for model in (alone, beside))
    np.testing.assert_array_equal(one.covariance, other.covariance)


def test_progress_is_told_after_each_sample(make_model):
    told = []
    moments_of(make_model(MATMUL, {"w": drawn(16, 8)}), samples(4, 3, 16), progress=told.append)
    assert told == [1, 2, 3, 4]
