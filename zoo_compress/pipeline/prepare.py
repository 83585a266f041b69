"""From a model file to a graph whose weights can be replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from zoo_compress.core import Artifact, BiasStorage, Feed
from zoo_compress.errors import NoSiteError, PlanError
from zoo_compress.graph.biases import give_biases
from zoo_compress.graph.defaults import drop_defaults
from zoo_compress.graph.fragment import OLDEST_OPSET
from zoo_compress.graph.held import Payloads, hold_values
from zoo_compress.graph.load import load_model
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.operator_set import operator_set, raise_operator_set
from zoo_compress.graph.simplify import simplify
from zoo_compress.graph.sites import WEIGHT_INPUTS, FoundSites, find_sites
from zoo_compress.pipeline.same_outputs import change_or_reason
from zoo_compress.runtime.evaluator import Outputs, run_model
from zoo_compress.techniques.biases import halved_biases


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A normalized model and its sites.

    Attributes:
        model: The graph; writing a plan works on a copy.
        found: Its sites, and the weights that are none.
        simplified: Whether onnxslim simplified it first.
        raised_to: The operator set that it was raised to; None if it has its own.
        equalised: Whether its channels are scaled to lose less by rounding.
        notes: What the user should know about the preparation.
    """

    model: ir.Model
    found: FoundSites
    simplified: bool
    raised_to: int | None = None
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


def prepare(
    artifact: Artifact, feeds: Sequence[Feed], *, biases: bool = False, needed: int = 0
) -> Prepared:
    """Simplify a model, raise its operator set, normalize it and find its sites.

    What would change its outputs on `feeds` is left out, with a note.

    Args:
        artifact: The model.
        feeds: Samples for it.
        biases: Whether weights without a bias of their own get one, see `give_biases`.
        needed: The operator set that the techniques need; a model in an earlier one is raised
            to it, or to the one that decoding needs where that fails, any other keeps its own.

    Raises:
        NoSiteError: If it has no compressible weight.
        InputError: If the original does not run on `feeds`.
    """
    original = run_model(artifact.model_path, feeds)
    # Simplifying comes first: it finds shapes without which the converter puts nodes around each
    # Softmax of an operator set before 13.
    graph = _simplest(artifact, original, feeds)
    for version in sorted({needed, min(needed, OLDEST_OPSET)}, reverse=True):
        if graph.raised_to is None and 0 < operator_set(graph.model) < version:
            graph = _raised(graph, version, original, feeds)
    return _prepared(graph, artifact, biases=biases)


def prepare_as(
    artifact: Artifact, *, simplified: bool, raised_to: int | None = None, biases: bool = False
) -> Prepared:
    """Prepare a model in the way that a plan says, without running it.

    Raises:
        PlanError: If it cannot be simplified or raised as the plan says.
    """
    wanted = f"the plan wants '{artifact.source}'"
    model = _slim(artifact) if simplified else load_model(artifact.model_path)
    if isinstance(model, str):
        raise PlanError(f"{wanted} simplified, but {model}")
    model = _normalized(model)
    if raised_to is not None:
        raised = raise_operator_set(model, raised_to)
        if isinstance(raised, str):
            raise PlanError(f"{wanted} raised to operator set {raised_to}, but {raised}")
        model = _normalized(raised)
    graph = _Graph(model=model, simplified=simplified, raised_to=raised_to)
    return _prepared(graph, artifact, biases=biases)


@dataclass(frozen=True, kw_only=True)
class _Graph:
    """A normalized model, and what was done to it."""

    model: ir.Model
    simplified: bool
    raised_to: int | None = None
    notes: tuple[str, ...] = ()


def _simplest(artifact: Artifact, original: Sequence[Outputs], feeds: Sequence[Feed]) -> _Graph:
    """Return the model simplified where that keeps its outputs, otherwise as it is."""
    simpler = _slim(artifact)
    change = change_or_reason(original, simpler, feeds, rewrite="simplifying")
    if isinstance(simpler, str) or isinstance(change, str):
        note = f"used as it is, not simplified: {change}"
        model = _normalized(load_model(artifact.model_path))
        return _Graph(model=model, simplified=False, notes=(note,))
    return _Graph(model=_normalized(simpler), simplified=True)


def _slim(artifact: Artifact) -> ir.Model | str:
    return simplify(artifact.model_path, stored_bytes=artifact.stored_bytes)


def _raised(
    graph: _Graph, needed: int, original: Sequence[Outputs], feeds: Sequence[Feed]
) -> _Graph:
    """Return the model in a later operator set where that keeps its outputs."""
    now = operator_set(graph.model)
    raised = raise_operator_set(graph.model, needed)
    change = change_or_reason(original, raised, feeds, rewrite="raising it")
    if isinstance(raised, str) or isinstance(change, str):
        note = (
            f"not raised from operator set {now} to {needed}, which the recipe's techniques need: "
            f"{change}"
        )
        return replace(graph, notes=(*graph.notes, note))
    differs = f"differ from the original's by {change:.2g} of their norm"
    note = (
        f"raised from operator set {now} to {needed}, which the recipe's techniques need; the "
        f"outputs {differs if change else 'stay the same'}"
    )
    notes = (*graph.notes, note)
    return replace(graph, model=_normalized(raised), raised_to=needed, notes=notes)


def _normalized(model: ir.Model) -> ir.Model:
    normalize(model)
    hold_values(model)
    return model


def _prepared(graph: _Graph, artifact: Artifact, *, biases: bool) -> Prepared:
    model = graph.model
    drop_defaults(model)
    if biases:
        give_biases(model)
    found = find_sites(model)
    if not found.sites:
        reasons = "; ".join([_reason(found), *graph.notes])
        raise NoSiteError(f"'{artifact.source}' has no compressible weight: {reasons}")
    return Prepared(
        model=model,
        found=found,
        simplified=graph.simplified,
        raised_to=graph.raised_to,
        notes=graph.notes,
    )


def _reason(found: FoundSites) -> str:
    """Say why the largest weight is none that could be compressed."""
    if not found.declined:
        return f"no {', '.join(WEIGHT_INPUTS)} node reads a constant float matrix or kernel"
    largest = max(found.declined, key=lambda weight: weight.stored_bytes)
    return f"the largest, '{largest.name}', {largest.reason}"
