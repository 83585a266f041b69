"""`zoo-compress plugin`: make zoo-compress a command of other command lines."""

from __future__ import annotations

import importlib.metadata
import sysconfig
from pathlib import Path

import click


@click.group("plugin", short_help="Make this a command of hf, or see where it is one.")
def command() -> None:
    """Make zoo-compress a command of the Hub's `hf`.

    optimum-cli finds `optimum-cli zoo-compress` by itself wherever both are installed.

    \b
    Example:
      zoo-compress plugin install && hf zoo-compress --help
    """


@command.command("install")
def install_extension() -> None:
    """Register `hf zoo-compress` for this user.

    \b
    Example:
      zoo-compress plugin install
    """
    from zoo_compress.hub.extension import install

    made = install(program())
    click.echo(f"hf zoo-compress runs {made.program}; registered in {made.folder}")


@command.command("remove")
def remove_extension() -> None:
    """Take back what `plugin install` has registered.

    \b
    Example:
      zoo-compress plugin remove
    """
    from zoo_compress.hub.extension import remove

    gone = remove()
    click.echo("nothing was registered" if gone is None else f"removed {gone.folder}")


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
    try:
        version = importlib.metadata.version("optimum")
    except importlib.metadata.PackageNotFoundError:
        return "optimum is not installed"
    return f"there, optimum {version} finds it by itself"
