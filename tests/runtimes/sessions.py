"""Run models in the ONNX Runtime of another environment: a request from stdin, answers to stdout.

Both are JSON, as `node.mjs` reads and writes them.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import onnxruntime

from tests.js.tensors import decode, encode


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what a model makes of its feeds, by output, or why it does not open or run."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            asked["path"], options, providers=["CPUExecutionProvider"]
        )
        names = [output.name for output in session.get_outputs()]
        found = [session.run(None, decode(feed)) for feed in asked["feeds"]]
    except Exception as error:  # noqa: BLE001: its errors share no base class
        return {"error": str(error)}
    return {"outputs": [encode(dict(zip(names, one, strict=True))) for one in found]}


json.dump([_answer(asked) for asked in json.load(sys.stdin)], sys.stdout)
