import pytest

from zoo_compress.cli.main import main


@pytest.mark.parametrize("command", ["run", "bench"])
@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CUDA"])
def test_what_is_no_device_is_a_usage_error_before_the_model_is_looked_for(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "no.onnx", "--device", name]) == 2
    assert f"'{name}' is no device; give auto, cpu, cuda or cuda:N" in capsys.readouterr().err
