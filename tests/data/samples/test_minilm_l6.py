import numpy as np
import pytest

from zoo_compress.core import TensorSpec
from zoo_compress.data.check import check_feeds
from zoo_compress.data.samples.minilm_l6 import INPUTS, LONGEST, MiniLmL6, tokenise
from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.runtime.session import open_session

pytestmark = pytest.mark.skipif(
    not all(map(is_installed, MiniLmL6.packages)),
    reason="needs the packages of the samples extra",
)
SPECS = [TensorSpec(name=name, shape=("batch", "sequence"), dtype="int64") for name in INPUTS]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    return MiniLmL6().artifact(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def session(artifact):
    return open_session(artifact.model_path)


def embed(session, *texts):
    return np.concatenate([session.run(None, dict(feed))[0] for feed in tokenise(texts)])


def test_the_artifact_carries_tokenizer_and_licence(artifact):
    assert (artifact.source, artifact.task) == ("sample:minilm-l6", "embedding")
    assert artifact.licence == "Apache-2.0"
    names = {path.name for path in artifact.companions}
    assert {"config.json", "tokenizer.json", "tokenizer_config.json"} <= names


def test_sentences_that_mean_the_same_score_higher_than_unrelated_ones(session):
    vectors = embed(
        session,
        "The company's profits rose by ten percent.",
        "Earnings at the firm were up 10%.",
        "A small cat sleeps in the sun.",
    )
    scores = vectors @ vectors.T
    assert np.diag(scores) == pytest.approx(1, abs=1e-5)
    assert scores[0, 1] > 0.5
    assert scores[0, 2] < 0.2


def test_padding_behind_the_mask_does_not_change_the_embedding(session):
    (feed,) = tokenise(["A small cat sleeps in the sun."])
    padded = {name: np.pad(array, ((0, 0), (0, 9))) for name, array in feed.items()}
    alone, behind_mask = (session.run(None, dict(each))[0] for each in (feed, padded))
    assert behind_mask == pytest.approx(alone, abs=1e-5)


def test_the_inputs_are_400_openings_of_different_articles():
    inputs = MiniLmL6().inputs(seed=0)
    check_feeds(inputs, SPECS)
    assert len(inputs) == len(set(inputs.groups)) == len(set(inputs.names)) == 400
    lengths = [feed["input_ids"].shape[1] for feed in inputs.feeds]
    assert min(lengths) > 8
    assert max(lengths) <= LONGEST
    assert MiniLmL6().inputs(seed=0).names == inputs.names
    assert MiniLmL6().inputs(seed=1).names != inputs.names


def test_long_texts_are_cut_off():
    (feed,) = tokenise(["word " * 500])
    assert feed["input_ids"].shape == (1, LONGEST)


def test_its_attention_heads_are_recognised_as_exported(artifact):
    from zoo_compress.graph.channels.find import find_channels
    from zoo_compress.graph.channels.shapes import with_shapes
    from zoo_compress.pipeline.prepare import prepare_as

    prepared = prepare_as(artifact, simplified=True)
    found = find_channels(with_shapes(prepared.model)).removable
    counts = [(group.kind, len(group.units)) for group in found]
    assert counts == [("heads", 12), ("channels", 1536)] * 6
