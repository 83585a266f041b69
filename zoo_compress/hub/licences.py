"""What a licence means for publishing a compressed model."""

from __future__ import annotations

import re

_ON_THE_HUB = """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m
    bigscience-bloom-rail-1.0 bigscience-openrail-m bsd bsd-2-clause bsd-3-clause
    bsd-3-clause-clear bsl-1.0 c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0
    cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0
    cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc0-1.0 cdla-permissive-1.0
    cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m deepfloyd-if-license ecl-2.0 epl-1.0
    epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 fair-noncommercial-research-license gemma gfdl gpl gpl-2.0
    gpl-3.0 grok2-community h-research intel-research isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2
    llama3 llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1
    openmdw-1.0 openmdw-1.1 openrail openrail++ osl-3.0 other pddl postgresql unknown unlicense
    wtfpl zlib
"""
HUB_LICENCES = frozenset(_ON_THE_HUB.split())
"""The values that the Hub takes for `license`; it rejects a card with any other."""

# Each of these asks something of derivatives: a name, a notice, a kind of use, or a limit to it.
_WITH_CONDITIONS = re.compile(
    r"openrail|bloom-rail|llama|gemma|grok|deepfloyd|research|apple-(amlr|ascl)|h-research|c-uda"
)
_NO_DERIVATIVES = re.compile(
    r"\b(cc[- ])?by([- ]nc)?[- ]nd\b|no[- ]?deriv|creativecommons\.org/licenses/by(-nc)?-nd",
    re.IGNORECASE,
)
_NOTHING_SAID = frozenset({"", "other", "unknown", "cc"})


def hub_licence(licence: str) -> str | None:
    """Return a licence as the Hub spells it, or None if it has no name there."""
    lower = licence.strip().lower()
    return lower if lower in HUB_LICENCES else None


def publication_obstacle(
    licence: str | None, *, licence_name: str | None = None, gated: bool = False
) -> str | None:
    """Return why a compressed model may not be published for everyone, and what to do instead.

    Args:
        licence: The original's `license`, an SPDX identifier or one of the Hub's.
        licence_name: Its `license_name`, which names the licence where `license` is `other`.
        gated: Whether the original is given only to those who accept its terms.

    Returns:
        None if neither the licence nor a gate is known to forbid it.
    """
    for name in (licence, licence_name):
        if name is not None and _NO_DERIVATIVES.search(name):
            return (
                f"the original's licence '{_short(name)}' does not allow changed versions to be "
                "shared: keep the result private, or ask the original's authors for permission"
            )
    if gated:
        return (
            "the original is gated, and a public copy would go round its terms: publish to a "
            "private repository, or ask the original's authors"
        )
    return None


def licence_note(licence: str | None, *, licence_name: str | None = None) -> str | None:
    """Return what to look up before publishing under this licence, or None.

    Args:
        licence: The original's `license`.
        licence_name: Its `license_name`.
    """
    if publication_obstacle(licence, licence_name=licence_name) is not None:
        return None
    if (licence or "").strip().lower() not in _NOTHING_SAID:
        return _conditions(licence or "")
    if licence_name is not None and licence_name.strip():
        return _conditions(licence_name, always=True)
    return (
        "the original does not say under which licence it may be used: ask its authors before "
        "you publish the result"
    )


def _conditions(licence: str, *, always: bool = False) -> str | None:
    if not always and hub_licence(licence) and not _WITH_CONDITIONS.search(licence.lower()):
        return None
    return (
        f"the original's licence '{_short(licence)}' may ask something of changed versions (a "
        "name, a notice, a kind of use): read it before you publish the result"
    )


def _short(name: str) -> str:
    line = " ".join(name.split())
    return line if len(line) <= 80 else f"{line[:79]}…"
