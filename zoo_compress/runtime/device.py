"""Where candidates run: the processor, or one CUDA device."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from zoo_compress.errors import RuntimeFlavourError

ACCEPTED = "auto, cpu, cuda or cuda:N"

_CUDA = re.compile(r"cuda(?::(?P<index>\d{1,3}))?")


@dataclass(frozen=True)
class Device:
    """A device that ONNX Runtime runs on.

    Attributes:
        kind: `cpu` or `cuda`, as torch and ONNX Runtime call it.
        index: Which one of its kind.
    """

    kind: Literal["cpu", "cuda"] = "cpu"
    index: int = 0

    def __str__(self) -> str:
        return "cpu" if self.kind == "cpu" else f"cuda:{self.index}"

    @property
    def provider(self) -> str:
        """ONNX Runtime's name of the execution provider."""
        return "CPUExecutionProvider" if self.kind == "cpu" else "CUDAExecutionProvider"

    @property
    def providers(self) -> list[Any]:
        """What a session is opened with; on CUDA, nodes without a kernel there run on the CPU."""
        return self._providers({})

    @property
    def recording_providers(self) -> list[Any]:
        """The same for a session whose forwards can be recorded as CUDA graphs."""
        return self._providers({"enable_cuda_graph": "1"})

    def _providers(self, options: Mapping[str, str]) -> list[Any]:
        if self.kind == "cpu":
            return [self.provider]
        own = {**CUDA_OPTIONS, **options, "device_id": self.index}
        return [(self.provider, own), CPU.provider]


CPU = Device()

CUDA_OPTIONS = {
    # Products of shortened factors would add to the distances that are to be compared.
    "use_tf32": "0",
    # One session serves a whole search, but trying all algorithms picks by time: two sessions of
    # the same model might then round differently.
    "cudnn_conv_algo_search": "HEURISTIC",
}


def is_device_name(asked: str) -> bool:
    """Return whether `choose_device` knows the name; it may yet find that it cannot be used."""
    return asked in ("auto", "cpu") or cuda_device(asked) is not None


def choose_device(asked: str) -> tuple[Device, str | None]:
    """Return the device to run on, and what the user should know about the choice.

    Args:
        asked: `cpu`, `cuda`, `cuda:N`, or `auto` for the first CUDA device if one can be used,
            else the CPU.

    Raises:
        RuntimeFlavourError: If a CUDA device is asked for and cannot be used; the message says
            what is missing.
    """
    if asked == "cpu":
        return CPU, None
    if asked != "auto":
        device = cuda_device(asked)
        if device is None:
            raise RuntimeFlavourError(f"device '{asked}' is none; accepted are {ACCEPTED}")
        if (obstacle := _obstacle(device)) is not None:
            raise RuntimeFlavourError(f"device '{asked}' cannot be used: {obstacle}")
        return device, None
    return _best()


def cuda_device(asked: str) -> Device | None:
    """Return the CUDA device of that name; None if it is no such name."""
    match = _CUDA.fullmatch(asked)
    return None if match is None else Device("cuda", int(match["index"] or 0))


def _best() -> tuple[Device, str | None]:
    from zoo_compress.runtime.cuda import gpu_flavour

    if not gpu_flavour():
        return CPU, None
    device = Device("cuda")
    obstacle = _obstacle(device)
    if obstacle is None:
        return device, None
    return CPU, f"it runs on the CPU, though onnxruntime-gpu is installed: {obstacle}"


def _obstacle(device: Device) -> str | None:
    from zoo_compress.runtime.cuda import cuda_obstacle

    return cuda_obstacle(device)
