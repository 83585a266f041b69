"""`zoo-compress frontier`: what the trials of a run say about any other budget."""

from __future__ import annotations

from pathlib import Path

import click

from zoo_compress.cli.options import (
    budget_option,
    gamma_option,
    json_option,
    overwrite_option,
    run_folder_argument,
)


@click.command("frontier", short_help="Answer other budgets from a finished run.")
@run_folder_argument
@budget_option
@gamma_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the model of that budget. Without it: one in RUN/frontier.",
)
@overwrite_option
@json_option
def command(
    run: Path,
    *,
    budget: str | None,
    gamma: float | None,
    out: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Show the Pareto front of size and distance that the trials of RUN make.

    With a budget or a weight, the model of the front's answer is written, verified and certified
    too. No plan is measured for it: a new budget only weighs anew what the run has measured. The
    plot is RUN/frontier.png and .svg.

    \b
    Examples:
      zoo-compress frontier runs/demo
      zoo-compress frontier runs/demo --budget 0.2
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.frontier_view import present_frontier
    from zoo_compress.cli.progress import working

    with working() as progress:
        found = pipeline.frontier(
            run, budget=budget, gamma=gamma, out=out, overwrite=overwrite, progress=progress
        )
    present_frontier(found, run=run, as_json=as_json)
