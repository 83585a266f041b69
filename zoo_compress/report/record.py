"""What a model card takes from the record of a run, checked before a word is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zoo_compress.core import Task, TensorSpec
from zoo_compress.errors import OutputError
from zoo_compress.report.reproduction import Request

Count = Annotated[int, Field(ge=0)]
Bytes = Annotated[int, Field(gt=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Scalar = str | int | float | bool | None


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Origin(_Part):
    """Where the original comes from; `metadata` is the front matter of its own card.

    `exported` says how its file was made, if it was of weights in another format.
    """

    repo_id: str | None
    revision: str | None
    file: str | None
    licence: str | None
    metadata: dict[str, Any]
    exported: str = ""


class CertificateRecord(_Part):
    """A certificate; a bound of None is infinite."""

    kind: str
    bound: float | None
    confidence: float
    n: Count
    observed: float | None
    scope: str
    statement: str


class Gate(_Part):
    """What the gate found about the file."""

    opening_bytes: Count | None = None


class LatencyRecord(_Part):
    """How long model and original take."""

    original_ms: Amount
    compressed_ms: Amount
    ratio: Amount
    quartiles: tuple[Amount, Amount]
    pairs: Count
    original_load_seconds: Amount
    compressed_load_seconds: Amount
    threads: Count
    provider: str
    verdict: Literal["slower", "faster", "alike", "unclear"]


class LatencyBudget(_Part):
    """The most of the original's time that the model was to take, and whether it keeps to it."""

    budget: Amount
    ratio: Amount
    met: bool


class Removed(_Part):
    """How many of the removable channels or heads are gone."""

    removed: Count
    of: Count


class Removal(_Part):
    """What was removed from the graph, by kind."""

    counts: dict[str, Removed]
    compensated: bool


class Repair(_Part):
    """What rounding was made up for with, and on how many inputs."""

    kinds: tuple[str, ...]
    inputs: Count


class Seconds(_Part):
    """Where the time went."""

    total: Amount
    scan: Amount


class StoredSite(_Part):
    """How a weight is stored; `option` is None for one that stayed as it was."""

    name: str
    shape: tuple[int, ...]
    original_bytes: Count
    stored_bytes: Count
    option: str | None

    @property
    def technique(self) -> str | None:
        """Name of the technique."""
        return None if self.option is None else self.option.partition(" ")[0]


class CardRecord(_Part):
    """The part of `run.json` that a card is made of; see `pipeline.record` for its meaning."""

    source: str
    origin: Origin
    original_file: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    task: Task
    companions: tuple[str, ...]
    model_type: str | None = None
    budget: str
    request: Request | None = None
    seed: int
    recipe: str
    strategy: str
    evaluations: Count
    seconds: Seconds
    original_bytes: Bytes
    compressed_bytes: Bytes
    size_ratio: Amount
    distance_name: str
    distance_scale: Amount
    distance: Amount
    distance_standard_error: Amount
    relative_distance: Amount | None
    search_inputs: Count
    search_disagreement: Amount | None
    data: str
    certificate: CertificateRecord | None
    certificates: tuple[CertificateRecord, ...]
    gate: Gate = Gate()
    latency: LatencyRecord
    latency_budget: LatencyBudget | None = None
    removal: Removal | None
    repair: Repair | None
    folded: bool
    techniques: tuple[str, ...]
    operators: tuple[str, ...]
    sites: tuple[StoredSite, ...]
    plan_path: str
    model_path: str
    versions: dict[str, Scalar]
    hardware: dict[str, Scalar]

    @property
    def name(self) -> str:
        """What the original is called, for headings."""
        if self.origin.repo_id is not None:
            return self.origin.repo_id.partition("/")[2]
        prefix, colon, sample = self.source.partition(":")
        is_sample = colon and prefix == "sample"
        return sample if is_sample else PurePosixPath(self.original_file).stem

    @property
    def reference(self) -> str:
        """A SOURCE that leads to the same original, without folders of this machine."""
        origin = self.origin
        if origin.repo_id is not None:
            revision = f"@{origin.revision}" if origin.revision else ""
            return f"{origin.repo_id}{revision}{f':{origin.file}' if origin.file else ''}"
        return self.source if self.source.startswith("sample:") else self.original_file

    @property
    def fetched_from(self) -> str:
        """The SOURCE for a command beside the card, where the model has the original's name."""
        is_local = self.origin.repo_id is None and not self.source.startswith("sample:")
        return f"original/{self.original_file}" if is_local else self.reference

    @property
    def model_file(self) -> str:
        """Name of the model beside the card."""
        return PureWindowsPath(self.model_path).name

    @property
    def plan_file(self) -> str:
        """Name of the plan beside the card."""
        return PureWindowsPath(self.plan_path).name


def card_record(run: Mapping[str, Any]) -> CardRecord:
    """Return what a card needs of a run's record.

    Raises:
        OutputError: If something is missing or is not what it should be.
    """
    try:
        return CardRecord.model_validate(run)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise OutputError(
            f"the record of the run has no usable '{where}' ({first['msg'].lower()}): it is "
            "damaged or of an earlier version; `zoo-compress resume` writes it anew"
        ) from error
