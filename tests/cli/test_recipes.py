from importlib.resources import files
from pathlib import Path

import pytest

from zoo_compress.cli.main import main
from zoo_compress.errors import PluginError, RecipeError

BALANCED = (files("zoo_compress.recipes") / "balanced.yaml").read_text(encoding="utf-8")


def test_the_shipped_recipes_are_listed_with_their_summary(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["recipes", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("balanced ") and "Packed codes" in line for line in lines)


def test_show_writes_the_file_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "show", "balanced"]) == 0
    assert capsys.readouterr().out == BALANCED


def test_what_show_writes_is_a_valid_recipe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(BALANCED, encoding="utf-8")
    assert main(["recipes", "validate", str(mine)]) == 0
    said = "recipe 'balanced' is valid (codes, codebook, prefix-codes, float16; gp)"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "code", "message"),
    [
        ("summary:", "sumary:", RecipeError.exit_code, "sumary"),
        ("  codes:", "  cods:", PluginError.exit_code, "no plug-in 'cods'"),
        ("strategy: gp", "strategy: pg", PluginError.exit_code, "no plug-in 'pg'"),
        ("[8, 7,", "[9, 7,", RecipeError.exit_code, "line 5: techniques.codes.bits.0"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_refused_in_one_line(
    old: str,
    new: str,
    code: int,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(BALANCED.replace(old, new), encoding="utf-8")
    assert main(["recipes", "validate", str(mine)]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_an_unknown_recipe_names_the_ones_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "show", "nope"]) == RecipeError.exit_code
    assert "balanced" in capsys.readouterr().err
