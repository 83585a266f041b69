"""What a model's input asks of a sample: element type, shape, batch axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo_compress.core import TensorSpec
from zoo_compress.errors import InputError

Shape = Sequence[int | str | None]

FEEDABLE_KINDS = "fiub"
"""Floats, signed and unsigned integers, booleans: what a sample can hold."""


def element_type(spec: TensorSpec) -> np.dtype[Any]:
    """Return the numpy type of an input's elements.

    Raises:
        InputError: If numpy has no such number type (strings, bfloat16).
    """
    try:
        found = np.dtype(spec.dtype)
    except TypeError:
        found = np.dtype(object)
    if found.kind not in FEEDABLE_KINDS:
        raise InputError(
            f"input '{spec.name}' has element type {spec.dtype}; "
            "only float, integer and boolean inputs can be fed"
        )
    return found


def has_batch_axis(spec: TensorSpec) -> bool:
    """Tell whether the first axis counts samples: it is dynamic, or fixed at 1."""
    return bool(spec.shape) and not _is_fixed_above_one(spec)


def fits(shape: Sequence[int], wanted: Shape) -> bool:
    """Tell whether an array's shape agrees with every fixed axis of a wanted one."""
    if len(shape) != len(wanted):
        return False
    return all(
        not isinstance(axis, int) or axis == length
        for length, axis in zip(shape, wanted, strict=True)
    )


def describe_shape(shape: Shape) -> str:
    """Return a shape for messages, for example `(batch, 3, ?, ?)`."""
    return "(" + ", ".join("?" if axis is None else str(axis) for axis in shape) + ")"


def decline_fixed_batch(specs: Sequence[TensorSpec]) -> None:
    """Refuse a model that takes several samples at once only.

    A first axis above 1 is no batch axis where another axis is dynamic and another input's first
    axis is too, as in the state `(2, batch, 128)` of a recurrent network.

    Raises:
        InputError: If an input's batch axis is fixed above 1.
    """
    for spec in specs:
        if _is_fixed_above_one(spec) and not _batch_is_elsewhere(spec, specs):
            raise InputError(
                f"input '{spec.name}' {describe_shape(spec.shape)}: its batch axis is fixed at "
                f"{spec.shape[0]}, but samples are fed one at a time; export the model with a "
                "dynamic batch axis or with batch 1"
            )


def _is_fixed_above_one(spec: TensorSpec) -> bool:
    return bool(spec.shape) and isinstance(spec.shape[0], int) and spec.shape[0] > 1


def _batch_is_elsewhere(spec: TensorSpec, specs: Sequence[TensorSpec]) -> bool:
    dynamic_here = any(not isinstance(axis, int) for axis in spec.shape)
    return dynamic_here and any(
        other.shape and not isinstance(other.shape[0], int) for other in specs
    )
