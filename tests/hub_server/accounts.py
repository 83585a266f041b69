"""Endpoints that make and remove repositories, and check a card's metadata."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from tests.hub_server.access import Account, require_visible, require_writable
from tests.hub_server.exchange import RefusedError, Request, Response, as_json
from tests.hub_server.repository import Repository

if TYPE_CHECKING:
    from tests.hub_server.server import HubServer

FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---(\n|\Z)", re.DOTALL)


def create(hub: HubServer, account: Account | None, request: Request) -> Response:
    """Answer `POST /api/repos/create`."""
    asked = request.json()
    namespace = asked.get("organization") or (account.name if account else "")
    require_writable(namespace, account)
    repo_id = f"{namespace}/{asked['name']}"
    url = f"{hub.endpoint}/{repo_id}"
    if repo_id in hub.repositories:
        document = {"error": "You already created this model repo", "url": url}
        headers = {"X-Error-Message": document["error"]}
        return as_json(document, status=409, **headers)
    private = asked.get("visibility") == "private" or bool(asked.get("private"))
    hub.repositories[repo_id] = Repository(repo_id, private=private)
    return as_json({"url": url, "name": repo_id, "id": repo_id})


def delete(hub: HubServer, account: Account | None, request: Request) -> Response:
    """Answer `DELETE /api/repos/delete`."""
    asked = request.json()
    namespace = asked.get("organization") or (account.name if account else "")
    repo_id = f"{namespace}/{asked['name']}"
    require_visible(hub.repositories.get(repo_id), account)
    require_writable(namespace, account)
    del hub.repositories[repo_id]
    return as_json({})


def validate_card(request: Request) -> Response:
    """Answer `POST /api/validate-yaml` with the rules that matter to a card of results."""
    match = FRONT_MATTER.match(request.json()["content"])
    if match is None:
        return as_json({"errors": [], "warnings": [{"message": "empty or missing yaml metadata"}]})
    try:
        metadata = yaml.safe_load(match[1])
    except yaml.YAMLError as error:
        return invalid(f"yaml: {error}")
    if not isinstance(metadata, dict):
        return invalid("metadata must be a mapping")
    index = metadata.get("model-index")
    entries = index if isinstance(index, list) else []
    if index is not None and not all("name" in e and "results" in e for e in entries):
        return invalid('"model-index[0]" must have a name and results')
    return as_json({"errors": [], "warnings": []})


def invalid(message: str) -> Response:
    """Return a refusal in the form that the client reads errors from."""
    refusal = RefusedError(400, message).response()
    answer = as_json({"errors": [{"message": message}], "warnings": []}, status=400)
    return Response(status=400, headers=refusal.headers, body=answer.body)
