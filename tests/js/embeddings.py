"""Embeddings of texts in Python, to hold those of transformers.js against."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from zoo_compress.core import AnyArray
from zoo_compress.runtime.session import open_session

TOLERANCE = 1e-4
"""What other kernels may change in a number of an embedding of length 1."""

TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "Shares of the bank rose by four per cent after it reported its earnings for the quarter.",
    "Snow.",
    "She won the final in three sets and thanked everyone who had come to watch in the rain.",
)


def embeddings(model: Path, tokenizer: Path, texts: Sequence[str] = TEXTS) -> AnyArray:
    """Return the mean over the tokens of each text, scaled to length 1."""
    session = open_session(model, threads=1)
    names = [spec.name for spec in session.get_inputs()]
    reader = Tokenizer.from_file(str(tokenizer))
    reader.no_padding()
    means = np.stack([_mean(session, names, reader.encode(text).ids) for text in texts])
    lengths: AnyArray = np.linalg.norm(means, axis=1, keepdims=True)
    return means / lengths


def check(answer: dict[str, Any], expected: AnyArray) -> None:
    """Assert that the answer of a script is these embeddings."""
    assert answer["dims"] == list(expected.shape)
    found = np.array(answer["data"]).reshape(answer["dims"])
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def _mean(session: Any, names: Sequence[str], ids: Sequence[int]) -> AnyArray:
    array = np.array([ids], dtype=np.int64)
    values = {"input_ids": array, "attention_mask": np.ones_like(array)}
    feed = {name: values.get(name, np.zeros_like(array)) for name in names}
    mean: AnyArray = session.run(None, feed)[0][0].mean(axis=0)
    return mean
