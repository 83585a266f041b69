"""The files of a run as a repository holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zoo_compress.hub.contents import Content
from zoo_compress.hub.layout import Layout, model_suffix, place
from zoo_compress.pipeline.finished import FinishedRun
from zoo_compress.pipeline.folder import CARD_FILE, PLAN_FILE, REPORT_FILE, SPLIT_FILE
from zoo_compress.pipeline.published import (
    Scrubber,
    published_plan,
    published_report,
    published_source,
    published_split,
    to_json,
)
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.plan import PlanFile, read_plan


def push_contents(run: FinishedRun, settings: RunSettings, layout: Layout) -> tuple[Content, ...]:
    """Return what a push of a run puts into the repository, in the order of the paths.

    These are the files that `run.json` lists, and a `run.json` that lists them as they are there.
    The texts among them name no folder of this machine.

    Raises:
        PlanError: If the plan cannot be read.
    """
    plan = read_plan(run.folder / PLAN_FILE)
    source = published_source(settings.source, run.report.get("origin") or {})
    scrubber = Scrubber(settings, run.folder)
    rewritten = _rewritten(run, plan, source, scrubber)
    suffix = model_suffix(plan.plan)
    places = {
        name: place(name, model=run.model, data=run.data, layout=layout, suffix=suffix)
        for name in run.names
    }
    contents = [
        Content.of(places[name], rewritten.get(name, run.folder / name)) for name in run.names
    ]
    report = published_report(
        scrubber.value(run.report),
        source=source,
        model=places[run.model],
        plan=places[PLAN_FILE],
        files={c.path: {"bytes": c.size, "sha256": c.sha256} for c in contents},
    )
    contents.append(Content.of(REPORT_FILE, to_json(report)))
    return tuple(sorted(contents, key=lambda content: content.path))


def _rewritten(
    run: FinishedRun, plan: PlanFile, source: str, scrubber: Scrubber
) -> Mapping[str, bytes]:
    """Return the files that are published in another form, by their names in the folder."""
    card = (run.folder / CARD_FILE).read_text("utf-8")
    split: Mapping[str, Any] = json.loads((run.folder / SPLIT_FILE).read_text("utf-8"))
    return {
        CARD_FILE: scrubber.text(card).encode(),
        PLAN_FILE: published_plan(plan, source).to_json().encode(),
        SPLIT_FILE: to_json(published_split(split)),
    }
