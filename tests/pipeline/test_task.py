from pathlib import Path

import numpy as np
import pytest

from zoo_compress.core import AnyArray, Artifact, Task
from zoo_compress.errors import InputError
from zoo_compress.pipeline.task import output_task

VECTOR = np.zeros((1, 10), np.float32)
NUMBER = np.zeros((1, 1), np.float32)
LABEL = np.zeros(1, np.int64)


def artifact(task: Task | None = None) -> Artifact:
    return Artifact(source="model.onnx", model_path=Path("model.onnx"), task=task)


@pytest.mark.parametrize(
    ("name", "output", "task"),
    [
        ("logits", VECTOR, "classification"),
        ("class_Probabilities", VECTOR, "classification"),
        ("last_hidden_state", VECTOR, "other"),
        ("logits", NUMBER, "other"),
        ("logits", VECTOR[None], "other"),
        ("logits", LABEL, "other"),
    ],
)
def test_a_classifier_is_one_vector_with_a_telling_name(
    name: str, output: AnyArray, task: Task
) -> None:
    assert output_task(None, artifact(), names=[name], outputs=[output]) == (task, ())


def test_several_outputs_are_not_guessed_at() -> None:
    found = output_task(None, artifact(), names=["logits", "aux"], outputs=[VECTOR, VECTOR])
    assert found == ("other", ())


def test_the_user_is_believed_before_the_origin_and_the_origin_before_the_names() -> None:
    origin = artifact("embedding")
    asked = {"names": ["logits"], "outputs": [VECTOR]}
    assert output_task("other", origin, **asked)[0] == "other"  # type: ignore[arg-type]
    assert output_task(None, origin, **asked)[0] == "embedding"  # type: ignore[arg-type]


@pytest.mark.parametrize("outputs", [[NUMBER, VECTOR], [LABEL]])
def test_a_classifier_without_classes_is_refused_or_noted(outputs: list[AnyArray]) -> None:
    names = ["y"] * len(outputs)
    with pytest.raises(InputError, match=r"--task classification: .* two classes or more"):
        output_task("classification", artifact(), names=names, outputs=outputs)
    task, notes = output_task(None, artifact("classification"), names=names, outputs=outputs)
    assert task == "other"
    assert notes[0].startswith("not treated as a classifier")
