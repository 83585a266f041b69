"""Tell from `config.json` which model a repository holds, and whether it can be exported."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zoo_compress.errors import SourceError
from zoo_compress.hub.export.files import CONFIG
from zoo_compress.hub.export.weights import inside, read_object

Modality = Literal["text", "image", "audio"]

HEADS: Mapping[str, Modality | None] = {
    "MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES": "image",
    "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES": "text",
    "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES": "text",
    "MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES": "audio",
    "MODEL_MAPPING_NAMES": None,
}
"""Tables of transformers, model type -> its classes, and what these read; None: it varies."""

ENCODERS = "MODEL_FOR_MASKED_LM_MAPPING_NAMES"
"""The table of model types that read text in both directions."""

WRAPPER = "timm_wrapper"
"""The model type that is an image classifier, but of another library and by a name that may be
fetched."""

SUPPORTED = (
    "supported are encoders (...Model) and classifiers of images, text, tokens and audio "
    "(...ForImageClassification, ...ForSequenceClassification, ...ForTokenClassification, "
    "...ForAudioClassification)"
)

MOST_LAYERS = 1000
"""Layers, blocks or stages that a configuration may ask for; real models have up to a few
hundred, and each takes time and memory to build before any weight is looked at."""

_LAYERS = re.compile(r"(layers|depths?|blocks|stages|repeats)$")

IGNORED = (
    "attn_implementation",
    "_attn_implementation",
    "_attn_implementation_internal",
    "_experts_implementation",
    "distributed_config",
    "dtype",
    "fusion_config",
    "kernel_config",
    "torch_dtype",
    "transformers_weights",
)
"""Keys that would choose how the model computes or where its weights are; we choose."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What a `config.json` describes.

    Attributes:
        name: Class of transformers.
        model_type: Name of its family there.
        modality: What it reads; None where only the class can tell.
        config: The keys of the file, without those that are not the model's to choose.
    """

    name: str
    model_type: str
    modality: Modality | None
    config: Mapping[str, Any]


def read_architecture(root: Path) -> Architecture:
    """Return what the `config.json` of a folder describes. Reads no weights, runs no code of it.

    Raises:
        SourceError: If it is damaged, or describes a model that is not exported here.
    """
    path = inside(root, CONFIG)
    config = read_object(path)
    _require_plain(path, config)
    model_type, names = config.get("model_type"), config.get("architectures")
    if not isinstance(model_type, str) or not isinstance(names, list) or not names:
        raise SourceError(
            f"{path}: 'model_type' is {model_type!r:.60} and 'architectures' {names!r:.60}; a "
            "model can be exported only where both are named"
        )
    kept = {key: value for key, value in config.items() if key not in IGNORED}
    for table, modality in HEADS.items() if model_type != WRAPPER else ():
        if names[0] not in _classes(table, model_type):
            continue
        if modality == "text" and not is_encoder(model_type):
            break
        return Architecture(name=names[0], model_type=model_type, modality=modality, config=kept)
    raise SourceError(
        f"{path}: '{names[0]!s:.80}' of model type '{model_type:.60}' is not exported here; "
        f"{SUPPORTED}; others need an ONNX file"
    )


def is_encoder(model_type: str) -> bool:
    """Tell whether a model type reads text in both directions."""
    return bool(_classes(ENCODERS, model_type))


def _require_plain(path: Path, config: Mapping[str, Any]) -> None:
    if "auto_map" in config:
        raise SourceError(
            f"{path}: the model is code of its own ('auto_map'), which is never run; {SUPPORTED}"
        )
    if "quantization_config" in config:
        raise SourceError(
            f"{path}: the weights are quantised already ('quantization_config'); name the "
            "original model"
        )
    for key, value in config.items():
        if _LAYERS.search(key) and any(number > MOST_LAYERS for number in _whole_numbers(value)):
            raise SourceError(f"{path}: '{key}' is {value!r:.60}; at most {MOST_LAYERS} are built")


def _whole_numbers(value: object) -> list[int]:
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, int)]


def _classes(table: str, model_type: str) -> tuple[str, ...]:
    from transformers.models.auto import modeling_auto

    found = getattr(modeling_auto, table).get(model_type, ())
    return (found,) if isinstance(found, str) else tuple(found)
