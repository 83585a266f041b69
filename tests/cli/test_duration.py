import click
import pytest

from zoo_compress.cli.duration import Duration
from zoo_compress.cli.main import main


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h30m15s", 5415),
        ("2h", 7200),
        ("1.5m", 90),
        ("0.5", 0.5),
        (" 5M ", 300),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "0", "0m", "-5", "5 minutes", "5m30", "30s5m", "nan", "m"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration; write 90, 90s, 5m") as found:
        Duration().convert(text, None, None)
    assert repr(text) in found.value.message


def test_a_bad_time_is_a_usage_error_that_names_the_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "model.onnx", "--budget", "0.5", "--time", "5x"]) == 2
    captured = capsys.readouterr()
    assert "'--time': '5x' is not a duration" in captured.err
    assert captured.out == ""
