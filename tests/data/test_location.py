from pathlib import Path

import pytest

from zoo_compress.data.location import Location, locate


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text\n")
    return path


def test_a_path_alone_names_no_columns(table):
    assert locate(str(table)) == Location(path=table)
    assert locate(str(table.parent)) == Location(path=table.parent)


def test_columns_stand_behind_a_colon(table):
    assert locate(f"{table}:text") == Location(path=table, columns=("text",))
    assert locate(f"{table}:a, b") == Location(path=table, columns=("a", "b"))


def test_a_file_with_a_colon_in_its_name_is_found_as_it_is(tmp_path):
    (tmp_path / "a.csv").write_text("")
    path = tmp_path / "a.csv:text"
    path.write_text("")
    assert locate(str(path)) == Location(path=path)


def test_what_is_no_file_stays_a_path(table):
    missing = f"{table.parent}/b.csv:text"
    assert locate(missing) == Location(path=Path(missing))
    assert locate("a\0b:c") == Location(path=Path("a\0b:c"))
