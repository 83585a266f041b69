from typing import Any

from rich.console import Console

from zoo_compress.cli.bits import bits_per_weight, bits_table


def lines(sites: list[dict[str, Any]]) -> list[str]:
    console = Console(width=90)
    with console.capture() as capture:
        console.print(bits_table(sites))
    return capture.get().splitlines()


def test_each_width_has_a_row_with_its_share_sites_and_bytes(report: dict[str, Any]) -> None:
    rows = lines(report["sites"])
    assert [row.split("  ")[0] for row in rows] == ["4 bits", "6 bits", "as it was"]
    assert "1 site" in rows[0]
    assert "30% of weights" in rows[0]
    assert "160 B" in rows[0]
    assert rows[1].count("█") == round(0.6 * 28 - 0.5)


def test_sites_of_one_width_share_a_row(report: dict[str, Any]) -> None:
    twice = [report["sites"][0], report["sites"][0] | {"name": "conv2", "shape": [3, 100]}]
    (row,) = lines(twice)
    assert "2 sites" in row
    assert "100% of weights" in row
    assert "320 B" in row


def test_an_option_that_declares_no_width_is_placed_by_its_bytes() -> None:
    entry = {"shape": [10, 10], "stored_bytes": 65, "option": "sparse density=0.3"}
    assert bits_per_weight(entry) == 5.2


def test_an_option_may_be_given_in_parts() -> None:
    option = {"technique": "codes", "settings": {"bits": 3}}
    assert bits_per_weight({"shape": [8], "stored_bytes": 8, "option": option}) == 3


def test_a_model_without_sites_has_an_empty_picture() -> None:
    assert [line for line in lines([]) if line] == []
