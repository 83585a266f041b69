import shutil

import numpy as np
import pytest

from zoo_compress.core import TensorSpec
from zoo_compress.data.check import check_feeds
from zoo_compress.data.load import load_inputs
from zoo_compress.data.samples.efficientnet_lite0 import EfficientNetLite0
from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.data.samples.photographs import labelled_photographs
from zoo_compress.runtime.session import open_session

pytestmark = pytest.mark.skipif(
    not all(map(is_installed, EfficientNetLite0.packages)),
    reason="needs the packages of the samples extra",
)
SPECS = [TensorSpec(name="pixel_values", shape=("batch", 3, 224, 224), dtype="float32")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def artifact(cache):
    return EfficientNetLite0().artifact(cache)


def test_the_artifact_names_its_origin_and_is_prepared_once(artifact, cache, capfd):
    before = artifact.model_path.stat().st_mtime_ns
    assert EfficientNetLite0().artifact(cache) == artifact
    assert artifact.model_path.stat().st_mtime_ns == before
    assert capfd.readouterr() == ("", "")
    assert (artifact.source, artifact.task) == ("sample:efficientnet-lite0", "classification")
    assert (artifact.revision, artifact.licence) == ("0.1.0", "Apache-2.0")
    assert [path.name for path in artifact.companions] == [
        "config.json",
        "preprocessor_config.json",
    ]
    assert [path.name for path in cache.iterdir()] == [artifact.model_path.parent.name]


def test_most_labelled_photographs_are_classified_right(artifact, tmp_path):
    for photograph in labelled_photographs():
        name = photograph.path.stem
        shutil.copy(photograph.path, tmp_path / f"{photograph.label:03d}_{name}.jpg")
    inputs = load_inputs(str(tmp_path), artifact=artifact, specs=SPECS, count=20, seed=0)
    session = open_session(artifact.model_path)
    found = [int(session.run(None, dict(feed))[0].argmax()) for feed in inputs.feeds]
    assert np.mean([a == b for a, b in zip(found, inputs.labels, strict=True)]) >= 0.8


def test_a_batch_gives_what_its_images_give_alone(artifact):
    batch = np.random.default_rng(0).standard_normal((3, 3, 224, 224), dtype=np.float32)
    session = open_session(artifact.model_path)
    together = session.run(None, {"pixel_values": batch})[0]
    alone = [session.run(None, {"pixel_values": one[None]})[0][0] for one in batch]
    assert together == pytest.approx(np.array(alone), abs=1e-4)


def test_the_inputs_are_crops_of_27_photographs_that_fit_the_model():
    inputs = EfficientNetLite0().inputs(seed=0)
    check_feeds(inputs, SPECS)
    assert len(inputs) == len(set(inputs.names)) == 540
    assert len(set(inputs.groups)) == 27
    assert not inputs.synthetic
    assert inputs.description == (
        "540 random crops of 27 photographs packaged with scikit-image, scikit-learn and foolbox"
    )
    values = np.stack([feed["pixel_values"] for feed in inputs.feeds[::20]])
    assert values.min() >= -127 / 128 - 1e-6
    assert values.max() <= 1 + 1e-6
