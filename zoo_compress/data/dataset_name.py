"""The names of datasets on the Hub, as `--data` takes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from zoo_compress.data.location import REMOTE
from zoo_compress.errors import InputError

FORM = "hf://datasets/OWNER/NAME[@REVISION][/CONFIG][:SPLIT[:COLUMN]]"

_PATTERN = re.compile(
    r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+)"
    r"(?:@(?P<revision>refs/\w+/[^/:]+|[^/:]+))?"
    r"(?:/(?P<config>[^:@]+?))?/?"
    r"(?::(?P<split>[\w.-]+)(?::(?P<columns>.+))?)?"
)
_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class DatasetName:
    """A dataset on the Hub.

    Attributes:
        repo: `owner/name`.
        revision: Branch, tag or commit; None for the default branch.
        config: One of its configurations; None for its only or default one.
        split: One of its splits; None to choose.
        columns: Names of one column, or of two that make pairs; empty to choose.
    """

    repo: str
    revision: str | None = None
    config: str | None = None
    split: str | None = None
    columns: tuple[str, ...] = ()

    @classmethod
    def parse(cls, data: str) -> DatasetName:
        """Read a name of the form `FORM`.

        Raises:
            InputError: If it has another form.
        """
        match = _PATTERN.fullmatch(data)
        if match is None:
            raise InputError(f"data '{data}' names no dataset; the form is {FORM}")
        columns = match["columns"]
        return cls(
            repo=match["repo"],
            revision=match["revision"],
            config=match["config"],
            split=match["split"],
            columns=tuple(name.strip() for name in columns.split(",")) if columns else (),
        )

    @property
    def pinned(self) -> bool:
        """Whether the revision is a commit."""
        return self.revision is not None and _SHA.fullmatch(self.revision) is not None

    def at(self, revision: str) -> DatasetName:
        """Return the same at a revision."""
        return replace(self, revision=revision)

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        config = f"/{self.config}" if self.config else ""
        columns = f":{','.join(self.columns)}" if self.columns else ""
        split = f":{self.split}" if self.split else ""
        return f"{REMOTE}datasets/{self.repo}{revision}{config}{split}{columns}"
