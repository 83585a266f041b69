"""`half-compute`: layers that compute in float16 between casts, for GPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
from pydantic import BaseModel, ConfigDict

from zoo_compress.core import AnyArray, Encoded, Option, Site
from zoo_compress.graph.chain import attributes_of
from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.readers import definitions, replace_readers, substituted_bytes
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.sized import no_saving, saving_options

LARGEST = float(np.finfo(np.float16).max)


class HalfComputeSettings(BaseModel):
    """What a recipe may say about `half-compute`: nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HalfCompute:
    """Conv, Gemm and MatMul on float16, their outputs cast back to float32.

    What a reader takes in is cast to float16, and so is its bias, which a runtime folds; inputs
    and outputs of the model keep their types. GPUs have kernels for that. CPUs mostly have none:
    ONNX Runtime casts to float32 there and back, so that such a file is slower on them than the
    original. Activations beyond 65504 overflow.

    Declined are weights of other types than float32, weights with a reader of another kind or in
    the body of an If, Loop or Scan (see `graph.ports`), and those where nothing is saved.
    """

    name = "half-compute"
    by_channel = True
    by_weights = False
    observes = False
    folded = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `HalfComputeSettings`."""
        HalfComputeSettings.model_validate(dict(settings))

    def decline(self, site: Site) -> str | None:
        """Return the reason where readers cannot compute in float16, or nothing is saved."""
        stored = "float16 weights and their casts"
        return _unreachable(site) or no_saving(site, self.options(site), stored)

    def options(self, site: Site) -> Sequence[Option]:
        """Return the one option, if it saves bytes."""
        if _unreachable(site) is not None:
            return []
        stored = substituted_bytes(_fragment(site), definitions(site))
        return saving_options(
            site, [Option(technique=self.name, settings={}, stored_bytes=stored)]
        )

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Round to the nearest float16; inputs make no difference to that."""
        half = np.clip(weight, -LARGEST, LARGEST).astype(np.float16)
        return Encoded(option=option, tensors={"h": half}, dense=half.astype(weight.dtype))

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put the weight in float16 and the casts in the place of the readers."""
        replace_readers(model, _fragment(site), encoded.tensors)


def _unreachable(site: Site) -> str | None:
    """Return why readers cannot compute in float16, or None."""
    if site.dtype != "float32":
        return f"{site.dtype} weights: float16 stands in for float32"
    if not site.ports:
        operators = ", ".join(sorted({reader.op_type for reader in site.readers}))
        return f"read by {operators or 'no node'}, not by Conv, Gemm or MatMul alone"
    return None


def _fragment(site: Site) -> Fragment:
    """Build the nodes for every reader; they depend on shapes only, not on weights."""
    fragment = Fragment(site.name, site.alias)
    weight = fragment.store("h", site.shape, np.float16)
    for node in definitions(site):
        half = onnx.TensorProto.FLOAT16
        inputs = [fragment.add("Cast", [node.input[0]], to=half), weight]
        inputs += [fragment.add("Cast", [name], to=half) for name in node.input[2:] if name]
        output = fragment.add(node.op_type, inputs, **attributes_of(node))
        fragment.add("Cast", [output], to=onnx.TensorProto.FLOAT)
        fragment.nodes[-1].output[0] = node.output[0]
    return fragment
