"""`zoo-compress verify`: hold a model against the limits of a deployment, for CI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from zoo_compress.cli.options import (
    SHARE,
    confidence_option,
    distance_option,
    inputs_option,
    json_option,
    seed_option,
    task_option,
    threads_option,
    timing_option,
)


@click.command("verify", short_help="Hold a model against limits, for CI.")
@click.argument("model")
@click.option(
    "--against", required=True, metavar="ORIGINAL", help="The original, in the forms of SOURCE."
)
@click.option(
    "--max-disagreement",
    type=SHARE,
    metavar="SHARE",
    help="Largest certified share of inputs on which two classifiers' top answers differ.",
)
@click.option(
    "--max-distance",
    type=click.FloatRange(0, min_open=True),
    metavar="X",
    help="Largest certified distance, as for `certify`.",
)
@click.option(
    "--max-bytes",
    metavar="SIZE",
    help="Largest size: 5MB, or a share of the original's bytes such as 0.25.",
)
@click.option(
    "--max-latency-ratio",
    type=click.FloatRange(0, min_open=True),
    metavar="X",
    help="Largest median ratio of its time to the original's, measured in turns.",
)
@click.option(
    "--data", metavar="DATA", help="Inputs to compare on, as for `certify`. Use real ones."
)
@confidence_option
@distance_option
@task_option
@inputs_option
@seed_option("Seed of the draw of the inputs and of their order.")
@timing_option
@threads_option
@click.option(
    "--junit",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the outcome as JUnit XML too.",
)
@json_option
def command(*, junit: Path | None, as_json: bool, **options: Any) -> None:
    """Check that MODEL keeps the limits of its deployment beside the model it was made from.

    All limits are looked at and listed. The exit code is 0 if they are met and 1 if one is not;
    another one says that the comparison could not be made.

    \b
    Examples:
      zoo-compress verify small.onnx --against model.onnx --data photographs/ \\
          --max-disagreement 0.02 --max-bytes 0.25
      zoo-compress verify runs/demo --against me/net --data texts.jsonl --max-distance 0.01 \\
          --max-latency-ratio 1.1 --junit verify.xml
    """
    from zoo_compress import pipeline
    from zoo_compress.cli.progress import working
    from zoo_compress.cli.verification import present, reported

    settings = _settings(options)
    if not settings.limits:
        raise click.UsageError(
            "give a limit: --max-disagreement, --max-distance, --max-bytes or --max-latency-ratio"
        )
    with reported(junit, settings) as report:
        with working() as progress:
            found = pipeline.verify(settings, progress=progress)
        report(found)
        present(found, as_json=as_json)
        found.require_limits()


def _settings(options: dict[str, Any]) -> Any:
    from zoo_compress.pipeline import CertifySettings, VerifySettings

    own = {name: options.pop(name) for name in _OWN}
    pair = {"original": options.pop("against"), "compressed": options.pop("model")}
    return VerifySettings(certify=CertifySettings(**pair, **options), **own)


_OWN = ("max_bytes", "max_latency_ratio", "seconds", "threads")
