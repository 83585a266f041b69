"""The technique `trellis-codes` keeps the promises of every technique."""

import pytest

from zoo_compress.techniques.trellis_codes import TrellisCodes
from zoo_compress.testing import TechniqueConformance


class TestTrellisCodes(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        return TrellisCodes({"bits": [4.5, 2.6, 2.0], "smallest_model_bytes": 0})
