import json
from pathlib import Path

import pytest

from tests.pipeline.conftest import Case
from zoo_compress.hub.contents import Content
from zoo_compress.pipeline.published import Scrubber, name_digest, published_source
from zoo_compress.pipeline.push_contents import push_contents
from zoo_compress.pipeline.push_settings import PushSettings
from zoo_compress.pipeline.run_files import finished_run
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.plan import PlanFile


def contents(case: Case, layout="plain") -> dict[str, bytes]:
    wanted = PushSettings(repo_id="me/small", layout=layout)
    found = push_contents(finished_run(case.out), RunSettings.load(case.out), wanted)
    return {content.path: read(content) for content in found}


def read(content: Content) -> bytes:
    return content.source if isinstance(content.source, bytes) else content.source.read_bytes()


def test_exactly_the_files_of_the_record_and_the_record_go_out(made_run: Case) -> None:
    (made_run.out / "notes.txt").write_text("private")
    found = contents(made_run)
    assert set(found) == {*finished_run(made_run.out).names, "run.json"}
    assert "notes.txt" not in found
    assert not {"settings.json", "trials.sqlite", "fingerprint.json"} & set(found)


def test_nothing_that_goes_out_names_a_folder_of_this_machine(made_run: Case) -> None:
    folders = {str(path) for path in (made_run.model.parent, made_run.out, made_run.out.parent)}
    for path, content in contents(made_run).items():
        named = [folder for folder in folders if folder.encode() in content]
        assert named == [], path


def test_the_record_that_goes_out_lists_what_is_beside_it(made_run: Case) -> None:
    found = contents(made_run, "transformers-js")
    report = json.loads(found["run.json"])
    assert report["model_path"] == "onnx/model_quantized.onnx"
    assert report["plan_path"] == "plan.json"
    assert report["source"] == "model.onnx"
    assert set(report["files"]) == set(found) - {"run.json"}
    for path, record in report["files"].items():
        content = Content.of(path, found[path])
        assert record == {"bytes": content.size, "sha256": content.sha256}
    own = finished_run(made_run.out).report
    assert report["request"] == own["request"] | {"data": "data.npz"}
    same = set(own) - {"source", "model_path", "plan_path", "files", "request"}
    assert {key: report[key] for key in same} == {key: own[key] for key in same}


def test_the_card_says_where_the_model_lies_in_another_layout(finished: Case) -> None:
    assert b"'model.onnx'" in contents(finished)["README.md"]
    assert b"'onnx/model_quantized.onnx'" in contents(finished, "transformers-js")["README.md"]
    (finished.out / "README.md").write_text("my own card")
    assert contents(finished, "transformers-js")["README.md"] == b"my own card"


def test_the_plan_that_goes_out_differs_in_names_of_files_alone(made_run: Case) -> None:
    own = PlanFile.model_validate_json((made_run.out / "plan.json").read_text("utf-8"))
    plan = PlanFile.model_validate_json(contents(made_run)["plan.json"])
    assert own.calibration is not None
    assert own.source == str(made_run.model)
    assert own.calibration.data == str(made_run.data)
    expected = own.calibration.model_copy(update={"data": "data.npz"})
    assert plan == own.model_copy(update={"source": "model.onnx", "calibration": expected})


def test_the_split_that_goes_out_names_no_input(made_run: Case) -> None:
    own = json.loads((made_run.out / "split.json").read_text("utf-8"))
    split = json.loads(contents(made_run)["split.json"])
    for side in ("search", "calibrate", "certify"):
        assert split[side] == [name_digest(name) for name in own[side]]
    assert split["names"] == "sha256"


@pytest.mark.parametrize(
    ("source", "origin", "published"),
    [
        ("sample:minilm-l6", {}, "sample:minilm-l6"),
        ("/home/someone/net.onnx", {"repo_id": None}, "net.onnx"),
        ("models/net", {}, "net"),
        (
            "me/net",
            {"repo_id": "me/net", "revision": "abc", "file": "onnx/model.onnx"},
            "me/net@abc:onnx/model.onnx",
        ),
        ("me/net", {"repo_id": "me/net", "revision": None, "file": None}, "me/net"),
    ],
)
def test_the_original_is_named_so_that_others_find_it(source, origin, published) -> None:
    assert published_source(source, origin) == published


def test_paths_are_taken_out_in_every_form_and_at_every_depth(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a" / "net.onnx").write_bytes(b"")
    settings = RunSettings(source="a/net.onnx", data=str(tmp_path / "a"), out=tmp_path / "a" / "r")
    scrubber = Scrubber(settings, Path("a/r"))
    whole = {"notes": [f"see {tmp_path}/a/net.onnx and a/net.onnx", {"deep": f"{tmp_path}/a/r"}]}
    assert scrubber.value(whole) == {"notes": ["see net.onnx and net.onnx", {"deep": "r"}]}
    kept = {"sites": "/encoder/layer.0/MatMul", "number": 3, "none": None, "hub": "me/net"}
    assert scrubber.value(kept) == kept
