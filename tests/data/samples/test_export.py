import logging
import sys
import warnings

import numpy as np
import pytest
import torch

from zoo_compress.data.samples.export import check_export, export_module, silence
from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.errors import SampleError
from zoo_compress.runtime.session import open_session

needs_exporter = pytest.mark.skipif(
    not is_installed("onnxscript"), reason="torch exports with onnxscript, of the samples extra"
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU()).eval()
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_module(module, path, examples={"x": torch.zeros(2, 4)}, axes={0: "batch"}, output="y")
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
def test_a_faithful_export_passes_the_check(exported):
    module, path = exported
    check_export(module, path, [{"x": np.ones((1, 4), np.float32)}])


@needs_exporter
def test_an_export_that_computes_something_else_is_refused(exported):
    _, path = exported
    other = torch.nn.Linear(4, 3).eval()
    with pytest.raises(SampleError, match=r"the export differs from the torch model by \d"):
        check_export(other, path, [{"x": np.ones((1, 4), np.float32)}])


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
