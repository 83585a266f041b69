"""What techniques add to a file, in as few bytes as that takes."""

from __future__ import annotations

import onnx

PREFIX = "zoo."
"""Names of all tensors that techniques add start with this."""

# A length-delimited protobuf field: one byte of tag, then the length, seven bits to a byte.
_TAG_BYTES = 1


def framed(length: int) -> int:
    """Return the bytes of a protobuf field that holds `length` bytes."""
    return _TAG_BYTES + max(1, -(-length.bit_length() // 7)) + length


def nameless(node: onnx.NodeProto) -> onnx.NodeProto:
    """Take the name from a node and from those in its bodies, in place; return it."""
    node.ClearField("name")
    for attribute in node.attribute:
        for inner in attribute.g.node:
            nameless(inner)
    return node
