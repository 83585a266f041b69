"""Run a model once before it is packaged for a server, to see what it returns and in what way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zoo_compress.core import AnyArray, Artifact, Feed, TensorSpec
from zoo_compress.data.load import load_inputs
from zoo_compress.data.synthetic import draw_synthetic
from zoo_compress.deploy.served_model import ServedModel
from zoo_compress.errors import InputError, SourceError
from zoo_compress.graph.load import load_model
from zoo_compress.graph.signature import signature
from zoo_compress.runtime.evaluator import run_model

TOLERANCE = 1e-3
"""Difference, relative to the norm, of an answer given alone and one given beside another."""


@dataclass(frozen=True, kw_only=True)
class TrialRun:
    """What a run on one sample, and on two at once, has shown.

    Attributes:
        model: What a server has to know.
        example: The sample.
        note: Why requests are not put together, where their first axes would allow it.
    """

    model: ServedModel
    example: Feed
    note: str | None = None


def try_out(artifact: Artifact, *, name: str, data: str | None) -> TrialRun:
    """Run a model on its own and see whether samples can share a batch.

    Args:
        artifact: The model.
        name: Name under which a server will offer it.
        data: Inputs to take the samples from; None for synthetic ones.

    Raises:
        SourceError: If the model does not open.
        InputError: If it does not run on the first sample.
    """
    found = signature(load_model(artifact.model_path))
    feeds = _samples(artifact, found.inputs, data)
    try:
        outputs = run_model(artifact.model_path, feeds)
    except InputError as error:
        advice = "" if data is not None else "; name inputs that it takes with --data"
        raise InputError(f"the model does not run: {error}{advice}") from error
    returned = tuple(map(_with_axes, found.outputs, outputs[0]))
    note = None if not _dynamic(found.inputs, returned) else _obstacle(artifact, feeds, outputs)
    batched = _dynamic(found.inputs, returned) and note is None
    model = ServedModel(name=name, inputs=found.inputs, outputs=returned, batched=batched)
    return TrialRun(model=model, example=feeds[0], note=note)


def _samples(artifact: Artifact, specs: Sequence[TensorSpec], data: str | None) -> Sequence[Feed]:
    if data is None:
        return draw_synthetic(specs, count=2, seed=0).feeds
    return load_inputs(data, artifact=artifact, specs=specs, count=2, seed=0).feeds


def _with_axes(spec: TensorSpec, output: AnyArray) -> TensorSpec:
    """Return an output with as many axes as it really has, where the file does not say."""
    unstated = len(spec.shape) != np.ndim(output)
    return replace(spec, shape=(None,) * np.ndim(output)) if unstated else spec


def _dynamic(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> bool:
    """Tell whether the first axis of everything is open, and of inputs the same one."""
    specs = (*inputs, *outputs)
    open_axes = all(spec.shape and not isinstance(spec.shape[0], int) for spec in specs)
    return open_axes and len({spec.shape[0] for spec in inputs}) == 1


def _obstacle(
    artifact: Artifact, feeds: Sequence[Feed], alone: Sequence[tuple[AnyArray, ...]]
) -> str | None:
    """Return why a server must not put requests together; None if it may."""
    together = "requests are not put together: "
    if len(feeds) < 2 or any(feeds[0][n].shape != feeds[1][n].shape for n in feeds[0]):
        return together + "there are no two inputs of one shape to try that with"
    both = {name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
    try:
        outputs = run_model(artifact.model_path, [both])[0]
    except (InputError, SourceError) as error:
        return f"{together}two samples at once do not run: {error}"
    for index, output in enumerate(outputs):
        expected = [answers[index] for answers in alone]
        if not _same(output, expected):
            return f"{together}output {index} of a sample depends on the others in its batch"
    return None


def _same(output: AnyArray, expected: Sequence[AnyArray]) -> bool:
    one = expected[0].shape
    if any(answer.shape != (1, *one[1:]) for answer in expected) or output.shape[1:] != one[1:]:
        return False
    whole = np.concatenate(expected)
    if output.shape != whole.shape:
        return False
    if output.dtype.kind != "f":
        return bool(np.array_equal(output, whole))
    difference = np.linalg.norm((output.astype(np.float64) - whole).ravel())
    return bool(difference <= TOLERANCE * np.linalg.norm(whole.astype(np.float64).ravel()))
