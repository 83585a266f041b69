"""Run many candidates that differ in a few weights in one session."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from zoo_compress.core import AnyArray
from zoo_compress.errors import SourceError
from zoo_compress.runtime.device import Device
from zoo_compress.runtime.differences import Differences
from zoo_compress.runtime.evaluator import CpuEvaluator, Evaluator, Outputs, Starts, run_all
from zoo_compress.runtime.rest import RestEvaluator
from zoo_compress.runtime.session import open_session
from zoo_compress.runtime.skeleton import weights_as_inputs

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


class VaryingEvaluator:
    """Takes a few weights as inputs of one session, in which all others are constants.

    Building a session takes time for every node of a model: for a candidate that changes one of
    hundreds of weights, most of the time by far. Weights as inputs are neither folded nor
    prepacked, which slows only the nodes down that read them. Where that cannot be, and for
    candidates that change other weights, it is the evaluator that it stands for.

    Attributes:
        device: The CPU.
        output_names: The model's outputs, in order.
        reference: Outputs of the original, one tuple per sample.
        seconds: Time spent so far, that of the evaluator it stands for included.
    """

    def __init__(self, whole: CpuEvaluator | RestEvaluator, names: Collection[str]) -> None:
        """Take the weights that vary; the session is opened when it is needed."""
        self._whole = whole
        self._names = names
        self.device: Device = whole.device
        self.output_names = whole.output_names
        self.reference = whole.reference
        self.seconds = whole.seconds

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

    def differences(
        self, weights: Mapping[str, AnyArray], indices: Sequence[int]
    ) -> Differences | None:
        """Return None: the outputs are in this process's memory, to be compared there."""
        return None

    def outputs_of(
        self, model: bytes, initializers: Mapping[str, AnyArray], indices: Sequence[int]
    ) -> list[Outputs]:
        """Return the outputs of another model on the samples at `indices`."""
        return self._whole.outputs_of(model, initializers, indices)

    def varying(self, names: Collection[str]) -> Evaluator:
        """Return an evaluator for candidates that change other weights."""
        return self._whole.varying(names)

    def starts(self, indices: Sequence[int]) -> Starts:
        """Return what runs candidates on these samples from their first changed weight on."""
        return self._whole.starts(indices)

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
