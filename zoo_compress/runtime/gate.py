"""Publish gate: the written file, opened afresh, is what the search measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo_compress.core import AnyArray, Feed
from zoo_compress.errors import PublishGateError
from zoo_compress.runtime.fresh_process import run_in_fresh_process

NEAR_CHANCE = 1.0
"""Squared error, as a share of the outputs' variance, of always answering their mean."""

NEGLIGIBLE_VARIANCE = 1e-10
"""Share of the mean square below which float32 rounding alone explains a variance."""


@dataclass(frozen=True, kw_only=True)
class GateReport:
    """What the gate found about a file that passed.

    Attributes:
        stored_bytes: Size of the model file and its external data.
        relative_difference: Largest ||out - searched|| / ||searched|| over the float outputs.
        relative_distance: Largest squared distance to the original as a share of the original's
            variance; None if no output varies over two samples or more.
        opening_bytes: The most memory that opening the file added to a process; None where the
            system does not tell.
    """

    stored_bytes: int
    relative_difference: float
    relative_distance: float | None
    opening_bytes: int | None = None


def publish_gate(
    model_path: Path,
    *,
    feeds: Sequence[Feed],
    searched: Sequence[tuple[AnyArray, ...]],
    original: Sequence[tuple[AnyArray, ...]],
    predicted_bytes: int,
    data_files: Sequence[Path] = (),
    tolerance: float = 1e-3,
    size_tolerance: float = 0.01,
    timeout: float = 600,
) -> GateReport:
    """Open the written model in a fresh process and compare it with what the search saw.

    Outputs of floating-point type are compared; near chance is judged where the original's
    output varies over two samples or more.

    Args:
        model_path: The written file.
        feeds: Samples to run, at least one.
        searched: Outputs of the chosen candidate during the search, one tuple per sample.
        original: Outputs of the original model, one tuple per sample.
        predicted_bytes: The size that the search counted with.
        data_files: External data files of the model.
        tolerance: Allowed ||out - searched|| / ||searched|| of each output over all samples.
        timeout: Seconds after which the process is stopped.
        size_tolerance: Allowed difference from `predicted_bytes`, as a share of it.

    Raises:
        ValueError: If there is no sample, or not one output tuple per sample.
        PublishGateError: If the file does not open or run, has another size, returns NaN,
            infinity or other outputs than the search saw, or is no closer to the original than
            always answering the original's mean.
    """
    if not feeds or not len(feeds) == len(searched) == len(original):
        raise ValueError(
            f"{len(feeds)} feeds, {len(searched)} searched and {len(original)} original outputs"
        )
    stored_bytes = _check_size([model_path, *data_files], predicted_bytes, size_tolerance)
    found = run_in_fresh_process(model_path, feeds, timeout=timeout)
    differences, distances = [0.0], []
    for index, example in enumerate(searched[0]):
        if example.dtype.kind == "f":
            written, expected, reference = (
                [sample[index] for sample in side] for side in (found.outputs, searched, original)
            )
            differences.append(_check_difference(index, written, expected, tolerance))
            distances.append(_check_distance(index, written, reference))
    return GateReport(
        stored_bytes=stored_bytes,
        relative_difference=max(differences),
        relative_distance=max((d for d in distances if d is not None), default=None),
        opening_bytes=found.opening_bytes,
    )


def reopening_gate(
    model_path: Path,
    *,
    feeds: Sequence[Feed],
    original: Sequence[tuple[AnyArray, ...]] | None,
    timeout: float = 600,
) -> float | None:
    """Open a file in a fresh process once more, long after it was written.

    Args:
        model_path: The file.
        feeds: Samples to run, at least one.
        original: Outputs of the original model, one tuple per sample; None if it is not at hand.
        timeout: Seconds after which the process is stopped.

    Returns:
        The largest squared distance to the original as a share of the original's variance; None
        if there is no original or its outputs do not vary.

    Raises:
        PublishGateError: If the file does not open or run, returns NaN or infinity, or is no
            closer to the original than always answering the original's mean.
    """
    outputs = run_in_fresh_process(model_path, feeds, timeout=timeout).outputs
    distances = list[float | None]()
    for index, example in enumerate(outputs[0]):
        if example.dtype.kind == "f":
            found = [sample[index] for sample in outputs]
            _check_finite(index, found)
            if original is not None:
                reference = [sample[index] for sample in original]
                _check_shapes(index, found, reference, "the original has")
                distances.append(_check_distance(index, found, reference))
    return max((d for d in distances if d is not None), default=None)


def _check_size(paths: Sequence[Path], predicted: int, tolerance: float) -> int:
    for path in paths:
        if not path.is_file():
            raise PublishGateError(f"'{path}' was not written")
    stored = sum(path.stat().st_size for path in paths)
    if abs(stored - predicted) > tolerance * predicted:
        raise PublishGateError(
            f"'{paths[0]}' takes {stored} bytes, predicted were {predicted} "
            f"(allowed: within {100 * tolerance:g} %)"
        )
    return stored


def _check_difference(
    index: int, found: list[AnyArray], expected: list[AnyArray], tolerance: float
) -> float:
    _check_finite(index, found)
    _check_shapes(index, found, expected, "in the search it had")
    size = float(np.sqrt(sum(_squares(other) for other in expected)))
    error = float(np.sqrt(_squared_distance(found, expected)))
    relative = error / size if size else (np.inf if error else 0.0)
    if not relative <= tolerance:
        raise PublishGateError(
            f"output {index} differs from the searched one by {relative:.3g} of its norm "
            f"(allowed: {tolerance:g})"
        )
    return relative


def _check_finite(index: int, found: list[AnyArray]) -> None:
    for sample, out in enumerate(found):
        if not np.isfinite(out).all():
            raise PublishGateError(f"output {index} is NaN or infinite for sample {sample}")


def _check_shapes(index: int, found: list[AnyArray], expected: list[AnyArray], whose: str) -> None:
    for sample, (out, other) in enumerate(zip(found, expected, strict=True)):
        if out.shape != other.shape:
            raise PublishGateError(
                f"output {index} of sample {sample} has shape {out.shape}, {whose} {other.shape}"
            )


def _check_distance(index: int, found: list[AnyArray], reference: list[AnyArray]) -> float | None:
    variance = _squared_distance(reference, _means(reference))
    constant = variance <= NEGLIGIBLE_VARIANCE * sum(_squares(out) for out in reference)
    if len(reference) < 2 or constant:
        return None
    relative = _squared_distance(found, reference) / variance
    if not relative < NEAR_CHANCE:
        raise PublishGateError(
            f"output {index} is near chance: its squared distance to the original is "
            f"{relative:.3g} of the original's variance (allowed: below {NEAR_CHANCE:g})"
        )
    return relative


def _means(samples: list[AnyArray]) -> list[AnyArray]:
    """Return what a model that ignores its input would answer for each sample.

    That is the mean over samples; where shapes differ, the mean of each feature of the last axis,
    or of all elements if that axis differs too.
    """
    if len({sample.shape for sample in samples}) == 1:
        return [np.asarray(np.mean(samples, axis=0, dtype=np.float64))] * len(samples)
    aligned = len({sample.shape[-1:] for sample in samples}) == 1
    width = max(samples[0].shape[-1], 1) if aligned else 1
    mean = np.concatenate([s.reshape(-1, width) for s in samples]).mean(axis=0, dtype=np.float64)
    return [np.broadcast_to(mean, sample.shape) for sample in samples]


def _squared_distance(found: Sequence[AnyArray], expected: Sequence[AnyArray]) -> float:
    pairs = zip(found, expected, strict=True)
    return sum(_squares(out.astype(np.float64) - other) for out, other in pairs)


def _squares(array: AnyArray) -> float:
    return float(np.square(array, dtype=np.float64).sum())
