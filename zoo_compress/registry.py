"""Plug-ins by name, found through entry points: nothing imports one directly."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from zoo_compress.errors import PluginError


def plugin_names(kind: str) -> tuple[str, ...]:
    """Return the installed plug-ins of a kind (`techniques`, `strategies`, `samples`)."""
    return tuple(sorted(_entry_points(kind)))


def load_plugin(kind: str, name: str) -> Any:
    """Import a plug-in and return the object that its entry point names.

    Raises:
        PluginError: If there is none of that name, or importing it fails; the reason is named.
    """
    found = _entry_points(kind)
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise PluginError(f"no plug-in '{name}' among zoo_compress.{kind}: installed are {known}")
    try:
        return found[name].load()
    except Exception as error:  # A plug-in is foreign code: any failure of it is reported.
        origin = found[name].value
        raise PluginError(f"plug-in '{name}' ({origin}) does not load: {error}") from error


def _entry_points(kind: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"zoo_compress.{kind}")}
