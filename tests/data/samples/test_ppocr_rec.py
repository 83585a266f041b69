import numpy as np
import onnx
import pytest

from zoo_compress.core import TensorSpec
from zoo_compress.data.check import check_feeds
from zoo_compress.data.samples.articles import draw_articles
from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.data.samples.ppocr_rec import PpOcrRec, pixels
from zoo_compress.data.samples.text_lines import page_lines, rendered_lines
from zoo_compress.runtime.session import open_session

pytestmark = pytest.mark.skipif(
    not all(map(is_installed, PpOcrRec.packages)),
    reason="needs the packages of the samples extra",
)
SPECS = [TensorSpec(name="x", shape=("batch", 3, 48, "width"), dtype="float32")]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return PpOcrRec().artifact(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def read(artifact):
    """A function from the image of a line to its text: greedy decoding, class 0 is the blank."""
    model = onnx.load(artifact.model_path)
    (listed,) = (entry.value for entry in model.metadata_props if entry.key == "character")
    characters = ["", *listed.split("\n"), " "]
    session = open_session(artifact.model_path)

    def read_line(image):
        best = session.run(None, {"x": pixels(image)})[0][0].argmax(axis=1)
        changed = np.diff(best, prepend=0) != 0
        return "".join(characters[index] for index in best[changed])

    return read_line


def test_the_artifact_names_its_origin(artifact):
    assert (artifact.source, artifact.task) == ("sample:ppocr-rec", "other")
    assert artifact.licence == "Apache-2.0"
    assert artifact.companions == ()


def test_the_photographed_page_is_read(read):
    lines = {}
    for line in page_lines():
        lines.setdefault(line.source, []).append(read(line.image))
    assert " ".join(lines["page/1"]) == "Let us first determine markers of the coins and the"
    assert " ".join(lines["page/2"]) == "background. These markers are pixels that we can label"


def test_rendered_lines_are_read(read):
    lines = list(rendered_lines(draw_articles(each=4, seed=0), seed=0))
    right = [read(line.image).replace(" ", "") == line.text.replace(" ", "") for line in lines]
    assert np.mean(right) >= 0.9


def test_the_inputs_are_about_300_lines_that_fit_the_model():
    inputs = PpOcrRec().inputs(seed=0)
    check_feeds(inputs, SPECS)
    assert len(inputs) == len(set(inputs.names)) == 303
    assert len(set(inputs.groups)) == 286
    assert "rendered in Pillow's font" in inputs.description
    values = np.concatenate([feed["x"].ravel() for feed in inputs.feeds])
    assert values.min() >= -1
    assert values.max() <= 1
