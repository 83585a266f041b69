"""`zoo-compress apply`: make the file that a plan describes."""

from __future__ import annotations

from pathlib import Path

import click

from zoo_compress.cli.options import json_option, overwrite_option, source_argument


@click.command("apply", short_help="Make the file that a plan describes.")
@source_argument
@click.option(
    "--plan",
    required=True,
    metavar="PLAN.JSON",
    help="The plan.json of a run, or OWNER/NAME[@REVISION][:plan.json] on the Hub.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE.ONNX",
    help="The file to write.",
)
@click.option(
    "--data",
    metavar="DATA",
    help="The inputs that the weights were repaired with; by default where the run found them.",
)
@overwrite_option
@json_option
def command(
    source: str,
    *,
    plan: str,
    out: Path,
    data: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Store the weights of SOURCE as a plan says: the same plan gives the same bytes.

    If weights were repaired, that takes the inputs that they were repaired with.

    \b
    Examples:
      zoo-compress apply sample:efficientnet-lite0 --plan runs/demo/plan.json --out small.onnx
      zoo-compress apply sample:efficientnet-lite0 --plan me/lite0-small --out small.onnx
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.output import write_json, write_notes
    from zoo_compress.cli.progress import working
    from zoo_compress.units import readable_bytes

    with working() as progress:
        made = pipeline.apply(
            source, plan=plan, out=out, data=data, overwrite=overwrite, progress=progress
        )
    write_notes(made.notes)
    if as_json:
        document = {"path": str(made.path), "stored_bytes": made.stored_bytes}
        write_json(document | {"sha256": made.sha256})
    else:
        click.echo(f"{made.path}  {readable_bytes(made.stored_bytes)}  sha256 {made.sha256}")
