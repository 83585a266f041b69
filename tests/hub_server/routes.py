"""Which endpoint answers a request, and who may ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.hub_server import accounts, commits, describe, download, upload
from tests.hub_server.access import (
    Account,
    require_readable,
    require_visible,
    require_writable,
    who_asks,
    whoami,
)
from tests.hub_server.exchange import RefusedError, Request, Response
from tests.hub_server.repository import Repository

if TYPE_CHECKING:
    from tests.hub_server.server import HubServer


def answer(hub: HubServer, request: Request) -> Response:
    """Return what the Hub, or the host of its large files, answers to a request."""
    if request.host == "cdn":
        return from_cdn(hub, request)
    account = who_asks(request, hub.tokens)
    match (request.method, *request.segments):
        case ("GET", "api", "whoami-v2"):
            return whoami(account)
        case ("POST", "api", "repos", "create"):
            return accounts.create(hub, account, request)
        case ("DELETE", "api", "repos", "delete"):
            return accounts.delete(hub, account, request)
        case ("POST", "api", "validate-yaml"):
            return accounts.validate_card(request)
        case ("POST", "api", "complete_multipart", oid):
            return upload.complete(hub, oid, request)
        case (method, "api", "models", owner, name, *rest):
            repository = require_visible(hub.repositories.get(f"{owner}/{name}"), account)
            if method in ("GET", "HEAD"):
                return read(hub, repository, account, rest, request)
            return write(hub, repository, account, rest, request)
        case ("GET" | "HEAD", owner, name, "resolve", revision, *path):
            repository = require_visible(hub.repositories.get(f"{owner}/{name}"), account)
            require_readable(repository, account)
            return download.resolve(hub, repository, revision, "/".join(path), request)
        case ("POST", owner, name, "info", "lfs", "objects", action) if name.endswith(".git"):
            repo_id = f"{owner}/{name.removesuffix('.git')}"
            repository = require_visible(hub.repositories.get(repo_id), account)
            require_writable(owner, account)
            if action == "verify":
                return upload.verify(hub, request)
            return upload.batch(hub, repository, request)
    raise RefusedError(404, f"no endpoint {request.method} {request.path}")


def from_cdn(hub: HubServer, request: Request) -> Response:
    """Answer the addresses that the Hub hands out for large files; they need no token."""
    match (request.method, *request.segments):
        case ("GET" | "HEAD", "blobs", owner, name, sha256, *_):
            return download.blob(hub, hub.repositories[f"{owner}/{name}"], sha256, request)
        case ("PUT", "uploads", oid):
            return upload.put(hub, oid, request)
        case ("PUT", "parts", oid, part):
            return upload.put_part(hub, oid, int(part), request)
    raise RefusedError(404, f"nothing at {request.path}")


def read(
    hub: HubServer,
    repository: Repository,
    account: Account | None,
    rest: list[str],
    request: Request,
) -> Response:
    """Answer what asks about a repository."""
    match rest:
        case []:
            return describe.info(hub, repository, "main", request)
        case ["revision", revision]:
            return describe.info(hub, repository, revision, request)
        case ["tree", revision, *folder]:
            return describe.tree(hub, repository, revision, "/".join(folder), request)
        case ["refs"]:
            return describe.refs(repository, request)
        case ["commits", revision]:
            return describe.history(repository, revision)
        case ["discussions"]:
            return commits.discussions(repository, request)
        case ["discussions", number]:
            return commits.discussion(repository, int(number))
        case ["auth-check"]:
            require_readable(repository, account)
            return Response()
        case ["xet-read-token", _]:
            require_readable(repository, account)
            return hub.xet.read_token()
        case ["xet-write-token", _]:
            proposing = bool(request.query.get("create_pr"))
            require_writable(repository.namespace, account, proposing=proposing)
            return hub.xet.write_token()
    raise RefusedError(404, f"no endpoint GET {request.path}")


def write(
    hub: HubServer,
    repository: Repository,
    account: Account | None,
    rest: list[str],
    request: Request,
) -> Response:
    """Answer what changes a repository."""
    if rest[:1] == ["paths-info"]:
        return describe.paths_info(hub, repository, rest[1], request)
    proposing = bool(request.query.get("create_pr"))
    writer = require_writable(repository.namespace, account, proposing=proposing)
    match (request.method, *rest):
        case ("POST", "preupload", revision):
            return upload.preupload(hub, repository, revision, request)
        case ("POST", "commit", revision):
            return commits.commit(hub, repository, revision, writer, request)
        case ("POST", "branch", branch):
            return commits.create_branch(repository, branch, request)
        case ("DELETE", "branch", branch):
            return commits.delete_branch(repository, branch)
        case ("POST", "tag", revision):
            return commits.create_tag(repository, revision, request)
        case ("DELETE", "tag", tag):
            return commits.delete_tag(repository, tag)
        case ("POST", "discussions"):
            return commits.open_discussion(repository, request)
    raise RefusedError(404, f"no endpoint {request.method} {request.path}")
