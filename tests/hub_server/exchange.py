"""Requests, responses and refusals as the endpoints see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client asked.

    Attributes:
        segments: The parts of the path, unquoted one by one: a quoted `/` stays inside its part.
        query: The last value of each parameter.
        headers: By lower-case name.
        host: `hub`, or `cdn` for the host that large files lie on.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""
    host: str = "hub"

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def segments(self) -> list[str]:
        return [unquote(part) for part in urlsplit(self.target).path.strip("/").split("/")]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def token(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else None

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Response:
    """What the Hub answers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class RefusedError(Exception):
    """An answer that the client turns into an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})

    def response(self) -> Response:
        # The client reads the reason from the headers; it knows no status line's text.
        headers = {"X-Error-Message": str(self), "Content-Type": "application/json"}
        if self.code is not None:
            headers["X-Error-Code"] = self.code
        body = json.dumps({"error": str(self)}).encode()
        return Response(status=self.status, headers=headers | self.headers, body=body)


def as_json(value: Any, *, status: int = 200, **headers: str) -> Response:
    """Return a response that carries a JSON document."""
    return Response(
        status=status,
        headers={"Content-Type": "application/json", **headers},
        body=json.dumps(value).encode(),
    )
