"""The front matter of a model card, read from a repository that nobody vouches for."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CARD = "README.md"

LONGEST_CARD = 4_000_000
"""Bytes of a card that are looked at; the longest on the Hub have a few hundred kilobytes."""
LONGEST_FRONT_MATTER = 100_000
"""Characters that are parsed, a second's work; without results, cards have far fewer."""
MOST_VALUES = 5_000
"""Values that are kept, each time an alias is used counted anew."""
DEEPEST = 16
LARGEST_INTEGER = 2**63

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
# What the original scored says nothing of its derivative, and may be ten times the rest.
_RESULTS = re.compile(r"^model-index:.*\n?(?:^(?:[ \t#-].*)?(?:\n|\Z))*", re.MULTILINE)


class _UnusableError(Exception):
    """The metadata is larger, deeper or stranger than any that was written in earnest."""


class _Loader(yaml.SafeLoader):
    """The safe loader without merge keys, by which a few lines grow to gigabytes.

    Only `true` and `false` are truth values, as in YAML 1.2: `language: no` is Norwegian.
    """

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave `<<` as it is: a key that no constructor knows."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")
)


def read_metadata(root: Path) -> dict[str, Any]:
    """Return the front matter of the `README.md` in a folder as plain JSON values.

    Keys become strings and dates their ISO form; numbers that JSON lacks, and results of the
    model on benchmarks, are left out. Without front matter, or where it is no valid YAML mapping
    or larger than any honest one, there is no metadata.

    Args:
        root: The folder that mirrors the repository.
    """
    text = _front_matter(root / CARD)
    if text is None:
        return {}
    try:
        values = yaml.load(text, Loader=_Loader)
        return _plain_mapping(values, _Allowance()) if isinstance(values, Mapping) else {}
    # Dates such as 2026-99-99 and integers of thousands of digits raise ValueError; a mapping as
    # a key raises TypeError.
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, _UnusableError):
        return {}


def licence_in(metadata: Mapping[str, Any]) -> str | None:
    """Return the licence that the metadata names, if it names one."""
    licence = metadata.get("license")
    return licence.strip() if isinstance(licence, str) and licence.strip() else None


def _front_matter(card: Path) -> str | None:
    try:
        with card.open("rb") as file:
            text = file.read(LONGEST_CARD).decode("utf-8", errors="replace")
    except OSError:
        return None
    match = _FRONT_MATTER.match(text.replace("\r\n", "\n"))
    if match is None:
        return None
    kept = _RESULTS.sub("", match[1])
    return kept if len(kept) <= LONGEST_FRONT_MATTER else None


class _Allowance:
    """Counts down the values that may still be kept."""

    def __init__(self) -> None:
        self.left = MOST_VALUES

    def take(self, depth: int) -> None:
        self.left -= 1
        if self.left < 0 or depth > DEEPEST:
            raise _UnusableError


def _plain_mapping(
    values: Mapping[Any, Any], allowance: _Allowance, depth: int = 0
) -> dict[str, Any]:
    plain = ((_key(key), _plain(value, allowance, depth + 1)) for key, value in values.items())
    return {key: value for key, value in plain if key is not None and value is not None}


def _plain(value: Any, allowance: _Allowance, depth: int) -> Any:
    """Return a JSON value, or None for what is none."""
    allowance.take(depth)
    match value:
        case bool() | str():
            return value
        case int():
            return value if abs(value) < LARGEST_INTEGER else None
        case float():
            return value if math.isfinite(value) else None
        case datetime.date():
            return value.isoformat()
        case Mapping():
            return _plain_mapping(value, allowance, depth)
        case list() | tuple() | set():
            return list(_plain_items(value, allowance, depth))
        case _:
            return None


def _plain_items(
    values: list[Any] | tuple[Any, ...] | set[Any], allowance: _Allowance, depth: int
) -> Iterator[Any]:
    for value in values:
        plain = _plain(value, allowance, depth + 1)
        if plain is not None:
            yield plain


def _key(key: Any) -> str | None:
    plain = _plain(key, _Allowance(), 0)
    return None if plain is None or isinstance(plain, list | dict) else str(plain)
