"""`sparse` keeps the promises of all techniques."""

from __future__ import annotations

import pytest

from zoo_compress.techniques.sparse import Sparse
from zoo_compress.testing import TechniqueConformance


class TestSparse(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        return Sparse({})


class TestSparseWithOtherValues(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        values = {"values": ["float16", "codes", "codebook"], "bits": [5, 2], "entries": [100, 3]}
        return Sparse({"density": [0.6, 0.1]} | values)
