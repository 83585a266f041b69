import numpy as np
import pytest
import torch

from zoo_compress.data.samples.export import check_export
from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.errors import SampleError
from zoo_compress.runtime.torch_export import export_module

pytestmark = pytest.mark.skipif(
    not is_installed("onnxscript"), reason="torch exports with onnxscript, of the samples extra"
)
FEED = {"x": np.ones((1, 4), np.float32)}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    torch.manual_seed(0)
    module = torch.nn.Linear(4, 3).eval()
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_module(
        module, path, examples={"x": torch.zeros(2, 4)}, axes={0: "batch"}, outputs=["y"]
    )
    return module, path


def test_a_faithful_export_passes_the_check(exported):
    module, path = exported
    check_export(module, path, [FEED])


def test_an_export_that_computes_something_else_is_refused(exported):
    _, path = exported
    other = torch.nn.Linear(4, 3).eval()
    with pytest.raises(SampleError, match=r"the export differs from the torch model by \d"):
        check_export(other, path, [FEED])
