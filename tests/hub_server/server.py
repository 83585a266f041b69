"""The server: two hosts on loopback, the repositories behind them, and what tests set up."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.hub_server.access import WRITE_TOKEN, Account, accounts
from tests.hub_server.exchange import Request
from tests.hub_server.faults import Faults
from tests.hub_server.handler import handler_for
from tests.hub_server.repository import Commit, File, Repository, is_large
from tests.hub_server.xet import XetStore

if TYPE_CHECKING:
    from huggingface_hub import HfApi


class HubServer:
    """A Hub with its own repositories, tokens and faults.

    Attributes:
        endpoint: Its address, for HF_ENDPOINT.
        cdn: The address of the other host, which large files lie on and no token may reach.
        repositories: By id.
        tokens: The accounts by token; see `access`.
        faults: What is to go wrong.
        requests: Everything that was asked, in order.
        blobs: Large files that were uploaded, by sha256.
        lfs_bytes: The size above which every file is large.
        part_bytes: The length of parts that large files are uploaded in; whole if None.
        page_length: Entries on a page of a tree listing.
        xet_downloads: Whether large files are offered by Xet too; uploads always may use it.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.tokens: dict[str, Account] = accounts()
        self.faults = Faults()
        self.requests: list[Request] = []
        self.blobs: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.lfs_bytes = 1_000_000
        self.part_bytes: int | None = None
        self.page_length = 1000
        self.xet_downloads = False
        self.xet = XetStore()
        self.lock = threading.RLock()
        self._servers = [serving(self, host) for host in ("hub", "cdn")]
        self.endpoint, self.cdn = (
            f"http://127.0.0.1:{server.server_port}" for server in self._servers
        )

    def close(self) -> None:
        """Stop answering."""
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self.xet.close()

    def add(
        self,
        repo_id: str,
        files: Mapping[str, bytes | File] | None = None,
        *,
        revision: str = "main",
        title: str = "add files",
        **attributes: Any,
    ) -> Commit:
        """Commit files to a repository, which is made if there is none of that id.

        Args:
            files: Content by path, beside the files that are there already; a `File` says itself
                whether it is large.
            attributes: `private`, `gated`, `disabled` or `admitted` of the repository.
        """
        repository = self.repositories.setdefault(repo_id, Repository(repo_id))
        for name, value in attributes.items():
            setattr(repository, name, value)
        added = {path: self._file(path, content) for path, content in (files or {}).items()}
        merged = {**repository.head(revision).files, **added}
        return repository.commit(merged, title=title, revision=revision)

    def api(self, token: str | bool = False) -> HfApi:
        """Return a client that talks to this server, without a token unless one is given."""
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.endpoint, token=token)

    def variables(self, token: str | None = WRITE_TOKEN) -> dict[str, str]:
        """Return the environment variables that make a client in another process use it."""
        return {"HF_ENDPOINT": self.endpoint} | ({} if token is None else {"HF_TOKEN": token})

    def asked(self, method: str = "*", path: str = "") -> list[str]:
        """Return the paths that were asked for, those that contain `path`."""
        return [
            request.path
            for request in self.requests
            if method in ("*", request.method) and path in request.path
        ]

    @property
    def fetched(self) -> list[str]:
        """The files whose bytes were asked for, by their path in the repository."""
        names = []
        for request in self.requests:
            match (request.method, request.host, *request.segments):
                case ("GET", "hub", _, _, "resolve", _, *path):
                    names.append("/".join(path))
                case ("GET", "cdn", "blobs", _, _, _, *path):
                    names.append("/".join(path))
        return names

    def _file(self, path: str, content: bytes | File) -> File:
        if isinstance(content, File):
            return content
        return File(content, lfs=is_large(path, len(content), self.lfs_bytes))


def serving(hub: HubServer, host: str) -> ThreadingHTTPServer:
    """Return a started server for one of the two hosts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(hub, host))
    server.daemon_threads = True
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    ).start()
    return server
