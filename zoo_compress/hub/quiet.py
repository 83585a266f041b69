"""Keep the Hub's client from writing to the terminal: the library reports, it never prints."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.utils import logging as client_logging
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars


@contextmanager
def quiet_client() -> Iterator[list[str]]:
    """Silence bars and retries of the client inside the block, and gather its warnings.

    Yields:
        A list that holds, once the block has ended, the first line of each warning.
    """
    said: list[str] = []
    verbosity = client_logging.get_verbosity()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client_logging.set_verbosity(logging.ERROR)
        try:
            if are_progress_bars_disabled():
                yield said
            else:
                with disable_progress_bars():
                    yield said
        finally:
            client_logging.set_verbosity(verbosity)
            said.extend(_first_lines(caught))


def _first_lines(caught: list[warnings.WarningMessage]) -> Iterator[str]:
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            yield " ".join(str(warning.message).split())
