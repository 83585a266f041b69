"""Find a plan file: on disk, or in the repository that a run was pushed to."""

from __future__ import annotations

import os
import re
from pathlib import Path

from zoo_compress.core import ProgressCallback, ignore_progress
from zoo_compress.errors import PlanError

PLAN_FILE = "plan.json"

_HUB_PLAN = re.compile(
    r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[^\s:@]+))?(:(?P<file>[^:\\]+\.json))?",
    re.ASCII,
)


def resolve_plan(plan: str, *, cache: Path, progress: ProgressCallback = ignore_progress) -> Path:
    """Return the plan file that a user names, fetched if it is on the Hub.

    Args:
        plan: A path, or `OWNER/NAME[@REVISION][:FILE.json]`; the file is `plan.json` if none is
            named. What exists as a path, starts with `.`, `/` or `~`, or ends in `.json` without a
            colon is never looked up on the Hub.
        cache: Folder for what is fetched.
        progress: Told the bytes that arrive.

    Raises:
        PlanError: If it names neither.
        HubError: If the Hub refuses, cannot be reached or has no such file.
    """
    match = _HUB_PLAN.fullmatch(plan)
    if os.path.exists(plan) or match is None or _is_path_like(plan):
        return Path(plan)
    file = match["file"] or PLAN_FILE
    if ".." in file.split("/") or file.startswith("/"):
        raise PlanError(f"plan '{plan}': the part after ':' must lie inside the repository")
    # Imported late: the client takes a fifth of a second, which a local plan need not pay.
    from zoo_compress.hub.single_file import fetch_file

    return fetch_file(
        match["repo"], file, revision=match["revision"], cache=cache, progress=progress
    )


def _is_path_like(plan: str) -> bool:
    return plan.startswith((".", "/", "~")) or (plan.endswith(".json") and ":" not in plan)
