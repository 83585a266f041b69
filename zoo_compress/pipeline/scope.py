"""The scope of a certificate: which inputs, against what, run with and on what."""

from __future__ import annotations

from zoo_compress.core import Inputs
from zoo_compress.runtime.environment import CPU_PROVIDER, execution

UNSEEN = " that the search did not see"
DOUBT = " (whether calibration or search saw them is not known)"


def scope_line(inputs: Inputs, *, kept_from_search: bool, provider: str = CPU_PROVIDER) -> str:
    """Say what a certificate speaks of, as parts of a sentence without the full stop.

    Args:
        inputs: The samples that the certificate rests on, and no others.
        kept_from_search: Whether it is known that no search has seen them.
        provider: The execution provider of both models.
    """
    kind = "synthetic inputs only, not real ones: " if inputs.synthetic else ""
    n, sources = len(inputs), len(set(inputs.groups))
    grouped = f" from {sources} sources" if sources < n else ""
    unseen = UNSEEN if kept_from_search else ""
    doubt = "" if kept_from_search else DOUBT
    return (
        f"{kind}{n} inputs{grouped}{unseen}, out of {inputs.description}, taken as independent "
        f"draws{doubt}; relative to the original, not to labels; {execution(provider)}"
    )
