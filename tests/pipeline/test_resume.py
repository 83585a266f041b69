"""Whatever ends a run, at whatever moment, it can be resumed to the result it would have had."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.pipeline.conftest import Case
from zoo_compress import errors
from zoo_compress.core import Progress
from zoo_compress.pipeline import resume, run
from zoo_compress.pipeline.folder import clear_folder
from zoo_compress.pipeline.settings import RunSettings

TRIALS = 12
PATIENCE = 60.0
POLL = 0.001


def command(*arguments: str) -> subprocess.Popen[bytes]:
    """Start the command line as a user does."""
    return subprocess.Popen(
        [sys.executable, "-m", "zoo_compress.cli.main", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def run_arguments(case: Case, out: Path) -> list[str]:
    given = ["--budget", "0.3", "--data", str(case.data), "--trials", str(TRIALS)]
    return ["run", str(case.model), *given, "--out", str(out)]


def completed(*arguments: str) -> None:
    with command(*arguments) as process:
        _, shown = process.communicate()
    assert process.returncode == 0, shown.decode()


def killed(moment: Callable[[], bool], delay: float, *arguments: str) -> None:
    """Start a command and kill it some time after a moment has come."""
    with command(*arguments) as process:
        given_up = time.monotonic() + PATIENCE
        while not moment() and process.poll() is None:
            assert time.monotonic() < given_up, "the moment never came"
            time.sleep(POLL)
        time.sleep(delay)
        process.kill()
        _, shown = process.communicate()
    assert process.returncode == -signal.SIGKILL, shown.decode()


def rows(folder: Path, table: str) -> int:
    """Count what a run has stored, without disturbing it."""
    path = folder / "trials.sqlite"
    if not path.exists():
        return 0
    try:
        uri = f"{path.as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=0)) as store:
            return int(store.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.Error:
        return 0


@pytest.mark.parametrize("seed", [0])
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_plan_and_model(
    case: Case, seed: int
) -> None:
    drawn, out, whole = random.Random(seed), case.out, case.out.with_name("whole")
    run(case.settings(trials=TRIALS, out=whole))
    going_on = ("resume", str(out))
    scanned, tried = drawn.randint(1, 6), drawn.randint(1, TRIALS)
    moments: list[tuple[Callable[[], bool], tuple[str, ...]]] = [
        ((out / "settings.json").exists, tuple(run_arguments(case, out))),
        (lambda: rows(out, "scan") >= scanned, going_on),
        (lambda: rows(out, "trial") >= tried, going_on),
        ((out / "pending" / "model.onnx").exists, going_on),
    ]
    for moment, arguments in moments:
        killed(moment, drawn.uniform(0, 0.03), *arguments)
        assert not (out / "run.json").exists()
        # A trial is stored first, and then written if it is the best: the first one may be alone.
        if rows(out, "trial") > 1:
            assert any((out / name / "plan.json").exists() for name in CANDIDATES)
    completed(*going_on)
    for name in ("plan.json", "model.onnx"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert sorted(path.name for path in out.iterdir()) == sorted(
        path.name for path in whole.iterdir()
    )


CANDIDATES = ("checkpoint", "checkpoint-next", "checkpoint-previous")


def stop_at(stage: str, done: int = 0) -> Callable[[Progress], None]:
    """Return a progress callback that interrupts as Ctrl-C does."""

    def stop(progress: Progress) -> None:
        if (progress.stage, progress.done) == (stage, done):
            raise KeyboardInterrupt

    return stop


def test_the_settings_are_on_disk_before_the_model_is_fetched(case: Case) -> None:
    found = []

    def look(progress: Progress) -> None:
        if progress.stage == "pull":
            found.append(RunSettings.load(case.out).source)

    run(case.quick(), progress=look)
    assert found[0] == str(case.model)


@pytest.mark.parametrize("stage", ["pull", "prepare"])
def test_a_run_that_was_stopped_before_it_measured_anything_is_started_by_resuming(
    case: Case, stage: str
) -> None:
    with pytest.raises(errors.SearchInterrupted, match=r"before anything was measured.*resume"):
        run(case.quick(strategy="gp", trials=3), progress=stop_at(stage))
    assert [path.name for path in case.out.iterdir()] == ["settings.json"]
    report = resume(case.out).report
    assert report["evaluations"] >= report["scan"]["planned"] + 3
    assert RunSettings.load(case.out).seconds is None


def test_a_folder_in_which_nothing_was_started_is_refused_in_one_line(case: Case) -> None:
    for make in (lambda: None, case.out.mkdir):
        make()
        with pytest.raises(errors.OutputError, match="nothing was started") as caught:
            resume(case.out)
        assert str(case.out) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_kill_while_the_settings_are_written_does_not_block_the_folder(case: Case) -> None:
    case.out.mkdir()
    (case.out / ".settings.json.0123abcd.part").write_text("{", encoding="utf-8")
    with pytest.raises(errors.OutputError, match="nothing was started"):
        resume(case.out)
    run(case.quick())
    assert not list(case.out.glob(".*.part"))


def test_a_file_that_a_killed_run_left_unfinished_is_removed(quick_copy: Case) -> None:
    (quick_copy.out / ".model.onnx.0123abcd.part").write_bytes(b"half")
    (quick_copy.out / ".mine.0123abcd.part").write_bytes(b"mine")
    resume(quick_copy.out)
    assert [path.name for path in quick_copy.out.glob(".*.part")] == [".mine.0123abcd.part"]


def test_a_run_that_cannot_begin_leaves_no_folder_and_none_above_it(case: Case) -> None:
    deep = case.out / "a" / "b"
    case.data.write_bytes(b"no data")
    with pytest.raises(errors.InputError):
        run(case.settings(out=deep))
    assert not case.out.exists()
    case.out.mkdir()
    with pytest.raises(errors.InputError):
        run(case.settings(out=deep))
    assert list(case.out.iterdir()) == []


def test_overwriting_keeps_the_earlier_run_until_the_new_one_can_begin(case: Case) -> None:
    earlier = run(case.quick(strategy="gp")).report
    again = case.quick(strategy="gp", trials=2, seed=7, overwrite=True)
    with pytest.raises(KeyboardInterrupt):
        run(again, progress=stop_at("prepare"))
    assert resume(case.out).report["evaluations"] == earlier["evaluations"]
    with pytest.raises(errors.SearchInterrupted):
        run(again, progress=stop_at("scan", 1))
    report = resume(case.out).report
    assert (report["seed"], report["evaluations"]) == (7, earlier["evaluations"] + 1)


def test_a_kill_while_an_earlier_run_is_cleared_starts_that_run_from_nothing(case: Case) -> None:
    before = run(case.quick(trials=2)).report
    clear_folder(case.out)
    assert [path.name for path in case.out.iterdir()] == ["settings.json"]
    assert resume(case.out).report["distance"] == before["distance"]


def test_trials_of_unknown_origin_are_not_gone_on_with(quick_copy: Case) -> None:
    (quick_copy.out / "fingerprint.json").unlink()
    with pytest.raises(errors.OutputError, match=r"trials but no fingerprint\.json"):
        resume(quick_copy.out)
    assert (quick_copy.out / "model.onnx").exists()


def test_stopping_during_the_scan_keeps_its_measurements(case: Case) -> None:
    with pytest.raises(errors.SearchInterrupted, match=r"stopped before any plan met size=0\.3"):
        run(case.quick(), progress=stop_at("scan", 4))
    announced = []
    resume(case.out, progress=lambda p: announced.append(p.done) if p.stage == "scan" else None)
    assert announced[0] == 5
    assert len(announced) == announced[-1] - 4


def test_a_trial_whose_model_was_not_written_any_more_gets_it_when_the_run_goes_on(
    case: Case,
) -> None:
    with pytest.raises(errors.SearchInterrupted):
        run(case.quick(), progress=stop_at("gate"))
    candidate = (case.out / "checkpoint" / "model.onnx").read_bytes()
    for path in (case.out / "checkpoint").iterdir():
        path.unlink()
    with pytest.raises(errors.SearchInterrupted, match="unchecked, is"):
        resume(case.out, progress=stop_at("write"))
    assert (case.out / "checkpoint" / "model.onnx").read_bytes() == candidate
