import json

import pytest

from zoo_compress.core import Option, Plan
from zoo_compress.errors import PlanError
from zoo_compress.plan import (
    ChoiceRecord,
    PlanFile,
    plan_from_record,
    plan_from_text,
    plan_record,
    read_plan,
)

GROUPS = {"bits": 4, "granularity": "group", "group_size": 64}
PLAN = Plan(
    choices={
        "/encoder/wéight": Option(technique="codes", settings=GROUPS, stored_bytes=1234),
        "fc.weight": Option(
            technique="codes", settings={"bits": 8, "granularity": "channel"}, stored_bytes=0
        ),
    }
)


def plan_file(**changes) -> PlanFile:
    fields = {
        "source": "sample:efficientnet-lite0",
        "revision": "0.1.0",
        "model_sha256": "ab" * 32,
        "simplified": True,
        "choices": {name: ChoiceRecord(**record) for name, record in plan_record(PLAN).items()},
        "versions": {"numpy": "2.4.0"},
    }
    return PlanFile(**(fields | changes))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "plan.json"


@pytest.fixture
def edited(path):
    """Return a function that writes a plan file after changing its JSON."""

    def write(change):
        content = json.loads(plan_file().to_json())
        change(content)
        path.write_text(json.dumps(content))
        return path

    return write


def test_a_plan_file_comes_back_as_it_was_written(path):
    for written in (plan_file(), plan_file(revision=None, choices={})):
        path.write_text(written.to_json(), encoding="utf-8")
        assert read_plan(path) == written
        assert read_plan(path).to_json() == written.to_json()


def test_the_plan_in_a_file_is_the_plan(path):
    path.write_text(plan_file().to_json(), encoding="utf-8")
    assert read_plan(path).plan == PLAN
    assert list(read_plan(path).plan.choices) == list(PLAN.choices)


def test_a_plan_comes_back_from_a_record_and_from_its_json():
    assert plan_from_record(plan_record(PLAN)) == PLAN
    assert plan_from_text(json.dumps(plan_record(PLAN))) == PLAN
    assert plan_from_text("{}") == Plan()


def test_the_file_is_indented_json_that_ends_its_last_line():
    text = plan_file().to_json()
    assert text.endswith("}\n")
    assert json.loads(text)["format"] == 1
    assert '\n  "choices": {' in text


@pytest.mark.parametrize("text", ["", "{", "not json", '{"format": 1', "[1, 2"])
def test_what_is_not_json_is_refused(text, path):
    path.write_text(text)
    with pytest.raises(PlanError, match=r"plan '.*plan\.json': the file: Invalid JSON") as raised:
        read_plan(path)
    assert "\n" not in str(raised.value)


def test_a_plan_of_before_there_was_equalisation_says_that_it_has_none(edited):
    assert not read_plan(edited(lambda content: content.pop("equalised"))).equalised
    assert read_plan(edited(lambda content: content.update(equalised=True))).equalised


def test_a_plan_of_before_models_were_raised_leaves_the_operator_set_alone(edited):
    assert read_plan(edited(lambda content: content.pop("raised_to"))).raised_to is None
    assert read_plan(edited(lambda content: content.update(raised_to=13))).raised_to == 13


def test_json_that_is_no_object_is_refused(path):
    path.write_text("[1, 2]")
    with pytest.raises(PlanError, match=r"plan\.json': the file: .* object .*\(found \[1, 2\]\)"):
        read_plan(path)


@pytest.mark.parametrize("key", ["source", "model_sha256", "simplified", "choices", "versions"])
def test_a_missing_key_is_named(key, edited):
    with pytest.raises(PlanError, match=rf"plan\.json': {key}: Field required$"):
        read_plan(edited(lambda content: content.pop(key)))


@pytest.mark.parametrize("key", ["technique", "settings", "stored_bytes"])
def test_a_missing_key_of_a_choice_is_named_with_its_weight(key, edited):
    with pytest.raises(PlanError, match=rf"choices\.fc\.weight\.{key}: Field required$"):
        read_plan(edited(lambda content: content["choices"]["fc.weight"].pop(key)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": 2}, r"format: Input should be 1 \(found 2\)"),
        ({"format": "new"}, r"format: Input should be 1 \(found 'new'\)"),
        ({"simplified": "perhaps"}, r"simplified: .*boolean.* \(found 'perhaps'\)"),
        ({"comment": "mine"}, r"comment: Extra inputs are not permitted \(found 'mine'\)"),
        ({"versions": {"numpy": 2}}, r"versions\.numpy: .*string \(found 2\)"),
    ],
)
def test_a_value_out_of_place_is_named_and_shown(changes, message, edited):
    with pytest.raises(PlanError, match=message):
        read_plan(edited(lambda content: content.update(changes)))


def test_a_negative_size_is_refused(edited):
    with pytest.raises(PlanError, match=r"stored_bytes: .* greater than or equal to 0"):
        read_plan(edited(lambda content: content["choices"]["fc.weight"].update(stored_bytes=-1)))


def test_a_missing_file_is_named(path):
    with pytest.raises(PlanError, match=r"plan\.json' cannot be read: No such file or directory"):
        read_plan(path)


def test_a_folder_is_not_a_plan(tmp_path):
    with pytest.raises(PlanError, match="cannot be read: Is a directory"):
        read_plan(tmp_path)


def test_a_file_that_is_not_text_is_refused(path):
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="is not text: invalid start byte"):
        read_plan(path)
