"""The figures of a diagnosis."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from zoo_compress.core import Progress, ProgressCallback
from zoo_compress.pipeline.diagnosis import WEIGHT_ERROR, Findings
from zoo_compress.pipeline.site_effects import SiteEffect
from zoo_compress.report.plots.acquisition import animate_acquisition, draw_acquisition
from zoo_compress.report.plots.distance_error import Series, draw_distance_error
from zoo_compress.report.plots.distance_normality import draw_distance_normality
from zoo_compress.report.plots.style import save_figure

FIGURES = ("distance-normality", "distance-error", "acquisition")


def draw(findings: Findings, folder: Path, progress: ProgressCallback) -> dict[str, list[str]]:
    """Write the figures into an existing folder; return their file names by figure.

    Raises:
        DiskFullError: If the disk is full.
        OutputError: If a file cannot be written for another reason.
    """
    drawn: dict[str, list[str]] = {}

    def wrote(name: str, *paths: Path) -> None:
        drawn.setdefault(name, []).extend(path.name for path in paths)
        progress(Progress(stage="draw", done=len(drawn), total=len(FIGURES), detail=name))

    progress(Progress(stage="draw", done=0, total=len(FIGURES)))
    normality, error, acquisition = FIGURES
    figure = draw_distance_normality(findings.normality, title=_normality_title(findings))
    wrote(normality, *save_figure(figure, folder, normality))
    wrote(error, *save_figure(_error_figure(findings), folder, error))
    last = draw_acquisition(findings.toy[-1], number=len(findings.toy))
    wrote(
        acquisition,
        *save_figure(last, folder, acquisition),
        animate_acquisition(findings.toy, folder, acquisition),
    )
    return drawn


def _normality_title(findings: Findings) -> str:
    repetitions = findings.normality[0].standardised.size
    return (
        f"{findings.name}: {repetitions} estimates of the distance from n inputs, "
        f"over {len(findings.plans.stored_bytes)} random plans"
    )


def _error_figure(findings: Findings) -> Figure:
    spearman = findings.spearman
    correlation = "undefined" if spearman is None else f"{spearman:.2f}"
    verticals = {
        "top-1 error": "top-1 error",
        "disagreement": "top-1 disagreement with the original",
        WEIGHT_ERROR: "relative squared error of the weights (not a classifier)",
    }
    share = findings.error_kind != WEIGHT_ERROR
    return draw_distance_error(
        _series(findings),
        title=f"{findings.name}: weights compressed one by one, Spearman {correlation}",
        horizontal=f"{findings.distance}, mean over {len(findings.site_inputs)} inputs",
        vertical=verticals[findings.error_kind],
        percent=share,
        logarithmic=findings.original_error is None,
        resolution=1 / len(findings.site_inputs) if share else 0.0,
        original=findings.original_error,
    )


def _series(findings: Findings) -> list[Series]:
    """Return one series per kind of weight, by name, and one of whole plans."""
    kinds: dict[str, list[SiteEffect]] = {}
    for effect in sorted(findings.drawn_sites, key=lambda effect: effect.kind):
        kinds.setdefault(effect.kind, []).append(effect)
    series = [
        Series(
            name=kind,
            distances=[effect.distance for effect in effects],
            errors=[effect.error for effect in effects],
        )
        for kind, effects in kinds.items()
    ]
    if points := findings.plan_points:
        distances, errors = zip(*points, strict=True)
        series.append(Series(name="whole random plans", distances=distances, errors=errors))
    return series
