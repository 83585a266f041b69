"""The Xet storage behind the Hub, as folders that the client opens by `local://` addresses.

One process at a time may open such a folder, so every token hands out a folder of its own: an
empty one to write to, a copy of all that is stored to read from.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hub_server.exchange import Response, as_json

LIFETIME = 3600
RECORD = 48
BOOKEND = b"\xff" * 32
WITH_VERIFICATION = 1 << 31
WITH_METADATA = 1 << 30


@dataclass(frozen=True)
class XetFile:
    """A file in a shard: its Xet hash, its sha256 and the folder that it lies in."""

    xet_hash: str
    sha256: str
    folder: Path


class XetStore:
    """Takes in what clients upload and knows the Xet hash of what they may download.

    Attributes:
        damage_next: How many of the next folders that are handed out to readers are damaged.
    """

    def __init__(self) -> None:
        self.damage_next = 0
        self._root = Path(tempfile.mkdtemp(prefix="xet-"))
        self._home = self._root / "home"
        self._written: list[Path] = []
        self._hashes: dict[str, str] = {}
        self._lock = threading.Lock()
        self._session: Any = None
        self._folders = 0

    def close(self) -> None:
        self._session = None
        shutil.rmtree(self._root, ignore_errors=True)

    def write_token(self) -> Response:
        """Answer with an empty folder to write to."""
        folder = self._new_folder()
        folder.mkdir()
        self._written.append(folder)
        return connection(folder)

    def read_token(self) -> Response:
        """Answer with a folder that holds every file whose hash was told."""
        with self._lock:
            folder = self._copy(self._home)
            if self.damage_next:
                self.damage_next -= 1
                damage(folder)
            return connection(folder)

    def hash_of(self, data: bytes) -> str:
        """Store a file for readers and return its Xet hash."""
        sha256 = hashlib.sha256(data).hexdigest()
        with self._lock:
            if sha256 not in self._hashes:
                with self._opened().new_upload_commit(**place(self._home)) as commit:
                    handle = commit.start_upload_bytes(data, sha256=sha256)
                self._hashes[sha256] = handle.result().xet_info.hash
            return self._hashes[sha256]

    def find(self, sha256: str) -> bytes | None:
        """Return the bytes of a file that a client has uploaded, None if none did."""
        with self._lock:
            for folder in self._written:
                for file in files_in(folder):
                    if file.sha256 == sha256:
                        return self._read(file)
        return None

    def _read(self, file: XetFile) -> bytes:
        from hf_xet import XetFileInfo

        # The client may still have its folder open.
        folder = self._copy(file.folder)
        target = self._new_folder()
        with self._opened().new_file_download_group(**place(folder)) as group:
            group.start_download_file(XetFileInfo(file.xet_hash, None), str(target))
        return target.read_bytes()

    def _opened(self) -> Any:
        from hf_xet import XetSession

        if self._session is None:
            self._session = XetSession()
        return self._session

    def _copy(self, folder: Path) -> Path:
        return Path(shutil.copytree(folder, self._new_folder()))

    def _new_folder(self) -> Path:
        self._folders += 1
        return self._root / str(self._folders)


def connection(folder: Path) -> Response:
    """Answer with an address and a token, in the headers for Python and the body for Rust."""
    until = int(time.time()) + LIFETIME
    headers = {
        "X-Xet-Cas-Url": f"local://{folder}",
        "X-Xet-Access-Token": "a-xet-token",
        "X-Xet-Token-Expiration": str(until),
    }
    document = {"casUrl": f"local://{folder}", "accessToken": "a-xet-token", "exp": until}
    answer = as_json(document)
    return Response(headers={**answer.headers, **headers}, body=answer.body)


def damage(folder: Path) -> None:
    """Change a byte in the middle of everything that is stored."""
    for path in (folder / "xet" / "xorbs" / "xorbs").iterdir():
        content = bytearray(path.read_bytes())
        if path.suffix != ".tagset" and content:
            content[len(content) // 3] ^= 0xFF
            path.chmod(0o644)
            path.write_bytes(content)


def place(folder: Path) -> dict[str, Any]:
    """Return the options that make the client open a folder."""
    return {
        "endpoint": f"local://{folder}",
        "token": "a-xet-token",
        "token_expiry_unix_secs": int(time.time()) + LIFETIME,
        "custom_headers": {},
    }


def files_in(folder: Path) -> Iterator[XetFile]:
    """Yield the files that the shards of a folder describe.

    A shard begins with a header of 48 bytes. Then each file has a record of its hash, flags and
    number of segments, a record for each segment, one more for each if they are verified, and one
    that holds the sha256. A hash of ones ends the files.
    """
    for shard in sorted((folder / "xet" / "xorbs" / "shards").glob("*.mdb")):
        content = shard.read_bytes()
        start = RECORD
        while content[start : start + 32] != BOOKEND:
            flags, segments = (
                int.from_bytes(content[start + at : start + at + 4], "little") for at in (32, 36)
            )
            rows = segments * (2 if flags & WITH_VERIFICATION else 1)
            extra = start + RECORD * (1 + rows)
            if flags & WITH_METADATA:
                hashes = (content[at : at + 32] for at in (start, extra))
                yield XetFile(*map(readable, hashes), folder)
            start = extra + (RECORD if flags & WITH_METADATA else 0)


def readable(raw: bytes) -> str:
    """Return a hash as it is written: four numbers of 64 bits, each the least byte first."""
    return "".join(raw[start : start + 8][::-1].hex() for start in range(0, 32, 8))
