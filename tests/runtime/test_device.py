from __future__ import annotations

import pytest

from zoo_compress.errors import RuntimeFlavourError
from zoo_compress.runtime.device import CPU, Device, choose_device
from zoo_compress.runtime.flavour import installed_flavours

CPU_FLAVOUR_ONLY = pytest.mark.skipif(
    installed_flavours() != ("onnxruntime",), reason="another flavour is installed"
)


def test_the_cpu_is_there_without_looking_for_anything_else():
    assert choose_device("cpu") == (CPU, None)
    assert CPU.providers == ["CPUExecutionProvider"]


@CPU_FLAVOUR_ONLY
def test_auto_is_the_cpu_where_no_gpu_flavour_is_installed_and_says_nothing():
    assert choose_device("auto") == (CPU, None)


@CPU_FLAVOUR_ONLY
def test_cuda_is_refused_with_the_command_that_installs_it():
    with pytest.raises(
        RuntimeFlavourError,
        match=r"device 'cuda:1' cannot be used: onnxruntime is installed, .*"
        r"pip install 'onnxruntime-gpu\[cuda,cudnn\]'",
    ):
        choose_device("cuda:1")


@pytest.mark.parametrize("asked", ["", "gpu", "cuda:", "cuda:x", "cuda:-1", "CUDA", "cuda:0 "])
def test_what_is_no_device_is_refused_with_those_that_are(asked):
    with pytest.raises(RuntimeFlavourError, match="accepted are auto, cpu, cuda or cuda:N"):
        choose_device(asked)


def test_a_cuda_device_falls_back_to_the_cpu_for_single_nodes_only():
    (provider, options), rest = Device("cuda", 3).providers
    assert (provider, options["device_id"]) == ("CUDAExecutionProvider", 3)
    assert options["use_tf32"] == "0"
    assert rest == "CPUExecutionProvider"
    (_, recording), _ = Device("cuda", 3).recording_providers
    assert recording == {**options, "enable_cuda_graph": "1"}
    assert CPU.recording_providers == CPU.providers
    assert (str(Device("cuda", 3)), str(CPU)) == ("cuda:3", "cpu")


@pytest.mark.gpu
def test_auto_is_the_first_cuda_device_where_one_answers():
    assert choose_device("auto") == (Device("cuda", 0), None)
