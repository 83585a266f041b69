"""The inputs of a text model, filled by their names from an encoded text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo_compress.core import AnyArray, Feed, TensorSpec
from zoo_compress.data.specs import describe_shape, element_type
from zoo_compress.errors import InputError

TOKENS = "input_ids"
FILLED = (TOKENS, "attention_mask", "token_type_ids", "position_ids")
USE_CACHE = "use_cache_branch"
"""Input of decoders that hold two graphs, with and without a cache."""

_CACHE = re.compile(r"past(_key_values|_key|_value)?[._]")


def takes_text(specs: Sequence[TensorSpec]) -> bool:
    """Tell whether a model reads token ids."""
    return any(spec.name == TOKENS for spec in specs)


def require_text_inputs(specs: Sequence[TensorSpec]) -> None:
    """Check that every input can be filled from a text.

    Raises:
        InputError: If the model has no `input_ids`, or another input that a text does not tell,
            or a cache that cannot be empty; it is named.
    """
    listed = ", ".join(f"{s.name} {s.dtype} {describe_shape(s.shape)}" for s in specs)
    if not takes_text(specs):
        raise InputError(f"texts need a model with an input {TOKENS}; this one has {listed}")
    for spec in specs:
        if _is_cache(spec):
            _empty_shape(spec)
        elif spec.name not in (*FILLED, USE_CACHE):
            raise InputError(
                f"a text does not tell what to put into input '{spec.name}' {spec.dtype} "
                f"{describe_shape(spec.shape)}; give all inputs in a .npz file"
            )


def fixed_length(specs: Sequence[TensorSpec]) -> int | None:
    """Return the number of tokens that a model's inputs are fixed at; None for any number."""
    shapes = (spec.shape for spec in specs if spec.name in FILLED and len(spec.shape) == 2)
    lengths = [shape[1] for shape in shapes if isinstance(shape[1], int)]
    return min(lengths, default=None)


def text_feed(encoding: Any, specs: Sequence[TensorSpec], *, first_position: int = 0) -> Feed:
    """Return one encoded text as the inputs of a model.

    Caches of earlier tokens are empty, since a text begins with its first.

    Args:
        encoding: A `tokenizers.Encoding`.
        specs: The inputs, as `require_text_inputs` admits them.
        first_position: What `position_ids` count from.
    """
    mask = np.array([encoding.attention_mask])
    # Positions count from the first token that is no padding, on whichever side that is.
    positions = np.maximum(mask.cumsum(axis=1) - 1, 0) + first_position
    known = {
        TOKENS: np.array([encoding.ids]),
        "attention_mask": mask,
        "token_type_ids": np.array([encoding.type_ids]),
        "position_ids": positions,
    }
    return {spec.name: _values(spec, known.get(spec.name)) for spec in specs}


def _values(spec: TensorSpec, known: AnyArray | None) -> AnyArray:
    wanted = element_type(spec)
    if known is not None:
        return known.astype(wanted)
    if _is_cache(spec):
        return np.zeros(_empty_shape(spec), dtype=wanted)
    return np.zeros([1 for _ in spec.shape], dtype=wanted)


def _is_cache(spec: TensorSpec) -> bool:
    return _CACHE.match(spec.name) is not None


def _empty_shape(spec: TensorSpec) -> tuple[int, ...]:
    """Return the shape of a cache of nothing: its one dynamic axis behind the batch is empty.

    Raises:
        InputError: If it has none, or several that could be it.
    """
    dynamic = [i for i, length in enumerate(spec.shape) if i and not isinstance(length, int)]
    if len(dynamic) != 1:
        raise InputError(
            f"input '{spec.name}' {describe_shape(spec.shape)}: a cache of earlier tokens cannot "
            "be left empty unless exactly one of its axes behind the batch is dynamic; export the "
            "model without a cache, or give all inputs in a .npz file"
        )
    rest = (0 if i in dynamic else int(length or 0) for i, length in enumerate(spec.shape) if i)
    return (1, *rest)
