import json
import sqlite3
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.pipeline.conftest import Case, classifier, copy_of
from zoo_compress import errors
from zoo_compress.core import Progress, ignore_progress
from zoo_compress.pipeline import apply, resume, run
from zoo_compress.pipeline.folder import PLAN_FILE, clear_folder
from zoo_compress.pipeline.study import build_study
from zoo_compress.runtime.environment import default_threads
from zoo_compress.runtime.latency import FEWEST_PAIRS, Latency
from zoo_compress.runtime.race import MOST_PAIRS
from zoo_compress.search.scan import scan_evaluations
from zoo_compress.search.store import TrialStore


def outputs(model: Path, samples: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": samples})
    return np.asarray(found)


def scanned(case: Case) -> int:
    """How many options the scan of the case's model measures."""
    return scan_evaluations(build_study(case.settings(), ignore_progress).sized.space)


def stored(case: Case) -> int:
    """How many trials the case's run has made, those of the frontier included."""
    return len(TrialStore(case.out / "trials.sqlite").trials())


def test_the_reported_distance_is_that_of_the_written_file_on_the_search_inputs(
    default_run: Case,
) -> None:
    report = default_run.report
    samples = np.load(default_run.data)["x"]
    names = json.loads((default_run.out / "split.json").read_text("utf-8"))["search"]
    chosen = samples[[int("".join(filter(str.isdigit, name))) for name in names]]
    original = outputs(default_run.model, chosen)
    difference = outputs(default_run.out / "model.onnx", chosen) - original
    distances = np.square(difference, dtype=np.float64).sum(axis=1)
    assert report["distance"] == pytest.approx(distances.mean(), rel=1e-3)
    error = distances.std(ddof=1) / np.sqrt(len(distances))
    assert report["distance_standard_error"] == pytest.approx(error, rel=1e-3)
    assert report["search_inputs"] == len(chosen) == 40


def test_search_and_certification_inputs_never_mix(default_run: Case) -> None:
    report = default_run.report
    split = json.loads((default_run.out / "split.json").read_text("utf-8"))
    sides = [set(split[side]) for side in ("search", "calibrate", "certify")]
    assert [len(side) for side in sides] == [40, 20, 60]
    assert len(set.union(*sides)) == 120
    assert report["certificate"]["n"] == len(split["certify"])


def test_the_file_keeps_the_budget_and_the_predicted_size(default_run: Case) -> None:
    report = default_run.report
    written = (default_run.out / "model.onnx").stat().st_size
    assert report["compressed_bytes"] == written
    assert written <= 0.3 * default_run.model.stat().st_size
    with sqlite3.connect(default_run.out / "trials.sqlite") as store:
        predicted = {row[0] for row in store.execute("SELECT stored_bytes FROM trial")}
    assert min(abs(written - size) for size in predicted) <= 0.01 * written


def test_the_same_seed_gives_the_same_plan_and_the_same_file(
    default_run: Case, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    run(default_run.settings(out=again))
    for name in ("model.onnx", "plan.json"):
        assert (again / name).read_bytes() == (default_run.out / name).read_bytes()


def test_a_plan_and_the_original_reproduce_the_file_byte_for_byte(
    default_run: Case, tmp_path: Path
) -> None:
    again = tmp_path / "again.onnx"
    made = apply(str(default_run.model), plan=default_run.out / PLAN_FILE, out=again)
    assert again.read_bytes() == (default_run.out / "model.onnx").read_bytes()
    assert made.stored_bytes == again.stat().st_size
    assert made.notes == ()


def test_a_run_is_at_least_as_close_as_the_largest_uniform_plan(case: Case) -> None:
    report = run(case.settings(strategy="knapsack", budget="0.25")).report
    assert report["uniform"]["size_ratio"] <= 0.25
    assert report["uniform"]["weights"] == report["uniform"]["all_weights"] == 3
    assert report["distance"] < report["uniform"]["distance"]


def test_a_classifier_gets_a_bound_on_disagreement_other_models_one_on_the_distance(
    case: Case, knapsack_run: Case
) -> None:
    assert knapsack_run.report["certificate"]["kind"] == "top1-disagreement"
    onnx.save(classifier(output="features"), case.model)
    unnamed = run(case.quick()).report
    assert unnamed["certificate"]["kind"] == "distance-quantile"
    told = case.quick(overwrite=True, task="classification")
    assert run(told).report["certificate"]["kind"] == "top1-disagreement"


def test_without_data_the_certificate_speaks_of_synthetic_inputs(case: Case) -> None:
    result = run(case.settings(data=None, strategy="knapsack"))
    assert any("synthetic" in note for note in result.notes)
    assert "synthetic inputs only" in result.report["certificate"]["scope"]


def test_a_model_near_chance_fails_the_gate_and_is_set_aside(case: Case) -> None:
    samples = np.tile(np.random.default_rng(2).standard_normal((1, 3, 8, 8)), (120, 1, 1, 1))
    samples += 1e-3 * np.random.default_rng(3).standard_normal(samples.shape)
    np.savez(case.data, x=samples.astype(np.float32))
    with pytest.raises(errors.PublishGateError, match="near chance"):
        run(case.settings(budget="0.12"))
    assert not (case.out / "model.onnx").exists()
    assert not (case.out / "run.json").exists()
    assert (case.out / "rejected" / "model.onnx").exists()
    assert not (case.out / "pending").exists()


def test_resuming_a_stopped_run_ends_with_the_plan_of_an_unstopped_one(
    default_run: Case, tmp_path: Path
) -> None:
    out = tmp_path / "run"

    def stop_after_three(progress: Progress) -> None:
        if progress.stage == "search" and progress.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(errors.SearchInterrupted, match=r"after 3 of 6 trials.*resume"):
        run(default_run.settings(out=out), progress=stop_after_three)
    assert (out / "model.onnx").exists()
    resume(out)
    plan, whole = (folder / "plan.json" for folder in (out, default_run.out))
    assert plan.read_text() == whole.read_text()


def test_stopping_during_the_scan_says_that_nothing_is_kept_but_the_run(case: Case) -> None:
    def stop(progress: Progress) -> None:
        if progress.stage == "scan":
            raise KeyboardInterrupt

    with pytest.raises(errors.SearchInterrupted, match=r"stopped before any plan met size=0\.3"):
        run(case.settings(), progress=stop)
    assert resume(case.out).report["evaluations"] == scanned(case) + stored(case) >= 15


def test_a_time_limit_that_is_over_at_once_still_leaves_a_model_and_says_so(case: Case) -> None:
    result = run(case.settings(seconds=0.001, trials=1000))
    assert (case.out / "model.onnx").exists()
    assert result.report["scan"] == {"planned": scanned(case), "measured": 1}
    assert result.report["evaluations"] == 1 + 1
    assert any(f"measured 1 of {scanned(case)} options" in note for note in result.notes)
    assert any("time limit of 0.001 s could not be kept" in note for note in result.notes)
    assert result.report["notes"] == list(result.notes)


def test_a_scan_that_was_cut_short_is_completed_when_there_is_time(case: Case) -> None:
    run(case.settings(seconds=0.001, trials=3))
    report = resume(case.out).report
    assert report["scan"] == {"planned": scanned(case), "measured": scanned(case)}
    assert report["evaluations"] == scanned(case) + stored(case) >= 9 + 3
    # Which of two tiny models is faster is up to what else the machine does.
    assert [note for note in report["notes"] if "as slow as" not in note] == []


def test_resuming_a_finished_run_measures_nothing_again_and_certifies_anew(
    default_run: Case, tmp_path: Path
) -> None:
    case, before = copy_of(default_run, tmp_path), default_run.report
    model = (case.out / "model.onnx").read_bytes()
    stages = []
    after = resume(case.out, progress=lambda report: stages.append(report.stage)).report
    assert not {"scan", "search"} & set(stages)
    assert {"write", "gate", "certify"} <= set(stages)
    assert (case.out / "model.onnx").read_bytes() == model
    assert after["seconds"]["total"] > before["seconds"]["total"]
    for passing in ("seconds", "hardware", "latency", "notes", *PLACES):
        before.pop(passing)
        after.pop(passing)
    for report in (before, after):
        report["files"].pop("README.md")  # Tells the latency.
        report["gate"].pop("opening_bytes")
    assert after == before


PLACES = ("model_path", "plan_path")


def write_sentence_files(folder: Path) -> None:
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pool": 1}', encoding="utf-8")
    modules = [{"type": "models.Transformer", "path": ""}]
    modules.append({"type": "models.Pooling", "path": "1_Pooling"})
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")


def test_companion_files_come_along_and_links_do_not(case: Case, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    secret = tmp_path / "secret"
    secret.write_text("s", encoding="utf-8")
    (tmp_path / "tokenizer.json").symlink_to(secret)
    write_sentence_files(tmp_path)
    report = run(case.quick()).report
    assert set(report["companions"]) == {"config.json", "modules.json", "1_Pooling/config.json"}
    assert set(report["companions"]) <= set(report["files"])
    assert (case.out / "config.json").read_text("utf-8") == "{}"
    assert (case.out / "1_Pooling" / "config.json").read_text("utf-8") == '{"pool": 1}'
    assert not (case.out / "tokenizer.json").exists()


def test_overwriting_keeps_files_that_no_run_wrote(knapsack_run: Case, tmp_path: Path) -> None:
    case = copy_of(knapsack_run, tmp_path)
    (case.out / "notes.txt").write_text("mine", encoding="utf-8")
    run(case.quick(overwrite=True))
    assert (case.out / "notes.txt").read_text("utf-8") == "mine"


def test_overwriting_removes_the_companions_of_the_earlier_run(case: Case, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("{}", encoding="utf-8")
    write_sentence_files(tmp_path)
    run(case.quick())
    assert (case.out / "config.json").exists()
    config.unlink()
    (tmp_path / "modules.json").unlink()
    report = run(case.quick(overwrite=True)).report
    assert report["companions"] == []
    assert not (case.out / "config.json").exists()
    assert not (case.out / "1_Pooling").exists()


def test_a_record_that_names_files_elsewhere_has_nothing_removed_there(
    case: Case, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    case.out.mkdir()
    (case.out / "link").symlink_to(tmp_path / "mine")
    names = ["../mine/file", str(tmp_path / "mine" / "file"), "link/file", "..", "."]
    (case.out / "run.json").write_text(json.dumps({"companions": names}))
    clear_folder(case.out)
    assert (tmp_path / "mine" / "file").read_text() == "mine"


def test_the_gates_findings_are_recorded(knapsack_run: Case) -> None:
    gate = knapsack_run.report["gate"]
    assert 0 <= gate["relative_difference"] < 1e-3
    assert 0 < gate["relative_distance"] < 1
    assert gate["opening_bytes"] is None or gate["opening_bytes"] > 0


def test_the_file_is_timed_beside_the_original_on_real_samples(knapsack_run: Case) -> None:
    found = knapsack_run.report["latency"]
    assert found["provider"] == "CPUExecutionProvider"
    assert found["threads"] == default_threads()
    assert FEWEST_PAIRS <= found["pairs"] <= MOST_PAIRS
    assert found["quartiles"][0] <= found["ratio"] <= found["quartiles"][1]
    times = ("original_ms", "compressed_ms", "original_load_seconds", "compressed_load_seconds")
    assert all(found[time] > 0 for time in times)


def test_a_model_that_is_slower_than_the_original_is_said_to_be(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Latency(
        original_ms=24.0,
        compressed_ms=43.25,
        ratio=1.8,
        quartiles=(1.75, 1.9),
        pairs=40,
        slower_pairs=40,
        original_load_seconds=0.1,
        compressed_load_seconds=0.3,
        threads=2,
        provider="CPUExecutionProvider",
    )
    monkeypatch.setattr("zoo_compress.pipeline.latency.compare_latency", lambda *_, **__: slow)
    result = run(case.quick())
    assert result.report["latency"]["verdict"] == "slower"
    told = "1.8 times as slow as the original on this machine (43.2 ms instead of 24 ms"
    assert any(told in note and "size, not for speed" in note for note in result.notes)
    assert "**It is slower than the original" in (case.out / "README.md").read_text("utf-8")


def test_every_strategy_runs_end_to_end(case: Case, default_run: Case, knapsack_run: Case) -> None:
    made = [run(case.quick(strategy="random")).report]
    made.append(run(case.quick(strategy="swap", trials=2, overwrite=True)).report)
    reports = [default_run.report, knapsack_run.report, *made]
    assert [report["strategy"] for report in reports] == ["gp", "knapsack", "random", "swap"]
    assert all(report["size_ratio"] <= 0.3 for report in reports)


def test_the_report_names_the_model_in_its_place_and_comes_with_a_card(case: Case) -> None:
    report = run(case.quick()).report
    assert report["model_path"] == str(case.out / "model.onnx")
    assert json.loads((case.out / "run.json").read_text("utf-8")) == report
    assert "library_name: onnx" in (case.out / "README.md").read_text("utf-8")


def test_a_run_that_cannot_be_finished_leaves_the_earlier_result_alone(
    knapsack_run: Case, tmp_path: Path
) -> None:
    case = copy_of(knapsack_run, tmp_path)
    before = {
        path.name: path.read_bytes() for path in case.out.iterdir() if path.suffix != ".sqlite"
    }

    def stop(progress: Progress) -> None:
        if progress.stage == "certify":
            raise KeyboardInterrupt

    with pytest.raises(errors.SearchInterrupted, match="the earlier result is as it was"):
        resume(case.out, progress=stop)
    after = {
        path.name: path.read_bytes() for path in case.out.iterdir() if path.suffix != ".sqlite"
    }
    assert before == after


def test_a_model_that_simplifying_would_change_is_used_as_it_is(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = classifier()
    other.graph.node[1].op_type = "Tanh"
    monkeypatch.setattr("onnxslim.slim", lambda model, **options: other)
    result = run(case.quick())
    assert result.report["simplified"] is False
    assert any("simplifying changes the outputs" in note for note in result.notes)
    again = case.out / "again.onnx"
    apply(str(case.model), plan=case.out / PLAN_FILE, out=again)
    assert again.read_bytes() == (case.out / "model.onnx").read_bytes()
