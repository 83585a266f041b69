"""The front matter of a compressed model's card, in the Hub's own terms."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from huggingface_hub import EvalResult, ModelCardData

from zoo_compress.hub.licences import hub_licence

LIBRARY = "onnx"
TAGS = ("onnx", "zoo-compress")

HUB = "https://huggingface.co"
MOST_TAGS = 50
LONGEST_NAME = 100

# The Hub works these out by itself, or they speak of files that only the original has.
_NOT_INHERITED = re.compile(
    r"(license|base_model|region|dataset|arxiv|doi|model-index)\b|safetensors|pytorch|tf|jax|"
    r"tensorflow|coreml|gguf|openvino|rust|.*_compatible|transformers\.js",
    re.IGNORECASE,
)
_TAG = re.compile(r"[\w .:+/&-]{1,60}")
_PIPELINE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,12}([-_][A-Za-z0-9]{2,8})*")
_WEB_LINK = re.compile(r"https?://[^\s<>\"'`]+")
_REPOSITORY_LINK = re.compile(r"[\w][\w ./-]*")

TASKS = {"embedding": "feature-extraction", "classification": "classification"}
"""What the results call the task where the original's card does not say."""

UNLABELLED = "unlabelled-inputs"
"""The type of data set that the figures are of; the Hub asks for some identifier."""


def front_matter(run: Mapping[str, Any]) -> str:
    """Return the YAML between the two lines of dashes of a model card.

    Licence, language, task and tags come from the original's card, as far as they are what the
    Hub takes; the figures of the run are its `model-index`.

    Args:
        run: The content of run.json.
    """
    origin = run["origin"]
    given: Mapping[str, Any] = origin["metadata"]
    data = ModelCardData(
        **_base(origin),
        **_licence(origin),
        language=_language(given.get("language")),
        library_name=LIBRARY,
        pipeline_tag=_pipeline_tag(given),
        tags=[*TAGS, *_inherited_tags(given.get("tags"))],
        model_name=_result_name(run),
        eval_results=list(_results(run)),
    )
    yaml: str = data.to_yaml()
    return yaml


def _base(origin: Mapping[str, Any]) -> dict[str, Any]:
    if origin["repo_id"] is None:
        return {}
    return {"base_model": origin["repo_id"], "base_model_relation": "quantized"}


def _licence(origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return the licence as the Hub takes it; one that it has no name for is `other`."""
    licence, given = origin["licence"], origin["metadata"]
    if licence is None:
        return {}
    known = hub_licence(licence)
    named = _line(given.get("license_name"))
    return {
        "license": known or "other",
        "license_name": named if known else named or _line(licence),
        "license_link": licence_link(origin),
    }


def licence_link(origin: Mapping[str, Any]) -> str | None:
    """Return where the licence can be read, for a card that lies elsewhere than the original's.

    A path in the original's repository becomes a link to it, at the commit that was compressed.
    """
    link = _line(origin["metadata"].get("license_link"))
    if link is None or _WEB_LINK.fullmatch(link):
        return link
    inside = _REPOSITORY_LINK.fullmatch(link) and ".." not in link
    if not inside or origin["repo_id"] is None or origin["revision"] is None:
        return None
    return f"{HUB}/{origin['repo_id']}/blob/{origin['revision']}/{quote(link)}"


def _language(value: Any) -> str | list[str] | None:
    if isinstance(value, str):
        return value if _LANGUAGE.fullmatch(value) else None
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str) and _LANGUAGE.fullmatch(item)]
    return None


def _pipeline_tag(given: Mapping[str, Any]) -> str | None:
    tag = given.get("pipeline_tag")
    return tag if isinstance(tag, str) and _PIPELINE.fullmatch(tag) else None


def _inherited_tags(value: Any) -> Iterator[str]:
    tags = [tag for tag in value if isinstance(tag, str)] if isinstance(value, list) else []
    for tag in tags[:MOST_TAGS]:
        if _TAG.fullmatch(tag) and not _NOT_INHERITED.fullmatch(tag.partition(":")[0]):
            yield tag


def _result_name(run: Mapping[str, Any]) -> str:
    origin = run["origin"]
    name = origin["repo_id"] or run["source"].removeprefix("sample:")
    last = re.split(r"[/\\]", name)[-1].removesuffix(".onnx")
    return f"{_line(last) or 'model'}-compressed"


def _results(run: Mapping[str, Any]) -> Iterator[EvalResult]:
    """Return the figures, those of the search first, then what is certified on other inputs."""
    reference = {"relative_to": run["origin"]["repo_id"] or run["source"].rpartition("/")[2]}
    if run["origin"]["repo_id"] and run["origin"]["revision"]:
        reference["revision"] = run["origin"]["revision"]

    def result(kind: str, name: str, value: float, split: str, **more: Any) -> EvalResult:
        return EvalResult(
            task_type=_pipeline_tag(run["origin"]["metadata"]) or TASKS.get(run["task"], "other"),
            dataset_type=UNLABELLED,
            dataset_name=_line(run["data"]) or UNLABELLED,
            dataset_split=split,
            metric_type=kind,
            metric_name=name,
            metric_value=value,
            metric_args={**reference, **more},
        )

    yield result("size-ratio", "Size relative to the original", run["size_ratio"], "search")
    if run["relative_distance"] is not None:
        name = f"Relative distance to the original ({run['distance_name']})"
        more = {"inputs": run["search_inputs"]}
        yield result("relative-distance", name, run["relative_distance"], "search", **more)
    for certificate in run["certificates"]:
        if certificate["kind"] != "top1-disagreement" or certificate["bound"] is None:
            continue
        more = {"inputs": certificate["n"]}
        sure = {"confidence": certificate["confidence"], **more}
        name = "Changed top answers, certified upper bound"
        yield result("disagreement-bound", name, certificate["bound"], "certify", **sure)
        seen, name = certificate["observed"], "Changed top answers, observed"
        yield result("disagreement", name, seen, "certify", **more)


def _line(value: Any) -> str | None:
    """Return a text as one line that is not too long, None if it is none."""
    if not isinstance(value, str):
        return None
    line = "".join(character for character in " ".join(value.split()) if character.isprintable())
    return line[:LONGEST_NAME] or None
