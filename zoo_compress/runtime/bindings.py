"""Run a session whose weights are inputs: by pointers, or by replaying recorded forwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from zoo_compress.core import AnyArray
from zoo_compress.runtime.device import Device
from zoo_compress.runtime.device_store import DeviceStore, upload
from zoo_compress.runtime.flavour import load_onnxruntime

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, OrtValue

GRAPH_ID = "gpu_graph_id"
"""The entry of a run's options that says which CUDA graph it records or replays."""

NOT_RECORDED = "-1"


class Binding(Protocol):
    """Gives a session its weights and inputs, and runs it.

    Attributes:
        session: The session.
    """

    session: InferenceSession

    def bind(self, weights: Mapping[str, AnyArray]) -> None:
        """Put replacements in place; weights without one are the original's."""
        ...

    def run(self, number: int, inputs: Mapping[str, OrtValue]) -> Sequence[OrtValue]:
        """Return the outputs on the device. They may change with the next run of that number.

        Args:
            number: Stands for these very inputs, and for no others ever.
            inputs: By name, on the device.
        """
        ...


class SwappedWeights:
    """Binds weights where they lie: a candidate costs the exchange of pointers."""

    def __init__(
        self, session: InferenceSession, originals: Mapping[str, AnyArray], store: DeviceStore
    ) -> None:
        """Upload the original weights.

        Args:
            session: Takes weights as inputs.
            originals: These weights.
            store: Holds their replacements on the device of the session.
        """
        self.session, self._store, self._device = session, store, store.device
        self._originals = {name: upload(a, self._device) for name, a in originals.items()}
        self._binding = session.io_binding()

    def bind(self, weights: Mapping[str, AnyArray]) -> None:
        """Bind replacements and, where there are none, originals."""
        for name, original in self._originals.items():
            value = self._store.value(weights[name]) if name in weights else original
            self._binding.bind_ortvalue_input(name, value)

    def run(self, number: int, inputs: Mapping[str, OrtValue]) -> Sequence[OrtValue]:
        """Return the outputs, in new memory."""
        return run_bound(self.session, self._binding, inputs, self._device)


class RecordedForwards:
    """Keeps all weights at addresses of their own, so that a forward can be recorded there.

    The first forward of some inputs is an ordinary one, which tells the shapes of its outputs; the
    second is recorded as a CUDA graph, which later ones replay: the processor then starts one
    graph instead of each kernel. A candidate costs copies within the device. On the CPU there is
    nothing to record; all else is the same.
    """

    def __init__(
        self, session: InferenceSession, originals: Mapping[str, AnyArray], store: DeviceStore
    ) -> None:
        """Give every weight an address, and copy the original there.

        Args:
            session: Takes weights as inputs; on CUDA, opened for recording.
            originals: These weights. None is bfloat16, see `can_record`.
            store: Holds the originals and their replacements on the device of the session.
        """
        self.session, self._store, self._device = session, store, store.device
        self._originals = originals
        self._binding = session.io_binding()
        self._places: dict[str, OrtValue] = {}
        self._held: dict[str, AnyArray] = {}
        for name, array in originals.items():
            self._places[name] = _empty(array.shape, array.dtype, self._device)
            self._binding.bind_ortvalue_input(name, self._places[name])
        self._outputs: dict[int, list[OrtValue]] = {}

    def bind(self, weights: Mapping[str, AnyArray]) -> None:
        """Copy to their addresses what is not there already."""
        wanted = {name: weights.get(name, a) for name, a in self._originals.items()}
        changed = {n: a for n, a in wanted.items() if self._held.get(n) is not a}
        for name, array in changed.items():
            _copy(self._store.value(array), self._places[name])
            self._held[name] = array
        if changed:
            _finish_copies(self._device)

    def run(self, number: int, inputs: Mapping[str, OrtValue]) -> Sequence[OrtValue]:
        """Return the outputs; those of a forward that is replayed come to the same memory."""
        known = self._outputs.get(number)
        if known is None:
            options = _options(NOT_RECORDED)
            found = run_bound(self.session, self._binding, inputs, self._device, options)
            self._outputs[number] = [_like(value, self._device) for value in found]
            return found
        # Numbers start at 0, which ONNX Runtime keeps for itself.
        options = _options(str(number + 1))
        return run_bound(self.session, self._binding, inputs, self._device, options, into=known)


def can_record(weights: Mapping[str, AnyArray]) -> bool:
    """Tell whether weights can be copied within a device: bfloat16 comes from the host only."""
    return all(array.dtype.name != "bfloat16" for array in weights.values())


def run_bound(
    session: InferenceSession,
    binding: Any,
    inputs: Mapping[str, OrtValue],
    device: Device,
    options: Any = None,
    *,
    into: Sequence[OrtValue] | None = None,
) -> Sequence[OrtValue]:
    """Bind inputs and outputs, run, and return the outputs on the device.

    Args:
        session: What to run.
        binding: Its binding, weights included.
        inputs: By name.
        device: Where the outputs are to be.
        options: Of this run.
        into: Where to write them; new memory by default.
    """
    for name, value in inputs.items():
        binding.bind_ortvalue_input(name, value)
    names = [output.name for output in session.get_outputs()]
    for position, name in enumerate(names):
        if into is not None:
            binding.bind_ortvalue_output(name, into[position])
        else:
            # Bound anew for each forward: a shape that was bound before would be kept.
            binding.bind_output(name, device.kind, device.index)
    session.run_with_iobinding(binding, options)
    found: Sequence[OrtValue] = binding.get_outputs()
    return found


def _options(graph: str) -> Any:
    options = load_onnxruntime().RunOptions()
    options.add_run_config_entry(GRAPH_ID, graph)
    return options


def _like(value: OrtValue, device: Device) -> OrtValue:
    """Return uninitialised memory on the device for as much as a value holds."""
    kind = load_onnxruntime().OrtValue
    found: OrtValue = kind.ortvalue_from_shape_and_type(
        value.shape(), value.element_type(), device.kind, device.index
    )
    return found


def _empty(shape: Sequence[int], dtype: np.dtype[Any], device: Device) -> OrtValue:
    kind = load_onnxruntime().OrtValue
    found: OrtValue = kind.ortvalue_from_shape_and_type(
        list(shape), dtype.type, device.kind, device.index
    )
    return found


def _copy(source: OrtValue, target: OrtValue) -> None:
    from torch.utils.dlpack import from_dlpack

    from_dlpack(target).copy_(from_dlpack(source))


def _finish_copies(device: Device) -> None:
    """Wait for torch, whose stream is not the one of ONNX Runtime."""
    if device.kind == "cuda":
        import torch

        torch.cuda.synchronize(device.index)
