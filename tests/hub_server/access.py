"""Who asks, and what they may see and change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tests.hub_server.exchange import RefusedError, Request, Response, as_json
from tests.hub_server.repository import Repository

WRITE_TOKEN = "hf_write_token_of_me"
READ_TOKEN = "hf_read_token_of_me"
EXPIRED_TOKEN = "hf_expired_token_of_me"
STRANGER_TOKEN = "hf_write_token_of_a_stranger"


@dataclass(frozen=True)
class Account:
    """The holder of a token."""

    name: str
    role: Literal["read", "write"] = "write"
    expired: bool = False
    organisations: tuple[str, ...] = ()

    @property
    def namespaces(self) -> tuple[str, ...]:
        return (self.name, *self.organisations)


def accounts() -> dict[str, Account]:
    """Return the tokens that every server knows."""
    return {
        WRITE_TOKEN: Account("me", organisations=("ours",)),
        READ_TOKEN: Account("me", role="read", organisations=("ours",)),
        EXPIRED_TOKEN: Account("me", expired=True),
        STRANGER_TOKEN: Account("stranger"),
    }


def who_asks(request: Request, tokens: dict[str, Account]) -> Account | None:
    """Return the holder of the request's token, None without one."""
    if "authorization" not in request.headers:
        return None
    account = tokens.get(request.token or "")
    if account is None or account.expired:
        raise RefusedError(401, "Invalid credentials in Authorization header")
    return account


def require_visible(repository: Repository | None, account: Account | None) -> Repository:
    """Return the repository, unless it is missing or hidden from the one who asks."""
    owned = account is not None and repository and repository.namespace in account.namespaces
    if repository is None or (repository.private and not owned):
        if account is None:
            raise RefusedError(401, "Invalid username or password.", code="RepoNotFound")
        raise RefusedError(404, "Repository not found", code="RepoNotFound")
    if repository.disabled:
        raise RefusedError(403, "Access to this resource is disabled.")
    return repository


def require_readable(repository: Repository, account: Account | None) -> None:
    """Refuse the files of a gated repository to those who were not let in."""
    if not repository.gated:
        return
    if account is None:
        message = f"Access to model {repository.id} is restricted. You must be authenticated."
        raise RefusedError(401, message, code="GatedRepo")
    if account.name not in repository.admitted and repository.namespace not in account.namespaces:
        message = f"Access to model {repository.id} is restricted; you are not authorized."
        raise RefusedError(403, message, code="GatedRepo")


def require_writable(
    namespace: str, account: Account | None, *, proposing: bool = False
) -> Account:
    """Return the account, unless its token may not write there; anyone may propose changes."""
    if account is None:
        raise RefusedError(401, "Invalid username or password.")
    if account.role != "write":
        message = "you must use a token with the write role to change a repository"
        raise RefusedError(403, f"Forbidden: {message}")
    if namespace not in account.namespaces and not proposing:
        message = f"You don't have the rights to change models of the namespace '{namespace}'"
        raise RefusedError(403, message)
    return account


def whoami(account: Account | None) -> Response:
    """Answer `/api/whoami-v2`."""
    if account is None:
        raise RefusedError(401, "Invalid username or password.")
    return as_json(
        {
            "type": "user",
            "id": f"id-of-{account.name}",
            "name": account.name,
            "fullname": account.name.capitalize(),
            "orgs": [
                {"type": "org", "name": name, "roleInOrg": "write"}
                for name in account.organisations
            ],
            "auth": {
                "type": "access_token",
                "accessToken": {"displayName": "a token", "role": account.role},
            },
        }
    )
