"""Small models of each technique and what ONNX Runtime in Python makes of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from tests.js.tensors import decode, encode
from zoo_compress.core import AnyArray, Feed
from zoo_compress.graph.normalize import normalize
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.session import open_session
from zoo_compress.techniques.base import Technique
from zoo_compress.testing.layers import LAYERS, Layer
from zoo_compress.testing.rewritten import calibrations, rewritten_copy

# Layers of these tests are smaller than models for which these techniques have options.
SETTINGS = {"trellis-codes": {"smallest_model_bytes": 0}}
TECHNIQUES = sorted(point.name for point in entry_points(group="zoo_compress.techniques"))
FLOATS = 1e-5
"""What another order of sums may change in an output, as a share of the largest."""
INTEGERS = 0.01
"""The same where activations are rounded to 8 bits: a step."""


@dataclass(frozen=True)
class LayerModel:
    """A model of one layer.

    Attributes:
        technique: What its weight is stored with.
        label: The layer and the option.
        path: The file.
        feed: An input.
        expected: What comes out in Python.
        tolerance: By what share of the largest output another build may differ.
    """

    technique: str
    label: str
    path: Path
    feed: Feed
    expected: AnyArray
    tolerance: float

    def hold_against(self, answer: dict[str, Any]) -> None:
        """Assert that an answer is the expected output."""
        assert "error" not in answer, f"{self.label}: {answer['error']}"
        (outputs,) = answer["outputs"]
        (found,) = decode(outputs).values()
        allowed = self.tolerance * np.abs(self.expected).max()
        np.testing.assert_allclose(found, self.expected, rtol=0, atol=allowed, err_msg=self.label)


@dataclass(frozen=True)
class LayerModels:
    """All of them."""

    models: tuple[LayerModel, ...]

    def sessions(self, address: Callable[[Path], str] = str) -> list[dict[str, Any]]:
        """Return what a script is asked, the files under the address that it finds them at."""
        return [{"path": address(m.path), "feeds": [encode(m.feed)]} for m in self.models]

    def by_technique(self, answers: list[dict[str, Any]]) -> dict[str, list[Any]]:
        """Return pairs of a model and its answer for each technique."""
        pairs = defaultdict(list)
        for model, answer in zip(self.models, answers, strict=True):
            pairs[model.technique].append((model, answer))
        return pairs


def write_layers(folder: Path) -> LayerModels:
    """Write the mildest and the most aggressive option of each technique on each layer."""
    return LayerModels(tuple(_written(folder)))


def _written(folder: Path) -> Iterator[LayerModel]:
    for name in TECHNIQUES:
        technique = load_plugin("techniques", name)(SETTINGS.get(name, {}))
        for kind, make in LAYERS.items():
            for number in (0, -1):
                path = folder / f"{name}-{kind.replace(' ', '-')}-{number}.onnx"
                if one := _one(technique, make(), number, path):
                    yield one


def _one(technique: Technique, layer: Layer, number: int, path: Path) -> LayerModel | None:
    feed = layer.drawn_feed
    graph = normalize(ir.from_proto(layer.model))
    known = calibrations(graph, [feed] if technique.observes else ())
    # The most aggressive options as in large models.
    found = rewritten_copy(graph, technique, number, known, stages=1 if number == 0 else 3)
    if not found.encoded:
        return None
    path.write_bytes(found.packed.SerializeToString())
    (expected,) = open_session(path, threads=1).run(None, feed)
    return LayerModel(
        technique=technique.name,
        label=path.stem,
        path=path,
        feed=feed,
        expected=expected,
        tolerance=FLOATS if technique.by_weights else INTEGERS,
    )
