from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zoo_compress.errors import RuntimeFlavourError
from zoo_compress.runtime import flavour
from zoo_compress.runtime.flavour import (
    installed_flavours,
    load_onnxruntime,
    require_one_flavour,
)

ROOT = Path(__file__).parents[2]


def install(folder: Path, stem: str) -> None:
    """Write the metadata that pip leaves behind for a distribution."""
    info = folder / f"{stem}-1.30.0.dist-info"
    info.mkdir()
    name = stem.replace("_", "-")
    info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.30.0\n")


def run_python(code: str, *, search_path: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": f"{search_path}{os.pathsep}{ROOT}"}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )


def test_no_flavour_is_found_in_an_empty_folder(tmp_path):
    assert installed_flavours([str(tmp_path)]) == ()


@pytest.mark.parametrize("stem", ["onnxruntime_gpu", "ONNXRuntime.GPU"])
def test_the_gpu_flavour_is_found_however_its_name_is_spelled(tmp_path, stem):
    install(tmp_path, stem)
    assert installed_flavours([str(tmp_path)]) == ("onnxruntime-gpu",)


def test_both_flavours_are_found(tmp_path):
    install(tmp_path, "onnxruntime")
    install(tmp_path, "onnxruntime_gpu")
    assert installed_flavours([str(tmp_path)]) == ("onnxruntime", "onnxruntime-gpu")


def test_a_package_with_a_similar_name_is_not_a_flavour(tmp_path):
    install(tmp_path, "onnxruntime_genai")
    install(tmp_path, "onnxruntime_extensions")
    assert installed_flavours([str(tmp_path)]) == ()


def test_without_a_flavour_the_error_names_the_command_that_installs_one():
    with pytest.raises(RuntimeFlavourError, match=r"pip install onnxruntime"):
        require_one_flavour(())


def test_with_both_flavours_the_error_names_the_command_that_mends_it():
    command = r"pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime"
    with pytest.raises(RuntimeFlavourError, match=f"overwrite each other's files; run: {command}"):
        require_one_flavour(("onnxruntime", "onnxruntime-gpu"))


def test_the_installed_flavour_loads():
    assert load_onnxruntime().__name__ == "onnxruntime"


@pytest.fixture
def unchecked():
    """Let this test be the first that loads ONNX Runtime, and none rely on what it loads."""
    load_onnxruntime.cache_clear()
    yield
    load_onnxruntime.cache_clear()


@pytest.mark.usefixtures("unchecked")
def test_what_is_installed_is_looked_for_until_it_is_right_and_then_no_more(monkeypatch):
    found = iter([(), ("onnxruntime", "onnxruntime-gpu"), ("onnxruntime",)])
    monkeypatch.setattr(flavour, "installed_flavours", lambda: next(found))
    for reason in ("is not installed", "overwrite each other's files"):
        with pytest.raises(RuntimeFlavourError, match=reason):
            load_onnxruntime()
    first = load_onnxruntime()
    assert load_onnxruntime() is first
    assert first.__name__ == "onnxruntime"


def test_a_flavour_whose_files_were_removed_is_reported_as_damaged(tmp_path):
    tmp_path.joinpath("onnxruntime").mkdir()
    tmp_path.joinpath("onnxruntime", "__init__.py").touch()
    result = run_python(
        "from zoo_compress.runtime.flavour import load_onnxruntime; load_onnxruntime()",
        search_path=tmp_path,
    )
    assert "RuntimeFlavourError: ONNX Runtime's files are incomplete; run: pip" in result.stderr


def test_a_flavour_that_does_not_import_is_reported_with_the_reason(tmp_path):
    tmp_path.joinpath("onnxruntime.py").write_text("raise ImportError('libcudart.so.13')")
    result = run_python(
        "from zoo_compress.runtime.flavour import load_onnxruntime; load_onnxruntime()",
        search_path=tmp_path,
    )
    assert "ONNX Runtime does not load (libcudart.so.13); run: pip" in result.stderr


def test_importing_the_runtime_package_imports_no_heavy_library(tmp_path):
    result = run_python(
        "import sys, zoo_compress.runtime.evaluator, zoo_compress.runtime.gate\n"
        "import zoo_compress.runtime.environment, zoo_compress.stats.certificates\n"
        "print(sorted({'onnx', 'onnxruntime', 'psutil', 'scipy', 'torch'} & sys.modules.keys()))",
        search_path=tmp_path,
    )
    assert result.stdout.strip() == "[]", result.stderr
