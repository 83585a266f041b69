"""What can go wrong, set up in one line: `hub.faults.status(500, path="/resolve/", times=2)`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.hub_server.exchange import RefusedError, Request, Response

SIGN_IN_PAGE = b"<!doctype html><html><body>Sign in to this network</body></html>"


@dataclass(kw_only=True)
class Fault:
    """One thing that goes wrong with requests that it matches.

    Attributes:
        method: The method that it matches, `*` for every one.
        path: A part of the unquoted path, with its query.
        times: How many requests are still to be hit, None for all of them.
        skip: How many requests that match are spared first.
        response: Answered instead of asking the endpoint.
        cut_after: Bytes of the answer's body after which the connection ends.
        cut_upload_after: Bytes of the request's body after which the connection ends.
        corrupt: Whether the answer's body has other bytes, of the same number.
        lose: Whether the connection ends after the request was carried out, without an answer.
        pause: Seconds before the answer.
    """

    method: str = "*"
    path: str = ""
    times: int | None = 1
    skip: int = 0
    response: Response | None = None
    cut_after: int | None = None
    cut_upload_after: int | None = None
    corrupt: bool = False
    lose: bool = False
    pause: float = 0.0

    def matches(self, method: str, path: str) -> bool:
        return self.times != 0 and self.method in ("*", method) and self.path in path


@dataclass
class Faults:
    """The faults that are still to come, the first that matches wins."""

    pending: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, fault: Fault) -> Fault:
        self.pending.append(fault)
        return fault

    def clear(self) -> None:
        self.pending.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that hits a request, and count it down."""
        with self.lock:
            for fault in self.pending:
                if not fault.matches(method, path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def status(
        self,
        status: int,
        *,
        method: str = "*",
        path: str = "",
        times: int | None = 1,
        skip: int = 0,
        message: str = "a fault of the test",
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fault:
        """Answer with an error status; `headers={"Retry-After": "3"}` for a 429."""
        refusal = RefusedError(status, message, code=code, headers=headers)
        return self.add(
            Fault(method=method, path=path, times=times, skip=skip, response=refusal.response())
        )

    def sign_in_page(self, *, path: str = "", times: int | None = None) -> Fault:
        """Answer with the page of a captive portal and status 200."""
        page = Response(headers={"Content-Type": "text/html"}, body=SIGN_IN_PAGE)
        return self.add(Fault(path=path, times=times, response=page))

    def cut(self, *, after: int, path: str = "", times: int | None = 1, skip: int = 0) -> Fault:
        """End the connection after that many bytes of a download."""
        return self.add(Fault(method="GET", path=path, times=times, skip=skip, cut_after=after))

    def cut_upload(self, *, after: int, path: str = "", times: int | None = 1) -> Fault:
        """End the connection after that many bytes of an upload."""
        return self.add(Fault(path=path, times=times, cut_upload_after=after))

    def corrupt(self, *, path: str, times: int | None = 1) -> Fault:
        """Send other bytes of the same number."""
        return self.add(Fault(method="GET", path=path, times=times, corrupt=True))

    def lose_answer(self, *, method: str = "*", path: str = "", times: int | None = 1) -> Fault:
        """Carry the request out and end the connection instead of answering."""
        return self.add(Fault(method=method, path=path, times=times, lose=True))

    def slow(self, seconds: float, *, path: str = "", times: int | None = 1) -> Fault:
        """Wait before the answer."""
        return self.add(Fault(path=path, times=times, pause=seconds))


def hit(fault: Fault, response: Response, request: Request) -> Response:
    """Return the response as a fault leaves it."""
    if not fault.corrupt:
        return response
    body = bytes(byte ^ 0x55 for byte in response.body)
    return Response(status=response.status, headers=response.headers, body=body)
