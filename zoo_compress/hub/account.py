"""Who pushes, and whether that account may write to a repository of a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.utils._validators import validate_repo_id

from zoo_compress.errors import HubError
from zoo_compress.hub.push_failures import push_errors

WRITING_ROLES = ("admin", "write", "contributor")
"""Roles in an organisation that let a member make repositories in it."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who the token belongs to.

    Attributes:
        name: Name of the user or organisation.
        organisations: Organisation -> the user's role in it, None where that is not said; None as
            a whole if the Hub does not say which there are.
        reads_only: Whether the token may not write at all.
    """

    name: str
    organisations: Mapping[str, str | None] | None
    reads_only: bool

    def require_writing(self, repo_id: str, *, proposing: bool) -> None:
        """Check that pushing to a repository is not ruled out from the start.

        Args:
            repo_id: `owner/name`.
            proposing: Whether only a pull request is wanted, which anyone may open.

        Raises:
            HubError: If it is.
        """
        if self.reads_only:
            raise HubError(
                f"'{repo_id}': the token of '{self.name}' may only read; make one that may write "
                "in the settings of the account, and log in with it"
            )
        owner = repo_id.partition("/")[0]
        if proposing or owner == self.name or self.organisations is None:
            return
        if owner not in self.organisations:
            raise HubError(
                f"'{repo_id}': '{self.name}' may not write to what belongs to '{owner}'; push to "
                f"'{self.name}/{repo_id.partition('/')[2]}', or open a pull request with --pr"
            )
        role = self.organisations[owner]
        if role is not None and role not in WRITING_ROLES:
            raise HubError(
                f"'{repo_id}': '{self.name}' has the role '{role}' in '{owner}', which may not "
                "write; open a pull request with --pr"
            )


def require_name(repo_id: str) -> None:
    """Check that a repository can have that name.

    Raises:
        HubError: If it cannot.
    """
    if repo_id.count("/") != 1:
        raise HubError(f"'{repo_id}' is no repository: name it OWNER/NAME")
    with push_errors(repo_id):
        validate_repo_id(repo_id)


def sign_in(api: HfApi) -> Account:
    """Ask the Hub whose token it is.

    Raises:
        Exception: Whatever the client raises, for example if there is no token.
    """
    return _account(api.whoami())


def _account(answer: Mapping[str, Any]) -> Account:
    listed = answer.get("orgs")
    token = (answer.get("auth") or {}).get("accessToken") or {}
    return Account(
        name=str(answer["name"]),
        organisations=None
        if listed is None
        else {str(entry["name"]): entry.get("roleInOrg") for entry in listed},
        reads_only=token.get("role") == "read",
    )
