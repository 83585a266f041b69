"""`embedding-rows` keeps the promises of all techniques."""

from __future__ import annotations

import pytest

from zoo_compress.techniques.embedding_rows import EmbeddingRows
from zoo_compress.testing import TechniqueConformance


class TestEmbeddingRows(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        return EmbeddingRows({"bits": [8, 4]})
