"""A repository on the Hub, listed at one commit and ready to be fetched from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from huggingface_hub import HfApi

from zoo_compress.core import ProgressCallback, ignore_progress
from zoo_compress.errors import SourceError
from zoo_compress.hub.callbacks import carried
from zoo_compress.hub.client import hub_client, quiet_client
from zoo_compress.hub.download import Download, Meter
from zoo_compress.hub.failures import hub_errors, is_out_of_reach
from zoo_compress.hub.inventory import Inventory, take_stock
from zoo_compress.hub.listing import Listing, describe_repository, is_commit, listing_of
from zoo_compress.hub.needed import companions_of, external_data_of, may_have_external_data
from zoo_compress.hub.pulled import PlannedFile, Pulled, PullPlan
from zoo_compress.hub.retry import PATIENT, RetryPolicy, retried
from zoo_compress.hub.snapshot import RepositoryCache, repository_cache
from zoo_compress.hub.variant import choose_variant, without_onnx

LARGEST_GRAPH = 16_000_000
"""Bytes of a model that is fetched to see whether it has external data, before the rest is. Above
that its weights are inside it, or nearly so."""


@dataclass(frozen=True, kw_only=True)
class HubRepository:
    """A repository at one commit, listed and ready to be fetched from.

    Attributes:
        source: How the user named it, with the revision but without a file.
        listing: What it holds.
        download: Brings files of it into the cache.
        notes: What the user should know about how it was found.
    """

    source: str
    listing: Listing
    download: Download
    notes: tuple[str, ...] = ()

    @property
    def inventory(self) -> Inventory:
        """Which kinds of models it holds."""
        return take_stock(self.listing.files)

    @property
    def root(self) -> Path:
        """The folder in the cache that mirrors it."""
        return self.download.snapshot.folder

    def choose(self, file: str | None = None, *, every: bool = False) -> tuple[str, ...]:
        """Return the models that are meant.

        Args:
            file: Path of one; chosen by `choose_variant` if None.
            every: All of them instead.

        Raises:
            SourceError: If there is none, or several and none is named.
        """
        sizes = {name: remote.size for name, remote in self.listing.files.items()}
        models = self.inventory.models
        if every and not models:
            raise without_onnx(self.source, sizes)
        if every:
            return models
        if file is None:
            return (choose_variant(self.source, sizes),)
        if file not in models:
            raise SourceError(
                f"'{self.source}' has no file '{file}'; its models are "
                f"{', '.join(models) or 'none'}"
            )
        return (file,)

    def pull(self, model: str) -> Pulled:
        """Fetch a model, its external data and its companions.

        Raises:
            ZooCompressError: Whatever keeps a file from being here whole, see `pull`.
        """
        before = len(self.download.fetched)
        self.download.fetch([model])
        external = external_data_of(self.download.snapshot, model)
        files = dict.fromkeys([model, *external, *companions_of(self.listing, model)])
        self.download.fetch(list(files))
        return Pulled(
            root=self.root,
            file=model,
            model_path=self.root / model,
            revision=self.listing.sha,
            gated=self.listing.gated,
            files=tuple(files),
            fetched=tuple(self.download.fetched[before:]),
            notes=self.notes,
        )

    def plan(self, models: Sequence[str]) -> PullPlan:
        """Say what `pull` would fetch; only graphs that must be read for it are fetched.

        Raises:
            ZooCompressError: Whatever is wrong with a graph that is read.
        """
        snapshot, files, unread = self.download.snapshot, dict.fromkeys(models), []
        for model in models:
            if not may_have_external_data(self.listing, model):
                continue
            if snapshot.is_whole(model) or 0 < self.listing.size(model) <= LARGEST_GRAPH:
                self.download.fetch([model])
                files |= dict.fromkeys(external_data_of(snapshot, model))
            else:
                unread.append(model)
        for model in models:
            files |= dict.fromkeys(companions_of(self.listing, model))
        planned = [
            PlannedFile(
                path=name, size=self.listing.files[name].size, cached=snapshot.is_whole(name)
            )
            for name in files
        ]
        return PullPlan(models=tuple(models), files=tuple(planned), unread=tuple(unread))


def open_repository(
    repo_id: str,
    *,
    cache: Path,
    revision: str | None = None,
    api: HfApi | None = None,
    policy: RetryPolicy = PATIENT,
    progress: ProgressCallback = ignore_progress,
) -> HubRepository:
    """Find out what a repository holds, from the cache if the Hub cannot be reached.

    Args:
        repo_id: `owner/name`.
        cache: Folder for downloads; the files go to `hub/<owner>--<name>/<sha>` in it.
        revision: Branch, tag, commit or `refs/pr/N`; the default branch if None.
        api: The client; by default one that reads HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE.
        policy: How often to try.
        progress: Told the bytes that arrive.

    Raises:
        HubError: If the Hub refuses, or cannot be reached and the cache knows no such revision.
    """
    kept, meter = repository_cache(cache, repo_id), Meter(progress=progress)
    api = hub_client() if api is None else api
    listing, notes = _listing(api, repo_id, revision, kept, policy, meter)
    download = Download(api=api, snapshot=kept.snapshot(listing), policy=policy, meter=meter)
    source = repo_id if revision is None else f"{repo_id}@{revision}"
    return HubRepository(source=source, listing=listing, download=download, notes=notes)


def _listing(
    api: HfApi,
    repo_id: str,
    revision: str | None,
    kept: RepositoryCache,
    policy: RetryPolicy,
    meter: Meter,
) -> tuple[Listing, tuple[str, ...]]:
    """Return what the revision holds, and a note if that is what it held some time ago."""
    known = kept.recall(revision)
    # A commit never changes, so what is known of it need not be asked for.
    if known is not None and is_commit(revision):
        return known, ()
    ask = partial(describe_repository, api, repo_id, revision)
    with hub_errors(repo_id, revision=revision), quiet_client():
        try:
            info = retried(ask, policy=policy, before_wait=carried(meter.wait))
        except Exception as error:
            if known is None or not is_out_of_reach(error):
                raise
            return known, (_may_be_old(known, revision),)
    listing = listing_of(repo_id, info)
    kept.keep(revision, listing)
    return listing, ()


def _may_be_old(known: Listing, revision: str | None) -> str:
    named = f"'{revision}'" if revision else "its default branch"
    return (
        f"'{known.repo_id}': the Hub cannot be asked, so this is the commit {known.sha[:12]} that "
        f"{named} stood for when it was last looked up; it may be old"
    )
