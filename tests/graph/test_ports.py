"""What has to be 8-bit numbers around the readers of a weight."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.techniques.rewritten import drawn, model_of, sites_of, value
from zoo_compress.core import Port
from zoo_compress.graph.ports import aliases

FLOAT = TensorProto.FLOAT
SHAPE = ["N", "C", "H", "W"]


def ports_of(nodes, *, outputs=("y",), **weights) -> dict[str, tuple[Port, ...]]:
    """Return the ports of each site; sizes are dynamic."""
    weights = {"w": drawn(16, 16, 3, 3)} | weights
    inputs, values = [value("x", FLOAT, SHAPE)], [value(name, FLOAT, SHAPE) for name in outputs]
    sites = sites_of(model_of(nodes, inputs, values, weights))
    return {name: site.ports for name, site in sites.items()}


def conv(source, weight, target):
    return helper.make_node("Conv", [source, weight], [target])


def test_a_convolution_takes_in_its_input_and_gives_out_what_is_behind_the_relu():
    nodes = [conv("x", "w", "a"), helper.make_node("Relu", ["a"], ["y"])]
    assert ports_of(nodes)["w"] == (
        Port(source="x", source_alias="zoo.t0", target="y", target_alias="zoo.t1"),
    )


def test_sites_in_a_row_have_one_alias_for_the_tensor_between_them():
    found = ports_of([conv("x", "w", "a"), conv("a", "v", "y")], v=drawn(16, 16, 3, 3, seed=1))
    (first,), (second,) = found["w"], found["v"]
    assert first.target == second.source == "a"
    assert first.target_alias == second.source_alias
    assert len({*aliases(first), *aliases(second)}) == 3


@pytest.mark.parametrize(("low", "target"), [(0.0, "y"), (-1.0, "a")])
def test_a_clip_is_looked_behind_where_it_cuts_at_0(low, target):
    nodes = [conv("x", "w", "a"), helper.make_node("Clip", ["a", "lo", "hi"], ["y"])]
    (port,) = ports_of(nodes, lo=np.float32(low), hi=np.float32(6))["w"]
    assert port.target == target


def test_an_output_that_others_read_too_is_the_target_itself():
    nodes = [
        conv("x", "w", "a"),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    (port,) = ports_of(nodes)["w"]
    assert port.target == "a"
    (port,) = ports_of(nodes[:2], outputs=("a", "b"))["w"]
    assert port.target == "a"


def test_pooling_is_looked_through():
    pool = helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2])
    nodes = [
        conv("x", "w", "a"),
        helper.make_node("Relu", ["a"], ["r"]),
        pool,
        conv("p", "v", "y"),
    ]
    found = ports_of(nodes, v=drawn(16, 16, 3, 3, seed=1))
    assert found["v"][0].source == found["w"][0].target == "r"


def test_a_product_gives_out_floats():
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    (port,) = ports_of(nodes, w=drawn(64, 48))["w"]
    assert (port.source, port.target) == ("x", None)
    assert aliases(port) == {"x": port.source_alias}


def test_tied_weights_have_a_port_for_each_reader():
    ports = ports_of([conv("x", "w", "a"), conv("a", "w", "y")])["w"]
    assert [(port.source, port.target) for port in ports] == [("x", "a"), ("a", "y")]


@pytest.mark.parametrize(
    ("node", "weight"),
    [
        (helper.make_node("MatMul", ["w", "x"], ["y"]), drawn(48, 96)),
        (helper.make_node("Gemm", ["x", "w"], ["y"], beta=0.5), drawn(96, 48)),
        (helper.make_node("MatMul", ["x", "w"], ["y"]), drawn(2, 48, 96)),
        (helper.make_node("ConvTranspose", ["x", "w"], ["y"]), drawn(16, 16, 3, 3)),
    ],
)
def test_readers_without_an_integer_kernel_leave_a_site_without_ports(node, weight):
    assert ports_of([node], w=weight)["w"] == ()


def test_a_model_that_was_compressed_before_keeps_its_names():
    nodes = [helper.make_node("Relu", ["x"], ["zoo.t0.d"]), conv("zoo.t0.d", "w", "y")]
    (port,) = ports_of(nodes)["w"]
    assert {port.source_alias, port.target_alias} == {"zoo.t1", "zoo.t2"}


def test_the_operator_set_is_told():
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = model_of(
        [node],
        [value("x", FLOAT, ["N", 64])],
        [value("y", FLOAT, ["N", 48])],
        {"w": drawn(64, 48)},
    )
    model.opset_import[0].version = 13
    assert sites_of(model)["w"].opset == 13
