"""What a repository on the Hub holds now, at the revision that a push would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from zoo_compress.errors import HubError
from zoo_compress.hub.contents import Content
from zoo_compress.hub.retry import status_of

MAIN = "main"

Blob = tuple[str, str]
"""Which digest the Hub keeps of a file, `sha256` or `git-sha1`, and the digest."""


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A repository as it was looked at.

    Attributes:
        branch: The branch that a push would change.
        exists: Whether there is such a repository.
        private: Whether only its owners see it.
        has_branch: Whether it has the branch; without it, a push starts from the main one.
        commit: The last commit of the branch, or of the main one; None if there is no repository.
        files: Path -> digest, at that commit.
        tags: Tag -> commit.
    """

    branch: str
    exists: bool
    private: bool = False
    has_branch: bool = False
    commit: str | None = None
    files: Mapping[str, Blob] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def holds(self, content: Content) -> bool:
        """Tell whether a file is there with the same bytes."""
        return self.files.get(content.path) in (
            ("sha256", content.sha256),
            ("git-sha1", content.git_sha1),
        )

    def lacking(self, contents: Sequence[Content]) -> tuple[Content, ...]:
        """Return the files that are not there, or are there with other bytes."""
        return tuple(content for content in contents if not self.holds(content))


def look(api: HfApi, repo_id: str, branch: str | None = None) -> Remote:
    """Look at a repository: one commit, and all that is said of it here is of that commit.

    Args:
        api: The client.
        repo_id: `owner/name`.
        branch: The branch to push to; None for the main one.

    Raises:
        HubError: If the Hub names no commit.
        Exception: Whatever else the client raises.
    """
    wanted = branch or MAIN
    try:
        # Not by revision: a branch that is missing would hide that the repository is there.
        info = api.model_info(repo_id)
    except RepositoryNotFoundError as error:
        # The client reports an expired token in this way too.
        if status_of(error) != 404:
            raise
        return Remote(branch=wanted, exists=False)
    refs = api.list_repo_refs(repo_id)
    heads = {ref.name: ref.target_commit for ref in refs.branches}
    commit = heads.get(wanted) or heads.get(MAIN) or info.sha
    if not commit:
        raise HubError(f"'{repo_id}': the Hub names no commit of this repository")
    return Remote(
        branch=wanted,
        exists=True,
        private=bool(info.private),
        has_branch=wanted in heads,
        commit=commit,
        files=tree(api, repo_id, commit),
        tags={ref.name: ref.target_commit for ref in refs.tags},
    )


def tree(api: HfApi, repo_id: str, revision: str) -> dict[str, Blob]:
    """Return the files of a commit with their digests."""
    entries = api.list_repo_tree(repo_id, recursive=True, revision=revision)
    return {entry.path: _blob(entry) for entry in entries if isinstance(entry, RepoFile)}


def _blob(entry: RepoFile) -> Blob:
    if entry.lfs is not None:
        return "sha256", entry.lfs.sha256
    return "git-sha1", entry.blob_id
