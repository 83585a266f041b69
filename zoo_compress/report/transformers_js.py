"""A few lines of JavaScript that run a model in transformers.js."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from zoo_compress.core import Task
from zoo_compress.report.record import CardRecord

TEXT_CLASSIFIERS = frozenset(
    (
        *("albert", "bart", "bert", "camembert", "convbert", "deberta", "deberta-v2"),
        *("distilbert", "electra", "esm", "eurobert", "mbart", "mobilebert", "modernbert"),
        *("mpnet", "neobert", "roberta", "roformer", "squeezebert", "xlm", "xlm-roberta"),
    )
)
IMAGE_CLASSIFIERS = frozenset(
    (
        *("beit", "convnext", "convnextv2", "deit", "dinov2", "dinov2_with_registers"),
        *("efficientnet", "fastvit", "hiera", "ijepa", "mobilenet_v1", "mobilenet_v2"),
        *("mobilenet_v3", "mobilenet_v4", "mobilevit", "mobilevitv2", "pvt", "resnet"),
        *("segformer", "swin", "vit", "vit_msn"),
    )
)
"""The `model_type`s that transformers.js 4.3 classifies with; it refuses others."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a pipeline reads, the files that it needs for that, and an example.

    Attributes:
        required: Input that the model must have.
        inputs: All inputs that it fills.
        files: Files that it reads beside the model.
        example: Something to run it on.
        pipelines: Name of the pipeline for each meaning of the outputs.
        classifiers: Types of model that it classifies with; an encoder may be of any type.
    """

    required: str
    inputs: frozenset[str]
    files: frozenset[str]
    example: str
    pipelines: Mapping[Task, str]
    classifiers: frozenset[str]

    def fits(self, record: CardRecord) -> bool:
        """Tell whether a model reads this and has what it takes."""
        names = {spec.name for spec in record.inputs}
        return (
            self.required in names
            and names <= self.inputs
            and self.files <= set(record.companions)
            and record.task in self.pipelines
            and (record.task != "classification" or record.model_type in self.classifiers)
        )


KINDS = (
    Kind(
        required="input_ids",
        inputs=frozenset({"input_ids", "attention_mask", "token_type_ids"}),
        files=frozenset({"config.json", "tokenizer.json", "tokenizer_config.json"}),
        example="Some text.",
        pipelines={"classification": "text-classification", "embedding": "feature-extraction"},
        classifiers=TEXT_CLASSIFIERS,
    ),
    Kind(
        required="pixel_values",
        inputs=frozenset({"pixel_values"}),
        files=frozenset({"config.json", "preprocessor_config.json"}),
        example="picture.png",
        pipelines={"classification": "image-classification"},
        classifiers=IMAGE_CLASSIFIERS,
    ),
)

OUTPUTS: Mapping[Task, frozenset[str]] = {
    "classification": frozenset({"logits"}),
    "embedding": frozenset({"last_hidden_state", "logits", "token_embeddings"}),
}
"""Names under which pipelines look for what the model returns."""


DTYPES = {"": "fp32", "_fp16": "fp16", "_q4": "q4", "_quantized": "q8"}
"""What transformers.js calls the file `onnx/model` with a suffix."""


def transformers_js_snippet(record: CardRecord, model_file: str) -> str | None:
    """Return JavaScript that loads the model from its folder and runs it.

    Args:
        record: What is known of the run.
        model_file: Path of the model from the folder of the card.

    Returns:
        None where transformers.js has no pipeline for the task or the type of the model, looks for
        outputs of other names, or lacks a file: a tokenizer for text, the preprocessor's
        configuration for images.
    """
    kind = next((kind for kind in KINDS if kind.fits(record)), None)
    if kind is None or not OUTPUTS[record.task] & {spec.name for spec in record.outputs}:
        return None
    return "\n".join(
        [
            'import { env, pipeline } from "@huggingface/transformers";',
            "",
            "// From the folder of this card. For a repository on the Hub leave these two lines",
            '// out and write its "OWNER/NAME" in the place of ".".',
            "env.allowRemoteModels = false;",
            'env.localModelPath = "./";',
            "",
            f'const run = await pipeline("{kind.pipelines[record.task]}", ".", {{',
            *(f"  {option}" for option in _options(PurePosixPath(model_file))),
            "});",
            f"console.log(await run({json.dumps(kind.example)}));",
        ]
    )


def _options(model: PurePosixPath) -> list[str]:
    """Return what tells transformers.js where the model is."""
    suffix = model.stem.removeprefix("model")
    if model.parent.name == "onnx" and suffix in DTYPES:
        return [f'dtype: "{DTYPES[suffix]}",']
    return [
        'subfolder: "",',
        f"model_file_name: {json.dumps(model.stem)},",
        'dtype: "fp32", // no suffix in the name of the file',
    ]
