"""Say what a file that is no ONNX model looks like."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

SIGNATURES = (
    (
        0,
        b"version https://git-lfs",
        "a Git LFS pointer; fetch the file itself with 'git lfs pull'",
    ),
    (0, b"GGUF", "a GGUF file"),
    (0, b"\x89HDF", "an HDF5 file (Keras?)"),
    (0, b"\x1f\x8b", "a gzip archive; unpack it first"),
    (0, b"BZh", "a bzip2 archive; unpack it first"),
    (0, b"\xfd7zXZ", "an xz archive; unpack it first"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (4, b"ORTM", "a model in ONNX Runtime's own format (.ort); give the .onnx it was made from"),
    (257, b"ustar", "a tar archive; unpack it first"),
)
"""Offset, bytes found there, and what has them."""

HEAD_BYTES = 4096


def file_kind(path: Path) -> str | None:
    """Return what `path` looks like, as a phrase with its article; None if nothing is known."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for offset, signature, kind in SIGNATURES:
        if head[offset:].startswith(signature):
            return kind
    if head.startswith(b"PK") and zipfile.is_zipfile(path):
        return _zip_kind(path)
    return _safetensors_kind(head) or _pickle_kind(head) or _text_kind(head)


def _zip_kind(path: Path) -> str:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("data.pkl") for name in names):
        return "a PyTorch checkpoint; export the model to ONNX first"
    if names and all(name.endswith(".npy") for name in names):
        return "a NumPy archive (.npz)"
    return "a zip archive; unpack it first"


def _safetensors_kind(head: bytes) -> str | None:
    # Eight bytes of little-endian header length, then the header, a JSON object.
    if len(head) > 9 and head[8:9] == b"{" and head[6:8] == b"\0\0":
        return "a safetensors file: weights without a graph; name its folder instead"
    return None


def _pickle_kind(head: bytes) -> str | None:
    # A pickle starts with the opcode PROTO and its version, 2 to 5.
    if len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "a Python pickle (PyTorch checkpoint?); export the model to ONNX first"
    return None


def _text_kind(head: bytes) -> str | None:
    try:
        # The last bytes may be half a character.
        text = head[: len(head) - 4].decode() if len(head) == HEAD_BYTES else head.decode()
    except UnicodeDecodeError:
        return None
    if not all(character.isprintable() or character.isspace() for character in text):
        return None
    start = text.lstrip().lower()
    if start.startswith(("<!doctype html", "<html")):
        return "a web page; the download did not return the model"
    return "a JSON file" if _is_json(text) else "a text file"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True
