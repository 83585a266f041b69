"""Check samples against a model's inputs, whatever the samples' source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from zoo_compress.core import AnyArray, Feed, Inputs, TensorSpec
from zoo_compress.data.specs import describe_shape, element_type, fits, has_batch_axis
from zoo_compress.errors import InputError


def check_feeds(inputs: Inputs, specs: Sequence[TensorSpec]) -> None:
    """Check that every sample fits every input of the model.

    Each sample must name exactly the model's inputs, with the input's element type, its fixed
    lengths, one entry along the batch axis and no NaN or infinity.

    Raises:
        InputError: If there is no sample, or one does not fit; the input, what was found and
            what is wanted are named.
    """
    if not len(inputs):
        raise InputError(f"{inputs.description}: there is no sample in it")
    for sample, feed in zip(inputs.names, inputs.feeds, strict=True):
        check_names(feed, specs, where=f"sample '{sample}'")
        for spec in specs:
            _check_array(feed, spec, sample=sample)


def check_names(found: Iterable[str], specs: Sequence[TensorSpec], *, where: str) -> None:
    """Check that `found` names each input of the model once and nothing else.

    Raises:
        InputError: If a name is missing or is not an input; `where` says where it was looked for.
    """
    names = set(found)
    wanted = [spec.name for spec in specs]
    missing = [name for name in wanted if name not in names]
    extra = sorted(names.difference(wanted))
    if not missing and not extra:
        return
    parts = []
    if missing:
        parts.append(f"misses {', '.join(map(repr, missing))}")
    if extra:
        parts.append(f"has {', '.join(map(repr, extra))}, not an input of the model")
    raise InputError(f"{where} {' and '.join(parts)}; the inputs are {', '.join(wanted)}")


def _check_array(feed: Feed, spec: TensorSpec, *, sample: str) -> None:
    array = feed[spec.name]
    where = f"sample '{sample}', input '{spec.name}'"
    if array.dtype != element_type(spec):
        raise InputError(f"{where}: found {array.dtype.name}, wanted {spec.dtype}")
    if not fits(array.shape, spec.shape) or _holds_several(array, spec):
        wanted = ((1, *spec.shape[1:])) if has_batch_axis(spec) else spec.shape
        raise InputError(
            f"{where}: found shape {describe_shape(array.shape)}, wanted {describe_shape(wanted)}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"{where}: it holds NaN or infinity")


def _holds_several(array: AnyArray, spec: TensorSpec) -> bool:
    return has_batch_axis(spec) and len(array) != 1
