"""A run's report as the command line gets it."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def report() -> dict[str, Any]:
    """A run.json of a model with three weights."""
    return {
        "source": "sample:efficientnet-lite0",
        "revision": "0.1.0",
        "seed": 7,
        "budget": "0.125",
        "original_bytes": 18_600_000,
        "compressed_bytes": 2_320_000,
        "size_ratio": 0.12473,
        "distance": 318.7,
        "distance_standard_error": 24.1,
        "relative_distance": 0.0812,
        "search_inputs": 50,
        "certificate": {
            "kind": "top1-disagreement",
            "bound": 0.081,
            "confidence": 0.95,
            "n": 150,
            "observed": 0.04,
            "scope": "150 photographs that the search did not see",
            "statement": "With 95 % confidence at most 8.1 % of top-1 answers differ.",
        },
        "evaluations": 360,
        "seconds": {
            "total": 161.2,
            "prepare": 6.2,
            "calibrate": 10,
            "rank": 9,
            "scan": 60,
            "search": 61,
            "finish": 15,
            "forward": 70,
            "session": 6,
            "encode": 12,
            "propose": 8.4,
        },
        "strategy": "gp",
        "plan_path": "plan.json",
        "model_path": "model.onnx",
        "latency": {
            "original_ms": 24.31,
            "compressed_ms": 24.78,
            "ratio": 1.0124,
            "quartiles": [0.9871, 1.0342],
            "pairs": 61,
            "original_load_seconds": 0.101,
            "compressed_load_seconds": 0.312,
            "threads": 2,
            "provider": "CPUExecutionProvider",
            "verdict": "alike",
        },
        "versions": {},
        "hardware": "",
        "sites": [
            site("conv", [300], 160, "codes bits=4 granularity=channel"),
            site("gemm", [600], 460, "codes bits=6 granularity=channel"),
            site("tiny", [100], 400, None),
        ],
    }


def site(name: str, shape: list[int], stored_bytes: int, option: str | None) -> dict[str, Any]:
    return {
        "name": name,
        "shape": shape,
        "original_bytes": 4 * shape[0],
        "stored_bytes": stored_bytes,
        "option": option,
    }
