"""Leave out of a model's outputs what stands at positions that only pad a sample.

Every run of a model in this package passes its outputs through here once, so that search, gate
and certificates count the same positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoo_compress.core import AnyArray, Feed

MASK_SUFFIX = "attention_mask"
TOKENS_SUFFIX = "input_ids"
SCORES_BY_POSITION = ("start_logits", "end_logits")
"""Outputs of shape (1, T) that hold a number for each position although no symbol says so. Other
vectors as long as the sample may as well be embeddings or classes."""

Shape = Sequence[int | str | None]


def without_padding(
    outputs: Sequence[AnyArray], names: Sequence[str], feed: Feed, session: Any
) -> tuple[AnyArray, ...]:
    """Return outputs without the positions whose `attention_mask` is 0.

    The positions of an output are on the axes that the model names like the last axis of the
    mask, or of the tokens that it belongs to. Where it names none, they are on the first axis
    after the batch that is as long as the mask, of an output of rank 3 or more. Outputs without
    such an axis stay, and so does a sample whose mask admits no position at all.

    Args:
        outputs: What the model returned for one sample.
        names: Their names, in the same order.
        feed: The sample; each of its inputs whose name ends in `attention_mask` counts.
        session: An ONNX Runtime session of the model, which knows the names of axes.
    """
    masks = {name: array[0] != 0 for name, array in feed.items() if _pads(name, array)}
    if not masks:
        return tuple(outputs)
    inputs = {value.name: value.shape for value in session.get_inputs()}
    declared = {value.name: value.shape for value in session.get_outputs()}
    pairs = zip(names, outputs, strict=True)
    return tuple(_trimmed(name, out, declared[name], masks, inputs) for name, out in pairs)


def has_padding(feed: Feed) -> bool:
    """Tell whether a sample has positions that only pad it."""
    return any(_pads(name, array) for name, array in feed.items())


def _pads(name: str, array: AnyArray) -> bool:
    """Tell whether an input is the mask of one sample that leaves some positions out."""
    mask = name.endswith(MASK_SUFFIX) and array.ndim == 2 and len(array) == 1
    return mask and bool(array.any()) and not array.all()


def _trimmed(
    name: str,
    output: AnyArray,
    declared: Shape,
    masks: Mapping[str, AnyArray],
    inputs: Mapping[str, Shape],
) -> AnyArray:
    if not isinstance(output, np.ndarray) or len(declared) != output.ndim:
        return output
    for mask_name, mask in masks.items():
        axes = _axes(name, output.shape, declared, mask_name, len(mask), inputs)
        for axis in axes:
            output = np.compress(mask, output, axis=axis)
        if axes:
            return output
    return output


def _axes(
    name: str,
    shape: tuple[int, ...],
    declared: Shape,
    mask_name: str,
    length: int,
    inputs: Mapping[str, Shape],
) -> list[int]:
    """Return the axes of an output that count the positions of a mask."""
    as_long = [axis for axis in range(1, len(shape)) if shape[axis] == length]
    # Decoders name the mask's axis after all tokens, past ones too; there are none of these here.
    tokens = mask_name.removesuffix(MASK_SUFFIX) + TOKENS_SUFFIX
    counted = {inputs[each][-1] for each in (mask_name, tokens) if inputs.get(each)}
    symbols = {axis for axis in counted if isinstance(axis, str)}
    named = [axis for axis in range(1, len(shape)) if declared[axis] in symbols]
    if named:
        return [axis for axis in named if axis in as_long]
    # A fixed length cannot be that of a dynamic axis, nor can an axis named like another input's.
    taken = {axis for axes in inputs.values() for axis in axes if isinstance(axis, str)}
    dynamic = not isinstance(inputs[mask_name][-1], int)
    possible = [
        axis
        for axis in as_long
        if declared[axis] not in taken and not (dynamic and isinstance(declared[axis], int))
    ]
    by_position = len(shape) > 2 or name in SCORES_BY_POSITION
    return possible[:1] if by_position else []
