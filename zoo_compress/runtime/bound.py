"""Keep a model on a device and give it other weights by pointer."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from zoo_compress.core import AnyArray, Feed
from zoo_compress.errors import InputError, SourceError
from zoo_compress.runtime.batches import Indices, grouped, stacked, takes_batches
from zoo_compress.runtime.bindings import Binding, RecordedForwards, SwappedWeights, can_record
from zoo_compress.runtime.detached import require_replacements
from zoo_compress.runtime.device import Device
from zoo_compress.runtime.device_store import DeviceStore, upload
from zoo_compress.runtime.differences import Differences, compared
from zoo_compress.runtime.evaluator import Outputs, require_finite, run_anew
from zoo_compress.runtime.flavour import load_onnxruntime
from zoo_compress.runtime.padding import has_padding, without_padding
from zoo_compress.runtime.session import open_session, runtime_errors, short_reason
from zoo_compress.runtime.skeleton import weights_as_inputs

if TYPE_CHECKING:
    import onnx
    import torch
    from onnxruntime import InferenceSession, OrtValue

LARGEST_BATCH = 64
"""Samples that run together at first; half as many whenever the memory does not suffice."""

CACHE_BYTES = 8 << 30
"""Encodings that stay on the device: a search of 50 sites with 7 options each holds 7 models."""

PROBED = 2
"""Samples that are run alone and together, to see that they come to the same."""

TOLERANCE = 1e-3
"""Largest difference that running together may make, as a share of the largest output."""

# What CUDA, cuBLAS, cuDNN, ONNX Runtime's arena and torch say when memory runs out.
OUT_OF_MEMORY = ("out of memory", "failed to allocate", "bad_alloc", "alloc_failed", "bad alloc")

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Samples that run together, on the device; no other batch ever has the same number."""

    number: int
    indices: Indices
    inputs: Mapping[str, OrtValue]
    references: Sequence[torch.Tensor] | None


class BoundEvaluator:
    """Opens one session with the replaceable weights as inputs, bound by I/O binding.

    On a GPU, building a session takes longer than a forward of 50 samples. Here a candidate costs
    no session: its weights are uploaded once and stay, inputs and references too, and what comes
    back of a forward is a sum of squares for each sample, if that is all that is asked for. Where
    every node runs on the device, forwards are recorded and replayed, see `RecordedForwards`; that
    ends when memory runs out, since recorded forwards keep theirs.

    Attributes:
        device: Where the model runs.
        output_names: The model's outputs, in order.
        reference: Outputs of the original, one tuple per sample.
        seconds: Time spent so far, by `session` (building and uploading) and `forward`.
        batch: Samples that run together.
        recording: Whether forwards are recorded.
        store: The weights on the device.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        feeds: Sequence[Feed],
        *,
        replaceable: Sequence[str],
        device: Device,
        reference: Sequence[Outputs] | None = None,
        batch: int = LARGEST_BATCH,
        cache_bytes: int = CACHE_BYTES,
        supplied: Mapping[str, AnyArray] | None = None,
        recording: bool | None = None,
    ) -> None:
        """Open the session and compute the reference outputs on the device.

        Args:
            model: The original. It is not changed.
            feeds: The samples.
            replaceable: Initializers of the main graph that candidates may replace.
            device: Where to run.
            reference: Outputs to compare with, where this model is a smaller one that took the
                place of the original; None for the outputs of this model.
            batch: Samples to run together at most.
            cache_bytes: Bytes of replacements to keep on the device.
            supplied: Arrays of initializers that the model declares without their payload.
            recording: Whether to record forwards where that can be; by default on CUDA.

        Raises:
            ValueError: If `replaceable` names something that is not such an initializer.
            SourceError: If ONNX Runtime cannot open the model.
            InputError: If a sample does not fit the model, or not into the device's memory.
            OriginalModelError: If an output is NaN, infinite or not a tensor.
        """
        start = time.perf_counter()
        self.device = device
        self.output_names = tuple(output.name for output in model.graph.output)
        self._feeds = feeds
        self._errors = runtime_errors(load_onnxruntime())
        given = supplied or {}
        self._skeleton, self._weights = weights_as_inputs(model, replaceable, supplied=given)
        self._fixed = {name: given[name] for name in given.keys() - self._weights.keys()}
        self.store = DeviceStore(device, most_bytes=cache_bytes)
        self._batches: dict[Indices, list[_Batch]] = {}
        self._numbers = count()
        self._floats: tuple[int, ...] = ()
        self.reference: list[Outputs] = []
        self.recording = device.kind == "cuda" if recording is None else recording
        self._binding = self._opened()
        self.seconds = {"session": time.perf_counter() - start, "forward": 0.0}
        self.batch = batch if takes_batches(model) else 1
        self.batch = self._trusted(self.batch)
        own = self.outputs({}, range(len(feeds)))
        if self.recording and not self._replays(own):
            self._stop_recording()
        self._refer_to(own if reference is None else list(reference))

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
        found: dict[int, Outputs] = {}
        for batch, values in self._forward(weights, indices, _on_the_host):
            samples = _by_sample(values, len(batch.indices))
            found.update(zip(batch.indices, samples, strict=True))
        return [self._trimmed(found[index], self._feeds[index]) for index in indices]

    def differences(
        self, weights: Mapping[str, AnyArray], indices: Sequence[int]
    ) -> Differences | None:
        """Compare the outputs of `weights` with the references, on the device.

        Returns:
            What was found of the samples at `indices`, in that order; None where they must be
            compared one by one: some are padded, or references differ in shape between samples
            of equal inputs.

        Raises:
            ValueError: If a replacement has no counterpart, or another dtype or shape.
            InputError: If a sample does not run.
        """
        batches = self._batched(tuple(indices))
        if any(batch.references is None for batch in batches):
            return None
        found = self._forward(weights, indices, self._compared)
        order = [index for batch, _ in found for index in batch.indices]
        where = {index: position for position, index in enumerate(order)}
        joined = Differences.joined([part for _, part in found])
        return joined.taken([where[index] for index in indices])

    def varying(self, names: Collection[str]) -> BoundEvaluator:
        """Return itself: all its weights vary."""
        return self

    def starts(self, indices: Sequence[int]) -> BoundEvaluator:
        """Return itself: a session for a part of the model takes longer to build than it saves."""
        return self

    def starting_at(self, names: Collection[str]) -> BoundEvaluator:
        """Return itself: it starts at the first node in any case."""
        return self

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
        return run_anew(
            lambda: open_session(model, initializers=initializers, device=self.device),
            self._feeds,
            indices,
            self.seconds,
        )

    def _forward(
        self,
        weights: Mapping[str, AnyArray],
        indices: Sequence[int],
        take: Callable[[_Batch, Sequence[Any]], Result],
    ) -> list[tuple[_Batch, Result]]:
        """Run batch after batch; start over with half the batch when memory runs out."""
        require_replacements(weights, self._weights)
        while True:
            try:
                return self._tried(weights, indices, take)
            except self._errors as error:
                if not _ran_out_of_memory(error) or (self.batch == 1 and not self.recording):
                    message = f"a sample does not run on {self.device}: {short_reason(error)}"
                    raise InputError(message) from error
                self._take_less()

    def _tried(
        self,
        weights: Mapping[str, AnyArray],
        indices: Sequence[int],
        take: Callable[[_Batch, Sequence[Any]], Result],
    ) -> list[tuple[_Batch, Result]]:
        start = time.perf_counter()
        self._binding.bind(weights)
        batches = self._batched(tuple(indices))
        ready = time.perf_counter()
        found = [(batch, take(batch, self._run(batch))) for batch in batches]
        self.seconds["session"] += ready - start
        self.seconds["forward"] += time.perf_counter() - ready
        return found

    def _run(self, batch: _Batch) -> Sequence[Any]:
        return self._binding.run(batch.number, batch.inputs)

    def _trimmed(self, values: Outputs, feed: Feed) -> Outputs:
        return without_padding(values, self.output_names, feed, self._binding.session)

    def _compared(self, batch: _Batch, values: Sequence[Any]) -> Differences:
        from torch.utils.dlpack import from_dlpack

        assert batch.references is not None
        outputs = [from_dlpack(values[position]) for position in self._floats]
        return compared(outputs, batch.references)

    def _batched(self, indices: Indices) -> list[_Batch]:
        """Return samples as batches on the device; they stay there."""
        if indices not in self._batches:
            groups = grouped(self._feeds, indices, largest=self.batch)
            self._batches[indices] = [self._uploaded(group) for group in groups]
        return self._batches[indices]

    def _uploaded(self, indices: Indices) -> _Batch:
        samples = stacked([self._feeds[index] for index in indices])
        inputs = {name: upload(array, self.device) for name, array in samples.items()}
        return _Batch(
            number=next(self._numbers),
            indices=indices,
            inputs=inputs,
            references=self._uploaded_references(indices),
        )

    def _uploaded_references(self, indices: Indices) -> Sequence[torch.Tensor] | None:
        import torch

        if not self.reference or any(has_padding(self._feeds[index]) for index in indices):
            return None
        samples = [self.reference[index] for index in indices]
        columns = [[sample[position] for sample in samples] for position in self._floats]
        if any(len({array.shape for array in column}) > 1 for column in columns):
            return None
        tensors = [torch.from_numpy(np.concatenate(column)) for column in columns]
        return [tensor.to(str(self.device)) for tensor in tensors]

    def _refer_to(self, reference: list[Outputs]) -> None:
        require_finite(reference, self.output_names)
        self.reference = reference
        self._floats = tuple(i for i, o in enumerate(reference[0]) if o.dtype.kind == "f")
        self._batches.clear()

    def _take_less(self) -> None:
        """Take less memory: without recorded forwards, then with half the batch."""
        if self.recording:
            self._stop_recording()
        else:
            self.batch = max(1, self.batch // 2)
        self.store.clear()
        self._batches.clear()

    def _opened(self) -> Binding:
        """Open the session, for recording where the weights and the model allow it."""
        if self.recording and can_record(self._weights):
            try:
                session = self._session(recording=True)
                return RecordedForwards(session, self._weights, self.store)
            except SourceError:
                # Some node has no kernel on the device.
                pass
        self.recording = False
        return SwappedWeights(self._session(recording=False), self._weights, self.store)

    def _session(self, *, recording: bool) -> InferenceSession:
        return open_session(
            self._skeleton, device=self.device, initializers=self._fixed, recording=recording
        )

    def _stop_recording(self) -> None:
        start = time.perf_counter()
        self.recording = False
        # The old session goes first, with the memory of its recorded forwards.
        del self._binding
        self._binding = self._opened()
        self._batches.clear()
        self.seconds["session"] += time.perf_counter() - start

    def _replays(self, own: Sequence[Outputs]) -> bool:
        """Tell whether replayed forwards come out as ordinary ones do, with other weights too.

        Args:
            own: Outputs of the original weights, of ordinary forwards.
        """
        everything = range(len(self._feeds))
        half = {n: (a / 2).astype(a.dtype) for n, a in self._weights.items()}
        try:
            recorded = self.outputs(half, everything)
            replayed = self.outputs({}, everything)
            self._batches.clear()
            ordinary = self.outputs(half, everything)
        except InputError:
            return False
        return _alike(recorded, ordinary) and _alike(replayed, own)

    def _trusted(self, batch: int) -> int:
        """Return the batch, or 1 if samples that run together come out otherwise than alone."""
        if batch == 1 or len(self._feeds) < PROBED:
            return batch
        groups = grouped(self._feeds, range(len(self._feeds)), largest=PROBED)
        pair = next((group for group in groups if len(group) == PROBED), None)
        if pair is None:
            return batch
        try:
            together = self.outputs({}, pair)
        except (InputError, SourceError, ValueError):
            return 1
        self.batch = 1
        self._batches.clear()
        alone = self.outputs({}, pair)
        self._batches.clear()
        return batch if _alike(together, alone) else 1


def _on_the_host(_: _Batch, values: Sequence[Any]) -> Outputs:
    # On the CPU, an array would share its memory with the outputs of the next forward.
    return tuple(np.array(value.numpy()) for value in values)


def _by_sample(values: Outputs, count: int) -> list[Outputs]:
    """Return the outputs of each sample of a batch, with a first axis of length 1.

    Raises:
        ValueError: If an output does not hold as many entries as there are samples.
    """
    if count == 1:
        return [values]
    for value in values:
        if value.ndim == 0 or value.shape[0] != count:
            raise ValueError(f"an output of {count} samples has shape {value.shape}")
    return [tuple(value[i : i + 1] for value in values) for i in range(count)]


def _alike(together: Sequence[Outputs], alone: Sequence[Outputs]) -> bool:
    pairs = [
        (one, other)
        for sample, own in zip(together, alone, strict=True)
        for one, other in zip(sample, own, strict=True)
    ]
    return all(_near(one, other) for one, other in pairs)


def _near(one: AnyArray, other: AnyArray) -> bool:
    if one.shape != other.shape:
        return False
    if other.dtype.kind != "f" or not np.isfinite(other).all():
        return np.array_equal(one, other, equal_nan=other.dtype.kind == "f")
    largest = float(np.abs(other).max(initial=0))
    return np.allclose(one, other, rtol=0, atol=TOLERANCE * largest)


def _ran_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return any(sign in text for sign in OUT_OF_MEMORY)
