"""Names for commits: checked before a push, given after it."""

from __future__ import annotations

from collections.abc import Sequence

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from zoo_compress.errors import HubError
from zoo_compress.hub.contents import Content
from zoo_compress.hub.publication import Target
from zoo_compress.hub.push_failures import status_of
from zoo_compress.hub.remote import Remote, tree
from zoo_compress.hub.retry import retried


def require_free_tag(
    api: HfApi, target: Target, contents: Sequence[Content], remote: Remote
) -> None:
    """Check that a wanted tag is free, or on a commit that holds the same files.

    Raises:
        HubError: If it is on another commit; a tag that moves would mislead those who use it.
    """
    commit = remote.tags.get(target.tag or "")
    if commit is None:
        return
    tagged = Remote(branch=remote.branch, exists=True, files=tree(api, target.repo_id, commit))
    if tagged.lacking(contents):
        raise HubError(
            f"'{target.repo_id}' has a tag '{target.tag}' already, on commit {commit[:12]} with "
            "other files; choose another --tag"
        )


def set_tag(api: HfApi, repo_id: str, tag: str, commit: str) -> None:
    """Give a commit a name.

    Raises:
        HubError: If the Hub refuses; it says that the files are there.
    """
    try:
        retried(lambda: api.create_tag(repo_id, tag=tag, revision=commit, exist_ok=True))
    except HfHubHTTPError as error:
        raise HubError(
            f"'{repo_id}': the files are there, as commit {commit[:12]}, but the Hub refused the "
            f"tag '{tag}' (HTTP {status_of(error)}); push again"
        ) from error
