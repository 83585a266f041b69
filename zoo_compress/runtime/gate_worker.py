"""Run a model in a process that holds little but numpy and a stock ONNX Runtime.

Usage: python -m zoo_compress.runtime.gate_worker REQUEST.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from zoo_compress.runtime.padding import without_padding


def main(request_path: Path) -> None:
    """Run every sample of the request and store the outputs as `sample/output` in an npz file.

    Positions that only pad a sample are left out, as in every other run.

    The request names the `model`, the `inputs`, the npz files `feeds` (`sample/input`, by
    position) and `outputs`, and the number of `samples`. What opening the model adds to the memory
    of the process, at most, is stored under the name `opening`, where the system tells.
    """
    request = json.loads(request_path.read_text(encoding="utf-8"))
    before = _bytes("VmRSS")
    session = onnxruntime.InferenceSession(request["model"], providers=["CPUExecutionProvider"])
    most = _bytes("VmHWM")
    given = [output.name for output in session.get_outputs()]
    results: dict[str, Any] = {}
    if before is not None and most is not None:
        results[request["opening"]] = np.array(most - before)
    with np.load(request["feeds"]) as stored:
        for sample in range(request["samples"]):
            names = enumerate(request["inputs"])
            feed = {name: stored[f"{sample}/{position}"] for position, name in names}
            outputs = without_padding(session.run(None, feed), given, feed, session)
            for position, output in enumerate(outputs):
                text = output.dtype == object  # strings; stored as such they would need pickle
                results[f"{sample}/{position}"] = output.astype(str) if text else output
    np.savez(request["outputs"], **results)


def _bytes(field: str) -> int | None:
    """Return what Linux says of this process: resident memory now, or the most so far."""
    status = Path("/proc/self/status")
    lines = status.read_text("utf-8").splitlines() if status.exists() else []
    found = (int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))
    return next(found, None)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Exception as error:  # the parent reads one line, whatever went wrong
        sys.exit(" ".join(f"{type(error).__name__}: {error}".split()))
