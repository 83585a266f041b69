"""Whether this machine has the memory to open what a recipe writes."""

from __future__ import annotations

from collections.abc import Mapping

from zoo_compress.runtime.environment import memory_bytes
from zoo_compress.techniques.base import Technique
from zoo_compress.units import readable_bytes

DECODED_TIMES = 3.0
"""Memory that ONNX Runtime takes to decode weights, over their bytes, by `benchmarks/opening.py`.

That is for codes of 8 bits in several stages: of what does not stay packed, little takes less.
"""


def opening_note(original_bytes: int, techniques: Mapping[str, Technique]) -> tuple[str, ...]:
    """Return a note if opening a file can take more memory than there is, else nothing.

    Args:
        original_bytes: Bytes of the original's file.
        techniques: Those of the recipe by name.
    """
    needed, held = DECODED_TIMES * original_bytes, memory_bytes()
    if needed <= held or not any(technique.folded for technique in techniques.values()):
        return ()
    return (
        f"opening a file of decoded weights can take {readable_bytes(needed)} of memory and more, "
        f"and this machine has {readable_bytes(held)}: the run may fail when it checks the file; "
        "weights of 'matmul-nbits' stay packed",
    )
