"""Options with their bytes, and which of them save any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoo_compress.core import Option, Site
from zoo_compress.graph.fragment import Fragment, initializer_bytes


def fragment_option(technique: str, settings: Mapping[str, Any], fragment: Fragment) -> Option:
    """Return the option that stores a weight as a decode subgraph does."""
    stored, shared = fragment.sizes
    return Option(technique=technique, settings=settings, stored_bytes=stored, shared=shared)


def saving_options(site: Site, options: Iterable[Option]) -> list[Option]:
    """Return the options that take fewer bytes than the weight itself, more bytes first."""
    dense = initializer_bytes(site.name, site.shape, site.element_bytes)
    saving = [option for option in options if option.stored_bytes < dense]
    return sorted(saving, key=lambda option: -option.stored_bytes)


def no_saving(site: Site, options: Sequence[Option], stored: str) -> str | None:
    """Return why a technique declines a site that it has no option for; None if it has some.

    Args:
        site: The site.
        options: Those of the technique.
        stored: What it would store in the place of the weight, in the plural.
    """
    return None if options else f"{site.stored_bytes} bytes: {stored} take no less"
