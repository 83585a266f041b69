"""A run's folder in transformers.js, offline, in Node."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.js.conftest import Ask, MiniLm
from tests.js.embeddings import TEXTS, check, embeddings
from tests.js.folder import lay_out
from tests.token_models import token_model
from zoo_compress.pipeline import RunSettings, run

RECIPES = {
    "q8": ("name: mine\ntechniques: {codes: {}, codebook: {}, embedding-rows: {}}\n", "0.3"),
    "q4": ("name: mine\ntechniques: {matmul-nbits: {bits: [4], block_size: [32]}}\n", "0.99"),
    "fp16": ("name: mine\ntechniques: {float16: {}}\n", "0.55"),
}
"""What transformers.js calls a file -> a recipe that makes one, and a budget for it."""


@pytest.fixture
def small_model(tmp_path: Path) -> Path:
    """A text model with configuration and tokenizer, in the Hub's layout."""
    folder = tmp_path / "small"
    token_model(folder / "onnx/model.onnx")
    words = sorted({word for text in TEXTS for word in text.lower().replace(".", " .").split()})
    vocabulary = {word: number for number, word in enumerate(["[UNK]", "[PAD]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    marks = {"pad_token": "[PAD]", "unk_token": "[UNK]", "tokenizer_class": "PreTrainedTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(marks))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    return folder


@pytest.mark.parametrize("dtype", RECIPES)
def test_a_run_answers_as_it_does_in_python(
    dtype: str, small_model: Path, tmp_path: Path, ask: Ask
) -> None:
    recipe, out, data = (tmp_path / name for name in ("mine.yaml", "run", "data.npz"))
    recipe.write_text(RECIPES[dtype][0])
    ids = np.random.default_rng(0).integers(0, 40, (120, 12))
    np.savez(data, input_ids=ids, attention_mask=np.ones_like(ids))
    run(
        RunSettings(
            source=str(small_model),
            data=str(data),
            recipe=str(recipe),
            budget=RECIPES[dtype][1],
            strategy="knapsack",
            trials=1,
            out=out,
        )
    )
    assert lay_out(out, tmp_path / "models/small") == dtype
    asked = {"model": "small", "dtype": dtype, "texts": TEXTS}
    (answer,) = ask(folder=str(tmp_path / "models"), embeddings=[asked])
    check(answer, embeddings(out / "model.onnx", small_model / "tokenizer.json"))


@pytest.mark.node
@pytest.mark.parametrize("name", ["original", "small"])
def test_a_sentence_encoder_answers_as_it_does_in_python(
    name: str, minilm: MiniLm, ask: Ask
) -> None:
    (answer,) = ask(folder=str(minilm.models), embeddings=[minilm.asked[name]])
    check(answer, minilm.expected(name))
