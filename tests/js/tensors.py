"""Arrays as JSON, the way `tensors.mjs` reads and writes them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np


def encode(feed: Mapping[str, Any]) -> dict[str, Any]:
    """Return {name: {type, dims, data}}, the bytes of the elements in base64."""
    return {name: _encoded(np.asarray(array)) for name, array in feed.items()}


def decode(tensors: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the arrays of such a mapping."""
    return {
        name: np.frombuffer(base64.b64decode(one["data"]), one["type"]).reshape(one["dims"])
        for name, one in tensors.items()
    }


def _encoded(array: np.ndarray) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"type": str(array.dtype), "dims": list(array.shape), "data": data}
