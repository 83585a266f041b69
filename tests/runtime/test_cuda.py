from __future__ import annotations

import re
from dataclasses import replace

import pytest

from zoo_compress.runtime.cuda import CudaFacts, Driver, cuda_obstacle, obstacle_in
from zoo_compress.runtime.device import Device

READY = CudaFacts(
    flavours=("onnxruntime-gpu",),
    offered=True,
    built_for=13,
    driver=Driver(cuda=(13, 0), devices=2),
    opened=("CUDAExecutionProvider", "CPUExecutionProvider"),
)


@pytest.mark.parametrize("index", [0, 1])
def test_nothing_is_in_the_way_of_a_device_that_a_session_opened_on(index):
    assert obstacle_in(READY, Device("cuda", index)) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"flavours": ("onnxruntime",)}, "onnxruntime is installed, which has no CUDA provider"),
        ({"flavours": ()}, "no ONNX Runtime is installed"),
        ({"offered": False}, "offers no CUDA provider on this system"),
        ({"driver": None}, "there is no NVIDIA driver"),
        ({"driver": Driver(cuda=(12, 4), devices=1)}, r"CUDA up to 12\.4, .* built for CUDA 13"),
        ({"driver": Driver(cuda=(13, 0), devices=1)}, r"offers 1 device\(s\), numbered from 0"),
        ({"torch_has_cuda": False}, "torch is built without CUDA"),
        ({"opened": ("CPUExecutionProvider",)}, "a CUDA or cuDNN library does not load; run: pip"),
    ],
)
def test_the_first_thing_that_is_missing_is_named(changes, said):
    found = obstacle_in(replace(READY, **changes), Device("cuda", 1))
    assert found is not None
    assert re.search(said, found), found


def test_libraries_that_do_not_load_are_named():
    missing = ("Failed to load libcudnn.so.9: cannot open shared object file",)
    facts = replace(READY, opened=("CPUExecutionProvider",), missing=missing)
    assert "libcudnn.so.9" in str(obstacle_in(facts, Device("cuda")))


def test_a_driver_newer_than_the_build_is_fine():
    facts = replace(READY, driver=Driver(cuda=(14, 1), devices=1))
    assert obstacle_in(facts, Device("cuda")) is None


@pytest.mark.gpu
def test_the_device_of_this_machine_can_be_used():
    assert cuda_obstacle(Device("cuda")) is None
