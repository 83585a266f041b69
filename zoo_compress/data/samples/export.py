"""Export torch modules to ONNX, silently, and check the result against the module."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import Feed
from zoo_compress.data.samples.packaged import import_module
from zoo_compress.errors import SampleError
from zoo_compress.runtime.session import open_session

OPSET = 20
TOLERANCE = 1e-3
"""Largest difference between an exported and the original output that is taken for rounding."""


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
    output: str,
) -> None:
    """Export a torch module with one output through `torch.export`.

    Args:
        module: In evaluation mode; takes the tensors of `examples` in their order.
        path: The `.onnx` file to write.
        examples: Input name -> example tensor, two or more long on the dynamic axes.
        axes: Dynamic axes of every input -> their symbols.
        output: Name of the output.
    """
    torch = import_module("torch")
    dynamic = {axis: torch.export.Dim(symbol) for axis, symbol in axes.items()}
    with silence():
        program = torch.onnx.export(
            module,
            tuple(examples.values()),
            dynamo=True,
            input_names=list(examples),
            output_names=[output],
            dynamic_shapes=tuple(dynamic for _ in examples),
            opset_version=OPSET,
            verbose=False,
        )
        _strip_traces(program.model)
        program.save(str(path))


def check_export(module: Any, path: Path, feeds: Sequence[Feed]) -> None:
    """Compare the exported model with the module on real samples.

    Raises:
        SampleError: If an output differs by more than `TOLERANCE`.
    """
    torch = import_module("torch")
    session = open_session(path)
    worst = 0.0
    for feed in feeds:
        with silence(), torch.no_grad():
            expected = module(*(torch.from_numpy(array) for array in feed.values())).numpy()
        found = session.run(None, dict(feed))[0]
        worst = max(worst, float(np.abs(found - expected).max()))
    if not worst <= TOLERANCE:
        raise SampleError(
            f"the export differs from the torch model by {worst:.3g} (at most {TOLERANCE:g}); "
            "another version of torch may export it correctly"
        )


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
