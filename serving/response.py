"""Write an answer: JSON, with tensors inside it or as bytes behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from .datatypes import NUMPY
from .errors import RequestError
from .model import Tensor
from .request import InferRequest, Wanted
from .text import pack_text

VERSION = "1"


def write_response(
    name: str, request: InferRequest, arrays: Sequence[Any], outputs: Sequence[Tensor]
) -> tuple[bytes, int | None]:
    """Return the body of an answer and how many of its bytes are JSON; None for all.

    Args:
        name: Name of the model.
        request: What was asked.
        arrays: The outputs that it asks for.
        outputs: What the model returns.

    Raises:
        RequestError: If a number has no form in JSON.
    """
    datatypes = {tensor.name: tensor.datatype for tensor in outputs}
    records, tails = list[dict[str, Any]](), list[bytes]()
    for wanted, array in zip(request.outputs, arrays, strict=True):
        datatype = datatypes[wanted.name]
        record: dict[str, Any] = {"name": wanted.name, "datatype": datatype}
        record["shape"] = list(np.shape(array))
        if wanted.binary:
            tails.append(_bytes(array, datatype))
            record["parameters"] = {"binary_data_size": len(tails[-1])}
        else:
            record["data"] = _values(array, wanted)
        records.append(record)
    document: dict[str, Any] = {"model_name": name, "model_version": VERSION, "outputs": records}
    if request.id is not None:
        document["id"] = request.id
    head = json.dumps(document, allow_nan=False).encode()
    return b"".join([head, *tails]), len(head) if tails else None


def _bytes(array: Any, datatype: str) -> bytes:
    if datatype == "BYTES":
        return pack_text(map(str, np.ravel(array)))
    return np.ascontiguousarray(array, dtype=NUMPY[datatype]).tobytes()


def _values(array: Any, wanted: Wanted) -> list[Any]:
    flat = np.ravel(array)
    if flat.dtype.kind == "f" and not np.isfinite(flat).all():
        raise RequestError(
            f"output '{wanted.name}' holds NaN or infinity, for which JSON has no form; ask for "
            "it as binary data",
            status=500,
        )
    values: list[Any] = flat.tolist()
    return values
