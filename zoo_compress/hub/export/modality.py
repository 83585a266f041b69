"""Tell what a model of transformers reads, and turn away what no export is made of."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo_compress.errors import SourceError
from zoo_compress.hub.export.architecture import SUPPORTED, Architecture, Modality, is_encoder

MODALITIES: Mapping[str, Modality] = {
    "input_ids": "text",
    "pixel_values": "image",
    "input_values": "audio",
    "input_features": "audio",
}
"""A model's main input and what it reads."""

UNUSED = frozenset(
    {
        "self",
        "attention_mask",
        "bool_masked_pos",
        "cache",
        "cache_position",
        "encoder_attention_mask",
        "encoder_hidden_states",
        "encoder_outputs",
        "head_mask",
        "inputs_embeds",
        "interpolate_pos_encoding",
        "kwargs",
        "labels",
        "mask_time_indices",
        "output_attentions",
        "output_hidden_states",
        "past_key_values",
        "position_ids",
        "return_dict",
        "token_type_ids",
        "use_cache",
    }
)
"""Parameters of `forward` that an encoder may have beside its main input."""


def modality_of(root: Path, architecture: Architecture, cls: Any, config: Any) -> Modality:
    """Return what a class reads.

    Args:
        root: The folder, for the message.
        architecture: What its `config.json` describes.
        cls: The class of transformers.
        config: The configuration as transformers read it.

    Raises:
        SourceError: If it is none of the classes that are exported here after all: it has a
            decoder, takes inputs that nobody would know here, or is made of several models.
    """
    found = MODALITIES.get(cls.main_input_name)
    misfit = _misfit(architecture, cls, config)
    if found is None or misfit:
        raise SourceError(
            f"'{root}': {architecture.name} {misfit or 'reads inputs of another kind'}, which is "
            f"not exported here; {SUPPORTED}"
        )
    return found


def _misfit(architecture: Architecture, cls: Any, config: Any) -> str:
    """Return what keeps a class of a supported table from being exported; empty if nothing."""
    main, bare = cls.main_input_name, architecture.modality is None
    foreign = set(inspect.signature(cls.forward).parameters) - UNUSED - {main}
    if type(config).sub_configs:
        return "is made of several models"
    if foreign or architecture.modality not in (None, MODALITIES.get(main)):
        return f"takes '{min(foreign, default=main)}'"
    if (bare and config.is_encoder_decoder) or getattr(config, "is_decoder", False):
        return "has a decoder"
    if bare and main == "input_ids" and not is_encoder(architecture.model_type):
        return "generates text"
    return ""
