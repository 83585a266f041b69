from __future__ import annotations

import json
import platform
import re

import numpy as np
import pytest

from zoo_compress.runtime.environment import (
    default_threads,
    execution,
    gpu_model,
    hardware,
    versions,
)


def test_hardware_names_processor_cores_and_memory():
    found = hardware()
    assert set(found) == {"cpu", "cores", "memory_bytes", "gpu"}
    assert found["cpu"]
    assert found["cores"] >= 1
    assert found["memory_bytes"] > 2**28
    assert found["gpu"] is None
    json.dumps(found)


def test_threads_are_one_for_each_physical_core_that_may_be_used(monkeypatch):
    usable = hardware()["cores"]
    for physical, expected in ((1, 1), (usable, usable), (10**6, usable), (None, usable)):
        monkeypatch.setattr("psutil.cpu_count", lambda *, logical, n=physical: n)
        assert default_threads() == expected


def test_versions_name_the_libraries_and_the_flavour():
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+.* \((cpu|gpu)\)", found["onnxruntime"])
    assert {"onnx", "onnxslim", "zoo-compress"} <= found.keys()


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """A folder that stands for PATH, and a function that puts a driver's tool into it."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def install(*lines: str) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text("\n".join(["#!/bin/sh", *lines]), encoding="utf-8")
        tool.chmod(0o755)

    return install


def test_execution_names_provider_runtime_processor_and_version():
    found = versions()
    assert execution() == (
        f"run by CPUExecutionProvider of ONNX Runtime {found['onnxruntime']} on "
        f"{hardware()['cpu']}, zoo-compress {found['zoo-compress']}"
    )


def test_execution_on_a_gpu_names_the_gpu_and_not_the_processor(driver):
    driver("echo 'Some GPU 80GB'", "echo 'Some GPU 80GB'", "echo Other")
    assert gpu_model() == "Some GPU 80GB, Other"
    assert " on Some GPU 80GB, Other, zoo-compress " in execution("CUDAExecutionProvider")


def test_a_gpu_that_no_driver_names_is_said_to_be_unknown(driver):
    assert gpu_model() is None
    driver("echo 'no devices were found' >&2", "exit 6")
    assert gpu_model() is None
    driver("exit 0")
    assert gpu_model() is None
    assert "a GPU of unknown model" in execution("CUDAExecutionProvider")
