"""Which columns of a table hold the texts."""

from __future__ import annotations

from collections.abc import Sequence

from zoo_compress.errors import InputError

PAIRS = (
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question", "context"),
    ("question", "sentence"),
    ("question1", "question2"),
    ("query", "passage"),
    ("text1", "text2"),
)
SINGLES = ("text", "sentence", "content")


def text_columns(found: Sequence[str], asked: Sequence[str], *, where: str) -> tuple[str, ...]:
    """Return the column of the texts, or the two columns of pairs.

    Those that were asked for; else the first of `PAIRS` that is there in full; else the first of
    `SINGLES`. Upper and lower case are alike.

    Args:
        found: The columns that there are.
        asked: What the user named; empty for nothing.
        where: The data, for messages; a name can be appended to it with a colon.

    Raises:
        InputError: If there is no such column; those that there are are listed.
    """
    by_name = {name.casefold(): name for name in found}
    wanted = [tuple(asked)] if asked else [*PAIRS, *((name,) for name in SINGLES)]
    for names in wanted:
        if all(name.casefold() in by_name for name in names):
            return tuple(by_name[name.casefold()] for name in names)
    listed = ", ".join(found) or "none"
    if asked:
        missing = ", ".join(f"'{name}'" for name in asked if name.casefold() not in by_name)
        raise InputError(f"'{where}' has no column {missing}; its columns are {listed}")
    raise InputError(
        f"'{where}' has no column {', '.join(SINGLES)} and no pair such as "
        f"{' and '.join(PAIRS[0])}; its columns are {listed}: name one, as in {where}:COLUMN"
    )


def require_one_or_two(asked: Sequence[str], *, where: str) -> None:
    """Check that a user named one column, or two for pairs.

    Raises:
        InputError: If not.
    """
    if len(asked) > 2 or not all(asked):
        raise InputError(
            f"'{where}': name one column, as in FILE:text, or two that make pairs, as in "
            "FILE:question,context"
        )
