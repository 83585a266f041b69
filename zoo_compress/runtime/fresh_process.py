"""Run a model file in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import AnyArray, Feed
from zoo_compress.errors import PublishGateError
from zoo_compress.runtime.session import short_reason

WORKER = "zoo_compress.runtime.gate_worker"
PACKAGE_ROOT = Path(__file__).parents[2]
KILLED = 9
"""Number of the signal with which Linux ends a process when memory runs out."""

OPENING = "opening"
"""Name of the bytes that opening a model took, beside `sample/output`."""


@dataclass(frozen=True, eq=False)
class FreshRun:
    """What a process of its own found about a model.

    Attributes:
        outputs: One tuple for each sample.
        opening_bytes: The most memory that opening it added to the process; None where the system
            does not tell.
    """

    outputs: list[tuple[AnyArray, ...]]
    opening_bytes: int | None


def run_in_fresh_process(
    model_path: Path, feeds: Sequence[Feed], *, timeout: float = 600
) -> FreshRun:
    """Run a model in a stock ONNX Runtime that shares no memory with this process.

    Args:
        model_path: The model file.
        feeds: Samples to run, at least one.
        timeout: Seconds after which the process is stopped.

    Raises:
        PublishGateError: If the model does not open or run, the process crashes, or the time is
            up.
    """
    with tempfile.TemporaryDirectory(prefix="zoo-compress-gate-") as folder:
        request, outputs = _write_request(Path(folder), model_path, feeds)
        _run_worker(request, model_path, timeout)
        return _read_outputs(outputs, len(feeds))


def _write_request(folder: Path, model_path: Path, feeds: Sequence[Feed]) -> tuple[Path, Path]:
    arrays: dict[str, Any] = {
        f"{sample}/{position}": _storable(feed[name])
        for sample, feed in enumerate(feeds)
        for position, name in enumerate(feeds[0])
    }
    stored, outputs, path = (folder / n for n in ("feeds.npz", "outputs.npz", "request.json"))
    np.savez(stored, **arrays)
    request = {
        "model": str(model_path.resolve()),
        "inputs": list(feeds[0]),
        "samples": len(feeds),
        "feeds": str(stored),
        "outputs": str(outputs),
        "opening": OPENING,
    }
    path.write_text(json.dumps(request), encoding="utf-8")
    return path, outputs


def _storable(array: AnyArray) -> AnyArray:
    """Return strings as fixed-width text: object arrays would need pickle."""
    return array.astype(str) if array.dtype == object else array


def _run_worker(request: Path, model_path: Path, timeout: float) -> None:
    # -P keeps the user's working folder, and any numpy.py in it, off the import path.
    command = [sys.executable, "-P", "-m", WORKER, str(request)]
    search_path = os.pathsep.join(
        filter(None, [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")])
    )
    try:
        result = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": search_path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PublishGateError(
            f"'{model_path}' did not finish within {timeout:g} s in a fresh process"
        ) from error
    if result.returncode == -KILLED:
        raise PublishGateError(
            f"'{model_path}' was killed while a fresh process opened or ran it, as happens when "
            "memory runs out: ONNX Runtime takes a multiple of the original's bytes to decode "
            "weights. Go on where there is more memory, or choose a recipe with 'matmul-nbits', "
            "whose weights stay packed"
        )
    if result.returncode:
        lines = result.stderr.decode(errors="replace").strip().splitlines()
        reason = short_reason(lines[-1]) if lines else "no message"
        raise PublishGateError(
            f"'{model_path}' failed in a fresh process (exit status {result.returncode}): {reason}"
        )


def _read_outputs(path: Path, samples: int) -> FreshRun:
    with np.load(path) as stored:
        names = [name for name in stored.files if name != OPENING]
        count = len(names) // samples
        outputs = [tuple(stored[f"{s}/{i}"] for i in range(count)) for s in range(samples)]
        opening = int(stored[OPENING]) if OPENING in stored.files else None
    return FreshRun(outputs, opening)
