"""The model card of a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, Template

from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.graph.load import load_model
from zoo_compress.graph.signature import signature
from zoo_compress.report import markdown
from zoo_compress.report.snippet import loading_snippet

SPEED = {
    "slower": "**It is slower than the original: it takes {:.3g} times as long.** It was chosen "
    "for its size.",
    "faster": "It is faster than the original: it takes {:.3g} of its time.",
    "alike": "It is as fast as the original: the ratio of their times is {:.3g}.",
    "unclear": "Which of the two is faster could not be told; the ratio of their times is {:.3g}.",
}
"""What a comparison of latencies comes to."""

TEMPLATE = "card.md.jinja"

NOT_SAID = (
    "anything about inputs of another kind than those it was computed on;",
    "anything about a single input: it speaks of shares of all inputs;",
    "that the original's answers are right.",
)
NOT_SAID_OF_A_DISTANCE = (
    "anything about accuracy: outputs may move without changing an answer, and a small move may "
    "change one;",
)


def render_card(
    run: Mapping[str, Any],
    *,
    artifact: Artifact,
    sites: Sequence[Mapping[str, Any]],
    inputs: Sequence[TensorSpec] | None = None,
) -> str:
    """Return the model card of a run as Markdown with YAML front matter.

    A local path appears by its file name only: a card is made to be published.

    Args:
        run: The content of run.json.
        artifact: The original model.
        sites: One mapping per weight: `name`, `shape`, `original_bytes`, `stored_bytes` and
            `option`, a label or None for a weight left as it was.
        inputs: The model's inputs; read from the original's file if None.

    Raises:
        SourceError: If `inputs` is None and the original cannot be read any more.
    """
    if inputs is None:
        inputs = signature(load_model(artifact.model_path)).inputs
    certificate = run["certificate"]
    return _template().render(
        run=run,
        sites=sites,
        certificate=certificate,
        silence=_not_said(certificate),
        front_matter=_front_matter(artifact),
        name=_name(artifact),
        origin=_origin(artifact),
        exported=artifact.exported[:1].upper() + artifact.exported[1:],
        speed=SPEED[run["latency"]["verdict"]].format(run["latency"]["ratio"]),
        snippet=loading_snippet(Path(run["model_path"]).name, inputs),
        command=_command(artifact, run),
    )


def _template() -> Template:
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # The output is Markdown: every foreign text goes through a filter of its own.
        autoescape=False,
    )
    environment.filters.update(
        text=markdown.text,
        code=markdown.code,
        cell=markdown.cell,
        bytes=markdown.readable_bytes,
        percent=markdown.percent,
        digits=markdown.digits,
    )
    source = files("zoo_compress.model_cards").joinpath(TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source)


def _front_matter(artifact: Artifact) -> str:
    fields: dict[str, Any] = {"library_name": "onnx", "tags": ["onnx", "zoo-compress"]}
    if artifact.licence is not None:
        # The Hub writes SPDX identifiers in lower case.
        fields["license"] = artifact.licence.lower()
    if artifact.repo_id is not None:
        fields["base_model"] = artifact.repo_id
        fields["base_model_relation"] = "quantized"
    front_matter: str = yaml.safe_dump(fields, sort_keys=True, allow_unicode=True)
    return front_matter


def _name(artifact: Artifact) -> str:
    if artifact.repo_id is not None:
        return artifact.repo_id.partition("/")[2]
    prefix, colon, sample = artifact.source.partition(":")
    if colon and prefix == "sample":
        return sample
    return Path(artifact.source).resolve().name if artifact.exported else artifact.model_path.stem


def _origin(artifact: Artifact) -> str:
    """Return a SOURCE that leads to the same model, without folders of this machine."""
    if artifact.repo_id is not None:
        revision = f"@{artifact.revision}" if artifact.revision else ""
        _, colon, file = artifact.source.partition(":")
        return f"{artifact.repo_id}{revision}{colon}{file}"
    if artifact.source.startswith("sample:"):
        return artifact.source
    return _name(artifact) if artifact.exported else artifact.model_path.name


def _command(artifact: Artifact, run: Mapping[str, Any]) -> str:
    plan = Path(run["plan_path"]).name
    options = ["--plan", plan, "--out", "again.onnx"]
    return shlex.join(["zoo-compress", "apply", _origin(artifact), *options])


def _not_said(certificate: Mapping[str, Any] | None) -> tuple[str, ...]:
    if certificate is not None and certificate["kind"] != "top1-disagreement":
        return (*NOT_SAID_OF_A_DISTANCE, *NOT_SAID)
    return NOT_SAID
