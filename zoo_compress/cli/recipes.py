"""`zoo-compress recipes`: list, show and validate recipes."""

from __future__ import annotations

import click


@click.group("recipes", short_help="List, show or validate recipes.")
def command() -> None:
    """Recipes say which techniques may store which weights, and how to search.

    \b
    Example:
      zoo-compress recipes show balanced > mine.yaml
    """


@command.command("list")
def list_recipes() -> None:
    """List the recipes that come with zoo-compress.

    \b
    Example:
      zoo-compress recipes list
    """
    from zoo_compress.recipe import load_recipe, shipped_recipes

    names = shipped_recipes()
    width = max(map(len, names))
    for name in names:
        click.echo(f"{name:<{width}}  {load_recipe(name).summary}")


@command.command("show")
@click.argument("name")
def show_recipe(name: str) -> None:
    """Write the YAML of recipe NAME to stdout, to read or to start one's own from.

    \b
    Example:
      zoo-compress recipes show balanced > mine.yaml
    """
    from zoo_compress.recipe import recipe_text

    click.echo(recipe_text(name), nl=False)


@command.command("validate")
@click.argument("file")
def validate_recipe(file: str) -> None:
    """Check that the recipe in FILE can be used: its keys, its plug-ins and their settings.

    \b
    Example:
      zoo-compress recipes validate mine.yaml
    """
    from zoo_compress.pipeline import validate_recipe as validated

    recipe = validated(file)
    techniques = ", ".join(recipe.techniques)
    click.echo(f"{file}: recipe '{recipe.name}' is valid ({techniques}; {recipe.search.strategy})")
