import pytest

from zoo_compress.data.dataset_name import DatasetName
from zoo_compress.errors import InputError

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ("hf://datasets/me/rows", {}),
        ("hf://datasets/me/rows:test", {"split": "test"}),
        ("hf://datasets/me/rows/en:test", {"config": "en", "split": "test"}),
        ("hf://datasets/me/rows@v1.0/en", {"revision": "v1.0", "config": "en"}),
        ("hf://datasets/me/rows@refs/pr/3:a", {"revision": "refs/pr/3", "split": "a"}),
        ("hf://datasets/me/rows@refs/convert/parquet", {"revision": "refs/convert/parquet"}),
        ("hf://datasets/me/rows:test:text", {"split": "test", "columns": ("text",)}),
        ("hf://datasets/me/rows:test:a, b", {"split": "test", "columns": ("a", "b")}),
    ],
)
def test_a_name_has_parts_in_a_fixed_order(data, parts):
    name = DatasetName.parse(data)
    assert name == DatasetName(repo="me/rows", **parts)
    assert str(name) == data.replace(", ", ",")
    assert not name.pinned


@pytest.mark.parametrize(
    "data",
    [
        "hf://datasets/rows",
        "hf://datasets/",
        "hf://models/me/rows",
        "hf://datasets/me/rows:",
        "hf://datasets/me/rows:train[:10]",
        "hf://datasets/../rows:train\n",
        "hf://datasets/me rows/x",
    ],
)
def test_another_form_is_refused_with_the_right_one(data):
    with pytest.raises(InputError, match=r"names no dataset; the form is hf://datasets/OWNER/"):
        DatasetName.parse(data)


def test_a_commit_pins_a_name_and_everything_else_stays():
    name = DatasetName.parse("hf://datasets/me/rows@main/en:test:text").at(SHA)
    assert name.pinned
    assert DatasetName.parse(str(name)) == name
    assert (name.config, name.split, name.columns) == ("en", "test", ("text",))
