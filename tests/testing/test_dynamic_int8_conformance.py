"""`dynamic-int8` keeps the promises of all techniques."""

from __future__ import annotations

import pytest

from zoo_compress.techniques.dynamic_int8 import DynamicInt8
from zoo_compress.testing import TechniqueConformance


class TestDynamicInt8(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        return DynamicInt8({})
