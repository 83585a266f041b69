"""Compress every model of a repository, each in a run of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

from zoo_compress.core import ProgressCallback, ignore_progress
from zoo_compress.errors import SearchInterrupted, ZooCompressError
from zoo_compress.hub.resolve import sources_of
from zoo_compress.pipeline.compress import RunResult, run
from zoo_compress.pipeline.settings import RunSettings, cache_folder


@dataclass(frozen=True, kw_only=True)
class ModelRun:
    """How the run of one model ended.

    Attributes:
        settings: What was asked of it.
        result: What it has left behind; None if it failed.
        error: Why it failed; None if it did not.
    """

    settings: RunSettings
    result: RunResult | None = None
    error: ZooCompressError | None = None

    @property
    def model(self) -> str:
        """Path of the model in its repository."""
        return self.settings.source.rpartition(":")[2]


def each_model(
    settings: RunSettings, *, progress: ProgressCallback = ignore_progress
) -> tuple[tuple[RunSettings, ...], tuple[str, ...]]:
    """Return the settings of a run for each model of a source, and notes for the user.

    Every run gets a folder below that of `settings`, named after the path of its model. The time
    limit is that of each run.

    Args:
        settings: What is wanted; the source is a folder or a Hub id without a file.
        progress: Told how far the work has come.

    Raises:
        SourceError: If the source is no folder or repository, or holds no model.
        HubError: If the Hub refuses or cannot be reached.
    """
    sources, notes = sources_of(settings.source, cache=cache_folder(), progress=progress)
    return tuple(
        replace(settings, source=source, out=settings.folder / _folder_name(source))
        for source in sources
    ), notes


def attempt_run(
    settings: RunSettings, *, progress: ProgressCallback = ignore_progress
) -> ModelRun:
    """Run, and return the error if the run fails, so that others can go on.

    Raises:
        SearchInterrupted: If the user stopped it.
    """
    try:
        return ModelRun(settings=settings, result=run(settings, progress=progress))
    except SearchInterrupted:
        raise
    except ZooCompressError as error:
        return ModelRun(settings=settings, error=error)


def _folder_name(source: str) -> str:
    model = source.rpartition(":")[2]
    return model.removesuffix(".onnx").replace("/", "-")
