import pytest

from zoo_compress.data.text_columns import require_one_or_two, text_columns
from zoo_compress.errors import InputError


@pytest.mark.parametrize(
    ("found", "chosen"),
    [
        (["label", "Text"], ("Text",)),
        (["content", "title"], ("content",)),
        (["idx", "sentence", "text"], ("text",)),
        (["sentence1", "sentence2", "label"], ("sentence1", "sentence2")),
        (["hypothesis", "premise"], ("premise", "hypothesis")),
        (["id", "context", "question", "text"], ("question", "context")),
        (["question", "text"], ("text",)),
    ],
)
def test_columns_are_known_by_their_names_and_pairs_go_first(found, chosen):
    assert text_columns(found, (), where="a.csv") == chosen


def test_what_was_asked_for_goes_before_what_is_known(tmp_path):
    found = ["text", "Review", "sentence1", "sentence2"]
    assert text_columns(found, ("review",), where="a.csv") == ("Review",)
    assert text_columns(found, ("text", "review"), where="a.csv") == ("text", "Review")


def test_columns_that_cannot_be_chosen_are_listed():
    message = r"^'a\.csv' has no column text, .* its columns are id, review: name one, as in"
    with pytest.raises(InputError, match=message):
        text_columns(["id", "review"], (), where="a.csv")
    with pytest.raises(InputError, match=r"^'a\.csv' has no column 'x'; its columns are id, y$"):
        text_columns(["id", "y"], ("y", "x"), where="a.csv")


@pytest.mark.parametrize("asked", [(), ("",), ("a", ""), ("a", "b", "c")])
def test_other_than_one_or_two_columns_are_refused(asked):
    if not asked:
        require_one_or_two(("a",), where="a.csv")
        return
    with pytest.raises(InputError, match=r"name one column, as in FILE:text, or two"):
        require_one_or_two(asked, where="a.csv")
