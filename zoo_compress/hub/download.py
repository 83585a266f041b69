"""Bring files of a repository into the cache, each compared with the digest the Hub lists."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.utils._fixes import WeakFileLock
from huggingface_hub.utils.tqdm import tqdm

from zoo_compress.core import Progress, ProgressCallback
from zoo_compress.errors import DiskFullError, HubError, OutputError
from zoo_compress.files import NO_SPACE
from zoo_compress.hub.callbacks import carried
from zoo_compress.hub.checksum import is_as_listed
from zoo_compress.hub.client import quiet_client
from zoo_compress.hub.failures import hub_errors
from zoo_compress.hub.retry import RetryPolicy, retried
from zoo_compress.hub.snapshot import Snapshot
from zoo_compress.units import readable_bytes


@dataclass(kw_only=True)
class Meter:
    """Counts bytes over all files of a pull and reports them.

    Attributes:
        total: Bytes planned so far; more are planned when a model names its external data.
        done: Bytes of the files that are complete.
    """

    progress: ProgressCallback
    total: int = 0
    done: int = 0
    _file: str = ""
    _part: int = 0

    def begin(self, name: str) -> None:
        """Start to count a file, from nothing, also when it is fetched again."""
        self._file, self._part = name, 0
        self._report(name)

    def add(self, count: int) -> None:
        """Count bytes of the file that have arrived; fewer than 0 when some are fetched again."""
        self._part = max(0, self._part + count)
        self._report(self._file)

    def end(self, size: int) -> None:
        """Count the file as complete."""
        self.done, self._part = self.done + size, 0
        self._report("")

    def wait(self, seconds: float) -> None:
        """Report that the Hub is given time."""
        self._report(f"waiting {seconds:.0f} s to try again")

    def _report(self, detail: str) -> None:
        done = min(self.done + self._part, self.total)
        self.progress(Progress(stage="pull", done=done, total=self.total or None, detail=detail))


@dataclass(frozen=True, kw_only=True)
class Download:
    """Fetches files of one commit.

    Attributes:
        api: The client.
        snapshot: Where the files go.
        policy: How often to try.
        meter: Told what arrives.
        fetched: The files that were not in the cache, in the order in which they came.
    """

    api: HfApi
    snapshot: Snapshot
    policy: RetryPolicy
    meter: Meter
    fetched: list[str] = field(default_factory=list)

    def fetch(self, names: Sequence[str]) -> None:
        """Bring the files into the cache that are not there or not whole.

        Raises:
            HubError: If the Hub refuses or cannot be reached, or a file comes damaged twice.
            DiskFullError: If the files do not fit on the disk.
            OutputError: If the cache cannot be written.
        """
        if not self._lacking(names):
            return
        with self._locked():
            self._sweep()
            self._fetch_all(self._lacking(names))

    def _lacking(self, names: Sequence[str]) -> list[str]:
        return [name for name in dict.fromkeys(names) if not self.snapshot.is_whole(name)]

    def _fetch_all(self, names: Sequence[str]) -> None:
        needed = sum(map(self.snapshot.listing.size, names))
        self._require_space(needed)
        self.meter.total += needed
        for name in names:
            self._fetch(name)
            self.fetched.append(name)
            self.meter.end(self.snapshot.listing.size(name))

    def _fetch(self, name: str) -> None:
        path, file = self.snapshot.folder / name, self.snapshot.listing.files[name]
        for again in (False, True):
            self._retrieve(name, again=again)
            if is_as_listed(path, file):
                self.snapshot.note(name)
                return
            path.unlink()
        raise HubError(
            f"'{self.snapshot.listing.repo_id}': '{name}' came with other bytes than the Hub "
            "lists, twice; something between here and the Hub changes it, or it is damaged there"
        )

    def _retrieve(self, name: str, *, again: bool) -> None:
        """Fetch a file once; `again` passes by whatever the client has of it elsewhere."""
        listing = self.snapshot.listing
        call = partial(
            self.api.hf_hub_download,
            listing.repo_id,
            name,
            revision=listing.sha,
            local_dir=self.snapshot.folder,
            force_download=again,
            tqdm_class=counting_bar(carried(self.meter.add)),
        )

        def attempt() -> None:
            carried(self.meter.begin)(name)
            call()

        with hub_errors(listing.repo_id, revision=listing.sha), quiet_client():
            # The client would keep a file that it knows, damaged or not.
            (self.snapshot.folder / name).unlink(missing_ok=True)
            retried(attempt, policy=self.policy, before_wait=carried(self.meter.wait))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep others from fetching into the folder: they would take files from each other."""
        folder = self.snapshot.folder
        with ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(WeakFileLock(folder.with_name(f"{folder.name}.lock")))
            except OSError as error:
                if error.errno in NO_SPACE:
                    raise DiskFullError(f"no space left for the cache '{folder}'") from error
                raise OutputError(
                    f"the cache '{folder}' cannot be written: {error.strerror or error}; name "
                    "another folder in ZOO_COMPRESS_CACHE"
                ) from error
            yield

    def _sweep(self) -> None:
        """Remove what commands that were killed have left behind; nobody else is at work here."""
        for part in (self.snapshot.folder / ".cache").rglob("*.incomplete"):
            part.unlink(missing_ok=True)

    def _require_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.snapshot.folder).free
        if needed > free:
            raise DiskFullError(
                f"'{self.snapshot.listing.repo_id}': the files take {readable_bytes(needed)} and "
                f"'{self.snapshot.folder}' has {readable_bytes(free)} left; free some space, or "
                "name another folder in ZOO_COMPRESS_CACHE"
            )


def counting_bar(add: Callable[[int], None]) -> Any:
    """Return a class of progress bars that draw nothing and hand on the bytes that they count."""

    class CountingBar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> None:
            add(int(n or 0))

        # With Xet the bytes come twice, from the network and as a file; the file's are counted.
        def update_transfer(self, n: int) -> None:
            pass

        def set_transfer_postfix_str(self, *args: Any, **options: Any) -> None:
            pass

    return CountingBar
