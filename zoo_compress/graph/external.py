"""Tensors whose bytes lie in files beside a model, and whether those files may be read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx
import onnx_ir as ir

from zoo_compress.errors import ExternalDataError


@dataclass(frozen=True, kw_only=True)
class ExternalReference:
    """Where one tensor's bytes lie.

    Attributes:
        tensor: Name of the tensor.
        location: Path of the file, relative to the model's folder, with no way out of it.
        offset: First byte.
        length: Number of bytes.
    """

    tensor: str
    location: str
    offset: int
    length: int


def graphs(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """Yield the main graph and every graph inside a node, those of functions included."""
    yield model.graph
    for node in _nodes(model):
        yield from _bodies(node)


def external_references(model: onnx.ModelProto) -> tuple[ExternalReference, ...]:
    """Return what the model reads from other files, without looking at those files.

    Raises:
        ExternalDataError: If a location is absent, absolute or holds `..`, or if an offset or
            length does not fit the tensor.
    """
    return tuple(
        _reference(tensor)
        for tensor in _tensors(model)
        if tensor.data_location == onnx.TensorProto.EXTERNAL
    )


def external_files(references: Iterable[ExternalReference], folder: Path) -> tuple[Path, ...]:
    """Return the files that the references name, once each, in name order.

    Raises:
        ExternalDataError: If a file is missing, too short, or a link (see `_file_of`).
    """
    locations = {PurePosixPath(reference.location) for reference in references}
    for reference in references:
        path = _file_of(reference, folder)
        end = reference.offset + reference.length
        if (size := path.stat().st_size) < end:
            raise _error(
                reference.tensor,
                f"'{reference.location}' has {size} bytes, the tensor needs the bytes "
                f"{reference.offset} to {end}; the file is cut short, fetch it again",
            )
    return tuple(folder / location for location in sorted(locations))


def _file_of(reference: ExternalReference, folder: Path) -> Path:
    """Return the file of a reference.

    Links are refused, symbolic and hard ones, as `onnx` and `onnx_ir` do: through them a model
    from a stranger could read any file of the user.
    """
    path = folder / reference.location
    if path.resolve() != folder.resolve() / PurePosixPath(reference.location):
        raise _error(
            reference.tensor,
            f"'{reference.location}' is reached through a symbolic link; put the file itself "
            "beside the model",
        )
    if not path.is_file():
        raise _error(reference.tensor, f"'{reference.location}' is missing from '{folder}'")
    if path.stat().st_nlink > 1:
        raise _error(
            reference.tensor,
            f"'{reference.location}' is a hard link to a file that has other names; put a copy "
            "of it beside the model",
        )
    return path


def _reference(tensor: onnx.TensorProto) -> ExternalReference:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    _require_inside(tensor.name, location)
    offset = _whole_number(tensor.name, "offset", entries.get("offset", "0"))
    stated = _whole_number(tensor.name, "length", entries.get("length", "0"))
    length = _payload_bytes(tensor)
    # ONNX Runtime reads a length of 0 as "not stated".
    if stated not in (0, length):
        raise _error(
            tensor.name, f"length {stated} in '{location}', but its shape takes {length} bytes"
        )
    return ExternalReference(tensor=tensor.name, location=location, offset=offset, length=length)


def _require_inside(tensor: str, location: str) -> None:
    # Both readings: a file that is harmless here may be an attack on another system.
    readings = (PurePosixPath(location), PureWindowsPath(location))
    if any(reading.anchor for reading in readings):
        raise _error(tensor, f"'{location}' is an absolute path; it must lie beside the model")
    if any(".." in reading.parts for reading in readings):
        raise _error(tensor, f"'{location}' leads out of the model's folder ('..')")
    if not location.strip() or "\0" in location or not readings[0].parts:
        raise _error(tensor, f"no file is named (location {location!r})")


def _whole_number(tensor: str, key: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise _error(tensor, f"{key} is {text!r}, expected a whole number of bytes")
    return int(text)


def _payload_bytes(tensor: onnx.TensorProto) -> int:
    try:
        bits = ir.DataType(tensor.data_type).bitwidth
    except (ValueError, TypeError) as error:
        raise _error(
            tensor.name, f"element type {tensor.data_type} cannot be stored in a file"
        ) from error
    if any(length < 0 for length in tensor.dims):
        raise _error(tensor.name, f"shape {list(tensor.dims)} has a negative length")
    elements: int = math.prod(tensor.dims)
    return (elements * bits + 7) // 8


def _error(tensor: str, problem: str) -> ExternalDataError:
    return ExternalDataError(f"external data of tensor '{tensor}': {problem}")


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    for graph in graphs(model):
        yield from graph.initializer
    for attribute in chain.from_iterable(node.attribute for node in _nodes(model)):
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors


def _nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    yield from _walk(model.graph.node)
    for function in model.functions:
        yield from _walk(function.node)


def _walk(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for body in _bodies(node):
            yield from _walk(body.node)


def _bodies(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
