"""Cross-layer equalisation: scale channels between weights so that rounding loses less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import onnx_ir as ir
from onnx_ir.passes import common

from zoo_compress.core import AnyArray
from zoo_compress.graph.channel_carriers import CARRIERS
from zoo_compress.graph.channel_flow import ChannelFlow, Use, follow
from zoo_compress.graph.channel_movers import MOVERS
from zoo_compress.graph.channel_sets import Numbers
from zoo_compress.graph.channel_weights import WEIGHTS
from zoo_compress.graph.initializers import replace_initializer
from zoo_compress.numerics.equalisation import Reading, even_scales, reading

Scales = npt.NDArray[np.float64]

HALF_BYTES = 2
# Units in the last place: the scale, its inverse and two products are each rounded once.
SLACK = 2.0


@dataclass(frozen=True, kw_only=True)
class Equalised:
    """What equalising a model did.

    Attributes:
        scaled: Weights whose inputs have other scales now.
        declined: Weight -> why none of its inputs can be scaled.
    """

    scaled: tuple[str, ...]
    declined: dict[str, str]


def equalise(model: ir.Model) -> Equalised:
    """Divide what makes a channel by a scale, and multiply with it all weights that read it.

    The function stays the same: each output is that of the original up to the rounding of weights
    of float32 by 2^-23 of themselves. For weights of 16 bits, where rounding could be felt, scales
    are powers of two, which change no digit.

    Matched: channels from a Conv, ConvTranspose, Gemm or MatMul with a constant weight, or from
    the factor of a normalization (LayerNormalization, BatchNormalization, InstanceNormalization,
    or Mul by a vector), with a constant bias or an Add of one, through any number of

    - Relu, LeakyRelu, PRelu, Abs, Neg, Cast to float32 or float64, Dropout, Identity, Clip at 0;
    - pooling, and reductions over other axes than that of channels;
    - Add, Sub, Sum, Max, Min of channels with each other, which then share one scale;
    - Mul and Div by what is no such channel; MatMul that does not sum over channels, as that of
      attention with its values;
    - Transpose, Reshape, Flatten, Squeeze, Unsqueeze, Concat, Split, Slice, Pad, where lengths
      are known;

    to every Conv (of any groups), ConvTranspose, Gemm or MatMul that reads them with a constant
    weight.

    Declined are channels that reach any other node (Clip at 6, Gelu, Softmax, the input of a
    normalization, operators of other domains), an output of the model or the body of an If,
    Loop or Scan; channels that are added to what is computed otherwise; weights and biases that
    several nodes read, save biases of zeros, that callers may override, or that are outputs; and
    channels of weights whose type cannot hold them times their scale with all their digits. In
    float16 channels only become smaller: the CPU computes in float32 and would not show that
    they overflow elsewhere.

    Args:
        model: Normalized, its weights loaded; changed in place. Shapes are inferred on a copy.
    """
    shaped = model.clone()
    common.ShapeInferencePass(check_type=False, strict_mode=False)(shaped)
    flow = follow(shaped, {**WEIGHTS, **CARRIERS, **MOVERS})
    scales = _exact_scales(model, flow, _scales(model, flow))
    for name, factor in _factors(flow, scales).items():
        if (factor != 1).any():
            replace_initializer(model.graph, name, _times(_array(model, name), factor))
    reads = [use for use in flow.uses if use.reads]
    scaled = {use.tensor for use in reads if (scales[use.numbers] != 1).any()}
    declined = {use.tensor: _why_fixed(flow, use) for use in reads if use.tensor not in scaled}
    known = {name: reason for name, reason in declined.items() if reason is not None}
    return Equalised(scaled=tuple(sorted(scaled)), declined=flow.declined | known)


def _scales(model: ir.Model, flow: ChannelFlow) -> Scales:
    """Return the scale that each channel should have."""
    sets, places = np.unique(flow.sets.roots(), return_inverse=True)
    free = np.array([flow.sets.reason(int(channel)) is None for channel in sets], bool)
    readings = []
    for use in flow.uses:
        if use.reads and free[places[use.numbers]].any():
            readings += list(_readings(_array(model, use.tensor), use, places))
    scales = even_scales(readings, free)
    for use in flow.uses:
        weight, channels = _array(model, use.tensor), places[use.numbers]
        if weight.itemsize == HALF_BYTES:
            scales[channels] = np.exp2(np.rint(np.log2(scales[channels])))
        if weight.dtype == np.float16:
            scales[channels] = np.maximum(scales[channels], 1)
    return scales[places]


def _readings(weight: AnyArray, use: Use, places: Numbers) -> Iterator[Reading]:
    """Yield how a weight reads channels, one entry for all outputs that read the same."""
    moved, numbers = (
        np.moveaxis(weight, use.outputs, 0),
        np.moveaxis(places[use.numbers], use.outputs, 0),
    )
    wide = np.broadcast_to(numbers, (len(numbers), *moved.shape[1:])).reshape(len(numbers), -1)
    rows = moved.reshape(len(moved), -1)
    starts = [0, *(1 + np.flatnonzero((wide[1:] != wide[:-1]).any(axis=1)))]
    for start, end in pairwise([*starts, len(wide)]):
        part = rows if len(wide) == 1 else rows[start:end]
        if len(np.unique(wide[start])) > 1:
            yield reading(part, wide[start])


def _factors(flow: ChannelFlow, scales: Scales) -> dict[str, Scales]:
    """Return what to multiply each initializer with, broadcastable to it."""
    factors: dict[str, Scales] = {}
    for use in flow.uses:
        own = scales[use.numbers] if use.reads else 1 / scales[use.numbers]
        factors[use.tensor] = factors.get(use.tensor, np.ones(1)) * own
    return factors


def _exact_scales(model: ir.Model, flow: ChannelFlow, scales: Scales) -> Scales:
    """Leave channels alone where a weight that is scaled with them would lose digits."""
    roots, exact, factors = flow.sets.roots(), scales.copy(), _factors(flow, scales)
    for use in flow.uses:
        lost = ~_holds(_array(model, use.tensor), factors[use.tensor])
        if lost.any():
            numbers = np.broadcast_to(use.numbers, lost.shape)[lost]
            exact[np.isin(roots, roots[numbers])] = 1
            flow.sets.fix(numbers, f"'{use.tensor}' cannot hold them times their scale")
    return exact if np.array_equal(exact, scales) else _exact_scales(model, flow, exact)


def _times(weight: AnyArray, factor: Scales) -> AnyArray:
    with np.errstate(over="ignore", under="ignore"):
        product: AnyArray = weight * factor.astype(weight.dtype)
    return product


def _holds(weight: AnyArray, factor: Scales) -> npt.NDArray[np.bool_]:
    """Return which weights come back once their scale is taken off again, to the last digits."""
    back = _times(_times(weight, factor), 1 / factor)
    slack = 0.0 if weight.itemsize == HALF_BYTES else SLACK * float(np.finfo(weight.dtype).eps)
    with np.errstate(invalid="ignore"):
        same: npt.NDArray[np.bool_] = np.abs(back - weight) <= slack * np.abs(weight)
    return same


def _array(model: ir.Model, name: str) -> AnyArray:
    tensor = model.graph.initializers[name].const_value
    if tensor is None:
        raise KeyError(f"initializer '{name}' has no value")
    return tensor.numpy()


def _why_fixed(flow: ChannelFlow, use: Use) -> str | None:
    reasons = [flow.sets.reason(int(channel)) for channel in np.unique(use.numbers)]
    return next((reason for reason in reasons if reason), None)
