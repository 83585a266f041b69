import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from zoo_compress.cli.summary import located, next_commands, present, shown, summary


def drawn(report: dict[str, Any], *, width: int = 100, notes: tuple[str, ...] = ()) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(summary(report, folder=Path("runs/demo"), notes=notes))
    return capture.get()


def unwrapped(text: str) -> str:
    """The words of a panel, without its borders and line ends."""
    return " ".join(text.replace("│", " ").split())


def test_the_panel_tells_the_sizes_and_the_distance(report: dict[str, Any]) -> None:
    text = unwrapped(drawn(report))
    assert "18.6 MB → 2.32 MB 12.5 % of the original, 8.0 times smaller budget 0.125" in text
    assert "0.0812 ± 0.0061 of the variance of the original's outputs" in text
    assert "squared L2 319 ± 24 (standard error), mean over 50 search inputs" in text


def test_the_certificate_is_its_claim_and_its_scope(report: dict[str, Any]) -> None:
    claim = "With 95 % confidence at most 8.1 % of top-1 answers differ."
    report["certificate"]["statement"] = claim
    text = unwrapped(drawn(report))
    assert f"Certified {claim} Scope: 150 photographs that the search did not see. Bits" in text


@pytest.mark.parametrize(
    ("compensated", "how"),
    [(True, "other weights make up for it"), (False, "nothing makes up for it")],
)
def test_what_was_removed_is_counted(report: dict[str, Any], compensated: bool, how: str) -> None:
    counts = {"channels": {"removed": 512, "of": 4096}, "heads": {"removed": 3, "of": 72}}
    report["removal"] = {"counts": counts, "compensated": compensated}
    text = unwrapped(drawn(report))
    assert f"Removed 512 of 4096 channels, 3 of 72 heads; {how}" in text
    report["removal"] = None
    assert "Removed" not in drawn(report)


@pytest.mark.parametrize(
    ("weights", "which"), [(7, "every weight"), (6, "the 6 of 7 weights that have it")]
)
def test_the_panel_compares_with_one_option_for_every_weight_that_has_it(
    report: dict[str, Any], weights: int, which: str
) -> None:
    counts = {"weights": weights, "all_weights": 7}
    figures = {"option": "codes bits=3", "size_ratio": 0.1031, "distance": 3190.0}
    report["uniform"] = figures | counts
    text = unwrapped(drawn(report))
    assert f"10 times closer than codes bits=3 for {which}, at 10.3 %" in text


def test_the_panel_tells_how_fast_the_model_runs_and_loads(report: dict[str, Any]) -> None:
    text = unwrapped(drawn(report))
    assert "Speed as fast as the original: 24.8 ms for an input, the original 24.3 ms" in text
    assert "Ratio 1.01, middle half 0.987 to 1.03 of 61 pairs of runs side by side" in text
    assert "with CPUExecutionProvider, 2 threads without spinning; loads in 0.31 s" in text
    assert "the original in 0.1 s." in text


def test_the_panel_tells_what_memory_opening_takes(report: dict[str, Any]) -> None:
    report["gate"] = {"opening_bytes": 1_310_000_000}
    assert "opening it takes up to 1.31 GB of memory." in unwrapped(drawn(report))


@pytest.mark.parametrize(("met", "word"), [(True, "within"), (False, "misses")])
def test_the_panel_tells_whether_a_budget_of_latency_is_kept(
    report: dict[str, Any], met: bool, word: str
) -> None:
    report["latency_budget"] = {
        "budget": 0.7,
        "ratio": 0.65,
        "met": met,
        "timed_options": 50,
        "slower": [],
        "models": [{}, {}],
    }
    text = unwrapped(drawn(report))
    assert (
        f"{word} the budget of 0.7 of the original's time; 2 whole models and 50 options" in text
    )
    report["latency_budget"] = None
    assert word not in drawn(report)


@pytest.mark.parametrize(
    ("verdict", "ratio", "words"),
    [
        ("slower", 1.8349, "1.83 times as slow as the original"),
        ("faster", 0.61, "0.61 of the original's time"),
        ("unclear", 1.2, "not clear whether faster or slower"),
    ],
)
def test_the_panel_tells_which_is_faster(
    report: dict[str, Any], verdict: str, ratio: float, words: str
) -> None:
    report["latency"] |= {"verdict": verdict, "ratio": ratio}
    assert f"Speed {words}: 24.8 ms" in unwrapped(drawn(report))


def test_outputs_that_do_not_vary_have_no_relative_distance(report: dict[str, Any]) -> None:
    report["relative_distance"] = None
    assert "the original's outputs do not vary" in unwrapped(drawn(report))


def test_a_run_without_a_certificate_says_so(report: dict[str, Any]) -> None:
    report["certificate"] = None
    assert "no inputs were left to certify on" in drawn(report)


def test_the_time_adds_up(report: dict[str, Any]) -> None:
    text = unwrapped(drawn(report))
    assert "360 evaluations with gp, seed 7, in 2 min 41 s" in text
    phases = "prepare 6.2 s · calibrate 10 s · rank 9.0 s · scan 60 s · search 61 s · finish 15 s"
    assert phases in text
    parts = (
        "forward 70 s · session 6.0 s · encode 12 s · propose 8.4 s, 53.8 % of it forward passes"
    )
    assert f"of rank, scan, search: {parts}" in text


def test_warnings_stand_in_the_panel(report: dict[str, Any]) -> None:
    text = unwrapped(drawn(report, notes=("the inputs are synthetic", "not simplified")))
    assert "Warning the inputs are synthetic" in text
    assert "Warning not simplified" in text


def test_text_in_brackets_is_not_taken_for_markup(report: dict[str, Any]) -> None:
    text = drawn(report | {"source": "models/[bold]x.onnx"}, notes=("see [/link]",))
    assert "models/[bold]x.onnx" in text
    assert "see [/link]" in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(report: dict[str, Any], width: int) -> None:
    assert max(map(len, drawn(report, width=width).splitlines())) == min(width, 92)


def test_a_perfect_copy_has_distance_zero(report: dict[str, Any]) -> None:
    perfect = {"distance": 0.0, "distance_standard_error": 0.0, "relative_distance": 0.0}
    assert "0 ± 0 of the variance" in drawn(report | perfect)


def test_the_next_commands_can_be_pasted(report: dict[str, Any]) -> None:
    text = next_commands(report | {"source": "my model.onnx"}, Path("runs/a b")).plain
    assert "zoo-compress inspect 'my model.onnx'\n" in text
    assert "zoo-compress resume 'runs/a b' --time 5m" in text
    assert "--plan 'runs/a b/plan.json'" in text


def test_a_path_is_found_whether_it_names_the_folder_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("runs/demo")
    folder.mkdir(parents=True)
    (folder / "model.onnx").touch()
    expected = folder / "model.onnx"
    assert located(folder, "model.onnx") == expected
    assert located(folder, "runs/demo/model.onnx") == expected
    assert located(folder, str(tmp_path / "runs/demo/model.onnx")) == expected


def test_a_path_outside_the_working_folder_stays_absolute(tmp_path: Path) -> None:
    assert shown(tmp_path) == tmp_path


def test_json_is_the_report_on_stdout_and_the_notes_on_stderr(
    report: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    present(report, folder=Path("runs/demo"), notes=["synthetic inputs"], as_json=True)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == report
    assert captured.err == "warning: synthetic inputs\n"


def test_off_a_terminal_the_summary_is_plain_text_and_commands_are_not_wrapped(
    report: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    present(report | {"source": "x" * 90}, folder=Path("runs/demo"), notes=[], as_json=False)
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out
    assert f"  zoo-compress inspect {'x' * 90}\n" in captured.out
    assert captured.err == ""
