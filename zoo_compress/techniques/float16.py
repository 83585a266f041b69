"""`float16`: weights in half precision, widened again at load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
from pydantic import BaseModel, ConfigDict

from zoo_compress.core import AnyArray, Encoded, Option, Site
from zoo_compress.graph.fragment import Fragment, insert_fragment
from zoo_compress.graph.scaled import KINDS
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.sized import fragment_option, no_saving, saving_options

HALF = np.dtype(np.float16)
LARGEST = float(np.finfo(np.float16).max)


class Float16Settings(BaseModel):
    """What a recipe may say about `float16`: nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Float16:
    """Weights as float16 and one Cast, which ONNX Runtime folds when the session is created.

    The model computes in its own type as before. Magnitudes beyond 65504 become that, those of
    at most 2^-25 become 0; the others are off by up to 2^-11 of themselves or, below 2^-14, by up
    to 2^-25.
    """

    name = "float16"
    by_channel = True
    by_weights = True
    observes = False
    folded = True

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `Float16Settings`."""
        Float16Settings.model_validate(dict(settings))

    def decline(self, site: Site) -> str | None:
        """Return the reason for weights that are no wider, and for very small tensors."""
        if site.element_bytes <= HALF.itemsize:
            return f"{site.dtype} weights: float16 is no narrower"
        return no_saving(site, self.options(site), "float16 and its Cast")

    def options(self, site: Site) -> Sequence[Option]:
        """Return the one option, if it saves bytes."""
        if site.element_bytes <= HALF.itemsize:
            return []
        return saving_options(site, [fragment_option(self.name, {}, _fragment(site))])

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Round to the nearest float16; inputs make no difference to that."""
        half = np.clip(weight, -LARGEST, LARGEST).astype(HALF)
        return Encoded(option=option, tensors={"h": half}, dense=half.astype(weight.dtype))

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put the float16 tensor and the Cast in the place of the initializer."""
        insert_fragment(model, _fragment(site), encoded.tensors)


def _fragment(site: Site) -> Fragment:
    fragment = Fragment(site.name, site.alias)
    fragment.add("Cast", [fragment.store("h", site.shape, np.float16)], to=KINDS[site.dtype])
    fragment.finish()
    return fragment
