"""What is to be packaged: the model of a finished run, or any other, with what belongs to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from zoo_compress.core import Artifact, Plan, ProgressCallback
from zoo_compress.hub.companions import root_of
from zoo_compress.hub.contents import Content
from zoo_compress.hub.resolve import SAMPLE_PREFIX, describe, resolve
from zoo_compress.manifest import OriginalRecord, is_bundle, read_manifest
from zoo_compress.pipeline.companions import copied_companions, skipped_companions
from zoo_compress.pipeline.folder import (
    CARD_FILE,
    MODEL_FILE,
    PLAN_FILE,
    RECIPE_FILE,
    REPORT_FILE,
    SPLIT_FILE,
    holds_run,
)
from zoo_compress.pipeline.made_by import original_in, report_on
from zoo_compress.pipeline.published import published_report, published_source, to_json
from zoo_compress.pipeline.push_contents import published_contents
from zoo_compress.pipeline.record import origin_record
from zoo_compress.pipeline.run_files import FinishedRun, finished_run, require_checked
from zoo_compress.pipeline.settings import RunSettings, cache_folder
from zoo_compress.plan import read_plan
from zoo_compress.report.card import PICTURES

Contents = Callable[[Mapping[str, str]], tuple[Content, ...]]
"""Takes where each file goes, by its name, and returns the files."""

EVIDENCE = (PLAN_FILE, RECIPE_FILE, SPLIT_FILE, *PICTURES)
"""Files that a run leaves beside its model."""


@dataclass(frozen=True, kw_only=True)
class Goods:
    """A model to package.

    Attributes:
        artifact: Where it lies now.
        name: What it is called, by its origin.
        source: What was named, without folders of this machine.
        names: All its files but `run.json`, by the names that they have at one place.
        model: Which of them is the model.
        data: Which are its external data.
        contents: The files, once it is known where they go.
        original: What the model was made from; None where it is, as far as known, an original.
        original_source: SOURCE of the original on this machine.
        plan: The plan that made it.
        from_run: Whether it is the model of a finished run, which has passed the gate.
        notes: What the user should know.
    """

    artifact: Artifact
    name: str
    source: str
    names: tuple[str, ...]
    model: str
    data: tuple[str, ...]
    contents: Contents
    original: OriginalRecord | None = None
    original_source: str | None = None
    plan: Plan | None = None
    from_run: bool = False
    notes: tuple[str, ...] = ()


def find_goods(source: str, progress: ProgressCallback) -> Goods:
    """Return the model that is to be packaged.

    Args:
        source: The folder of a finished run, or a SOURCE as every command takes it.
        progress: Told how far a download has come.

    Raises:
        OutputError: If it is a run that is not finished, or whose files were changed.
        ZooCompressError: As for `resolve`.
    """
    folder = Path(source)
    if not source.startswith(SAMPLE_PREFIX) and folder.is_dir():
        require_checked(folder)
        if holds_run(folder):
            return _of_run(finished_run(folder))
    artifact = resolve(source, cache=cache_folder(), progress=progress)
    home = artifact.model_path.parent
    require_checked(home)
    # Named by its file, the model of a run is still that of the run.
    if holds_run(home) and artifact.model_path.name == MODEL_FILE:
        return _of_run(finished_run(home))
    return _of_model(artifact)


def _of_run(run: FinishedRun) -> Goods:
    settings, report = RunSettings.load(run.folder), run.report
    origin = report.get("origin") or {}
    return Goods(
        artifact=describe(str(run.folder), run.folder, run.model_path),
        name=_name(settings.source),
        source=run.folder.resolve().name,
        names=run.names,
        model=run.model,
        data=run.data,
        contents=partial(published_contents, run, settings),
        original=OriginalRecord(
            source=published_source(settings.source, origin),
            revision=report.get("revision"),
            sha256=report.get("model_sha256"),
        ),
        original_source=settings.source,
        plan=read_plan(run.folder / PLAN_FILE).plan,
        from_run=True,
    )


def _of_model(artifact: Artifact) -> Goods:
    folder = Path(artifact.source)
    bundle = read_manifest(folder) if is_bundle(folder) else None
    home = folder / bundle.home if bundle is not None else root_of(artifact.model_path)
    report = report_on(artifact.model_path, home)
    files = _files(artifact, home, evidence=report is not None)
    plan = read_plan(files[PLAN_FILE]).plan if PLAN_FILE in files else None
    original = bundle.original if bundle is not None else original_in(report)
    return Goods(
        artifact=artifact,
        name=_name(artifact.source) if bundle is None else bundle.name,
        source=published_source(artifact.source, origin_record(artifact)),
        names=tuple(files),
        model=artifact.model_path.name,
        data=tuple(name for name, path in files.items() if path in artifact.data_files),
        contents=partial(_model_contents, files, artifact.model_path.name, report),
        original=original,
        original_source=None if original is None else original.source,
        plan=plan,
        notes=(*artifact.notes, *skipped_companions(artifact)),
    )


def _files(artifact: Artifact, home: Path, *, evidence: bool) -> dict[str, Path]:
    """Return the files of a model by the names that they have beside it."""
    model = artifact.model_path
    files = copied_companions(artifact)
    # A README without front matter need not speak of the model.
    own = (CARD_FILE,) if artifact.metadata else ()
    for name in (*own, *(EVIDENCE if evidence else ())):
        if (home / name).is_file() and not (home / name).is_symlink():
            files[name] = home / name
    files |= {path.relative_to(model.parent).as_posix(): path for path in artifact.data_files}
    # The user may name the model by a link; what they named is what is packaged.
    return files | {model.name: model.resolve()}


def _model_contents(
    files: Mapping[str, Path],
    model: str,
    report: Mapping[str, Any] | None,
    places: Mapping[str, str],
) -> tuple[Content, ...]:
    contents = [Content.of(places[name], path) for name, path in files.items()]
    if report is not None:
        written = published_report(
            report,
            source=str(report.get("source")),
            model=places[model],
            plan=places.get(PLAN_FILE, PLAN_FILE),
        )
        written["files"] = {c.path: {"bytes": c.size, "sha256": c.sha256} for c in contents}
        contents.append(Content.of(REPORT_FILE, to_json(written)))
    return tuple(sorted(contents, key=lambda content: content.path))


def _name(source: str) -> str:
    """Return a name for a model: of a sample, a repository, a file or its folder."""
    local = Path(source)
    if source.startswith(SAMPLE_PREFIX):
        name = source.removeprefix(SAMPLE_PREFIX)
    elif not local.exists() and re.match(r"[\w.-]+/[\w.-]+([@:]|$)", source):
        name = re.split(r"[@:]", source)[0].partition("/")[2]
    elif local.is_dir():
        name = local.resolve().name
    else:
        path = PurePosixPath(local.absolute().as_posix())
        home = path.parent.parent if path.parent.name == "onnx" else path.parent
        name = home.name if path.stem == "model" else path.stem
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-._") or "model"
