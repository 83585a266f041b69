"""Conformance suites for plug-ins: subclass one, supply one fixture, run pytest.

    >>> import pytest
    >>> from zoo_compress.testing import StrategyConformance
    >>> class TestGreedy(StrategyConformance):
    ...     @pytest.fixture
    ...     def strategy_type(self):
    ...         return GreedyStrategy

What is where:

- `strategy`: `StrategyConformance`, what every search strategy promises;
- `technique`: `TechniqueConformance`, what every technique promises;
- `problems`, `trials`: small search problems and simulated trials, for tests of one's own;
- `layers`: models of one layer whose output shows its weights;
- `networks`: small models with all that a technique may meet around a weight;
- `rewritten`: a model in which a technique replaced weights.
"""

from __future__ import annotations

try:
    import pytest
except ModuleNotFoundError as error:
    raise ImportError("zoo_compress.testing needs pytest: pip install pytest") from error

# Only then does a failed assertion of a suite show the values that it compared.
pytest.register_assert_rewrite(
    "zoo_compress.testing.strategy",
    "zoo_compress.testing.technique",
)

from zoo_compress.testing.strategy import StrategyConformance  # noqa: E402
from zoo_compress.testing.technique import TechniqueConformance  # noqa: E402

__all__ = ["StrategyConformance", "TechniqueConformance"]
