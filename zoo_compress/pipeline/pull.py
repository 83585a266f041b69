"""Fetch models from the Hub for later use, or say what that would fetch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo_compress.core import ProgressCallback, ignore_progress
from zoo_compress.errors import OutputError, SourceError
from zoo_compress.hub.hub_id import HubId, parse_hub_id
from zoo_compress.hub.metadata import licence_in, read_metadata
from zoo_compress.pipeline.mirror import mirror
from zoo_compress.pipeline.pull_settings import PullFile, PullResult, PullSettings
from zoo_compress.pipeline.settings import cache_folder

if TYPE_CHECKING:
    from zoo_compress.hub.pulled import PullPlan
    from zoo_compress.hub.repository import HubRepository


def pull(settings: PullSettings, *, progress: ProgressCallback = ignore_progress) -> PullResult:
    """Fetch a model of a repository on the Hub, or all of them, with what belongs to them.

    Args:
        settings: What to fetch and where to.
        progress: Told the bytes that arrive.

    Raises:
        SourceError: If the source is no Hub id, or does not say which of several models.
        OutputError: If the output folder holds other files of those names, or cannot be written.
        ZooCompressError: Whatever keeps a file from being here whole; see `hub.pull.pull`.
    """
    # Imported late: the client takes a fifth of a second, which a wrong id need not pay.
    from zoo_compress.hub.repository import open_repository

    wanted = _hub_id(settings.source)
    if settings.out is not None and settings.out.exists() and not settings.out.is_dir():
        raise OutputError(f"'{settings.out}' is a file; --out names a folder")
    repository = open_repository(
        wanted.repo_id, cache=cache_folder(), revision=wanted.revision, progress=progress
    )
    models = repository.choose(wanted.file, every=settings.every)
    if settings.dry_run:
        return _planned(settings, repository, repository.plan(models))
    return _fetched(settings, repository, models)


def _hub_id(source: str) -> HubId:
    hub_id = parse_hub_id(source)
    if hub_id is None:
        raise SourceError(
            f"'{source}' is no repository on the Hub; pull takes OWNER/NAME, with @REVISION and "
            ":FILE.onnx if they matter"
        )
    return hub_id


def _fetched(
    settings: PullSettings, repository: HubRepository, models: tuple[str, ...]
) -> PullResult:
    pulled = [repository.pull(model) for model in models]
    new = {name for part in pulled for name in part.fetched}
    names = list(dict.fromkeys(name for part in pulled for name in part.files))
    if settings.out is not None:
        mirror(repository.root, names, settings.out, overwrite=settings.overwrite)
    files = [
        PullFile(path=name, bytes=repository.listing.files[name].size, cached=name not in new)
        for name in names
    ]
    return _result(settings, repository, models, files)


def _planned(settings: PullSettings, repository: HubRepository, plan: PullPlan) -> PullResult:
    files = [PullFile(path=file.path, bytes=file.size, cached=file.cached) for file in plan.files]
    return _result(settings, repository, plan.models, files, unread=plan.unread)


def _result(
    settings: PullSettings,
    repository: HubRepository,
    models: tuple[str, ...],
    files: list[PullFile],
    *,
    unread: tuple[str, ...] = (),
) -> PullResult:
    return PullResult(
        settings=settings,
        repo_id=repository.listing.repo_id,
        revision=repository.listing.sha,
        gated=repository.listing.gated,
        licence=licence_in(read_metadata(repository.root)),
        folder=settings.out or repository.root,
        models=models,
        files=tuple(files),
        unread=unread,
        notes=repository.notes,
    )
