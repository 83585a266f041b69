"""What the search of AMD Quark for ONNX, AutoSearchPro, makes of a model.

Its preset for accuracy on CPUs, with weights by channel as one more choice, without the stage that
trains the rounding (AdaRound, AdaQuant): 3,000 iterations for every layer are the fewest that the
preset allows. The search scores by the relative distance to the original.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial

from job import Job, Reader, run
from quark.onnx import AutoSearchPro
from quark.onnx.quantization.auto_search import get_auto_search_config

TRIALS = 12
TRAINING = ("algorithms", "adaround_params", "adaquant_params")


def _search(job: Job, preset: str) -> None:
    config = get_auto_search_config(preset)
    space = {key: value for key, value in config["search_space"].items() if key not in TRAINING}
    space["weight_params"]["quant_granularity"] = ["Tensor", "Channel"]
    config |= {
        "search_space": space,
        "n_trials": TRIALS,
        "two_stage_search": False,
        "search_evaluator": lambda path: -job.distance(job.folder / path),
        "model_input": str(job.model),
        "calib_data_reader": Reader(job.calibrate),
        "output_dir": str(job.folder / "search"),
        "temp_dir": str(job.folder / "scratch"),
    }
    AutoSearchPro(config).run()
    made = sorted((job.folder / "search").glob("quantized_model_*.onnx"))
    shutil.copyfile(min(made, key=job.distance), job.out)


SETTINGS: dict[str, Callable[[Job], None]] = {
    f"AutoSearchPro, best of {TRIALS}": partial(_search, preset="ADVANCED_SEARCH"),
}

if __name__ == "__main__":
    run("amd-quark", SETTINGS)
