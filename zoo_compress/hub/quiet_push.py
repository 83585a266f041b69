"""Keep the Hub's client from drawing and warning while it uploads; what it warns of is told."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars

from zoo_compress.hub.client import quiet_client


@contextmanager
def quiet_push() -> Iterator[list[str]]:
    """Silence bars, retries and warnings of the client inside the block.

    Yields:
        A list that holds, once the block has ended, the warnings, one line each.
    """
    said: list[str] = []
    with quiet_client(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            if are_progress_bars_disabled():
                yield said
            else:
                with disable_progress_bars():
                    yield said
        finally:
            said.extend(_lines(caught))


def _lines(caught: list[warnings.WarningMessage]) -> Iterator[str]:
    for warning in caught:
        # Others are addressed to developers: deprecations, sockets left open.
        if warning.category is UserWarning:
            yield " ".join(str(warning.message).split())
