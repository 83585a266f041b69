"""`bench`: how fast models are beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from zoo_compress.core import (
    Artifact,
    Feed,
    Progress,
    ProgressCallback,
    TensorSpec,
    ignore_progress,
)
from zoo_compress.errors import InputError, SourceError
from zoo_compress.graph.load import load_model
from zoo_compress.graph.signature import signature
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline.inputs import gather_inputs
from zoo_compress.pipeline.latency import latency_record
from zoo_compress.pipeline.settings import cache_folder
from zoo_compress.runtime.device import CPU, Device, choose_device
from zoo_compress.runtime.environment import hardware, versions
from zoo_compress.runtime.evaluator import run_model
from zoo_compress.runtime.latency import Latency
from zoo_compress.runtime.race import race
from zoo_compress.runtime.session import open_session

TIMED_INPUTS = 20
"""Enough for texts of several lengths; more would be run in the same time, each less often."""


@dataclass(frozen=True, kw_only=True)
class TimingSettings:
    """What the user asked to time.

    Attributes:
        models: The models, each a sample, a path or a Hub id; the first is what the others are
            compared with.
        data: Inputs to run; None for the first model's own, else synthetic ones.
        seconds: Time for opening and running all.
        threads: Threads within an operator; None for all cores.
        device: Where to run: `auto`, `cpu`, `cuda` or `cuda:N`.
        seed: Seed of the draw of the inputs.
    """

    models: tuple[str, ...]
    data: str | None = None
    seconds: float = 10.0
    threads: int | None = None
    device: str = "cpu"
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class TimedModel:
    """One of the models.

    Attributes:
        source: What the user typed.
        stored_bytes: Its size on disk, external data included.
        latency: Its times beside those of the first model.
    """

    source: str
    stored_bytes: int
    latency: Latency


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What runs of the models in turns took.

    Attributes:
        models: The models, in the order in which they were named.
        inputs: What was run.
        device: Where.
        notes: What the user should know.
    """

    models: tuple[TimedModel, ...]
    inputs: str
    device: Device
    notes: tuple[str, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "models": [
                {
                    "source": model.source,
                    "stored_bytes": model.stored_bytes,
                    **latency_record(model.latency),
                }
                for model in self.models
            ],
            "inputs": self.inputs,
            "device": str(self.device),
            "notes": list(self.notes),
            "versions": versions(),
            "hardware": hardware(self.device),
        }


def time_models(
    settings: TimingSettings, *, progress: ProgressCallback = ignore_progress
) -> Timing:
    """Run models in turns, one input at a time, and compare each with the first.

    Raises:
        SourceError: If a model cannot be read, or takes other inputs than the first.
        InputError: If the data does not fit the first model.
        RuntimeFlavourError: If the device cannot be used.
    """
    device, remark = choose_device(settings.device)
    artifacts = [
        resolve(source, cache=cache_folder(), progress=progress) for source in settings.models
    ]
    specs = _common_inputs(artifacts)
    inputs, warnings = gather_inputs(
        artifacts[0], specs, data=settings.data, search=TIMED_INPUTS, seed=settings.seed
    )
    feeds = inputs.feeds[:TIMED_INPUTS]
    for artifact in artifacts:
        _require_run(artifact, feeds)
    found = run_in_turns(
        artifacts,
        feeds,
        seconds=settings.seconds,
        threads=settings.threads,
        device=device,
        progress=progress,
    )
    return Timing(
        models=tuple(map(_timed, settings.models, artifacts, found)),
        inputs=f"{len(feeds)} inputs: {inputs.description}",
        device=device,
        notes=(
            *([remark] if remark else []),
            *(note for artifact in artifacts for note in artifact.notes),
            *warnings,
        ),
    )


def run_in_turns(
    artifacts: Sequence[Artifact],
    feeds: Sequence[Feed],
    *,
    seconds: float,
    threads: int | None,
    device: Device = CPU,
    progress: ProgressCallback,
) -> tuple[Latency, ...]:
    """Return the times of each model beside those of the first, on inputs that all can run."""
    progress(Progress(stage="latency", done=0, total=1))
    found = race(
        [artifact.model_path for artifact in artifacts],
        feeds,
        seconds=seconds,
        threads=threads,
        opener=lambda path, threads: open_session(
            path, threads=threads, spinning=False, device=device
        ),
    )
    progress(Progress(stage="latency", done=1, total=1))
    return found


def _common_inputs(artifacts: Sequence[Artifact]) -> tuple[TensorSpec, ...]:
    """Return the inputs of the first model, which the others must take too.

    Raises:
        SourceError: If one takes inputs of other names or types; it is named with both.
    """
    first, *others = artifacts
    specs = _inputs(first)
    for other in others:
        found = _inputs(other)
        if _types(found) != _types(specs):
            raise SourceError(
                f"'{other.source}' takes {_listed(found)} where '{first.source}' takes "
                f"{_listed(specs)}; only models with the same inputs can be compared"
            )
    return specs


def _require_run(artifact: Artifact, feeds: Sequence[Feed]) -> None:
    try:
        run_model(artifact.model_path, feeds[:1])
    except InputError as error:
        raise InputError(f"'{artifact.source}': {error}") from error


def _inputs(artifact: Artifact) -> tuple[TensorSpec, ...]:
    return tuple(signature(load_model(artifact.model_path)).inputs)


def _types(specs: Sequence[TensorSpec]) -> dict[str, str]:
    return {spec.name: spec.dtype for spec in specs}


def _listed(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{spec.name} ({spec.dtype})" for spec in specs) or "nothing"


def _timed(source: str, artifact: Artifact, latency: Latency) -> TimedModel:
    return TimedModel(source=source, stored_bytes=artifact.stored_bytes, latency=latency)
