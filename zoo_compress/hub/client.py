"""The Hub's client as zoo-compress uses it: under its own name, and quiet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from logging import CRITICAL

from huggingface_hub import HfApi
from huggingface_hub.utils import logging


def hub_client() -> HfApi:
    """Return a client that reads HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE and names itself."""
    return HfApi(library_name="zoo-compress", library_version=version("zoo-compress"))


@contextmanager
def quiet_client() -> Iterator[None]:
    """Keep the client from writing to stderr inside the block.

    Its warnings repeat what ends in an error or is mended by another attempt, over several lines
    and with addresses that carry signatures.
    """
    before = logging.get_verbosity()
    logging.set_verbosity(CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(before)
