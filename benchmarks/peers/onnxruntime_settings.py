"""What ONNX Runtime's own quantization makes of a model, behind its own pre-processing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from job import Job, Reader, run
from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


def _static(job: Job, **options: Any) -> None:
    quantize_static(
        str(_prepared(job)),
        str(job.out),
        Reader(job.calibrate),
        quant_format=QuantFormat.QDQ,
        **options,
    )


def _dynamic(job: Job) -> None:
    quantize_dynamic(str(_prepared(job)), str(job.out), per_channel=True)


def _prepared(job: Job) -> Path:
    prepared = job.folder / "prepared.onnx"
    try:
        quant_pre_process(str(job.model), str(prepared))
    except Exception:
        # Symbolic shape inference gives up on MiniLM and PP-OCR, with whatever comes up.
        quant_pre_process(str(job.model), str(prepared), skip_symbolic_shape=True)
    return prepared


SETTINGS: dict[str, Callable[[Job], None]] = {
    "static int8, per channel": partial(_static, per_channel=True),
    "static int8, per tensor": _static,
    "static int4 weights": partial(_static, per_channel=True, weight_type=QuantType.QInt4),
    "dynamic int8": _dynamic,
}

if __name__ == "__main__":
    run("onnxruntime", SETTINGS)
