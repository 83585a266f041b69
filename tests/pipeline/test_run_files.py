import json
from pathlib import Path

import pytest

from tests.pipeline.conftest import Case
from zoo_compress.errors import OutputError
from zoo_compress.pipeline.run_files import file_digest, finished_run
from zoo_compress.recipe import load_recipe, recipe_yaml


def refusal(folder: Path) -> str:
    with pytest.raises(OutputError) as raised:
        finished_run(folder)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def edit(folder: Path, **changes: object) -> None:
    report = json.loads((folder / "run.json").read_text("utf-8"))
    (folder / "run.json").write_text(json.dumps(report | changes), "utf-8")


def test_a_run_records_size_and_digest_of_what_it_leaves_for_its_users(made_run: Case) -> None:
    found = finished_run(made_run.out)
    assert found.model == "model.onnx"
    assert {"plan.json", "recipe.yaml", "split.json", "README.md", "config.json"} <= set(
        found.others
    )
    for name, record in found.report["files"].items():
        path = made_run.out / name
        assert record == {"bytes": path.stat().st_size, "sha256": file_digest(path)}


def test_the_recipe_is_kept_in_full(made_run: Case) -> None:
    kept = load_recipe(str(made_run.out / "recipe.yaml"))
    given = load_recipe(str(made_run.model.with_name("quick.yaml")))
    assert kept.model_dump() == given.model_dump()
    assert recipe_yaml(kept) == (made_run.out / "recipe.yaml").read_text("utf-8")


@pytest.mark.parametrize("name", ["model.onnx", "plan.json", "recipe.yaml", "config.json"])
def test_a_file_that_was_changed_is_refused(finished: Case, name: str) -> None:
    with (finished.out / name).open("ab") as file:
        file.write(b" ")
    message = refusal(finished.out)
    assert f"{name}' was changed since the run" in message
    assert "zoo-compress resume" in message


def test_a_change_that_keeps_the_size_is_found_too(finished: Case) -> None:
    content = bytearray((finished.out / "model.onnx").read_bytes())
    content[-1] ^= 1
    (finished.out / "model.onnx").write_bytes(content)
    assert "was changed since the run" in refusal(finished.out)


def test_a_file_that_is_gone_is_refused(finished: Case) -> None:
    (finished.out / "config.json").unlink()
    assert "config.json' is missing" in refusal(finished.out)


def test_the_card_may_be_added_to(finished: Case) -> None:
    with (finished.out / "README.md").open("a") as file:
        file.write("\nMore about it.\n")
    assert "README.md" in finished_run(finished.out).names


@pytest.mark.parametrize("name", ["model.onnx", "README.md", "config.json", "run.json"])
def test_a_link_is_refused_even_to_the_same_bytes(finished: Case, tmp_path: Path, name) -> None:
    (finished.out / name).rename(tmp_path / "elsewhere")
    (finished.out / name).symlink_to(tmp_path / "elsewhere")
    assert f"{name}' is a link" in refusal(finished.out)


def test_a_folder_on_the_way_to_a_file_may_be_no_link(finished: Case, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_bytes(b"{}")
    (finished.out / "1_Pooling").symlink_to(tmp_path / "other")
    edit(finished.out, files={"model.onnx": {}, "1_Pooling/config.json": {}})
    (finished.out / "model.onnx").unlink()
    edit(finished.out, files={"1_Pooling/config.json": {}})
    assert "1_Pooling' is a link" in refusal(finished.out)


@pytest.mark.parametrize("name", ["/etc/passwd", "../model.onnx", "a/../../b", "", "a\\b"])
def test_a_record_that_names_files_outside_is_refused(finished: Case, name: str) -> None:
    edit(finished.out, files={name: {"bytes": 0, "sha256": ""}})
    assert "is no file of a run" in refusal(finished.out)


def test_a_run_of_an_earlier_version_says_how_to_go_on(finished: Case) -> None:
    edit(finished.out, files=None)
    assert "earlier version" in refusal(finished.out)


def test_a_run_that_was_not_finished_says_how_to_go_on(finished: Case) -> None:
    (finished.out / "run.json").unlink()
    assert f"`zoo-compress resume {finished.out}` first" in refusal(finished.out)
    (finished.out / "rejected").mkdir()
    assert "its model failed the publish gate" in refusal(finished.out)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rejected", "failed the publish gate"),
        ("checkpoint", "a candidate that was not checked yet"),
    ],
)
def test_what_is_no_result_is_refused_though_it_holds_a_model(
    finished: Case, name: str, words: str
) -> None:
    (finished.out / name).mkdir()
    (finished.out / name / "model.onnx").write_bytes(b"model")
    assert words in refusal(finished.out / name)


@pytest.mark.parametrize("content", ["", "[]", "{", "null"])
def test_a_damaged_record_is_refused(finished: Case, content: str) -> None:
    (finished.out / "run.json").write_text(content)
    assert "run.json" in refusal(finished.out)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    assert "holds no run" in refusal(tmp_path)
    assert "holds no run" in refusal(tmp_path / "missing")
