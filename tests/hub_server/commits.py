"""Endpoints that change what a repository points at: commits, branches, tags, pull requests."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from tests.hub_server.access import Account
from tests.hub_server.describe import DATE
from tests.hub_server.exchange import RefusedError, Request, Response, as_json
from tests.hub_server.repository import File, Repository

if TYPE_CHECKING:
    from tests.hub_server.server import HubServer


def commit(
    hub: HubServer, repository: Repository, revision: str, account: Account, request: Request
) -> Response:
    """Answer `/api/models/<id>/commit/<revision>`: all of the operations or none."""
    lines = [json.loads(line) for line in request.body.splitlines() if line.strip()]
    header = next(line["value"] for line in lines if line["key"] == "header")
    files = dict(repository.head(revision).files)
    for line in lines:
        apply(hub, files, line["key"], line["value"])
    answer: dict[str, Any] = {"success": True, "hookOutput": ""}
    parent = header.get("parentCommit")
    if request.query.get("create_pr"):
        if parent is not None and parent != repository.head(revision).sha:
            raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
        number = repository.open_pull_request(header["summary"], revision, account.name)
        answer["pullRequestUrl"] = f"{hub.endpoint}/{repository.id}/discussions/{number}"
        revision, parent = f"refs/pr/{number}", None
    made = repository.commit(
        files,
        title=header["summary"],
        description=header.get("description", ""),
        revision=revision,
        author=account.name,
        parent=parent,
    )
    answer["commitOid"] = made.sha
    answer["commitUrl"] = f"{hub.endpoint}/{repository.id}/commit/{made.sha}"
    return as_json(answer)


def apply(hub: HubServer, files: dict[str, File], key: str, value: dict[str, Any]) -> None:
    """Carry out one line of a commit."""
    match key:
        case "file":
            content = value["content"]
            data = base64.b64decode(content) if value.get("encoding") else content.encode()
            files[value["path"]] = File(data)
        case "lfsFile":
            files[value["path"]] = File(uploaded(hub, value["oid"]), lfs=True)
        case "deletedFile":
            if files.pop(value["path"], None) is None:
                raise RefusedError(
                    404, "A file with this name doesn't exist", code="EntryNotFound"
                )
        case "deletedFolder":
            prefix = value["path"].rstrip("/") + "/"
            for path in [path for path in files if path.startswith(prefix)]:
                del files[path]


def uploaded(hub: HubServer, oid: str) -> bytes:
    """Return the bytes of a large file that came before the commit, by LFS or by Xet."""
    if oid not in hub.blobs:
        data = hub.xet.find(oid)
        if data is None:
            raise RefusedError(400, f"LFS pointer points to a file that does not exist: {oid}")
        hub.blobs[oid] = data
    return hub.blobs[oid]


def create_branch(repository: Repository, branch: str, request: Request) -> Response:
    """Answer `POST /api/models/<id>/branch/<branch>`."""
    if branch in repository.branches:
        raise RefusedError(409, f"Reference already exists: {branch}")
    start = request.json().get("startingPoint", "main") if request.body else "main"
    repository.branches[branch] = repository.head(start).sha
    return as_json({})


def delete_branch(repository: Repository, branch: str) -> Response:
    """Answer `DELETE /api/models/<id>/branch/<branch>`."""
    if branch == "main" or branch not in repository.branches:
        raise RefusedError(403 if branch == "main" else 404, f"cannot delete {branch}")
    del repository.branches[branch]
    return as_json({})


def create_tag(repository: Repository, revision: str, request: Request) -> Response:
    """Answer `POST /api/models/<id>/tag/<revision>`."""
    tag = request.json()["tag"]
    if tag in repository.tags:
        raise RefusedError(409, f"Tag reference exists already: {tag}")
    repository.tags[tag] = repository.head(revision).sha
    return as_json({})


def delete_tag(repository: Repository, tag: str) -> Response:
    """Answer `DELETE /api/models/<id>/tag/<tag>`."""
    if repository.tags.pop(tag, None) is None:
        raise RefusedError(404, f"no tag {tag}", code="RevisionNotFound")
    return as_json({})


def open_discussion(repository: Repository, request: Request) -> Response:
    """Answer `POST /api/models/<id>/discussions` for a pull request without changes yet."""
    asked = request.json()
    if not asked.get("pullRequest"):
        raise RefusedError(400, "this server opens pull requests only")
    return as_json({"num": repository.open_pull_request(asked["title"])})


def discussions(repository: Repository, request: Request) -> Response:
    """Answer `GET /api/models/<id>/discussions`, those of one author if one is named."""
    author = request.query.get("author")
    numbers = sorted(repository.titles, reverse=True)
    wanted = [number for number in numbers if author in (None, repository.authors[number])]
    found = [summary(repository, number) for number in wanted]
    return as_json({"count": len(found), "start": 0, "discussions": found})


def discussion(repository: Repository, number: int) -> Response:
    """Answer `GET /api/models/<id>/discussions/<number>`."""
    if number not in repository.titles:
        raise RefusedError(404, f"no discussion {number}")
    details = {"changes": {"base": "refs/heads/main"}, "filesWithConflicts": [], "events": []}
    return as_json(summary(repository, number) | details)


def summary(repository: Repository, number: int) -> dict[str, Any]:
    return {
        "num": number,
        "title": repository.titles[number],
        "author": {"name": repository.authors[number]},
        "createdAt": DATE,
        "status": "open",
        "repo": {"name": repository.id, "type": "model"},
        "isPullRequest": True,
    }
