"""What a run is asked to do, in the form that its folder keeps."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from zoo_compress.core import Task
from zoo_compress.errors import OutputError
from zoo_compress.files import atomic_write

SETTINGS_FILE = "settings.json"


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What the user asked for.

    Attributes:
        source: The model: a sample, a path or a Hub id.
        budget: For example `0.125`, `bytes=5MB`, `latency=0.5`, `distance=0.01` or
            `disagreement=0.02`; None with `gamma`.
        gamma: Weight of the distance against the size, for a run without a budget.
        data: Inputs to compare on; None for the sample's own, else synthetic ones.
        recipe: Name of a shipped recipe or path of a YAML file; None for the one that suits the
            budget and the device.
        strategy: Strategy plug-in; None for the recipe's.
        trials: Plans to measure after the scan; None for the recipe's number.
        seconds: Time that the run should take, or None.
        seed: Seed of every random choice.
        out: Folder of the run; None for one under `runs/` named after source and budget.
        overwrite: Whether a run that is already in that folder may be replaced.
        task: What the outputs mean, where the model's origin does not say.
        distance: How outputs are compared; None for what suits the task.
        confidence: Confidence of the certificate.
        device: Where candidates run: `auto`, `cpu`, `cuda` or `cuda:N`.
        push: How the result is to be pushed, as `PushSettings.words`; empty if it is not to be.
    """

    source: str
    budget: str | None = None
    gamma: float | None = None
    data: str | None = None
    recipe: str | None = None
    strategy: str | None = None
    trials: int | None = None
    seconds: float | None = None
    seed: int = 0
    out: Path | None = None
    overwrite: bool = False
    task: Task | None = None
    distance: str | None = None
    confidence: float = 0.95
    device: str = "auto"
    push: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        if self.out is not None:
            return self.out
        wanted = self.budget if self.gamma is None else f"gamma-{self.gamma:g}"
        name = re.sub(r"[^\w.-]+", "-", f"{self.source.removeprefix('sample:')}-{wanted}")
        return Path("runs") / name.strip("-.")

    def save(self) -> None:
        """Write the settings into the run's folder, so that the run can be resumed."""
        record = asdict(self) | {"out": str(self.folder)}
        atomic_write(self.folder / SETTINGS_FILE, json.dumps(record, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> RunSettings:
        """Read the settings of the run in a folder.

        Raises:
            OutputError: If the folder holds no run.
        """
        path = folder / SETTINGS_FILE
        if not path.is_file():
            raise OutputError(f"'{folder}' holds no run: there is no {SETTINGS_FILE} in it")
        try:
            record: dict[str, Any] = json.loads(path.read_text("utf-8"))
            settings = cls(**record)
        except (OSError, ValueError, TypeError) as error:
            raise OutputError(f"'{path}' cannot be used to resume: {error}") from error
        return replace(settings, out=folder, push=tuple(settings.push))


def cache_folder() -> Path:
    """Return where fetched and exported models are kept (`ZOO_COMPRESS_CACHE` overrides)."""
    named = os.environ.get("ZOO_COMPRESS_CACHE")
    return Path(named) if named else platformdirs.user_cache_path("zoo-compress")
