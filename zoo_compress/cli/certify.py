"""`zoo-compress certify`: hold any model against its original."""

from __future__ import annotations

from typing import Any

import click

from zoo_compress.cli.options import (
    SHARE,
    confidence_option,
    data_option,
    distance_option,
    inputs_option,
    json_option,
    seed_option,
    task_option,
)


@click.command("certify", short_help="State how far a compressed model is from its original.")
@click.argument("original")
@click.argument("compressed")
@data_option
@click.option(
    "--max-disagreement",
    type=SHARE,
    metavar="SHARE",
    help="Fail unless the top answers of two classifiers are certified to differ on at most this "
    "share of inputs. 0.02 takes at least 149 inputs.",
)
@click.option(
    "--max-distance",
    type=click.FloatRange(0, min_open=True),
    metavar="X",
    help="Fail unless the distance is certified to be at most this: the mean of total-variation "
    "and cosine, which lie between 0 and 1; for squared-l2 and kl what 90 % of inputs stay below, "
    "squared-l2 as a share of the variance of the original's outputs.",
)
@confidence_option
@distance_option
@task_option
@inputs_option
@seed_option("Seed of the draw of the inputs and of their order.")
@json_option
def command(*, as_json: bool, **settings: Any) -> None:
    """Run ORIGINAL and COMPRESSED on the same inputs and state how far they can be apart.

    Both are sample:NAME, an .onnx file, a folder in the Hub's layout or a Hub id
    owner/name[@revision][:path/in/repo.onnx], and COMPRESSED may come from any tool. If it is the
    folder of a run, inputs that its search saw are left out. With a limit the exit code is 0 if
    it is met and 1 if it is not.

    \b
    Examples:
      zoo-compress certify sample:efficientnet-lite0 runs/demo --max-disagreement 0.1
      zoo-compress certify model.onnx model.int8.onnx --data photographs/ --max-disagreement 0.02
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.certification import present
    from zoo_compress.cli.progress import working

    with working() as progress:
        found = pipeline.certify_pair(pipeline.CertifySettings(**settings), progress=progress)
    present(found, as_json=as_json)
    found.require_limits()
