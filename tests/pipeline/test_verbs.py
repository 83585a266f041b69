import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from zoo_compress import pipeline

NAMED_LIKE_THEIR_MODULE = ("certify_pair", "diagnose", "frontier", "package", "pull", "push")

LOADED_WITH_ALL_VERBS = "import sys; from zoo_compress.pipeline import *; print(*sys.modules)"


def test_every_verb_comes_from_where_the_type_checker_is_told() -> None:
    tree = ast.parse(Path(str(pipeline.__file__)).read_text())
    told = [
        (alias.name, statement.module)
        for block in tree.body
        if isinstance(block, ast.If)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    ]
    assert sorted(name for name, _ in told) == sorted(pipeline.__all__)
    for name, module in told:
        assert getattr(pipeline, name) is getattr(import_module(str(module)), name)


@pytest.mark.parametrize("name", NAMED_LIKE_THEIR_MODULE)
def test_a_verb_named_like_its_module_stays_the_verb_once_the_module_is_loaded(name: str) -> None:
    module = import_module(f"zoo_compress.pipeline.{name}")
    assert isinstance(module, ModuleType)
    assert getattr(pipeline, name) is getattr(module, name)


def test_a_name_that_is_no_verb_is_said_to_be_missing() -> None:
    with pytest.raises(AttributeError, match=r"'zoo_compress\.pipeline' has no attribute 'prune'"):
        pipeline.prune  # type: ignore[attr-defined]  # noqa: B018


def test_no_verb_loads_the_plots_the_optimiser_or_what_they_calculate_with() -> None:
    command = [sys.executable, "-c", LOADED_WITH_ALL_VERBS]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(found.stdout.split())
    assert "zoo_compress.pipeline.compress" in loaded
    assert not {"matplotlib", "pandas", "scipy", "sklearn", "skopt", "torch"} & loaded
