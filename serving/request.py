"""Read a request for inference: JSON, with tensors inside it or as bytes behind it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from .datatypes import JSON_KINDS, NUMPY
from .errors import RequestError
from .model import Tensor
from .text import unpack_text

MOST_AXES = 16


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """An output that a request asks for, as bytes behind the answer or as JSON."""

    name: str
    binary: bool


@dataclass(frozen=True, kw_only=True)
class InferRequest:
    """A request that fits the model.

    Attributes:
        id: What the sender calls it, if anything.
        inputs: Arrays by input name.
        outputs: What is to be returned.
    """

    id: str | None
    inputs: Mapping[str, Any]
    outputs: Sequence[Wanted]


def read_request(
    body: bytes, header: int | None, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> InferRequest:
    """Read the body of a request and check that it fits the model.

    Args:
        body: All bytes.
        header: How many of them are JSON; None for all.
        inputs: What the model takes.
        outputs: What it returns.

    Raises:
        RequestError: If it does not.
    """
    document = _document(body if header is None else body[:header])
    arrays = _inputs(document, b"" if header is None else body[header:], inputs)
    identifier = document.get("id")
    return InferRequest(
        id=None if identifier is None else str(identifier),
        inputs=arrays,
        outputs=_outputs(document, outputs),
    )


def _document(text: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError(f"the request is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise RequestError("the request is no JSON object")
    return document


def _list_of_objects(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = document.get(key, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise RequestError(f"'{key}' is no list of objects")
    return found


def _parameters(record: Mapping[str, Any]) -> Mapping[str, Any]:
    found = record.get("parameters", {})
    if not isinstance(found, dict):
        raise RequestError("'parameters' is no object")
    if unknown := sorted(key for key in found if key.startswith("shared_memory")):
        raise RequestError(f"parameter '{unknown[0]}' is not supported: send the data itself")
    return found


def _inputs(document: Mapping[str, Any], tail: bytes, tensors: Sequence[Tensor]) -> dict[str, Any]:
    known, found, used = {tensor.name: tensor for tensor in tensors}, dict[str, Any](), 0
    for record in _list_of_objects(document, "inputs"):
        name = record.get("name")
        if not isinstance(name, str) or name not in known:
            raise RequestError(f"no input {name!r}; the model takes {', '.join(known)}")
        if name in found:
            raise RequestError(f"input '{name}' is given twice")
        _require_fit(record, known[name])
        size = _parameters(record).get("binary_data_size")
        if size is None:
            found[name] = _from_json(record, known[name])
            continue
        if not isinstance(size, int) or not 0 <= size <= len(tail) - used:
            raise RequestError(
                f"input '{name}': binary_data_size {size} does not lie in the {len(tail)} bytes "
                "behind the JSON"
            )
        found[name] = _from_bytes(record["shape"], tail[used : used + size], known[name])
        used += size
    if missing := [name for name in known if name not in found]:
        raise RequestError(f"input '{missing[0]}' is missing; the model takes {', '.join(known)}")
    if used != len(tail):
        raise RequestError(f"{len(tail) - used} bytes behind the JSON belong to no input")
    return found


def _require_fit(record: Mapping[str, Any], tensor: Tensor) -> None:
    """Check type and shape of an input."""
    if record.get("datatype") != tensor.datatype:
        raise RequestError(
            f"input '{tensor.name}': datatype {record.get('datatype')!r}, expected "
            f"'{tensor.datatype}'"
        )
    shape = record.get("shape")
    if not _is_shape(shape) or not _fits(shape, tensor.shape):
        raise RequestError(
            f"input '{tensor.name}': shape {shape!r}, expected {list(tensor.shape)} "
            "with any length for -1"
        )


def _is_shape(shape: object) -> TypeGuard[list[int]]:
    return isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)


def _fits(shape: Sequence[int], expected: Sequence[int]) -> bool:
    same_axes = len(shape) == len(expected) <= MOST_AXES
    return same_axes and all(e in (-1, n) for n, e in zip(shape, expected, strict=True))


def _from_json(record: Mapping[str, Any], tensor: Tensor) -> Any:
    if "data" not in record:
        raise RequestError(f"input '{tensor.name}' has no data")
    target = NUMPY[tensor.datatype]
    try:
        values = np.asarray(record["data"])
        fits = values.size == 0 or values.dtype.kind in JSON_KINDS[target.kind]
        # From the values themselves: only then does numpy refuse a number that is too large, and
        # keep text as it is.
        array = np.asarray(record["data"] if target.kind in "iuO" else values, dtype=target)
    except (ValueError, TypeError, OverflowError) as error:
        raise RequestError(
            f"input '{tensor.name}': data is not {tensor.datatype}: {error}"
        ) from error
    if not fits:
        raise RequestError(f"input '{tensor.name}': data is not {tensor.datatype}")
    _require_count(array.size, record["shape"], tensor)
    return array.reshape(record["shape"])


def _from_bytes(shape: Sequence[int], data: bytes, tensor: Tensor) -> Any:
    target = NUMPY[tensor.datatype]
    if target.kind == "O":
        texts = unpack_text(data)
        _require_count(len(texts), shape, tensor)
        return np.array(texts, dtype=object).reshape(shape)
    if len(data) != math.prod(shape) * target.itemsize:
        raise RequestError(
            f"input '{tensor.name}': {len(data)} bytes, shape {list(shape)} of "
            f"{tensor.datatype} takes {math.prod(shape) * target.itemsize}"
        )
    return np.frombuffer(data, dtype=target).reshape(shape)


def _require_count(count: int, shape: Sequence[int], tensor: Tensor) -> None:
    if count != math.prod(shape):
        raise RequestError(
            f"input '{tensor.name}': {count} values, shape {list(shape)} takes {math.prod(shape)}"
        )


def _outputs(document: Mapping[str, Any], tensors: Sequence[Tensor]) -> list[Wanted]:
    names = [tensor.name for tensor in tensors]
    usual = bool(_parameters(document).get("binary_data_output", False))
    asked = _list_of_objects(document, "outputs")
    wanted = list[Wanted]()
    for record in asked:
        name, parameters = record.get("name"), _parameters(record)
        if not isinstance(name, str) or name not in names:
            raise RequestError(f"no output {name!r}; the model returns {', '.join(names)}")
        if "classification" in parameters:
            raise RequestError("parameter 'classification' is not supported: ask for the output")
        binary = bool(parameters.get("binary_data", usual))
        wanted.append(Wanted(name=name, binary=binary))
    return wanted or [Wanted(name=name, binary=usual) for name in names]
