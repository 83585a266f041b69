"""`zoo-compress doctor`: would `run` work here."""

from __future__ import annotations

import click

from zoo_compress.cli.options import json_option


@click.command("doctor", short_help="Check whether `run` would work here.")
@json_option
def command(*, as_json: bool) -> None:
    """Look at Python, ONNX Runtime, providers, libraries, cache, disk and the Hub.

    A tiny model is run on each provider. The exit code is 0 if `run` would work on a local model,
    else the one that it would end with.

    \b
    Example:
      zoo-compress doctor
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.output import stdout_kept_clean, write_json

    with stdout_kept_clean():
        found = pipeline.examine()
    if as_json:
        write_json(found.record())
    else:
        from zoo_compress.cli.checks import present

        present(found)
    click.get_current_context().exit(found.exit_code)
