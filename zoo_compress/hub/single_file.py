"""Fetch one small file from the Hub, at one commit."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub.errors import RemoteEntryNotFoundError

from zoo_compress.errors import HubError
from zoo_compress.hub.client import hub_client, quiet_client
from zoo_compress.hub.failures import hub_errors
from zoo_compress.hub.retry import retried


def fetch_file(repo_id: str, file: str, *, revision: str | None, cache: Path) -> Path:
    """Fetch a file and return where it lies now.

    Args:
        repo_id: `owner/name`.
        file: Its path in the repository.
        revision: Branch, tag, commit or `refs/pr/N`; the default branch if None.
        cache: Folder for downloads; the file goes to `hub/<owner>--<name>/<sha>` in it.

    Raises:
        HubError: If the Hub refuses, cannot be reached or has no such file.
    """
    api = hub_client()
    with hub_errors(repo_id, revision=revision), quiet_client():
        # The revision once, so that a branch that moves meanwhile mixes nothing.
        sha = retried(lambda: api.model_info(repo_id, revision=revision)).sha
        folder = cache / "hub" / repo_id.replace("/", "--") / str(sha)
        try:
            return Path(api.hf_hub_download(repo_id, file, revision=sha, local_dir=folder))
        except RemoteEntryNotFoundError as error:
            raise HubError(f"'{repo_id}' has no file '{file}'") from error
