"""Export torch modules to ONNX, silently, and compare the result with the module."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import AnyArray, Feed
from zoo_compress.runtime.session import open_session

OPSET = 20


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far an exported model is from its module, at worst over samples and outputs.

    Attributes:
        absolute: Largest difference of two numbers.
        relative: Largest difference over the largest number of its output; undivided if that is 0.
        output: Index of the output that they were found in.
    """

    absolute: float
    relative: float
    output: int


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep what the exporter and the packages print, warn and log off the terminal."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def export_module(
    module: Any,
    path: Path,
    *,
    examples: Mapping[str, Any],
    axes: Mapping[int, str],
    outputs: Sequence[str],
) -> None:
    """Export a torch module through `torch.export`.

    Args:
        module: In evaluation mode; takes the tensors of `examples` in their order.
        path: The `.onnx` file to write.
        examples: Input name -> example tensor, two or more long on the dynamic axes.
        axes: Dynamic axes of every input -> their symbols.
        outputs: Names of the outputs.
    """
    import torch

    dynamic = {axis: torch.export.Dim(symbol) for axis, symbol in axes.items()}
    with silence():
        program: Any = torch.onnx.export(
            module,
            tuple(examples.values()),
            dynamo=True,
            input_names=list(examples),
            output_names=list(outputs),
            dynamic_shapes=tuple(dynamic for _ in examples),
            opset_version=OPSET,
            verbose=False,
        )
        _strip_traces(program.model)
        program.save(str(path))


def compare_export(module: Any, path: Path, feeds: Sequence[Feed]) -> Difference:
    """Run the exported model beside the module and return their largest difference.

    It is NaN where one of them returns NaN, or infinity where the other does not.

    Raises:
        SourceError: If ONNX Runtime cannot open the model.
    """
    session = open_session(path)
    worst = Difference(absolute=0.0, relative=0.0, output=0)
    for feed in feeds:
        found = session.run(None, dict(feed))
        for index, pair in enumerate(zip(found, _run(module, feed), strict=True)):
            difference = _difference(index, *pair)
            # Not `>`: a NaN must win.
            if not difference.relative <= worst.relative:
                worst = difference
    return worst


def _run(module: Any, feed: Feed) -> list[AnyArray]:
    import torch

    with silence(), torch.no_grad():
        outputs = module(*(torch.from_numpy(array) for array in feed.values()))
    return [each.numpy() for each in (outputs if isinstance(outputs, tuple) else (outputs,))]


def _difference(index: int, found: AnyArray, expected: AnyArray) -> Difference:
    if found.shape != expected.shape:
        return Difference(absolute=np.inf, relative=np.inf, output=index)
    absolute = float(np.abs(found - expected).max(initial=0.0))
    largest = float(np.abs(expected).max(initial=0.0))
    return Difference(absolute=absolute, relative=absolute / (largest or 1.0), output=index)


def _strip_traces(model: Any) -> None:
    """Drop the exporter's notes on every node: they hold this machine's paths."""
    model.metadata_props.clear()
    model.graph.metadata_props.clear()
    for node in model.graph.all_nodes():
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
