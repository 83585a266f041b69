"""Endpoints that hand out files: `resolve`, and the host that large files lie on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.hub_server.exchange import RefusedError, Request, Response
from tests.hub_server.repository import Repository

if TYPE_CHECKING:
    from tests.hub_server.server import HubServer

RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def resolve(
    hub: HubServer, repository: Repository, revision: str, path: str, request: Request
) -> Response:
    """Answer `/<id>/resolve/<revision>/<path>`: a small file, or where a large one lies."""
    commit = repository.head(revision)
    headers = {"X-Repo-Commit": commit.sha}
    file = commit.files.get(path)
    if file is None:
        raise RefusedError(404, "Entry not found", code="EntryNotFound", headers=headers)
    headers["ETag"] = f'"{file.blob_id}"'
    if not file.lfs:
        return ranged(file.data, request, headers)
    headers |= {
        "X-Linked-ETag": f'"{file.sha256}"',
        "X-Linked-Size": str(file.size),
        "Location": f"{hub.cdn}/blobs/{repository.id}/{file.sha256}/{path}",
    }
    if hub.xet_downloads:
        headers["X-Xet-Hash"] = hub.xet.hash_of(file.data)
        route = f"/api/models/{repository.id}/xet-read-token/{commit.sha}"
        headers["X-Xet-Refresh-Route"] = hub.endpoint + route
    return Response(status=302, headers=headers)


def blob(hub: HubServer, repository: Repository, sha256: str, request: Request) -> Response:
    """Answer the address of a large file on the other host."""
    for commit in repository.commits.values():
        for file in commit.files.values():
            if file.lfs and file.sha256 == sha256:
                return ranged(file.data, request, {"ETag": f'"{sha256}"'})
    raise RefusedError(404, "no such blob")


def ranged(data: bytes, request: Request, headers: dict[str, str]) -> Response:
    """Return all bytes, or those of the request's Range."""
    headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"} | headers
    match = RANGE.fullmatch(request.headers.get("range", ""))
    if match is None:
        return Response(headers=headers, body=data)
    start = int(match[1])
    end = min(int(match[2] or len(data)), len(data) - 1)
    if start >= len(data):
        raise RefusedError(416, "no such bytes", headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
    return Response(status=206, headers=headers, body=data[start : end + 1])
