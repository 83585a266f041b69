"""`diagnose`: the figures by which the method can be checked on a model at hand."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import Progress, ProgressCallback, Task, ignore_progress
from zoo_compress.errors import DiskFullError, OutputError
from zoo_compress.files import NO_SPACE, atomic_write
from zoo_compress.pipeline.diagnosis import WEIGHT_ERROR, Findings
from zoo_compress.pipeline.folder import protect
from zoo_compress.pipeline.plan_effects import measure_plans
from zoo_compress.pipeline.pool import pool_of
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.site_effects import measure_sites, shown_options
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.runtime.environment import versions
from zoo_compress.stats.normality import SAMPLE_SIZES, normality_of_means

DIAGNOSIS_FILE = "diagnose.json"
# Three options of each of fifty weights then cost as much as 24 plans on 600 inputs.
SITE_INPUTS = 100


@dataclass(frozen=True, kw_only=True)
class DiagnoseSettings:
    """What the user asked for.

    Attributes:
        source: The model: a sample, a path or a Hub id.
        data: Inputs to compare on; None for the sample's own, else synthetic ones.
        recipe: Name of a shipped recipe or path of a YAML file.
        repetitions: Estimates to form for each number of inputs, at least 20.
        plans: Random plans to measure, at least 1.
        seed: Seed of every random choice.
        out: Folder of the figures; None for one under `runs/` named after the source.
        overwrite: Whether files in a folder that is not empty may be replaced.
        task: What the outputs mean, where the model's origin does not say.
    """

    source: str
    data: str | None = None
    recipe: str = "balanced"
    repetitions: int = 500
    plans: int = 24
    seed: int = 0
    out: Path | None = None
    overwrite: bool = False
    task: Task | None = None

    @property
    def folder(self) -> Path:
        """The folder of the figures."""
        if self.out is not None:
            return self.out
        name = re.sub(r"[^\w.-]+", "-", self.source.removeprefix("sample:"))
        return Path("runs") / f"diagnose-{name.strip('-.')}"

    def run_settings(self) -> RunSettings:
        """Return the settings of a run on the same model and data, its budget no limit."""
        return RunSettings(
            source=self.source,
            budget="size=1",
            data=self.data,
            recipe=self.recipe,
            seed=self.seed,
            task=self.task,
        )


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What a diagnosis has left behind.

    Attributes:
        report: The content of `diagnose.json`.
        folder: The folder of the figures.
        notes: What the user should know.
    """

    report: dict[str, Any]
    folder: Path
    notes: tuple[str, ...] = ()


def diagnose(
    settings: DiagnoseSettings, *, progress: ProgressCallback = ignore_progress
) -> Diagnosis:
    """Measure random plans and single options, draw the figures and write their numbers.

    Inputs of both sides of the split are used alike, since nothing is certified here.

    Raises:
        OutputError: If the folder is not empty and `overwrite` is not set.
        InputError: If no random plan gives finite outputs that vary between inputs.
        ZooCompressError: For everything else that the user can mend; see `zoo_compress.errors`.
    """
    # The figures load matplotlib, which no other verb needs.
    from zoo_compress.pipeline.diagnosis_figures import draw

    folder = settings.folder
    _check_folder(folder, overwrite=settings.overwrite)
    study = build_study(settings.run_settings(), progress)
    protect(folder, study.sources())
    findings = _findings(settings, study, progress)
    _make(folder)
    figures = draw(findings, folder, progress)
    report = _header(settings, study) | findings.numbers() | {"figures": figures}
    atomic_write(folder / DIAGNOSIS_FILE, json.dumps(report, indent=2, allow_nan=False) + "\n")
    return Diagnosis(report=report, folder=folder, notes=(*study.notes, *findings.losses))


def _findings(settings: DiagnoseSettings, study: Study, progress: ProgressCallback) -> Findings:
    # It loads scikit-optimize, which no other part of this verb needs.
    from zoo_compress.search.toy import toy_search

    rng = np.random.default_rng(settings.seed)
    pool, space = pool_of(study), study.sized.space
    options = sum(len(shown_options(options)) for options in space.options)
    report = Steps(progress, total=settings.plans + options)
    plans = measure_plans(pool, space, count=settings.plans, rng=rng, report=report)
    count = min(SITE_INPUTS, len(pool))
    indices = [int(i) for i in np.sort(rng.choice(len(pool), size=count, replace=False))]
    weights = study.prepared.weights()
    return Findings(
        name=_name(study),
        distance=study.distance.noun,
        error_kind=pool.error_kind or WEIGHT_ERROR,
        normality=[
            normality_of_means(plans.distances, n=n, repetitions=settings.repetitions, rng=rng)
            for n in SAMPLE_SIZES
        ],
        plans=plans,
        sites=measure_sites(pool, space, weights, indices=indices, report=report),
        site_inputs=indices,
        original_error=pool.original_error(indices),
        toy=toy_search(seed=settings.seed),
    )


class Steps:
    """Counts steps of the stage `diagnose` and reports each."""

    def __init__(self, progress: ProgressCallback, *, total: int) -> None:
        """Report that nothing is done of `total` steps."""
        self._progress, self._total, self._done = progress, total, -1
        self("")

    def __call__(self, detail: str) -> None:
        """Report one more step done."""
        self._done += 1
        self._progress(
            Progress(stage="diagnose", done=self._done, total=self._total, detail=detail)
        )


def _header(settings: DiagnoseSettings, study: Study) -> dict[str, Any]:
    """Return what was measured on what."""
    return {
        "source": settings.source,
        "revision": study.artifact.revision,
        "recipe": study.recipe.name,
        "data": study.inputs.description,
        "synthetic": study.inputs.synthetic,
        "inputs": len(study.inputs),
        "plans": settings.plans,
        "repetitions": settings.repetitions,
        "seed": settings.seed,
        "versions": versions(),
    }


def _name(study: Study) -> str:
    """Return what titles call the model: a file by its name alone; synthetic inputs are told."""
    path = Path(study.settings.source)
    name = path.name if path.exists() else study.settings.source
    return f"{name} on synthetic inputs" if study.inputs.synthetic else name


def _check_folder(folder: Path, *, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"'{folder}' is a file, expected a folder for the figures")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise OutputError(f"'{folder}' is not empty; use --overwrite or another --out")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        kind = DiskFullError if error.errno in NO_SPACE else OutputError
        raise kind(f"'{folder}' cannot be used: {error.strerror}") from error
