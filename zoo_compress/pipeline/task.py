"""What the outputs of a model mean."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zoo_compress.core import AnyArray, Artifact, Pooling, Task
from zoo_compress.errors import InputError

CLASSIFIER_OUTPUT = re.compile(r"logit|prob|score|softmax|class|pred", re.IGNORECASE)


def output_task(
    asked: Task | None,
    artifact: Artifact,
    *,
    names: Sequence[str],
    outputs: Sequence[AnyArray],
) -> tuple[Task, tuple[str, ...]]:
    """Return what the outputs mean: as the user says, as the origin says, or by their names.

    A single output of shape (1, C), C at least 2, whose name says logits, probabilities, scores
    or classes is a classifier's. Anything else is not guessed at. A classifier's top answer is
    read from its first floating-point output.

    Args:
        asked: What the user says, or None.
        artifact: The model.
        names: Names of its outputs.
        outputs: What it returned for one sample, in the order of `names`.

    Returns:
        The task, and a note if the origin claims a classifier whose outputs have no classes.

    Raises:
        InputError: If the user claims so.
    """
    shapes = [output.shape for output in outputs if output.dtype.kind == "f"]
    claimed = asked or artifact.task
    if claimed == "classification" and not _has_classes(shapes[:1]):
        reason = f"the first output of '{artifact.source}' does not have two classes or more"
        if asked is not None:
            raise InputError(f"--task classification: {reason}; use --task other")
        return "other", (f"not treated as a classifier: {reason}",)
    if claimed is not None:
        return claimed, ()
    one_vector = len(names) == len(shapes) == 1 and len(shapes[0]) == 2 and _has_classes(shapes)
    named = one_vector and CLASSIFIER_OUTPUT.search(names[0])
    return "classification" if named else "other", ()


def token_pooling(task: Task, artifact: Artifact) -> Pooling | None:
    """Return how the vectors of tokens are pooled before they are compared; None if not at all.

    Only an embedding model is compared by what its users make of its tokens.
    """
    return artifact.pooling if task == "embedding" else None


def _has_classes(shapes: Sequence[tuple[int, ...]]) -> bool:
    return any(shape and shape[-1] > 1 for shape in shapes)
