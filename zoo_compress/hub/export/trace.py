"""Write a torch model as ONNX and compare the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo_compress.errors import SourceError
from zoo_compress.hub.export.architecture import Architecture
from zoo_compress.hub.export.inputs import Interface, interfaces
from zoo_compress.hub.export.load import TorchModel, blamed_on

TOLERANCE = 1e-4
"""Largest difference between the exported and the torch model's outputs that is taken for
rounding, as a share of the largest number of the output."""

OUTPUTS = ("logits", "last_hidden_state", "pooler_output")


def write_checked(root: Path, architecture: Architecture, model: TorchModel, path: Path) -> float:
    """Export a model and return its largest relative difference to torch.

    Args:
        root: The folder that the model is from.
        architecture: What it is.
        model: The model.
        path: The `.onnx` file to write.

    Raises:
        SourceError: If the model does not run or cannot be exported, or the exported one differs
            by more than `TOLERANCE`.
    """
    interface, outputs = _call(root, architecture, model)
    adapter = _adapter(model.module, list(interface.example), outputs)
    _export(root, architecture, adapter, path, interface, outputs)
    return _check(root, adapter, path, interface, outputs)


def _call(
    root: Path, architecture: Architecture, model: TorchModel
) -> tuple[Interface, tuple[str, ...]]:
    """Return the first way to call the model that it accepts, and the outputs it then has."""
    failure: SourceError | None = None
    for interface in interfaces(model, root):
        try:
            with blamed_on(root, f"{architecture.name} does not run on {_shapes(interface)}"):
                result = _run(model.module, interface.example)
                outputs = tuple(name for name in OUTPUTS if result.get(name) is not None)
        except SourceError as error:
            failure = failure or error
            continue
        if outputs:
            return interface, outputs
        failure = SourceError(f"'{root}': {architecture.name} returns none of {OUTPUTS}")
    raise failure or SourceError(f"'{root}': {architecture.name} has no known inputs")


def _shapes(interface: Interface) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in interface.example.items())


def _run(module: Any, feed: Mapping[str, Any]) -> Mapping[str, Any]:
    import torch

    with torch.no_grad():
        tensors = {name: torch.from_numpy(array) for name, array in feed.items()}
        result: Mapping[str, Any] = module(**tensors, return_dict=True)
    return result


def _adapter(module: Any, inputs: Sequence[str], outputs: Sequence[str]) -> Any:
    """Return a module that takes its inputs by position and returns the outputs as a tuple."""
    import torch

    class Adapter(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = module

        # One by one, since the exporter takes `*tensors` for a single input.
        def forward(self, main: Any, second: Any = None, third: Any = None) -> tuple[Any, ...]:
            tensors = dict(zip(inputs, (main, second, third), strict=False))
            result = self.model(**tensors, return_dict=True)
            return tuple(result[name] for name in outputs)

    return Adapter().eval()


def _export(
    root: Path,
    architecture: Architecture,
    adapter: Any,
    path: Path,
    interface: Interface,
    outputs: Sequence[str],
) -> None:
    import torch

    from zoo_compress.runtime.torch_export import export_module

    with blamed_on(root, f"torch cannot export {architecture.name}"):
        export_module(
            adapter,
            path,
            examples={name: torch.from_numpy(each) for name, each in interface.example.items()},
            axes=interface.axes,
            outputs=outputs,
        )


def _check(
    root: Path, adapter: Any, path: Path, interface: Interface, outputs: Sequence[str]
) -> float:
    """Return the largest difference to torch's outputs on the sizes to check.

    Raises:
        SourceError: If it is over `TOLERANCE`.
    """
    from zoo_compress.runtime.torch_export import compare_export

    with blamed_on(root, "the exported model cannot be compared with torch's"):
        worst = compare_export(adapter, path, interface.checks)
    if not worst.relative <= TOLERANCE:
        raise SourceError(
            f"'{root}': the exported model's '{outputs[worst.output]}' differs from torch's by "
            f"{worst.absolute:.3g}, {worst.relative:.3g} of the largest number (at most "
            f"{TOLERANCE:g}); another version of torch or transformers may export it correctly"
        )
    return worst.relative
