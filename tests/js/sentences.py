"""Write inputs for a text model of the MiniLM vocabulary: opening sentences of news articles.

python tests/js/sentences.py TOKENIZER.json OUT.npz
"""

from __future__ import annotations

import sys

import numpy as np
from tokenizers import Tokenizer

from zoo_compress.data.samples import articles

TOKENS = 24
"""All are cut to this length, since the arrays of a .npz file are rectangles."""
ARTICLES_PER_CLASS = 80
WORDS = 12
"""A shorter opening is taken together with what follows."""


def main(tokenizer: str, out: str) -> None:
    reader = Tokenizer.from_file(tokenizer)
    reader.no_padding()
    reader.enable_truncation(max_length=TOKENS)
    drawn = articles.draw_articles(each=ARTICLES_PER_CLASS, seed=0)
    texts = [articles.opening(article, shortest=WORDS) for article in drawn]
    encoded = [one.ids for one in reader.encode_batch(texts)]
    ids = np.array([one for one in encoded if len(one) == TOKENS], dtype=np.int64)
    zeros = np.zeros_like(ids)
    np.savez(out, input_ids=ids, attention_mask=zeros + 1, token_type_ids=zeros)


if __name__ == "__main__":
    main(*sys.argv[1:])
