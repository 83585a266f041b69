"""A few lines of Python that run a model in stock ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence

from zoo_compress.core import TensorSpec

# Stand-ins for lengths that the model leaves open; one pixel or one token is too short for some.
IMAGE_SIDE = 224
SEQUENCE_LENGTH = 16


def loading_snippet(model_file: str, inputs: Sequence[TensorSpec]) -> str:
    """Return Python source that opens `model_file` and runs it on placeholder inputs.

    Args:
        model_file: Name of the `.onnx` file.
        inputs: The model's inputs. An open length is 1 for the batch, 224 for the sides of
            images, 16 elsewhere.
    """
    feeds = [f"    {spec.name!r}: {_placeholder(spec)}," for spec in inputs]
    return "\n".join(
        [
            "import numpy as np",
            "import onnxruntime as ort",
            "",
            f"session = ort.InferenceSession({model_file!r}, providers=['CPUExecutionProvider'])",
            "inputs = {  # placeholders: put your own arrays here",
            *feeds,
            "}",
            "outputs = session.run(None, inputs)",
            "print([output.shape for output in outputs])",
        ]
    )


def _placeholder(spec: TensorSpec) -> str:
    shape = tuple(_length(spec, axis) for axis in range(len(spec.shape)))
    if spec.dtype == "object":
        return f"np.full({shape}, 'text', dtype=object)"
    dtype = "bool" if spec.dtype == "bool" else f"np.{spec.dtype}"
    return f"np.ones({shape}, dtype={dtype})"


def _length(spec: TensorSpec, axis: int) -> int:
    length = spec.shape[axis]
    if isinstance(length, int):
        return length
    if axis == 0:
        return 1
    return IMAGE_SIDE if len(spec.shape) == 4 else SEQUENCE_LENGTH
