import inspect

import pytest

from zoo_compress.data.samples.base import Sample
from zoo_compress.data.samples.efficientnet_lite0 import EfficientNetLite0
from zoo_compress.data.samples.minilm_l6 import MiniLmL6
from zoo_compress.data.samples.ppocr_rec import PpOcrRec


@pytest.mark.parametrize("kind", [EfficientNetLite0, MiniLmL6, PpOcrRec])
def test_a_sample_describes_itself_in_one_line(kind):
    sample: Sample = kind()
    assert sample.summary
    assert "\n" not in sample.summary
    assert sample.packages
    first = inspect.getdoc(kind).split("\n\n")[0]
    assert "\n" not in first
    assert first.rstrip(".").split(", ")[0] == sample.summary.split(", ")[0]
