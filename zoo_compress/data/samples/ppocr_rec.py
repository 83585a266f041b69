"""PP-OCRv6 text recognition, as RapidOCR ships it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from zoo_compress.core import Artifact, FloatArray, Inputs
from zoo_compress.data.samples import articles, text_lines
from zoo_compress.data.samples.packaged import packaged_path, release, require_packages
from zoo_compress.data.samples.prepared import MODEL_NAME, prepare, sample_artifact

PACKAGE = "rapidocr"
FILE = "PP-OCRv6_rec_small.onnx"
INPUT = "x"
ARTICLES_PER_CLASS = 56


class PpOcrRec:
    """Text recogniser PP-OCRv6 small, 5.3 M parameters, 21 MB, Apache-2.0.

    The ONNX file is taken from `rapidocr` as it is. The inputs are images of text lines, from a
    photographed page and rendered from BBC articles.
    """

    name = "ppocr-rec"
    summary = "Text recogniser PP-OCRv6 small, 5.3 M parameters, Apache-2.0"
    packages: tuple[str, ...] = (PACKAGE, text_lines.PAGE_PACKAGE, articles.PACKAGE)

    def artifact(self, cache: Path) -> Artifact:
        """Copy the model below `cache`, or reuse what is there.

        Raises:
            SampleError: If a package is missing.
        """
        require_packages(self.name, self.packages)
        version = release(PACKAGE)
        return sample_artifact(
            self.name,
            prepare(cache / f"{self.name}-{version}", _build),
            revision=version,
            licence="Apache-2.0",
            task="other",
        )

    def inputs(self, *, seed: int) -> Inputs:
        """Return images of text lines; a group is a line.

        Raises:
            SampleError: If a package is missing.
        """
        require_packages(self.name, self.packages)
        page = list(text_lines.page_lines())
        drawn = articles.draw_articles(each=ARTICLES_PER_CLASS, seed=seed)
        lines = [*page, *text_lines.rendered_lines(drawn, seed=seed)]
        return Inputs(
            feeds=[{INPUT: pixels(line.image)} for line in lines],
            groups=[line.source for line in lines],
            names=[line.name for line in lines],
            description=f"{len(page)} parts of the lines of a photographed page packaged with "
            f"scikit-image and {len(drawn)} lines of BBC news articles packaged with "
            f"{articles.PACKAGE}, rendered in Pillow's font",
        )


def pixels(image: Image.Image) -> FloatArray:
    """Return a line as the recogniser reads it: shape (1, 3, 48, width), from -1 to 1."""
    grey = text_lines.fit_height(image).astype(np.float32)
    plane = (grey / np.float32(255) - np.float32(0.5)) / np.float32(0.5)
    return np.repeat(plane[None, None], 3, axis=1)


def _build(folder: Path) -> None:
    shutil.copyfile(packaged_path(PACKAGE, "models", FILE), folder / MODEL_NAME)
