"""`zoo-compress run`: compress a model to a budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoo_compress.cli.options import (
    budget_option,
    device_option,
    gamma_option,
    json_option,
    overwrite_option,
    push_options,
    recipe_option,
    source_argument,
    time_option,
)

if TYPE_CHECKING:
    from zoo_compress.pipeline import PushSettings, RunResult

PUSH_PARAMETERS = ("repo_id", "private", "pr", "branch", "tag", "layout", "message")


@click.command("run", short_help="Compress a model to a budget.")
@source_argument
@budget_option
@gamma_option
@click.option(
    "--data",
    metavar="DATA",
    help="Inputs to compare on, unlabelled: a folder of images, an .npy or .npz file, or "
    "'synthetic'. Without it: the sample's own inputs, else synthetic ones.",
)
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
@device_option
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
@click.option(
    "--push",
    "repo_id",
    metavar="OWNER/NAME",
    help="Publish the result on the Hub, as `zoo-compress push` does; whether that can be done is "
    "looked at before the search. The options from here to --message go with it.",
)
@push_options
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
    wanted = push_settings(settings)
    with working() as progress:
        asked = pipeline.RunSettings(**settings)
        if wanted is not None:
            pipeline.check_push(asked.source, wanted, progress=progress)
        result = pipeline.run(asked, began=began, progress=progress)
    if wanted is None:
        present(result.report, folder=result.folder, notes=result.notes, as_json=as_json)
    else:
        present_and_push(result, wanted, as_json=as_json)


def push_settings(options: dict[str, Any]) -> PushSettings | None:
    """Take the options of a push out of the others; return them if a push is wanted.

    Raises:
        click.UsageError: If there are some without `--push`.
    """
    from zoo_compress.pipeline import PushSettings

    taken = {name: options.pop(name) for name in PUSH_PARAMETERS}
    if taken["repo_id"] is not None:
        return PushSettings(**taken)
    usual = PushSettings(repo_id="")
    for name in PUSH_PARAMETERS[1:]:
        if taken[name] != getattr(usual, name):
            raise click.UsageError(f"--{name} says how to push; it needs --push OWNER/NAME")
    return None


def present_and_push(result: RunResult, wanted: PushSettings, *, as_json: bool) -> None:
    """Show the run before it is pushed, so that a push that fails hides nothing.

    With JSON there is one document, which comes after the push, whatever becomes of it.
    """
    from zoo_compress import pipeline
    from zoo_compress.cli import pushed
    from zoo_compress.cli.output import write_json, write_notes
    from zoo_compress.cli.progress import working
    from zoo_compress.cli.summary import present

    if not as_json:
        present(result.report, folder=result.folder, notes=result.notes, as_json=False)
    document: dict[str, Any] = {**result.report, "push": None}
    try:
        with working() as progress:
            done = pipeline.push_after_run(result.folder, wanted, progress=progress)
        document["push"] = done.record()
    finally:
        if as_json:
            write_notes(result.notes)
            write_json(document)
    if not as_json:
        pushed.present(done, as_json=False)
