"""What the weights of a site are multiplied with, and where their outputs get a bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import onnx_ir as ir

from zoo_compress.core import Site
from zoo_compress.numerics.unfold import Window

SAME: dict[str, Literal["upper", "lower"]] = {"SAME_UPPER": "upper", "SAME_LOWER": "lower"}
"""Values of auto_pad that keep the length of an axis -> the end that gets an odd zero."""


@dataclass(frozen=True, kw_only=True)
class SiteInput:
    """A tensor that a weight is multiplied with.

    Attributes:
        tensor: Its name in the graph.
        axis: The axis that is summed over, for a matrix product.
        window: How the kernel moves over it, for a convolution.
    """

    tensor: str
    axis: int = -1
    window: Window | None = None


def site_inputs(model: ir.Model, site: Site) -> tuple[SiteInput, ...]:
    """Return what a site's weight is multiplied with, one entry for each node that reads it.

    Empty, so that nothing can be learned from inputs, where the weight has an empty axis, and
    where a reader is none of

    - Conv, as its kernel;
    - Gemm, as the second matrix, the first not transposed;
    - MatMul with a weight of two axes, on either side,

    where readers sum over different axes of the weight, and where one lies in the body of an
    If, Loop or Scan, whose values are out of reach.
    """
    value = model.graph.initializers[site.name]
    found = [_input(model, node, index, site) for node, index in value.uses()]
    known = [entry for entry in found if entry is not None]
    return tuple(known) if site.elements and len(known) == len(found) else ()


def site_bias(model: ir.Model, site: Site) -> str | None:
    """Return the initializer that is added to the outputs of a site and to nothing else.

    That is the bias of its Conv or Gemm (alpha and beta 1), or the vector that an Add puts on
    the product of a MatMul that nothing else reads. None where there is no such vector, where
    the site has several readers, or where the vector does not have one number for each output
    or is not of the weight's type.
    """
    uses = list(model.graph.initializers[site.name].uses())
    if len(uses) != 1:
        return None
    bias = added_vector(model, site, *uses[0])
    if bias is None or len(list(bias.uses())) != 1:
        return None
    return None if bias.is_graph_output() else str(bias.name)


def added_vector(model: ir.Model, site: Site, node: ir.Node, index: int) -> ir.Value | None:
    """Return the initializer that is added to the outputs of a weight, whoever else reads it.

    None where it does not have one number for each output, or is not of the weight's type.

    Args:
        model: The model.
        site: Where the weight is.
        node: A node that reads it.
        index: Which of its inputs the weight is.
    """
    addition = bias_addition(node, index)
    bias = None if addition is None else addition[0].inputs[addition[1]]
    if bias is None or bias.const_value is None or not bias.is_initializer():
        return None
    weight = model.graph.initializers[site.name]
    fits = bias.const_value.size == site.shape[site.channel_axis] and bias.dtype == weight.dtype
    flat = bias.const_value.size == bias.const_value.shape[-1] if bias.const_value.shape else False
    return bias if fits and flat and not bias.is_graph_input() else None


def bias_addition(node: ir.Node, index: int) -> tuple[ir.Node, int] | None:
    """Return the node that adds something to the outputs of a weight, and as which input.

    That is Conv, and Gemm where it scales neither, and the Add that alone reads the product of a
    MatMul with the weight on its right.

    Args:
        node: The node that reads the weight.
        index: Which of its inputs the weight is.
    """
    if node.op_type in ("Conv", "Gemm") and index == 1:
        there = len(node.inputs) > 2 and node.inputs[2] is not None
        return (node, 2) if there and scales_nothing(node) else None
    if node.op_type == "MatMul" and index == 1:
        uses = list(node.outputs[0].uses())
        alone = len(uses) == 1 and not node.outputs[0].is_graph_output()
        if alone and uses[0][0].op_type == "Add":
            return uses[0][0], 1 - uses[0][1]
    return None


def scales_nothing(node: ir.Node) -> bool:
    """Tell whether a Conv or Gemm adds its bias to its product as they are."""
    return node.op_type == "Conv" or all(
        node.attributes.get_float(name, 1.0) == 1.0 for name in ("alpha", "beta")
    )


def _input(model: ir.Model, node: ir.Node, index: int, site: Site) -> SiteInput | None:
    if node.graph is not model.graph or _summed(node, index) != site.channel_axis:
        return None
    other = node.inputs[1 - index] if node.op_type != "Conv" else node.inputs[0]
    if other is None or other.name is None or other.is_initializer():
        return None
    if node.op_type == "Conv":
        same = node.attributes.get_int("group", 1) == site.groups
        return SiteInput(tensor=other.name, window=_window(node, site)) if same else None
    if len(site.shape) != 2:
        return None
    return SiteInput(tensor=other.name, axis=-1 if index == 1 else -2)


def _summed(node: ir.Node, index: int) -> int | None:
    """Return the axis of outputs that a weight has for this reader; None for other readers."""
    if node.domain not in ("", "ai.onnx"):
        return None
    if node.op_type == "Conv" and index == 1:
        return 0
    if node.op_type == "Gemm" and index == 1 and not node.attributes.get_int("transA", 0):
        return 0 if node.attributes.get_int("transB", 0) else 1
    if node.op_type == "MatMul":
        return 1 if index == 1 else 0
    return None


def _window(node: ir.Node, site: Site) -> Window:
    rank = len(site.shape) - 2
    ones, zeros = (1,) * rank, (0,) * rank
    pads = tuple(node.attributes.get_ints("pads", zeros * 2))
    automatic = node.attributes.get_string("auto_pad", "NOTSET")
    padded = automatic == "NOTSET"
    return Window(
        kernel=site.shape[2:],
        strides=tuple(node.attributes.get_ints("strides", ones)),
        dilations=tuple(node.attributes.get_ints("dilations", ones)),
        begin=pads[:rank] if padded else zeros,
        end=pads[rank:] if padded else zeros,
        groups=site.groups,
        same=SAME.get(automatic),
    )
