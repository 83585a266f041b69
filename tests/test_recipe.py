import os
from pathlib import Path

import pytest

from zoo_compress.errors import RecipeError
from zoo_compress.recipe import Recipe, load_recipe, recipe_text, shipped_recipes
from zoo_compress.registry import load_plugin

VALID = """name: mine
summary: Four bits.
techniques:
  codes:
    bits: [4]
only:
  - "conv*"
  - "fc.*"
keep: ["*.bias"]
search:
  trials: 10
"""


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a recipe and returns its path."""

    def written(text: str) -> str:
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return written


def test_every_shipped_recipe_loads_and_its_techniques_accept_their_settings():
    assert "balanced" in shipped_recipes()
    for name in shipped_recipes():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.summary
        assert recipe.covers("any.weight")
        for technique, settings in recipe.techniques.items():
            load_plugin("techniques", technique)(settings)


def test_a_file_is_read_like_a_shipped_recipe(write):
    recipe = load_recipe(write(VALID))
    assert (recipe.name, recipe.summary) == ("mine", "Four bits.")
    assert recipe.techniques == {"codes": {"bits": [4]}}
    assert (recipe.search.trials, recipe.search.strategy) == (10, "gp")


@pytest.mark.parametrize(
    ("site", "covered"),
    [
        ("conv1.weight", True),
        ("fc.weight", True),
        ("fc", False),
        ("Conv1.weight", False),
        ("conv1.bias", False),
        ("block/conv1.weight", False),
    ],
)
def test_only_names_what_to_compress_and_keep_is_stronger(site, covered, write):
    assert load_recipe(write(VALID)).covers(site) is covered


@pytest.mark.parametrize(
    ("pattern", "site", "covered"),
    [
        ("*", "any/thing.at.all", True),
        ("layer?.w", "layer3.w", True),
        ("layer?.w", "layer12.w", False),
        ("layer[0-3].w", "layer4.w", False),
        ("layer[!4].w", "layer3.w", True),
        ("/a/*/w", "/a/b/c/w", True),
    ],
)
def test_patterns_are_those_of_the_shell_across_separators(pattern, site, covered):
    assert Recipe(name="r", techniques={"codes": {}}, only=(pattern,)).covers(site) is covered


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "summary:",
            "sumary:",
            "line 2: sumary: unknown key; known are name, summary, techniques",
        ),
        (
            "  trials: 10",
            "  trails: 10",
            "line 11: search.trails: unknown key; known are strategy",
        ),
        ("name: mine\n", "", "line 1: name: Field required"),
        ("  trials: 10", "  trials: many", "line 11: search.trials: Input should be a valid int"),
        ("  trials: 10", "  trials: 0", "line 11: search.trials: Input should be greater than or"),
        ('  - "fc.*"', "  - 3", "line 8: only.1: Input should be a valid string (found 3)"),
        ('keep: ["*.bias"]', "keep: 7", "line 9: keep: Input should be a valid tuple (found 7)"),
        ("    bits: [4]\n", "", "line 4: techniques.codes: Input should be a valid dictionary"),
        ("summary: Four bits.", "3: Four", "line 2: 3: Keys should be strings (found 3)"),
        ("summary: Four bits.", "summary: [", "is not YAML, line 4: expected ',' or ']'"),
        ("    bits", "\tbits", "is not YAML, line 5: found character '\\t' that cannot start"),
        ("Four bits.", "!!python/name:os.system", "is not YAML, line 2: could not determine"),
        ("Four bits.", "2026-13-01", "is not YAML: month must be in 1..12"),
        ("Four bits.", "!!int four", "is not YAML: invalid literal for int()"),
    ],
)
def test_a_fault_is_named_with_its_line_and_what_is_allowed(old, new, fault, write):
    assert old in VALID
    path = write(VALID.replace(old, new))
    with pytest.raises(RecipeError) as raised:
        load_recipe(path)
    message = str(raised.value)
    assert message.startswith(f"recipe '{path}'")
    assert fault in message
    assert "\n" not in message


@pytest.mark.parametrize("value", ["many", "0", "trails"])
def test_a_fault_shows_the_value_that_was_found(value, write):
    with pytest.raises(RecipeError) as raised:
        load_recipe(write(VALID.replace("trials: 10", f"trials: {value}")))
    assert str(raised.value).endswith((f"(found '{value}')", f"(found {value})"))


@pytest.mark.parametrize("text", ["", "- name\n", "just words\n", "3\n"])
def test_a_file_without_keys_says_which_are_expected(text, write):
    expected = (
        "holds no keys: expected name, summary, techniques, remove, repair, biases, only, keep, "
        "search"
    )
    with pytest.raises(RecipeError, match=expected):
        load_recipe(write(text))


def test_a_recipe_without_techniques_is_refused(write):
    with pytest.raises(RecipeError, match=r"line 2: techniques: .* at least 1 item"):
        load_recipe(write("name: none\ntechniques: {}\n"))


def test_nesting_without_end_is_refused(write):
    with pytest.raises(RecipeError, match="is not YAML: maximum recursion depth"):
        load_recipe(write("[" * 1000))


def test_settings_that_a_technique_refuses_are_named_with_their_line(write):
    path = write(VALID.replace("bits: [4]", "bits: [4, 9]"))
    recipe = load_recipe(path)
    with pytest.raises(ValueError, match="bits") as refused:
        load_plugin("techniques", "codes")(recipe.techniques["codes"])
    assert str(recipe.refusal("codes", refused.value)) == (
        f"recipe '{path}', line 5: techniques.codes.bits.1: "
        "Input should be 2, 3, 4, 5, 6, 7 or 8 (found 9)"
    )


def test_any_other_reason_of_a_technique_is_passed_on():
    recipe = Recipe(name="mine", techniques={"codes": {}})
    error = recipe.refusal("codes", ValueError("no such grid"))
    assert str(error) == "recipe 'mine', techniques.codes: no such grid"


@pytest.mark.parametrize("name", ["nope", "absent.yaml", ".", ""])
def test_a_recipe_that_is_not_there_names_those_that_are(name):
    with pytest.raises(RecipeError, match=f"no recipe '{name}': shipped are .*balanced"):
        recipe_text(name)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "model.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="is not text: invalid start byte"):
        load_recipe(str(path))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_refused(write):
    path = write(VALID)
    Path(path).chmod(0)
    with pytest.raises(RecipeError, match="cannot be read: Permission denied"):
        load_recipe(path)


@pytest.mark.parametrize(
    ("repair", "fitted"),
    [([], ()), (["equalisation"], ()), (["equalisation", "scale-refit"], ("scale-refit",))],
)
def test_equalisation_asks_for_no_inputs(repair, fitted):
    recipe = Recipe(name="mine", techniques={"codes": {}}, repair=tuple(repair))
    assert recipe.fitted == fitted
    assert recipe.equalises is ("equalisation" in repair)
    assert recipe.fitting_inputs() == (recipe.search.calibration_inputs if fitted else 0)
