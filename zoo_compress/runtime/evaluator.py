"""Run a model with other weights and return its outputs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from zoo_compress.core import AnyArray, Feed
from zoo_compress.errors import InputError, OriginalModelError
from zoo_compress.runtime.detached import Detached
from zoo_compress.runtime.device import CPU, Device
from zoo_compress.runtime.differences import Differences
from zoo_compress.runtime.flavour import load_onnxruntime
from zoo_compress.runtime.padding import without_padding
from zoo_compress.runtime.session import open_session, runtime_errors, short_reason
from zoo_compress.runtime.streams import Arrangement, faster_arrangement, sequential

if TYPE_CHECKING:
    import onnx
    from onnxruntime import InferenceSession

Outputs = tuple[AnyArray, ...]
"""What the model returns for one sample: one array per output, in the model's order, without the
positions that only pad the sample."""


Feeds = Sequence[Feed] | Mapping[int, Feed]
"""Samples by their index, all of them or some."""


class Evaluator(Protocol):
    """Returns a model's outputs for given weights, on samples that were fixed beforehand.

    Attributes:
        device: Where the model runs.
        output_names: The model's outputs, in order.
        reference: Outputs of the original, one tuple per sample.
        seconds: Time spent so far, by `session` (building, uploading) and `forward`.
    """

    device: Device
    output_names: tuple[str, ...]
    reference: list[Outputs]
    seconds: dict[str, float]

    def outputs(self, weights: Mapping[str, AnyArray], indices: Sequence[int]) -> list[Outputs]:
        """Return the outputs of the samples at `indices` with `weights` in place."""
        ...

    def differences(
        self, weights: Mapping[str, AnyArray], indices: Sequence[int]
    ) -> Differences | None:
        """Compare those outputs with the reference where they lie; None if that cannot be."""
        ...

    def outputs_of(
        self, model: bytes, initializers: Mapping[str, AnyArray], indices: Sequence[int]
    ) -> list[Outputs]:
        """Return the outputs of another model on the samples at `indices`."""
        ...

    def varying(self, names: Collection[str]) -> Evaluator:
        """Return what runs many candidates that change no other weights than these."""
        ...

    def starts(self, indices: Sequence[int]) -> Starts:
        """Return what runs candidates on these samples from their first changed weight on."""
        ...


class Starts(Protocol):
    """Runs candidates from the first node on that reads a weight which they change."""

    def starting_at(self, names: Collection[str]) -> Evaluator:
        """Return what runs candidates that change no other weights than these."""
        ...


class CpuEvaluator:
    """Builds one session per candidate and runs the samples, side by side where that is faster.

    A session with constant weights folds and prepacks them, which repays building it anew for
    every candidate: on a ResNet-18, weights passed as inputs made a forward three times as slow.
    The model without its replaceable weights is serialised once; weights never go through a file
    or a protobuf.

    Attributes:
        device: The CPU.
        output_names: The model's outputs, in order.
        reference: Outputs of the original, one tuple per sample.
        seconds: Time spent so far, by `session` (building) and `forward`.
        feeds: The samples.
        arrangement: How the samples share the cores.
        detached: The model, and the weights that may be replaced.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        feeds: Sequence[Feed],
        *,
        replaceable: Sequence[str],
        threads: int | None = None,
        reference: Sequence[Outputs] | None = None,
        supplied: Mapping[str, AnyArray] | None = None,
    ) -> None:
        """Detach the replaceable weights and compute the reference outputs.

        Args:
            model: The original. It is not changed.
            feeds: The samples.
            replaceable: Initializers of the main graph that candidates may replace.
            threads: Threads within an operator; all cores by default.
            reference: Outputs to compare with, where this model is a smaller one that took the
                place of the original; None for the outputs of this model.
            supplied: Arrays of initializers that the model declares without their payload, read
                when they are needed.

        Raises:
            ValueError: If `replaceable` names something that is not such an initializer.
            SourceError: If ONNX Runtime cannot open the model.
            InputError: If a sample does not fit the model.
            OriginalModelError: If an output is NaN, infinite or not a tensor.
        """
        self.device: Device = CPU
        self.detached = Detached.of(model, replaceable, supplied or {})
        self.feeds = feeds
        self.arrangement = sequential(threads)
        self.output_names = tuple(output.name for output in model.graph.output)
        self.seconds = {"session": 0.0, "forward": 0.0}
        # Run in any case: it shows that the model runs on the samples, and how long that takes.
        own = self.outputs({}, range(len(feeds)))
        self.arrangement = self._faster(threads)
        self.reference: list[Outputs] = own if reference is None else list(reference)
        require_finite(self.reference, self.output_names)

    def outputs(self, weights: Mapping[str, AnyArray], indices: Sequence[int]) -> list[Outputs]:
        """Return the outputs of the samples at `indices` with `weights` in place.

        NaN and infinity are returned as they come.

        Args:
            weights: Replacements by initializer name; the others keep their original weights.
            indices: Samples to run, in the order to return them.

        Raises:
            ValueError: If a replacement has no counterpart, or another dtype or shape.
            InputError: If a sample does not run.
        """
        return run_with(
            weights, self.detached, self.feeds, indices, self.seconds, self.arrangement
        )

    def holds(self, indices: Sequence[int]) -> bool:
        """Return True: it knows all samples."""
        return True

    def varying(self, names: Collection[str]) -> Evaluator:
        """Return what runs many candidates that change no other weights than these."""
        # Imported late: it is made of this class.
        from zoo_compress.runtime.varying import VaryingEvaluator

        return VaryingEvaluator(self, names)

    def starts(self, indices: Sequence[int]) -> Starts:
        """Return what keeps, while it lives, what these samples bring to a few places."""
        # Imported late: it is made of this class.
        from zoo_compress.runtime.rest import Rests

        return Rests(self, indices)

    def differences(
        self, weights: Mapping[str, AnyArray], indices: Sequence[int]
    ) -> Differences | None:
        """Return None: the outputs are in this process's memory, to be compared there."""
        return None

    def outputs_of(
        self, model: bytes, initializers: Mapping[str, AnyArray], indices: Sequence[int]
    ) -> list[Outputs]:
        """Return the outputs of another model on the samples at `indices`.

        Args:
            model: A serialised model with the inputs and outputs of the original.
            initializers: Weights that it declares without their payload, see `open_session`.
            indices: Samples to run, in the order to return them.

        Raises:
            SourceError: If ONNX Runtime cannot open the model.
            InputError: If a sample does not run.
        """
        way = self.arrangement
        return run_anew(
            lambda: open_session(model, threads=way.threads, initializers=initializers),
            self.feeds,
            indices,
            self.seconds,
            way,
        )

    def _faster(self, threads: int | None) -> Arrangement:
        def opened(within: int | None) -> InferenceSession:
            return self.detached.opened({}, threads=within)

        def one(session: InferenceSession, index: int) -> Outputs:
            return run_all(session, self.feeds, [index])[0]

        return faster_arrangement(opened, one, len(self.feeds), threads=threads)


def run_with(
    weights: Mapping[str, AnyArray],
    detached: Detached,
    feeds: Feeds,
    indices: Sequence[int],
    seconds: dict[str, float],
    arrangement: Arrangement,
) -> list[Outputs]:
    """Return the outputs of a model with weights in place, in a session of their own.

    For the other arguments and errors see `run_anew`.

    Raises:
        ValueError: If a weight has no counterpart, or another dtype or shape.
    """
    detached.require(weights)
    return run_anew(
        lambda: detached.opened(weights, threads=arrangement.threads),
        feeds,
        indices,
        seconds,
        arrangement,
    )


def run_anew(
    opened: Callable[[], InferenceSession],
    feeds: Feeds,
    indices: Sequence[int],
    seconds: dict[str, float],
    arrangement: Arrangement | None = None,
) -> list[Outputs]:
    """Return the outputs of the samples at `indices` in a session that is opened for them.

    Args:
        opened: Opens the session.
        feeds: The samples.
        indices: Samples to run, in the order to return them.
        seconds: Takes up the time of opening as `session`, that of running as `forward`.
        arrangement: How the samples share the cores; one after the other by default.

    Raises:
        SourceError: If ONNX Runtime cannot open the model.
        InputError: If a sample does not run.
    """
    start = time.perf_counter()
    session = opened()
    ready = time.perf_counter()
    results = run_all(session, feeds, indices, arrangement)
    seconds["session"] += ready - start
    seconds["forward"] += time.perf_counter() - ready
    return results


def run_all(
    session: InferenceSession,
    feeds: Feeds,
    indices: Sequence[int],
    arrangement: Arrangement | None = None,
    weights: Mapping[str, AnyArray] | None = None,
) -> list[Outputs]:
    """Return the outputs of the samples at `indices`, one after the other by default.

    Weights that the session takes as inputs come with each sample.

    Raises:
        InputError: If a sample does not run.
    """
    errors = runtime_errors(load_onnxruntime())
    way = arrangement or sequential(None)
    return way.run(lambda index: _run(session, feeds[index], index, errors, weights), indices)


def _run(
    session: InferenceSession,
    feed: Feed,
    index: int,
    errors: tuple[type[Exception], ...],
    weights: Mapping[str, AnyArray] | None = None,
) -> Outputs:
    try:
        results: Sequence[Any] = session.run(None, {**feed, **(weights or {})})
    except errors as error:
        raise InputError(f"sample {index} does not run: {short_reason(error)}") from error
    names = [output.name for output in session.get_outputs()]
    return without_padding(results, names, feed, session)


def run_model(
    path: Path, feeds: Sequence[Feed], progress: Callable[[int], None] | None = None
) -> list[Outputs]:
    """Return the outputs of a model file, one tuple per sample.

    Args:
        path: The model file, external data beside it.
        feeds: The samples.
        progress: Told the number of samples done.

    Raises:
        SourceError: If ONNX Runtime cannot open it.
        InputError: If a sample does not run.
    """
    session, errors = open_session(path), runtime_errors(load_onnxruntime())
    results = []
    for index, feed in enumerate(feeds):
        results.append(_run(session, feed, index, errors))
        if progress is not None:
            progress(index + 1)
    return results


def require_finite(reference: Sequence[Outputs], names: Sequence[str]) -> None:
    """Check the outputs of the original model.

    Raises:
        OriginalModelError: If one of them is not a tensor, or is NaN or infinite.
    """
    for index, outputs in enumerate(reference):
        for name, output in zip(names, outputs, strict=True):
            if not isinstance(output, np.ndarray):
                raise OriginalModelError(
                    f"output '{name}' is a {type(output).__name__}, not a tensor; "
                    "such models cannot be compared"
                )
            if output.dtype.kind == "f" and not np.isfinite(output).all():
                raise OriginalModelError(
                    f"output '{name}' of the original model is NaN or infinite for sample {index}"
                )
