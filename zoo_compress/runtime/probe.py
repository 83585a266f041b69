"""Run a tiny model on each execution provider, to see which of them really load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zoo_compress.errors import SourceError
from zoo_compress.runtime.cuda import cuda_obstacle, gpu_flavour, square_model
from zoo_compress.runtime.device import CPU, Device
from zoo_compress.runtime.flavour import load_onnxruntime
from zoo_compress.runtime.session import open_session, runtime_errors, short_reason


@dataclass(frozen=True, kw_only=True)
class ProviderState:
    """Whether a provider runs a model.

    Attributes:
        provider: ONNX Runtime's name of it.
        obstacle: What is in the way; None if it runs.
    """

    provider: str
    obstacle: str | None = None


def provider_states() -> tuple[ProviderState, ...]:
    """Return what became of a tiny model on the CPU and, with the GPU flavour, on CUDA.

    Raises:
        RuntimeFlavourError: If ONNX Runtime is not installed, or two flavours of it are.
    """
    devices = (CPU, Device("cuda")) if gpu_flavour() else (CPU,)
    return tuple(
        ProviderState(provider=device.provider, obstacle=_obstacle(device)) for device in devices
    )


def _obstacle(device: Device) -> str | None:
    if device.kind == "cuda" and (found := cuda_obstacle(device)) is not None:
        return found
    errors: tuple[type[Exception], ...] = (SourceError, *runtime_errors(load_onnxruntime()))
    try:
        session = open_session(square_model(), device=device)
        (squared,) = session.run(None, {"x": np.array([3.0], np.float32)})
    except errors as error:
        return short_reason(error)
    return None if squared[0] == np.float32(9) else f"3 times 3 came out as {squared[0]}"
