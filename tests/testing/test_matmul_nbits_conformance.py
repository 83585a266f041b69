"""`matmul-nbits` keeps the promises of all techniques."""

from __future__ import annotations

import pytest

from zoo_compress.techniques.matmul_nbits import MatMulNBits
from zoo_compress.testing import TechniqueConformance


class TestMatMulNBits(TechniqueConformance):
    exact = False

    @pytest.fixture
    def technique(self):
        return MatMulNBits({"bits": [8, 4], "block_size": [32, 64, 128]})
