"""Run many candidates that differ in a few weights in one session."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from zoo_compress.core import AnyArray
from zoo_compress.errors import SourceError
from zoo_compress.runtime.evaluator import CpuEvaluator, Evaluator, Outputs, run_all
from zoo_compress.runtime.rest import RestEvaluator
from zoo_compress.runtime.session import open_session
from zoo_compress.runtime.skeleton import weights_as_inputs
from zoo_compress.runtime.stand_in import StandIn

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class VaryingEvaluator(StandIn):
    """Takes a few weights as inputs of one session, in which all others are constants.

    Building a session takes time for every node of a model: for a candidate that changes one of
    hundreds of weights, most of the time by far. Weights as inputs are neither folded nor
    prepacked, which slows only the nodes down that read them. Where that cannot be, and for
    candidates that change other weights, it is the evaluator that it stands for.
    """

    _whole: CpuEvaluator | RestEvaluator

    def __init__(self, whole: CpuEvaluator | RestEvaluator, names: Collection[str]) -> None:
        """Take the weights that vary; the session is opened when it is needed."""
        super().__init__(whole)
        self._names = names

    def outputs(self, weights: Mapping[str, AnyArray], indices: Sequence[int]) -> list[Outputs]:
        """Return the outputs of the samples at `indices` with `weights` in place."""
        known = weights.keys() <= set(self._names) and self._whole.holds(indices)
        if not known or self._session is None:
            return self._whole.outputs(weights, indices)
        self._whole.detached.require(weights)
        given, start = {**self._originals, **weights}, time.perf_counter()
        feeds, way = self._whole.feeds, self._whole.arrangement
        results = run_all(self._session, feeds, indices, way, given)
        self.seconds["forward"] += time.perf_counter() - start
        return results

    def varying(self, names: Collection[str]) -> Evaluator:
        """Return an evaluator for candidates that change other weights."""
        return self._whole.varying(names)

    @cached_property
    def _originals(self) -> dict[str, AnyArray]:
        return self._whole.detached.originals(self._names)

    @cached_property
    def _session(self) -> InferenceSession | None:
        """The session; None if ONNX Runtime does not take these weights as inputs."""
        # numpy has no bfloat16 of its own to hand over to a run.
        if any(array.dtype.name == "bfloat16" for array in self._originals.values()):
            return None
        start = time.perf_counter()
        message, constants = self._whole.detached.message(), self._whole.detached.everything()
        names = list(self._originals)
        skeleton, _ = weights_as_inputs(message, names, supplied=self._originals)
        fixed = {name: constants[name] for name in constants if name not in self._originals}
        try:
            threads = self._whole.arrangement.threads
            return open_session(skeleton, threads=threads, initializers=fixed)
        except SourceError:
            return None
        finally:
            self.seconds["session"] += time.perf_counter() - start
