"""Models to compare on, their inputs, and what is measured on inputs that nothing saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from zoo_compress.core import AnyArray, Inputs, Plan
from zoo_compress.data.split import Split, split_inputs
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.study import Study
from zoo_compress.runtime.evaluator import CpuEvaluator, Outputs
from zoo_compress.stats.distances import output_distance

MODELS = ("efficientnet", "minilm", "ppocr", "resnet50")
OWN = Path(__file__).with_name("recipes")
# What is left after these is held out by the split of every recipe.
SEARCHED, MOST_CALIBRATED = 50, 200
BGR_MEAN = (103.939, 116.779, 123.68)


def model_settings(
    model: str, recipe: str, *, images: str | None, resnet50: str | None, folder: Path
) -> RunSettings:
    """Return the settings of a model of `MODELS` with a recipe, of this folder or shipped.

    Args:
        model: Its name.
        recipe: The recipe's.
        images: Folder of photographs; the sample's own crops by default.
        resnet50: File of a ResNet-50 that takes BGR minus the ImageNet means.
        folder: Where inputs that take preparing are put.
    """
    own = OWN / f"{recipe}.yaml"
    settings = RunSettings(
        source="sample:minilm-l6", budget="0.25", recipe=str(own) if own.exists() else recipe
    )
    if model == "minilm":
        return settings
    if model == "ppocr":
        return replace(settings, source="sample:ppocr-rec")
    if model == "efficientnet":
        return replace(settings, source="sample:efficientnet-lite0", data=images)
    if not (resnet50 and images):
        raise SystemExit("resnet50 needs --resnet50 and --images")
    data = _bgr_inputs(resnet50, images, folder)
    return replace(settings, source=resnet50, data=str(data))


def _bgr_inputs(model: str, images: str, folder: Path) -> Path:
    import onnx

    prepared = [_bgr(path) for path in sorted(Path(images).glob("*.jpg"))]
    name = onnx.load(model, load_external_data=False).graph.input[0].name
    path = folder / "images.npz"
    np.savez(path, **{name: np.stack(prepared)})
    return path


def _bgr(path: Path) -> AnyArray:
    """Return the centre of a photograph, short side 256, as the Keras models take it."""
    with Image.open(path) as image:
        share = 256 / min(image.size)
        width, height = (round(length * share) for length in image.size)
        resized = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - 224) // 2, (height - 224) // 2
    pixels = np.asarray(resized.crop((left, top, left + 224, top + 224)), np.float32)
    return np.ascontiguousarray(
        (pixels[:, :, ::-1] - np.array(BGR_MEAN, np.float32)).transpose(2, 0, 1)
    )


def widest_split(study: Study) -> Split:
    """Return the split whose last part no recipe's search or repair uses."""
    return split_inputs(
        study.inputs, search=SEARCHED, calibrate=MOST_CALIBRATED, seed=study.settings.seed
    )


class HeldOut:
    """Measures on inputs that the split of no recipe uses.

    Attributes:
        inputs: These inputs.
    """

    def __init__(self, study: Study) -> None:
        self.inputs: Inputs = study.inputs.subset(widest_split(study).certify)
        self._study = study
        evaluator = CpuEvaluator(
            to_compact_proto(study.prepared.model),
            self.inputs.feeds,
            replaceable=study.sized.space.tensors,
        )
        self._candidates = replace(study.candidates, evaluator=evaluator)
        self._distance = output_distance(study.distance.name, evaluator.reference)

    def figures(self, plan: Plan) -> tuple[float, float]:
        """Return what `figures_of` says of the outputs under a plan."""
        return self.figures_of(self._candidates.outputs(plan, range(len(self.inputs))))

    def figures_of(self, outputs: Sequence[Outputs]) -> tuple[float, float]:
        """Return the mean distance, and the disagreement, the mean cosine or the edits."""
        every = range(len(self.inputs))
        pairs = list(zip(self._candidates.reference, outputs, strict=True))
        if self._study.task == "embedding":
            answer = float(np.mean([_cosine(*pair) for pair in pairs]))
        elif self._study.task == "other":
            answer = _characters_changed(pairs)
        else:
            answer = float(np.mean([a[0].argmax() != b[0].argmax() for a, b in pairs]))
        return float(np.mean(self._distance(outputs, every))), answer


def answer_text(model: str, answer: float) -> str:
    """Return how a model's answers changed, as tables print it."""
    if model == "minilm":
        return f"cosine {answer:.4f}"
    return f"{answer:.1%}" + (" of characters" if model == "ppocr" else "")


def _characters_changed(pairs: Sequence[tuple[Outputs, Outputs]]) -> float:
    """Return the edits between the lines that two text recognisers read, a character."""
    read = [(_characters(a[0][0]), _characters(b[0][0])) for a, b in pairs]
    return sum(_edits(*lines) for lines in read) / sum(len(line) for line, _ in read)


def _characters(scores: AnyArray) -> list[int]:
    """Return what a recogniser reads: the best class of each step, runs once, no blanks (0)."""
    best = scores.argmax(axis=-1)
    changes = np.append(True, best[1:] != best[:-1])
    return [int(character) for character in best[changes & (best != 0)]]


def _edits(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many characters are put in, left out or replaced at least."""
    row = list(range(len(other) + 1))
    for done, character in enumerate(one, 1):
        above, row = row, [done]
        for column, candidate in enumerate(other):
            swapped = above[column] + (character != candidate)
            row.append(min(swapped, above[column + 1] + 1, row[column] + 1))
    return row[-1]


def _cosine(one: Outputs, other: Outputs) -> float:
    a, b = one[0].reshape(-1).astype(np.float64), other[0].reshape(-1).astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
