"""The suites as the author of a plug-in meets them."""

from __future__ import annotations

import subprocess
import sys

import pytest

AUTHORS_FILE = """
import warnings
import pytest
from zoo_compress.core import Plan
from zoo_compress.search.strategies.random import RandomStrategy
from zoo_compress.testing import StrategyConformance, TechniqueConformance

class Spendthrift(RandomStrategy):
    def ask(self):
        return Plan()

class Deprecated(RandomStrategy):
    def tell(self, trial):
        warnings.warn("tell is deprecated", FutureWarning)
        super().tell(trial)

class TestGood(StrategyConformance):
    @pytest.fixture
    def strategy_type(self):
        return RandomStrategy

class TestSpendthrift(StrategyConformance):
    @pytest.fixture
    def strategy_type(self):
        return Spendthrift

class TestDeprecated(StrategyConformance):
    @pytest.fixture
    def strategy_type(self):
        return Deprecated

class TestUnfinishedStrategy(StrategyConformance):
    pass

class TestUnfinishedTechnique(TechniqueConformance):
    pass
"""
WANTED = "(budget and 0.3 and weighted) or json or mild"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What pytest says of such a file."""
    folder = tmp_path_factory.mktemp("plug-in")
    (folder / "test_mine.py").write_text(AUTHORS_FILE)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", WANTED]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert found.returncode == pytest.ExitCode.TESTS_FAILED, found.stdout + found.stderr
    return found.stdout


def test_a_subclass_in_a_file_of_its_own_is_all_that_an_author_needs(report):
    assert report.count("TestGood") == report.count("TestGood::") == 2
    assert "::TestGood::test_plans_consist_of_plain_json_values PASSED" in report


def test_a_failure_shows_the_values_compared(report):
    assert "::TestSpendthrift::test_every_plan_is_within_the_budget[0.3-weighted] FAIL" in report
    assert "max([" in report


def test_a_warning_is_a_failure(report):
    assert "::TestDeprecated::test_plans_consist_of_plain_json_values FAILED" in report
    assert "FutureWarning: tell is deprecated" in report


@pytest.mark.parametrize("fixture", ["strategy_type", "technique"])
def test_a_subclass_without_its_fixture_is_told_which(report, fixture):
    assert f"NotImplementedError: supply the fixture {fixture}" in report


def test_a_suite_that_is_only_imported_is_not_run(report):
    assert "::StrategyConformance" not in report
    assert "::TechniqueConformance" not in report


def test_without_pytest_the_import_says_what_to_install():
    code = "import sys; sys.modules['pytest'] = None; import zoo_compress.testing"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    last = found.stderr.strip().splitlines()[-1]
    assert last == "ImportError: zoo_compress.testing needs pytest: pip install pytest"
