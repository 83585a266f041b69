"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

from zoo_compress.cli.duration import Duration

DEFAULT_RECIPE = "balanced"

source_argument = click.argument("source")

recipe_option = click.option(
    "--recipe",
    default=DEFAULT_RECIPE,
    show_default=True,
    metavar="NAME|FILE",
    help="Which techniques on which weights: a shipped recipe or a YAML file.",
)

time_option = click.option(
    "--time",
    "seconds",
    type=Duration(),
    metavar="TIME",
    help="Time to finish in: 90, 90s, 5m, 1h30m. The scan is always completed, the search stops "
    "early enough.",
)

overwrite_option = click.option(
    "--overwrite", is_flag=True, help="Replace what is already at the output path."
)

json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Write one JSON document to stdout, everything else to stderr.",
)

run_folder_argument = click.argument("run", type=click.Path(path_type=Path))
