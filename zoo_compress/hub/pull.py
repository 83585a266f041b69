"""Fetch a model from the Hub with exactly the files that belong to it."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi

from zoo_compress.core import ProgressCallback, ignore_progress
from zoo_compress.hub.pulled import Pulled
from zoo_compress.hub.repository import open_repository
from zoo_compress.hub.retry import PATIENT, RetryPolicy


def pull(
    repo_id: str,
    *,
    cache: Path,
    revision: str | None = None,
    file: str | None = None,
    api: HfApi | None = None,
    policy: RetryPolicy = PATIENT,
    progress: ProgressCallback = ignore_progress,
) -> Pulled:
    """Fetch a model, its external data and its companions at one commit.

    Every file is compared with the digest that the Hub lists; what the cache has whole is not
    fetched again. A file that comes damaged is fetched once more.

    Args:
        repo_id: `owner/name`.
        cache: Folder for downloads; the files go to `hub/<owner>--<name>/<sha>` in it.
        revision: Branch, tag, commit or `refs/pr/N`; the default branch if None.
        file: Path of the model in the repository; chosen by `choose_variant` if None.
        api: The client; by default one that reads HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE.
        policy: How often to try.
        progress: Told the bytes that arrive.

    Raises:
        HubError: If the Hub refuses, cannot be reached, has no such file, or sends other bytes
            than it lists.
        SourceError: If the repository has no model, or several and none is chosen, or the model
            is damaged.
        ExternalDataError: If the model refers to files that the repository lacks or that lie
            outside its folder.
        DiskFullError: If the files do not fit on the disk.
        OutputError: If the cache cannot be written.
    """
    repository = open_repository(
        repo_id, cache=cache, revision=revision, api=api, policy=policy, progress=progress
    )
    return repository.pull(repository.choose(file)[0])
