"""Compare outputs where they lie, so that only a few numbers leave the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Differences:
    """How far the outputs of n samples are from their references.

    Attributes:
        squares: Sum of squared differences by sample and floating-point output, shape (n, k);
            infinity for an output that is NaN, infinite or of another shape.
        answers_differ: Whether the argmax over the last axis of the first floating-point output
            with two classes or more differs at any position, shape (n,); a sample with NaN there
            differs. None where no output has classes.
    """

    squares: npt.NDArray[np.float64]
    answers_differ: npt.NDArray[np.bool_] | None

    @classmethod
    def joined(cls, parts: Sequence[Differences]) -> Differences:
        """Return the samples of several in a row."""
        answers = [p.answers_differ for p in parts if p.answers_differ is not None]
        return cls(
            squares=np.concatenate([part.squares for part in parts]),
            answers_differ=np.concatenate(answers) if len(answers) == len(parts) else None,
        )

    def taken(self, order: Sequence[int]) -> Differences:
        """Return the samples at these positions."""
        answers = self.answers_differ
        return Differences(
            squares=self.squares[order],
            answers_differ=None if answers is None else answers[order],
        )


def compared(outputs: Sequence[torch.Tensor], references: Sequence[torch.Tensor]) -> Differences:
    """Compare floating-point outputs of n samples with their references, on their device.

    Args:
        outputs: One tensor an output, the samples along the first axis.
        references: The same of the references, finite.
    """
    import torch

    count = references[0].shape[0]
    squares = [_squares(o, r) for o, r in zip(outputs, references, strict=True)]
    classes = [i for i, r in enumerate(references) if r.ndim > 1 and r.shape[-1] > 1]
    answers = _answers_differ(outputs[classes[0]], references[classes[0]]) if classes else None
    return Differences(
        squares=torch.stack(squares, dim=1).cpu().numpy().reshape(count, len(squares)),
        answers_differ=None if answers is None else answers.cpu().numpy(),
    )


def _squares(output: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    import torch

    if output.shape != reference.shape:
        return torch.full((reference.shape[0],), torch.inf, dtype=torch.float64)
    # In float64, as on the host: sums of many small squares lose digits in float32.
    difference = output.double() - reference.double()
    sums = difference.flatten(1).square().sum(1) if output.ndim > 1 else difference.square()
    return sums.nan_to_num(nan=torch.inf, posinf=torch.inf)


def _answers_differ(output: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    import torch

    if output.shape != reference.shape:
        return torch.ones(reference.shape[0], dtype=torch.bool)
    moved = output.argmax(-1) != reference.argmax(-1)
    unusable = output.isnan().flatten(1).any(1)
    return unusable | (moved.flatten(1).any(1) if moved.ndim > 1 else moved)
