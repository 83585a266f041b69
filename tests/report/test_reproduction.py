import shlex

import pytest

from tests.report.conftest import RUN
from zoo_compress.cli.main import cli
from zoo_compress.report.reproduction import Request, run_command

ASKED = Request.model_validate(RUN["request"])


def parsed(command: str) -> dict[str, object]:
    """Let the command line itself read a command."""
    program, name, *arguments = shlex.split(command)
    assert (program, name) == ("zoo-compress", "run")
    context = cli.make_context("zoo-compress", ["run", *arguments])
    found = cli.get_command(context, "run")
    assert found is not None
    return found.make_context("run", arguments).params


def test_the_command_says_all_that_decides_a_run_and_the_command_line_reads_it():
    read = parsed(run_command(ASKED, source="me/net@0123"))
    expected = {**RUN["request"], "source": "me/net@0123", "data": "my photographs"}
    assert {name: read[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (None, None),
        ("synthetic", "synthetic"),
        ("/home/me/texts.csv:a,b", "texts.csv:a,b"),
        ("C:\\me\\data.npz", "data.npz"),
        ("hf://datasets/me/set:test", "hf://datasets/me/set:test"),
        ("/home/me/a'b; rm -rf x.npz", "a'b; rm -rf x.npz"),
    ],
)
def test_inputs_are_named_without_the_folders_of_this_machine(data, named):
    asked = ASKED.model_copy(update={"data": data})
    assert parsed(run_command(asked, source="me/net"))["data"] == named


def test_a_trade_off_and_a_time_limit_are_read_as_they_were_given():
    asked = ASKED.model_copy(update={"budget": None, "gamma": 0.1, "seconds": 312.5})
    read = parsed(run_command(asked, source="me/net"))
    assert (read["budget"], read["gamma"], read["seconds"]) == (None, 0.1, 312.5)
