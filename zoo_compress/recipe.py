"""Recipes: which techniques on which weights, and the defaults of the search."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from zoo_compress.core import BiasStorage, Repair
from zoo_compress.errors import RecipeError

SHIPPED = "zoo_compress.recipes"


class SearchDefaults(BaseModel):
    """How to search, where the command line does not say.

    Attributes:
        strategy: A strategy plug-in.
        trials: Plans to measure after the scan.
        search_inputs: Inputs to measure each of them on.
        calibration_inputs: Inputs to repair with, others than those; unused without a repair.
        scan_inputs: Inputs for the sensitivity scan, the first of the search inputs.
        frontier: Sizes, from the mildest plan to the smallest, at which a plan is measured for the
            frontier once the search is over; those near a measured one are left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    strategy: str = "gp"
    trials: int = Field(default=60, ge=1)
    search_inputs: int = Field(default=50, ge=8)
    calibration_inputs: int = Field(default=100, ge=1)
    scan_inputs: int = Field(default=12, ge=2)
    frontier: int = Field(default=10, ge=0)


class RemovalShares(BaseModel):
    """What is removed before the search, where the graph allows it.

    Attributes:
        channels: Share of the channels that stays, by the bytes of the weights that go with them.
        heads: Share of the attention heads that stays, in the same way.
        compensate: Whether the weights that read what goes make up for it, by calibration inputs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: float = Field(default=1.0, gt=0, le=1)
    heads: float = Field(default=1.0, gt=0, le=1)
    compensate: bool = True


class Recipe(BaseModel):
    """What a recipe file says.

    Attributes:
        name: Name of the recipe.
        summary: One line for listings.
        techniques: Technique plug-in -> its settings.
        remove: What is removed before any weight is compressed; None for nothing.
        repair: What makes up for rounding, see `zoo_compress.core.Repair`.
        biases: How the biases of compressed weights are stored, see `techniques.biases`.
        only: Patterns (`*`, `?`, `[...]`) of weight names to compress.
        keep: Patterns of weight names to leave as they are; stronger than `only`.
        search: Defaults of the search.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    summary: str = ""
    techniques: dict[str, dict[str, Any]] = Field(min_length=1)
    remove: RemovalShares | None = None
    repair: tuple[Repair, ...] = ()
    biases: BiasStorage = "original"
    only: tuple[str, ...] = ("*",)
    keep: tuple[str, ...] = ()
    search: SearchDefaults = SearchDefaults()
    _file: str | None = PrivateAttr(default=None)
    _root: yaml.Node | None = PrivateAttr(default=None)

    @property
    def fitted(self) -> tuple[Repair, ...]:
        """The repairs that need inputs."""
        return tuple(kind for kind in self.repair if kind != "equalisation")

    @property
    def equalises(self) -> bool:
        """Whether channels are scaled before weights are encoded."""
        return "equalisation" in self.repair

    def fitting_inputs(self, *, observing: bool = False) -> int:
        """Return how many inputs are wanted to fit weights to.

        Args:
            observing: Whether a technique needs some even if nothing is repaired.
        """
        needed = self.fitted or self.remove is not None or observing
        return self.search.calibration_inputs if needed else 0

    @property
    def corrects_biases(self) -> bool:
        """Whether biases take back what rounding does to the mean outputs."""
        return "bias-correction" in self.repair

    def covers(self, site: str) -> bool:
        """Return whether the recipe wants the weight of that name compressed."""
        wanted = any(fnmatchcase(site, pattern) for pattern in self.only)
        return wanted and not any(fnmatchcase(site, pattern) for pattern in self.keep)

    def refusal(self, technique: str, error: ValueError) -> RecipeError:
        """Return the error for settings that a technique refuses, with their line in the file."""
        file, above = self._file or self.name, ("techniques", technique)
        if isinstance(error, ValidationError):
            return RecipeError(f"recipe '{file}', {first_fault(error, self._root, above=above)}")
        return RecipeError(f"recipe '{file}', {'.'.join(above)}: {error}")


def shipped_recipes() -> tuple[str, ...]:
    """Return the names of the recipes that come with zoo-compress."""
    names = (entry.name for entry in files(SHIPPED).iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


def recipe_text(name_or_path: str) -> str:
    """Return the YAML of a shipped recipe or of a file.

    Raises:
        RecipeError: If there is neither.
    """
    if name_or_path in shipped_recipes():
        return (files(SHIPPED) / f"{name_or_path}.yaml").read_text(encoding="utf-8")
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(shipped_recipes())
        raise RecipeError(f"no recipe '{name_or_path}': shipped are {known}; or name a YAML file")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(f"recipe '{name_or_path}' is not text: {error.reason}") from error
    except OSError as error:
        raise RecipeError(f"recipe '{name_or_path}' cannot be read: {error.strerror}") from error


def load_recipe(name_or_path: str) -> Recipe:
    """Read and validate a recipe.

    Raises:
        RecipeError: If it cannot be read or does not validate; the message names the line, the
            value found and what is allowed.
    """
    root, content = _parse(recipe_text(name_or_path), name_or_path)
    if not isinstance(content, dict):
        raise RecipeError(
            f"recipe '{name_or_path}' holds no keys: expected {', '.join(Recipe.model_fields)}"
        )
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"recipe '{name_or_path}', {first_fault(error, root)}") from error
    recipe._file, recipe._root = name_or_path, root
    return recipe


def recipe_yaml(recipe: Recipe) -> str:
    """Return a recipe in full, defaults spelled out, as a file that `load_recipe` reads."""
    content = recipe.model_dump(mode="json", exclude_none=True)
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    return text


def _parse(text: str, name_or_path: str) -> tuple[yaml.Node | None, object]:
    """Return the document twice: with the positions of its parts, and as Python values."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise RecipeError(f"recipe '{name_or_path}' is not YAML{line}: {error.problem}") from error
    # A value that looks like a date or a number but is none; nesting without end.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise RecipeError(f"recipe '{name_or_path}' is not YAML: {reason}") from error


def first_fault(
    error: ValidationError, root: yaml.Node | None, *, above: Sequence[str] = ()
) -> str:
    """Say in one line where the first fault of a validation is, what was found and allowed.

    Args:
        error: What pydantic found.
        root: The document, to find the line in.
        above: Keys that lead from the root to the validated part.
    """
    fault = error.errors()[0]
    path = [*above, *(part for part in fault["loc"] if part != "[key]")]
    where = ".".join(str(part) for part in path)
    line = _line(root, path)
    prefix = f"line {line}: " if line else ""
    if fault["type"] == "missing":
        return f"{prefix}{where}: {fault['msg']}"
    reason = _unknown_key(path) if fault["type"] == "extra_forbidden" else fault["msg"]
    return f"{prefix}{where}: {reason} (found {fault['input']!r})"


def _unknown_key(path: Sequence[int | str]) -> str:
    """Name the keys that a recipe may have where the last part of the path is not one."""
    models: dict[tuple[int | str, ...], type[BaseModel]] = {
        (): Recipe,
        ("search",): SearchDefaults,
        ("remove",): RemovalShares,
    }
    allowed = models.get(tuple(path[:-1]))
    known = f"; known are {', '.join(allowed.model_fields)}" if allowed else ""
    return f"unknown key{known}"


def _line(node: yaml.Node | None, path: Sequence[int | str]) -> int | None:
    """Return the line of the deepest node along a path of keys and indices."""
    if node is None:
        return None
    line: int = node.start_mark.line + 1
    for part in path:
        child = _child(node, part)
        if child is None:
            break
        key, node = child
        line = key.start_mark.line + 1
    return line


def _child(node: yaml.Node, part: int | str) -> tuple[yaml.Node, yaml.Node] | None:
    """Return the node whose line names a part, and the node that holds its value."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None
