"""`package --target triton`: a model repository of Triton Inference Server."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from zoo_compress.core import Artifact, ProgressCallback
from zoo_compress.deploy.arrangement import Arrangement
from zoo_compress.deploy.served_model import ServedModel
from zoo_compress.deploy.triton import CONFIG_FILE, MODEL_FILE, VERSION, model_config
from zoo_compress.deploy.triton_readme import triton_readme
from zoo_compress.deploy.triton_shadow import ORIGINAL_SUFFIX, SHADOW_SUFFIX, shadow_config
from zoo_compress.errors import SourceError
from zoo_compress.graph.load import model_digest
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline.package_settings import PackageSettings
from zoo_compress.pipeline.package_source import Goods
from zoo_compress.pipeline.package_trial import try_out
from zoo_compress.pipeline.settings import cache_folder

EMPTY = b"Triton wants a folder for the version of an ensemble, which has no file of its own.\n"


@dataclass(frozen=True, kw_only=True)
class _Repository:
    """What a repository holds besides the files of the model itself."""

    added: Mapping[str, Path | bytes]
    notes: tuple[str, ...] = ()


def arrange_triton(
    goods: Goods, settings: PackageSettings, progress: ProgressCallback
) -> Arrangement:
    """Put the model into a folder for its first version, beside a configuration.

    Raises:
        SourceError: If the original was asked for and is not known, or is another model now.
        InputError: If the model does not run.
    """
    name = settings.name or goods.name
    trial = try_out(goods.artifact, name=name, data=settings.data)
    made = _repository(goods, settings, trial.model, progress)
    usage = triton_readme(trial.model, shadow=_shadow_of(name) if settings.with_original else None)
    return Arrangement(
        home=name,
        places={file: _place(goods, file) for file in goods.names},
        added={**made.added, "README.md": usage.encode()},
        next=(f"tritonserver --model-repository {shlex.quote(str(settings.out))}",),
        notes=(*([trial.note] if trial.note is not None else []), *made.notes),
    )


def _place(goods: Goods, file: str) -> str:
    if file == goods.model:
        return f"{VERSION}/{MODEL_FILE}"
    return f"{VERSION}/{file}" if file in goods.data else file


def _repository(
    goods: Goods, settings: PackageSettings, model: ServedModel, progress: ProgressCallback
) -> _Repository:
    if not settings.with_original:
        return _Repository(added={f"{model.name}/{CONFIG_FILE}": _config(model, settings)})
    original = _original(goods, progress)
    trial = try_out(original, name=model.name + ORIGINAL_SUFFIX, data=settings.data)
    # An ensemble has one batch axis for all, or none.
    batched = model.batched and trial.model.batched
    pair = [replace(served, batched=batched) for served in (model, trial.model)]
    shadow = shadow_config(_shadow_of(model.name), *pair)
    configs = {f"{served.name}/{CONFIG_FILE}": _config(served, settings) for served in pair}
    return _Repository(
        added={
            **configs,
            **_files(original, f"{trial.model.name}/{VERSION}"),
            f"{_shadow_of(model.name)}/{CONFIG_FILE}": shadow.encode(),
            f"{_shadow_of(model.name)}/{VERSION}/empty.txt": EMPTY,
        },
        notes=() if trial.note is None else (f"the original: {trial.note}",),
    )


def _config(model: ServedModel, settings: PackageSettings) -> bytes:
    text = model_config(model, device=settings.device, instances=settings.instances)
    return text.encode()


def _shadow_of(name: str) -> str:
    return name + SHADOW_SUFFIX


def _files(artifact: Artifact, folder: str) -> dict[str, Path | bytes]:
    home = artifact.model_path.parent
    files: dict[str, Path | bytes] = {f"{folder}/{MODEL_FILE}": artifact.model_path}
    for path in artifact.data_files:
        files[f"{folder}/{path.relative_to(home).as_posix()}"] = path
    return files


def _original(goods: Goods, progress: ProgressCallback) -> Artifact:
    """Return the model that this one was made from, if it is still the same."""
    if goods.original is None or goods.original_source is None:
        raise SourceError(
            f"'{goods.source}' does not say what it was made from; for --with-original package "
            "the folder of its run"
        )
    original = resolve(goods.original_source, cache=cache_folder(), progress=progress)
    digest = model_digest(original.model_path)
    if goods.original.sha256 not in (None, digest):
        raise SourceError(
            f"'{goods.original_source}' is not the model that '{goods.source}' was made from: its "
            f"sha256 is {digest[:12]}…, expected {str(goods.original.sha256)[:12]}…"
        )
    return original
