import pytest
from huggingface_hub import ModelCard

from tests.report.conftest import CERTIFICATE, RUN, SHA
from zoo_compress.hub.card_data import front_matter, licence_link

GIVEN = {
    "license": "other",
    "license_name": "acme-terms",
    "license_link": "docs/LICENSE.md",
    "language": ["en", "no"],
    "pipeline_tag": "image-classification",
    "tags": ["vision", "onnx", "safetensors", "license:mit", "base_model:x/y", 3, "<b>", "resnet"],
    "datasets": ["imagenet-1k"],
    "library_name": "timm",
}


def run_of(given, **origin):
    told = {**RUN["origin"], "licence": given.get("license"), "metadata": given, **origin}
    return {**RUN, "origin": told}


def data_of(run):
    """Return what the Hub's own client reads from a card with this front matter."""
    return ModelCard(f"---\n{front_matter(run)}\n---\n# A card\n").data


def test_the_hubs_client_reads_back_what_was_inherited():
    data = data_of(run_of(GIVEN))
    assert data.base_model == "me/net"
    assert data.base_model_relation == "quantized"
    assert data.library_name == "onnx"
    assert (data.license, data.license_name) == ("other", "acme-terms")
    assert data.license_link == f"https://huggingface.co/me/net/blob/{SHA}/docs/LICENSE.md"
    assert data.language == ["en", "no"]
    assert data.pipeline_tag == "image-classification"
    assert data.tags == ["onnx", "zoo-compress", "vision", "resnet"]
    assert data.datasets is None


def test_the_hubs_client_reads_back_the_results():
    data = data_of(RUN)
    assert data.model_name == "net-compressed"
    found = {result.metric_type: result for result in data.eval_results}
    values = {kind: result.metric_value for kind, result in found.items()}
    assert values == {
        "size-ratio": 0.125,
        "relative-distance": 0.19876,
        "disagreement-bound": 0.09,
        "disagreement": 0.07,
    }
    bound = found["disagreement-bound"]
    assert bound.task_type == "image-classification"
    assert bound.dataset_name == "500 photographs"
    assert bound.metric_args == {
        "relative_to": "me/net",
        "revision": SHA,
        "confidence": 0.95,
        "inputs": 450,
    }
    assert {result.dataset_split for result in found.values()} == {"search", "certify"}


def test_the_results_of_a_model_without_top_answers_are_its_size_and_distance():
    quantile = {**CERTIFICATE, "kind": "distance-quantile"}
    data = data_of({**RUN, "task": "embedding", "certificates": [quantile]})
    assert {result.metric_type for result in data.eval_results} == {
        "size-ratio",
        "relative-distance",
    }
    silent = data_of({**RUN, "relative_distance": None, "certificates": []})
    assert [result.metric_type for result in silent.eval_results] == ["size-ratio"]


def test_an_original_outside_the_hub_has_no_base_model():
    data = data_of(run_of({}, repo_id=None, revision=None, licence="Apache-2.0"))
    assert data.base_model is None
    assert "base_model_relation" not in data
    assert data.license == "apache-2.0"
    assert data.eval_results[0].task_type == "classification"


def test_a_licence_without_a_name_on_the_hub_is_another():
    data = data_of(run_of({"license": "CC-BY-ND-1.0"}))
    assert (data.license, data.license_name) == ("other", "CC-BY-ND-1.0")
    assert data_of(run_of({})).license is None


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://example.com/terms", "https://example.com/terms"),
        ("LICENSE", f"https://huggingface.co/me/net/blob/{SHA}/LICENSE"),
        ("../../evil", None),
        ("/etc/passwd", None),
        ("javascript:alert(1)", None),
        ("https://a> <script>", None),
        (3, None),
        (None, None),
    ],
)
def test_a_link_to_the_licence_leads_to_the_original(link, expected):
    assert licence_link({**RUN["origin"], "metadata": {"license_link": link}}) == expected


def test_a_licence_file_of_a_local_original_is_not_linked():
    local = {**RUN["origin"], "repo_id": None, "metadata": {"license_link": "LICENSE"}}
    assert licence_link(local) is None


@pytest.mark.parametrize(
    "evil",
    ["mit\n---\ntags: [evil]: *x", "{{ 7 * 7 }}", "<script>", ["a", ["b"]], {"a": 1}, 3, True],
)
def test_hostile_metadata_stays_what_it_is_or_is_left_out(evil):
    given = dict.fromkeys(("license_name", "language", "pipeline_tag", "tags"), evil)
    data = data_of(
        run_of({**given, "license": "mit"}, licence=evil if type(evil) is str else "mit")
    )
    assert data.pipeline_tag is None
    assert not data.language or data.language == ["a"]
    assert {"onnx", "zoo-compress"} <= set(data.tags) <= {"onnx", "zoo-compress", "a"}
    assert data.license in ("mit", "other")
    assert "evil" not in front_matter(RUN)
    assert data.eval_results
