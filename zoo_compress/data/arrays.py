"""Samples from numpy files: `.npy` for one input, `.npz` by input name."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import AnyArray, Feed, Inputs, TensorSpec
from zoo_compress.data.check import check_names
from zoo_compress.data.draw import describe_draw, draw
from zoo_compress.data.specs import describe_shape, element_type, fits, has_batch_axis
from zoo_compress.errors import InputError

DAMAGED = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)
"""What numpy raises for a file that is truncated, no numpy file, or holds Python objects."""


def load_npy(path: Path, *, specs: Sequence[TensorSpec], count: int, seed: int) -> Inputs:
    """Load samples of a model with one input; the first axis of the array counts them.

    Raises:
        InputError: If the model has several inputs, or the array is damaged or does not fit.
    """
    if len(specs) != 1:
        names = ", ".join(spec.name for spec in specs)
        raise InputError(
            f"'{path}' holds one array, but the model has {len(specs)} inputs ({names}); "
            "give a .npz file with one array for each, by name"
        )
    try:
        # A mapped array is read only where samples are drawn from it.
        array = np.lib.format.open_memmap(path, mode="r")
    except DAMAGED as error:
        raise _unreadable(path, error) from error
    return _samples(path, {specs[0].name: array}, specs=specs, count=count, seed=seed)


def load_npz(path: Path, *, specs: Sequence[TensorSpec], count: int, seed: int) -> Inputs:
    """Load samples from one array per input of the model, all with the samples along axis 0.

    An input without a batch axis (a scalar, a recurrent state) has the samples in front of its
    whole shape.

    Raises:
        InputError: If arrays are missing, extra, of unequal length, damaged or do not fit.
    """
    try:
        # Opened here because numpy leaves a damaged archive's file open.
        with path.open("rb") as file:
            arrays = _read_archive(path, np.load(file, allow_pickle=False), specs)
    except DAMAGED as error:
        raise _unreadable(path, error) from error
    return _samples(path, arrays, specs=specs, count=count, seed=seed)


def _read_archive(path: Path, archive: Any, specs: Sequence[TensorSpec]) -> dict[str, AnyArray]:
    if isinstance(archive, np.ndarray):
        raise InputError(f"'{path}' is a .npy file; rename it to end in .npy")
    with archive:
        check_names(archive.files, specs, where=f"'{path}'")
        return {spec.name: archive[spec.name] for spec in specs}


def _unreadable(path: Path, error: BaseException) -> InputError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(f"'{path}' is not a readable numpy file: {reason}")


def _samples(
    path: Path,
    arrays: Mapping[str, AnyArray],
    *,
    specs: Sequence[TensorSpec],
    count: int,
    seed: int,
) -> Inputs:
    for spec in specs:
        _check_shape(arrays[spec.name], spec)
    total = _common_length(path, arrays)
    chosen = draw(total, count=count, seed=seed)
    taken = {spec.name: _convert(arrays[spec.name][chosen], spec) for spec in specs}
    names = [f"{path.name}[{index}]" for index in chosen]
    return Inputs(
        feeds=[_feed(taken, specs, row) for row in range(len(chosen))],
        groups=names,
        names=names,
        description=describe_draw(
            len(chosen), total, what=f"samples from file {path.name}", seed=seed
        ),
    )


def _feed(arrays: Mapping[str, AnyArray], specs: Sequence[TensorSpec], row: int) -> Feed:
    return {
        spec.name: arrays[spec.name][row : row + 1]
        if has_batch_axis(spec)
        else np.asarray(arrays[spec.name][row])
        for spec in specs
    }


def _check_shape(array: AnyArray, spec: TensorSpec) -> None:
    rest = spec.shape[1:] if has_batch_axis(spec) else spec.shape
    if array.ndim == 0 or not fits(array.shape[1:], rest):
        raise InputError(
            f"input '{spec.name}': the array has shape {describe_shape(array.shape)}, "
            f"wanted {describe_shape(('samples', *rest))}"
        )


def _common_length(path: Path, arrays: Mapping[str, AnyArray]) -> int:
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InputError(f"'{path}': the arrays hold different numbers of samples: {listed}")
    total = next(iter(lengths.values()))
    if total == 0:
        raise InputError(f"'{path}' holds no samples: the first axis has length 0")
    return total


def _convert(array: AnyArray, spec: TensorSpec) -> AnyArray:
    wanted, found = element_type(spec), array.dtype
    kinds = {found.kind, wanted.kind}
    if not (kinds <= {"i", "u"} or kinds in ({"f"}, {"b"})):
        raise InputError(
            f"input '{spec.name}': the array has type {found.name}, wanted {wanted.name}; "
            "convert it if its values are what the model expects"
        )
    # Values that a narrower type cannot hold are looked for below.
    with np.errstate(over="ignore"):
        converted = np.array(array, dtype=wanted, order="C")
    if not _same_values(array, converted):
        raise InputError(
            f"input '{spec.name}': the array has values that {wanted.name} cannot hold"
        )
    return converted


def _same_values(array: AnyArray, converted: AnyArray) -> bool:
    if converted.dtype.kind == "f":
        # NaN and infinity of the file itself are for the check of the samples to report.
        return bool((np.isfinite(array) == np.isfinite(converted)).all())
    return bool((array == converted).all())
