"""Build the torch model that a repository describes, with every weight from its files."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo_compress.errors import SourceError, ZooCompressError
from zoo_compress.files import NO_SPACE
from zoo_compress.hub.export.architecture import Architecture, Modality
from zoo_compress.hub.export.modality import modality_of
from zoo_compress.hub.export.weights import Weights, read_weights
from zoo_compress.runtime.session import short_reason
from zoo_compress.runtime.torch_export import silence

MOST_INVENTED = 2
"""A model of more parameters than this times those in its files is not built: what is missing
would have to be made up, and `config.json` alone could ask for any amount of memory."""

LONGEST_LIST = 3


@dataclass(frozen=True, kw_only=True)
class TorchModel:
    """A model of transformers in evaluation mode, in float32.

    Attributes:
        module: The model.
        config: Its configuration.
        modality: What it reads.
        main_input: Name of its main input.
        unused: Tensors of the files that it does not have.
    """

    module: Any
    config: Any
    modality: Modality
    main_input: str
    unused: tuple[str, ...]

    def takes(self, name: str) -> bool:
        """Tell whether the model has an input of that name."""
        return name in inspect.signature(self.module.forward).parameters


def load_torch_model(root: Path, architecture: Architecture, weights: Weights) -> TorchModel:
    """Build a model and fill it.

    An encoder whose files lack the weights of its pooler, and only those, is built without one.

    Raises:
        SourceError: If the files lack a weight, or have one of another shape than `config.json`
            says; if the class is none that is exported here; or if transformers refuses.
    """
    with blamed_on(root, f"transformers builds no {architecture.name} of its config.json"):
        cls, config = _class_and_config(architecture)
    modality = modality_of(root, architecture, cls, config)
    _require_parameters(root, architecture, cls, config, weights)
    module, info = _filled(root, architecture, cls, config, weights)
    if _lacks_only_a_pooler(cls, info):
        module, info = _filled(root, architecture, cls, config, weights, add_pooling_layer=False)
    _require_whole(root, architecture, info)
    return TorchModel(
        module=module.eval(),
        config=config,
        modality=modality,
        main_input=cls.main_input_name,
        unused=tuple(sorted(info["unexpected_keys"])),
    )


@contextmanager
def blamed_on(root: Path, problem: str) -> Iterator[None]:
    """Turn whatever transformers or torch raise inside the block into one line.

    What they raise for a configuration that makes no sense has no common base, and is any of
    Python's exceptions.

    Raises:
        SourceError: That line.
        OSError: If the disk is full, which is for the writer to say.
    """
    try:
        with silence():
            yield
    except ZooCompressError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_SPACE:
            raise
        cause = error.__cause__ or error
        reason = f"{type(cause).__name__}: {short_reason(cause)}"
        raise SourceError(f"'{root}': {problem} ({reason})") from error


def _class_and_config(architecture: Architecture) -> tuple[Any, Any]:
    import transformers

    cls = getattr(transformers, architecture.name)
    config_class = transformers.CONFIG_MAPPING[architecture.model_type]
    return cls, config_class.from_dict(dict(architecture.config))


def _require_parameters(
    root: Path, architecture: Architecture, cls: Any, config: Any, weights: Weights
) -> None:
    import torch

    with (
        blamed_on(root, f"transformers builds no {architecture.name} of its config.json"),
        torch.device("meta"),
    ):
        wanted = sum(each.numel() for each in cls(config).parameters())
    if wanted > MOST_INVENTED * weights.elements:
        raise SourceError(
            f"'{root}': its config.json describes a model of {wanted:,} parameters, but its "
            f"safetensors hold {weights.elements:,}"
        )


def _filled(
    root: Path,
    architecture: Architecture,
    cls: Any,
    config: Any,
    weights: Weights,
    **options: bool,
) -> tuple[Any, dict[str, Any]]:
    import torch

    with blamed_on(root, f"transformers cannot load its weights into {architecture.name}"):
        # Without a folder transformers reads no file: no adapter, no pickle, no code.
        module, info = cls.from_pretrained(
            None,
            config=config,
            state_dict=read_weights(weights),
            dtype=torch.float32,
            # The fused attention exports with nodes that guard against fully masked rows.
            attn_implementation="eager",
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **options,
        )
    return module, info


def _lacks_only_a_pooler(cls: Any, info: Mapping[str, Any]) -> bool:
    missing = info["missing_keys"]
    optional = "add_pooling_layer" in inspect.signature(cls.__init__).parameters
    return optional and bool(missing) and all(name.startswith("pooler.") for name in missing)


def _require_whole(root: Path, architecture: Architecture, info: Mapping[str, Any]) -> None:
    # transformers fills what is missing or of another shape with random numbers and a warning.
    if missing := sorted(info["missing_keys"]):
        raise SourceError(
            f"'{root}': its safetensors lack {_listed(missing)}, which {architecture.name} needs"
        )
    if mismatched := sorted(info["mismatched_keys"]):
        name, found, wanted = mismatched[0]
        raise SourceError(
            f"'{root}': '{name}' is of shape {tuple(found)}, its config.json asks for "
            f"{tuple(wanted)}"
        )
    if messages := info["error_msgs"]:
        raise SourceError(f"'{root}': its weights do not load: {short_reason(messages[0])}")


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:LONGEST_LIST])
    hidden = len(names) - LONGEST_LIST
    return f"{shown} and {hidden} more weights" if hidden > 0 else shown
