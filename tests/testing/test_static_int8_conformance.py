"""`static-int8` keeps the promises of all techniques."""

from __future__ import annotations

import pytest

from zoo_compress.techniques.static_int8 import StaticInt8
from zoo_compress.testing import TechniqueConformance


class TestStaticInt8(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        return StaticInt8({"ranges": ["min-max", "mse"]})
