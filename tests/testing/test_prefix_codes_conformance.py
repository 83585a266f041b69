"""The technique `prefix-codes` keeps the promises of every technique."""

import pytest

from zoo_compress.techniques.prefix_codes import PrefixCodes
from zoo_compress.testing import TechniqueConformance


class TestPrefixCodes(TechniqueConformance):
    @pytest.fixture
    def technique(self):
        return PrefixCodes({})
