"""The command inside other command lines, each the real one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zoo_compress
from zoo_compress import errors
from zoo_compress.cli import optimum_plugin, plugin
from zoo_compress.cli.main import main
from zoo_compress.cli.plugin import program
from zoo_compress.hub import extension

VERSION = f"{zoo_compress.__version__}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, where `hf` keeps its extensions."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_HUB_DISABLE_UPDATE_CHECK", "1")
    monkeypatch.setattr(plugin, "site_folder", lambda: tmp_path / "site")
    return tmp_path


def started(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ)


def hf(*arguments: str) -> subprocess.CompletedProcess[str]:
    return started(sys.executable, "-m", "huggingface_hub.cli.hf", *arguments)


def test_hf_runs_the_command_until_it_is_removed(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugin", "install"]) == 0
    assert str(program()) in capsys.readouterr().out
    done = hf("zoo-compress", "--version")
    assert (done.stdout, done.returncode) == (f"hf-zoo-compress {VERSION}", 0), done.stderr
    # The exit code is ours too.
    assert hf("zoo-compress", "inspect", "missing.onnx").returncode == 3
    assert main(["plugin", "remove"]) == 0
    assert not (home / ".local/share/hf/extensions/hf-zoo-compress").exists()
    assert extension.installed() is None


def test_status_tells_what_is_registered(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "status"]) == 0
    assert "not registered; `zoo-compress plugin install`" in capsys.readouterr().out
    main(["plugin", "install"])
    main(["plugin", "install"])
    capsys.readouterr()
    assert main(["plugin", "status"]) == 0
    assert f"hf zoo-compress           runs {program()}\n" in capsys.readouterr().out
    main(["plugin", "remove"])
    main(["plugin", "remove"])
    assert capsys.readouterr().out.endswith("nothing was registered\n")


def test_hf_never_asks_github_for_a_newer_version(home: Path) -> None:
    from huggingface_hub.cli import extensions

    main(["plugin", "install"])
    assert extensions._is_latest_commit_cached("zoo-compress")
    (manifest,) = extensions._list_installed_extensions()
    # No account on GitHub can have this name, so that nobody can put an update there.
    assert set(manifest.owner) & set("() ")


def test_an_extension_of_somebody_else_stays(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["plugin", "install"])
    path = home / ".local/share/hf/extensions/hf-zoo-compress/manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "owner": "somebody"}))
    for verb in ("install", "remove"):
        assert main(["plugin", verb]) == errors.OutputError.exit_code
        assert "hf extensions remove zoo-compress" in capsys.readouterr().err
    assert main(["plugin", "status"]) == 0
    assert "installed by hf itself" in capsys.readouterr().out


@pytest.mark.parametrize("manifest", ["{", "[]", "{}", '{"installed_at": "yesterday"}'])
def test_a_damaged_manifest_is_told_in_one_line(
    manifest: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["plugin", "install"])
    (home / ".local/share/hf/extensions/hf-zoo-compress/manifest.json").write_text(manifest)
    assert main(["plugin", "status"]) == errors.OutputError.exit_code
    error = capsys.readouterr().err
    assert "holds no usable manifest" in error
    assert error.count("\n") == 1


def test_a_missing_program_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(errors.PluginError, match="is missing; install"):
        extension.install(home / "hf-zoo-compress")
    copy = home / "hf-zoo-compress"
    copy.write_bytes(program().read_bytes())
    extension.install(copy)
    copy.unlink()
    assert main(["plugin", "status"]) == 0
    assert "broken: " in capsys.readouterr().out


def optimum_cli(*arguments: str) -> subprocess.CompletedProcess[str]:
    return started(sys.executable, "-m", "optimum.commands.optimum_cli", *arguments)


with_optimum = pytest.mark.skipif(optimum_plugin.optimum_version() is None, reason="needs optimum")


@with_optimum
def test_optimum_cli_runs_the_command_until_it_is_removed(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    places = filter(None, (str(home / "site"), os.environ.get("PYTHONPATH")))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    assert main(["plugin", "install"]) == 0
    (file,) = (home / "site").rglob("*.py")
    assert f"optimum-cli zoo-compress is there; registered by {file}\n" in capsys.readouterr().out
    main(["plugin", "status"])
    assert f"finds {file}\n" in capsys.readouterr().out
    done = optimum_cli("zoo-compress", "--version")
    assert (done.stdout, done.returncode) == (f"optimum-cli zoo-compress {VERSION}", 0)
    helped = optimum_cli("zoo-compress", "run", "--help")
    assert helped.stdout.startswith("Usage: optimum-cli zoo-compress run [OPTIONS] SOURCE")
    failed = optimum_cli("zoo-compress", "inspect", "missing.onnx")
    assert failed.returncode == 3
    assert "zoo-compress" in optimum_cli("--help").stdout
    main(["plugin", "remove"])
    assert f"removed {file}\n" in capsys.readouterr().out
    # Not even a folder is left, which would be a package for `import optimum`.
    assert list((home / "site").iterdir()) == []
    assert "zoo-compress" not in optimum_cli("--help").stdout


def test_a_registration_says_nothing_where_zoo_compress_is_gone(tmp_path: Path) -> None:
    file = optimum_plugin.register(tmp_path)
    read = started(sys.executable, "-I", "-S", "-c", f"import runpy; print({READ})", str(file))
    assert read.stdout == "[]\n", read.stderr


READ = "runpy.run_path(__import__('sys').argv[1])['REGISTER_COMMANDS']"


def test_files_of_others_in_the_namespace_stay(tmp_path: Path) -> None:
    file = optimum_plugin.register(tmp_path)
    other = file.with_name("register_other.py")
    other.write_text("REGISTER_COMMANDS = []")
    assert optimum_plugin.unregister(tmp_path) == file
    assert optimum_plugin.unregister(tmp_path) is None
    assert other.exists()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("a file")
    with pytest.raises(errors.OutputError, match="cannot be changed"):
        optimum_plugin.register(tmp_path / "site")
