"""From a model file to a graph whose weights can be replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from zoo_compress.core import Artifact, BiasStorage, Feed
from zoo_compress.errors import NoSiteError, PlanError
from zoo_compress.graph.biases import give_biases
from zoo_compress.graph.held import Payloads, hold_values
from zoo_compress.graph.load import load_model
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import to_light_proto
from zoo_compress.graph.simplify import simplify
from zoo_compress.graph.sites import WEIGHT_INPUTS, FoundSites, find_sites
from zoo_compress.runtime.evaluator import CpuEvaluator, Outputs, run_model
from zoo_compress.techniques.biases import halved_biases

# Fusing a batch norm into a convolution changes float32 outputs by about 1e-6 of their norm;
# a wrong rewrite changes them by far more than this.
SAME_OUTPUTS = 1e-4


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A normalized model and its sites.

    Attributes:
        model: The graph; writing a plan works on a copy.
        found: Its sites, and the weights that are none.
        simplified: Whether onnxslim simplified it first.
        equalised: Whether its channels are scaled to lose less by rounding.
        notes: What the user should know about the preparation.
    """

    model: ir.Model
    found: FoundSites
    simplified: bool
    equalised: bool = False
    notes: tuple[str, ...] = ()

    def weights(self) -> Payloads:
        """Return the original weights by site, and the biases of sites by their names."""
        sites = self.found.sites
        names = [*(site.name for site in sites), *(site.bias for site in sites if site.bias)]
        return Payloads({name: self._tensor(name) for name in names})

    def halved_biases(self, storage: BiasStorage) -> dict[str, int]:
        """Return the biases that are stored as float16 and the bytes that each then takes."""
        if storage == "original":
            return {}
        return halved_biases(self.found.sites, self.weights())

    def _tensor(self, name: str) -> ir.TensorProtocol:
        tensor = self.model.graph.initializers[name].const_value
        if tensor is None:
            raise KeyError(f"initializer '{name}' has no value")
        return tensor


def prepare(artifact: Artifact, feeds: Sequence[Feed], *, biases: bool = False) -> Prepared:
    """Simplify a model where that keeps its outputs on `feeds`, normalize it and find its sites.

    Args:
        artifact: The model.
        feeds: Samples for it.
        biases: Whether weights without a bias of their own get one, see `give_biases`.

    Raises:
        NoSiteError: If it has no compressible weight.
        InputError: If the original does not run on `feeds`.
    """
    original = run_model(artifact.model_path, feeds)
    simpler = simplify(artifact.model_path, stored_bytes=artifact.stored_bytes)
    reason = simpler if isinstance(simpler, str) else _difference(original, simpler, feeds)
    if reason is None and not isinstance(simpler, str):
        return _normalized(simpler, artifact, simplified=True, biases=biases)
    note = f"used as it is, not simplified: {reason}"
    model = load_model(artifact.model_path)
    return _normalized(model, artifact, simplified=False, biases=biases, notes=(note,))


def prepare_as(artifact: Artifact, *, simplified: bool, biases: bool = False) -> Prepared:
    """Prepare a model in the way that a plan says, without running it.

    Raises:
        PlanError: If it cannot be simplified as the plan says.
    """
    if not simplified:
        model = load_model(artifact.model_path)
        return _normalized(model, artifact, simplified=False, biases=biases)
    simpler = simplify(artifact.model_path, stored_bytes=artifact.stored_bytes)
    if isinstance(simpler, str):
        raise PlanError(f"the plan wants '{artifact.source}' simplified, but {simpler}")
    return _normalized(simpler, artifact, simplified=True, biases=biases)


def _normalized(
    model: ir.Model,
    artifact: Artifact,
    *,
    simplified: bool,
    biases: bool,
    notes: tuple[str, ...] = (),
) -> Prepared:
    normalize(model)
    hold_values(model)
    if biases:
        give_biases(model)
    found = find_sites(model)
    if not found.sites:
        raise NoSiteError(f"'{artifact.source}' has no compressible weight: {_reason(found)}")
    return Prepared(model=model, found=found, simplified=simplified, notes=notes)


def _reason(found: FoundSites) -> str:
    """Say why the largest weight is none that could be compressed."""
    if not found.declined:
        return f"no {', '.join(WEIGHT_INPUTS)} node reads a constant float matrix or kernel"
    largest = max(found.declined, key=lambda weight: weight.stored_bytes)
    return f"the largest, '{largest.name}', {largest.reason}"


def _difference(
    original: Sequence[Outputs], simpler: ir.Model, feeds: Sequence[Feed]
) -> str | None:
    """Return how the simplified model's outputs differ from the original's, or None."""
    try:
        light, supplied = to_light_proto(simpler)
        evaluator = CpuEvaluator(light, feeds, replaceable=(), supplied=supplied)
    except Exception as error:  # Whatever fails here, the original does not: it has just run.
        return f"the simplified model does not run: {error}"
    worst = largest_change(original, evaluator.reference)
    return None if worst <= SAME_OUTPUTS else f"simplifying changes the outputs by {worst:.2g}"


def largest_change(before: Sequence[Outputs], after: Sequence[Outputs]) -> float:
    """Return the largest relative L2 change of an output over samples."""
    return max(map(_relative_change, before, after), default=0.0)


def _relative_change(before: Outputs, after: Outputs) -> float:
    """Return the largest relative L2 change of an output; infinity if a discrete one changes."""
    changes = [0.0]
    for one, other in zip(before, after, strict=True):
        if one.shape != other.shape or one.dtype != other.dtype:
            return float("inf")
        if one.dtype.kind != "f":
            changes.append(0.0 if np.array_equal(one, other) else float("inf"))
            continue
        norm = float(np.linalg.norm(one.astype(np.float64)))
        change = float(np.linalg.norm(one.astype(np.float64) - other.astype(np.float64)))
        changes.append(change / norm if norm else change)
    return max(changes)
