"""Endpoints that say what a repository holds: info, tree, paths, refs and history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.hub_server.exchange import RefusedError, Request, Response, as_json
from tests.hub_server.repository import Commit, File, Repository

if TYPE_CHECKING:
    from tests.hub_server.server import HubServer

DATE = "2025-01-01T00:00:00.000Z"


def info(hub: HubServer, repository: Repository, revision: str, request: Request) -> Response:
    """Answer `/api/models/<id>` and `/api/models/<id>/revision/<revision>`."""
    commit = repository.head(revision)
    with_blobs = request.query.get("blobs", "").lower() in ("true", "1")
    siblings = [
        sibling(path, file) if with_blobs else {"rfilename": path}
        for path, file in commit.files.items()
    ]
    return as_json(
        {
            "_id": repository.id,
            "id": repository.id,
            "modelId": repository.id,
            "author": repository.namespace,
            "sha": commit.sha,
            "lastModified": DATE,
            "private": repository.private,
            "gated": "manual" if repository.gated else False,
            "disabled": repository.disabled,
            "tags": [],
            "siblings": siblings,
        }
    )


def sibling(path: str, file: File) -> dict[str, Any]:
    described: dict[str, Any] = {"rfilename": path, "blobId": file.blob_id, "size": file.size}
    if file.lfs:
        described["lfs"] = {
            "sha256": file.sha256,
            "size": file.size,
            "pointerSize": len(file.pointer),
        }
    return described


def tree(
    hub: HubServer, repository: Repository, revision: str, folder: str, request: Request
) -> Response:
    """Answer `/api/models/<id>/tree/<revision>[/<folder>]`, page by page."""
    commit = repository.head(revision)
    recursive = request.query.get("recursive", "").lower() == "true"
    entries = entries_below(hub, commit, folder, recursive=recursive)
    if folder and not entries:
        raise RefusedError(404, f"{folder} does not exist on '{revision}'", code="EntryNotFound")
    start = int(request.query.get("cursor", "0"))
    end = start + hub.page_length
    headers = {}
    if end < len(entries):
        query = urlencode({**request.query, "cursor": str(end)})
        path = urlsplit(request.target).path
        headers["Link"] = f'<{hub.endpoint}{path}?{query}>; rel="next"'
    return as_json(entries[start:end], **headers)


def entries_below(
    hub: HubServer, commit: Commit, folder: str, *, recursive: bool
) -> list[dict[str, Any]]:
    prefix = f"{folder}/" if folder else ""
    entries: dict[str, dict[str, Any]] = {}
    for path, file in sorted(commit.files.items()):
        if not path.startswith(prefix):
            continue
        parts = path.removeprefix(prefix).split("/")
        for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
            parent = prefix + "/".join(parts[:depth])
            entries[parent] = {"type": "directory", "oid": "0" * 40, "size": 0, "path": parent}
        if recursive or len(parts) == 1:
            entries[path] = entry(hub, path, file)
    return list(entries.values())


def entry(hub: HubServer, path: str, file: File) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": "file",
        "oid": file.blob_id,
        "size": file.size,
        "path": path,
    }
    if file.lfs:
        described["lfs"] = {
            "oid": file.sha256,
            "size": file.size,
            "pointerSize": len(file.pointer),
        }
        if hub.xet_downloads:
            described["xetHash"] = hub.xet.hash_of(file.data)
    return described


def paths_info(
    hub: HubServer, repository: Repository, revision: str, request: Request
) -> Response:
    """Answer `/api/models/<id>/paths-info/<revision>`."""
    commit = repository.head(revision)
    wanted = parse_qs(request.body.decode()).get("paths", [])
    folders = {path for path in wanted if any(f.startswith(f"{path}/") for f in commit.files)}
    found = [entry(hub, path, commit.files[path]) for path in wanted if path in commit.files]
    found += [{"type": "directory", "oid": "0" * 40, "size": 0, "path": path} for path in folders]
    return as_json(found)


def refs(repository: Repository, request: Request) -> Response:
    """Answer `/api/models/<id>/refs`."""
    document: dict[str, list[dict[str, str]]] = {
        "branches": [
            ref(name, f"refs/heads/{name}", sha) for name, sha in repository.branches.items()
        ],
        "tags": [ref(name, f"refs/tags/{name}", sha) for name, sha in repository.tags.items()],
        "converts": [],
    }
    if request.query.get("include_prs"):
        document["pullRequests"] = [
            ref(name, name, sha) for name, sha in repository.pull_requests.items()
        ]
    return as_json(document)


def ref(name: str, full: str, sha: str) -> dict[str, str]:
    return {"name": name, "ref": full, "targetCommit": sha}


def history(repository: Repository, revision: str) -> Response:
    """Answer `/api/models/<id>/commits/<revision>`."""
    return as_json(
        [
            {
                "id": commit.sha,
                "title": commit.title,
                "message": commit.description,
                "authors": [{"user": commit.author}],
                "date": DATE,
            }
            for commit in repository.history(revision)
        ]
    )
