"""The bytes that options promise are the bytes of the file."""

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.graph.fragment import initializer_bytes
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import bytes_without, to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.graph.write import write_model
from zoo_compress.techniques.codes import Codes

BOTH = {"granularity": ["channel", "group"], "group_size": [16, 32]}
LONG = "/text_model/encoder/layers/self_attn/query_key_value_projection/MatMul" * 3 + "/{}"
# Lengths of the graph and of tensors are stored in fewer bytes once they shrink.
FRAMING = 8


def chain(count, *, name="w{}", dtype=np.float32, width=64) -> onnx.ModelProto:
    """Return `count` matrix products in a row, between `width` and 48 columns."""
    rng = np.random.default_rng(0)
    nodes, weights = [], []
    for i in range(count):
        shape = (width, 48) if i % 2 == 0 else (48, width)
        weights.append(
            numpy_helper.from_array(rng.standard_normal(shape).astype(dtype), name.format(i))
        )
        source, target = f"h{i}", f"h{i + 1}"
        nodes.append(
            helper.make_node("MatMul", [source, weights[-1].name], [target], name=f"/m{i}")
        )
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    ends = [helper.make_tensor_value_info(end, kind, ["N", None]) for end in ("h0", f"h{count}")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def predicted_and_written(model, levels, path) -> tuple[int, int]:
    """Apply level `levels[i]` of site i, None for none, as a search would add up its bytes."""
    graph, technique = normalize(ir.from_proto(model)), Codes(BOTH)
    sites = find_sites(graph).sites
    total = bytes_without(to_compact_proto(graph), {site.name for site in sites})
    shared: dict[str, int] = {}
    for site, level in zip(sites, levels, strict=True):
        if level is None:
            total += initializer_bytes(site.name, site.shape, site.element_bytes)
            continue
        option = technique.options(site)[level]
        weight = graph.graph.initializers[site.name].const_value.numpy()
        technique.rewrite(graph, site, technique.encode(weight, site, option))
        total += option.stored_bytes
        shared |= option.shared
    (written,) = write_model(graph, path)
    return total + sum(shared.values()), written.stat().st_size


def assert_predicted(model, levels, path) -> None:
    predicted, written = predicted_and_written(model, levels, path)
    assert predicted - FRAMING <= written <= predicted
    assert written == pytest.approx(predicted, rel=0.001)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("models") / "model.onnx"


@given(levels=st.lists(st.none() | st.integers(0, 11), min_size=5, max_size=5))
@settings(deadline=None, max_examples=40)
def test_any_mix_of_options_takes_the_predicted_bytes(levels, path):
    assert_predicted(chain(5), levels, path)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@pytest.mark.parametrize("name", ["w{}", LONG], ids=["short", "long"])
def test_names_and_types_are_counted(name, dtype, path):
    assert_predicted(chain(4, name=name, dtype=dtype, width=128), [0, None, 9, 3], path)


@pytest.mark.parametrize("width", [61, 63, 67])
def test_padding_is_counted(width, path):
    assert_predicted(chain(3, width=width), [1, 2, None], path)


def test_many_weights_share_the_small_constants(path):
    assert_predicted(chain(130), [level % 7 for level in range(130)], path)


@pytest.mark.parametrize("form", ["a list of numbers", "documented"])
def test_a_weight_left_as_it_is_takes_the_predicted_bytes_however_it_was_stored(form, path):
    model = chain(3, dtype=np.float16)
    for tensor in model.graph.initializer:
        if form == "documented":
            tensor.doc_string = "what this weight is for" * 20
            tensor.metadata_props.add(key="origin", value="a checkpoint")
        else:
            array = numpy_helper.to_array(tensor)
            kind = TensorProto.FLOAT16
            tensor.CopyFrom(helper.make_tensor(tensor.name, kind, array.shape, array.ravel()))
    assert_predicted(model, [None, 2, None], path)


def test_an_option_that_saves_nothing_is_not_offered():
    sites = find_sites(normalize(ir.from_proto(chain(2)))).sites
    for site in sites:
        dense = initializer_bytes(site.name, site.shape, site.element_bytes)
        options = Codes(BOTH).options(site)
        sizes = [option.stored_bytes for option in options]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] < dense
