"""Run plans on samples that were fixed beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import onnx_ir as ir

from zoo_compress.core import Plan
from zoo_compress.graph.proto import to_skeleton
from zoo_compress.runtime.differences import Differences
from zoo_compress.runtime.evaluator import Evaluator, Outputs
from zoo_compress.techniques.assembly import put_dense, put_encoded, restricted
from zoo_compress.techniques.base import Technique
from zoo_compress.techniques.encoder import Encoder


def _by_weights(technique: Technique) -> bool:
    return technique.by_weights


def _by_graph(technique: Technique) -> bool:
    return not technique.by_weights


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Returns what the file of a plan would return, without writing it.

    Weights whose technique is `by_weights` are put into the original's graph as dense arrays. If a
    plan has others, a copy of the graph is rewritten for these, as it would be in the file, and
    run as it is. Either way nothing goes through a file, and large weights not through a protobuf.

    Attributes:
        model: The original, normalized. It is not changed.
        encoder: Encodes the options of plans.
        evaluator: Runs weights and graphs on the samples.
    """

    model: ir.Model
    encoder: Encoder
    evaluator: Evaluator

    @property
    def reference(self) -> Sequence[Outputs]:
        """Outputs of the original, one tuple per sample."""
        return self.evaluator.reference

    @property
    def seconds(self) -> Mapping[str, float]:
        """Time spent so far, by `session` (building) and `forward`."""
        return self.evaluator.seconds

    def outputs(self, plan: Plan, indices: Sequence[int]) -> list[Outputs]:
        """Return the outputs of the samples at `indices` under a plan.

        Raises:
            ValueError: If the plan does not fit the model.
            InputError: If a sample does not run.
        """
        computed = restricted(plan, self.encoder, _by_graph)
        if not computed.choices:
            return self.evaluator.outputs(self.encoder.dense(plan), indices)
        graph = self.model.clone()
        put_dense(graph, restricted(plan, self.encoder, _by_weights), self.encoder)
        put_encoded(graph, computed, self.encoder)
        return self.evaluator.outputs_of(*to_skeleton(graph), indices)

    def differences(self, plan: Plan, indices: Sequence[int]) -> Differences | None:
        """Compare the outputs under a plan with the reference on the evaluator's device.

        Returns:
            What was found; None where the evaluator compares nothing, or part of the plan needs a
            graph of its own.

        Raises:
            ValueError: If the plan does not fit the model.
            InputError: If a sample does not run.
        """
        if restricted(plan, self.encoder, _by_graph).choices:
            return None
        return self.evaluator.differences(self.encoder.dense(plan), indices)
