"""`half-compute` keeps the promises of all techniques."""

from __future__ import annotations

import pytest

from zoo_compress.techniques.half_compute import HalfCompute
from zoo_compress.testing import TechniqueConformance


class TestHalfCompute(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        return HalfCompute({})
