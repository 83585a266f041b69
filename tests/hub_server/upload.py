"""Endpoints that take in large files: preupload, LFS batch, PUT, completion and verification."""

from __future__ import annotations

import hashlib
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from tests.hub_server.exchange import RefusedError, Request, Response, as_json
from tests.hub_server.repository import Repository, is_large

if TYPE_CHECKING:
    from tests.hub_server.server import HubServer


def preupload(hub: HubServer, repository: Repository, revision: str, request: Request) -> Response:
    """Answer `/api/models/<id>/preupload/<revision>`: which files are large."""
    files = repository.head(revision).files
    ignored = files[".gitignore"].data.decode().split() if ".gitignore" in files else []
    answers = []
    for asked in request.json()["files"]:
        path = asked["path"]
        large = is_large(path, asked["size"], hub.lfs_bytes)
        answers.append(
            {
                "path": path,
                "uploadMode": "lfs" if large else "regular",
                "shouldIgnore": any(fnmatch(path, pattern) for pattern in ignored),
                "oid": files[path].oid if path in files else None,
            }
        )
    return as_json({"files": answers})


def batch(hub: HubServer, repository: Repository, request: Request) -> Response:
    """Answer `/<id>.git/info/lfs/objects/batch`: where to put each file."""
    asked = request.json()
    multipart = hub.part_bytes is not None and "multipart" in asked["transfers"]
    objects = [instructions(hub, repository, item, multipart) for item in asked["objects"]]
    transfer = "multipart" if multipart else "basic"
    return as_json({"transfer": transfer, "objects": objects})


def instructions(
    hub: HubServer, repository: Repository, item: dict[str, Any], multipart: bool
) -> dict[str, Any]:
    oid, size = item["oid"], item["size"]
    if oid in hub.blobs:
        return {"oid": oid, "size": size}
    upload: dict[str, Any] = {"href": f"{hub.cdn}/uploads/{oid}"}
    if multipart and hub.part_bytes is not None:
        parts = -(-size // hub.part_bytes)
        urls = {f"{part + 1:05}": f"{hub.cdn}/parts/{oid}/{part + 1}" for part in range(parts)}
        upload["href"] = f"{hub.endpoint}/api/complete_multipart/{oid}"
        upload["header"] = {"chunk_size": str(hub.part_bytes), **urls}
    verify = {"href": f"{hub.endpoint}/{repository.id}.git/info/lfs/objects/verify"}
    return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": verify}}


def put(hub: HubServer, oid: str, request: Request) -> Response:
    """Take in a whole file."""
    take(hub, oid, request.body)
    return Response()


def put_part(hub: HubServer, oid: str, part: int, request: Request) -> Response:
    """Take in a part of a file."""
    hub.parts.setdefault(oid, {})[part] = request.body
    return Response(headers={"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'})


def complete(hub: HubServer, oid: str, request: Request) -> Response:
    """Put the parts of a file together."""
    numbers = [part["partNumber"] for part in request.json()["parts"]]
    parts = hub.parts.pop(oid, {})
    if sorted(numbers) != sorted(parts):
        raise RefusedError(400, "parts are missing")
    take(hub, oid, b"".join(parts[number] for number in sorted(numbers)))
    return as_json({"success": True})


def take(hub: HubServer, oid: str, data: bytes) -> None:
    if hashlib.sha256(data).hexdigest() != oid:
        raise RefusedError(400, "the bytes are not those that were announced")
    hub.blobs[oid] = data


def verify(hub: HubServer, request: Request) -> Response:
    """Answer whether a file has arrived."""
    asked = request.json()
    data = hub.blobs.get(asked["oid"])
    if data is None or len(data) != asked["size"]:
        raise RefusedError(404, "the file has not arrived")
    return as_json({"message": "Object verified"})
