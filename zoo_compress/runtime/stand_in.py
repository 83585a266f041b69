"""What an evaluator for some candidates leaves to the one that it stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from zoo_compress.core import AnyArray
from zoo_compress.runtime.device import Device
from zoo_compress.runtime.differences import Differences

if TYPE_CHECKING:
    from zoo_compress.runtime.evaluator import Evaluator, Outputs, Starts


class StandIn:
    """Takes the place of an evaluator on the CPU, and leaves to it what it does not do itself.

    Attributes:
        device: The CPU.
        output_names: The model's outputs, in order.
        reference: Outputs of the original, one tuple per sample.
        seconds: Time spent so far, that of the evaluator it stands for included.
    """

    def __init__(self, whole: Evaluator) -> None:
        """Take what it stands for."""
        self._whole = whole
        self.device: Device = whole.device
        self.output_names = whole.output_names
        self.reference = whole.reference
        self.seconds = whole.seconds

    def differences(
        self, weights: Mapping[str, AnyArray], indices: Sequence[int]
    ) -> Differences | None:
        """Return what was found, or None, as what it stands for does."""
        return self._whole.differences(weights, indices)

    def outputs_of(
        self, model: bytes, initializers: Mapping[str, AnyArray], indices: Sequence[int]
    ) -> list[Outputs]:
        """Return the outputs of another model on the samples at `indices`."""
        return self._whole.outputs_of(model, initializers, indices)

    def starts(self, indices: Sequence[int]) -> Starts:
        """Return what runs candidates on these samples from their first changed weight on."""
        return self._whole.starts(indices)
