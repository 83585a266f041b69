"""What is known while a graph is read: the unit of every channel, and which must stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

Units = npt.NDArray[np.int64]
Role = Literal["produces", "reads", "follows"]
"""What an axis of a constant does with units: its positions compute them, are multiplied with
them and summed over, or go with them one by one (norms, depthwise kernels, constants added)."""

STANDARD = ("", "ai.onnx")


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """Units along one axis of a tensor.

    Attributes:
        axis: The axis, counted from 0.
        rank: How many axes the tensor has.
        units: The unit of each position, shape (length of the axis,).
    """

    axis: int
    rank: int
    units: Units

    @property
    def from_end(self) -> int:
        """The axis counted from the last, which broadcasting keeps: -1 or less."""
        return self.axis - self.rank


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """An axis of a constant that loses positions with the units along it.

    Attributes:
        node: The node that reads the constant.
        index: Which of its inputs that is.
        axis: The axis.
        units: The unit of each position.
        role: What the axis does.
    """

    node: ir.Node
    index: int
    axis: int
    units: Units
    role: Role


@dataclass
class Tracker:
    """Numbers units and collects what is found out about them.

    A unit is what can only be removed as a whole. Handlers of operators number the channels that
    a node computes, couple those that turn out to belong together, and freeze those that something
    reads in a way that is not understood.

    Attributes:
        model: The model; handlers do not change it.
        opset: Version of its standard operators.
        count: Units numbered so far.
        labels: Values of the graph -> the units along one of their axes.
        parts: Axes of constants.
        couples: Pairs of arrays whose units belong together, position by position.
        frozen: Units that must stay, and why.
        heads: Units that are blocks of a product of two activations: attention heads.
    """

    model: ir.Model
    opset: int
    count: int = 0
    labels: dict[ir.Value, Labels] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    couples: list[tuple[Units, Units]] = field(default_factory=list)
    frozen: list[tuple[Units, str]] = field(default_factory=list)
    heads: list[Units] = field(default_factory=list)

    def fresh(self, length: int) -> Units:
        """Return new units."""
        self.count += length
        return np.arange(self.count - length, self.count, dtype=np.int64)

    def couple(self, one: Units, other: Units) -> None:
        """Note that units of two arrays, broadcast against each other, belong together."""
        pair = np.broadcast_arrays(one, other)
        self.couples.append((pair[0].reshape(-1), pair[1].reshape(-1)))

    def freeze(self, reason: str, units: Iterable[Units]) -> None:
        """Note that units must stay."""
        self.frozen.extend((array, reason) for array in units)

    def known(self, node: ir.Node) -> list[Labels]:
        """Return the labels of the inputs of a node that have some."""
        found = (self.labels.get(value) for value in node.inputs if value is not None)
        return [labels for labels in found if labels is not None]

    def give_up(self, node: ir.Node, why: str) -> None:
        """Freeze the units of all inputs of a node; its outputs then have none."""
        reason = f"{node.op_type} '{node.name}' {why}"
        self.freeze(reason, (labels.units for labels in self.known(node)))

    def label(self, value: ir.Value, axis: int, rank: int, units: Units) -> None:
        """Note the units along an axis of a value."""
        self.labels[value] = Labels(axis=axis, rank=rank, units=units)

    def part(self, node: ir.Node, index: int, axis: int, units: Units, role: Role) -> None:
        """Note the units along an axis of a constant."""
        self.parts.append(Part(node=node, index=index, axis=axis, units=units, role=role))


def constant(value: ir.Value | None) -> ir.TensorProtocol | None:
    """Return the tensor of an initializer that no caller can override; None for other values."""
    if value is None or not value.is_initializer() or value.is_graph_input():
        return None
    return value.const_value


def integers(value: ir.Value | None) -> list[int] | None:
    """Return the numbers in a constant of integers; None for other values."""
    tensor = constant(value)
    return None if tensor is None else [int(number) for number in tensor.numpy().reshape(-1)]


def axes_of(node: ir.Node, index: int) -> list[int] | None:
    """Return the attribute `axes` of a node, or the constant input that took its place."""
    if "axes" in node.attributes:
        return list(node.attributes.get_ints("axes", []))
    return integers(node.inputs[index]) if len(node.inputs) > index else None


def lengths(value: ir.Value) -> list[int | str | None] | None:
    """Return the lengths of a value's axes: numbers, symbols or None; None without a rank."""
    if value.shape is None:
        return None
    return [int(n) if isinstance(n, int) else n.value for n in value.shape]
