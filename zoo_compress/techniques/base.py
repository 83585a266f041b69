"""What every technique offers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import onnx_ir as ir

from zoo_compress.core import AnyArray, Encoded, Option, Site


class Technique(Protocol):
    """A way to store a weight. Stateless; made from the recipe's settings for it."""

    name: str

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings.

        Raises:
            ValueError: If a setting is unknown or out of range; the message names it.
        """
        ...

    def decline(self, site: Site) -> str | None:
        """Return why the technique does not apply to a site, or None if it does."""
        ...

    def options(self, site: Site) -> Sequence[Option]:
        """Return the options, mild to aggressive, each with its exact stored bytes.

        Only options that store fewer bytes than the site takes uncompressed are listed.
        """
        ...

    def encode(self, weight: AnyArray, site: Site, option: Option) -> Encoded:
        """Compress a weight; the same arguments give the same bytes."""
        ...

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Replace the weight in the model by its compressed form, in place."""
        ...
