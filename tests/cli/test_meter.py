import io

import pytest
from rich.console import Console

from zoo_compress.cli.meter import Meter


def drawn(meter: Meter, *, width: int = 40, encoding: str = "utf-8") -> str:
    console = Console(width=width, file=io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    with console.capture() as capture:
        console.print(meter)
    return capture.get().rstrip("\n")


@pytest.mark.parametrize(
    ("share", "bar"),
    [(0, "········"), (0.5, "████····"), (1, "████████"), (1 / 64, "▏·······"), (2, "████████")],
)
def test_a_bar_is_filled_to_its_share_in_eighths_of_a_column(share: float, bar: str) -> None:
    assert drawn(Meter(share=share, width=8, style="green")) == bar


def test_a_bar_shrinks_where_space_is_short() -> None:
    assert len(drawn(Meter(share=0.5, width=80, style="green"), width=20)) == 20


def test_a_bar_is_ascii_where_nothing_else_can_be_written() -> None:
    bar = drawn(Meter(share=0.5, width=8, style="green"), encoding="ascii")
    assert bar == "####...."
