"""What a sample offers: a real model that a package index carries, with real inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from zoo_compress.core import Artifact, Inputs


class Sample(Protocol):
    """A plug-in of the entry-point group `zoo_compress.samples`; the class takes no arguments.

    Attributes:
        name: What the user types after `sample:`.
        summary: One line: what it is, how many parameters, which licence.
        packages: The distributions that it needs.
    """

    name: str
    summary: str
    packages: tuple[str, ...]

    def artifact(self, cache: Path) -> Artifact:
        """Prepare the model in a folder below `cache`, or reuse what is there.

        Raises:
            SampleError: If a package is missing, or the prepared model is not the original.
        """
        ...

    def inputs(self, *, seed: int) -> Inputs:
        """Return the sample's own inputs; the same for the same seed.

        Raises:
            SampleError: If a package is missing.
        """
        ...
