"""Make `zoo-compress` a command of optimum-cli.

optimum-cli searches the namespace `optimum.commands.register` for files. One that came with our
package would make `optimum` importable where it is not installed, and other libraries would take
it for there; so it is written on request only.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import cache_from_source
from pathlib import Path

from zoo_compress.errors import OutputError
from zoo_compress.files import atomic_write

NAMESPACE = ("optimum", "commands", "register")
FILE = "register_zoo_compress.py"

CONTENT = '''"""Written by `zoo-compress plugin install`; `plugin remove` removes it."""

from importlib.util import find_spec

REGISTER_COMMANDS = []
if find_spec("zoo_compress") is not None:
    from zoo_compress.cli.optimum_command import ZooCompressCommand

    REGISTER_COMMANDS.append(ZooCompressCommand)
'''


def optimum_version() -> str | None:
    """Return the version of optimum, None where it is not installed."""
    try:
        return importlib.metadata.version("optimum")
    except importlib.metadata.PackageNotFoundError:
        return None


def registered(site: Path) -> Path | None:
    """Return the file that makes the command known, None if there is none.

    Args:
        site: The folder that packages are installed in.
    """
    path = site.joinpath(*NAMESPACE, FILE)
    return path if path.is_file() else None


def register(site: Path) -> Path:
    """Write that file and return it.

    Raises:
        OutputError: If it cannot be written.
        DiskFullError: If there is no space.
    """
    path = site.joinpath(*NAMESPACE, FILE)
    with _told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, CONTENT)
    return path


def unregister(site: Path) -> Path | None:
    """Remove that file, and the folders that hold nothing else; return it, None if it is missing.

    Raises:
        OutputError: If it cannot be removed.
    """
    path = registered(site)
    if path is None:
        return None
    compiled = Path(cache_from_source(str(path)))
    with _told(path):
        path.unlink()
        compiled.unlink(missing_ok=True)
    # An empty folder would be the namespace still.
    with suppress(OSError):
        if compiled.parent.is_dir():
            compiled.parent.rmdir()
        for folder in list(path.parents)[: len(NAMESPACE)]:
            folder.rmdir()
    return path


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"'{path}' cannot be changed: {error.strerror or error}") from error
