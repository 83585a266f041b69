"""What is in the image, and that it works."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import onnx
import pytest

from tests.image.builder import Builder
from tests.pipeline.conftest import classifier

pytestmark = pytest.mark.image

TOOL = "opt/zoo-compress"
LARGEST = 1_800_000_000
"""Bytes that the image adds to its base; torch is half of them."""


def test_it_holds_the_tool_and_what_it_needs_and_nothing_to_build_with(root: Path) -> None:
    assert (root / TOOL / "bin/zoo-compress").is_file()
    programs = {path.name for path in (root / TOOL / "bin").iterdir()}
    programs |= {path.name for path in (root / "usr/bin").iterdir()}
    assert not programs & {"pip", "pip3", "gcc", "cc", "g++", "make"}
    assert sorted(path.name for path in (root / "opt").iterdir()) == ["zoo-compress"]


def test_the_cpu_image_holds_no_cuda(root: Path) -> None:
    (packages,) = (root / TOOL / "lib").glob("python3*/site-packages")
    assert (packages / "torch").is_dir()
    assert not [path.name for path in packages.glob("nvidia*")]
    assert not [path.name for path in (packages / "torch/lib").glob("*cuda*")]


def test_neither_a_package_cache_nor_pip_settings_stay_behind(root: Path) -> None:
    assert not (root / "etc/pip.conf").exists()
    assert not list(root.glob("root/.cache/*"))
    assert not (root / "src").exists()


def test_it_runs_the_tool_as_a_user_without_rights_and_keeps_its_cache(
    builder: Builder, image: str
) -> None:
    settings = builder.settings(image)
    assert settings["Entrypoint"] == ["zoo-compress"]
    assert settings["User"] == "10001"
    assert settings["WorkingDir"] == "/work"
    assert list(settings["Volumes"]) == ["/cache"]
    assert {"HF_HOME=/cache/huggingface", "ZOO_COMPRESS_CACHE=/cache/zoo-compress"} <= set(
        settings["Env"]
    )
    assert not [variable for variable in settings["Env"] if "PIP" in variable]


def test_its_size_is_told(
    builder: Builder, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, base = (_bytes(folder) for folder in (root, builder.base))
    with capsys.disabled():
        print(f"\nimage {whole:,} bytes, of which the base {base:,}")
    assert whole - base < LARGEST


def test_doctor_finds_all_that_a_run_needs(builder: Builder, container: str) -> None:
    shown = builder("run", "--isolation=chroot", container, "--", "zoo-compress", "doctor")
    assert "CPUExecutionProvider" in shown


@pytest.mark.parametrize("user", ["10001", "12345:12345"])
def test_a_model_in_the_working_folder_is_compressed_by_any_user(
    user: str, builder: Builder, container: str, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    onnx.save(classifier(), tmp_path / "model.onnx")
    options = ["--budget=0.3", "--data=synthetic", "--trials=4", "--out=run", "--json"]
    shown = builder(
        "run",
        "--isolation=chroot",
        f"--user={user}",
        f"--volume={tmp_path}:/work",
        container,
        "--",
        "zoo-compress",
        "run",
        "model.onnx",
        *options,
    )
    assert json.loads(shown)["size_ratio"] <= 0.3
    assert (tmp_path / "run/model.onnx").stat().st_uid == int(user.partition(":")[0])


def _bytes(folder: Path) -> int:
    shown = subprocess.run(["du", "-sb", folder], capture_output=True, text=True, check=True)
    return int(shown.stdout.split()[0])
