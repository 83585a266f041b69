"""Reads requests from a socket, lets the faults act, and writes the answers."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.hub_server.exchange import RefusedError, Request, Response
from tests.hub_server.faults import Fault, hit
from tests.hub_server.routes import answer

if TYPE_CHECKING:
    from tests.hub_server.server import HubServer

PIECE = 1 << 16


class CutOffError(Exception):
    """The fault of the test ends the connection."""


def handler_for(hub: HubServer, host: str) -> type[BaseHTTPRequestHandler]:
    """Return the handler of one of the server's two hosts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are written apart; the second would wait 40 ms for the first.
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except (CutOffError, ConnectionError):
                self.close_connection = True

        def exchange(self) -> None:
            fault = hub.faults.take(self.command, unquote(self.path)) or Fault()
            request = Request(
                method=self.command,
                target=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.read_body(fault.cut_upload_after),
                host=host,
            )
            hub.requests.append(request)
            time.sleep(fault.pause)
            response = fault.response or self.respond(request)
            if fault.lose:
                raise CutOffError
            self.send(hit(fault, response, request), fault.cut_after)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = exchange  # noqa: N815

        def respond(self, request: Request) -> Response:
            with hub.lock:
                try:
                    return answer(hub, request)
                except RefusedError as refusal:
                    return refusal.response()

        def read_body(self, cut_after: int | None) -> bytes:
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                return b"".join(self.chunks(cut_after))
            length = int(self.headers.get("Content-Length", "0"))
            if cut_after is not None:
                self.rfile.read(min(cut_after, length))
                raise CutOffError
            return self.rfile.read(length)

        def chunks(self, cut_after: int | None) -> list[bytes]:
            found: list[bytes] = []
            while size := int(self.rfile.readline(), 16):
                found.append(self.rfile.read(size))
                self.rfile.readline()
                if cut_after is not None and sum(map(len, found)) >= cut_after:
                    raise CutOffError
            self.rfile.readline()
            return found

        def send(self, response: Response, cut_after: int | None) -> None:
            self.send_response(response.status)
            headers = {"Content-Length": str(len(response.body)), **response.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            body = response.body if cut_after is None else response.body[:cut_after]
            for start in range(0, len(body), PIECE):
                self.wfile.write(body[start : start + PIECE])
            if cut_after is not None:
                self.wfile.flush()
                raise CutOffError

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
