"""Datasets on the Hub: which commit a name stands for."""

from __future__ import annotations

from huggingface_hub import HfApi

from zoo_compress.errors import HubError
from zoo_compress.hub.failures import hub_errors


def dataset_revision(repo_id: str, revision: str | None, *, api: HfApi | None = None) -> str:
    """Return the commit that a branch or tag of a dataset names at present.

    Args:
        repo_id: `owner/name`.
        revision: Branch, tag or commit; the default branch if None.
        api: The client; by default one for the endpoint and token of the environment.

    Raises:
        HubError: If there is no such dataset or revision, or the Hub cannot be reached.
    """
    client = api or HfApi()
    with hub_errors(repo_id, revision=revision or "main"):
        sha = client.dataset_info(repo_id, revision=revision).sha
    if sha is None:
        raise HubError(f"'{repo_id}': the Hub names no commit")
    return str(sha)
