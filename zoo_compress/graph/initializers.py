"""Put arrays into a graph as initializers."""

from __future__ import annotations

import onnx_ir as ir

from zoo_compress.core import AnyArray


def add_initializer(graph: ir.Graph, name: str, array: AnyArray) -> ir.Value:
    """Add an initializer and return it."""
    # Not `ir.tensor`, which takes longer to find out that this is an array.
    tensor = ir.Tensor(array, name=name)
    kind, shape = ir.TensorType(tensor.dtype), ir.Shape(array.shape)
    value = ir.Value(name=name, const_value=tensor, shape=shape, type=kind)
    graph.register_initializer(value)
    return value


def replace_initializer(graph: ir.Graph, name: str, array: AnyArray) -> None:
    """Give an initializer other values of the same type and shape.

    Raises:
        KeyError: If the graph has none of that name.
    """
    graph.initializers[name].const_value = ir.Tensor(array, name=name)
