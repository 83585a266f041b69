"""Features of recordings, such as log-mel spectra, as a repository's own extractor makes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import AnyArray, FloatArray
from zoo_compress.data.waveforms import INSTALL
from zoo_compress.errors import InputError


class FeatureExtractor:
    """The feature extractor of transformers that a `preprocessor_config.json` names."""

    def __init__(self, config: Path) -> None:
        """Load it; nothing is fetched and no code of the repository is run.

        Raises:
            InputError: If transformers is not installed, or the file names no extractor.
        """
        try:
            from transformers import AutoFeatureExtractor
        except ImportError as error:
            raise InputError(
                f"spectra of recordings need transformers ({error}); run: {INSTALL}"
            ) from error
        try:
            loader: Any = AutoFeatureExtractor
            self._extract = loader.from_pretrained(
                str(config.parent), local_files_only=True, trust_remote_code=False
            )
        # Each extractor checks its own keys, in its own way.
        except Exception as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise InputError(f"{config.name} describes no feature extractor: {reason}") from error

    def __call__(self, waveform: FloatArray, *, rate: int) -> Mapping[str, AnyArray]:
        """Return what a waveform becomes, by the names of the model's inputs.

        Raises:
            InputError: If the extractor fails.
        """
        try:
            found = self._extract(waveform, sampling_rate=rate, return_tensors="np")
        except Exception as error:  # As above.
            reason = " ".join(str(error).split())
            raise InputError(f"the feature extractor of the model fails: {reason:.200}") from error
        return {name: np.asarray(values) for name, values in found.items()}
