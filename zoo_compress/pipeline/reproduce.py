"""`apply`: write the compressed model again from the original and a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo_compress.core import Artifact, Feed, Progress, ProgressCallback, ignore_progress
from zoo_compress.errors import InputError, OutputError, PlanError
from zoo_compress.graph.load import load_model, model_digest
from zoo_compress.graph.signature import signature
from zoo_compress.hub.plan_source import resolve_plan
from zoo_compress.hub.resolve import resolve
from zoo_compress.pipeline.calibrate import calibrate, observes, recorded_feeds
from zoo_compress.pipeline.equalise import equalised_as
from zoo_compress.pipeline.inputs import gather_inputs
from zoo_compress.pipeline.prepare import Prepared, prepare_as
from zoo_compress.pipeline.removal import remove_as
from zoo_compress.pipeline.settings import cache_folder
from zoo_compress.pipeline.write import write_plan
from zoo_compress.plan import CalibrationRecord, PlanFile, read_plan
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.environment import versions
from zoo_compress.techniques.base import Technique
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.encoder import Encoder


@dataclass(frozen=True, kw_only=True)
class ApplyResult:
    """The written model.

    Attributes:
        path: Its file.
        stored_bytes: Its size, external data included.
        sha256: Its digest, external data included.
        notes: What the user should know.
    """

    path: Path
    stored_bytes: int
    sha256: str
    notes: tuple[str, ...] = ()


def apply(
    source: str,
    *,
    plan: str | Path,
    out: Path,
    data: str | None = None,
    overwrite: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> ApplyResult:
    """Write the model that a plan file describes; same versions, same bytes.

    Args:
        source: The original model.
        plan: The plan file of a run, or `OWNER/NAME[@REVISION][:FILE.json]` for the one of a run
            that was pushed.
        out: The `.onnx` file to write.
        data: Where the inputs are now that the weights were repaired with; None for where they
            were then.
        overwrite: Whether `out` may be replaced.
        progress: Told how far the work has come.

    Raises:
        PlanError: If the plan cannot be read or was made for another model, or if the weights
            were repaired with other inputs.
        InputError: If the inputs cannot be read.
        OutputError: If `out` exists, or its folder does not.
    """
    _check_target(out, overwrite=overwrite)
    wanted = read_plan(resolve_plan(str(plan), cache=cache_folder(), progress=progress))
    artifact = resolve(source, cache=cache_folder(), progress=progress)
    if out.resolve() in {path.resolve() for path in (artifact.model_path, *artifact.data_files)}:
        raise OutputError(f"'{out}' is the original itself; name another file with --out")
    found = model_digest(artifact.model_path)
    if found != wanted.model_sha256:
        raise PlanError(
            f"plan '{plan}' was made for a model with sha256 {wanted.model_sha256[:12]}…, "
            f"'{source}' has {found[:12]}…"
        )
    record = wanted.calibration
    prepared = prepare_as(
        artifact,
        simplified=wanted.simplified,
        raised_to=wanted.raised_to,
        biases=record is not None and record.corrects_biases,
    )
    feeds = () if record is None else _feeds(record, artifact, data)
    if wanted.removal is not None:
        seed = 0 if record is None else record.seed
        prepared = remove_as(prepared, wanted.removal, feeds, seed=seed, progress=progress)
    prepared = equalised_as(prepared, wanted=wanted.equalised)
    techniques = _techniques(wanted)
    calibrations = _calibrations(
        record, prepared, feeds, observing=observes(techniques), progress=progress
    )
    progress(Progress(stage="write", done=0, total=1))
    encoder = Encoder(
        sites=prepared.found.sites,
        weights=prepared.weights(),
        techniques=techniques,
        calibrations=calibrations,
        halved=prepared.halved_biases(wanted.biases),
    )
    files = write_plan(prepared, wanted.plan, encoder, out)
    progress(Progress(stage="write", done=1, total=1))
    return ApplyResult(
        path=out,
        stored_bytes=sum(file.stat().st_size for file in files),
        sha256=model_digest(out),
        notes=_other_versions(wanted),
    )


def _check_target(out: Path, *, overwrite: bool) -> None:
    if out.is_dir():
        raise OutputError(f"'{out}' is a folder, expected the .onnx file to write")
    if out.exists() and not overwrite:
        raise OutputError(f"'{out}' exists; use --overwrite or another --out")
    if not out.parent.is_dir():
        raise OutputError(f"'{out.parent}' is no folder; make it first")


def _calibrations(
    record: CalibrationRecord | None,
    prepared: Prepared,
    feeds: Sequence[Feed],
    *,
    observing: bool,
    progress: ProgressCallback,
) -> dict[str, Calibration]:
    if record is None:
        return {}
    return calibrate(
        prepared,
        feeds,
        record.repair,
        observing=observing,
        seed=record.seed,
        progress=progress,
    )


def _feeds(record: CalibrationRecord, artifact: Artifact, data: str | None) -> Sequence[Feed]:
    """Return the inputs that the run was calibrated with.

    Raises:
        InputError: If they lie somewhere else now.
        PlanError: If they are others.
    """
    if data is None and not _at_hand(record.data):
        raise InputError(
            f"the plan's weights were repaired with inputs from '{record.data}', which is not "
            "here; say with --data where they are"
        )
    inputs, _ = gather_inputs(
        artifact,
        signature(load_model(artifact.model_path)).inputs,
        data=record.data if data is None else data,
        search=record.search_inputs + record.calibration_inputs,
        seed=record.seed,
    )
    return recorded_feeds(record, inputs)


def _at_hand(data: str | None) -> bool:
    return data in (None, "synthetic") or Path(str(data)).exists()


def _techniques(plan: PlanFile) -> dict[str, Technique]:
    names = sorted({choice.technique for choice in plan.choices.values()})
    return {name: load_plugin("techniques", name)({}) for name in names}


def _other_versions(plan: PlanFile) -> tuple[str, ...]:
    """Return a note if the versions that shape the file are not those of the plan."""
    here = versions()
    shaping = ("zoo-compress", "onnx", "onnx-ir", "onnxslim", "numpy")
    others = [
        f"{name} {here.get(name)} instead of {plan.versions.get(name)}"
        for name in shaping
        if here.get(name) != plan.versions.get(name)
    ]
    if not others:
        return ()
    return (f"written with {', '.join(others)}: bytes may differ from the run's",)
