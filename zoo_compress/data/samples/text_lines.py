"""Images of text lines: cut from a photographed page, and rendered from news articles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from zoo_compress.data.samples.articles import Article
from zoo_compress.data.samples.packaged import packaged_path

PAGE_PACKAGE = "scikit-image"

HEIGHT = 48
"""What the recogniser reads; widths are rounded to multiples of `STEP`, up to `WIDEST`."""

STEP = 32
WIDEST = 320

INK = 0.8
"""A pixel darker than this share of its surroundings is ink: the page is lit unevenly."""

LIGHT_RADIUS = 12
"""Pixels over which the light is averaged: wider than a stroke, narrower than the shadow."""

INKED_ROW = 0.025
"""Share of ink from which a row belongs to a line; the lines of the page are slightly tilted."""

SHORTEST_LINE = 8
MARGIN = 2
WORD_GAP = 4
"""Blank columns between words of the page, in pixels."""

FONT_SIZES = (14, 18, 24, 32, 40)
WORDS_PER_LINE = 5

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class TextLine:
    """A grey image of a line of text, or of a part of it.

    Attributes:
        name: Unique, for records.
        source: The line that it is part of.
        image: The image.
        text: What it says, where that is known.
    """

    name: str
    source: str
    image: Image.Image
    text: str | None = None


def page_lines() -> Iterator[TextLine]:
    """Cut the photographed page of scikit-image into parts of lines, between words.

    Raises:
        SampleError: If the package is missing.
    """
    with Image.open(packaged_path("skimage", "data", "page.png")) as page:
        grey = page.convert("L")
    ink = _find_ink(grey)
    pixels = np.asarray(grey)
    for number, (top, bottom) in enumerate(_lines(ink)):
        for left, right in _parts(ink[top:bottom]):
            part = Image.fromarray(pixels[top:bottom, left:right])
            source = f"page/{number}"
            yield TextLine(name=f"{source}/{left}", source=source, image=part)


def rendered_lines(articles: Sequence[Article], *, seed: int) -> Iterator[TextLine]:
    """Render a few words of each article in Pillow's font, in random sizes and greys."""
    generator = np.random.default_rng(seed)
    for article in articles:
        words = article.body.split()
        start = int(generator.integers(0, max(1, len(words) - WORDS_PER_LINE)))
        size = int(generator.choice(FONT_SIZES))
        ink, paper = int(generator.integers(0, 90)), int(generator.integers(180, 256))
        text, image = _render(words[start : start + WORDS_PER_LINE], size, ink, paper)
        name = f"rendered/{article.name}"
        yield TextLine(name=name, source=name, image=image, text=text)


def fit_height(image: Image.Image) -> Pixels:
    """Resize a line to `HEIGHT`, with a width that is a multiple of `STEP` and at most `WIDEST`.

    Returns:
        Shape (HEIGHT, width).
    """
    steps = round(image.width * HEIGHT / image.height / STEP)
    width = min(max(1, steps) * STEP, WIDEST)
    return np.asarray(image.resize((width, HEIGHT), Image.Resampling.BILINEAR))


def _render(words: Sequence[str], size: int, ink: int, paper: int) -> tuple[str, Image.Image]:
    """Render as many of the words as fit into `WIDEST` without being squeezed."""
    font = ImageFont.load_default(size)
    ascent, descent = font.getmetrics()  # type: ignore[union-attr]
    height = ascent + descent + 2 * MARGIN
    while True:
        text = " ".join(words)
        width = round(font.getlength(text)) + 4 * MARGIN
        if width * HEIGHT <= WIDEST * height or len(words) == 1:
            break
        words = words[:-1]
    image = Image.new("L", (width, height), paper)
    ImageDraw.Draw(image).text((2 * MARGIN, MARGIN), text, fill=ink, font=font)
    return text, image


def _find_ink(grey: Image.Image) -> npt.NDArray[np.bool_]:
    light = grey.filter(ImageFilter.GaussianBlur(LIGHT_RADIUS))
    return np.asarray(grey, dtype=np.float32) < INK * np.asarray(light, dtype=np.float32)


def _lines(ink: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (top, bottom) of each line that the photograph shows whole."""
    found = _runs(ink.mean(axis=1) > INKED_ROW)
    return [
        (max(0, top - MARGIN), bottom + MARGIN)
        for top, bottom in found
        if bottom - top >= SHORTEST_LINE and bottom < len(ink)
    ]


def _runs(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (start, end) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _parts(ink: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (left, right) of groups of words that fit into `WIDEST` at height `HEIGHT`."""
    room = WIDEST * len(ink) / HEIGHT
    parts: list[tuple[int, int]] = []
    for left, right in _words(ink):
        if parts and right - parts[-1][0] + 2 * MARGIN <= room:
            parts[-1] = (parts[-1][0], right)
        else:
            parts.append((left, right))
    # A part narrower than the line is high is a speck, not a word.
    return [
        (max(0, left - MARGIN), min(ink.shape[1], right + MARGIN))
        for left, right in parts
        if right - left >= len(ink)
    ]


def _words(ink: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    words: list[tuple[int, int]] = []
    for left, right in _runs(ink.sum(axis=0) > 0):
        if words and left - words[-1][1] < WORD_GAP:
            words[-1] = (words[-1][0], right)
        else:
            words.append((left, right))
    return words
