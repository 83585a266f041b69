"""Networks of layers that share channels in the ways that exporters write them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.graph.channels.find import find_channels
from zoo_compress.graph.channels.groups import Channels
from zoo_compress.graph.channels.remove import remove_units
from zoo_compress.graph.channels.shapes import with_shapes
from zoo_compress.graph.initializers import replace_initializer
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.runtime.session import open_session

OLDEST_OPSET, NEWEST_OPSET = 11, 21


@dataclass
class Network:
    """Builds a graph layer by layer; methods return the name of the output of what they add."""

    opset: int = 17
    dtype: str = "float32"
    seed: int = 0
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    width: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def node(self, op_type: str, *inputs: str, outputs: int = 1, **attributes: object) -> str:
        names = [f"v{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        made = helper.make_node(op_type, inputs, names, name=f"{op_type}_{len(self.nodes)}")
        made.attribute.extend(
            helper.make_attribute(k, v) for k, v in attributes.items() if v is not None
        )
        self.nodes.append(made)
        self.width[names[0]] = self.width.get(inputs[0], 0)
        return names[0]

    def constant(self, array: object) -> str:
        name = f"c{len(self.weights)}"
        self.weights[name] = np.asarray(array)
        return name

    def drawn(self, *shape: int, scale: float = 1.0) -> str:
        drawn = scale * self.rng.standard_normal(shape)
        return self.constant(drawn.astype(self.dtype))

    def conv(
        self,
        x: str,
        filters: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = True,
        groups: int = 1,
    ) -> str:
        inward = self.width[x] // groups
        weight = self.drawn(
            filters, inward, kernel, kernel, scale=1 / np.sqrt(inward * kernel * kernel)
        )
        extra = [self.drawn(filters, scale=0.3)] if bias else []
        pad = dilation * (kernel // 2)
        y = self.node(
            "Conv",
            x,
            weight,
            *extra,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            dilations=[dilation, dilation],
            pads=[pad] * 4,
            group=groups,
        )
        self.width[y] = filters
        return y

    def depthwise(self, x: str, multiple: int = 1, **settings: object) -> str:
        channels = self.width[x]
        return self.conv(x, channels * multiple, 3, groups=channels, **settings)

    def batch_norm(self, x: str) -> str:
        n = self.width[x]
        vectors = [self.drawn(n), self.drawn(n), self.drawn(n)]
        variance = self.constant((self.rng.random(n) + 0.5).astype(self.dtype))
        return self.node("BatchNormalization", x, *vectors, variance)

    def scaled_by_means(self, x: str, squeezed: int) -> str:
        """Add a squeeze-and-excitation block."""
        channels = self.width[x]
        mean = self.node("GlobalAveragePool", x)
        inner = self.node("Relu", self.conv(mean, squeezed))
        gate = self.node("Sigmoid", self.conv(inner, channels))
        return self.node("Mul", x, gate)

    def concat(self, *parts: str) -> str:
        y = self.node("Concat", *parts, axis=1)
        self.width[y] = sum(self.width[part] for part in parts)
        return y

    def gemm(self, x: str, inward: int, outward: int) -> str:
        weight = self.drawn(outward, inward, scale=1 / np.sqrt(inward))
        return self.node("Gemm", x, weight, self.drawn(outward), transB=1)

    def linear(self, x: str, outward: int) -> str:
        weight = self.drawn(self.width[x], outward, scale=1 / np.sqrt(self.width[x]))
        y = self.node("Add", self.node("MatMul", x, weight), self.drawn(outward))
        self.width[y] = outward
        return y

    def build(self, output: str, shape: list[int | str], out: list[int | str]) -> ir.Model:
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("x", kind, shape)],
            [helper.make_tensor_value_info(output, kind, out)],
            [numpy_helper.from_array(array, name) for name, array in self.weights.items()],
        )
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        onnx.checker.check_model(model)
        return prepared(model)


def prepared(model: onnx.ModelProto) -> ir.Model:
    return with_shapes(normalize(ir.from_proto(model)))


def drop(channels: Channels, share: float, *, seed: int = 0) -> np.ndarray:
    """Return which units stay when a share of each removable group goes, at least one staying."""
    rng = np.random.default_rng(seed)
    kept = np.ones(len(channels.bytes), bool)
    rows = [np.unique(units) for units in channels.rows() if len(units)]
    for group in channels.removable:
        for unit in rng.permutation(group.units)[: round(share * len(group.units))]:
            kept[unit] = False
            if any(not kept[row].any() for row in rows):
                kept[unit] = True
    return kept


def without_reading(model: ir.Model, channels: Channels, kept: np.ndarray) -> ir.Model:
    """Return the whole model with zeros where weights read the units that go."""
    copy, changed = model.clone(), {}
    for member in channels.members:
        if member.role == "reads":
            tensor = model.graph.initializers[member.name].const_value
            array = changed.setdefault(member.name, tensor.numpy().copy())
            np.moveaxis(array, member.axis, 0)[~kept[member.units]] = 0
    for name, array in changed.items():
        replace_initializer(copy.graph, name, array)
    return copy


def outputs(model: ir.Model, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = open_session(to_compact_proto(model).SerializeToString(), threads=1)
    return session.run(None, feed)


def check_removal(model: ir.Model, feed: dict[str, np.ndarray], share: float = 0.4) -> int:
    """Remove units and hold the result against the whole model that does not read them.

    Returns:
        How many units went.
    """
    channels = find_channels(model)
    kept = drop(channels, share)
    before = to_compact_proto(model).SerializeToString(deterministic=True)
    pruned = remove_units(model, kept)
    assert to_compact_proto(model).SerializeToString(deterministic=True) == before
    for one, other in zip(model.graph.outputs, pruned.graph.outputs, strict=True):
        assert (one.name, one.type, one.shape) == (other.name, other.type, other.shape)
    for one, other in zip(model.graph.inputs, pruned.graph.inputs, strict=True):
        assert (one.name, one.type, one.shape) == (other.name, other.type, other.shape)
    expected = outputs(without_reading(model, channels, kept), feed)
    tolerance = 2e-2 if expected[0].dtype == np.float16 else 2e-4
    for found, wanted in zip(outputs(pruned, feed), expected, strict=True):
        scale = max(float(np.abs(wanted).max()), 1e-3)
        np.testing.assert_allclose(found, wanted, atol=tolerance * scale, rtol=tolerance)
    gone = int((~kept).sum())
    if gone:
        onnx.checker.check_model(to_compact_proto(pruned))
        assert len(to_compact_proto(pruned).SerializeToString()) < len(before)
    return gone


FLOATS = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}
