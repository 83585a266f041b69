"""The model: loaded, run once, and from then on ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from .datatypes import ONNX_RUNTIME
from .errors import RequestError

PROVIDERS = {"cpu": "CPUExecutionProvider", "gpu": "CUDAExecutionProvider"}
FATAL = 4
"""ONNX Runtime's severity above which it writes nothing: errors arrive as exceptions as well."""

LONGEST_REASON = 300


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An input or output; lengths of -1 are for the request to choose."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def metadata(self) -> dict[str, Any]:
        """Return it as the protocol describes it."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


class Model:
    """A session of ONNX Runtime."""

    def __init__(self, name: str, path: Path, *, device: str = "cpu") -> None:
        """Open a model file.

        Args:
            name: Name under which it is offered.
            path: The file.
            device: `cpu` or `gpu`.

        Raises:
            RuntimeError: If the device is `gpu` and ONNX Runtime cannot use one.
        """
        options = onnxruntime.SessionOptions()
        options.log_severity_level = FATAL
        if device == "gpu":
            onnxruntime.preload_dlls()
        provider = PROVIDERS[device]
        self.name = name
        self._session = onnxruntime.InferenceSession(path, options, providers=[provider])
        if provider not in self._session.get_providers():
            raise RuntimeError("ONNX Runtime found no GPU that it can use")
        self.inputs = [_tensor(argument) for argument in self._session.get_inputs()]
        self.outputs = [_tensor(argument) for argument in self._session.get_outputs()]

    def run(self, inputs: Mapping[str, Any], outputs: Sequence[str]) -> list[Any]:
        """Return outputs by name, in the order in which they were asked for.

        Raises:
            RequestError: If the model does not run on these inputs.
        """
        try:
            found: list[Any] = self._session.run(list(outputs), dict(inputs))
        except _errors() as error:
            reason = " ".join(str(error).split())[:LONGEST_REASON]
            raise RequestError(f"the model does not run on these inputs: {reason}") from error
        return found

    def warm_up(self, example: Path) -> None:
        """Run the model once, on the arrays of an `.npz` file by input name."""
        with np.load(example, allow_pickle=False) as arrays:
            inputs = {name: _of_objects(arrays[name]) for name in arrays.files}
        self.run(inputs, [output.name for output in self.outputs])


def _tensor(argument: Any) -> Tensor:
    return Tensor(
        name=argument.name,
        datatype=ONNX_RUNTIME[argument.type],
        shape=tuple(n if isinstance(n, int) and n >= 0 else -1 for n in argument.shape or ()),
    )


def _of_objects(array: Any) -> Any:
    # An .npz file holds text at a fixed width; ONNX Runtime takes Python's strings.
    return array.astype(object) if array.dtype.kind == "U" else array


def _errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of ONNX Runtime, which share no class of their own."""
    found = vars(onnxruntime.capi.onnxruntime_pybind11_state).values()
    own = [kind for kind in found if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, RuntimeError, ValueError, TypeError)
