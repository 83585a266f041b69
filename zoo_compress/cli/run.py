"""`zoo-compress run`: compress a model to a budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo_compress.cli.options import (
    budget_option,
    data_option,
    gamma_option,
    json_option,
    overwrite_option,
    recipe_option,
    source_argument,
    time_option,
)


@click.command("run", short_help="Compress a model to a budget.")
@source_argument
@budget_option
@gamma_option
@data_option
@recipe_option
@click.option(
    "--strategy",
    metavar="NAME",
    help="How to search: gp, knapsack, swap, random or an installed plug-in. Without it: the "
    "recipe's.",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    metavar="N",
    help="Plans to measure after the scan. Without it: the recipe's number.",
)
@time_option
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Seed of every random choice; the same seed gives the same plan.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the run. Without it: one under runs/, named after source and budget.",
)
@overwrite_option
@click.option(
    "--task",
    type=click.Choice(["classification", "embedding", "other"]),
    help="What the outputs mean, where the model does not say.",
)
@click.option(
    "--distance",
    type=click.Choice(["squared-l2", "total-variation", "kl", "cosine", "relational"]),
    help="How outputs are compared. Without it: cosine for embeddings, squared-l2 for others.",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    metavar="P",
    help="Probability with which the certificate holds.",
)
@json_option
def command(*, as_json: bool, **settings: Any) -> None:
    """Compress SOURCE to a budget and state how far the result can be from it.

    SOURCE is sample:NAME, an .onnx file, a folder in the Hub's layout or a Hub id
    owner/name[@revision][:path/in/repo.onnx]. The run's folder holds the model, the plan that
    reproduces it, a model card, run.json and every measurement; Ctrl-C keeps the best so far.

    \b
    Examples:
      zoo-compress run sample:efficientnet-lite0 --budget 0.125
      zoo-compress run model.onnx --budget 0.25 --data photographs/ --time 5m
      zoo-compress run model.onnx --budget disagreement=0.02 --data photographs/
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.progress import working
    from zoo_compress.cli.summary import present

    began = pipeline.process_start()
    with working() as progress:
        asked = pipeline.RunSettings(**settings)
        result = pipeline.run(asked, began=began, progress=progress)
    present(result.report, folder=result.folder, notes=result.notes, as_json=as_json)
