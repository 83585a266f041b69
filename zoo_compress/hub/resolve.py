"""Turn what the user typed as SOURCE into a model on disk."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from zoo_compress.core import Artifact, ProgressCallback, ignore_progress
from zoo_compress.errors import SampleError, SourceError
from zoo_compress.graph.load import data_files
from zoo_compress.hub.companions import find_companions, pooling_of, root_of, task_of
from zoo_compress.hub.export.files import files_to_export
from zoo_compress.hub.hub_id import HubId, parse_hub_id
from zoo_compress.hub.inventory import take_stock
from zoo_compress.hub.metadata import licence_in, read_metadata
from zoo_compress.hub.variant import choose_variant, in_full_precision, without_onnx
from zoo_compress.manifest import is_bundle, read_manifest, require_unchanged
from zoo_compress.registry import load_plugin, plugin_names

if TYPE_CHECKING:
    from zoo_compress.hub.repository import HubRepository

SAMPLE_PREFIX = "sample:"

FORMS = (
    "sample:NAME, a path to an .onnx file, a folder in the Hub's layout (FOLDER or "
    "FOLDER:onnx/NAME.onnx), the folder of a bundle, or a Hub id "
    "(OWNER/NAME[@REVISION][:FILE.onnx])"
)


def resolve(source: str, *, cache: Path, progress: ProgressCallback = ignore_progress) -> Artifact:
    """Find the model that `source` names, fetching it if it is on the Hub or a sample.

    Args:
        source: `sample:NAME`; a path of an `.onnx` file; a folder in the Hub's layout, with
            `:path/in/folder.onnx` if it holds several models; the folder of a bundle; or a Hub id
            `owner/name[@revision][:path/in/repo.onnx]`. What looks like a path (it exists, starts
            with `.`, `/` or `~`, or ends in `.onnx`) is never looked up on the Hub.
        cache: Folder for what is fetched or exported.
        progress: Told how far a download has come.

    Raises:
        SourceError: If there is no such model, or it is damaged or ambiguous, or a file of a
            bundle was changed.
        ExternalDataError: If its external data is missing or outside its folder.
        SampleError: If the sample is unknown.
        HubError: If the Hub refuses or cannot be reached.
    """
    if source.startswith(SAMPLE_PREFIX):
        return _sample(source.removeprefix(SAMPLE_PREFIX), cache)
    # os.path answers False where pathlib raises: names that no file can have.
    if os.path.isdir(source):
        return _from_folder(source, Path(source), cache, progress)
    if (local := _local_file(source)) is not None:
        return describe(source, *local)
    if (hub_id := parse_hub_id(source)) is not None:
        return _from_hub(source, hub_id, cache, progress)
    raise SourceError(f"'{source}' is no model source; accepted are {FORMS}")


def describe(source: str, root: Path, model_path: Path) -> Artifact:
    """Return the artifact of a model in a folder, with all that the folder says about it.

    Raises:
        SourceError: If the model cannot be read.
        ExternalDataError: If its external data cannot be used.
    """
    companions, metadata = find_companions(root, model_path), read_metadata(root)
    return Artifact(
        source=source,
        model_path=model_path,
        data_files=data_files(model_path),
        companions=companions,
        licence=licence_in(metadata),
        task=task_of(root, companions),
        metadata=metadata,
        pooling=pooling_of(root),
    )


def sources_of(
    source: str, *, cache: Path, progress: ProgressCallback = ignore_progress
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a source for each model of a folder or repository, and notes on how they were found.

    Models that are others of them in another precision are left out. A repository is taken at
    one commit, which the sources name.

    Args:
        source: A folder, or a Hub id without a file.
        cache: Folder for what is fetched.
        progress: Told how far that has come.

    Raises:
        SourceError: If the source is no folder or repository, or holds no model.
        HubError: If the Hub refuses or cannot be reached.
    """
    if os.path.isdir(source):
        files = _models_in(Path(source))
        models = in_full_precision(take_stock(files).models)
        if not models:
            raise without_onnx(source, files)
        return tuple(f"{source}:{model}" for model in models), ()
    hub_id = None if _is_path_like(source) else parse_hub_id(source)
    if hub_id is None or hub_id.file is not None:
        raise SourceError(f"'{source}' is no folder or repository that could hold several models")
    from zoo_compress.hub.repository import open_repository

    repository = open_repository(
        hub_id.repo_id, revision=hub_id.revision, cache=cache, progress=progress
    )
    models = in_full_precision(repository.choose(every=True))
    place = f"{hub_id.repo_id}@{repository.listing.sha}"
    return tuple(f"{place}:{model}" for model in models), repository.notes


def _sample(name: str, cache: Path) -> Artifact:
    known = plugin_names("samples")
    if name not in known:
        raise SampleError(f"no sample '{name}'; there are {', '.join(known) or 'none'}")
    artifact: Artifact = load_plugin("samples", name)().artifact(cache)
    return artifact


def _from_folder(source: str, folder: Path, cache: Path, progress: ProgressCallback) -> Artifact:
    """Return the model of a bundle, an ONNX model, or what is exported from safetensors.

    Raises:
        SourceError: If the folder holds none of these.
    """
    if is_bundle(folder):
        return describe(source, *_model_of_bundle(folder))
    files = _models_in(folder)
    if take_stock(files).kind == "onnx":
        return describe(source, folder, folder / choose_variant(source, files))
    if files_to_export(files) is None:
        raise without_onnx(source, files)
    return _exported(source, folder, cache, progress)


def _exported(source: str, root: Path, cache: Path, progress: ProgressCallback) -> Artifact:
    # Imported late: what exports is an extra, and takes seconds to load.
    from zoo_compress.hub.export.convert import export_model

    exported = export_model(root, cache=cache, progress=progress)
    artifact = describe(source, root, exported.model_path)
    return replace(artifact, exported=exported.note, notes=(exported.note,))


def _local_file(source: str) -> tuple[Path, Path] | None:
    """Return root and model of a source that is the path of a file, None if it is none."""
    if os.path.exists(source):
        return root_of(Path(source)), Path(source)
    head, colon, file = source.partition(":")
    if colon and os.path.isdir(head):
        model = _model_in(Path(head), file)
        if is_bundle(Path(head)):
            return _other_model_of_bundle(Path(head), file), model
        return Path(head), model
    if _is_path_like(source):
        raise SourceError(f"'{source}': no such file or folder")
    return None


def _model_of_bundle(folder: Path) -> tuple[Path, Path]:
    """Return root and model of a bundle that `package` made, whose files were not changed."""
    manifest = read_manifest(folder)
    require_unchanged(folder, manifest, manifest.within(manifest.home))
    return folder / manifest.home, folder / manifest.model


def _other_model_of_bundle(folder: Path, file: str) -> Path:
    """Return the root of a model in a bundle that need not be the packaged one."""
    manifest = read_manifest(folder)
    parent = PurePosixPath(file).parent
    require_unchanged(folder, manifest, manifest.within(str(parent)))
    return folder / (manifest.home if file == manifest.model else parent)


def _is_path_like(source: str) -> bool:
    names_a_file_on_the_hub = ":" in source and parse_hub_id(source) is not None
    return source.startswith((".", "/", "~", "\\")) or (
        source.endswith(".onnx") and not names_a_file_on_the_hub
    )


def _models_in(folder: Path) -> dict[str, int | None]:
    found = [*folder.glob("*"), *folder.glob("onnx/*.onnx")]
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in found
        if path.is_file()
    }


def _model_in(folder: Path, file: str) -> Path:
    readings = (PurePosixPath(file), PureWindowsPath(file))
    if any(reading.anchor or ".." in reading.parts for reading in readings):
        raise SourceError(f"'{folder}:{file}': the part after ':' must lie inside the folder")
    if not (folder / file).is_file():
        raise SourceError(f"'{folder}:{file}': the folder holds no file '{file}'")
    return folder / file


def _from_hub(source: str, hub_id: HubId, cache: Path, progress: ProgressCallback) -> Artifact:
    # Imported late: the client takes a fifth of a second, which a local model need not pay.
    from zoo_compress.hub.repository import open_repository

    repository = open_repository(
        hub_id.repo_id, revision=hub_id.revision, cache=cache, progress=progress
    )
    if hub_id.file is None and repository.inventory.kind != "onnx":
        return _exported_from_hub(source, repository, cache, progress)
    pulled = repository.pull(repository.choose(hub_id.file)[0])
    return replace(
        describe(source, pulled.root, pulled.model_path),
        repo_id=hub_id.repo_id,
        revision=pulled.revision,
        file=pulled.file,
        gated=pulled.gated,
        notes=pulled.notes,
    )


def _exported_from_hub(
    source: str, repository: HubRepository, cache: Path, progress: ProgressCallback
) -> Artifact:
    from zoo_compress.hub.export.fetch import fetch_to_export

    artifact = _exported(source, fetch_to_export(repository), cache, progress)
    return replace(
        artifact,
        repo_id=repository.listing.repo_id,
        revision=repository.listing.sha,
        gated=repository.listing.gated,
        notes=(*repository.notes, *artifact.notes),
    )
