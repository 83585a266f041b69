"""What a push is asked to do, and what it has done."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zoo_compress.errors import HubError
from zoo_compress.hub.contents import Content
from zoo_compress.hub.remote import Remote

_REF_NAME = re.compile(r"[\w.+@#%=,][\w.+@#%=,/-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where to push, and as what.

    Attributes:
        repo_id: `owner/name`.
        private: Whether the repository must be private; a missing one is made so.
        propose: Whether to open a pull request instead of changing the branch.
        branch: The branch to change, made if it is missing; None for the main one.
        tag: A name to give to the resulting commit.
    """

    repo_id: str
    private: bool = False
    propose: bool = False
    branch: str | None = None
    tag: str | None = None

    def require_sense(self) -> None:
        """Check that the wishes go together, and that the names are ones that git takes.

        Raises:
            HubError: If they do not, or are not.
        """
        for option, name in (("--branch", self.branch), ("--tag", self.tag)):
            if name is not None and not _is_ref_name(name):
                raise HubError(
                    f"'{self.repo_id}': {option} '{name}' is no name that git takes; use "
                    "letters, digits, '-', '_', '.' and '/'"
                )
        if self.propose and self.branch is not None:
            raise HubError(
                f"'{self.repo_id}': a pull request goes to the main branch; leave out --branch "
                "or --pr"
            )
        if self.propose and self.tag is not None:
            raise HubError(
                f"'{self.repo_id}': a pull request has no commit to tag until it is merged; "
                "leave out --tag or --pr"
            )

    def require_fit(self, remote: Remote) -> None:
        """Check that the repository, as it is now, is what was asked for.

        Raises:
            HubError: If it is missing where one must be there, or public where it must be private.
        """
        if self.propose and not remote.exists:
            raise HubError(
                f"'{self.repo_id}': there is no such repository to open a pull request in; "
                "without --pr it is made"
            )
        if self.private and remote.exists and not remote.private:
            raise HubError(
                f"'{self.repo_id}' is public already, and --private would change nothing about "
                "that; name another one, or make it private on its settings page first"
            )

    def is_public(self, remote: Remote) -> bool:
        """Tell whether everyone will see what is pushed."""
        return not (remote.private if remote.exists else self.private)


def _is_ref_name(name: str) -> bool:
    """Tell whether a branch or tag can have a name; full names and commits are none."""
    parts = name.split("/")
    return (
        _REF_NAME.fullmatch(name) is not None
        and not name.startswith("refs/")
        and not _COMMIT.fullmatch(name)
        and not any(part.startswith(".") or part.endswith((".lock", ".")) for part in parts)
        and "" not in parts
        and ".." not in name
    )


@dataclass(frozen=True, kw_only=True)
class Pushed:
    """What a push has done, or would do.

    Attributes:
        url: Page of the commit, of the pull request, or of the repository.
        commit: The commit that holds the files; None as long as there is none.
        created: Whether the repository was missing.
        sent: The files that were missing or had other bytes.
        pull_request: Page of the pull request, if one is open with these files.
        tag: The tag that the commit has now.
        notes: What the user should know.
    """

    url: str
    commit: str | None
    created: bool
    sent: tuple[Content, ...]
    pull_request: str | None = None
    tag: str | None = None
    notes: tuple[str, ...] = ()
