import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub_server import WRITE_TOKEN, HubServer
from zoo_compress.cli.main import main
from zoo_compress.errors import OutputError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("ZOO_COMPRESS_CACHE", str(folder))
    return folder


def found(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    document = json.loads(capsys.readouterr().out)
    return {check["name"]: check for check in document["checks"]}


@pytest.mark.usefixtures("hub_in_use")
def test_everything_that_a_run_needs_is_looked_at(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--json"]) == 0
    checks = found(capsys)
    assert checks["CPUExecutionProvider"]["found"] == "runs a model"
    assert str(cache) in checks["cache"]["found"]
    assert checks["Hub"]["state"] == "good"
    assert {"zoo-compress", "ONNX Runtime", "machine", "extra [samples]"} <= set(checks)
    assert not cache.exists()


@pytest.mark.usefixtures("hub_in_use")
def test_a_cache_that_cannot_be_written_fails_with_the_exit_code_of_a_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZOO_COMPRESS_CACHE", "/proc/nowhere")
    assert main(["doctor"]) == OutputError.exit_code
    shown = capsys.readouterr().out
    assert "'/proc/nowhere' cannot be written" in shown
    assert "would not work" in shown
    assert "extra [samples]" in shown


def test_a_token_is_never_shown(hub: HubServer) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "zoo_compress.cli.main", "doctor"],
        env=dict(os.environ) | hub.variables(WRITE_TOKEN),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert hub.tokens[WRITE_TOKEN].name in process.stdout
    assert WRITE_TOKEN not in process.stdout + process.stderr
