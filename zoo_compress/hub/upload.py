"""Send files to the Hub before the commit that will hold them."""

from __future__ import annotations

from collections.abc import Sequence

from huggingface_hub import CommitOperationAdd, HfApi

from zoo_compress.errors import HubError
from zoo_compress.hub.publication import Target

UPLOAD_ATTEMPTS = 2
"""The client itself tries each request of an upload six times."""


def upload(
    api: HfApi, target: Target, operations: Sequence[CommitOperationAdd], branch: str
) -> None:
    """Send those files of a commit that are large; what has arrived is not sent again.

    Args:
        api: The client.
        target: Where the commit goes.
        operations: The files; they know afterwards whether they were sent.
        branch: The branch of the commit.

    Raises:
        HubError: If the repository ignores one of them.
        Exception: Whatever else the client raises.
    """
    api.preupload_lfs_files(
        target.repo_id,
        operations,
        revision=branch,
        create_pr=target.propose,
        free_memory=False,
    )
    # The client would leave these out of the commit without a word.
    ignored = [operation.path_in_repo for operation in operations if operation._should_ignore]
    if ignored:
        raise HubError(
            f"'{target.repo_id}': its .gitignore keeps out {', '.join(ignored)}; change it there "
            "first"
        )
