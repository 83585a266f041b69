"""What integer products do on this machine, and what they may do on others."""

from __future__ import annotations

from zoo_compress.pipeline.space import SizedSpace
from zoo_compress.runtime.overflow import products_overflow

KINDS = "CPUs with AVX2 or AVX-512 but without VNNI"


def has_short_integers(sized: SizedSpace) -> bool:
    """Return whether integer weights that a plan may have are of 7 bits."""
    return True in _reduced(sized)


def integers_note(sized: SizedSpace) -> tuple[str, ...]:
    """Return a note if weights of integer products are of 7 bits for this CPU, or not for others.

    Those for GPUs, whose activations are int8 too, overflow nowhere.
    """
    reduced = _reduced(sized)
    if not reduced:
        return ()
    if products_overflow():
        found = "weights of integer products have 7 bits"
        if False in reduced:
            found = "the outputs of integer products are wrong (set `reduce_range: true`)"
        return (f"8-bit integer products overflow on this CPU, as on {KINDS}: {found}",)
    if False in reduced:
        return (
            f"weights of integer products have 8 bits, with which these overflow on {KINDS}; set "
            "`reduce_range: true` in the recipe for a file that is to run there",
        )
    return ()


def _reduced(sized: SizedSpace) -> set[bool]:
    """Return the settings `reduce_range` of all options with uint8 activations."""
    return {
        bool(option.settings["reduce_range"])
        for options in sized.offered.options
        for option in options
        if "reduce_range" in option.settings and option.settings.get("activations") != "int8"
    }
