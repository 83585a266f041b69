"""Debian's buildah, which builds a Dockerfile without a daemon and without a registry."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BASE = "localhost/base"
SUITE = "bookworm"
PACKAGES = "ca-certificates,python3,python3-venv"


@dataclass(frozen=True)
class Builder:
    """Images in a folder of their own; needs root."""

    folder: Path

    @property
    def base(self) -> Path:
        """The files of the base."""
        return self.folder / "base"

    def __call__(self, *arguments: str | Path) -> str:
        """Run buildah and return what it printed."""
        command = [
            "buildah",
            "--storage-driver=vfs",
            f"--root={self.folder / 'storage'}",
            f"--runroot={self.folder / 'state'}",
            *map(str, arguments),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def make_base(self) -> None:
        """Make a small Debian with Python, the stand-in for the bases that the file names."""
        archive = self.folder / "base.tar"
        options = ["--variant=minbase", f"--include={PACKAGES}"]
        subprocess.run(
            ["debootstrap", *options, SUITE, self.base], check=True, capture_output=True
        )
        subprocess.run(["tar", "-C", self.base, "-cf", archive, "."], check=True)
        container = self("from", "scratch").strip()
        self("add", container, archive, "/")
        self("commit", "--rm", container, BASE)

    def build(self, tag: str, arguments: Sequence[str], *, packages: str) -> None:
        """Build the Dockerfile with packages from the address of a list of them only."""
        settings = self.folder / "pip.conf"
        settings.write_text(f"[global]\nno-index = true\nfind-links = {packages}\n")
        self(
            "build",
            "--isolation=chroot",
            # It takes the stages that `FROM base-${FLAVOUR}` names for unused.
            "--skip-unused-stages=false",
            *(f"--build-arg={argument}" for argument in arguments),
            f"--secret=id=pip,src={settings}",
            f"--tag={tag}",
            ROOT,
        )

    def settings(self, tag: str) -> dict[str, Any]:
        """Return an image's user, environment, volumes and so on."""
        image = json.loads(self("inspect", "--type=image", tag))
        settings: dict[str, Any] = image["OCIv1"]["config"]
        return settings
