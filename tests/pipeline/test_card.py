import json
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.pipeline.conftest import Case
from tests.report.conftest import RUN
from zoo_compress.cli.main import main
from zoo_compress.core import Measurement, Plan, Trial
from zoo_compress.errors import OutputError
from zoo_compress.pipeline import run, write_card
from zoo_compress.search.store import TrialStore

FILES = ("README.md", "card-weights.png", "card-frontier.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a finished run, without its model and its original."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(RUN))
    store = TrialStore(folder / "trials.sqlite")
    for number, size in enumerate((2_325_000, 4_000_000)):
        measured = Measurement(
            distance=318.6 / (1 + number), variance=4.0, inputs=50, stored_bytes=size
        )
        store.add(Trial(number=number, plan=Plan(), measurement=measured))
    return folder


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_a_card_is_made_again_without_the_original(case: Case) -> None:
    (case.model.parent / "README.md").write_text("---\nlicense: mit\nlanguage: no\n---\n")
    run(case.settings(budget="0.35", trials=2))
    made = bytes_of(case.out)
    record = json.loads((case.out / "run.json").read_text())
    assert record["origin"]["metadata"] == {"license": "mit", "language": "no"}
    for path in (case.model, case.data, *(case.out / name for name in FILES)):
        path.unlink()
    assert write_card(case.out) == case.out / "README.md"
    assert bytes_of(case.out) == made


def test_the_command_of_a_card_makes_the_same_model_beside_it(
    finished: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    card = (finished.out / "README.md").read_text("utf-8")
    (command,) = (line for line in card.splitlines() if line.startswith("zoo-compress run "))
    (finished.out / "original").mkdir()
    shutil.copy(finished.model, finished.out / "original")
    shutil.copy(finished.data, finished.out)
    monkeypatch.chdir(finished.out)
    assert main([*shlex.split(command)[1:], "--out", "again"]) == 0
    assert Path("again/model.onnx").read_bytes() == Path("model.onnx").read_bytes()


def test_a_card_goes_where_it_is_wanted_with_its_pictures(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    write_card(folder, out=tmp_path / "docs" / "card.md")
    text = (tmp_path / "docs" / "card.md").read_text()
    for name in FILES[1:]:
        assert f"]({name})" in text
        with Image.open(tmp_path / "docs" / name) as picture:
            assert picture.width > 900
    assert not (folder / "README.md").exists()


def test_without_trials_the_earlier_picture_of_the_frontier_stays(
    folder: Path, tmp_path: Path
) -> None:
    write_card(folder)
    (folder / "trials.sqlite").unlink()
    drawn = (folder / "card-frontier.png").read_bytes()
    write_card(folder)
    assert (folder / "card-frontier.png").read_bytes() == drawn
    write_card(folder, out=tmp_path / "card.md")
    assert (tmp_path / "card-frontier.png").read_bytes() == drawn
    (folder / "card-frontier.png").unlink()
    assert "card-frontier" not in write_card(folder).read_text()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "holds no run"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "holds no JSON object"),
        ("{}", "no usable 'source'"),
        (json.dumps({**RUN, "origin": {}}), "no usable 'origin.repo_id'"),
        (json.dumps({**RUN, "distance": float("inf")}), "no usable 'distance'"),
    ],
)
def test_a_missing_or_damaged_record_is_told_in_one_line(
    content: str | None, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    assert main(["card", str(tmp_path)]) == OutputError.exit_code
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "README.md").exists()


def test_a_place_that_no_file_can_take_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder, expected the file"):
        write_card(folder, out=tmp_path)
    with pytest.raises(OutputError, match="make it first"):
        write_card(folder, out=tmp_path / "no" / "card.md")


def test_the_command_prints_where_the_card_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["card", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder / 'README.md'}\n"
