"""Whether ONNX Runtime can run on a CUDA device, and what is missing if it cannot."""

from __future__ import annotations

import contextlib
import ctypes
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from zoo_compress.runtime.device import Device
from zoo_compress.runtime.flavour import installed_flavours, load_onnxruntime

GPU_FLAVOUR = "onnxruntime-gpu"
REINSTALL = "pip uninstall -y onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]'"
LIBRARIES = "pip install 'onnxruntime-gpu[cuda,cudnn]', or a torch for the same CUDA version"

DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
SUCCESS = 0

CACHE_SHARE = 0.5
"""The other half is for activations and for ONNX Runtime's arena."""


@dataclass(frozen=True, kw_only=True)
class Driver:
    """What NVIDIA's driver says of itself.

    Attributes:
        cuda: The latest CUDA version that it runs, major and minor.
        devices: How many devices it offers.
    """

    cuda: tuple[int, int]
    devices: int


@dataclass(frozen=True, kw_only=True)
class CudaFacts:
    """What decides whether a CUDA device can be used.

    Attributes:
        flavours: The installed distributions of ONNX Runtime.
        offered: Whether ONNX Runtime was built with the CUDA provider.
        built_for: Major version of the CUDA that it was built for; None if it does not say.
        driver: What the driver says; None if there is none.
        torch_has_cuda: Whether torch, which sums distances on the device, was built with CUDA.
        missing: What was printed while its libraries were loaded, a line each.
        opened: The providers of a session that was opened on the device; None if none was tried.
    """

    flavours: Sequence[str]
    offered: bool
    built_for: int | None
    driver: Driver | None
    torch_has_cuda: bool = True
    missing: Sequence[str] = ()
    opened: Sequence[str] | None = None


def gpu_flavour() -> bool:
    """Tell whether the GPU flavour of ONNX Runtime is installed."""
    return GPU_FLAVOUR in installed_flavours()


def cuda_obstacle(device: Device) -> str | None:
    """Return what keeps ONNX Runtime from running on a CUDA device; None if it runs there.

    A tiny model is opened on the device: that the provider is listed says nothing, since ONNX
    Runtime falls back to the CPU where a library is missing.

    Raises:
        RuntimeFlavourError: If ONNX Runtime is not installed, or two flavours of it are.
    """
    facts = _facts_without_a_session()
    found = obstacle_in(facts, device)
    if found is not None:
        return found
    return obstacle_in(_with_a_session(facts, device), device)


def obstacle_in(facts: CudaFacts, device: Device) -> str | None:
    """Return what is in the way, the first thing to mend; None if nothing is known to be."""
    if GPU_FLAVOUR not in facts.flavours:
        installed = " and ".join(facts.flavours) or "no ONNX Runtime"
        return f"{installed} is installed, which has no CUDA provider; run: {REINSTALL}"
    if not facts.offered:
        return f"the installed {GPU_FLAVOUR} offers no CUDA provider on this system"
    if facts.driver is None:
        return f"there is no NVIDIA driver ({DRIVER} does not load, or finds no device)"
    if facts.built_for is not None and facts.driver.cuda[0] < facts.built_for:
        offered = ".".join(map(str, facts.driver.cuda))
        return (
            f"the driver runs CUDA up to {offered}, and this {GPU_FLAVOUR} is built for CUDA "
            f"{facts.built_for}; update the driver or install an {GPU_FLAVOUR} for its CUDA"
        )
    if device.index >= facts.driver.devices:
        return f"the driver offers {facts.driver.devices} device(s), numbered from 0"
    if not facts.torch_has_cuda:
        return (
            "the installed torch is built without CUDA, and sums distances on the device; install "
            "one for the CUDA of the driver"
        )
    if facts.opened is not None and device.provider not in facts.opened:
        missing = "; ".join(facts.missing) or "a CUDA or cuDNN library does not load"
        return f"{missing}; run: {LIBRARIES}"
    return None


def _facts_without_a_session() -> CudaFacts:
    ort = load_onnxruntime()
    return CudaFacts(
        flavours=installed_flavours(),
        offered="CUDAExecutionProvider" in ort.get_available_providers(),
        built_for=_major(getattr(ort, "cuda_version", "")),
        driver=_driver(),
    )


def _with_a_session(facts: CudaFacts, device: Device) -> CudaFacts:
    import torch

    from zoo_compress.runtime.session import open_session

    if torch.version.cuda is None:
        return replace(facts, torch_has_cuda=False)
    missing = load_cuda_libraries()
    session = open_session(square_model(), device=device)
    return replace(facts, missing=missing, opened=tuple(session.get_providers()))


def load_cuda_libraries() -> tuple[str, ...]:
    """Load CUDA's and cuDNN's libraries as torch or NVIDIA's packages carry them.

    Returns:
        What ONNX Runtime prints about those that do not load.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        load_onnxruntime().preload_dlls()
    lines = printed.getvalue().splitlines()
    return tuple(line.strip() for line in lines if line.startswith("Failed"))


def cache_bytes(device: Device) -> int:
    """Return how many bytes of encodings may stay on a device: half of what is free now."""
    import torch

    free, _ = torch.cuda.mem_get_info(device.index)
    return int(free * CACHE_SHARE)


def _driver() -> Driver | None:
    """Ask NVIDIA's driver; `cuInit` and the others return 0 for success."""
    try:
        library: Any = ctypes.CDLL(DRIVER)
    except OSError:
        return None
    version, count = ctypes.c_int(), ctypes.c_int()
    if library.cuInit(0) != SUCCESS:
        return None
    if library.cuDriverGetVersion(ctypes.byref(version)) != SUCCESS:
        return None
    if library.cuDeviceGetCount(ctypes.byref(count)) != SUCCESS or count.value == 0:
        return None
    return Driver(cuda=(version.value // 1000, version.value % 1000 // 10), devices=count.value)


def _major(version: str) -> int | None:
    head = version.partition(".")[0]
    return int(head) if head.isdigit() else None


def square_model() -> bytes:
    """Return a model that squares one number `x`, for which every provider has a kernel."""
    from onnx import TensorProto, helper

    vector = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    node = helper.make_node("Mul", ["x", "x"], ["y"])
    graph = helper.make_graph([node], "probe", vector[:1], vector[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    found: bytes = model.SerializeToString()
    return found
