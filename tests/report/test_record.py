import pytest

from zoo_compress.errors import OutputError
from zoo_compress.report.record import card_record


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("origin", None),
        ("origin.metadata", []),
        ("size_ratio", float("nan")),
        ("size_ratio", "<script>"),
        ("latency.verdict", "fast"),
        ("latency.quartiles", [1.0]),
        ("sites", 3),
        ("original_bytes", 0),
        ("inputs", [{"name": "x"}]),
        ("task", "other than that"),
    ],
)
def test_a_damaged_record_is_told_in_one_line(run, path, value):
    *parents, last = path.split(".")
    place = run
    for parent in parents:
        place = place[parent]
    place[last] = value
    with pytest.raises(OutputError, match=f"no usable '{path}") as caught:
        card_record(run)
    assert "\n" not in str(caught.value)


def test_an_earlier_record_is_told_with_what_to_do(run):
    del run["inputs"]
    with pytest.raises(OutputError, match=r"'inputs' .*`zoo-compress resume` writes it anew"):
        card_record(run)


def test_files_are_named_without_their_folders(run):
    run |= {"model_path": "/home/me/run/model.onnx", "plan_path": "C:\\runs\\plan.json"}
    record = card_record(run)
    assert (record.model_file, record.plan_file) == ("model.onnx", "plan.json")
