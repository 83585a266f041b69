"""Make `zoo-compress` a command of the Hub's own command line, `hf zoo-compress`.

`hf` keeps a folder for each extension, with a manifest that names the program to run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from zoo_compress.errors import OutputError, PluginError
from zoo_compress.files import atomic_write

if TYPE_CHECKING:
    from huggingface_hub.cli.extensions import ExtensionManifest

NAME = "zoo-compress"
PROGRAM = f"hf-{NAME}"

# `hf extensions update` fetches OWNER/REPOSITORY from GitHub, where no owner can have this name.
OWNER = "(installed by pip)"
DESCRIPTION = "Compress an ONNX model to a byte budget, with a certified distance."

# `hf` asks GitHub for a newer version when this file is older than a day.
CHECKED_FILE = ".latest_commit"
NEVER = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, kw_only=True)
class Extension:
    """What `hf` knows of the command.

    Attributes:
        folder: Where its manifest is.
        program: The program that it runs.
        ours: Whether `install` has written it; else it came with `hf extensions install`.
    """

    folder: Path
    program: Path
    ours: bool


def installed() -> Extension | None:
    """Return what `hf` has registered under our name, None if that is nothing.

    Raises:
        PluginError: If the installed client knows no extensions.
        OutputError: If its manifest is damaged.
    """
    folder = _folder()
    if not folder.exists():
        return None
    manifest = _manifest(folder)
    return Extension(
        folder=folder, program=Path(manifest.executable_path), ours=manifest.owner == OWNER
    )


def install(program: Path) -> Extension:
    """Register a program as `hf zoo-compress`; an earlier registration of ours is replaced.

    Args:
        program: The program `hf-zoo-compress`.

    Raises:
        PluginError: If there is no such program, or the client knows no extensions.
        OutputError: If somebody else's extension has that name, or the manifest cannot be
            written.
    """
    if not program.is_file():
        raise PluginError(f"'{program}' is missing; install zoo-compress again with pip")
    _require_no_other()
    folder = _folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _new_manifest(program).save(folder)
        atomic_write(folder / CHECKED_FILE, "")
        os.utime(folder / CHECKED_FILE, (NEVER, NEVER))
    except OSError as error:
        raise OutputError(f"'{folder}' cannot be written: {error.strerror}") from error
    return Extension(folder=folder, program=program, ours=True)


def remove() -> Extension | None:
    """Take the registration back; return what it was, None if there was none.

    Raises:
        PluginError: If the client knows no extensions.
        OutputError: If the extension of that name is not ours, or its files cannot be removed.
    """
    found = _require_no_other()
    if found is None:
        return None
    try:
        for name in (_manifest_name(), CHECKED_FILE):
            (found.folder / name).unlink(missing_ok=True)
        found.folder.rmdir()
    except OSError as error:
        raise OutputError(f"'{found.folder}' cannot be removed: {error.strerror}") from error
    return found


def _require_no_other() -> Extension | None:
    found = installed()
    if found is not None and not found.ours:
        raise OutputError(
            f"'{found.folder}' holds another extension of that name; "
            f"`hf extensions remove {NAME}` removes it"
        )
    return found


def _new_manifest(program: Path) -> ExtensionManifest:
    from huggingface_hub.cli.extensions import ExtensionManifest

    return ExtensionManifest(
        owner=OWNER,
        repo=NAME,
        repo_id=f"{NAME} {OWNER}",
        short_name=NAME,
        executable_path=str(program),
        type="python",
        installed_at=datetime.now(UTC),
        description=DESCRIPTION,
    )


def _manifest(folder: Path) -> ExtensionManifest:
    from huggingface_hub.cli.extensions import ExtensionManifest
    from huggingface_hub.errors import CLIError

    try:
        return ExtensionManifest.load(folder)
    except (CLIError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise OutputError(
            f"'{folder}' holds no usable manifest ({error}); "
            f"`hf extensions remove {NAME}` removes it"
        ) from error


def _folder() -> Path:
    try:
        from huggingface_hub.cli.extensions import EXTENSIONS_ROOT
    except ImportError as error:
        raise PluginError(
            "the installed huggingface_hub has no extensions; `pip install -U huggingface_hub`"
        ) from error
    return EXTENSIONS_ROOT.expanduser() / PROGRAM


def _manifest_name() -> str:
    from huggingface_hub.cli.extensions import MANIFEST_FILENAME

    return MANIFEST_FILENAME
