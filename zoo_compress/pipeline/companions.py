"""Carry the files that belong to a model over into the folder of a run."""

from __future__ import annotations

from pathlib import Path

from zoo_compress.core import Artifact
from zoo_compress.files import atomic_write
from zoo_compress.hub.companions import root_of
from zoo_compress.hub.sentence_transformers import sentence_files


def copied_companions(artifact: Artifact) -> dict[str, Path]:
    """Return the files that go beside the compressed model, by their names there.

    They are the config, tokenizer and preprocessor files, and those of sentence-transformers.
    Links are not followed: what they point to need not belong to the model.
    """
    own = {path.name: path for path in artifact.companions if not path.is_symlink()}
    return own | sentence_files(root_of(artifact.model_path))


def copy_companions(artifact: Artifact, folder: Path) -> None:
    """Copy them."""
    for name, path in copied_companions(artifact).items():
        (folder / name).parent.mkdir(exist_ok=True)
        atomic_write(folder / name, path.read_bytes())


def skipped_companions(artifact: Artifact) -> tuple[str, ...]:
    """Return a note that names the companions that are links, and so are not copied."""
    links = [path.name for path in artifact.companions if path.is_symlink()]
    return (f"not copied, since they are links: {', '.join(links)}",) if links else ()
