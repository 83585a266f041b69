"""The pictures of a run: where its bytes went, and what its trials make of size and distance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_compress.core import Trial
from zoo_compress.report.card import FRONTIER_PICTURE, WEIGHTS_PICTURE
from zoo_compress.report.record import CardRecord
from zoo_compress.search.frontier import pareto_front

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from zoo_compress.report.plots.frontier import Point

# A distance of 0 has no place on a logarithmic axis.
LEAST_DISTANCE = 1e-12


def draw_pictures(record: CardRecord, trials: Sequence[Trial], chosen: int, folder: Path) -> None:
    """Write the pictures of a card into a folder.

    Without a trial, or one of finite distance, there is nothing to draw the frontier of.

    Args:
        record: What the card says.
        trials: All trials of the run.
        chosen: Number of the one whose model the run wrote.
        folder: Where to.

    Raises:
        DiskFullError: If there is no space.
        OutputError: If a file cannot be written.
    """
    # matplotlib takes a second to import.
    from zoo_compress.report.plots.style import save_picture
    from zoo_compress.report.plots.weights import StoredWeight, draw_weights

    weights = [
        StoredWeight(
            name=site.name,
            before=site.original_bytes,
            after=site.stored_bytes,
            technique=site.technique,
        )
        for site in record.sites
    ]
    if weights:
        figure = draw_weights(weights, title=f"{record.name}: bytes of each weight")
        save_picture(figure, folder / WEIGHTS_PICTURE)
    figures = {
        "original_bytes": record.original_bytes,
        "distance_scale": record.distance_scale,
        "distance_name": record.distance_name,
    }
    own = next((trial for trial in trials if trial.number == chosen), None)
    if any(math.isfinite(trial.measurement.distance) for trial in trials):
        figure = frontier_figure(figures, trials, chosen=own, name=record.name)
        save_picture(figure, folder / FRONTIER_PICTURE)


def frontier_figure(
    report: Mapping[str, Any], trials: Sequence[Trial], *, chosen: Trial | None, name: str
) -> Figure:
    """Return the frontier of a run's trials as a figure.

    Args:
        report: The content of run.json; what is read are the original's bytes and the name and
            scale of the distance.
        trials: All trials.
        chosen: The one to mark.
        name: What the model is called.
    """
    from zoo_compress.report.plots.frontier import Point, draw_frontier

    scale, original = report["distance_scale"] or 1.0, report["original_bytes"]

    def drawn(trial: Trial) -> Point:
        found = trial.measurement
        return Point(
            size=found.stored_bytes / original,
            distance=max(found.distance / scale, LEAST_DISTANCE),
            error=found.standard_error / scale,
        )

    front = pareto_front(trials)
    on_front = {trial.number for trial in front}
    others = [
        trial
        for trial in trials
        if trial.number not in on_front and math.isfinite(trial.measurement.distance)
    ]
    return draw_frontier(
        [drawn(trial) for trial in front],
        [drawn(trial) for trial in others],
        chosen=None if chosen is None else drawn(chosen),
        title=f"{name}: {len(trials)} plans measured",
        vertical=f"distance to the original ({report['distance_name']}), relative",
    )
