"""`zoo-compress samples`: the models that a package index carries."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click


@click.command("samples", short_help="List the sample models.")
def command() -> None:
    """List the sample models: real ones, with real inputs, for `zoo-compress run sample:NAME`.

    They need the packages of the [samples] extra.

    \b
    Example:
      zoo-compress samples
    """
    lines = list(described())
    if not lines:
        click.echo("no sample is installed", err=True)
        return
    width = max(len(name) for name, _ in lines)
    for name, description in lines:
        click.echo(f"sample:{name:<{width}}  {description}")


def described() -> Iterator[tuple[str, str]]:
    """Yield each sample's name and first line of description; a broken one says why."""
    from zoo_compress.errors import PluginError
    from zoo_compress.registry import load_plugin, plugin_names

    for name in plugin_names("samples"):
        try:
            text = inspect.getdoc(load_plugin("samples", name)) or ""
        except PluginError as error:
            text = f"not usable: {error}"
        yield name, " ".join(text.split("\n\n")[0].split())
