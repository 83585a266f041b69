import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.pipeline.conftest import Case, classifier, make_case
from zoo_compress.core import Progress
from zoo_compress.errors import InputError, OutputError, SourceError
from zoo_compress.pipeline import DiagnoseSettings, Diagnosis, diagnose
from zoo_compress.pipeline.diagnose import DIAGNOSIS_FILE

FIGURES = {
    "distance-normality": ["distance-normality.png", "distance-normality.svg"],
    "distance-error": ["distance-error.png", "distance-error.svg"],
    "acquisition": ["acquisition.png", "acquisition.svg", "acquisition.gif"],
}


def quick(case: Case, **changes: object) -> DiagnoseSettings:
    settings = DiagnoseSettings(
        source=str(case.model), data=str(case.data), out=case.out, repetitions=40, plans=3
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


def diagnosed(case: Case, **changes: object) -> Diagnosis:
    return diagnose(quick(case, **changes))


@dataclass(frozen=True)
class Made:
    """A finished diagnosis, to be looked at only."""

    case: Case
    found: Diagnosis
    progress: list[Progress]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    case = make_case(tmp_path_factory.mktemp("made"))
    seen: list[Progress] = []
    return Made(case, diagnose(quick(case), progress=seen.append), seen)


def test_every_figure_and_all_its_numbers_are_written(made: Made) -> None:
    found = made.found
    assert found.report["figures"] == FIGURES
    names = {name for group in FIGURES.values() for name in group}
    assert {path.name for path in found.folder.iterdir()} == names | {DIAGNOSIS_FILE}
    assert json.loads((found.folder / DIAGNOSIS_FILE).read_text("utf-8")) == found.report


def test_the_numbers_are_those_of_the_repetitions_that_were_asked_for(made: Made) -> None:
    report = made.found.report
    assert (report["inputs"], report["plans"], report["repetitions"]) == (120, 3, 40)
    sizes = report["normality"]["sizes"]
    assert [size["n"] for size in sizes] == [5, 10, 20, 50, 100]
    for size in sizes:
        assert len(size["standardised"]) == 40
        assert 0 <= size["coverage"] <= 1
        assert 0 <= size["p_value"] <= 1
    recommended = report["normality"]["recommended_inputs"]
    acceptable = [size["n"] for size in sizes if size["acceptable"]]
    assert recommended is None or recommended in acceptable


def test_every_weight_is_compressed_alone_at_up_to_three_options(made: Made) -> None:
    found = made.found.report["distance_error"]
    assert found["error"] == "disagreement"
    assert found["original_error"] is None
    by_site: dict[str, list[float]] = {}
    for row in found["sites"]:
        by_site.setdefault(row["site"], []).append(row["distance"])
        assert 0 <= row["error"] <= 1
    assert {site: len(rows) for site, rows in by_site.items()} == {"stem": 3, "body": 3, "head": 3}
    assert all(rows[-1] == max(rows) > 0 for rows in by_site.values())
    assert found["spearman"] > 0.5
    assert (found["inputs"], len(found["plans"])) == (100, 3)


@pytest.fixture(scope="module")
def embedding(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A diagnosis of an embedding model with another seed, over files that are there already."""
    case = make_case(tmp_path_factory.mktemp("embedding"))
    onnx.save(classifier("embedding"), case.model)
    case.out.mkdir()
    for name in ("kept", "acquisition.png", DIAGNOSIS_FILE):
        (case.out / name).write_text("mine")
    return Made(case, diagnosed(case, overwrite=True, seed=3), [])


def test_a_model_that_is_no_classifier_is_compared_with_the_error_of_its_weights(
    embedding: Made,
) -> None:
    found = embedding.found.report["distance_error"]
    assert found["error"] == "weight error"
    assert not found["classifier"]
    assert found["plans"] == []
    assert all(0 < row["error"] < 2 for row in found["sites"])


def test_the_same_seed_gives_the_same_figures_and_numbers(made: Made) -> None:
    again = diagnosed(made.case, out=made.case.out.with_name("again"))
    assert again.report == made.found.report
    for names in FIGURES.values():
        for name in names:
            assert (again.folder / name).read_bytes() == (made.case.out / name).read_bytes()


def test_a_folder_that_is_not_empty_is_refused_before_any_work(case: Case) -> None:
    case.out.mkdir()
    (case.out / "kept").write_text("mine")
    seen: list[Progress] = []
    with pytest.raises(OutputError, match="not empty"):
        diagnose(quick(case), progress=seen.append)
    assert seen == []
    case.model.unlink()
    with pytest.raises(SourceError):
        diagnosed(case, overwrite=True)


def test_overwriting_replaces_the_figures_and_keeps_other_files(embedding: Made) -> None:
    folder, report = embedding.case.out, embedding.found.report
    assert (folder / "kept").read_text() == "mine"
    assert (folder / "acquisition.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((folder / DIAGNOSIS_FILE).read_text("utf-8")) == report


def test_another_seed_gives_another_search_of_the_same_toy(embedding: Made, made: Made) -> None:
    one, other = (found.case.out / "acquisition.png" for found in (made, embedding))
    assert one.read_bytes() != other.read_bytes()
    assert embedding.found.report["normality"] != made.found.report["normality"]


def test_a_folder_that_holds_the_model_is_refused(case: Case) -> None:
    with pytest.raises(OutputError, match="lies in the run's own folder"):
        diagnosed(case, out=case.model.parent, overwrite=True)


def test_progress_counts_every_measurement_and_every_figure(made: Made) -> None:
    steps = [report for report in made.progress if report.stage == "diagnose"]
    assert [report.done for report in steps] == list(range(3 + 9 + 1))
    assert {report.total for report in steps} == {3 + 9}
    drawn = [report for report in made.progress if report.stage == "draw"]
    assert (drawn[-1].done, drawn[-1].total) == (3, 3)


def test_inputs_that_are_all_the_same_are_refused(case: Case) -> None:
    np.savez(case.data, x=np.ones((120, 3, 8, 8), np.float32))
    with pytest.raises(InputError, match="varies between inputs"):
        diagnosed(case)
    assert not case.out.exists()


def test_the_folder_is_named_after_the_source() -> None:
    folders = {
        "sample:efficientnet-lite0": "diagnose-efficientnet-lite0",
        "owner/name@main:onnx/model.onnx": "diagnose-owner-name-main-onnx-model.onnx",
    }
    for source, name in folders.items():
        assert DiagnoseSettings(source=source).folder == Path("runs") / name
