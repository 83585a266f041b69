"""What the server's process holds once a compressed model is open."""

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest

import zoo_compress.serving
from tests.techniques.decoded import drawn
from zoo_compress.core import Option
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.graph.sites import find_sites
from zoo_compress.techniques.trellis_codes import TrellisCodes

OPEN = """
import sys
import onnxruntime
def held():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
before = held()
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
print(held() - before)
"""
NAME = "MALLOC_MMAP_THRESHOLD_"


def held_kilobytes(model, **environment):
    command = [sys.executable, "-c", OPEN, str(model)]
    others = {name: value for name, value in os.environ.items() if name != NAME}
    return int(subprocess.check_output(command, env=others | environment))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs the C library of GNU")
def test_the_memory_that_decoding_takes_goes_back_to_the_system(tmp_path):
    weight = drawn((512, 512), np.float32)
    graph = onnx.parser.parse_graph("g (float[1,512] x) => (float[] y) { y = MatMul(x, w) }")
    graph.initializer.append(onnx.numpy_helper.from_array(weight, "w"))
    sets = [onnx.helper.make_opsetid("", 18)]
    model = normalize(
        ir.from_proto(onnx.helper.make_model(graph, opset_imports=sets, ir_version=9))
    )
    (site,) = find_sites(model).sites
    option = Option(technique="trellis-codes", settings={"bits": 3.0}, stored_bytes=0)
    technique = TrellisCodes({})
    technique.rewrite(model, site, technique.encode(weight, site, option))
    path = tmp_path / "model.onnx"
    path.write_bytes(to_compact_proto(model).SerializeToString())
    dockerfile = Path(zoo_compress.serving.__file__).with_name("Dockerfile").read_text("utf-8")
    threshold = re.search(rf"{NAME}=(\d+)", dockerfile)
    assert threshold is not None
    assert held_kilobytes(path, **{NAME: threshold[1]}) < 0.5 * held_kilobytes(path)
