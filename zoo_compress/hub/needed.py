"""Which files of a repository belong to a model."""

from __future__ import annotations

from pathlib import PurePosixPath

from zoo_compress.errors import ExternalDataError
from zoo_compress.graph.external import ExternalReference, external_references
from zoo_compress.graph.load import read_proto
from zoo_compress.hub.companions import HINT_FILES, is_companion
from zoo_compress.hub.listing import Listing
from zoo_compress.hub.snapshot import Snapshot

NEVER_DATA = {".onnx", ".json", ".md", ".txt", ".py", ".yaml", ".yml", ".model", ".jinja"}
"""Suffixes of files that hold no tensors of a model in another file."""


def companions_of(listing: Listing, model: str) -> list[str]:
    """Return the config, tokenizer, preprocessor and card files that belong to a model."""
    return [
        name for name in listing.files if name in HINT_FILES or is_companion(name, model=model)
    ]


def external_data_of(snapshot: Snapshot, model: str) -> list[str]:
    """Return the files that the tensors of a model lie in; the model itself must be here.

    Raises:
        SourceError: If the model is damaged or no ONNX.
        ExternalDataError: If a tensor lies in a file that the repository lacks, or outside the
            model's folder.
    """
    home = PurePosixPath(model).parent
    names: dict[str, None] = {}
    for reference in _references(snapshot, model):
        name = (home / reference.location).as_posix()
        if name not in snapshot.listing.files:
            raise ExternalDataError(
                f"'{snapshot.listing.repo_id}': tensor '{reference.tensor}' of '{model}' lies in "
                f"'{reference.location}', which the repository does not have"
            )
        names[name] = None
    return list(names)


def may_have_external_data(listing: Listing, model: str) -> bool:
    """Tell whether any file in the model's folder could hold tensors of it."""
    home = PurePosixPath(model).parent
    paths = [PurePosixPath(name) for name in listing.files]
    return any(
        home in path.parents and path.suffix not in NEVER_DATA and not path.name.startswith(".")
        for path in paths
    )


def _references(snapshot: Snapshot, model: str) -> tuple[ExternalReference, ...]:
    try:
        return external_references(read_proto(snapshot.folder / model))
    except ExternalDataError as error:
        raise ExternalDataError(f"'{snapshot.listing.repo_id}': '{model}': {error}") from error
