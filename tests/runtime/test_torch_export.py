import logging
import sys
import warnings

import numpy as np
import pytest
import torch

from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.runtime.session import open_session
from zoo_compress.runtime.torch_export import compare_export, export_module, silence


class Plus(torch.nn.Module):
    def __init__(self, number):
        super().__init__()
        self.number = number

    def forward(self, x):
        return x + self.number


needs_exporter = pytest.mark.skipif(
    not is_installed("onnxscript"), reason="torch exports with onnxscript, of the export extra"
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU()).eval()
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_module(
        module, path, examples={"x": torch.zeros(2, 4)}, axes={0: "batch"}, outputs=["y"]
    )
    return module, path


@needs_exporter
def test_inputs_and_outputs_have_the_names_and_dynamic_axes_asked_for(exported):
    session = open_session(exported[1])
    found = [
        (value.name, value.shape) for value in (*session.get_inputs(), *session.get_outputs())
    ]
    assert found == [("x", ["batch", 4]), ("y", ["batch", 3])]


@needs_exporter
def test_the_exported_file_names_no_path_of_this_machine(exported):
    content = exported[1].read_bytes()
    assert b"site-packages" not in content
    assert b".py" not in content


@needs_exporter
def test_a_faithful_export_differs_by_rounding_only(exported):
    module, path = exported
    difference = compare_export(
        module, path, [{"x": np.ones((size, 4), np.float32)} for size in (1, 3)]
    )
    assert difference.absolute <= 1e-6
    assert difference.relative <= 1e-5


@needs_exporter
def test_the_difference_is_told_in_itself_and_relative_to_the_largest_output(exported):
    module, path = exported
    shifted = torch.nn.Sequential(*module, Plus(0.5))
    feed = {"x": np.ones((1, 4), np.float32)}
    largest = shifted(torch.ones(1, 4)).detach().numpy().max()
    difference = compare_export(shifted, path, [feed])
    assert difference.absolute == pytest.approx(0.5)
    assert difference.relative == pytest.approx(0.5 / largest)


@needs_exporter
def test_an_output_that_is_no_number_is_the_largest_difference(exported):
    module, path = exported
    broken = torch.nn.Sequential(*module, Plus(float("nan")))
    feeds = [{"x": np.ones((size, 4), np.float32)} for size in (1, 2)]
    assert np.isnan(compare_export(broken, path, feeds).relative)


def test_nothing_is_printed_warned_or_logged_in_silence(capfd):
    with silence():
        print("printed")
        print("printed", file=sys.stderr)
        warnings.warn("warned", stacklevel=1)
        logging.getLogger("exporter").error("logged")
    assert capfd.readouterr() == ("", "")


def test_logging_is_as_before_after_silence():
    logging.disable(logging.INFO)
    try:
        with silence():
            pass
        assert logging.root.manager.disable == logging.INFO
    finally:
        logging.disable(logging.NOTSET)
