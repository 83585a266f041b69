"""`zoo-compress inspect`: what of a model can be compressed."""

from __future__ import annotations

import click

from zoo_compress.cli.options import json_option, recipe_option, source_argument


@click.command("inspect", short_help="Show what of a model can be compressed.")
@source_argument
@recipe_option
@json_option
def command(source: str, *, recipe: str, as_json: bool) -> None:
    """List the weights of SOURCE: size, share, techniques that apply, and why others do not.

    \b
    Example:
      zoo-compress inspect sample:efficientnet-lite0
    """
    from zoo_compress import pipeline
    from zoo_compress.cli import inspection
    from zoo_compress.cli.output import write_json, write_notes
    from zoo_compress.cli.progress import working

    with working() as progress:
        found = pipeline.inspect(source, recipe=recipe, progress=progress)
    if as_json:
        write_notes(found.notes)
        write_json(inspection.as_document(found))
    else:
        inspection.show(found)
