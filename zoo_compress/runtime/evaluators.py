"""The evaluator for a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from zoo_compress.core import AnyArray, Feed
from zoo_compress.runtime.device import Device
from zoo_compress.runtime.evaluator import CpuEvaluator, Evaluator, Outputs

if TYPE_CHECKING:
    import onnx


def evaluator_on(
    device: Device,
    model: onnx.ModelProto,
    feeds: Sequence[Feed],
    *,
    replaceable: Sequence[str],
    reference: Sequence[Outputs] | None = None,
    supplied: Mapping[str, AnyArray] | None = None,
) -> Evaluator:
    """Return what runs a model with other weights on a device.

    On the CPU, sessions that are built anew and run their weights as constants are faster. On a
    GPU it is the other way round.

    Args:
        device: Where to run.
        model: The original. It is not changed.
        feeds: The samples.
        replaceable: Initializers of the main graph that candidates may replace.
        reference: Outputs to compare with; None for those of this model.
        supplied: Arrays of initializers that the model declares without their payload.

    Raises:
        ValueError: If `replaceable` names something that is not such an initializer.
        SourceError: If ONNX Runtime cannot open the model.
        InputError: If a sample does not fit the model, or not into the device's memory.
        OriginalModelError: If an output is NaN, infinite or not a tensor.
    """
    if device.kind == "cpu":
        return CpuEvaluator(
            model, feeds, replaceable=replaceable, reference=reference, supplied=supplied
        )
    # Imported late: it takes torch, which a search on the CPU does without.
    from zoo_compress.runtime.bound import BoundEvaluator
    from zoo_compress.runtime.cuda import cache_bytes

    return BoundEvaluator(
        model,
        feeds,
        replaceable=replaceable,
        device=device,
        reference=reference,
        cache_bytes=cache_bytes(device),
        supplied=supplied,
    )
