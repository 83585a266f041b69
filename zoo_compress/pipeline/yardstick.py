"""What two models are held against each other by, chosen from the original's outputs."""

from __future__ import annotations

from dataclasses import dataclass

from zoo_compress.core import Artifact, Inputs, Task
from zoo_compress.errors import InputError
from zoo_compress.pipeline.certify import holds_logits
from zoo_compress.pipeline.task import output_task, token_pooling
from zoo_compress.runtime.pairs import ModelPair
from zoo_compress.stats.distances import Distance, default_distance, output_distance


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """A task and the distance that measures it.

    Attributes:
        task: What the outputs mean.
        distance: How far the outputs of two models are apart.
        logits: Whether the outputs are a classifier's single tensor of logits.
        notes: What the user should know.
    """

    task: Task
    distance: Distance
    logits: bool
    notes: tuple[str, ...] = ()


def choose_yardstick(
    original: Artifact, pair: ModelPair, inputs: Inputs, *, task: Task | None, distance: str | None
) -> Yardstick:
    """Run the original and return what its outputs are to be measured by.

    Args:
        original: The original model.
        pair: It and another, open.
        inputs: Samples that set the scale of the distance, at least one.
        task: What the user says that the outputs mean, or None.
        distance: The distance that the user named, or None for the task's.

    Raises:
        InputError: If the outputs do not fit the task or the distance.
        OriginalModelError: If an output is NaN or infinite.
    """
    named = zip(inputs.feeds, inputs.names, strict=True)
    reference = [pair.original(feed, sample=name) for feed, name in named]
    found, notes = output_task(task, original, names=pair.output_names, outputs=reference[0])
    name = distance or default_distance(found)
    try:
        measure = output_distance(name, reference, pooling=token_pooling(found, original))
    except ValueError as error:
        raise InputError(f"'{original.source}', distance {name}: {error}") from error
    logits = found == "classification" and holds_logits(reference)
    return Yardstick(task=found, distance=measure, logits=logits, notes=notes)
