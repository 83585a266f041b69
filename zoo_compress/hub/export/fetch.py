"""Fetch from the Hub what a model is exported from."""

from __future__ import annotations

from pathlib import Path

from zoo_compress.hub.export.architecture import read_architecture
from zoo_compress.hub.export.convert import require_exporter
from zoo_compress.hub.export.files import CONFIG, files_to_export
from zoo_compress.hub.needed import companions_of
from zoo_compress.hub.repository import HubRepository
from zoo_compress.hub.variant import without_onnx


def fetch_to_export(repository: HubRepository) -> Path:
    """Fetch the configuration and, if its model can be exported, weights and companions.

    Returns:
        The folder that they are in.

    Raises:
        SourceError: If the repository holds nothing that can be exported, or the packages that
            export are not installed.
        ZooCompressError: Whatever keeps a file from being here whole.
    """
    listing = repository.listing
    files = files_to_export(listing.files)
    if files is None:
        sizes = {name: remote.size for name, remote in listing.files.items()}
        raise without_onnx(listing.repo_id, sizes)
    require_exporter(listing.repo_id)
    repository.download.fetch([CONFIG])
    read_architecture(repository.root)
    names = dict.fromkeys([*files, *companions_of(listing, CONFIG)])
    repository.download.fetch(list(names))
    return repository.root
