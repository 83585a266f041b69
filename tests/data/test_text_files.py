import json

import pytest

from zoo_compress.data.location import locate
from zoo_compress.data.text_files import read_texts
from zoo_compress.errors import InputError


def read(path, columns=""):
    return list(read_texts(locate(f"{path}{columns}")))


def parts(path, columns=""):
    return [text.parts for text in read(path, columns)]


@pytest.fixture
def write(tmp_path):
    def written(name, content):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def test_a_line_is_a_text_and_blank_ones_are_skipped(write):
    path = write("a.txt", "\ufeffone \r\n\n  \ntwo\x85three\n")
    found = read(path)
    assert [text.parts for text in found] == [("one",), ("two\x85three",)]
    assert [text.name for text in found] == ["a.txt:1", "a.txt:4"]
    assert [text.group for text in found] == ["a.txt:1", "a.txt:4"]


def test_a_row_of_a_table_is_a_text(write):
    path = write("a.csv", 'id,text\n1,"one,\ntwo"\n2,\n3,three\n4\n')
    assert parts(path) == [("one,\ntwo",), ("three",)]
    assert [text.name for text in read(path)] == ["a.csv:3", "a.csv:5"]
    assert parts(path, ":id") == [("1",), ("2",), ("3",), ("4",)]
    assert parts(write("a.tsv", "text\tid\none, two\t1\n")) == [("one, two",)]


def test_an_object_a_line_is_a_text(write):
    rows = [{"text": "one", "id": 1}, {"text": None}, {"id": 3}, {"text": " two "}]
    path = write("a.jsonl", "\n\n".join(map(json.dumps, rows)))
    assert parts(path) == [("one",), ("two",)]
    assert [text.name for text in read(path)] == ["a.jsonl:1", "a.jsonl:7"]


def test_two_columns_make_pairs_of_which_both_halves_are_needed(write):
    path = write("a.csv", "premise,hypothesis\nit rains,it is wet\nit snows,\n")
    assert parts(path) == [("it rains", "it is wet")]
    assert parts(path, ":hypothesis,premise") == [("it is wet", "it rains")]
    assert parts(path, ":premise") == [("it rains",), ("it snows",)]


def test_a_file_of_a_folder_is_a_group_and_takes_no_text_of_an_earlier_one(write, tmp_path):
    write("d/b.txt", "two\nFooter\ntwo\n")
    write("d/a.TXT", "one\nFooter\n")
    write("d/.c.txt", "hidden\n")
    write("d/notes.csv", "text\nno\n")
    found = read(tmp_path / "d")
    assert [(text.group, text.parts[0]) for text in found] == [
        ("a.TXT", "one"),
        ("a.TXT", "Footer"),
        ("b.txt", "two"),
        ("b.txt", "two"),
    ]
    assert len({text.name for text in found}) == 4


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"fine\nna\xefve\n", r"a\.txt', line 2: byte 0xef is not UTF-8; save the file"),
        ("a.txt", "text".encode("utf-16"), r"a\.txt', line 1: byte 0xff is not UTF-8"),
        ("a.csv", b"text\nna\xefve\n", r"a\.csv', line 2: byte 0xef is not UTF-8"),
        ("a.csv", 'text\n"' + "x" * 200_000 + '"', r"a\.csv', line 2: field larger than"),
        ("a.csv", "id,review\n1,fine", r"a\.csv' has no column .* columns are id, review: name"),
        ("a.jsonl", '{"text": "a"}\n{"text"\n', r"a\.jsonl', line 2: not JSON: "),
        ("a.jsonl", "[" * 100_000, r"a\.jsonl', line 1: not JSON: "),
        ("a.jsonl", '"text"', r"a\.jsonl', line 1: expected an object .* found 'text'"),
        ("a.jsonl", '{"text": [1]}', r"a\.jsonl', line 1: column 'text' holds \[1\], not a text"),
        ("a.jsonl", '{"id": 1}', r"a\.jsonl' has no column .* its columns are id"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(write, name, content, message):
    with pytest.raises(InputError, match=message) as caught:
        read(write(name, content))
    assert "\n" not in str(caught.value)


def test_a_file_of_lines_has_no_columns(write):
    with pytest.raises(InputError, match=r"a\.txt' has no columns: it holds one text a line"):
        read(write("a.txt", "one"), ":text")


def test_a_folder_named_like_a_file_is_no_traceback(tmp_path):
    (tmp_path / "a.txt").mkdir()
    assert read(tmp_path / "a.txt") == []
