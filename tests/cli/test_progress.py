import io
import sys

import pytest
from rich.console import Console

from zoo_compress.cli.progress import StageBars, working
from zoo_compress.core import Progress


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)


def last_screen(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().split("\x1b[2K")[-1].splitlines()


def test_each_stage_has_one_bar_with_its_steps_and_detail() -> None:
    console = terminal()
    with StageBars(console) as progress:
        progress(Progress(stage="scan", done=1, total=2, detail="conv [4]"))
        progress(Progress(stage="scan", done=2, total=2, detail="gemm [4]"))
        progress(Progress(stage="search", done=3, total=60))
        screen = console.file.getvalue() if isinstance(console.file, io.StringIO) else ""
    assert "Measure each weight" in screen
    assert "conv [4]" in screen or "gemm [4]" in screen


def test_a_stage_that_ends_early_is_finished_by_the_next() -> None:
    bars = StageBars(terminal())
    with bars as progress:
        progress(Progress(stage="search", done=3, total=60))
        progress(Progress(stage="write", done=0))
        search, write = bars._bars.tasks
        assert search.finished
        assert not write.finished
    assert write.finished


def test_a_failed_stage_is_not_shown_as_finished() -> None:
    bars = StageBars(terminal())

    def stopped() -> None:
        with bars as progress:
            progress(Progress(stage="search", done=3, total=60))
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        stopped()
    assert not bars._bars.tasks[0].finished


def test_a_stage_unknown_to_the_view_is_shown_by_its_name() -> None:
    bars = StageBars(terminal())
    with bars as progress:
        progress(Progress(stage="repair", done=0))
    assert bars._bars.tasks[0].description == "Repair"


def test_nothing_is_shown_when_stderr_is_not_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not sys.stderr.isatty()
    with working() as progress:
        progress(Progress(stage="search", done=3, total=60))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ""


def test_a_pull_counts_bytes_as_people_read_them() -> None:
    console = terminal()
    with StageBars(console) as progress:
        progress(Progress(stage="pull", done=1_200_000, total=46_700_000))
        progress._bars.refresh()
        assert "1.20 MB/46.7 MB" in last_screen(console)[-1]
