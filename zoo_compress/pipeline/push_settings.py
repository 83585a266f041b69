"""What a push is asked to do and what it comes to, as the command line sees both."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_compress.hub.layout import Layout


@dataclass(frozen=True, kw_only=True)
class PushSettings:
    """What the user asked for.

    Attributes:
        repo_id: `owner/name`.
        private: Whether the repository must be private; a missing one is made so.
        pr: Whether to open a pull request instead of changing the branch.
        branch: Branch to change, made if it is missing; None for the main one.
        tag: A name for the resulting commit.
        layout: Where the files go in the repository.
        message: First line of the commit, or title of the pull request; None for the usual one.
        dry_run: Whether to stop before anything is written.
    """

    repo_id: str
    private: bool = False
    pr: bool = False
    branch: str | None = None
    tag: str | None = None
    layout: Layout = "plain"
    message: str | None = None
    dry_run: bool = False

    def command(self, folder: Path) -> str:
        """Return the command that does this with the run in a folder."""
        return push_command(folder, self.words)

    @property
    def words(self) -> tuple[str, ...]:
        """What the command says after the folder."""
        words = [self.repo_id]
        words += [f"--{flag}" for flag in ("private", "pr") if getattr(self, flag)]
        for option in ("branch", "tag", "message"):
            value = getattr(self, option)
            words += [f"--{option}", value] if value is not None else []
        words += ["--layout", self.layout] if self.layout != "plain" else []
        return tuple(words)


def push_command(folder: Path, words: Sequence[str]) -> str:
    """Return the command that pushes the run in a folder."""
    return shlex.join(["zoo-compress", "push", str(folder), *words])


@dataclass(frozen=True, kw_only=True)
class PushedFile:
    """A file as it is in the repository.

    Attributes:
        path: Its path there.
        bytes: Its size.
        sha256: Its digest.
        changed: Whether it was missing there, or had other bytes, before the push.
    """

    path: str
    bytes: int
    sha256: str
    changed: bool


@dataclass(frozen=True, kw_only=True)
class PushResult:
    """What a push has done, or with `dry_run` would do.

    Attributes:
        settings: What was asked.
        url: Page of the commit, of the pull request, or of the repository.
        commit: The commit that holds the files; None before there is one.
        created: Whether the repository was missing.
        pull_request: Page of the pull request, if one is open with these files.
        private: Whether only its owners see the repository.
        files: All files, in the order of their paths.
        notes: What the user should know.
    """

    settings: PushSettings
    url: str
    commit: str | None
    created: bool
    pull_request: str | None
    private: bool
    files: Sequence[PushedFile]
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> tuple[PushedFile, ...]:
        """The files that were, or would be, sent."""
        return tuple(file for file in self.files if file.changed)

    def record(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "repo_id": self.settings.repo_id,
            "url": self.url,
            "commit": self.commit,
            "created": self.created,
            "private": self.private,
            "pull_request": self.pull_request,
            "branch": self.settings.branch,
            "tag": self.settings.tag,
            "layout": self.settings.layout,
            "dry_run": self.settings.dry_run,
            "changed": len(self.changed),
            "files": [vars(file) for file in self.files],
            "notes": list(self.notes),
        }
