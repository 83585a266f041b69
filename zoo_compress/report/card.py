"""The model card of a run."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from zoo_compress.report import markdown
from zoo_compress.report.record import CardRecord, CertificateRecord
from zoo_compress.report.reproduction import command, run_command
from zoo_compress.report.snippet import loading_snippet
from zoo_compress.report.transformers_js import transformers_js_snippet
from zoo_compress.stats.certificates.wording import rounded_up
from zoo_compress.units import readable_bytes

SPEED = {
    "slower": "**It is slower than the original: it takes {:.3g} times as long.** It was chosen "
    "for its size.",
    "faster": "It is faster than the original: it takes {:.3g} of its time.",
    "alike": "It is as fast as the original: the ratio of their times is {:.3g}.",
    "unclear": "Which of the two is faster could not be told; the ratio of their times is {:.3g}.",
}
"""What a comparison of latencies comes to."""

DISTANCES = {
    "squared-l2": "mean squared distance between the outputs",
    "total-variation": "mean total variation distance between the answers, from 0 to 1",
    "kl": "mean Kullback-Leibler divergence of the answers, in nats",
    "cosine": "mean cosine distance between the outputs, from 0 to 1",
    "relational": "mean squared difference between inner products of two outputs",
}
RELATIVE = {
    "squared-l2": "the same, relative to the variance of the original's outputs",
    "relational": "the same, relative to the original's squared inner products",
}
"""What the relative distance is relative to, where that is not 1."""

TEMPLATE = "card.md.jinja"
HUB = "https://huggingface.co"

WEIGHTS_PICTURE = "card-weights.png"
FRONTIER_PICTURE = "card-frontier.png"
PICTURES = (WEIGHTS_PICTURE, FRONTIER_PICTURE)
"""The files that a card shows, if they lie beside it."""

NOT_SAID = (
    "anything about inputs of another kind than those it was computed on;",
    "anything about a single input: it speaks of shares of all inputs;",
    "that the original's answers are right.",
)
NOT_SAID_OF_A_DISTANCE = (
    "anything about accuracy: outputs may move without changing an answer, and a small move may "
    "change one;",
)

_REPO_ID = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def render_card(
    record: CardRecord,
    *,
    front_matter: str,
    licence_link: str | None = None,
    pictures: Collection[str] = (),
    model_file: str | None = None,
) -> str:
    """Return the model card of a run as Markdown with YAML front matter.

    A local path appears by its file name only: a card is made to be published.

    Args:
        record: What is known of the run.
        front_matter: The YAML between the lines of dashes.
        licence_link: Where the original's licence can be read.
        pictures: Those of `PICTURES` that lie beside the card.
        model_file: Path of the model from the card's folder; beside the card if None.
    """
    certificate, model = record.certificate, model_file or record.model_file
    return _template().render(
        run=record,
        front_matter=front_matter,
        licence=_licence(record),
        licence_link=licence_link,
        original_link=_original_link(record),
        pictures=pictures,
        weights_picture=WEIGHTS_PICTURE,
        frontier_picture=FRONTIER_PICTURE,
        weights_alt=_weights_alt(record),
        frontier_alt=_frontier_alt(record),
        certificate=certificate,
        disagreement=_disagreement(record),
        silence=_not_said(certificate),
        exported=record.origin.exported[:1].upper() + record.origin.exported[1:],
        distance=DISTANCES.get(record.distance_name, f"distance ({record.distance_name})"),
        relative=RELATIVE.get(record.distance_name),
        speed=SPEED[record.latency.verdict].format(record.latency.ratio),
        python=loading_snippet(model, record.inputs),
        javascript=transformers_js_snippet(record, model),
        run_command=None
        if record.request is None
        else run_command(record.request, source=record.fetched_from),
        make_again=command("apply", record.fetched_from, "--plan", record.plan_file)
        + " --out again.onnx",
        certify=command("certify", record.fetched_from, model, "--data") + " my-inputs/",
    )


@cache
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
        fenced=markdown.fenced,
        bytes=readable_bytes,
        unbroken=markdown.unbroken,
        percent=markdown.percent,
        percent_at_most=_percent_at_most,
        digits=markdown.digits,
    )
    source = files("zoo_compress.model_cards").joinpath(TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(source)


def _original_link(record: CardRecord) -> str | None:
    """Return the address of the original at its commit, if it has one."""
    origin = record.origin
    if origin.repo_id is None or not _REPO_ID.fullmatch(origin.repo_id):
        return None
    if origin.revision is None or not _COMMIT.fullmatch(origin.revision):
        return f"{HUB}/{origin.repo_id}"
    return f"{HUB}/{origin.repo_id}/tree/{origin.revision}"


def _licence(record: CardRecord) -> str | None:
    """Return what the licence is called, its own name before an identifier such as `other`."""
    name = record.origin.metadata.get("license_name")
    return name if isinstance(name, str) and name.strip() else record.origin.licence


def _percent_at_most(bound: float) -> str:
    return f"{rounded_up(100 * bound)} %"


def _disagreement(record: CardRecord) -> CertificateRecord | None:
    """Return the statement about changed top answers, if there is one."""
    kinds = (item for item in record.certificates if item.kind == "top1-disagreement")
    return next(kinds, None)


def _weights_alt(record: CardRecord) -> str:
    before = sum(site.original_bytes for site in record.sites)
    after = sum(site.stored_bytes for site in record.sites)
    largest = max(record.sites, key=lambda site: site.original_bytes, default=None)
    told = (
        f"Bars of the bytes of {len(record.sites)} weights in the original and in this model: "
        f"{readable_bytes(before)} become {readable_bytes(after)}."
    )
    if largest is None:
        return told
    return (
        f"{told} The largest, {largest.name}, goes from "
        f"{readable_bytes(largest.original_bytes)} to "
        f"{readable_bytes(largest.stored_bytes)}."
    )


def _frontier_alt(record: CardRecord) -> str:
    relative = record.relative_distance
    distance = "" if relative is None else f" and {markdown.digits(relative)} relative distance"
    return (
        "Distance to the original against size, for every plan that the search measured; this "
        f"model is marked at {markdown.percent(record.size_ratio)} of the size{distance}, the "
        "original at 100 % and distance 0."
    )


def _not_said(certificate: CertificateRecord | None) -> tuple[str, ...]:
    if certificate is not None and certificate.kind not in (
        "top1-disagreement",
        "disagreement-sequence",
    ):
        return (*NOT_SAID_OF_A_DISTANCE, *NOT_SAID)
    return NOT_SAID
