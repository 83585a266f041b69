"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from zoo_compress.cli.device import DeviceName
from zoo_compress.cli.duration import Duration

DEFAULT_RECIPE = "balanced"

source_argument = click.argument("source")


def _one_budget(
    _context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]
) -> str | None:
    """Return the budget; refuse a second one, of which only the last would count."""
    if len(given) > 1:
        raise click.BadParameter(
            f"{' and '.join(given)}: give one; two limits at once are not searched for"
        )
    return given[0] if given else None


def _budget_option(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--budget", metavar="BUDGET", multiple=True, callback=_one_budget, help=what
    )


budget_option = _budget_option(
    "What to reach. At the least distance: 0.125 or size=0.125 of the original's bytes, "
    "bytes=5MB, or latency=0.5 of the original's time for an input, measured on this machine. At "
    "the fewest bytes: distance=0.01 (relative to the variance of the outputs) or "
    "disagreement=0.02 (certified share of changed top answers)."
)

another_latency_option = _budget_option(
    "Another latency to go on with, such as latency=0.6; only for a run with a budget of latency."
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

run_recipe_option = click.option(
    "--recipe",
    metavar="NAME|FILE",
    help="Which techniques on which weights: a shipped recipe or a YAML file. Without it: "
    f"{DEFAULT_RECIPE}, and for a budget of latency cpu-speed or gpu-speed, by the device.",
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

SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)

# Spelled out, since the library that knows them takes longer to import than help may take.
DISTANCES = ("squared-l2", "total-variation", "kl", "cosine", "relational")

task_option = click.option(
    "--task",
    type=click.Choice(["classification", "embedding", "other"]),
    help="What the outputs mean, where the original does not say.",
)

distance_option = click.option(
    "--distance",
    type=click.Choice(DISTANCES),
    help="How outputs are compared. Without it: cosine for embeddings, squared-l2 for others.",
)

confidence_option = click.option(
    "--confidence",
    type=SHARE,
    default=0.95,
    show_default=True,
    metavar="P",
    help="Probability with which each statement of a certificate holds.",
)

inputs_option = click.option(
    "--inputs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Most inputs to use. Without it: 1000, or 200 synthetic ones.",
)

timing_option = click.option(
    "--time",
    "seconds",
    type=Duration(),
    default="10s",
    show_default=True,
    metavar="TIME",
    help="Time for opening and running all models that are timed: 10, 10s, 1m.",
)

threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Threads within an operator while timing. Without it: one a physical core.",
)


def seed_option(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option of the seed, whose help says what is drawn with it."""
    return click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        metavar="N",
        help=what,
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

LAYOUTS = ("plain", "transformers-js")

PUSH_OPTIONS = (
    click.option(
        "--private",
        is_flag=True,
        help="Push to a private repository only; a missing one is made private.",
    ),
    click.option(
        "--pr", is_flag=True, help="Open a pull request instead of changing the repository."
    ),
    click.option("--branch", metavar="NAME", help="Branch to push to, made if it is missing."),
    click.option("--tag", metavar="NAME", help="Name to give to the resulting commit."),
    click.option(
        "--layout",
        type=click.Choice(LAYOUTS),
        default="plain",
        show_default=True,
        help="Where the files go: plain, as in the run's folder; transformers-js, the model in "
        "onnx/ under a name that transformers.js looks for.",
    ),
    click.option("--message", metavar="TEXT", help="Message of the commit or pull request."),
)


def push_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how to push, in their order."""
    for option in reversed(PUSH_OPTIONS):
        command = option(command)
    return command


run_folder_argument = click.argument("run", type=click.Path(path_type=Path))
