"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

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

data_option = click.option(
    "--data",
    metavar="DATA",
    help="Inputs to compare on, unlabelled: a folder of images, of recordings or of .txt files; a "
    ".txt file with a text a line; a .jsonl, .csv, .tsv or .parquet file, columns by name or as "
    "FILE:COLUMN[,COLUMN]; hf://datasets/OWNER/NAME[@REVISION][/CONFIG][:SPLIT[:COLUMN]]; an .npy "
    "or .npz file; or 'synthetic'. Images, texts and recordings are prepared as the files beside "
    "the model say. Without it: the sample's own inputs, else a built-in English text, crops of "
    "packaged photographs or synthetic ones, and the certificate says which.",
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
