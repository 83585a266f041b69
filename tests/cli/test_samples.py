from pathlib import Path

import pytest

from zoo_compress.cli.main import main

PLUGIN = '''
class Healthy:
    """A tiny model.

    Longer text.
    """
'''


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with a healthy sample and two broken plug-ins."""
    (tmp_path / "foreign_zoo.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "foreign_broken.py").write_text("raise ImportError('no libfoo')", encoding="utf-8")
    metadata = tmp_path / "foreign_zoo-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: foreign-zoo\nVersion: 1.0\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(
        "[zoo_compress.samples]\n"
        "foreign-healthy = foreign_zoo:Healthy\n"
        "foreign-broken = foreign_broken:Sample\n"
        "[zoo_compress.techniques]\n"
        "foreign-technique = foreign_broken:Technique\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("foreign")
def test_a_broken_sample_is_listed_with_its_reason_and_hides_no_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["samples"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0].strip() for line in lines if "foreign" in line] == [
        "sample:foreign-broken",
        "sample:foreign-healthy",
    ]
    assert any("foreign-broken" in line and "no libfoo" in line for line in lines)
    assert any(line.endswith("  A tiny model.") for line in lines)
    assert any(line.startswith("sample:efficientnet-lite0 ") for line in lines)


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize("arguments", [["--help"], ["recipes", "validate", "balanced"]])
def test_a_broken_plug_in_that_nobody_asked_for_does_no_harm(arguments: list[str]) -> None:
    assert main(arguments) == 0
