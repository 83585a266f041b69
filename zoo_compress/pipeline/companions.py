"""Carry the files that belong to a model over into the folder of a run."""

from __future__ import annotations

from pathlib import Path

from zoo_compress.core import Artifact
from zoo_compress.files import atomic_write


def copied_companions(artifact: Artifact) -> list[Path]:
    """Return the config, tokenizer and preprocessor files that go beside the compressed model.

    Links are not followed: what they point to need not belong to the model.
    """
    return [path for path in artifact.companions if not path.is_symlink()]


def copy_companions(artifact: Artifact, folder: Path) -> None:
    """Copy them."""
    for path in copied_companions(artifact):
        atomic_write(folder / path.name, path.read_bytes())


def skipped_companions(artifact: Artifact) -> tuple[str, ...]:
    """Return a note that names the companions that are links, and so are not copied."""
    links = [path.name for path in artifact.companions if path.is_symlink()]
    return (f"not copied, since they are links: {', '.join(links)}",) if links else ()
