"""`card`: the model card of a run and its pictures, made of what the run's folder holds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo_compress.core import Trial
from zoo_compress.errors import OutputError
from zoo_compress.files import atomic_write
from zoo_compress.pipeline.folder import CARD_FILE, STORE_FILE
from zoo_compress.pipeline.pictures import draw_pictures
from zoo_compress.pipeline.report_file import finished_report
from zoo_compress.report.card import FRONTIER_PICTURE, PICTURES, render_card
from zoo_compress.report.record import card_record
from zoo_compress.search.store import TrialStore


def write_card(folder: Path, *, out: Path | None = None) -> Path:
    """Write the model card of a finished run anew, with its pictures beside it.

    Nothing is read but the run's folder; neither the original nor a network is needed.

    Args:
        folder: The run's folder.
        out: The file to write; None for `README.md` in the run's folder.

    Returns:
        The card's path.

    Raises:
        OutputError: If the folder holds no finished run, its record is damaged or of an earlier
            version, or a file cannot be written.
        DiskFullError: If there is no space.
    """
    path = folder / CARD_FILE if out is None else out
    _check_target(path)
    report = finished_report(folder)
    store = folder / STORE_FILE
    trials = TrialStore(store).trials() if store.is_file() else []
    make_card(report, trials, path, earlier=folder)
    return path


def make_card(
    report: Mapping[str, Any],
    trials: Sequence[Trial],
    path: Path,
    *,
    earlier: Path | None = None,
) -> None:
    """Draw the pictures of a run and write its card beside them.

    Args:
        report: The content of run.json.
        trials: All trials of the run.
        path: The card's file; its folder must exist.
        earlier: Folder from which the frontier is taken where there are no trials to draw it of,
            as in the folder of a point of another run's frontier.

    Raises:
        OutputError: If the record lacks something, or a file cannot be written.
        DiskFullError: If there is no space.
    """
    record = card_record(report)
    draw_pictures(record, trials, report.get("trial", -1), path.parent)
    kept = None if earlier is None or trials else earlier / FRONTIER_PICTURE
    if kept is not None and kept.is_file() and kept.parent != path.parent:
        atomic_write(path.parent / FRONTIER_PICTURE, kept.read_bytes())
    pictures = [name for name in PICTURES if (path.parent / name).is_file()]
    atomic_write(path, card_text(report, pictures=pictures))


def card_text(
    report: Mapping[str, Any], *, pictures: Collection[str], model_file: str | None = None
) -> str:
    """Return the card of a run.

    Args:
        report: The content of run.json.
        pictures: The pictures that lie beside the card.
        model_file: Path of the model from the card's folder; beside the card if None.

    Raises:
        OutputError: If the record lacks something.
    """
    # Imported late: the Hub's client takes a fifth of a second.
    from zoo_compress.hub.card_data import front_matter, licence_link

    return render_card(
        card_record(report),
        front_matter=front_matter(report),
        licence_link=licence_link(report["origin"]),
        pictures=pictures,
        model_file=model_file,
    )


def _check_target(path: Path) -> None:
    if path.is_dir():
        raise OutputError(f"'{path}' is a folder, expected the file of the card")
    if not path.parent.is_dir():
        raise OutputError(f"'{path.parent}' is no folder; make it first")
