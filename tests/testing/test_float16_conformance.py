"""`float16` keeps the promises of all techniques."""

from __future__ import annotations

import pytest

from zoo_compress.techniques.float16 import Float16
from zoo_compress.testing import TechniqueConformance


class TestFloat16(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        return Float16({})
