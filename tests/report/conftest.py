"""The record of a run, as run.json holds it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

SHA = "0123456789abcdef0123456789abcdef01234567"
SCOPE = "450 photographs; CPU provider; ONNX Runtime 1.32"

CERTIFICATE = {
    "kind": "top1-disagreement",
    "bound": 0.09,
    "confidence": 0.95,
    "n": 450,
    "observed": 0.07,
    "scope": SCOPE,
    "statement": f"With 95 % confidence it differs on at most 9 % of inputs; scope: {SCOPE}.",
}

RUN: dict[str, Any] = {
    "source": "me/net",
    "revision": SHA,
    "origin": {
        "repo_id": "me/net",
        "revision": SHA,
        "file": "onnx/model.onnx",
        "licence": "mit",
        "gated": False,
        "metadata": {"license": "mit", "pipeline_tag": "image-classification"},
    },
    "original_file": "model.onnx",
    "inputs": [{"name": "x", "shape": ["N", 3], "dtype": "float32"}],
    "outputs": [{"name": "logits", "shape": ["N", 10], "dtype": "float32"}],
    "task": "classification",
    "companions": [],
    "data": "500 photographs",
    "recipe": "balanced",
    "trial": 0,
    "seed": 7,
    "removal": None,
    "repair": {"kinds": ["bias-correction", "error-feedback"], "inputs": 100},
    "folded": True,
    "techniques": ["codes"],
    "operators": [],
    "budget": "size=0.125",
    "request": {
        "budget": "0.125",
        "gamma": None,
        "data": "/home/me/my photographs",
        "recipe": "recipe.yaml",
        "strategy": "gp",
        "trials": 60,
        "seconds": None,
        "task": "classification",
        "distance": "squared-l2",
        "confidence": 0.95,
        "seed": 7,
        "device": "cpu",
    },
    "original_bytes": 18_600_000,
    "compressed_bytes": 2_325_000,
    "size_ratio": 0.125,
    "distance_name": "squared-l2",
    "distance_scale": 1603.0,
    "distance": 318.64,
    "distance_standard_error": 12.345,
    "relative_distance": 0.19876,
    "search_inputs": 50,
    "search_disagreement": 0.06,
    "certificate": CERTIFICATE,
    "certificates": [CERTIFICATE],
    "latency": {
        "original_ms": 24.31,
        "compressed_ms": 44.62,
        "ratio": 1.8349,
        "quartiles": [1.79, 1.8812],
        "pairs": 61,
        "original_load_seconds": 0.1012,
        "compressed_load_seconds": 0.312,
        "threads": 2,
        "provider": "CPUExecutionProvider",
        "verdict": "slower",
    },
    "evaluations": 300,
    "seconds": {
        "total": 123.4,
        "prepare": 6.0,
        "calibrate": 10.0,
        "rank": 8.0,
        "scan": 40.0,
        "search": 44.4,
        "finish": 15.0,
        "forward": 60.0,
        "session": 7.0,
        "encode": 9.0,
        "propose": 5.0,
    },
    "strategy": "gp",
    "plan_path": "plan.json",
    "model_path": "model.onnx",
    "versions": {"onnx": "1.23.2", "onnxruntime": "1.32.0 (cpu)", "zoo-compress": "0.1.0"},
    "hardware": {"cpu": "Some CPU", "cores": 2, "memory_bytes": 8_000_000_000, "gpu": None},
    "sites": [
        {
            "name": "conv.weight",
            "shape": [32, 3, 3, 3],
            "original_bytes": 3456,
            "stored_bytes": 432,
            "option": "codes bits=4 granularity=channel",
        },
        {
            "name": "fc.weight",
            "shape": [10, 8],
            "original_bytes": 320,
            "stored_bytes": 320,
            "option": None,
        },
    ],
}


@pytest.fixture
def run() -> dict[str, Any]:
    """A record that a test may change."""
    return copy.deepcopy(RUN)
