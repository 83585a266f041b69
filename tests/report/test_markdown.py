import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from zoo_compress.report.markdown import cell, code, digits, percent, text

MARKDOWN = MarkdownIt("commonmark").enable("table")


def shown(value: object) -> str:
    """Return what a reader should see: one line, printable."""
    line = " ".join(str(value).split())
    return "".join(character for character in line if character.isprintable())


def words(tokens) -> str:
    return "".join(child.content for token in tokens for child in token.children or ())


@settings(deadline=None)
@given(st.text())
def test_text_in_a_table_shows_as_it_is(value):
    tokens = MARKDOWN.parse(f"| a | b |\n|---|---|\n| x{text(value)}x | last |\n")
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    assert words(cells[2:3]) == f"x{shown(value)}x"


@settings(deadline=None)
@given(st.text(st.sampled_from("a`|\\<*_ \n"), min_size=1))
def test_code_in_a_table_shows_as_it_is(value):
    # A backslash before a pipe cannot be told from an escaped pipe in a table.
    value = f"a{value}a".replace("\\", "/")
    tokens = MARKDOWN.parse(f"| a | b |\n|---|---|\n| {cell(value)} | last |\n")
    cells = [token for token in tokens if token.type == "inline"]
    assert len(cells) == 4
    assert [child.type for child in cells[2].children] == ["code_inline"]
    assert words(cells[2:3]) == shown(value)


def test_code_outside_a_table_keeps_its_pipes():
    assert code("a|b") == "`a|b`"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (318.6, "319"), (2283.4, "2283"), (0.19876, "0.199"), (4.2e-9, "4.2e-09")],
)
def test_numbers_have_three_significant_digits(value, expected):
    assert digits(value) == expected


def test_a_share_is_a_percentage():
    assert percent(0.1249) == "12.5 %"
    assert percent(0.0003) == "0.03 %"
