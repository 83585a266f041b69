import json
from pathlib import Path

import numpy as np
import pytest

from tests.pipeline.conftest import classifier
from tests.pipeline.variants import saved
from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.errors import InputError
from zoo_compress.pipeline.pair_inputs import (
    OTHER_DATA_NOTE,
    SYNTHETIC_NOTE,
    PairInputs,
    pair_inputs,
    scale_inputs,
    searched_names,
)

SPECS = [TensorSpec(name="x", shape=("batch", 3, 8, 8), dtype="float32")]


class Folder:
    """A folder with two models, 100 samples, and, if asked for, the record of a run."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.original = self.artifact("original.onnx")
        self.compressed = self.artifact("compressed.onnx")
        samples = np.arange(100, dtype=np.float32)[:, None, None, None] * np.ones((3, 8, 8))
        np.savez(home / "data.npz", x=samples.astype(np.float32))

    def artifact(self, name: str) -> Artifact:
        return Artifact(source=name, model_path=saved(classifier(), self.home / name))

    def record_run(self, searched: object) -> None:
        (self.home / "run.json").write_text("{}", encoding="utf-8")
        (self.home / "split.json").write_text(json.dumps(searched), encoding="utf-8")

    def inputs(
        self, *, data: str | None = "data.npz", count: int | None = None, seed: int = 0
    ) -> PairInputs:
        named = data if data in (None, "synthetic") else str(self.home / data)
        return pair_inputs(
            self.original, self.compressed, SPECS, data=named, count=count, seed=seed
        )


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def numbers(found: PairInputs) -> list[int]:
    return [int(feed["x"].flat[0]) for feed in found.inputs.feeds]


def test_all_samples_come_once_in_an_order_drawn_with_the_seed(folder: Folder) -> None:
    found = folder.inputs()
    assert sorted(numbers(found)) == list(range(100))
    assert numbers(found) != list(range(100))
    assert numbers(folder.inputs()) == numbers(found)
    assert numbers(folder.inputs(seed=1)) != numbers(found)
    assert (found.kept_from_search, found.notes) == (False, ())


def test_the_first_fifth_sets_the_scale_where_no_search_is_known(folder: Folder) -> None:
    found = folder.inputs()
    assert found.overlap == len(found.scale) == 20
    assert found.scale.names == found.inputs.names[:20]


@pytest.mark.parametrize(("n", "expected"), [(1, 1), (4, 2), (40, 8), (250, 50), (1000, 50)])
def test_at_most_a_fifth_and_at_most_50_inputs_set_the_scale(n: int, expected: int) -> None:
    assert scale_inputs(n) == expected


def test_no_more_inputs_are_used_than_asked_for(folder: Folder) -> None:
    assert len(folder.inputs(count=30).inputs) == 30
    assert len(folder.inputs(count=30, data="synthetic").inputs) == 30


def test_synthetic_inputs_stand_in_for_missing_data_and_say_so(folder: Folder) -> None:
    found = folder.inputs(data=None)
    assert found.inputs.synthetic
    assert len(found.inputs) == 200
    assert found.notes == (SYNTHETIC_NOTE,)
    assert folder.inputs(data="synthetic").notes == ()


def test_what_the_search_of_a_run_saw_only_sets_the_scale(folder: Folder) -> None:
    folder.record_run({"search": [f"data.npz[{index}]" for index in range(40)]})
    found = folder.inputs()
    assert sorted(numbers(found)) == list(range(40, 100))
    assert {int(feed["x"].flat[0]) for feed in found.scale.feeds} == set(range(40))
    assert (found.overlap, found.kept_from_search) == (0, True)


def test_a_draw_is_large_enough_to_leave_the_number_asked_for(folder: Folder) -> None:
    folder.record_run({"search": [f"data.npz[{index}]" for index in range(40)]})
    assert len(folder.inputs(count=60).inputs) == 60


def test_names_of_other_data_leave_the_history_unknown(folder: Folder) -> None:
    folder.record_run({"search": ["photograph.png"]})
    found = folder.inputs()
    assert len(found.inputs) == 100
    assert (found.kept_from_search, found.notes) == (False, (OTHER_DATA_NOTE,))


def test_a_search_that_saw_everything_leaves_nothing_to_certify_on(folder: Folder) -> None:
    folder.record_run({"search": [f"data.npz[{index}]" for index in range(100)]})
    with pytest.raises(InputError, match=r"100 samples .* has seen all of them"):
        folder.inputs()


def test_one_sample_alone_does_not_set_the_scale(folder: Folder) -> None:
    folder.record_run({"search": ["data.npz[7]"]})
    found = folder.inputs()
    assert 7 not in numbers(found)
    assert (found.overlap, found.kept_from_search) == (19, True)


@pytest.mark.parametrize("record", [[], {}, {"search": None}, "{"])
def test_a_damaged_record_names_nothing(record: object, folder: Folder, tmp_path: Path) -> None:
    folder.record_run(record)
    assert searched_names(tmp_path) == frozenset()


def test_a_split_without_a_finished_run_names_nothing(folder: Folder, tmp_path: Path) -> None:
    folder.record_run({"search": ["data.npz[7]"]})
    assert searched_names(tmp_path) == {"data.npz[7]"}
    (tmp_path / "run.json").unlink()
    assert searched_names(tmp_path) == frozenset()


def test_samples_of_a_group_that_the_search_saw_are_left_out(tmp_path: Path) -> None:
    """The packaged sample has 20 crops of each photograph; a run saw one crop of one of them."""
    folder = Folder(tmp_path)
    folder.record_run({"search": ["scikit-image/astronaut.png#00"]})
    original = Artifact(source="sample:efficientnet-lite0", model_path=folder.original.model_path)
    specs = [TensorSpec(name="pixel_values", shape=("batch", 3, 224, 224), dtype="float32")]
    found = pair_inputs(original, folder.compressed, specs, data=None, count=None, seed=0)
    assert "scikit-image/astronaut.png" not in found.inputs.groups
    assert found.kept_from_search
    assert found.notes == ()
