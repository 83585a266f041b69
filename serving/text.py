"""Text in the protocol's binary form: each with its length before it, in four bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from .errors import RequestError

LENGTH = struct.Struct("<I")


def pack_text(texts: Iterable[str]) -> bytes:
    """Return texts one behind the other."""
    encoded = [text.encode() for text in texts]
    return b"".join(LENGTH.pack(len(text)) + text for text in encoded)


def unpack_text(data: bytes) -> list[str]:
    """Return the texts in `data`.

    Raises:
        RequestError: If it is cut short, or one of them is not UTF-8.
    """
    texts, at = list[str](), 0
    while at < len(data):
        if at + LENGTH.size > len(data):
            raise RequestError("the bytes of a text are cut short")
        (length,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size
        if at + length > len(data):
            raise RequestError("the bytes of a text are cut short")
        try:
            texts.append(data[at : at + length].decode())
        except UnicodeDecodeError as error:
            raise RequestError(f"a text is not UTF-8: {error.reason}") from error
        at += length
    return texts
