"""`codebook` keeps the promises of all techniques."""

from __future__ import annotations

import pytest

from zoo_compress.techniques.codebook import Codebook
from zoo_compress.testing import TechniqueConformance


class TestCodebook(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        return Codebook({})


class TestCodebooksOfChannelGroups(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        settings = {"granularity": ["channel-group", "tensor"], "groups": [2, 8]}
        return Codebook({"entries": [100, 16, 5, 2]} | settings)
