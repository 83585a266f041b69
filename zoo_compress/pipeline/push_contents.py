"""The files of a run as a repository, or a bundle, holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zoo_compress.hub.contents import Content
from zoo_compress.hub.layout import Layout, model_suffix, place
from zoo_compress.pipeline.card import card_text
from zoo_compress.pipeline.folder import CARD_FILE, PLAN_FILE, REPORT_FILE, SPLIT_FILE
from zoo_compress.pipeline.published import (
    Scrubber,
    published_plan,
    published_report,
    published_source,
    published_split,
    to_json,
)
from zoo_compress.pipeline.push_settings import PushSettings
from zoo_compress.pipeline.run_files import FinishedRun
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.plan import read_plan
from zoo_compress.report.card import PICTURES


def push_contents(
    run: FinishedRun, settings: RunSettings, push: PushSettings
) -> tuple[Content, ...]:
    """Return what a push of a run puts into the repository, in the order of the paths.

    These are the files that `run.json` lists, and a `run.json` that lists them as they are there.
    The texts among them name no folder of this machine.

    Args:
        run: The run.
        settings: What it was asked to do.
        push: Where and how it is published.

    Raises:
        PlanError: If the plan cannot be read.
        OutputError: If the record of the run lacks something.
    """
    places = hub_places(run, push.layout)
    return published_contents(run, settings, places)


def hub_places(run: FinishedRun, layout: Layout) -> dict[str, str]:
    """Return where the files of a run go in a repository, by their names.

    Raises:
        PlanError: If the plan cannot be read.
    """
    suffix = model_suffix(read_plan(run.folder / PLAN_FILE).plan)
    return {
        name: place(name, model=run.model, data=run.data, layout=layout, suffix=suffix)
        for name in run.names
    }


def published_contents(
    run: FinishedRun,
    settings: RunSettings,
    places: Mapping[str, str],
) -> tuple[Content, ...]:
    """Return the files of a run in the form in which they go out, in the order of their paths.

    Args:
        run: The run.
        settings: What it was asked to do.
        places: Where each of its files goes, by its name; `run.json` goes to the root.

    Raises:
        PlanError: If the plan cannot be read.
        OutputError: If the record of the run lacks something.
    """
    plan = read_plan(run.folder / PLAN_FILE)
    source = published_source(settings.source, run.report.get("origin") or {})
    scrubber = Scrubber(settings, run.folder)
    report = published_report(
        scrubber.value(run.report),
        source=source,
        model=places[run.model],
        plan=places[PLAN_FILE],
    )
    rewritten = {
        CARD_FILE: _card(run, report, scrubber),
        PLAN_FILE: published_plan(plan, source).to_json().encode(),
        SPLIT_FILE: _split(run),
    }
    contents = [
        Content.of(places[name], rewritten.get(name, run.folder / name)) for name in run.names
    ]
    report["files"] = {c.path: {"bytes": c.size, "sha256": c.sha256} for c in contents}
    contents.append(Content.of(REPORT_FILE, to_json(report)))
    return tuple(sorted(contents, key=lambda content: content.path))


def _card(run: FinishedRun, report: Mapping[str, Any], scrubber: Scrubber) -> bytes:
    """Return the card; one that says where the model lies, if that is not beside it."""
    if report["model_path"] == run.model or run.edited:
        return scrubber.text((run.folder / CARD_FILE).read_text("utf-8")).encode()
    pictures = [name for name in PICTURES if name in run.names]
    return card_text(report, pictures=pictures, model_file=report["model_path"]).encode()


def _split(run: FinishedRun) -> bytes:
    split: Mapping[str, Any] = json.loads((run.folder / SPLIT_FILE).read_text("utf-8"))
    return to_json(published_split(split))
