"""`zoo-compress plugin`: make zoo-compress a command of other command lines."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import click

from zoo_compress.cli import optimum_plugin


@click.group("plugin", short_help="Make this a command of hf and optimum-cli.")
def command() -> None:
    """Make zoo-compress a command of the Hub's `hf`, and of optimum-cli where there is one.

    \b
    Example:
      zoo-compress plugin install && hf zoo-compress --help
    """


@command.command("install")
def install_extension() -> None:
    """Register `hf zoo-compress` for this user, `optimum-cli zoo-compress` beside optimum.

    \b
    Example:
      zoo-compress plugin install
    """
    from zoo_compress.hub.extension import install

    made = install(program())
    click.echo(f"hf zoo-compress runs {made.program}; registered in {made.folder}")
    if optimum_plugin.optimum_version() is not None:
        file = optimum_plugin.register(site_folder())
        click.echo(f"optimum-cli zoo-compress is there; registered by {file}")


@command.command("remove")
def remove_extension() -> None:
    """Take back what `plugin install` has registered.

    \b
    Example:
      zoo-compress plugin remove
    """
    from zoo_compress.hub.extension import remove

    extension, file = remove(), optimum_plugin.unregister(site_folder())
    gone = [*([] if extension is None else [extension.folder]), *([] if file is None else [file])]
    for path in gone:
        click.echo(f"removed {path}")
    if not gone:
        click.echo("nothing was registered")


@command.command("status")
def show_status() -> None:
    """Tell which command lines have zoo-compress as a command.

    \b
    Example:
      zoo-compress plugin status
    """
    click.echo(f"hf zoo-compress           {hf_status()}")
    click.echo(f"optimum-cli zoo-compress  {optimum_status()}")


def program() -> Path:
    """Return the program that `hf` is to run, where pip has put it."""
    suffix = sysconfig.get_config_var("EXE") or ""
    return Path(sysconfig.get_path("scripts")) / f"hf-zoo-compress{suffix}"


def hf_status() -> str:
    """Return whether `hf` has the command, and what it runs."""
    from zoo_compress.hub.extension import installed

    found = installed()
    if found is None:
        return "not registered; `zoo-compress plugin install` registers it"
    if not found.program.is_file():
        return f"broken: {found.program} is missing; `zoo-compress plugin install` mends it"
    origin = "" if found.ours else ", installed by hf itself"
    return f"runs {found.program}{origin}"


def optimum_status() -> str:
    """Return whether optimum-cli has the command."""
    version, file = optimum_plugin.optimum_version(), optimum_plugin.registered(site_folder())
    if version is None and file is None:
        return "optimum is not installed"
    if version is None:
        return f"optimum is not installed; `zoo-compress plugin remove` removes {file}"
    if file is None:
        return "not registered; `zoo-compress plugin install` registers it"
    return f"there, optimum {version} finds {file}"


def site_folder() -> Path:
    """Return where the packages of this Python are."""
    return Path(sysconfig.get_path("purelib"))
