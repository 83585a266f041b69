"""The Hub's client under the name of zoo-compress."""

from __future__ import annotations

from importlib.metadata import version

from huggingface_hub import HfApi


def hub_client() -> HfApi:
    """Return a client that reads HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE and names itself."""
    return HfApi(library_name="zoo-compress", library_version=version("zoo-compress"))
