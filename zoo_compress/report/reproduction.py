"""The commands of a model card that make the model again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import PureWindowsPath

from pydantic import BaseModel, ConfigDict

REMOTE = "hf://"


class Request(BaseModel):
    """What a run was asked for; see `pipeline.request` for its meaning."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    budget: str | None
    gamma: float | None
    data: str | None
    recipe: str
    strategy: str
    trials: int
    seconds: float | None
    task: str
    distance: str
    confidence: float
    seed: int
    device: str


def command(*words: str) -> str:
    """Return a command of zoo-compress as a shell reads it."""
    return shlex.join(["zoo-compress", *words])


def run_command(request: Request, *, source: str) -> str:
    """Return the command that asks for a run once more.

    Args:
        request: What was asked for. Of a local path the command has the last part.
        source: A SOURCE that leads to the original.
    """
    given = {
        "budget": request.budget,
        "gamma": _number(request.gamma),
        "data": None if request.data is None else _without_folders(request.data),
        "recipe": request.recipe,
        "strategy": request.strategy,
        "trials": str(request.trials),
        "time": _number(request.seconds),
        "task": request.task,
        "distance": request.distance,
        "confidence": _number(request.confidence),
        "seed": str(request.seed),
        "device": request.device,
    }
    return command("run", source, *_options(given))


def _without_folders(data: str) -> str:
    return data if data.startswith(REMOTE) else PureWindowsPath(data).name


def _options(given: dict[str, str | None]) -> Iterator[str]:
    for name, value in given.items():
        if value is not None:
            yield from (f"--{name}", value)


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:.15g}"
