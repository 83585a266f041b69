"""What a folder of data holds: images, texts or recordings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from zoo_compress.core import TensorSpec
from zoo_compress.data.images import SUFFIXES as IMAGES
from zoo_compress.data.recordings import SUFFIXES as RECORDINGS
from zoo_compress.data.sound_feeds import takes_sound
from zoo_compress.data.text_feeds import takes_text
from zoo_compress.errors import InputError

Kind = Literal["images", "texts", "recordings"]
SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "images": IMAGES,
    "texts": (".txt",),
    "recordings": RECORDINGS,
}


def folder_kind(folder: Path, specs: Sequence[TensorSpec]) -> Kind:
    """Return what of a folder's files to load: what the model takes if there is some, else any.

    Loading the latter fails, with a message that says what the model takes instead.

    Raises:
        InputError: If there is nothing of the kind.
    """
    # Hidden ones are what other programs leave behind, such as previews.
    found = {p.suffix.lower() for p in folder.rglob("*") if not p.name.startswith(".")}
    kinds = [kind for kind, suffixes in SUFFIXES.items() if not found.isdisjoint(suffixes)]
    if not kinds:
        listed = "; ".join(f"{kind}: {', '.join(some)}" for kind, some in SUFFIXES.items())
        raise InputError(f"folder '{folder}' has no images, texts or recordings ({listed})")
    wanted = model_kind(specs)
    return wanted if wanted in kinds else kinds[0]


def model_kind(specs: Sequence[TensorSpec]) -> Kind:
    """Return what a model takes, as far as its inputs tell."""
    if takes_text(specs):
        return "texts"
    return "recordings" if takes_sound(specs) else "images"
