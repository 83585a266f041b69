"""Read a model from disk, or say in one line why it cannot be read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import onnx
import onnx_ir as ir
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from zoo_compress.errors import ExternalDataError, SourceError
from zoo_compress.files import chunks
from zoo_compress.graph.external import external_files, external_references, graphs
from zoo_compress.graph.file_kind import file_kind

PROTOBUF_LIMIT = 2**31 - 1
"""Longest message, in bytes, that protobuf reads or writes."""


def load_model(path: Path) -> ir.Model:
    """Read a model; tensors in external files are mapped into memory when they are used.

    Raises:
        SourceError: If the file is missing, is no ONNX model or is damaged.
        ExternalDataError: If a tensor's file is missing, too short, a link or outside the folder.
    """
    proto = read_proto(path)
    _checked_files(proto, path)
    _require_supported(proto, path)
    try:
        model = ir.from_proto(proto)
    except (ir.serde.SerdeError, ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise SourceError(f"{path}: damaged or not supported: {_root_cause(error)}") from error
    attach(model, path.absolute().parent)
    return model


def read_proto(path: Path) -> onnx.ModelProto:
    """Read the model file alone and check that it is a whole ONNX model.

    Raises:
        SourceError: If the file is missing, a folder, empty, of another kind, or damaged.
    """
    _require_file(path)
    try:
        proto = onnx.load(path, format="protobuf", load_external_data=False)
    except DecodeError as error:
        raise SourceError(_not_onnx(path)) from error
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
    _require_whole(proto, path)
    return proto


def data_files(path: Path) -> tuple[Path, ...]:
    """Return the external data files of the model at `path`, checked, in name order.

    Raises:
        SourceError: If the model cannot be read.
        ExternalDataError: If a file is missing, too short, a link or outside the folder.
    """
    return _checked_files(read_proto(path), path)


def model_digest(path: Path) -> str:
    """Return the SHA-256 of the model file followed by its external data files in name order.

    For a model in one file this is what `sha256sum` prints.

    Raises:
        SourceError: If the model cannot be read.
        ExternalDataError: If an external data file cannot be used.
    """
    digest = hashlib.sha256()
    for file_path in (path, *data_files(path)):
        for chunk in chunks(file_path):
            digest.update(chunk)
    return digest.hexdigest()


def _checked_files(proto: onnx.ModelProto, path: Path) -> tuple[Path, ...]:
    try:
        return external_files(external_references(proto), path.parent)
    except ExternalDataError as error:
        raise ExternalDataError(f"{path}: {error}") from error


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise SourceError(f"{path}: is a folder, expected an .onnx file")
    if not path.exists():
        raise SourceError(f"{path}: no such file")
    if not path.is_file():
        raise SourceError(f"{path}: is not a regular file")
    size = path.stat().st_size
    if size == 0:
        raise SourceError(f"{path}: is empty (0 bytes)")
    if size > PROTOBUF_LIMIT:
        raise SourceError(
            _not_onnx(path)
            if file_kind(path)
            else f"{path}: has {size} bytes; an ONNX file cannot exceed {PROTOBUF_LIMIT}, larger "
            "models keep their weights as external data"
        )


def _require_whole(proto: onnx.ModelProto, path: Path) -> None:
    if not proto.graph.node:
        known_as_onnx = proto.ir_version > 0 and proto.HasField("graph") and proto.opset_import
        raise SourceError(
            f"{path}: the model's graph has no nodes" if known_as_onnx else _not_onnx(path)
        )
    # Writers put the operator sets after the graph, so a file cut there still parses.
    if not proto.opset_import:
        raise SourceError(f"{path}: names no operator set; the file is cut short or damaged")


def _not_onnx(path: Path) -> str:
    kind = file_kind(path)
    if kind is not None:
        return f"{path}: is not an ONNX model; it looks like {kind}"
    return (
        f"{path}: is not an ONNX model, or is damaged: its {path.stat().st_size} bytes end early "
        "or do not parse; fetch the file again"
    )


def _require_supported(proto: onnx.ModelProto, path: Path) -> None:
    for graph in graphs(proto):
        for sparse in graph.sparse_initializer:
            raise SourceError(
                f"{path}: weight '{sparse.values.name}' is a sparse initializer, which is not "
                "supported; store it dense"
            )
    for value in chain(proto.graph.input, proto.graph.output):
        if "map_type" in _kinds(value.type):
            raise SourceError(
                f"{path}: '{value.name}' is a map, expected a tensor; export the model without "
                "ZipMap or other map operators"
            )


def _kinds(kind: onnx.TypeProto) -> Iterator[str]:
    name = kind.WhichOneof("value")
    if name is not None:
        yield name
    if name in ("sequence_type", "optional_type"):
        yield from _kinds(getattr(kind, name).elem_type)


def _root_cause(error: BaseException) -> str:
    # onnx_ir wraps an error once per level and quotes the whole protobuf each time.
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())


def attach(model: ir.Model, folder: Path) -> None:
    """Tell external tensors of a model, in place, in which folder their files are."""
    ir.external_data.set_base_dir(model.graph, folder)
    for function in model.functions.values():
        ir.external_data.set_base_dir(function.graph, folder)
