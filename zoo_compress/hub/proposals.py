"""Pull requests that are open already, so that pushing twice opens one."""

from __future__ import annotations

from collections.abc import Sequence

from huggingface_hub import HfApi

from zoo_compress.hub.contents import Content
from zoo_compress.hub.remote import Remote, tree


def open_proposal(
    api: HfApi, repo_id: str, contents: Sequence[Content], remote: Remote, *, author: str
) -> str | None:
    """Return the page of an open pull request of an account that holds all files, or None.

    Args:
        api: The client.
        repo_id: `owner/name`.
        contents: The files.
        remote: The repository as it was looked at.
        author: Name of the account.
    """
    found = api.get_repo_discussions(
        repo_id, author=author, discussion_type="pull_request", discussion_status="open"
    )
    for discussion in found:
        proposed = Remote(
            branch=remote.branch,
            exists=True,
            files=tree(api, repo_id, f"refs/pr/{discussion.num}"),
        )
        if not proposed.lacking(contents):
            return discussion.url
    return None
