"""Names for commits: checked before a push, given after it."""

from __future__ import annotations

from collections.abc import Sequence

from huggingface_hub import HfApi

from zoo_compress.errors import HubError
from zoo_compress.hub.contents import Content
from zoo_compress.hub.publication import Target
from zoo_compress.hub.remote import Remote, tree


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
