"""What a result was computed on and with: hardware and library versions."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from zoo_compress.runtime.device import CPU, Device
from zoo_compress.runtime.flavour import FLAVOURS, installed_flavours

LIBRARIES = ("onnx", "onnx-ir", "onnxslim", "numpy", "numba", "zoo-compress")

CPU_PROVIDER = "CPUExecutionProvider"
NAME_GPUS = ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
SECONDS_TO_NAME_GPUS = 20.0


def memory_bytes() -> int:
    """Return the bytes of memory that the machine has."""
    import psutil

    return int(psutil.virtual_memory().total)


def hardware(device: Device = CPU) -> dict[str, Any]:
    """Return the processor's name, usable cores, memory in bytes and the GPU (None: not used)."""
    return {
        "cpu": _processor(),
        "cores": _usable_cores(),
        "memory_bytes": memory_bytes(),
        "gpu": None if device.kind == "cpu" else gpu_model(),
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that decide a result.

    `onnxruntime` names its flavour too, for example `1.32.0 (cpu)`.
    """
    flavours = [f"{_version(name)} ({FLAVOURS[name]})" for name in installed_flavours()]
    return {
        "python": platform.python_version(),
        "onnxruntime": ", ".join(flavours) or "not installed",
        **{name: _version(name) for name in LIBRARIES},
    }


def execution(provider: str = CPU_PROVIDER) -> str:
    """Say what a model ran with and on, in words for the scope of a certificate.

    Args:
        provider: ONNX Runtime's name of the execution provider. Any but the CPU's names the GPU.
    """
    found = versions()
    cpu = provider == CPU_PROVIDER
    device = _processor() if cpu else gpu_model() or "a GPU of unknown model"
    return (
        f"run by {provider} of ONNX Runtime {found['onnxruntime']} on {device}, "
        f"zoo-compress {found['zoo-compress']}"
    )


def gpu_model() -> str | None:
    """Return the model of the GPUs that the driver lists, None if it lists none."""
    try:
        listed = subprocess.run(
            NAME_GPUS, capture_output=True, text=True, timeout=SECONDS_TO_NAME_GPUS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    names = [line.strip() for line in listed.splitlines() if line.strip()]
    return ", ".join(dict.fromkeys(names)) or None


def default_threads() -> int:
    """Return how many threads ONNX Runtime uses by itself: one a usable physical core."""
    import psutil

    usable = _usable_cores()
    return min(psutil.cpu_count(logical=False) or usable, usable)


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
