"""Open ONNX Runtime sessions from memory or a file, with weights supplied beside the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo_compress.core import AnyArray
from zoo_compress.errors import SourceError
from zoo_compress.runtime.device import CPU, Device
from zoo_compress.runtime.flavour import load_onnxruntime

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

SILENT = 4
"""ONNX Runtime's severity `fatal`: every error arrives as an exception as well."""

LONGEST_REASON = 240
BFLOAT16 = 16
"""`onnx.TensorProto.BFLOAT16`, spelled out so that a session needs no onnx."""

_CODE = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : ")
_LOADING = re.compile(r"Load model from .*? failed: ?")
_FULL_SIGNATURE = re.compile(
    r"/\S+\.(?:cc|h):\d+ [^()]*\([^()]*\)(?: const)?(?: \[with [^]]*\])? "
)
_SHORT_SIGNATURE = re.compile(r"\b\w+\.(?:cc|h):\d+ \w+ ")


def runtime_errors(ort: ModuleType) -> tuple[type[Exception], ...]:
    """Return the exceptions that ONNX Runtime raises; its own share no base class."""
    found = vars(ort.capi.onnxruntime_pybind11_state).values()
    own = [kind for kind in found if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError, TypeError)


def short_reason(error: BaseException | str) -> str:
    """Return an ONNX Runtime error as one line, without its code, path and C++ source position."""
    line = " ".join(str(error).split())
    for noise in (_CODE, _LOADING, _FULL_SIGNATURE, _SHORT_SIGNATURE):
        line = noise.sub("", line)
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 3] + "..."


def open_session(
    model: bytes | Path,
    *,
    threads: int | None = None,
    initializers: Mapping[str, AnyArray] | None = None,
    optimized_path: Path | None = None,
    spinning: bool = True,
    device: Device = CPU,
    recording: bool = False,
) -> InferenceSession:
    """Open a session, silent on stderr.

    Args:
        model: A serialised model, or the path of one.
        threads: Threads within an operator; all cores by default.
        initializers: Weights by name, for initializers of the main graph that the model declares
            with `data_location` EXTERNAL and no payload. ONNX Runtime matches them by name, type
            and dims and reads no file, so `location`, `offset` and `length` may be absent. Such
            weights are folded and prepacked like stored ones, and may exceed 2 GB together.
        optimized_path: Write the optimised model there, to see which nodes survive.
        spinning: Whether threads that wait for work keep their cores busy, for a while, as ONNX
            Runtime's do by default.
        device: Where to run. Whether ONNX Runtime can run on it is for `choose_device` to find.
        recording: Whether forwards on CUDA can be recorded as CUDA graphs; all nodes must then
            run there.

    Raises:
        SourceError: If ONNX Runtime cannot open the model.
    """
    if isinstance(model, Path) and not model.is_file():
        raise SourceError(f"'{model}' is not a file")
    ort = load_onnxruntime()
    options = _options(ort, threads=threads, optimized_path=optimized_path)
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    errors = runtime_errors(ort)
    try:
        values = _supply(ort, options, initializers or {})
        session = ort.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            options,
            providers=device.recording_providers if recording else device.providers,
        )
    except errors as error:
        name = "the model" if isinstance(model, bytes) else f"'{model}'"
        raise SourceError(f"{name} does not open: {short_reason(error)}") from error
    # ONNX Runtime may read supplied weights in place for as long as the session lives.
    session.supplied_weights = (values, initializers)
    return session


def _options(ort: ModuleType, *, threads: int | None, optimized_path: Path | None) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = SILENT
    if threads is not None:
        options.intra_op_num_threads = threads
    if optimized_path is not None:
        options.optimized_model_filepath = str(optimized_path)
    return options


def _supply(ort: ModuleType, options: Any, initializers: Mapping[str, AnyArray]) -> list[Any]:
    values = [ort_value(ort, array) for array in initializers.values()]
    if values:
        options.add_external_initializers(list(initializers), values)
    return values


def ort_value(ort: ModuleType, array: AnyArray) -> Any:
    """Return an array as a value in the memory of the processor, where possible without a copy."""
    whole = array if array.flags.c_contiguous else array.copy(order="C")
    if whole.dtype.name == "bfloat16":
        # numpy has no bfloat16 of its own, so the bits go in as 16-bit integers.
        return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(whole.view(np.uint16), BFLOAT16)
    return ort.OrtValue.ortvalue_from_numpy(whole)
