"""Compare the scan, which measures up to three levels of a site, with one that measures all.

Prints, for each sample, the rank correlation of the sensitivities of the levels that the scan
does not measure, and of all levels, and the cost of the scan against the full one.

    python benchmarks/scan.py sample:efficientnet-lite0 sample:minilm-l6 sample:ppocr-rec
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import spearmanr

from zoo_compress.core import ignore_progress
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.study import build_study
from zoo_compress.search.scan import measured_levels, scan_evaluations

# Plain codes, as in the other comparisons of searches.
RECIPE = str(Path(__file__).with_name("recipes") / "codes.yaml")
SAMPLES = ("sample:efficientnet-lite0", "sample:minilm-l6", "sample:ppocr-rec")


def main() -> None:
    """Print one row a source."""
    table = Table(
        "source", "sites", "rank correlation", "unmeasured levels", "evaluations", "time"
    )
    for source in sys.argv[1:] or SAMPLES:
        table.add_row(*_row(source))
    Console(width=110).print(table)


def _row(source: str) -> list[str]:
    study = build_study(RunSettings(source=source, budget="0.25", recipe=RECIPE), ignore_progress)
    space = study.sized.space
    start = time.perf_counter()
    quick = study.scan.run()
    middle = time.perf_counter()
    full = replace(study.scan, every=True).run()
    end = time.perf_counter()
    every, unmeasured = np.isfinite(space.level_bytes), np.isfinite(space.level_bytes)
    every[:, 0] = unmeasured[:, 0] = False
    for site, options in enumerate(space.options):
        unmeasured[site, list(measured_levels(len(options)))] = False
    ranks = [
        spearmanr(quick.distortion[chosen], full.distortion[chosen]).statistic
        for chosen in (every, unmeasured)
    ]
    planned, all_of_them = scan_evaluations(space), scan_evaluations(space, every=True)
    return [
        source,
        str(len(space.sites)),
        *(f"{rank:.3f}" for rank in ranks),
        f"{planned} of {all_of_them}",
        f"{(middle - start) / (end - middle):.2f} of the full scan",
    ]


if __name__ == "__main__":
    main()
