"""What a search of Olive makes of an ONNX model: its quantization pass, all that it can choose.

Olive minimises the relative distance to the original with its TPE sampler. That is told by an
evaluator of our own, under the name of a metric that Olive knows: release 0.13 fails to write down
a metric of type `custom`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from job import Feeds, Job, read_job, run
from olive.data.registry import Registry as DataRegistry
from olive.evaluator.metric_result import MetricResult, joint_metric_key
from olive.evaluator.olive_evaluator import OliveEvaluator
from olive.evaluator.registry import Registry as EvaluatorRegistry
from olive.workflows import run as run_olive

TRIALS = 12
# Of the search; the trial that runs by then ends later.
SECONDS = 600
METRIC, VALUE = "distance", "accuracy_score"


class CalibrationData:
    """The calibration inputs, each with a label that nothing reads."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds

    def __len__(self) -> int:
        return len(self._feeds)

    def __getitem__(self, index: int) -> tuple[dict[str, Any], int]:
        return self._feeds[index], 0


@DataRegistry.register_dataset()
def calibration_data(folder: str, **_: Any) -> CalibrationData:
    """Return the calibration inputs."""
    return CalibrationData(read_job(Path(folder)).calibrate)


@EvaluatorRegistry.register("DistanceToOriginal")
class DistanceToOriginal(OliveEvaluator):
    """Tells the relative distance of a candidate; infinite where it does not run."""

    def __init__(self, folder: str, **_: Any) -> None:
        super().__init__()
        self._job = read_job(Path(folder))

    def evaluate(self, model: Any, metrics: Any, *_: Any, **__: Any) -> MetricResult:
        value = self._job.distance(Path(model.model_path))
        result = {"value": value, "priority": 1, "higher_is_better": False}
        return MetricResult.model_validate({joint_metric_key(METRIC, VALUE): result})


def _search(job: Job) -> None:
    folder = str(job.folder)
    data = {
        "name": "calibration",
        "load_dataset_config": {"type": "calibration_data", "params": {"folder": folder}},
        "dataloader_config": {"type": "no_auto_batch_dataloader"},
    }
    evaluator = {
        "type": "DistanceToOriginal",
        "type_args": {"folder": folder},
        "metrics": [
            {
                "name": METRIC,
                "type": "accuracy",
                "sub_types": [{"name": VALUE, "priority": 1, "higher_is_better": False}],
            }
        ],
    }
    output = run_olive(
        {
            "input_model": {"type": "OnnxModel", "model_path": str(job.model)},
            "data_configs": [data],
            "evaluators": {"evaluator": evaluator},
            "passes": {"quantization": {"type": "OnnxQuantization", "data_config": "calibration"}},
            "search_strategy": {
                "execution_order": "joint",
                "sampler": "tpe",
                "max_iter": TRIALS,
                "max_time": SECONDS,
                "seed": 0,
            },
            "evaluator": "evaluator",
            "evaluate_input_model": False,
            "cache_dir": str(job.folder / "cache"),
            "output_dir": str(job.folder / "search"),
        }
    )
    shutil.copyfile(output.get_best_candidate().model_path, job.out)


SETTINGS: dict[str, Callable[[Job], None]] = {f"quantization, best of {TRIALS}": _search}

if __name__ == "__main__":
    run("olive-ai", SETTINGS)
