"""What every technique offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import onnx_ir as ir

from zoo_compress.core import AnyArray, Encoded, Option, Site
from zoo_compress.graph.fragment import OLDEST_OPSET
from zoo_compress.techniques.calibration import Calibration


class Technique(Protocol):
    """A way to store a weight. Stateless; made from the recipe's settings for it.

    Attributes:
        name: As recipes call it.
        by_channel: Whether some output channels, encoded by themselves, tell its error on all.
        by_weights: Whether the outputs of its file are those of `Encoded.dense` in the original's
            graph, up to float rounding. Otherwise, as where activations are rounded too, only the
            rewritten graph tells them.
        observes: Whether it cannot encode without a calibration, as where the ranges of
            activations have to be known. It then gets one even if nothing is repaired.
        folded: Whether ONNX Runtime folds what it adds to a graph when a session is created, so
            that a model runs as the original does. Otherwise the file computes in another way,
            faster or slower.

    A technique whose nodes need a later operator set than 11 says so in a further attribute,
    `operator_set`, and has no options for sites of models in an earlier one. Models are raised to
    it where that keeps their outputs, see `needed_operator_set`. One that is for large models only
    says so in `smallest_model_bytes`: others are not raised for it.
    """

    name: str
    by_channel: bool
    by_weights: bool
    observes: bool
    folded: bool

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

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Compress a weight; the same arguments give the same bytes.

        Args:
            weight: The original.
            site: Where it is.
            option: One of `options(site)`.
            calibration: What is known of the site's inputs, if anything. It says where errors
                matter and which repairs are allowed; the bias is corrected elsewhere.
        """
        ...

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Replace the weight in the model by its compressed form, in place."""
        ...


def needed_operator_set(techniques: Iterable[Technique], *, model_bytes: int) -> int:
    """Return the first operator set in which all of some techniques work that a model is offered.

    Args:
        techniques: The techniques.
        model_bytes: Size of the model.
    """
    needed = (
        getattr(technique, "operator_set", OLDEST_OPSET)
        for technique in techniques
        if model_bytes >= getattr(technique, "smallest_model_bytes", 0)
    )
    return max(needed, default=OLDEST_OPSET)
