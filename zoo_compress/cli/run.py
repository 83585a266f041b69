"""`zoo-compress run`: compress a model to a budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo_compress.cli.options import (
    budget_option,
    confidence_option,
    data_option,
    device_option,
    distance_option,
    gamma_option,
    json_option,
    overwrite_option,
    push_options,
    run_recipe_option,
    seed_option,
    source_argument,
    task_option,
    time_option,
)
from zoo_compress.cli.run_push import present_and_push, push_settings, run_before_push


@click.command("run", short_help="Compress a model to a budget.")
@source_argument
@budget_option
@gamma_option
@data_option
@run_recipe_option
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
@seed_option("Seed of every random choice; the same seed gives the same plan.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the run. Without it: one under runs/, named after source and budget.",
)
@device_option
@overwrite_option
@click.option(
    "--all",
    "every",
    is_flag=True,
    help="Compress every model of a repository or folder, each into a folder of its own below "
    "--out; a failure does not keep the others from going on. --time is for each.",
)
@task_option
@distance_option
@confidence_option
@click.option(
    "--push",
    "repo_id",
    metavar="OWNER/NAME",
    help="Publish the result on the Hub, as `zoo-compress push` does; whether that can be done is "
    "looked at before the search. The options from here to --message go with it.",
)
@push_options
@json_option
def command(*, every: bool, as_json: bool, **settings: Any) -> int:
    """Compress SOURCE to a budget and state how far the result can be from it.

    SOURCE is sample:NAME, an .onnx file, a folder in the Hub's layout or a Hub id
    owner/name[@revision][:path/in/repo.onnx]. The run's folder holds the model, the plan that
    reproduces it, a model card, run.json and every measurement; Ctrl-C keeps the best so far.

    \b
    Examples:
      zoo-compress run sample:efficientnet-lite0 --budget 0.125
      zoo-compress run model.onnx --budget 0.25 --data photographs/ --time 5m
      zoo-compress run model.onnx --budget disagreement=0.02 --data photographs/
      zoo-compress run model.onnx --budget latency=0.5 --data photographs/
      zoo-compress run owner/whisper --all --budget 0.25
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.progress import working
    from zoo_compress.cli.summary import present

    began = pipeline.process_start()
    wanted = push_settings(settings)
    if every:
        if wanted is not None:
            raise click.UsageError("--push takes one run; push those of --all one by one")
        from zoo_compress.cli.every import run_every

        return run_every(pipeline.RunSettings(**settings), as_json=as_json)
    with working() as progress:
        asked = pipeline.RunSettings(**settings)
        if wanted is None:
            result = pipeline.run(asked, began=began, progress=progress)
        else:
            result = run_before_push(asked, wanted, began=began, progress=progress)
    if wanted is None:
        present(result.report, folder=result.folder, notes=result.notes, as_json=as_json)
    else:
        present_and_push(result, wanted, as_json=as_json)
    return 0
