import pytest

from zoo_compress.units import counted, readable_bytes, readable_seconds, readable_share


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9_996, "10.0 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (18_600_000, "18.6 MB"),
        (2_320_000_000, "2.32 GB"),
        (7_654_000_000_000, "7654 GB"),
        (10**30, "1e+21 GB"),
    ],
)
def test_bytes_have_three_digits_and_a_decimal_unit(count: int, text: str) -> None:
    assert readable_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.9, "9.9 s"), (9.96, "10 s"), (119.4, "119 s"), (161.2, "2 min 41 s")],
)
def test_seconds_are_kept_up_to_two_minutes(seconds: float, text: str) -> None:
    assert readable_seconds(seconds) == text


def test_hours_come_with_minutes() -> None:
    assert readable_seconds(3900) == "1 h 05 min"


@pytest.mark.parametrize(
    ("share", "text"), [(0.125, "12.5 %"), (0.00031, "0.031 %"), (1.0, "100 %"), (0.9999, "100 %")]
)
def test_a_share_has_three_digits(share: float, text: str) -> None:
    assert readable_share(share) == text


def test_one_thing_is_singular() -> None:
    assert counted(1, "site") == "1 site"
    assert counted(0, "site") == "0 sites"
