"""What NNCF makes of an ONNX model, with and without the control of its accuracy.

The metric that it controls is 1 - the relative distance to the original, as there are no labels;
operations go back to floating point until no more than the default 0.01 of it is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import nncf
import onnx
from job import Job, run


def _quantize(job: Job) -> None:
    onnx.save(nncf.quantize(_model(job), nncf.Dataset(job.calibrate), **_options(job)), job.out)


def _controlled(job: Job) -> None:
    def metric(model: Any, _: Iterable[Any]) -> tuple[float, list[float]]:
        values = [1 - distance for distance in job.distances(model.SerializeToString())]
        return sum(values) / len(values), values

    made = nncf.quantize_with_accuracy_control(
        _model(job),
        calibration_dataset=nncf.Dataset(job.calibrate),
        validation_dataset=nncf.Dataset(job.validate),
        validation_fn=metric,
        **_options(job),
    )
    onnx.save(made, job.out)


def _model(job: Job) -> onnx.ModelProto:
    return onnx.load(job.model)


def _options(job: Job) -> dict[str, Any]:
    kind = nncf.ModelType.TRANSFORMER if job.is_transformer else None
    return {
        "target_device": nncf.TargetDevice.CPU,
        "model_type": kind,
        "subset_size": len(job.calibrate),
        "fast_bias_correction": True,
    }


SETTINGS: dict[str, Callable[[Job], None]] = {
    "quantize": _quantize,
    "quantize_with_accuracy_control": _controlled,
}

if __name__ == "__main__":
    run("nncf", SETTINGS)
