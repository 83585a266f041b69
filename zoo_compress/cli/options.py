"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

from zoo_compress.cli.device import DeviceName
from zoo_compress.cli.duration import Duration

DEFAULT_RECIPE = "balanced"

source_argument = click.argument("source")

budget_option = click.option(
    "--budget",
    metavar="BUDGET",
    help="What to reach: 0.125 or size=0.125 of the original's bytes, or bytes=5MB; or, at the "
    "fewest bytes, distance=0.01 (relative to the variance of the outputs) or disagreement=0.02 "
    "(certified share of changed top answers).",
)

gamma_option = click.option(
    "--gamma",
    type=click.FloatRange(min=0, min_open=True),
    metavar="G",
    help="Instead of a budget: minimise size ratio + G times the relative distance.",
)

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
    help="Time to finish in: 90, 90s, 5m, 1h30m. The scan takes at most half of what the end of "
    "the run leaves; the search stops early enough to verify and certify.",
)

device_option = click.option(
    "--device",
    type=DeviceName(),
    default="auto",
    show_default=True,
    metavar="DEVICE",
    help="Where candidates run: cpu, cuda, cuda:N, or auto for CUDA where it can be used. Asked "
    "for cuda, a run says what is missing instead of falling back.",
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
