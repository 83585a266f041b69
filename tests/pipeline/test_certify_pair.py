import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.conftest import Case, classifier
from tests.pipeline.variants import (
    half,
    infinite_where_bright,
    noisy,
    renamed_input,
    reweighted,
    saved,
)
from zoo_compress import errors
from zoo_compress.core import Progress
from zoo_compress.pipeline import Certification, CertifySettings, certify_pair
from zoo_compress.stats.bounds import clopper_pearson_upper


class Pair:
    """The original and a slightly noisy copy, with 400 samples."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.original = saved(classifier(), folder / "model.onnx")
        self.compressed = saved(noisy(0.02), folder / "noisy.onnx")
        self.data = folder / "data.npz"
        self.draw(400)

    def draw(self, n: int, shape: tuple[int, ...] = (3, 8, 8)) -> None:
        samples = np.random.default_rng(1).standard_normal((n, *shape))
        np.savez(self.data, x=samples.astype(np.float32))

    def settings(self, **changes: Any) -> CertifySettings:
        asked: dict[str, Any] = {
            "original": str(self.original),
            "compressed": str(self.compressed),
            "data": str(self.data),
        }
        return CertifySettings(**(asked | changes))

    def certified(self, **changes: Any) -> Certification:
        return certify_pair(self.settings(**changes))

    def refused(self, kind: type[errors.ZooCompressError], **changes: Any) -> str:
        """Certify, expect to be refused before the models are compared; return the message."""
        told: list[Progress] = []
        with pytest.raises(kind) as caught:
            certify_pair(self.settings(**changes), progress=told.append)
        assert not [report for report in told if report.stage == "certify"]
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_a_classifier_is_certified_on_all_inputs_and_its_distance_on_those_beside_the_scale(
    pair: Pair,
) -> None:
    found = pair.certified()
    top, *rest = found.certificates
    assert (top.kind, top.n) == ("top1-disagreement", 400)
    assert 0 < top.observed < 0.2
    differing = round(400 * top.observed)
    assert top.bound == clopper_pearson_upper(differing, 400, 0.95)
    assert [c.kind for c in rest] == ["distance-quantile", "asymptotic-interval", "lipschitz-risk"]
    assert {certificate.n for certificate in rest} == {350}
    assert (found.inputs, found.scale_inputs) == (400, 50)
    assert found.scope.startswith("400 inputs, out of 400 samples from file data.npz")
    assert rest[0].scope.startswith("350 inputs, out of 400 samples")
    assert found.limits == found.notes == ()
    found.require_limits()


def test_a_model_against_itself_differs_nowhere(pair: Pair) -> None:
    found = pair.certified(compressed=str(pair.original), max_disagreement=0.02)
    assert found.identical
    assert found.certificates[0].observed == 0
    assert found.certificates[1].bound == 0
    found.require_limits()


def test_two_models_are_not_identical_when_their_sizes_are(pair: Pair) -> None:
    found = pair.certified()
    assert found.original_bytes == found.compressed_bytes
    assert not found.identical


def test_external_data_counts_in_the_size(pair: Pair) -> None:
    import onnx

    path = pair.folder / "external.onnx"
    onnx.save(classifier(), path, save_as_external_data=True, location="w", size_threshold=0)
    found = pair.certified(compressed=str(path))
    assert found.compressed_bytes == path.stat().st_size + (pair.folder / "w").stat().st_size


def test_a_missed_limit_is_an_error_only_when_asked(pair: Pair) -> None:
    worse = saved(noisy(1.0), pair.folder / "worse.onnx")
    found = pair.certified(compressed=str(worse), max_disagreement=0.05, max_distance=0.5)
    assert [limit.met for limit in found.limits] == [False, False]
    with pytest.raises(errors.LimitError, match=r"--max-disagreement 0\.05.*--max-distance 0\.5"):
        found.require_limits()


def test_a_limit_on_the_distance_is_a_share_of_the_variance(pair: Pair) -> None:
    (limit,) = pair.certified(max_distance=0.5).limits
    found = pair.certified()
    assert limit.bound == found.certificates[1].bound / found.scale
    assert limit.met


@pytest.mark.parametrize("distance", ["total-variation", "cosine"])
def test_a_bounded_distance_is_limited_by_its_mean_on_all_inputs(
    distance: str, pair: Pair
) -> None:
    found = pair.certified(distance=distance, max_distance=0.05)
    mean = next(c for c in found.certificates if c.kind == "bounded-mean")
    assert found.limits[0].bound == mean.bound
    assert (mean.n, found.scale_inputs) == (400, 0)
    assert "lipschitz-risk" not in [certificate.kind for certificate in found.certificates]


def test_embeddings_are_compared_by_cosine_and_others_by_squared_l2(pair: Pair) -> None:
    assert pair.certified(task="embedding").distance == "cosine"
    assert pair.certified(task="other").distance == "squared-l2"
    assert [c.kind for c in pair.certified(task="other").certificates] == [
        "distance-quantile",
        "asymptotic-interval",
    ]


def test_the_relational_distance_has_an_asymptotic_statement(pair: Pair) -> None:
    found = pair.certified(task="embedding", distance="relational")
    assert [c.kind for c in found.certificates] == ["asymptotic-interval"]


def test_half_precision_inputs_are_converted(pair: Pair) -> None:
    path = saved(half(), pair.folder / "half.onnx")
    found = pair.certified(compressed=str(path), max_disagreement=0.03)
    found.require_limits()
    assert found.compressed_bytes < 0.6 * found.original_bytes


def test_infinite_outputs_of_the_compressed_model_are_counted_and_told(pair: Pair) -> None:
    path = saved(infinite_where_bright(), pair.folder / "broken.onnx")
    found = pair.certified(compressed=str(path))
    assert found.certificates[0].observed > 0.4
    assert found.certificates[1].bound == np.inf
    assert found.notes[0].startswith("the compressed model's outputs are NaN, infinite or of")
    assert found.notes[0].endswith("of 400 inputs")


def test_inputs_that_a_runs_search_saw_are_left_out(knapsack_run: Case) -> None:
    split = json.loads((knapsack_run.out / "split.json").read_text("utf-8"))
    settings = {"original": str(knapsack_run.model), "data": str(knapsack_run.data)}
    whole = certify_pair(CertifySettings(**settings, compressed=str(knapsack_run.out)))
    assert whole.inputs == len(split["certify"]) == 60
    assert whole.scale_inputs == 0
    assert "60 inputs that the search did not see" in whole.scope
    file = certify_pair(
        CertifySettings(**settings, compressed=str(knapsack_run.out / "model.onnx"))
    )
    assert file.certificates == whole.certificates


def test_other_models_history_is_not_known(pair: Pair) -> None:
    assert "whether calibration or search saw them is not known" in pair.certified().scope


def test_synthetic_inputs_say_so(pair: Pair) -> None:
    found = pair.certified(data=None, inputs=40)
    assert found.synthetic
    assert "nothing is certified about real ones" in found.notes[0]
    assert all("synthetic inputs only" in c.scope for c in found.certificates)


def test_the_same_seed_gives_the_same_certificates(pair: Pair) -> None:
    assert pair.certified(inputs=50) == pair.certified(inputs=50)
    assert pair.certified(inputs=50).certificates != pair.certified(inputs=50, seed=1).certificates


def test_too_few_inputs_for_a_limit_are_refused_before_anything_is_fetched(pair: Pair) -> None:
    message = pair.refused(
        errors.InputError, original="no.onnx", inputs=148, max_disagreement=0.02
    )
    assert "takes at least 149 inputs" in message
    assert "there are 148" in message


def test_too_few_inputs_in_the_data_are_refused(pair: Pair) -> None:
    pair.draw(148)
    message = pair.refused(errors.InputError, max_disagreement=0.02)
    assert "takes at least 149 inputs, even if none differs; there are 148" in message
    assert "at least 29" in pair.refused(errors.InputError, max_distance=0.02, inputs=30)
    message = pair.refused(errors.InputError, max_distance=0.02, distance="cosine")
    assert "takes at least 167 inputs" in message


def test_too_few_inputs_for_any_statement_are_refused(pair: Pair) -> None:
    pair.draw(6)
    assert "4 inputs besides 2 that set the scale" in pair.refused(errors.InputError)
    assert pair.certified(distance="kl").inputs == 6
    pair.draw(2)
    assert "3 are needed" in pair.refused(errors.InputError, distance="relational")


def test_a_limit_on_disagreement_takes_a_classifier(pair: Pair) -> None:
    message = pair.refused(errors.InputError, max_disagreement=0.02, task="other")
    assert "is not known to be a classifier" in message


def test_a_limit_on_the_relational_distance_is_refused(pair: Pair) -> None:
    message = pair.refused(errors.InputError, max_distance=0.02, distance="relational")
    assert "asymptotic interval only" in message


def test_a_distance_that_does_not_fit_the_outputs_is_refused(pair: Pair) -> None:
    with pytest.raises(errors.InputError, match=r"distance nonsense: there is no distance"):
        pair.certified(distance="nonsense")


def test_models_with_other_inputs_are_refused_with_both_names(pair: Pair) -> None:
    other = saved(renamed_input("pixels"), pair.folder / "other.onnx")
    message = pair.refused(errors.SourceError, compressed=str(other))
    assert (
        "only the original has input 'x'; only the compressed model has input 'pixels'" in message
    )


def test_models_with_other_outputs_are_refused(pair: Pair) -> None:
    other = saved(classifier(output="scores"), pair.folder / "other.onnx")
    assert "output 'scores'" in pair.refused(errors.SourceError, compressed=str(other))


def test_data_that_does_not_fit_is_refused(pair: Pair) -> None:
    pair.draw(40, (3, 9, 8))
    assert "(40, 3, 9, 8)" in pair.refused(errors.InputError)
    assert "nowhere" in pair.refused(errors.InputError, data="nowhere")


@pytest.mark.parametrize("side", ["original", "compressed"])
def test_a_missing_model_is_refused(side: str, pair: Pair) -> None:
    assert "gone.onnx" in pair.refused(errors.SourceError, **{side: "gone.onnx"})


def test_an_original_that_returns_nan_is_refused(pair: Pair) -> None:
    broken = saved(reweighted(lambda w: np.full_like(w, np.nan)), pair.folder / "nan.onnx")
    message = pair.refused(errors.OriginalModelError, original=str(broken))
    assert "'logits' of the original model is NaN or infinite for sample 'data.npz[" in message
