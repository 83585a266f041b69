"""Two models side by side, run one sample at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo_compress.core import Feed
from zoo_compress.errors import InputError, OriginalModelError, SourceError
from zoo_compress.runtime.evaluator import Outputs
from zoo_compress.runtime.flavour import load_onnxruntime
from zoo_compress.runtime.memory import give_back
from zoo_compress.runtime.padding import without_padding
from zoo_compress.runtime.session import open_session, runtime_errors, short_reason

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FLOATS: Mapping[str, np.dtype[Any]] = {
    "tensor(float16)": np.dtype(np.float16),
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
}
"""ONNX Runtime's names of the floating-point types that can stand for each other."""


class ModelPair:
    """An original and a compressed model that take the same samples, both open.

    Inputs and outputs go by name: the compressed model may have them in another order, and may
    have another floating-point type where the original has one, as half-precision models do. Its
    inputs are then converted.

    Attributes:
        output_names: The original's outputs; those of both models come in this order.
    """

    def __init__(self, original: Path, compressed: Path) -> None:
        """Open both models and check that they can be compared.

        Raises:
            SourceError: If one of them does not open, or their inputs or outputs differ.
        """
        give_back()
        # They take turns: threads of one that spin would take the cores from the other. On two
        # cores with others at work, a sample took 0.3 of the time so.
        self._original = open_session(original, spinning=False)
        self._compressed = open_session(compressed, spinning=False)
        self._errors = runtime_errors(load_onnxruntime())
        where = f"'{original}' and '{compressed}' cannot be compared"
        inputs = _types(self._original.get_inputs()), _types(self._compressed.get_inputs())
        outputs = _types(self._original.get_outputs()), _types(self._compressed.get_outputs())
        _require_same("input", *inputs, where=where)
        _require_same("output", *outputs, where=where)
        self._converted = {
            name: FLOATS[kind] for name, kind in inputs[1].items() if kind != inputs[0][name]
        }
        self.output_names = tuple(outputs[0])

    def original(self, feed: Feed, *, sample: str) -> Outputs:
        """Return the original's outputs for one sample.

        Args:
            feed: The sample.
            sample: Its name, for messages.

        Raises:
            InputError: If the sample does not run.
            OriginalModelError: If an output is not a tensor, or is NaN or infinite.
        """
        outputs = self._run(self._original, feed, f"sample '{sample}' does not run")
        for name, output in zip(self.output_names, outputs, strict=True):
            if not isinstance(output, np.ndarray):
                kind = type(output).__name__
                raise OriginalModelError(f"output '{name}' is a {kind}, not a tensor")
            if output.dtype.kind == "f" and not np.isfinite(output).all():
                raise OriginalModelError(
                    f"output '{name}' of the original model is NaN or infinite for sample "
                    f"'{sample}'"
                )
        return outputs

    def both(self, feed: Feed, *, sample: str) -> tuple[Outputs, Outputs]:
        """Return the outputs of the original and of the compressed model for one sample.

        NaN and infinity of the compressed model are returned as they come.

        Raises:
            InputError: If the sample does not run in one of them.
            OriginalModelError: As `original` does.
        """
        outputs = self.original(feed, sample=sample)
        where = f"sample '{sample}' does not run in the compressed model"
        return outputs, self._run(self._compressed, self._convert(feed), where)

    def _convert(self, feed: Feed) -> Feed:
        # A value beyond the range of a narrower type becomes infinite, as it would in use.
        with np.errstate(over="ignore"):
            converted = {name: feed[name].astype(kind) for name, kind in self._converted.items()}
        return {**feed, **converted}

    def _run(self, session: InferenceSession, feed: Feed, where: str) -> Outputs:
        try:
            outputs = session.run(self.output_names, dict(feed))
        except self._errors as error:
            raise InputError(f"{where}: {short_reason(error)}") from error
        # The original names the axes of both: another tool may have renamed the other's.
        return without_padding(outputs, self.output_names, feed, self._original)


def _types(values: Sequence[Any]) -> dict[str, str]:
    return {value.name: value.type for value in values}


def _require_same(
    role: str, original: Mapping[str, str], compressed: Mapping[str, str], *, where: str
) -> None:
    """Check that both models have the same names, and element types that can be compared."""
    missing = [name for name in original if name not in compressed]
    extra = [name for name in compressed if name not in original]
    if missing or extra:
        parts = [f"only the original has {role} {_listed(missing)}"] if missing else []
        parts += [f"only the compressed model has {role} {_listed(extra)}"] if extra else []
        raise SourceError(f"{where}: {'; '.join(parts)}")
    for name, kind in original.items():
        other = compressed[name]
        if kind != other and not {kind, other} <= FLOATS.keys():
            raise SourceError(f"{where}: {role} '{name}' is {kind} in the original, now {other}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
