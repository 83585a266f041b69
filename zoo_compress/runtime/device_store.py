"""Arrays that stay on a device as long as there is room."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from zoo_compress.core import AnyArray
from zoo_compress.runtime.device import Device
from zoo_compress.runtime.flavour import load_onnxruntime
from zoo_compress.runtime.session import ort_value

if TYPE_CHECKING:
    from onnxruntime import OrtValue


def upload(array: AnyArray, device: Device) -> OrtValue:
    """Return an array as a value in a device's memory; on the CPU, where possible, in place."""
    ort = load_onnxruntime()
    # ONNX Runtime's type for bfloat16 is taken from the processor's memory only; such values are
    # copied when they are bound.
    if device.kind == "cpu" or array.dtype.name == "bfloat16":
        return ort_value(ort, array)
    whole = np.ascontiguousarray(array).reshape(array.shape)
    return ort.OrtValue.ortvalue_from_numpy(whole, device.kind, device.index)


class DeviceStore:
    """Uploads an array once while it fits; what was used least recently goes first.

    An array is known by its identity: one that was changed in place is not noticed.

    Attributes:
        device: The device.
        held_bytes: Bytes on the device.
        uploads: How many arrays were uploaded so far.
    """

    def __init__(self, device: Device, *, most_bytes: int) -> None:
        """Hold up to `most_bytes` on a device; a single array may be larger."""
        self.device = device
        self._most_bytes = most_bytes
        self._held: OrderedDict[int, tuple[weakref.ref[AnyArray], OrtValue]] = OrderedDict()
        self.held_bytes = 0
        self.uploads = 0

    def value(self, array: AnyArray) -> OrtValue:
        """Return an array as a value on the device."""
        key = id(array)
        found = self._held.get(key)
        # An array that was collected may have left its id to another one.
        if found is not None and found[0]() is array:
            self._held.move_to_end(key)
            return found[1]
        self._drop(key)
        value = upload(array, self.device)
        self._held[key] = (weakref.ref(array), value)
        self.held_bytes += array.nbytes
        self.uploads += 1
        self._make_room()
        return value

    def clear(self) -> None:
        """Let go of everything."""
        self._held.clear()
        self.held_bytes = 0

    def _make_room(self) -> None:
        while self.held_bytes > self._most_bytes and len(self._held) > 1:
            self._drop(next(iter(self._held)))

    def _drop(self, key: int) -> None:
        found = self._held.pop(key, None)
        if found is not None:
            self.held_bytes -= int(found[1].tensor_size_in_bytes())
