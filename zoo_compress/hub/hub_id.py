"""What a Hub id in a SOURCE names: repository, revision and file."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HUB_ID = re.compile(
    r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[^\s:@]+))?(:(?P<file>[^:]+\.onnx))?", re.ASCII
)


@dataclass(frozen=True, kw_only=True)
class HubId:
    """The parts of `owner/name[@revision][:path/in/repo.onnx]`.

    Attributes:
        repo_id: `owner/name`.
        revision: Branch, tag, commit or `refs/pr/N`; None for the default branch.
        file: Path of the model in the repository; None leaves the choice to the layout.
    """

    repo_id: str
    revision: str | None = None
    file: str | None = None


def parse_hub_id(source: str) -> HubId | None:
    """Return the parts of a Hub id, or None if `source` has another form."""
    match = _HUB_ID.fullmatch(source)
    if match is None:
        return None
    return HubId(repo_id=match["repo"], revision=match["revision"], file=match["file"])
