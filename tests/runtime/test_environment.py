from __future__ import annotations

import json
import platform
import re

import numpy as np

from zoo_compress.runtime.environment import hardware, versions


def test_hardware_names_processor_cores_and_memory():
    found = hardware()
    assert set(found) == {"cpu", "cores", "memory_bytes", "gpu"}
    assert found["cpu"]
    assert found["cores"] >= 1
    assert found["memory_bytes"] > 2**28
    assert found["gpu"] is None
    json.dumps(found)


def test_versions_name_the_libraries_and_the_flavour():
    found = versions()
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+.* \((cpu|gpu)\)", found["onnxruntime"])
    assert {"onnx", "onnxslim", "zoo-compress"} <= found.keys()
