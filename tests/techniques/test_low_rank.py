"""What holds for `svd`, `spatial-split` and `tucker` alike."""

from dataclasses import replace

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError

from tests.techniques.factored import (
    assert_same_outputs,
    calibration_of,
    drawn,
    factored,
    layer,
    site_of,
)
from zoo_compress.graph.fragment import initializer_bytes
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import bytes_without, to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.graph.write import write_model
from zoo_compress.numerics.moments import InputMoments
from zoo_compress.techniques.codes import Codes
from zoo_compress.techniques.spatial_split import SpatialSplit
from zoo_compress.techniques.svd import Svd
from zoo_compress.techniques.tucker import Tucker

ALL = {"storage": ["float32", "float16", "codes"]}
MATRIX = layer("MatMul", drawn(64, 48), rank=2)
KERNEL = layer("Conv", drawn(32, 24, 3, 3), pads=[1, 1, 1, 1])
LONG = "/text_model/encoder/layers/self_attn/query_key_value_projection/MatMul" * 3
# Lengths of the graph and of tensors are stored in fewer bytes once they shrink.
FRAMING = 8
pairs = pytest.mark.parametrize(
    ("technique", "model"),
    [(Svd, MATRIX), (SpatialSplit, KERNEL), (Tucker, KERNEL)],
    ids=["svd", "spatial-split", "tucker"],
)


def chain(count, *, name="w{}", dtype=np.float32) -> onnx.ModelProto:
    """Return matrix products in a row, each with the name of its weight."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes, tensors = [], []
    for i in range(count):
        weight = drawn(*((64, 48) if i % 2 == 0 else (48, 64)), seed=i).astype(dtype)
        tensors.append(numpy_helper.from_array(weight, name.format(i)))
        inputs, output = [f"h{i}", name.format(i)], f"h{i + 1}"
        nodes.append(helper.make_node("MatMul", inputs, [output], name=name.format(f"_node{i}")))
    ends = [helper.make_tensor_value_info(end, kind, ["N", None]) for end in ("h0", f"h{count}")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def branches() -> onnx.ModelProto:
    """Return a model that reads its weight in both branches of an If, or in one."""
    bodies = [
        helper.make_graph(
            [helper.make_node(op, inputs, [f"out_{op}"])],
            "body",
            [],
            [helper.make_tensor_value_info(f"out_{op}", TensorProto.FLOAT, None)],
        )
        for op, inputs in (("MatMul", ["x", "w"]), ("Identity", ["x"]))
    ]
    node = helper.make_node("If", ["c"], ["y"], then_branch=bodies[0], else_branch=bodies[1])
    graph = helper.make_graph(
        [node],
        "g",
        [
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 32]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(drawn(32, 32), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ranks": [0]}, "greater than or equal to 1"),
        ({"ranks": [1.5]}, "less than or equal to 1"),
        ({"ranks": [0.0]}, "greater than 0"),
        ({"ranks": []}, "at least 1 item"),
        ({"ranks": ["half"]}, "valid integer"),
        ({"storage": ["int4"]}, "'float32', 'float16' or 'codes'"),
        ({"rank": [4]}, "Extra inputs are not permitted"),
    ],
)
@pytest.mark.parametrize("technique", [Svd, SpatialSplit, Tucker])
def test_settings_out_of_range_are_named(technique, settings, message):
    with pytest.raises(ValidationError, match=message):
        technique(settings)


@pairs
def test_by_default_there_are_five_ranks_as_codes(technique, model):
    options = technique({}).options(site_of(model))
    assert [option.settings["storage"] for option in options] == ["codes"] * 5
    ranks = [option.settings["rank"] for option in options]
    assert ranks == sorted(set(ranks), reverse=True)


def test_shares_are_of_the_largest_rank_that_saves_weights():
    options = Svd({"ranks": [1.0, 0.5, 0.001, 5]}).options(site_of(MATRIX))
    assert 27 * (64 + 48) < 64 * 48 < 28 * (64 + 48)
    assert [option.settings["rank"] for option in options] == [27, 14, 5, 1]
    assert options[0].label == "svd rank=27 storage=codes"


@pytest.mark.parametrize(
    ("technique", "model", "largest"),
    [(Svd, MATRIX, 27), (SpatialSplit, KERNEL, 41), (Tucker, KERNEL, 28)],
)
def test_ranks_beyond_the_largest_useful_one_are_declined_by_name(technique, model, largest):
    site = site_of(model)
    many = technique({"ranks": [largest + 1, 200]})
    assert many.options(site) == []
    expected = f"rank {largest + 1} saves nothing (largest useful rank {largest})"
    assert many.decline(site) == expected
    some = technique({"ranks": [200, largest, largest + 1]})
    assert [option.settings["rank"] for option in some.options(site)] == [largest]
    assert some.decline(site) is None


def test_a_weight_too_small_to_gain_is_declined_with_its_size():
    site = site_of(layer("MatMul", drawn(8, 8), rank=2))
    reason = Svd({"ranks": [1]}).decline(site)
    assert reason == "256 bytes: factors of rank 1 take no less"


def test_a_weight_of_one_column_has_no_useful_rank():
    site = site_of(layer("MatMul", drawn(500, 1), rank=2))
    assert Svd({}).decline(site) == "rank 1 saves nothing (largest useful rank 0)"


def test_floats_wider_than_the_weights_are_not_offered():
    half = site_of(layer("MatMul", drawn(64, 48).astype(np.float16), rank=2))
    stored = {option.settings["storage"] for option in Svd(ALL).options(half)}
    assert stored == {"float16", "codes"}
    reason = Svd({"storage": ["float32"]}).decline(half)
    assert reason == "float16 weights: float32 is wider"


def test_tied_weights_are_declined():
    model = onnx.ModelProto.FromString(MATRIX.SerializeToString())
    model.graph.node.append(helper.make_node("Gemm", ["y", "layer.weight"], ["z"], transB=1))
    model.graph.output.append(helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N", 64]))
    assert Svd({}).decline(site_of(model)) == "2 nodes read it, factors take the place of one"
    assert Svd({}).options(site_of(model)) == []


def test_weights_in_bodies_are_declined():
    site = site_of(branches())
    assert Svd({}).decline(site) == "read in the body of an If, Loop or Scan"
    assert Svd({}).options(site) == []


@pairs
@pytest.mark.parametrize("storage", ["float32", "float16", "codes"])
def test_more_rank_is_closer_to_the_weight(technique, model, storage):
    one = technique({"ranks": [1.0, 0.6, 0.2], "storage": [storage]})
    weight = numpy_helper.to_array(model.graph.initializer[0])
    errors = [
        float(np.linalg.norm(factored(model, one, option).encoded.dense - weight))
        for option in one.options(site_of(model))
    ]
    assert errors == sorted(errors)


@pairs
def test_storage_adds_next_to_nothing_to_the_error_of_a_rank(technique, model):
    weight = numpy_helper.to_array(model.graph.initializer[0])
    one = technique({"ranks": [1.0], **ALL})
    errors = [
        float(np.linalg.norm(factored(model, one, option).encoded.dense - weight))
        for option in one.options(site_of(model))
    ]
    assert max(errors) < 1.001 * min(errors)


@pairs
def test_calibration_never_makes_outputs_change_more(technique, model):
    site, weight = site_of(model), numpy_helper.to_array(model.graph.initializer[0])
    one = technique({"ranks": [0.5], "storage": ["float32", "codes"]})
    for rows in (3, 400):
        known = calibration_of(site, rows=rows)
        for option in one.options(site):
            plain, aware = (
                factored(model, one, option, calibration=c).encoded.dense for c in (None, known)
            )
            assert known.output_error(weight, aware) <= known.output_error(weight, plain)


@pairs
def test_calibration_with_inputs_that_are_all_zero_changes_nothing(technique, model):
    known = calibration_of(site_of(model))
    zeros = replace(
        known,
        moments=InputMoments(mean=0 * known.moments.mean, covariance=0 * known.moments.covariance),
    )
    plain, aware = (factored(model, technique({}), calibration=c).encoded for c in (None, zeros))
    np.testing.assert_array_equal(plain.dense, aware.dense)


@pairs
@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_weights_of_any_size_are_stored(technique, model, scale):
    weight = numpy_helper.to_array(model.graph.initializer[0])
    scaled = onnx.ModelProto.FromString(model.SerializeToString())
    tensor = numpy_helper.from_array(weight * np.float32(scale), "layer.weight")
    scaled.graph.initializer[0].CopyFrom(tensor)
    for option in technique({"ranks": [0.5], **ALL}).options(site_of(model)):
        plain, other = (factored(m, technique({}), option).encoded.dense for m in (model, scaled))
        np.testing.assert_allclose(other / np.float32(scale), plain, atol=0.01)


@pairs
def test_weights_of_zero_stay_zero(technique, model):
    zeros = onnx.ModelProto.FromString(model.SerializeToString())
    shape = list(zeros.graph.initializer[0].dims)
    tensor = numpy_helper.from_array(np.zeros(shape, np.float32), "layer.weight")
    zeros.graph.initializer[0].CopyFrom(tensor)
    for option in technique({"ranks": [0.5], **ALL}).options(site_of(zeros)):
        found = factored(zeros, technique({}), option)
        np.testing.assert_array_equal(found.encoded.dense, 0)


@pairs
def test_the_file_takes_the_predicted_bytes(technique, model):
    for option in technique({"ranks": [1.0, 0.4], **ALL}).options(site_of(model)):
        found = factored(model, technique({}), option)
        size = len(found.packed.SerializeToString())
        assert found.predicted_bytes - FRAMING <= size <= found.predicted_bytes


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", ["w{}", LONG + "{}"], ids=["short", "long"])
def test_any_mix_of_techniques_takes_the_predicted_bytes(name, dtype, tmp_path):
    graph = normalize(ir.from_proto(chain(6, name=name, dtype=dtype)))
    sites = find_sites(graph).sites
    weights = {s.name: graph.graph.initializers[s.name].const_value.numpy() for s in sites}
    total, shared = bytes_without(to_compact_proto(graph), weights.keys()), {}
    for i, site in enumerate(sites):
        technique = None if i == 2 else (Svd(ALL), Codes({}))[i % 2]
        if technique is None:
            total += initializer_bytes(site.name, site.shape, site.element_bytes)
            continue
        option = technique.options(site)[i]
        technique.rewrite(graph, site, technique.encode(weights[site.name], site, option))
        total += option.stored_bytes
        shared |= option.shared
    (path,) = write_model(graph, tmp_path / "model.onnx")
    total += sum(shared.values())
    assert total - FRAMING <= path.stat().st_size <= total
    onnx.checker.check_model(str(path), full_check=True)


@pytest.mark.parametrize("storage", ["float32", "codes"])
def test_a_model_that_has_factors_can_be_compressed_again(storage, tmp_path):
    technique = Svd({"storage": [storage]})
    first = ir.from_proto(chain(2))
    site = find_sites(normalize(first)).sites[0]
    weight = first.graph.initializers[site.name].const_value.numpy()
    option = technique.options(site)[0]
    technique.rewrite(first, site, technique.encode(weight, site, option))
    again = normalize(ir.from_proto(to_compact_proto(first)))
    second = next(site for site in find_sites(again).sites if site.name == "w1")
    assert second.alias != "zoo.0"
    fixed = bytes_without(to_compact_proto(again), {"w1"})
    weight = again.graph.initializers["w1"].const_value.numpy()
    technique.rewrite(again, second, technique.encode(weight, second, option))
    (path,) = write_model(again, tmp_path / "model.onnx")
    predicted = fixed + technique.options(second)[0].stored_bytes
    assert predicted - FRAMING <= path.stat().st_size <= predicted
    onnx.checker.check_model(str(path), full_check=True)


@pairs
@pytest.mark.parametrize("storage", ["float32", "float16", "codes"])
def test_every_storage_computes_what_its_dense_weight_stands_for(technique, model, storage):
    data = drawn(5, 64, seed=1) if technique is Svd else drawn(2, 24, 8, 9, seed=1)
    assert_same_outputs(factored(model, technique({"storage": [storage]})), data)
